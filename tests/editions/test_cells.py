"""Every cell of the truth tables, against the declarations. No database, no settings."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from permissions.catalogue import ACCOUNT, Permission
from teams import editions
from teams.catalogue import CATALOGUE
from teams.editions.spec import (
    ALL_SUBACCOUNTS,
    RESELLER,
    SINGLE_BILL,
    Column,
    CustomRoles,
    Edition,
    RoleSpec,
)

pytestmark = pytest.mark.once

TRUTH = Path(__file__).parents[1] / "truth"
ABOUT = {"row", "activity", "permission", "scope", "toggle", "evidence", "note"}
CONDITIONS = {SINGLE_BILL, RESELLER, ALL_SUBACCOUNTS}


def lines(codename: str) -> list[dict[str, str]]:
    with (TRUTH / f"{codename}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


LINES = {codename: lines(codename) for codename in editions.EDITIONS}
EVERY_EDITION = pytest.mark.parametrize(
    "edition", editions.EDITIONS.values(), ids=lambda e: e.codename
)
EVERY_LINE = pytest.mark.parametrize(
    ("edition", "line"),
    [
        pytest.param(edition, line, id=f"{edition.codename}-{line['permission']}")
        for edition in editions.EDITIONS.values()
        for line in LINES[edition.codename]
    ],
)


def cell(edition: Edition, column: Column, permission: Permission) -> str:
    """Return what ``edition`` declares for one cell, in the words of the truth table."""
    if permission not in edition.permissions:
        return "no"
    if column.role == edition.owner:
        return conditional(edition.owner_when, permission) or "yes"
    role = edition.role(column.role)
    if permission.level == ACCOUNT:
        if column.place == "client" or not role.account_level:
            return "no"
    elif column.place == "home" and role.at_home:
        role = role.at_home
    if permission in role.holds or (column.contact and permission in role.contact_adds):
        return "yes"
    if role.toggle_of(permission):
        return "opt"
    return conditional(role.when, permission) or "no"


def conditional(when: Mapping[str, frozenset[Permission]], permission: Permission) -> str | None:
    for condition, permissions in when.items():
        if permission in permissions:
            return f"if:{condition}"
    return None


def switches(edition: Edition, permission: Permission) -> set[str]:
    """Return the toggles by which any role of ``edition`` admits ``permission``."""
    return {t for role in edition.roles if (t := role.toggle_of(permission))}


def custom(custom_roles: CustomRoles, ticked: Iterable[Permission]) -> set[Permission]:
    """Return what a custom role of the ``ticked`` permissions holds."""
    chosen = (custom_roles.tickable & set(ticked)) | custom_roles.always
    held = {p for p in chosen if chosen.issuperset(p.implies)}
    return held | {p for p, followed in custom_roles.follows.items() if held >= followed}


def parts(role: RoleSpec) -> list[frozenset[Permission]]:
    return [role.holds, *role.when.values(), *role.optional.values()]


@EVERY_LINE
def test_cells_match_the_truth(edition: Edition, line: dict[str, str]) -> None:
    permission = CATALOGUE[line["permission"]]
    declared = {column.name: cell(edition, column, permission) for column in edition.columns}
    assert declared == {name: value for name, value in line.items() if name not in ABOUT}


@EVERY_LINE
def test_scope_and_toggle_match_the_truth(edition: Edition, line: dict[str, str]) -> None:
    permission = CATALOGUE[line["permission"]]
    scope = ACCOUNT if permission.level == ACCOUNT else edition.subaccount_scope
    assert scope == line["scope"]
    assert switches(edition, permission) == ({line["toggle"]} if line["toggle"] else set())


@EVERY_LINE
def test_absent_is_what_the_truth_calls_absent(edition: Edition, line: dict[str, str]) -> None:
    absent = line["evidence"] == "default" and line["note"] == "absent"
    assert (line["permission"] not in edition.permissions) is absent


@EVERY_EDITION
def test_every_permission_has_one_line(edition: Edition) -> None:
    assert len(CATALOGUE) == 89
    assert sorted(line["permission"] for line in LINES[edition.codename]) == sorted(CATALOGUE)


@EVERY_EDITION
def test_columns_are_those_of_the_truth_in_order(edition: Edition) -> None:
    header = [name for name in LINES[edition.codename][0] if name not in ABOUT]
    assert [column.name for column in edition.columns] == header
    assert {c.role for c in edition.columns} - {edition.owner} == {
        r.codename for r in edition.roles
    }


def test_all_cells_are_compared() -> None:
    assert sum(len(LINES[e.codename]) * len(e.columns) for e in editions.EDITIONS.values()) == 2670


@EVERY_EDITION
def test_toggles_used_are_toggles_declared(edition: Edition) -> None:
    used = {toggle for role in edition.roles for toggle in role.optional}
    assert {toggle.codename for toggle in edition.toggles} == used
    assert used == {line["toggle"] for line in LINES[edition.codename]} - {""}


@EVERY_EDITION
def test_togglers_are_roles_of_the_edition(edition: Edition) -> None:
    known = {role.codename for role in edition.roles} | {edition.owner}
    for role in edition.roles:
        assert role.toggled_by <= known
        assert bool(role.toggled_by) == bool(role.optional)


@EVERY_EDITION
def test_roles_say_each_thing_once_and_nothing_absent(edition: Edition) -> None:
    for role in edition.roles:
        declared = [p for part in parts(role) for p in part]
        assert len(declared) == len(set(declared))
        assert edition.permissions.issuperset(declared)
        assert edition.permissions >= role.contact_adds
        assert not role.contact_adds & role.holds
        assert set(role.when) <= CONDITIONS


@EVERY_EDITION
def test_roles_of_a_subaccount_hold_nothing_of_the_account(edition: Edition) -> None:
    for role in edition.roles:
        assert role.account_level or role.subaccount_level
        if not role.account_level:
            declared = role.contact_adds.union(*parts(role))
            assert not [p for p in declared if p.level == ACCOUNT]


@EVERY_EDITION
def test_what_people_need_for_changing_rights_exists(edition: Edition) -> None:
    needed = edition.changes_account | edition.changes_subaccount | edition.gives_roles
    assert needed | set(edition.preconditions) | edition.teams_only <= edition.permissions


@EVERY_EDITION
def test_area_labels_name_areas(edition: Edition) -> None:
    assert set(edition.area_labels) <= {area.codename for area in CATALOGUE.areas}


def test_areas_hold_what_the_matrix_of_emma_hq_shows() -> None:
    hq = editions.get("emma_hq").permissions
    assert {area.codename: len(hq.intersection(area.permissions)) for area in CATALOGUE.areas} == {
        "audience": 15,
        "campaigns": 8,
        "automation": 4,
        "response": 3,
        "content": 16,
        "social": 8,
        "people": 4,
        "settings": 7,
        "account": 10,
        "billing": 8,
    }


# custom roles: only Sailthru has them


def sailthru() -> tuple[Edition, CustomRoles]:
    edition = editions.get("sailthru")
    assert edition.custom_roles is not None
    return edition, edition.custom_roles


def test_only_sailthru_has_custom_roles() -> None:
    assert [e.codename for e in editions.EDITIONS.values() if e.custom_roles] == ["sailthru"]


def test_tickable_is_the_document_without_analytics() -> None:
    _, custom_roles = sailthru()
    document = {line["permission"] for line in LINES["sailthru"] if line["row"]}
    assert custom_roles.always == {"access_insights"}
    assert custom_roles.tickable == document - {"access_insights"}
    assert len(custom_roles.tickable) == 26


def test_follows_is_what_the_truth_says() -> None:
    _, custom_roles = sailthru()
    assert custom_roles.follows == {
        line["permission"]: set(line["note"].removeprefix("follows ").split(" & "))
        for line in LINES["sailthru"]
        if line["note"].startswith("follows ")
    }
    assert custom_roles.tickable | custom_roles.always >= frozenset().union(
        *custom_roles.follows.values()
    )


@pytest.mark.parametrize(
    "name", ["account_admin", "marketer_admin", "marketer_limited", "reports_only"]
)
def test_built_in_role_ticked_as_custom_role_holds_its_column(name: str) -> None:
    _, custom_roles = sailthru()
    yes = [line for line in LINES["sailthru"] if line[name] == "yes"]
    ticked = [CATALOGUE[line["permission"]] for line in yes if line["row"]]
    never = {"base", "account scope", "absent"}
    assert custom(custom_roles, ticked) == {
        line["permission"]
        for line in yes
        if line["evidence"] != "default" or line["note"] not in never
    }


def test_built_in_roles_of_sailthru_hold_what_is_implied() -> None:
    edition, _ = sailthru()
    for role in edition.roles:
        assert all(role.holds.issuperset(p.implies) for p in role.holds)


def test_implied_is_tickable() -> None:
    _, custom_roles = sailthru()
    for permission in CATALOGUE:
        if permission.implies:
            assert permission in custom_roles.tickable
            assert custom_roles.tickable.issuperset(permission.implies)


def test_exporting_does_not_require_the_audience_tab() -> None:
    assert CATALOGUE["export_contacts"].implies == ()


def test_custom_role_without_the_menu_holds_nothing_under_it() -> None:
    _, custom_roles = sailthru()
    alone = custom(custom_roles, [CATALOGUE["use_audience_builder"]])
    assert alone == {"access_insights", "access_response", "view_deep_reports"}


def test_get_names_the_editions_there_are() -> None:
    with pytest.raises(KeyError, match=r"no edition 'emma'; there are constant_contact, "):
        editions.get("emma")
