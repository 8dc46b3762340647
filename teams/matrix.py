"""What each role may do, asked of the engine about people built for the purpose.

Nothing here reads a role's declaration: somebody is given each role by the services, toggles and
conditions are tried both ways, and every permission is asked. All of it is rolled back.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction

from permissions import access
from permissions.catalogue import Permission
from permissions.policy import TOP
from permissions.profile import Profile
from permissions.resources import registry
from teams import services
from teams.catalogue import CATALOGUE
from teams.editions.spec import ALL_SUBACCOUNTS, RESELLER, SINGLE_BILL, Column, Edition
from teams.models import Account, Membership, Subaccount
from teams.models.account import TeamMode

YES, NO, OPTIONAL, CONDITION = "yes", "no", "opt", "if:"

_CONDITIONS = {
    "": {},
    SINGLE_BILL: {"single_bill": True},
    RESELLER: {"reseller": True},
    ALL_SUBACCOUNTS: {},
}


@dataclass(frozen=True, slots=True)
class Line:
    """A permission, where it is held, and a cell per column of the edition."""

    permission: Permission
    scope: str
    cells: tuple[str, ...]


def matrix(edition: Edition) -> list[Line]:
    """Return a line per permission of the catalogue; leaves nothing behind in the database."""
    with transaction.atomic():
        worlds = {name: _World(edition, name) for name in _CONDITIONS}
        toggled = _World(edition, "", toggles=True)
        lines = [
            Line(
                permission,
                TOP if permission.level == TOP else edition.subaccount_scope,
                tuple(_cell(worlds, toggled, column, permission) for column in edition.columns),
            )
            for permission in CATALOGUE
        ]
        transaction.set_rollback(True)
    access.forget()
    return lines


def _cell(
    worlds: dict[str, _World], toggled: _World, column: Column, permission: Permission
) -> str:
    if worlds[""].holds(column, permission):
        return YES
    conditions = [c for c, w in worlds.items() if c and w.holds(column, permission)]
    if conditions:
        return CONDITION + "+".join(conditions)
    return OPTIONAL if toggled.holds(column, permission) else NO


@dataclass(slots=True)
class _World:
    """One account with somebody in every role, while one condition is true or toggles are on."""

    edition: Edition
    condition: str
    toggles: bool = False
    account: Account = field(init=False)
    client: Subaccount = field(init=False)
    home: Subaccount | None = field(init=False, default=None)
    _people: dict[tuple[Column, str], Profile] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        unique = uuid.uuid4().hex
        self.account = Account.objects.create(
            slug=f"matrix-{unique}",
            name="Matrix",
            edition=self.edition.codename,
            owner=_login(),
            team_mode=TeamMode.LISTS_AND_TEMPLATES if self.edition.has_teams else TeamMode.OFF,
            **_CONDITIONS[self.condition],
        )
        self.client = self._subaccount("client")
        self._subaccount("another")  # so that managing one is not managing all
        if self.edition.has_home:
            self.home = self._subaccount("home", is_home=True)

    def _subaccount(self, slug: str, **extra: Any) -> Subaccount:
        return Subaccount.objects.create(account=self.account, slug=slug, name=slug, **extra)

    def holds(self, column: Column, permission: Permission) -> bool:
        """Say whether the person of ``column`` holds ``permission`` where the table asks it."""
        answers = {
            profile.decide(permission, registry.of(obj), obj).allowed
            for profile, obj in self._questions(column, permission)
        }
        if len(answers) != 1:
            raise AssertionError(f"{column.name}: {permission} differs between workspaces")
        return answers.pop()

    def _questions(
        self, column: Column, permission: Permission
    ) -> Iterator[tuple[Profile, Account | Subaccount]]:
        """Yield who is asked about what; where a role is held in two ways, both must agree."""
        at_account = permission.level == TOP
        is_client_seen = column.place == "client"
        obj = self.account if at_account and not is_client_seen else self.client
        spec = None if column.role == self.edition.owner else self.edition.role(column.role)
        if self.home is not None and not at_account and column.place == "home":
            obj = self.home
        if spec is None:
            yield self._person(column, "owner"), obj
            return
        if self.home is not None and "home" in spec.reaches:
            yield self._person(column, "home"), self.account if at_account else self.home
            if not at_account:
                yield self._person(column, "inside"), self.client
        elif spec.account_level and (at_account or not spec.subaccount_level):
            yield self._person(column, "account"), obj
        elif spec.subaccount_level:
            yield self._person(column, "inside"), obj
            if spec.account_level:
                yield self._person(column, "account"), obj

    def _person(self, column: Column, where: str) -> Profile:
        found = self._people.get((column, where))
        if found is None:
            user = self.account.owner if where == "owner" else self._add(column, where)
            found = self._people[column, where] = access.profile_of(user, fresh=True)
        return found

    def _add(self, column: Column, where: str) -> Any:
        user = _login()
        place: dict[str, Any] = {"subaccount": self.client}
        if where == "home":
            place = {"managed": [self.home]}
        elif where == "account":
            reaches = self.edition.role(column.role).reaches
            everywhere = self.condition == ALL_SUBACCOUNTS or "some" not in reaches
            place = {"all_subaccounts": True} if everywhere else {"managed": [self.client]}
        owner = self.account.owner
        membership = services.add_member(
            consented=True, actor=owner, account=self.account, user=user, role=column.role, **place
        )
        if column.contact:
            services.set_primary_contact(actor=owner, subaccount=self.client, membership=membership)
        if self.toggles:
            self._switch_on(column, membership)
        return user

    def _switch_on(self, column: Column, membership: Membership) -> None:
        for toggle in self.edition.role(column.role).optional:
            services.toggle_permission(
                actor=self.account.owner, membership=membership, toggle=toggle, on=True
            )


def _login() -> Any:
    model = get_user_model()
    user = model()
    setattr(user, model.USERNAME_FIELD, f"{uuid.uuid4().hex}@matrix.invalid")
    user.set_unusable_password()
    user.save()
    return user
