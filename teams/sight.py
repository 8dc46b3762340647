"""What people see through their teams, or because it is theirs: the keys, for one or for many."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import connections, router
from django.db.models import Exists, OuterRef, Q, Value

from permissions import grants
from permissions.lookups import InArray, any_of, array_of
from permissions.profile import Profile
from permissions.resources import Resource, registry
from teams.facts import any_person
from teams.models import Team


def load_shared(resource: Resource, profile: Profile) -> frozenset[Any]:
    """Return the keys of the objects that share a team with the person, or that are theirs.

    Something nobody's team has belongs to its creator, and a creator without any team sees what
    they created (decided: see "Decisions taken" in the architecture).
    """
    using = router.db_for_read(resource.model)
    sql, params = _statement(using, resource.label, bool(profile.groups))
    connection, key = connections[using], get_user_model()._meta.pk
    nobody, person = (
        key.get_db_prep_value(pk, connection) for pk in (any_person(key), profile.person)
    )
    no_group, groups = (array_of(found, connection) for found in (_NO_GROUP, profile.groups))
    real = [person if p == nobody else groups if p == no_group else p for p in params]
    to_key = resource.model._meta.pk.to_python
    with connection.cursor() as cursor:
        cursor.execute(sql, real)
        return frozenset(to_key(pk) for (pk,) in cursor.fetchall())


#: stands in for the groups, which differ from call to call
_NO_GROUP = (-1,)


@cache
def _statement(using: str, label: str, has_groups: bool) -> tuple[str, tuple[Any, ...]]:
    """Return the statement of ``load_shared``, and its parameters with stand-ins for the person and
    their groups: composing it takes ten times as long as running it."""
    resource = registry.of(apps.get_model(label))
    rows = resource.model._default_manager.order_by().values_list("pk", flat=True)
    visible = rows.filter(pk__in=grants.shared_keys(resource.model, _NO_GROUP))
    if resource.created_by:
        own: Any = Q(**{resource.created_by: any_person(get_user_model()._meta.pk)})
        if has_groups:
            # only teams of the object's own account count: what a rival's team would change here
            # would be the rival's to decide
            table = grants.group_table(resource.model)
            teams = Team.objects.filter(InArray("group_id", _NO_GROUP)).values("account_id")
            given = Exists(table._default_manager.filter(content_object=OuterRef("pk")))
            own &= ~(Q(**{f"{resource.root_path}__in": teams}) & Q(given))
        # not with OR: PostgreSQL would go through every row there is
        visible = visible.union(rows.filter(own), all=True)
    sql, params = visible.query.get_compiler(using).as_sql()
    return sql, tuple(params)


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
