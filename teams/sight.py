"""What people see through their teams, or because it is theirs: the keys, for one or for many."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Exists, OuterRef, Q, Value

from permissions import grants
from permissions.lookups import any_of
from permissions.profile import Profile
from permissions.resources import Resource
from teams.models import Team


def load_shared(resource: Resource, profile: Profile) -> frozenset[Any]:
    """Return the keys of the objects that share a team with the person, or that are theirs.

    Something nobody's team has belongs to its creator, and a creator without any team sees what
    they created (decided: see "Decisions taken" in the architecture).
    """
    rows = resource.model._default_manager.order_by().values_list("pk", flat=True)
    visible = rows.filter(pk__in=grants.shared_keys(resource.model, profile.groups))
    if not resource.created_by:
        return frozenset(visible)
    own: Any = Q(**{resource.created_by: profile.person})
    if profile.groups:
        # only teams of the object's own account count: what a rival's team would change here
        # would be the rival's to decide
        table = grants.group_table(resource.model)
        teams = Team.objects.filter(group__in=profile.groups).values("account_id")
        given = Exists(table._default_manager.filter(content_object=OuterRef("pk")))
        own &= ~(Q(**{f"{resource.root_path}__in": teams}) & Q(given))
    # not with OR: PostgreSQL would go through every row there is
    return frozenset(visible.union(rows.filter(own), all=True))


@dataclass(slots=True)
class Sharing:
    """What ``load_shared`` says of many people, read for all of them when one is asked."""

    profiles: dict[Any, Profile] = field(default_factory=dict)
    _known: dict[str, dict[Any, set[Any]]] = field(default_factory=dict)

    def load(self, resource: Resource, profile: Profile) -> frozenset[Any]:
        """Return what ``load_shared`` returns; three queries for everybody."""
        found = self._known.get(resource.label)
        if found is None:
            found = self._known[resource.label] = self._read(resource)
        return frozenset(found[profile.person])

    def _read(self, resource: Resource) -> dict[Any, set[Any]]:
        found: dict[Any, set[Any]] = {person: set() for person in self.profiles}
        people: dict[int, list[Any]] = defaultdict(list)
        for person, profile in self.profiles.items():
            for group in profile.groups:
                people[group].append(person)
        key_of = resource.model._meta.pk.to_python
        for group, key in grants.shares(resource.model, people):
            for person in people[group]:
                found[person].add(key_of(key))
        if resource.created_by:
            self._add_own(resource, found)
        return found

    def _add_own(self, resource: Resource, found: dict[Any, set[Any]]) -> None:
        """Add what is nobody's team's, or only other accounts' teams', to who created it."""
        groups = {group for profile in self.profiles.values() for group in profile.groups}
        account_of = dict(Team.objects.filter(group__in=groups).values_list("group", "account"))
        table = grants.group_table(resource.model)
        given = Exists(table._default_manager.filter(content_object=OuterRef("pk")))
        creator = f"{resource.created_by}_id"
        rows = resource.model._default_manager.filter(any_of(creator, list(self.profiles)))
        is_given = given if groups else Value(False)
        for key, person, root, has_team in rows.values_list(
            "pk", creator, resource.root_path, is_given
        ):
            teams = {account_of.get(group) for group in self.profiles[person].groups}
            if not (has_team and root in teams):
                found[person].add(key)
