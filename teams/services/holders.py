"""Everybody who has a custom role, or is offered it, as one: what a change of it is judged by.

A role that ten thousand people have is judged without reading any of them: where it counts is a
few distinct places, and what else its holders have there a few distinct roles. The verdict is the
one that asking about each of them by themselves would come to (``tests/services`` compares them).

Editions with custom roles have neither ranks nor switches nor primary contacts; a test says so.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from django.db.models import BigIntegerField, Case, F, Q, QuerySet, When
from django.utils import timezone

from permissions import grants
from permissions.lookups import any_of
from permissions.policy import FUTURE, TOP, Bundle, Holding, PlaceId, Reach, Source, atoms, covers
from permissions.policy.decide import sources_at
from permissions.policy.delegate import Code, Refusal
from permissions.resources import registry
from teams import logins
from teams.models import (
    Invitation,
    InvitedSubaccount,
    ManagedGroup,
    ManagedSubaccount,
    Membership,
    Role,
    Subaccount,
    SubaccountUserGrant,
    TeamMembership,
)
from teams.rights import custom_bundle, role_bundle, toggle_bundle
from teams.services.change import Change
from teams.services.gates import places_of


class Shape(NamedTuple):
    """How far a role reaches: in one subaccount, or at account level all of them, or those that
    the row ``chosen`` names."""

    subaccount: Any
    every: bool
    chosen: Any

    @property
    def level(self) -> bool:
        """Say whether it is held on the account."""
        return self.subaccount is None


@dataclass
class Holders:
    """Who has ``role``, or is offered it, for one ``change``."""

    change: Change
    role: Role

    # where the role counts

    @cached_property
    def members(self) -> QuerySet[Membership]:
        """Return the memberships, whatever their state."""
        return Membership.objects.filter(custom_role=self.role)

    @cached_property
    def offers(self) -> QuerySet[Invitation]:
        """Return the invitations that may still be accepted, or sent again."""
        pending = Invitation.Status.PENDING
        return Invitation.objects.filter(custom_role=self.role, status=pending)

    @cached_property
    def _held(self) -> set[Shape]:
        return _shapes(self.members)

    @cached_property
    def _offered(self) -> set[Shape]:
        return _shapes(self.offers)

    @cached_property
    def _chosen(self) -> dict[Any, frozenset[PlaceId]]:
        """Return what each membership reaches of a holder who chose subaccounts or groups."""
        theirs = Q(membership__user__memberships__custom_role=self.role)
        limited = Q(membership__account=self.change.account, membership__all_subaccounts=False)
        links = (
            (ManagedSubaccount, "subaccount_id"),
            (ManagedGroup, "group__contents__subaccount_id"),
        )
        found: dict[Any, set[PlaceId]] = defaultdict(set)
        for table, place in links:
            rows = table._default_manager.filter(theirs, limited).values_list("membership", place)
            for key, reached in rows.distinct():
                found[key].add(reached)
        return {key: frozenset(places - {None}) for key, places in found.items()}

    @cached_property
    def _chosen_offers(self) -> dict[Any, frozenset[PlaceId]]:
        rows = InvitedSubaccount.objects.filter(invitation__in=self.offers)
        found: dict[Any, set[PlaceId]] = defaultdict(set)
        for key, place in rows.values_list("invitation", "subaccount_id"):
            found[key].add(place)
        return {key: frozenset(places) for key, places in found.items()}

    def _named(self, shape: Shape, *, offered: bool = False) -> frozenset[PlaceId]:
        """Return the subaccounts that ``shape`` names one by one."""
        if shape.subaccount is not None:
            return frozenset({shape.subaccount})
        if shape.every:
            return frozenset()
        return (self._chosen_offers if offered else self._chosen).get(shape.chosen, frozenset())

    def _extent(self, shape: Shape, *, offered: bool = False) -> frozenset[PlaceId]:
        """Return every place it reaches, the account and those to come among them."""
        places = self._named(shape, offered=offered)
        if shape.every:
            places |= self.change.universe | {FUTURE}
        return places | {TOP} if shape.level else places

    @cached_property
    def places(self) -> frozenset[PlaceId]:
        """Return every place where the role counts, or will once it is accepted or resumed."""
        held = (self._extent(shape) for shape in self._held)
        offered = (self._extent(shape, offered=True) for shape in self._offered)
        return frozenset().union(*held, *offered)

    @property
    def levels(self) -> frozenset[bool]:
        """Return at which levels it is held: True for the account, False for a subaccount."""
        return frozenset(shape.level for shape in self._held | self._offered)

    @property
    def are_chosen(self) -> bool:
        """Say whether it reaches chosen subaccounts for anybody."""
        return any(shape.chosen is not None for shape in self._held | self._offered)

    def asked_at(self, *, level: bool | None = None) -> frozenset[PlaceId]:
        """Return where the permissions to change it are asked, of memberships at that level."""
        found: frozenset[PlaceId] = frozenset()
        for shapes, offered in ((self._held, False), (self._offered, True)):
            for shape in shapes:
                if level in (None, shape.level):
                    named = self._named(shape, offered=offered)
                    found |= places_of(shape.level, self.change, named, shape.every)
        return found

    def __bool__(self) -> bool:
        return bool(self._held or self._offered)

    # what is asked before anything is written

    def require(self, permissions: Iterable[str], places: frozenset[PlaceId], act: str) -> None:
        """Refuse unless the actor holds ``permissions`` at all of ``places``, ceilings aside.

        Unlike in ``Change.require``, whoever asks has not named these places, so that a refusal
        names only those they work in.
        """
        standing, root = self.change.standing, self.change.root
        for permission in sorted(permissions):
            missing = frozenset(p for p in places if not sources_at(standing, root, permission, p))
            if missing:
                refusal = Refusal(Code.OUT_OF_SCOPE, {(permission, ""): missing})
                self.change.refuse(refusal, act)

    def require_managing(self, act: str) -> None:
        """Refuse unless the actor may touch what every holder has where they have the role."""
        change = self.change
        own = Refusal(Code.OWN_RIGHTS, {})
        if self.members.filter(user=change.actor).exists():
            change.refuse(own, act)
        if self.members.filter(user=change.account.owner_id).exists():
            change.refuse(Refusal(Code.OWNER_REQUIRED, {}), act)
        if change.standing.acts_as_owner:
            return
        addresses = set(self.offers.values_list("address", flat=True))
        if addresses and logins.current().owned_among(addresses, {change.actor.pk}):
            change.refuse(own, act)
        held = atoms(change.standing.holdings, change.root, change.universe)
        missing = covers(held, atoms(self._besides(), change.root, change.universe))
        if missing:
            change.refuse(Refusal(Code.RANK_TOO_HIGH, missing), act)

    def _besides(self) -> list[Holding]:
        """Return what the holders have where they have this role, once for each role and guest
        permission; the role itself included."""
        edition = self.change.edition.codename
        by_role: dict[tuple[str, str | None], set[PlaceId]] = defaultdict(set)
        for role, ticks, touched, theirs in self._pairs():
            by_role[role, ticks] |= touched & theirs
        found = []
        for (role, ticks), places in by_role.items():
            if ticks is not None:
                found.append(_holding(custom_bundle(edition, ticks), places))
            elif self.change.edition.find_role(role) is not None:
                found.append(_holding(role_bundle(edition, role), places))
        grantable = registry.of(Subaccount).guest
        by_permission: dict[str, set[PlaceId]] = defaultdict(set)
        for permission, place, touched in self._guests():
            if permission in grantable and place in touched:
                by_permission[permission].add(place)
        return found + [_holding(toggle_bundle(p), at) for p, at in by_permission.items()]

    def _pairs(self) -> Iterable[tuple[str, str | None, frozenset[PlaceId], frozenset[PlaceId]]]:
        """Yield each role that holders of this one have, what is ticked in it, where they have
        this one and where that one: distinct combinations, found by one statement."""
        rows = (
            Membership.objects.filter(
                account=self.change.account, user__memberships__custom_role=self.role
            )
            .annotate(here=_chosen("user__memberships__"), there=_chosen())
            .order_by()
            .values_list(
                "user__memberships__subaccount_id",
                "user__memberships__all_subaccounts",
                "here",
                "subaccount_id",
                "all_subaccounts",
                "there",
                "role",
                "custom_role_id",
            )
            .distinct()
        )
        ticks = {
            pk: json.dumps(permissions)
            for pk, permissions in Role.objects.filter(account=self.change.account).values_list(
                "pk", "permissions"
            )
        }
        extents: dict[Shape, frozenset[PlaceId]] = {}
        for row in rows:
            shapes = Shape(*row[:3]), Shape(*row[3:6])
            for shape in shapes:
                if shape not in extents:
                    extents[shape] = self._extent(shape)
            touched, theirs = (extents[shape] for shape in shapes)
            yield row[6], ticks.get(row[7]), touched, theirs

    def _guests(self) -> Iterable[tuple[str, PlaceId, frozenset[PlaceId]]]:
        """Yield what holders were given as guests of a subaccount, which, and where they have the
        role."""
        rows = (
            SubaccountUserGrant.objects.filter(
                membership=None,
                content_object__account=self.change.account,
                user__memberships__custom_role=self.role,
            )
            .annotate(here=_chosen("user__memberships__"))
            .order_by()
            .values_list(
                "permission__codename",
                "content_object_id",
                "user__memberships__subaccount_id",
                "user__memberships__all_subaccounts",
                "here",
            )
            .distinct()
        )
        for permission, place, *shape in rows:
            yield permission, place, self._extent(Shape(*shape))

    # what is judged

    def judge(self, added: Bundle, act: str) -> None:
        """Refuse if the actor lacks any of ``added`` anywhere where the role counts."""
        change = self.change
        gained = atoms([_holding(added, self.places)], change.root, change.universe)
        change.judge_atoms(gained, act)
        self._judge_sight(frozenset().union(*gained.values()), act)

    def _judge_sight(self, places: Collection[PlaceId], act: str) -> None:
        """Refuse if what is added may count on something that teams hide from the actor.

        Stricter than asking about each holder: something that one of them sees counts wherever
        the role does, and what one of them created as seen by them.
        """
        change = self.change
        for resource in registry:
            limited = {p for p in change.universe.intersection(places)
                       if change.is_limited(resource, p)}  # fmt: skip
            if not limited:
                continue
            teams = TeamMembership.objects.filter(
                grants.active(timezone.now()), user__memberships__custom_role=self.role
            )
            groups = set(teams.values_list("team__group_id", flat=True))
            theirs: Any = Q(pk__in=grants.shared_keys(resource.model, groups))
            if resource.created_by:
                theirs |= Q(**{f"{resource.created_by}__memberships__custom_role": self.role})
            rows = resource.model._default_manager.filter(
                theirs, any_of(str(resource.place_path), limited)
            )
            seen = change.profile.shared(resource)
            hidden = {place for key, place in rows.values_list("pk", str(resource.place_path))
                      if key not in seen}  # fmt: skip
            if hidden:
                view = (str(resource.actions["view"]), "")
                change.refuse(Refusal(Code.OUT_OF_SCOPE, {view: frozenset(hidden)}), act)


def _holding(rights: Bundle, places: Iterable[PlaceId]) -> Holding:
    reached = frozenset(places)
    return Holding(Source("role"), rights, Reach(TOP in reached, reached - {TOP}))


def _chosen(path: str = "") -> Case:
    """Return the key of a row that reaches chosen subaccounts, None of any other: those are alike
    by their place alone."""
    limited = Q(**{f"{path}subaccount": None, f"{path}all_subaccounts": False})
    return Case(When(limited, then=F(f"{path}pk")), output_field=BigIntegerField())


def _shapes(rows: QuerySet[Any]) -> set[Shape]:
    found = rows.annotate(here=_chosen()).order_by()
    return {
        Shape(*row)
        for row in found.values_list("subaccount_id", "all_subaccounts", "here").distinct()
    }
