"""Who had access at any moment, from the audit, and what changed between two.

What is held is what the rules make of the facts as they were then; nothing is decided here. Lines
are about the account and its subaccounts, and about single things somebody was a guest of. What
teams show of lists and templates is no line: it limits what the lines say.

Whether a login was switched off, or lacked a second factor, is not in the record: what slept for
such a reason counts as held. What a role gave is not either: the rules are today's, and
``teams.past`` says where they have changed since.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model

from permissions.audit import label_of
from permissions.policy import TOP, Denial, PlaceId, Source, decide, sources_at
from permissions.profile import Profile, Tenant
from teams import effective, replay
from teams.catalogue import CATALOGUE
from teams.models import Account
from teams.replay.state import ThingKey

#: why somebody without the right on a place may still be a guest of a thing in it
_OPEN_TO_GUESTS = (None, Denial.NOT_HELD, Denial.CONDITION)
_ORDER = {str(permission): at for at, permission in enumerate(CATALOGUE)}


@dataclass(frozen=True, slots=True)
class Line:
    """One permission that one person held at one place, and through what, in words.

    ``person_ref`` is the key of the login as text. ``place`` is "account", "subaccount:<key>", or
    for guest access to one thing "<app.model>:<key>"; ``inside`` is the key of the subaccount, None
    for the account. ``given`` are the sources themselves, as far as the reader may know of them;
    with ``thing``, what a single thing is called, ``place_name`` begins.
    """

    person_ref: str
    person_label: str
    place: str
    place_name: str
    permission: str
    through: tuple[str, ...]
    inside: int | None = None
    given: tuple[Source, ...] = ()
    thing: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what makes two lines the same right."""
        return self.person_ref, self.place, self.permission


@dataclass(frozen=True, slots=True)
class Difference:
    """What was held later and not before, and the other way round."""

    gained: list[Line]
    lost: list[Line]


@dataclass(frozen=True)
class Past:
    """One account at one moment: everybody who had anything there, in whatever state, by key of
    their login as text, with what they are called now."""

    state: replay.State
    moment: datetime
    names: Mapping[str, str]

    @classmethod
    def of(cls, account: Account, moment: datetime) -> Past:
        """Replay the record of ``account``. Raises Invalid: NO_RECORD where the record does not
        reach back so far, RECORD where it cannot be replayed."""
        state = replay.state_at(account, moment)
        logins = get_user_model()._default_manager.in_bulk(list(map(replay.key_of, state.people())))
        known = {str(key): label_of(login) for key, login in logins.items()}
        return cls(
            state,
            moment,
            {ref: known.get(ref, f"A login that is gone (#{ref})") for ref in state.people()},
        )

    @cached_property
    def width(self) -> Mapping[str, int]:
        """Return in how many places each of them may have had something, at most: so much it may
        take to work out what they had."""
        state, found = self.state, Counter({self.state.account["owner"]: len(self.state.places)})
        for seat in state.seats.values():
            named = len(seat.managed) + sum(len(state.groups.get(key, ())) for key in seat.groups)
            if seat.subaccount is not None:
                found[seat.user] += 1
            else:
                found[seat.user] += len(state.places) if seat.every or not named else named
        found.update(user for user, _thing in state.guests)
        return found

    @cached_property
    def things(self) -> Mapping[ThingKey, str]:
        """Return what the things are called now that somebody was a guest of; a query a kind."""
        return _called({thing for _user, thing in self.state.guests})

    def lines(self, people: Iterable[str]) -> list[Line]:
        """Return what counted of what these people had, by person, place and permission."""
        keys = {replay.key_of(ref) for ref in people if ref in self.names}
        found: list[Line] = []
        for key, profile in replay.profiles(self.state, keys, self.moment).items():
            tenant = profile.tenants.get(self.state.key)
            if tenant is None or not tenant.standing.holdings:
                continue
            who = str(key), self.names[str(key)]
            found += _at_places(self.state, who, profile, tenant)
            found += self._as_guest(who, profile, tenant)
        found.sort(
            key=lambda line: (
                *by_name(line.person_ref, line.person_label),
                line.place != "account",
                line.place_name.casefold(),
                line.place,
                _ORDER.get(line.permission, len(_ORDER)),
            )
        )
        return found

    def _as_guest(self, who: tuple[str, str], profile: Profile, tenant: Tenant) -> Iterator[Line]:
        """Yield what was given on single things, ceilings of the subaccount considered."""
        for (label, key), given in profile.guests.items():
            guest = self.state.guests[who[0], (label, key)]
            if guest.place is None:
                continue
            for permission, source in given.items():
                outcome = decide(tenant.standing, tenant.root, permission, guest.place)
                if outcome.denial in _OPEN_TO_GUESTS:
                    thing = self.things[label, key]
                    name = f"{thing} in {self.state.places[guest.place].name}"
                    at, sources = f"{label}:{key}", (source,)
                    line = Line(*who, at, name, permission, words_of(sources), guest.place, sources)
                    yield replace(line, thing=thing)


