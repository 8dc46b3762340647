"""What a change of teams comes to show to people, judged like any other grant."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from typing import Any

from django.db import models, transaction

from permissions.policy import Atoms, Holding, PlaceId, Refusal, atoms
from permissions.policy.delegate import Code
from permissions.profile import Profile
from permissions.resources import Resource, registry
from teams import provider
from teams.models import TeamMembership
from teams.services.change import Change


def seen_by(people: Iterable[Any]) -> Mapping[Any, Profile]:
    """Return, by key, what is recorded for ``people`` (keys), with what teams show them now."""
    found = provider.load_profiles(set(people), recorded=True)
    for profile in found.values():
        for resource in registry:
            if resource.limited:
                profile.shared(resource)  # read now, before whatever is written next
    return found


def seen_without(rows: Collection[TeamMembership]) -> Mapping[Any, Profile]:
    """Return what ``seen_by`` would say of the people of ``rows`` if these were not there."""
    with transaction.atomic():
        TeamMembership.objects.filter(pk__in=[row.pk for row in rows]).delete()
        found = seen_by(row.user_id for row in rows)
        transaction.set_rollback(True)
    return found


def creators_of(resource: Resource, keys: Collection[Any]) -> set[Any]:
    """Return the keys of the people who made the objects of ``resource`` with these keys."""
    if not resource.created_by:
        return set()
    rows = resource.model._default_manager.filter(pk__in=keys)
    made = rows.exclude(**{resource.created_by: None})
    return set(made.values_list(f"{resource.created_by}_id", flat=True))


def judge_sight(change: Change, before: Mapping[Any, Profile], act: str) -> None:
    """Refuse if somebody comes to see an object with rights on it that the actor lacks there.

    Teams give no permission of their own, they lift a limit: what somebody gains is what their
    roles already allow in that subaccount, now also on that object. So the actor must hold all of
    it there and see the object. The same rights at the same place are judged once.
    """
    after = provider.load_profiles(before, recorded=True)
    for resource in registry:
        if not resource.limited:
            continue
        gained = {
            key: now.shared(resource) - before[key].shared(resource) for key, now in after.items()
        }
        places = _places_of(change, resource, set().union(*gained.values()))
        own = change.profile.shared(resource)
        hidden = {k for k, p in places.items() if k not in own and change.is_limited(resource, p)}
        judged: dict[Hashable, bool] = {}
        for person, now in after.items():
            tenant = now.tenants.get(change.account.pk)
            if tenant is None or resource.limited not in tenant.limits:
                continue
            holdings = tenant.standing.holdings
            for key in gained[person] & places.keys():
                place = places[key]
                if not now.is_limited(resource, change.account.pk, place):
                    continue
                same = (_signature(holdings), place)
                if same not in judged:
                    judged[same] = _judge_at(change, holdings, place, act)
                if judged[same] and key in hidden:
                    view = (str(resource.actions["view"]), "")
                    missing = {view: frozenset({place})}
                    change.refuse(Refusal(Code.OUT_OF_SCOPE, missing), act)


def _places_of(change: Change, resource: Resource, keys: Collection[Any]) -> Mapping[Any, PlaceId]:
    """Return the places of those of ``keys`` that are of the account."""
    rows: models.QuerySet[Any] = resource.model._default_manager.filter(pk__in=keys)
    rows = rows.filter(**{str(resource.root_path): change.account.pk})
    return dict(rows.values_list("pk", str(resource.place_path)))


def _signature(holdings: Sequence[Holding]) -> Hashable:
    """Return what decides what somebody holds at places; see ``teams.effects``."""
    return tuple((id(h.rights), h.reach, h.met) for h in holdings)


def _judge_at(change: Change, holdings: Sequence[Holding], place: PlaceId, act: str) -> bool:
    """Refuse if ``holdings`` amount to more than the actor has there; say whether to anything."""
    theirs = atoms(holdings, change.root, change.universe)
    gained: Atoms = {k: frozenset({place}) for k, places in theirs.items() if place in places}
    change.judge_atoms(gained, act)
    return bool(gained)
