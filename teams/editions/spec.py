"""The shape of an edition: roles, toggles, conditions and limits as data.

Nothing here decides; ``teams.standings`` turns a role into what the pure policy understands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from permissions.catalogue import Label, Permission

# conditions under which a role holds something: symbols, looked at only when a right is used
SINGLE_BILL = "single_bill"
RESELLER = "reseller"
ALL_SUBACCOUNTS = "all_subaccounts"

# preconditions of an act: they bind everybody, the owner included, at the moment of the act
HAS_PRIMARY_CONTACT = "has_primary_contact"
HAS_ADMINISTRATOR = "has_administrator"

# how far a role held at account level may reach
SOME = "some"
ALL = "all"
AT_HOME = "home"

Set = frozenset[Permission]
NOTHING: Set = frozenset()


@dataclass(frozen=True, kw_only=True)
class RoleSpec:
    """One built-in role.

    ``holds`` are the permissions held unconditionally, ``when`` those held while a condition is
    true, ``optional`` those off until somebody switches the toggle on for that person. Account
    permissions count on the account (only for memberships held at account level), the others in
    each subaccount the membership reaches. ``at_home`` replaces ``holds`` and ``when`` for the
    account's own workspace, where an edition has one (Constant Contact's partner account).

    ``account_level`` and ``subaccount_level`` say where the role may be held, ``reaches`` how far
    one held at account level may reach: ``SOME`` chosen subaccounts, ``ALL`` current and future
    ones, or the account's own workspace (``AT_HOME``). ``rank`` orders people: higher manages
    lower (None: the edition has no ranks, coverage alone decides); ``peer`` is the permission that
    lets equals manage each other. ``toggled_by`` names the roles whose holders may switch this
    role's toggles. ``contact_adds`` is what being the primary contact of the subaccount adds;
    ``needs_teams`` says that the role exists only while teams are on.
    """

    codename: str
    label: Label
    rank: int | None
    account_level: bool = False
    subaccount_level: bool = False
    reaches: frozenset[str] = frozenset()
    holds: Set = NOTHING
    when: Mapping[str, Set] = field(default_factory=dict)
    at_home: RoleSpec | None = None
    optional: Mapping[str, Set] = field(default_factory=dict)
    toggled_by: frozenset[str] = frozenset()
    peer: Permission | None = None
    contact_adds: Set = NOTHING
    needs_teams: bool = False

    def toggle_of(self, permission: str) -> str | None:
        """Return the toggle that switches ``permission`` on for this role, if there is one."""
        for toggle, permissions in self.optional.items():
            if permission in permissions:
                return toggle
        return None


@dataclass(frozen=True, kw_only=True)
class ToggleSpec:
    """A switch: its name in the truth table, and how people read it."""

    codename: str
    label: Label


@dataclass(frozen=True, kw_only=True)
class CustomRoles:
    """What a custom role may be made of.

    ``tickable`` are the permissions somebody may tick, ``always`` those every role has, and
    ``follows`` maps each permission the document does not speak of to the ones it follows: it is
    held when all of them are. A permission whose ``implies`` are not ticked does not count.
    """

    tickable: Set
    always: Set
    follows: Mapping[Permission, Set]


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of the role and permission matrix.

    ``role`` is a role's codename; ``contact`` asks for the same role as primary contact;
    ``place`` is where somebody is looked at: ``"role"`` where the role is held, ``"home"`` the
    account's own workspace, ``"client"`` any other subaccount.
    """

    name: str
    role: str
    contact: bool = False
    place: str = "role"


