"""Who had access at any moment, from the audit, and what changed between two.

What is held is what the rules make of the facts as they were then; nothing is decided here. Lines
are about the account and its subaccounts, and about single things somebody was a guest of. What
teams show of lists and templates is no line: it limits what the lines say.

Whether a login was switched off, or lacked a second factor, is not in the record: what slept for
such a reason counts as held.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.utils import timezone

from permissions import access
from permissions.audit import label_of
from permissions.errors import OutOfScope
from permissions.policy import TOP, Denial, PlaceId, Source, decide, sources_at
from permissions.profile import Profile, Tenant
from permissions.resources import registry
from teams import replay, selectors
from teams.catalogue import CATALOGUE
from teams.editions import EDITIONS
from teams.models import Account, Subaccount

NOTE = (
    "Logins that were switched off then, and rights that slept for want of a second factor, are "
    "not in the record: what slept counts as held."
)
UNSEEN = "A role that you do not see"
#: why somebody without the right on a place may still be a guest of a thing in it
_OPEN_TO_GUESTS = (None, Denial.NOT_HELD, Denial.CONDITION)


@dataclass(frozen=True, slots=True)
class Line:
    """One permission that one person held at one place, and through what, in words.

    ``person_ref`` is the key of the login as text. ``place`` is "account", "subaccount:<key>", or
    for guest access to one thing "<app.model>:<key>"; ``inside`` is the key of the subaccount, None
    for the account. ``given`` are the sources themselves, for whoever may not know all of them;
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


def who_had_access(
    account: Account, moment: datetime, *, people: Collection[Any] | None = None
) -> list[Line]:
    """Return every right that counted in ``account`` at ``moment``, of all or of these logins.

    By person, place and permission. Raises Invalid: NO_RECORD where the record does not reach back
    so far, RECORD where it cannot be replayed.
    """
    return lines_of(replay.state_at(account, moment), moment, people=people)


def caveats(account: Account, moment: datetime) -> list[str]:
    """Return, as sentences, what else a reader of what was held at ``moment`` has to know: that
    built-in roles, whose permissions are in the code and not in the record, gave something else."""
    said, at = replay.last_built_in(account, moment)
    if said == replay.built_in(account.edition):
        return []
    edition = EDITIONS.get(account.edition)
    roles = f"the built-in roles of {edition.label if edition else account.edition}"
    if at is None:
        return [
            f"What {roles} gave then is not in the record of {account.name}: this is what they "
            "give today."
        ]
    return [
        f"{roles[0].upper()}{roles[1:]} have changed since the record of {account.name} last said "
        f"what they were, on {timezone.localtime(at):%d %b %Y}: this is what they give today, and "
        "may not be what they gave then."
    ]


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


def lines_of(
    state: replay.State, moment: datetime, *, people: Collection[Any] | None = None
) -> list[Line]:
    """Return what a state amounts to at ``moment``."""
    model = get_user_model()
    wanted = None if people is None else {str(person.pk) for person in people}
    keys = [
        model._meta.pk.to_python(user)
        for user in state.people()
        if wanted is None or user in wanted
    ]
    logins = model._default_manager.in_bulk(keys)
    names = {key: label_of(login) for key, login in logins.items()}
    found: list[Line] = []
    things: dict[str, str] = {}
    for key, profile in replay.profiles(state, keys, moment).items():
        tenant = profile.tenants.get(state.key)
        if tenant is None or not tenant.standing.holdings:
            continue
        who = str(key), names.get(key, f"A login that is gone (#{key})")
        found += _at_places(state, who, profile, tenant)
        found += _as_guest(state, who, profile, tenant, things)
    order = {str(permission): at for at, permission in enumerate(CATALOGUE)}
    found.sort(
        key=lambda line: (
            line.person_label.casefold(),
            line.person_ref,
            line.place != "account",
            line.place_name.casefold(),
            line.place,
            order.get(line.permission, len(order)),
        )
    )
    return found


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
    return Line(*who, *where, str(permission), _words(sources), inside, sources)


def _words(sources: Collection[Source]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(selectors.source_text(source) for source in sources))


