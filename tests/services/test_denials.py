"""What is missing names every role by which somebody could hold it, and no other."""

from __future__ import annotations

import re

import pytest

from permissions.policy import TOP, Denial, Outcome
from teams.denials import denial_text
from teams.editions import get
from teams.editions.spec import Edition, RoleSpec
from tests.services.world import EDITIONS

pytestmark = pytest.mark.once


def needs(edition: Edition, permission: str) -> str:
    return denial_text(edition, Outcome(denial=Denial.NOT_HELD), permission)


@pytest.mark.parametrize("name", EDITIONS)
def test_exactly_the_roles_that_may_hold_it_are_named(name: str) -> None:
    edition = get(name)

    def may_hold(role: RoleSpec, permission: str) -> bool:
        conditional = (*role.when.values(), *role.optional.values(), role.contact_adds)
        return any(permission in held for held in (role.holds, *conditional))

    for permission in edition.permissions:
        said = needs(edition, permission)
        told = {str(r.label) for r in edition.roles if re.search(rf"\b{r.label}\b", said)}
        assert told == {str(r.label) for r in edition.roles if may_hold(r, permission)}, permission
        assert said.startswith("Only") is (not told), permission


@pytest.mark.parametrize(
    ("edition", "permission", "said"),
    [
        ("emma_hq", "send_campaigns", "Needs Manager, Administrator or Full"),
        ("emma_hq", "create_subaccounts", "Can be switched on for Manager"),
        (
            "emma_hq",
            "export_contacts",
            "Needs Manager or Administrator, or Full or Editor with it switched on",
        ),
        ("emma_hq", "view_assets", "Needs Manager of all subaccounts"),
        ("emma_enterprise", "purge_archived", "Needs Manager, or Full as primary contact"),
        (
            "constant_contact",
            "view_invoices",
            "Needs Partner Manager or Account Manager while billed on the account's single bill",
        ),
        ("sailthru", "manage_roles", "Needs Account Admin, or a custom role with it"),
        ("emma_hq", "pay_invoices", "Only the Owner holds it"),
    ],
)
def test_each_way_to_hold_something_is_named(edition: str, permission: str, said: str) -> None:
    assert needs(get(edition), permission) == said


def test_a_permission_asked_at_the_other_level_is_said_to_be_of_its_own() -> None:
    edition = get("emma_hq")

    def said(permission: str, level: str) -> str:
        return denial_text(edition, Outcome(denial=Denial.WRONG_LEVEL, detail=level), permission)

    assert said("view_invoices", TOP).startswith("This is about the account as a whole")
    assert said("send_campaigns", "subaccount").startswith("This is about single subaccounts")
