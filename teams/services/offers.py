"""What the console may offer: the services' own gates, asked without writing.

A control that leads to a refusal is a bug, so the pages ask the same functions that will judge the
write. A locked control shows the sentence found here.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from permissions.catalogue import Permission
from permissions.errors import ServiceError
from permissions.policy import TOP, Atoms, PlaceId, Reach, covers
from permissions.policy import atoms as atoms_of
from permissions.policy.delegate import Code, Refusal
from permissions.policy.terms import Holding, Source
from permissions.resources import registry
from teams import selectors
from teams.catalogue import (
    CATALOGUE,
    CREATE_SUBACCOUNTS,
    MANAGE_ACCOUNT_SETTINGS,
    MANAGE_FEATURES,
    MANAGE_SUBACCOUNT_SETTINGS,
)
from teams.editions.spec import ALL, AT_HOME, SOME, RoleSpec, ToggleSpec
from teams.endings import Ending
from teams.limits import Countable, Limit, limit_of
from teams.models import Invitation, Membership, Role, Subaccount, SubaccountGroup, Team
from teams.rights import custom_bundle, role_bundle, toggle_bundle
from teams.services.change import Change
from teams.services.gates import (
    ChosenRole,
    choose_role,
    gate,
    gate_membership,
    places_of,
    refuse_archived,
    refuse_switched_off,
)
from teams.services.groups import reaching_group, require_group
from teams.services.guests import gate_guest, given_to
from teams.services.holders import Holders
from teams.services.invitation_gates import gate_offered_teams, judge_offered_team
from teams.services.invitations import check_resend
from teams.services.people import atoms_of as recorded_atoms
from teams.services.places import active_subaccounts, fullness, require_archiving
from teams.services.role_gates import beyond, custom_roles_in, gate_composing, gate_naming
from teams.services.roles import ticked
from teams.services.sharing import gate_team, require_teams
from teams.services.toggles import place_of, reach_of, require_named, toggle_atoms


@dataclass(slots=True)
class Offers:
    """What ``actor`` may do inside ``account`` at this moment."""

    change: Change
    _own: Atoms | None = None
    _lacking: dict[Any, bool] = field(default_factory=dict)
    _limits: dict[Countable, Limit | None] = field(default_factory=dict)
    _custom: list[Role] | None = None

    def refusal(self, membership: Membership) -> str:
        """Return why the actor may not touch this membership; empty if they may."""
        error = self.verdict(membership, "change this")
        return error.message if error else ""

    def verdict(self, membership: Membership, act: str) -> ServiceError | None:
        """Return what the services would raise if the actor touched this membership."""
        try:
            gate_membership(self.change, membership, act)
        except ServiceError as error:
            return error
        return None

    def waking(self, membership: Membership, act: str) -> ServiceError | None:
        """Return what would be raised if the actor reactivated this membership: a grant of all
        that is recorded with it."""
        change = self.change
        try:
            chosen = choose_role(
                change,
                membership.custom_role or membership.role,
                account_level=membership.is_account_level,
            )
            gate_membership(change, membership, act, chosen)
            if membership.ends_at is None or membership.ends_at > timezone.now():
                asleep = [
                    holding
                    for holding in change.recorded_of(membership.user).holdings
                    if holding.source.ref == ("membership", membership.pk)
                ]
                change.judge_atoms(atoms_of(asleep, change.root, change.universe), act)
        except ServiceError as error:
            return error
        return None

    def extending(self, ending: Ending, act: str) -> ServiceError | None:
        """Return what would be raised if the actor let this last longer: a grant of all of it.

        Seats, and what a team would show, are left to the services.
        """
        change, membership = self.change, ending.membership
        try:
            if ending.kind == "team":
                require_teams(change)
                gate_team(change, ending.person, act)
            elif membership is None:
                self._judge_guest(ending, act)
            else:
                if membership.subaccount is not None:
                    refuse_archived(membership.subaccount)
                self._judge_seat(ending, membership, act)
        except ServiceError as error:
            return error
        return None

    def _judge_guest(self, ending: Ending, act: str) -> None:
        change, resource = self.change, registry.of(ending.obj)
        gate_guest(change, ending.person, ending.place, act)
        given = given_to(ending.person, ending.obj).values_list("permission__codename", flat=True)
        for name in given:
            if not change.profile.decide(name, resource, ending.obj).allowed:
                missing = {(name, ""): frozenset({ending.place})}
                change.refuse(Refusal(Code.OUT_OF_SCOPE, missing), act)

    def _judge_seat(self, ending: Ending, membership: Membership, act: str) -> None:
        change, spec = self.change, self.change.edition.find_role(membership.role)
        if ending.kind == "switch" and spec is not None:
            gate_membership(change, membership, act)
            require_named(change, place_of(membership), spec, act)
            permissions = spec.optional[ending.codename]
            change.judge_atoms(toggle_atoms(change, membership, permissions), act)
            return
        chosen = choose_role(
            change,
            membership.custom_role or membership.role,
            account_level=membership.is_account_level,
        )
        gate_membership(change, membership, act, chosen)
        change.judge_atoms(recorded_atoms(change, membership), act)

    def feature_refusal(
        self, membership: Membership, permissions: Collection[str]
    ) -> ServiceError | None:
        """Return what would be raised because a feature is off where the membership counts."""
        try:
            if membership.subaccount is not None:
                refuse_switched_off(self.change, membership.subaccount, permissions)
        except ServiceError as error:
            return error
        return None

    def switch_verdict(
        self, membership: Membership, spec: RoleSpec, toggle: ToggleSpec, on: set[str]
    ) -> ServiceError | None:
        """Return what would be raised if the actor moved this switch; ``on`` are the permissions
        that are switched on for the membership."""
        if on & spec.optional[toggle.codename]:
            return None  # off by whoever may manage that person
        return self._switching(spec, toggle, place_of(membership), reach_of(membership))

    def _switching(
        self, spec: RoleSpec, toggle: ToggleSpec, place: PlaceId, reach: Reach
    ) -> ServiceError | None:
        """Return what would be raised if the actor switched this on for a holder of the role."""
        act, permissions = f"switch on {toggle.label}", spec.optional[toggle.codename]
        gained = [Holding(Source("toggle"), toggle_bundle(p), reach) for p in permissions]
        try:
            require_named(self.change, place, spec, act)
            self.change.judge_atoms(atoms_of(gained, self.change.root, self.change.universe), act)
        except ServiceError as error:
            return error
        return None

    # invitations

    def switches(
        self, *, subaccount: Subaccount | None, roles: Collection[str]
    ) -> list[tuple[str, str]]:
        """Return (value, label) of the toggles the actor may offer along with one of ``roles``;
        the label names the roles that admit it, if not all of them do."""
        place = TOP if subaccount is None else subaccount.pk
        found = []
        for toggle in self.change.edition.toggles:
            able = [
                spec
                for spec in self.change.edition.roles
                if spec.codename in roles
                and toggle.codename in spec.optional
                and not self._switching(spec, toggle, place, self._reach(spec, subaccount))
            ]
            if able:
                names = ", ".join(str(spec.label) for spec in able)
                rest = "" if len(able) == len(roles) else f" (for {names})"
                found.append((toggle.codename, f"{toggle.label}{rest}"))
        return found

    def teams(
        self, *, subaccount: Subaccount | None, roles: Collection[str]
    ) -> list[tuple[str, str]]:
        """Return (value, label) of the teams into which the actor may invite somebody there."""
        specs = [spec for spec in self.change.edition.roles if spec.codename in roles]
        reach = self._reach(specs[0] if specs else None, subaccount)
        try:
            gate_offered_teams(self.change, reach, "invite into teams")
        except ServiceError:
            return []
        rows = selectors.teams_of(self.change.account)
        return [(str(team.pk), team.name) for team in rows if self._may_join(team, reach)]

    def _may_join(self, team: Team, reach: Reach) -> bool:
        try:
            judge_offered_team(self.change, reach, team, "invite into this team")
        except ServiceError:
            return False
        return True

    def _reach(self, spec: RoleSpec | None, subaccount: Subaccount | None) -> Reach:
        """Return the least that whoever accepts there would reach."""
        if subaccount is not None:
            return Reach(top=False, places=frozenset({subaccount.pk}))
        return self._narrowest(spec.reaches if spec else frozenset({ALL}))

    def resend_refusal(self, invitation: Invitation) -> str:
        """Return why the actor may not send this invitation again; empty if they may."""
        try:
            check_resend(self.change, invitation, f"send the invitation of {invitation} again")
        except ServiceError as error:
            return error.message
        return ""

    def roles(
        self, *, subaccount: Subaccount | None, person: Any = None, reach: Reach | None = None
    ) -> list[tuple[str, str]]:
        """Return (value, label) of the roles the actor may give there; custom ones as "custom:pk".

        Without ``person``, to somebody who has nothing there yet.
        """
        level = subaccount is None
        if subaccount is not None:
            reach = Reach(top=False, places=frozenset({subaccount.pk}))
        offered: list[tuple[str, str, str | Role]] = [
            (spec.codename, str(spec.label), spec.codename) for spec in self.change.edition.roles
        ]
        offered += [(f"custom:{role.pk}", role.name, role) for role in self._custom_roles()]
        return [
            (value, label)
            for value, label, role in offered
            if self._may_give(role, level, person, reach)
        ]

    def may_add(self, person: Any, subaccount: Any) -> bool:
        """Say whether ``person`` is below the actor in the subaccount (a key; None: the account).

        With a role the actor may give anybody there, that person may be added.
        """
        if subaccount is None:  # how far it reaches depends on the role
            return bool(self.roles(subaccount=None, person=person))
        try:
            self.change.require_managing(person, frozenset({subaccount}), "add this person")
        except ServiceError:
            return False
        return True

    def may_be_guest(self, person: Any, subaccount: Any) -> bool:
        """Say whether ``person`` has no role in the subaccount (a key), and is not above the
        actor there: guests are those without one."""
        roles = [
            holding
            for holding in self.change.recorded_of(person).holdings
            if holding.source.kind in ("role", "owner")
        ]
        if any(subaccount in holding.reach for holding in roles):
            return False
        return self.may_add(person, subaccount)

    def contact_refusal(self, membership: Membership) -> str:
        """Return why the actor may not make this member the primary contact, or no longer."""
        change, places = self.change, frozenset({membership.subaccount_id})
        spec = change.edition.find_role(membership.role)
        try:
            gate(change, membership.user, account_level=False, places=places, act="choose them")
            if not membership.is_primary_contact and spec is not None:
                reach = Reach(top=False, places=places)
                gained = [
                    Holding(Source("role"), toggle_bundle(p), reach) for p in spec.contact_adds
                ]
                change.judge_atoms(atoms_of(gained, change.root, change.universe), "choose them")
        except ServiceError as error:
            return error.message
        return ""

    def team_refusal(self, person: Any) -> str:
        """Return why the actor may not put this person into teams, or take them out."""
        try:
            require_teams(self.change)
            gate_team(self.change, person, "change this person's teams")
        except ServiceError as error:
            return error.message
        return ""

    def _custom_roles(self) -> list[Role]:
        if self._custom is None:
            has_any = self.change.edition.custom_roles is not None
            rows = Role.objects.filter(account=self.change.account).order_by("name")
            self._custom = list(rows) if has_any else []
        return self._custom

    def _may_give(self, role: str | Role, level: bool, person: Any, reach: Reach | None) -> bool:
        try:
            chosen = choose_role(self.change, role, account_level=level)
            reach = reach or self._narrowest(chosen.reaches)
            places = places_of(level, self.change, reach.places or (), reach.places is None)
            if person is None:
                needed = (
                    self.change.edition.changes_account
                    if level
                    else self.change.edition.changes_subaccount
                ) | self.change.edition.gives_roles
                for permission in sorted(needed):
                    self.change.require(permission, places, "give this role")
                self.change.require_managing(None, places, "give this role", rank=chosen.rank)
            else:
                gate(self.change, person, account_level=level, places=places, act="", chosen=chosen)
        except ServiceError:
            return False
        key = (chosen.codename, chosen.custom and chosen.custom.pk, reach)
        if key not in self._lacking:
            self._lacking[key] = self._missing(chosen, reach)
        return not self._lacking[key]

    def _narrowest(self, reaches: Collection[str]) -> Reach:
        """Return the least an account-level role may reach; more is judged when it is chosen."""
        if SOME in reaches:
            return Reach(top=True, places=frozenset())
        if AT_HOME in reaches:
            return Reach(top=True, places=frozenset(self._home_ids()))
        return Reach(top=True, places=None)

    def _home_ids(self) -> set[Any]:
        return {place for place in self.change.universe if self.change.root.kind(place) == "home"}

    def _missing(self, chosen: ChosenRole, reach: Reach) -> bool:
        edition = self.change.edition
        if chosen.custom is None:
            rights = role_bundle(edition.codename, chosen.codename)
        else:
            rights = custom_bundle(edition.codename, json.dumps(chosen.custom.permissions))
        holding = Holding(Source("role"), rights, reach)
        root, universe = self.change.root, self.change.universe
        return bool(covers(self._held(), atoms_of([holding], root, universe)))

    def _held(self) -> Atoms:
        """Return what the actor holds, remembered."""
        if self._own is None:
            change = self.change
            self._own = atoms_of(change.standing.holdings, change.root, change.universe)
        return self._own

    # roles of the account's own

    def composing_refusal(self) -> str:
        """Return why the actor may not create a role here; empty if they may."""
        try:
            custom_roles_in(self.change)
            gate_composing(self.change, "create a role")
        except ServiceError as error:
            return error.message
        return ""

    def naming_refusal(self, role: Role) -> str:
        """Return why the actor may not rename, describe or delete this role; empty if they may.

        Who has it is another matter: see ``role_refusal``.
        """
        try:
            custom_roles_in(self.change)
            gate_naming(Holders(self.change, role), f"edit the role {role.name}")
        except ServiceError as error:
            return error.message
        return ""

    def role_refusal(self, role: Role) -> str:
        """Return why the actor may not change what this role allows; empty if they may."""
        act = f"edit the role {role.name}"
        holders = Holders(self.change, role)
        try:
            custom_roles_in(self.change)
            gate_naming(holders, act)
            holders.require_managing(act)
        except ServiceError as error:
            return error.message
        return ""

    def tick_refusals(self, role: Role | None = None) -> dict[str, str]:
        """Return why the actor may not tick a permission in a new role, or add it to ``role``; by
        codename, without those they may."""
        custom = self.change.edition.custom_roles
        if custom is None:
            return {}
        ticks = frozenset[str]() if role is None else ticked(role)
        asked = [permission for permission in CATALOGUE if permission in custom.tickable - ticks]
        lacking: dict[str, Atoms] = {p: beyond(self.change, [p]) for p in asked}
        if role is not None:
            counts = Holders(self.change, role).places
            for p in asked:
                where = counts & {TOP} if p.level == TOP else counts - {TOP}
                lacking[p] = lacking[p] or covers(self._held(), {(str(p), ""): where})
        return {str(p): self._locked(p, lacking[p], role) for p in asked if lacking[p]}

    def _locked(self, permission: Permission, lacking: Atoms, role: Role | None) -> str:
        where = sorted({missing.place for missing in self.change.missing(lacking)})
        places = f"in {where[0]}" if where else "anywhere"
        if len(where) > 1:
            places += " and elsewhere"
        if role is None and permission.level != TOP:
            places = "where you may give roles"
        which = "a role" if role is None else f"{role.name}"
        return f"You do not hold {permission.label} {places}, so you cannot put it into {which}."

    def guest_refusal(self, person: Any, place: PlaceId, act: str) -> str:
        """Return why the actor may not change what ``person`` may do as a guest at ``place``."""
        try:
            gate_guest(self.change, person, place, act)
        except ServiceError as error:
            return error.message
        return ""

    # places

    def may_create_subaccount(self) -> bool:
        """Say whether the actor may create subaccounts here."""
        return self.change.profile.scope(self.change.account.pk, CREATE_SUBACCOUNTS).top

    def ceiling(self) -> str:
        """Return which limit keeps the account from one more active subaccount; empty if none."""
        return fullness(self.change.account, self.limit(Countable.SUBACCOUNTS))

    def limit(self, what: Countable) -> Limit | None:
        """Return how many there may be, asked for once."""
        if what not in self._limits:
            self._limits[what] = limit_of(self.change.account, what)
        return self._limits[what]

    def active_subaccounts(self) -> int:
        """Return how many subaccounts count towards the limit."""
        return active_subaccounts(self.change.account)

    def may_rename(self, subaccount: Subaccount) -> bool:
        """Say whether the actor may rename this subaccount."""
        scope = self.change.profile.scope(self.change.account.pk, MANAGE_SUBACCOUNT_SETTINGS)
        return subaccount.pk in scope

    def may_set_features(self, subaccount: Subaccount) -> bool:
        """Say whether the actor may switch features of this subaccount off and on."""
        scope = self.change.profile.scope(self.change.account.pk, MANAGE_FEATURES)
        return subaccount.pk in scope

    def group_refusal(
        self, group: SubaccountGroup | None, act: str, *, reaching: bool = False
    ) -> str:
        """Return why the actor may not ``act`` on this group, or on one yet to be made; empty if
        they may. With ``reaching``, also where they may not manage somebody who manages it."""
        try:
            if group is None:
                self.change.require(MANAGE_ACCOUNT_SETTINGS, frozenset({TOP}), act)
            else:
                require_group(self.change, group, act)
            for membership in reaching_group(group) if group is not None and reaching else ():
                gate_membership(self.change, membership, act)
        except ServiceError as error:
            return error.message
        return ""

    def may_archive(self, subaccount: Subaccount) -> bool:
        """Say whether the actor may archive or restore this subaccount."""
        try:
            require_archiving(self.change, subaccount, "archive")
        except ServiceError:
            return False
        return not subaccount.is_home