def by_name(ref: str, name: str) -> tuple[str, str]:
    """Return by what people of the past are put in order."""
    return name.casefold(), ref


def who_had_access(
    account: Account, moment: datetime, *, people: Collection[Any] | None = None
) -> list[Line]:
    """Return every right that counted in ``account`` at ``moment``, of all or of these logins.

    By person, place and permission. Raises Invalid as ``Past.of``.
    """
    past = Past.of(account, moment)
    return past.lines(past.names if people is None else {str(person.pk) for person in people})


def difference(
    account: Account,
    before: datetime,
    after: datetime,
    *,
    people: Collection[Any] | None = None,
) -> Difference:
    """Return what was gained and lost in ``account`` between two moments. Raises Invalid."""
    was = who_had_access(account, before, people=people)
    became = who_had_access(account, after, people=people)
    return compared(was, became)


def compared(was: Collection[Line], became: Collection[Line]) -> Difference:
    """Return what is only in one of the two; another way to the same right is no difference."""
    had, has = {line.key for line in was}, {line.key for line in became}
    return Difference(
        gained=[line for line in became if line.key not in had],
        lost=[line for line in was if line.key not in has],
    )


def _at_places(
    state: replay.State, who: tuple[str, str], profile: Profile, tenant: Tenant
) -> Iterator[Line]:
    """Yield what is held on the account and in its subaccounts."""
    for permission in tenant.root.levels:
        scope = profile.scope(state.key, permission)
        if scope.top:
            name = str(state.account["name"])
            yield _line(who, ("account", name), permission, tenant, TOP)
        if scope.everywhere or scope.places:
            for key, place in state.places.items():
                if key in scope:
                    where = f"subaccount:{key}", place.name
                    yield _line(who, where, permission, tenant, key)


def _line(
    who: tuple[str, str], where: tuple[str, str], permission: str, tenant: Tenant, key: PlaceId
) -> Line:
    sources = tuple(dict.fromkeys(sources_at(tenant.standing, tenant.root, permission, key)))
    inside: Any = None if key == TOP else key
    return Line(*who, *where, str(permission), words_of(sources), inside, sources)


def words_of(sources: Collection[Source]) -> tuple[str, ...]:
    """Return what sources of a right are called, each once."""
    return tuple(dict.fromkeys(effective.source_text(source) for source in sources))


def _called(things: Collection[ThingKey]) -> dict[ThingKey, str]:
    """Return what things are called now; the record keeps names of what is gone no longer."""
    found: dict[ThingKey, str] = {}
    for label in {label for label, _key in things}:
        model = apps.get_model(label)
        keys = [key for of, key in things if of == label]
        for key in keys:
            found[label, key] = f"a {model._meta.verbose_name} that is gone"
        for row in model._default_manager.filter(pk__in=keys):
            found[label, str(row.pk)] = str(getattr(row, "audit_label", None) or row)
    return found