@dataclass(frozen=True, kw_only=True)
class Edition:
    """One published role system.

    ``permissions`` is all that exists in it; the owner holds all of those, the ones in
    ``owner_when`` only while the condition is true. ``owner`` names the top role. ``teams_only``
    exist only while the account has teams switched on. ``changes_account`` and
    ``changes_subaccount`` are the permissions needed (all of them) to change who holds what at
    account level and in a subaccount; ``gives_roles`` what is needed besides to choose somebody's
    role. ``former_owner`` is the role, held on the account and reaching every current and future
    subaccount, of an owner who handed the account over and stays. ``roles_add_up``: a person may
    hold several roles in one place. ``max_active_subaccounts`` counts those not archived.
    """

    codename: str
    label: Label
    permissions: Set
    owner: str
    owner_label: Label
    former_owner: str
    owner_when: Mapping[str, Set] = field(default_factory=dict)
    teams_only: Set = NOTHING
    roles: tuple[RoleSpec, ...]
    toggles: tuple[ToggleSpec, ...] = ()
    columns: tuple[Column, ...]
    changes_account: Set
    changes_subaccount: Set
    gives_roles: Set = NOTHING
    roles_add_up: bool = False
    custom_roles: CustomRoles | None = None
    preconditions: Mapping[Permission, str] = field(default_factory=dict)
    max_active_subaccounts: int | None = None
    has_home: bool = False
    has_teams: bool = False
    has_primary_contact: bool = False
    subaccount_scope: str = "subaccount"
    area_labels: Mapping[str, Label] = field(default_factory=dict)

    def find_role(self, codename: str) -> RoleSpec | None:
        """Return the built-in role ``codename``, or None: stored data may name one that is gone."""
        return next((role for role in self.roles if role.codename == codename), None)

    def role(self, codename: str) -> RoleSpec:
        """Return the built-in role ``codename``. Raises KeyError naming the roles there are."""
        role = self.find_role(codename)
        if role is not None:
            return role
        known = ", ".join(role.codename for role in self.roles)
        raise KeyError(f"{self.codename} has no role {codename!r}; it has {known}")

    def toggle(self, codename: str) -> ToggleSpec:
        """Return the toggle ``codename``. Raises KeyError naming the toggles there are."""
        for toggle in self.toggles:
            if toggle.codename == codename:
                return toggle
        known = ", ".join(toggle.codename for toggle in self.toggles) or "none"
        raise KeyError(f"{self.codename} has no toggle {codename!r}; it has: {known}")


def flaws(edition: Edition) -> Iterator[str]:
    """Yield what keeps ``edition`` from working, each a sentence with the remedy."""
    if not _IS_CODENAME.fullmatch(edition.codename):
        yield "its codename may hold small letters, digits and underscores, 40 at most; rename it."
    if not edition.roles:
        yield "it has no role; declare one."
    for role in edition.roles:
        yield from _role_flaws(edition, role)
    names = [role.codename for role in edition.roles]
    if len(set(names)) < len(names):
        yield "two roles have the same codename; rename one."
    if len({role.rank is None for role in edition.roles}) > 1:
        yield "some roles have a rank and others none; give one to all or to none."
    for column in edition.columns:
        if column.role not in {*names, edition.owner}:
            yield f"the column {column.name} shows the role {column.role}, which there is not."
    needed = edition.changes_account | edition.changes_subaccount | edition.gives_roles
    if lost := sorted((needed | edition.teams_only) - edition.permissions):
        yield f"{lost[0]} is needed to change people, and the edition does not have it."
    custom = edition.custom_roles
    if custom is None:
        return
    if lost := sorted(
        (custom.tickable | custom.always | set(custom.follows)) - edition.permissions
    ):
        yield f"custom roles may hold {lost[0]}, which the edition does not have."
    if any(role.rank is not None for role in edition.roles):
        yield "custom roles have no rank; declare the built-in ones without, too."


def _role_flaws(edition: Edition, role: RoleSpec) -> Iterator[str]:
    what = f"the role {role.codename}"
    if not (role.account_level or role.subaccount_level):
        yield f"{what} is held nowhere; say at which level."
    if role.account_level and not role.reaches:
        yield f"{what} reaches nothing; name how far in reaches."
    if lost := sorted(_named(role) - edition.permissions):
        yield f"{what} names {lost[0]}, which the edition does not have."
    switches = {toggle.codename for toggle in edition.toggles}
    if unknown := sorted(set(role.optional) - switches):
        yield f"{what} has the toggle {unknown[0]}; declare it in toggles."
    people = {edition.owner, *(one.codename for one in edition.roles)}
    if unknown := sorted(role.toggled_by - people):
        yield f"{what} is toggled by {unknown[0]}, which is no role."


_IS_CODENAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


def _named(role: RoleSpec) -> Set:
    """Return every permission that ``role`` names."""
    found = role.holds.union(role.contact_adds, *role.when.values(), *role.optional.values())
    return found | (_named(role.at_home) if role.at_home else NOTHING)
