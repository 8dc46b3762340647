"""A state as the facts that ``teams.facts`` reads of the tables, and the profiles they make."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model

from permissions.profile import Profile
from permissions.resources import Resource
from teams import provider
from teams.editions import EDITIONS
from teams.editions.spec import ALL_SUBACCOUNTS
from teams.fact_columns import Row
from teams.models import Subaccount
from teams.replay.state import Crew, End, Place, Seat, State

#: grants have no keys in the record, and nothing is decided by them
NO_KEY = 0


def key_of(user: str) -> Any:
    """Return the key of a login from its text."""
    return get_user_model()._meta.pk.to_python(user)


def group_of(key: int, team: Crew) -> int:
    """Return the key of a team's group; where the record does not say, one that no group has."""
    return -key if team.group is None else team.group


def rows(
    state: State, people: Collection[Any], at: datetime, *, recorded: bool = False
) -> list[Row]:
    """Return what ``teams.facts.rows_about`` would have returned about these keys of people at
    the moment ``at``, as far as it is about this account.

    Each login counts as switched on and as having a second factor: the record does not say. Keys
    of grants are not in it either.
    """
    # a set: each of them is looked for once a row
    return list(_Facts(state, frozenset(people), at, recorded).all())


@dataclass(slots=True)
class _Facts:
    """The facts about some people at one moment."""

    state: State
    people: frozenset[Any]
    at: datetime
    recorded: bool

    def runs(self, end: End) -> bool:
        return self.recorded or end is None or end > self.at

    def asked(self, user: str) -> Any:
        """Return the key of somebody who is asked about; None for others."""
        key = key_of(user)
        return key if key in self.people else None

    def all(self) -> Iterator[Row]:
        """Yield every fact."""
        for person in self.people:
            yield Row("login", person, None, None, 1, None, None)
        if not self.state.began:
            return
        owner = self.asked(self.state.account["owner"])
        counting = [
            seat
            for seat in self.state.seats.values()
            if (self.recorded or seat.active) and self.runs(seat.ends_at) and self.is_asked(seat)
        ]
        if owner is not None:
            yield self.row("owned", owner, more=self.details())
        yield from self.memberships()
        yield from self.grants()
        if owner is not None or counting:
            yield from self.special()
        edition = EDITIONS.get(self.state.account["edition"])
        asks = edition and any(ALL_SUBACCOUNTS in role.when for role in edition.roles)
        if asks and any(seat.subaccount is None and not seat.every for seat in counting):
            yield self.row("size", None, more={"places": len(self.state.places) or None})

    def is_asked(self, seat: Seat) -> bool:
        return self.asked(seat.user) is not None

    def row(self, kind: str, person: Any, *, more: Any = None, **columns: Any) -> Row:
        """Return a row with a root, unless it is said to have none."""
        found = {"root": self.state.key, "place": None, "ref": None, "label": None, **columns}
        text = None if more is None else json.dumps(more, default=str)
        return Row(kind, person, more=text, **found)

    def details(self) -> dict[str, Any]:
        known = dict(self.state.account)
        known["owner_id"] = key_of(known.pop("owner"))
        known["second_factor"] = json.dumps(known["second_factor"])
        return known

    def label(self, place: int | None) -> str | None:
        return None if place is None else self.state.places[place].name

    def memberships(self) -> Iterator[Row]:
        details = self.details()
        for key, seat in self.state.seats.items():
            person = self.asked(seat.user)
            if person is None:
                continue
            if (self.recorded or seat.active) and self.runs(seat.ends_at):
                custom = None if seat.custom is None else self.state.roles[seat.custom]
                yield self.row(
                    "membership",
                    person,
                    place=seat.subaccount,
                    ref=key,
                    label=self.label(seat.subaccount),
                    more={
                        "role": seat.role,
                        "custom": custom.name if custom else None,
                        "ticks": json.dumps(custom.permissions) if custom else None,
                        "all": seat.every,
                        "contact": seat.contact,
                        **details,
                    },
                )
            reached = [*seat.managed, *(p for g in seat.groups for p in self.state.groups[g])]
            for place in reached:
                name = self.label(place)
                yield self.row("reach", person, root=None, place=place, ref=key, label=name)
            for permission, end in seat.toggles.items():
                if self.runs(end):
                    yield self.toggle(person, key, seat, permission)

    def toggle(self, person: Any, key: int, seat: Seat, permission: str) -> Row:
        more = {"permission": permission, "membership": key}
        if seat.subaccount is None:
            return self.row("toggle", person, root=None, ref=NO_KEY, more=more)
        name = self.label(seat.subaccount)
        return self.row("given", person, place=seat.subaccount, ref=NO_KEY, label=name, more=more)

    def grants(self) -> Iterator[Row]:
        for key, team in self.state.teams.items():
            for user, end in team.people.items():
                if (person := self.asked(user)) is not None and self.runs(end):
                    yield self.row("team", person, root=None, ref=group_of(key, team))
        for (user, (label, thing)), guest in self.state.guests.items():
            person = self.asked(user)
            for permission, end in guest.permissions.items():
                if person is None or not self.runs(end):
                    continue
                if label == Subaccount._meta.label_lower:
                    place, more = int(thing), {"permission": permission, "membership": None}
                    yield self.row(
                        "given",
                        person,
                        place=place,
                        ref=NO_KEY,
                        label=self.label(place),
                        more=more,
                    )
                    continue
                more = {"permission": permission, "target": label}
                yield self.row("guest", person, root=None, ref=NO_KEY, label=thing, more=more)

    def special(self) -> Iterator[Row]:
        for key, place in self.state.places.items():
            if _is_special(place):
                more = {
                    "archived": place.archived,
                    "home": place.home,
                    "direct": place.direct,
                    "off": place.off,
                }
                yield self.row("place", None, place=key, more=more)


def _is_special(place: Place) -> bool:
    """Say of a subaccount what ``teams.models.account.SPECIAL`` says of a stored one."""
    return place.home or place.archived or place.direct or bool(place.off)


def profiles(
    state: State, people: Collection[Any], at: datetime, *, recorded: bool = False
) -> dict[Any, Profile]:
    """Return the profiles these keys of people had in this account at the moment ``at``."""

    def shared(resource: Resource, profile: Profile) -> frozenset[Any]:
        return _shared(state, resource, profile)

    return provider.profiles_from(rows(state, people, at, recorded=recorded), people, shared)


def _shared(state: State, resource: Resource, profile: Profile) -> frozenset[Any]:
    """Return what ``teams.sight.load_shared`` would have: what the person's teams were given, and
    what they made that is no team's, or that is anybody's while they are in no team."""
    to_key = resource.model._meta.pk.to_python
    mine, all_given = set(), set()
    for key, team in state.teams.items():
        given = {thing for label, thing in team.things if label == resource.label}
        all_given |= given
        if group_of(key, team) in profile.groups:
            mine |= given
    taken = all_given if profile.groups else set()
    for (label, thing), known in state.things.items():
        by_them = known.creator is not None and key_of(known.creator) == profile.person
        if label == resource.label and by_them and thing not in taken:
            mine.add(thing)
    return frozenset(to_key(thing) for thing in mine)
