"""Who could be added where: pairs of a person and a place that the services would accept."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from teams.admin import words
from teams.admin.desk import Desk, Place
from teams.admin.persons import people_in, seen_memberships
from teams.models import Subaccount

#: how the address names the account itself, as a place for roles
ACCOUNT = "account"
#: so many roles are looked at before all of them
FIRST = 200

Taken = dict[Any, set[int | None]]


@dataclass
class Adding:
    """What the person at ``desk`` may add, to subaccounts and (None) to the account itself.

    Asks the services' gates. The number of queries depends on neither people nor places.
    """

    desk: Desk

    @cached_property
    def taken(self) -> Taken:
        """Return, by person, the places where the reader sees a role of theirs.

        Everybody the reader sees is in it, but for themselves and the owner.
        """
        return self._taken(None)[0]

    def _taken(self, limit: int | None) -> tuple[Taken, bool]:
        """Return the same, of the people in the first ``limit`` rows, and whether that is all."""
        found: Taken = defaultdict(set)
        rows = seen_memberships(self.desk).order_by("user_id", "pk")
        pairs = list(rows.values_list("user_id", "subaccount_id")[:limit])
        for user, place in pairs:
            found[user].add(place)
        is_all = limit is None or len(pairs) < limit
        if not is_all:
            del found[pairs[-1][0]]  # whose other places may be in the next row
        for nobody in (self.desk.user.pk, self.desk.account.owner_id):
            found.pop(nobody, None)
        return found, is_all

    @cached_property
    def places(self) -> list[Place | None]:
        """Return the places where the reader may give some role to somebody."""
        ordinary = [place for place in self.desk.active if not place.is_home]
        return [place for place in (*ordinary, None) if self._has_roles(place)]

    def _has_roles(self, place: Place | None) -> bool:
        subaccount = None if place is None else Subaccount(pk=place.pk)
        return bool(self.desk.offers.roles(subaccount=subaccount))

    def free(self, person: Any, place: int | None) -> bool:
        """Say whether the person (a key) has no role there, or may have several."""
        return self._free(self.taken, person, place)

    def _free(self, taken: Taken, person: Any, place: int | None) -> bool:
        return self.desk.edition.roles_add_up or place not in taken.get(person, ())

    def keys(self, place: int | None) -> list[Any]:
        """Return the keys of the people who may be added there: free, and below the reader."""
        return self._keys(self.taken, place)

    def _keys(self, taken: Taken, place: int | None) -> list[Any]:
        found = [pk for pk in taken if self._free(taken, pk, place)]
        if self.desk.acts_as_owner:  # nobody is above the owner
            return found
        self.desk.glance.look_up(found)
        return [pk for pk in found if self.desk.offers.may_add(_Key(pk), place)]

    def people(self, place: int | None) -> Any:
        """Return the people who may be added there, by name."""
        return people_in(self.desk).filter(pk__in=self.keys(place)).order_by(*words.by_name())

    def places_for(self, person: Any) -> list[Place | None]:
        """Return the places where ``person`` may be added."""
        return [
            place
            for place in self.places
            if self.free(person.pk, key_of(place))
            and self.desk.offers.may_add(person, key_of(place))
        ]

    def leads_somewhere(self) -> bool:
        """Say whether there is anybody to add anywhere; a few people mostly tell."""
        taken, is_all = self._taken(FIRST)
        if any(self._keys(taken, key_of(place)) for place in self.places):
            return True
        return not is_all and any(self.keys(key_of(place)) for place in self.places)


@dataclass(frozen=True, slots=True)
class _Key:
    """Stands for a person whose standing has been looked up."""

    pk: Any

    def __str__(self) -> str:
        return "that person"


def key_of(place: Place | None) -> int | None:
    """Return the key of a place, None for the account itself."""
    return None if place is None else place.pk


def adding_of(desk: Desk) -> Adding:
    """Return what may be added at this desk, asked once a request."""
    return desk.once(Adding)
