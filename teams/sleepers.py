"""Whose rights sleep for want of a second factor, and whose would.

What is found here is the whole truth; whoever shows it leaves out the people that the reader may
not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.utils import timezone

from permissions import grants
from permissions.policy import Root, Standing
from teams import provider
from teams.fact_branches import factor_flag
from teams.factors import CLASSES, has_factors, put_to_sleep
from teams.models import Account, Membership


@dataclass(frozen=True, slots=True)
class Sleeper:
    """Somebody without a second factor, and how many permissions would sleep."""

    person: Any
    count: int


def without_factor(people: QuerySet[Any]) -> QuerySet[Any]:
    """Return those of ``people`` who have no second factor; nobody where there is none to have."""
    flag = factor_flag()
    if flag is None:
        return people.none()
    model = people.model
    lacking = model._default_manager.alias(second_factor=flag).filter(second_factor=1)
    return people.exclude(pk__in=lacking.values("pk"))


def asleep_among(account: Account, people: QuerySet[Any]) -> set[Any]:
    """Return the keys of those of ``people`` of whose rights in ``account`` something sleeps."""
    if not has_factors() or not account.second_factor:
        return set()
    keys = list(without_factor(people).order_by().values_list("pk", flat=True))
    profiles = provider.load_profiles(keys)
    return {
        key
        for key, profile in profiles.items()
        if (tenant := profile.tenants.get(account.pk)) and tenant.standing.asleep
    }


def preview(account: Account) -> Mapping[str, list[Sleeper]]:
    """Return, for each class, who has no second factor and would have something sleep if it were
    asked; three queries, however many people there are."""
    rows = Membership.objects.filter(
        grants.active(timezone.now()), account=account, status=Membership.Status.ACTIVE
    )
    model = get_user_model()
    working = model._default_manager.filter(
        Q(pk__in=rows.values("user_id")) | Q(pk=account.owner_id)
    )
    people = {person.pk: person for person in without_factor(working)}
    profiles = provider.load_profiles(people, asked={account.pk: None})
    found: dict[str, list[Sleeper]] = {codename: [] for codename in CLASSES}
    for key, profile in profiles.items():
        tenant = profile.tenants.get(account.pk)
        if tenant is None:
            continue
        for codename in CLASSES:
            count = _sleeping(tenant.standing, codename, tenant.root)
            if count:
                found[codename].append(Sleeper(people[key], count))
    return found


def _sleeping(standing: Standing, codename: str, root: Root) -> int:
    """Return how many permissions sleep of ``standing`` while only this class is asked."""
    asleep = put_to_sleep(standing, CLASSES[codename], root).asleep
    held = {p for holding in asleep for given in holding.rights.values() for p in given}
    return len(held & (root.levels.keys() - root.withheld.keys()))
