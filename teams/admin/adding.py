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


@dataclass
class Adding:
    """What the person at ``desk`` may add, to subaccounts and (None) to the account itself.

    Asks the services' gates. The number of queries depends on neither people nor places.
    """

    desk: Desk

    @cached_property
    def taken(self) -> dict[Any, set[int | None]]:
        """Return, by person, the places where the reader sees a role of theirs.

        Everybody the reader sees is in it, but for themselves and the owner.
        """
        found: dict[Any, set[int | None]] = defaultdict(set)
        rows = seen_memberships(self.desk).order_by().values_list("user_id", "subaccount_id")
        for user, place in rows:
            found[user].add(place)
        for nobody in (self.desk.user.pk, self.desk.account.owner_id):
            found.pop(nobody, None)
        return found

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
        return self.desk.edition.roles_add_up or place not in self.taken.get(person, ())

    def keys(self, place: int | None) -> list[Any]:
        """Return the keys of the people who may be added there: free, and below the reader."""
        found = [pk for pk in self.taken if self.free(pk, place)]
        if self.desk.is_owner:  # nobody is above the owner
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
        """Say whether there is anybody to add anywhere."""
        return any(self.keys(key_of(place)) for place in self.places)


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
    found: Adding | None = desk.__dict__.get("adding")
    if found is None:
        found = desk.__dict__["adding"] = Adding(desk)
    return found