def _as_guest(
    state: replay.State,
    who: tuple[str, str],
    profile: Profile,
    tenant: Tenant,
    things: dict[str, str],
) -> Iterator[Line]:
    """Yield what was given on single things, ceilings of the subaccount considered."""
    for (label, key), given in profile.guests.items():
        guest = state.guests[who[0], (label, key)]
        if guest.place is None:
            continue
        for permission, source in given.items():
            outcome = decide(tenant.standing, tenant.root, permission, guest.place)
            if outcome.denial in _OPEN_TO_GUESTS:
                ref = f"{label}:{key}"
                if ref not in things:
                    things[ref] = _called(label, key)
                name = f"{things[ref]} in {state.places[guest.place].name}"
                sources = (source,)
                line = Line(*who, ref, name, permission, _words(sources), guest.place, sources)
                yield replace(line, thing=things[ref])


def _called(label: str, key: str) -> str:
    """Return what a thing is called now; the record keeps names of what is gone no longer."""
    model = apps.get_model(label)
    found = model._default_manager.filter(pk=key).first()
    if found is None:
        return f"a {model._meta.verbose_name} that is gone"
    return str(getattr(found, "audit_label", None) or found)


# what of it somebody may know


def reads_all(reader: Any, account: Account) -> bool:
    """Say whether ``reader`` sees everybody of ``account``: its owner does, and whoever sees people
    both at account level and in every subaccount."""
    profile = access.profile_of(reader)
    tenant = profile.tenants.get(account.pk)
    if tenant is None:
        return False
    if tenant.standing.acts_as_owner:
        return True
    places = selectors.people_places(profile, account.pk)
    return bool(places.everywhere) and selectors.sees_account_people(profile, account.pk)


def known_to(reader: Any, account: Account) -> Callable[[Collection[Line]], list[Line]]:
    """Return what leaves ``reader`` the lines they may know.

    The owner reads everything, and who sees everybody reads of everybody. Others read of people
    they see now, in subaccounts whose people they see now, and a role that they do not see is not
    named; nor is a single thing, to any but the owner. Raises OutOfScope for whoever sees nobody's
    access but their own.
    """
    profile = access.profile_of(reader)
    if reads_all(reader, account):
        if profile.tenants[account.pk].standing.acts_as_owner:
            return list
        return lambda lines: _named(reader, lines)
    places = None
    if account.pk in profile.tenants:
        places = selectors.people_places(profile, account.pk)
    if not places:
        error = OutOfScope(
            f"You cannot see who had access to {account.name}: that is for its owner and for who "
            "manages people there."
        )
        error.account = account
        raise error
    inside = Subaccount.objects.filter(account=account).values_list("pk", flat=True)
    seen = {key for key in inside if key in places}
    people = set(map(str, selectors.people_of(reader).values_list("pk", flat=True)))
    roles = set(selectors.memberships_of(reader).values_list("pk", flat=True))

    def knows(source: Source) -> bool:
        kind, key = source.ref or ("", None)
        return kind != "membership" or key in roles

    def filtered(lines: Collection[Line]) -> list[Line]:
        known = [
            replace(line, through=_known_words(line, knows))
            for line in lines
            if line.person_ref in people and line.inside in seen
        ]
        return _named(reader, known)

    return filtered


def _named(reader: Any, lines: Collection[Line]) -> list[Line]:
    """Return ``lines`` with the names of those things alone that ``reader`` sees now."""
    asked: dict[str, set[str]] = {}
    for line in lines:
        if line.thing:
            label, _, key = line.place.partition(":")
            asked.setdefault(label, set()).add(key)
    seen = {label: _seen(reader, label, keys) for label, keys in asked.items()}

    def named(line: Line) -> Line:
        label, _, key = line.place.partition(":")
        if not line.thing or key in seen[label]:
            return line
        noun = f"a {apps.get_model(label)._meta.verbose_name}"
        rest = line.place_name.removeprefix(line.thing)
        return replace(line, place_name=f"{noun}{rest}", thing=noun)

    return [named(line) for line in lines]


def _seen(reader: Any, label: str, keys: Collection[str]) -> set[str]:
    """Return those keys of things of one kind that ``reader`` may look at."""
    resource = registry.of(apps.get_model(label))
    view = resource.actions.get("view")
    if view is None:
        return set()
    rows = resource.model._default_manager.filter(pk__in=keys)
    return {str(key) for key in access.visible(rows, reader, view).values_list("pk", flat=True)}


def _known_words(line: Line, knows: Callable[[Source], bool]) -> tuple[str, ...]:
    return _words([source for source in line.given if knows(source)]) or (UNSEEN,)
