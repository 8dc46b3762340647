"""A look at what is decided in production: random questions, each answer held against the rows."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet

from permissions import access
from permissions.resources import registry
from teams import witness
from teams.catalogue import CATALOGUE
from teams.editions import EDITIONS
from teams.models import Account

#: how many questions ``check_integrity`` asks where nobody says otherwise
SAMPLE = 200
#: as many of a person's own accounts are looked at
NEAR = 5


def untrue(count: int, seed: int | None = None) -> Iterator[tuple[Any, str]]:
    """Yield the login and what is untrue, of each of ``count`` decisions that the rows do not bear
    out. With the same ``seed`` the same questions are asked of the same data."""
    with access.unit_of_work():
        for user, permission, obj in questions(count, random.Random(seed)):  # noqa: S311  (a sample, no secret)
            if not _untruth(user, permission, obj):
                continue
            # people go on working: what changed between decision and look is decided anew
            access.forget()
            person, thing = _now(user), _now(obj)
            if person and thing and (found := _untruth(person, permission, thing)):
                yield person, found


def _untruth(user: Any, permission: str, obj: Any) -> str:
    decision = access.can(user, permission, obj)
    found = witness.flaw(user, permission, obj, decision)
    asked = f"{permission} on {obj._meta.label_lower}:{obj.pk}"
    return f"is told {decision.reason} of {asked}, but {found}" if found else ""


def _now(row: Any) -> Any:
    return type(row)._default_manager.filter(pk=row.pk).first()


def questions(count: int, chance: random.Random) -> Iterator[tuple[Any, str, Any]]:
    """Yield ``count`` random (person, permission, object); none where there is nobody to ask about.

    Every other object is of an account of the person's own: of most others the answer is no.
    """
    users = get_user_model()._default_manager.order_by("pk")
    known = Account.objects.filter(edition__in=EDITIONS).order_by("pk")
    kinds, permissions = list(registry), list(CATALOGUE)
    people, accounts = users.count(), known.count()
    for number in range(count if people and accounts else 0):
        user = _at(users, chance.randrange(people))
        own: list[Any] = []
        if number % 2:
            own = list(known.filter(Q(owner=user) | Q(memberships__user=user)).distinct()[:NEAR])
        account = chance.choice(own) if own else _at(known, chance.randrange(accounts))
        if user is None or account is None:
            continue
        kind = chance.choice(kinds)
        path = "pk" if kind.place_path is None else kind.root_path
        rows: Any = kind.model._default_manager.filter(**{path: account.pk}).order_by("pk")
        many = rows.count()
        obj = (_at(rows, chance.randrange(many)) if many else None) or account
        yield user, str(chance.choice(permissions)), obj


def _at(rows: QuerySet[Any], number: int) -> Any:
    """Return that row; None if there are fewer by now, for people go on working."""
    return rows[number : number + 1].first()
