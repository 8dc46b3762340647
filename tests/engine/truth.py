"""The truth tables as the tests read them, and people who stand for their columns.

Shares nothing with the product's own edition data: the CSV files and this module say what must be.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from teams import services
from teams.factories import (
    AccountFactory,
    CampaignFactory,
    SubaccountFactory,
    UserFactory,
)
from teams.models import Account, Campaign, Membership, Subaccount

FOLDER = Path(__file__).parent.parent / "truth"
EDITIONS = ("constant_contact", "emma_corporate", "emma_enterprise", "emma_hq", "sailthru")
NOT_ROLES = {"row", "activity", "permission", "scope", "toggle", "evidence", "note"}
OWNERS = {
    "constant_contact": "account_owner",
    "emma_corporate": "parent",
    "emma_enterprise": "owner",
    "emma_hq": "owner",
    "sailthru": "",
}
CONDITIONS = ("single_bill", "reseller", "all_subaccounts")
#: columns whose people hold their role at account level
AT_ACCOUNT = {"manager", "partner_manager", "account_admin"}


@dataclass(frozen=True)
class Row:
    """One line of a table: a permission and its cell in each column."""

    permission: str
    scope: str
    toggle: str
    cells: dict[str, str]


@cache
def table(edition: str) -> tuple[Row, ...]:
    """Return the lines of an edition."""
    with (FOLDER / f"{edition}.csv").open(newline="") as file:
        return tuple(
            Row(
                line["permission"],
                line["scope"],
                line["toggle"],
                {k: v for k, v in line.items() if k not in NOT_ROLES},
            )
            for line in csv.DictReader(file)
        )


def columns(edition: str) -> tuple[str, ...]:
    """Return the role columns of an edition."""
    return tuple(table(edition)[0].cells)


ALL_COLUMNS = [(edition, column) for edition in EDITIONS for column in columns(edition)]


def toggles(edition: str, column: str) -> tuple[str, ...]:
    """Return the toggles that column has, in order."""
    found = {row.toggle: None for row in table(edition) if row.cells[column] == "opt"}
    return tuple(found)


def expected(cell: str, *, toggle: str = "", on: str = "", true: str = "") -> bool:
    """Return what ``cell`` says while the toggle ``on`` and the condition ``true`` hold."""
    if cell.startswith("if:"):
        return cell.removeprefix("if:") == true
    return {"yes": True, "no": False, "opt": bool(on) and toggle == on}[cell]


class World:
    """An account of an edition with two subaccounts and perhaps a home, and a rival like it."""

    def __init__(self, edition: str, *, true: str = "") -> None:
        self.edition, self.true = edition, true
        self.account = self._account()
        self.north, self.south = (
            SubaccountFactory(account=self.account, slug=slug) for slug in ("north", "south")
        )
        self.home: Subaccount | None = None
        if edition == "constant_contact":
            self.home = SubaccountFactory(account=self.account, slug="partner", is_home=True)
        rival = self._account()
        self.rival: Account = rival
        self.rival_north: Subaccount = SubaccountFactory(account=rival, slug="north")
        self.campaigns: dict[Any, Campaign] = {
            place.pk: CampaignFactory(subaccount=place)
            for place in (self.north, self.south, self.rival_north)
        }

    def _account(self) -> Account:
        flags = {flag: self.true == flag for flag in ("single_bill", "reseller")}
        mode = "lists_and_templates" if self.edition == "sailthru" else "off"
        account: Account = AccountFactory(edition=self.edition, team_mode=mode, **flags)
        return account

    @property
    def places(self) -> list[Subaccount]:
        """Return every subaccount there is, the rival's included."""
        own = [self.north, self.south, self.rival_north]
        return [*own, self.home] if self.home else own

    def add(self, column: str, *, home: bool = False) -> Membership | None:
        """Give somebody the role of ``column`` through the services; None for the owner."""
        if column == OWNERS[self.edition]:
            return None
        role = column.partition("@")[0].partition("+")[0]
        where: dict[str, Any] = {"subaccount": self.north}
        if home:
            where = {"managed": [self.home]}
        elif role in AT_ACCOUNT:
            everywhere = role != "manager" or self.true == "all_subaccounts"
            where = {"all_subaccounts": True} if everywhere else {"managed": [self.north]}
        membership = services.add_member(
            consented=True,
            actor=self.account.owner,
            account=self.account,
            user=UserFactory(),
            role=role,
            **where,
        )
        if "+primary_contact" in column:
            services.set_primary_contact(
                actor=self.account.owner, subaccount=self.north, membership=membership
            )
            membership.refresh_from_db()
        return membership

    def reach(self, column: str, *, home: bool = False) -> set[Any]:
        """Return the subaccounts in which the person of ``column`` has the role."""
        role = column.partition("@")[0].partition("+")[0]
        if home:
            return {self.home.pk} if self.home else set()
        everywhere = (
            column == OWNERS[self.edition]
            or role in ("partner_manager", "account_admin")
            or (role == "manager" and self.true == "all_subaccounts")
        )
        own = {self.north.pk, self.south.pk} | ({self.home.pk} if self.home else set())
        return own if everywhere else {self.north.pk}
