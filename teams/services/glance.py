"""A change that is only looked at: what the services would say, asked without writing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

from permissions.errors import ServiceError
from permissions.policy import PlaceId, Standing
from permissions.profile import Profile
from teams import provider
from teams.services.change import Change


@dataclass
class Glance(Change):
    """A change that nobody makes: what is recorded of a person is read once for all questions.

    ``standings`` holds it by the person's key, and is shared by those ``seen_by`` others.
    """

    standings: dict[Any, Standing] = field(default_factory=dict)

    def recorded_of(self, person: Any) -> Standing:
        """Return what is recorded for ``person`` here, remembered."""
        if person.pk not in self.standings:
            self.standings[person.pk] = super().recorded_of(person)
        return self.standings[person.pk]

    def look_up(self, people: Collection[Any]) -> None:
        """Read what is recorded for all of ``people`` (keys) at once, for the questions to come."""
        if wanted := [pk for pk in people if pk not in self.standings]:
            profiles = provider.load_profiles(wanted, recorded=True)
            self.standings |= {pk: self.standing_in(pk, found) for pk, found in profiles.items()}

    def seen_by(self, person: Any, profile: Profile) -> Glance:
        """Return the change ``person`` would make here, with what is known already."""
        standing = self.standing_in(person.pk, profile)
        return replace(self, actor=person, standing=standing, profile=profile)

    def may(self, permissions: Collection[str], places: Collection[PlaceId]) -> bool:
        """Say whether the actor holds all of ``permissions`` at all of ``places``."""
        try:
            for permission in permissions:
                self.require(permission, frozenset(places), "do this")
        except ServiceError:
            return False
        return True
