"""Who gains and who loses which permission where, as a value: see ``teams.effects`` for how it is
found, ``teams.disclosure`` for what of it a reader may know."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from permissions.catalogue import Permission
from permissions.policy import Scope
from permissions.policy.compare import Shift
from permissions.profile import ObjectKey
from teams import catalogue
from teams.catalogue import (
    APPROVE_CAMPAIGNS,
    CATALOGUE,
    CHANGE_AUTOMATION_STATUS,
    CHANGE_OVERLAY_STATUS,
    EXPORT_CONTACTS,
    EXPORT_PII,
    GENERATE_API_KEYS,
    PUBLISH_LANDING_PAGES,
    PUBLISH_SOCIAL_POSTS,
    PURCHASE_CONTENT,
    RUN_PARTNER_EXPORTS,
    SEND_CAMPAIGNS,
)
from teams.models import Account

#: what a reader should see first: what carries addresses out, sends, spends, or makes people
SENSITIVE: tuple[frozenset[str], ...] = (
    frozenset({EXPORT_CONTACTS, EXPORT_PII, RUN_PARTNER_EXPORTS}),
    frozenset(
        {
            SEND_CAMPAIGNS,
            APPROVE_CAMPAIGNS,
            CHANGE_AUTOMATION_STATUS,
            CHANGE_OVERLAY_STATUS,
            PUBLISH_LANDING_PAGES,
            PUBLISH_SOCIAL_POSTS,
        }
    ),
    frozenset({*catalogue.BILLING.permissions, PURCHASE_CONTENT}),
    frozenset({*catalogue.PEOPLE.permissions, GENERATE_API_KEYS}),
)

#: a permission on one object
OnObject = tuple[str, ObjectKey]


@dataclass(frozen=True, slots=True)
class Difference:
    """What one person gains and loses: at places, and on single objects.

    Objects are those that teams show or hide, where the person may see such things anyway, and
    those somebody is a guest of.
    """

    at: Shift = field(default_factory=Shift)
    gained_on: frozenset[OnObject] = frozenset()
    lost_on: frozenset[OnObject] = frozenset()

    @property
    def gains(self) -> bool:
        """Say whether anything is gained."""
        return bool(self.at.gained or self.gained_on)

    @property
    def loses(self) -> bool:
        """Say whether anything is lost."""
        return bool(self.at.lost or self.lost_on)

    def __bool__(self) -> bool:
        return self.gains or self.loses


@dataclass(frozen=True, slots=True)
class Line:
    """One permission that people gain, or lose; ``places`` and ``objects`` are where, of any of
    them. ``people`` are keys, in the order of the keys."""

    permission: Permission
    is_gain: bool
    people: tuple[Any, ...]
    places: Scope
    objects: frozenset[ObjectKey]

    @property
    def is_sensitive(self) -> bool:
        """Say whether it carries addresses out, sends, spends, or is about people."""
        return _urgency(self.permission) < len(SENSITIVE)


def _urgency(permission: str) -> int:
    return next((n for n, some in enumerate(SENSITIVE) if permission in some), len(SENSITIVE))


_ORDER = {str(permission): n for n, permission in enumerate(CATALOGUE)}


@dataclass(frozen=True)
class Preview:
    """Who gains and who loses which permission where, in one account.

    ``differences`` has those for whom anything changes, by key; ``looked_at`` is how many people
    could have been. ``offered`` has what pending invitations offered and come to offer instead, by
    key. It names nobody and nothing: see ``teams.disclosure`` for what a reader may know of it.
    """

    account: Account
    differences: Mapping[Any, Difference]
    looked_at: int
    offered: Mapping[Any, tuple[str | None, str | None]]

    @property
    def offers(self) -> int:
        """Return how many pending invitations come to offer something else."""
        return len(self.offered)

    @cached_property
    def gaining(self) -> frozenset[Any]:
        """Return the keys of the people who gain anything."""
        return frozenset(key for key, found in self.differences.items() if found.gains)

    @cached_property
    def losing(self) -> frozenset[Any]:
        """Return the keys of the people who lose anything."""
        return frozenset(key for key, found in self.differences.items() if found.loses)

    @property
    def unchanged(self) -> int:
        """Return how many people stay exactly as they are."""
        return self.looked_at - len(self.differences)

    def __bool__(self) -> bool:
        return bool(self.differences or self.offers)

    def only(self, people: Collection[Any]) -> Preview:
        """Return the part about ``people`` (keys)."""
        known = {key: found for key, found in self.differences.items() if key in people}
        return Preview(self.account, known, len(people), self.offered)

    @cached_property
    def mentioned(self) -> frozenset[ObjectKey]:
        """Return the single objects on which anything changes for anybody."""
        every = (one.gained_on | one.lost_on for one in self.differences.values())
        return frozenset(key for some in every for _permission, key in some)

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """Return each permission gained, then lost, what is sensitive first."""
        found: dict[tuple[bool, str], _Tally] = defaultdict(_Tally)
        for key, difference in self.differences.items():
            for is_gain, scopes, on in (
                (True, difference.at.gained, difference.gained_on),
                (False, difference.at.lost, difference.lost_on),
            ):
                for permission, scope in scopes.items():
                    found[is_gain, permission].add(key, scope)
                for permission, obj in on:
                    tally = found[is_gain, permission]
                    tally.people.add(key)
                    tally.objects.add(obj)
        lines = [
            Line(
                CATALOGUE[permission],
                is_gain,
                tuple(sorted(tally.people)),
                tally.scope(),
                frozenset(tally.objects),
            )
            for (is_gain, permission), tally in found.items()
            if permission in CATALOGUE
        ]
        return tuple(
            sorted(
                lines,
                key=lambda one: (
                    _urgency(one.permission),
                    not one.is_gain,
                    _ORDER[str(one.permission)],
                ),
            )
        )

    @cached_property
    def digest(self) -> str:
        """Return a text that differs for every other preview of the same account."""
        found = sorted(
            (str(key), _written(one.at.gained), _written(one.at.lost), sorted(one.gained_on),
             sorted(one.lost_on))
            for key, one in self.differences.items()
        )  # fmt: skip
        offered = sorted(self.offered.items())
        return hashlib.sha256(repr((self.account.pk, offered, found)).encode()).hexdigest()


def _written(scopes: Mapping[str, Scope]) -> list[Any]:
    return sorted(
        (permission, scope.top, scope.everywhere, sorted(map(str, scope.places)))
        for permission, scope in scopes.items()
    )


@dataclass(slots=True)
class _Tally:
    """Who gains or loses one permission, and where any of them does."""

    people: set[Any] = field(default_factory=set)
    scopes: set[Scope] = field(default_factory=set)
    objects: set[ObjectKey] = field(default_factory=set)

    def add(self, person: Any, scope: Scope) -> None:
        self.people.add(person)
        self.scopes.add(scope)

    def scope(self) -> Scope:
        """Return every place in any of the scopes."""
        top = any(scope.top for scope in self.scopes)
        everywhere = [scope.places for scope in self.scopes if scope.everywhere]
        named = {p for scope in self.scopes if not scope.everywhere for p in scope.places}
        if everywhere:
            return Scope(top, everywhere=True, places=frozenset.intersection(*everywhere) - named)
        return Scope(top, places=frozenset(named))
