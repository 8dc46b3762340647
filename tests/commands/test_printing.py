"""``access_matrix``, ``list_permissions``, ``verify_audit``: what they print, how they end."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from permissions import audit
from permissions.models import AuditEvent
from teams.catalogue import CATALOGUE
from teams.editions import EDITIONS
from teams.factories import UserFactory
from tests.commands.helpers import run
from tests.services.world import stored

pytestmark = [pytest.mark.django_db, pytest.mark.once]

TRUTH = Path(__file__).parents[1] / "truth"
ABOUT = {"row", "activity", "toggle", "evidence", "note"}
ALL = (
    "access_matrix",
    "check_integrity",
    "explain_access",
    "list_permissions",
    "seed_demo",
    "verify_audit",
)


# access_matrix


@pytest.mark.parametrize("edition", EDITIONS)
def test_access_matrix_is_the_published_table(edition: str) -> None:
    with (TRUTH / f"{edition}.csv").open(newline="", encoding="utf-8") as file:
        truth = {line["permission"]: line for line in csv.DictReader(file)}
    before = stored()

    done = run("access_matrix", edition=edition, format="csv")

    assert done.code == 0
    header, *rows = done.rows
    assert header[:2] == ["permission", "scope"]
    found = {row[0]: dict(zip(header, row, strict=True)) for row in rows}
    assert found == {
        name: {k: v for k, v in line.items() if k not in ABOUT} for name, line in truth.items()
    }
    assert len(rows) == 89
    assert stored() == before


def test_access_matrix_as_json_and_text_says_the_same() -> None:
    table = run("access_matrix", edition="emma_hq", format="csv").rows
    rows = run("access_matrix", edition="emma_hq", format="json").json
    text = run("access_matrix", edition="emma_hq").out

    assert [list(row.values()) for row in rows] == table[1:]
    assert [list(row) for row in rows] == [table[0]] * 89
    assert text.split("\n")[0].split() == table[0]
    assert [line.split() for line in text.strip().split("\n")[1:]] == table[1:]


@pytest.mark.parametrize("edition", ["emma_imperial", "", "EMMA_HQ", "emma-hq", "emma_hq\x00"])
def test_access_matrix_of_an_unknown_edition(edition: str) -> None:
    done = run("access_matrix", edition=edition)
    assert (done.code, done.out) == (2, "")
    assert "choose one of constant_contact, emma_corporate" in done.error


# list_permissions


def test_list_permissions_as_json() -> None:
    found = run("list_permissions", format="json").json

    assert [item["codename"] for item in found] == [str(p) for p in CATALOGUE]
    assert {tuple(item) for item in found} == {
        ("codename", "label", "area", "scopes", "implies", "roles", "enforced_by")
    }
    by_name = {item["codename"]: item for item in found}
    send = by_name["export_pii"]
    assert (send["scopes"], send["implies"], send["area"]) == (
        ["subaccount"],
        ["access_audience"],
        "audience",
    )
    assert by_name["create_subaccounts"]["scopes"] == ["account"]
    assert by_name["create_subaccounts"]["enforced_by"] == ["service create_subaccount"]
    assert by_name["manage_stores"]["enforced_by"] == []


@pytest.mark.parametrize("edition", EDITIONS)
def test_list_permissions_names_the_roles_of_the_table(edition: str) -> None:
    """Whoever has anything but "no" in the published table, and nobody else."""
    with (TRUTH / f"{edition}.csv").open(newline="", encoding="utf-8") as file:
        truth = list(csv.DictReader(file))
    roles = {
        item["codename"]: item["roles"][edition]
        for item in run("list_permissions", format="json").json
    }
    owner = EDITIONS[edition].owner
    columns = [c for c in truth[0] if c not in ABOUT | {"permission", "scope"}]
    for line in truth:
        expected = {c.partition("@")[0].partition("+")[0] for c in columns if line[c] != "no"}
        if edition == "sailthru" and "account_admin" in expected:
            expected.add(owner)
        assert set(roles[line["permission"]]) == expected, line["permission"]


def test_list_permissions_as_csv_and_text() -> None:
    header, *rows = run("list_permissions", format="csv").rows
    text = run("list_permissions").out

    assert header == ["codename", "label", "area", "scopes", "implies", "enforced_by"]
    assert [row[0] for row in rows] == [str(p) for p in CATALOGUE]
    assert {row[0]: row[5] for row in rows}["manage_stores"] == ""
    line = next(line for line in text.split("\n") if line.startswith("manage_stores"))
    assert "nothing yet" in line


def test_list_permissions_needs_no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(connection, "cursor", refuse)
    assert run("list_permissions").code == 0


# verify_audit


def append(root: str = "test:1", count: int = 3) -> None:
    actor = UserFactory()
    for _ in range(count):
        audit.record(root=root, actor=actor, action="x.done", subject=actor)


def test_verify_audit_of_an_intact_record() -> None:
    append()
    append("test:2", 2)

    assert run("verify_audit").out == "The audit is intact: 5 events.\n"
    assert run("verify_audit", root="test:2").out == "The audit is intact: 2 events.\n"
    assert run("verify_audit", format="json").json == []
    assert run("verify_audit", format="csv").rows == [["root", "sequence", "problem"]]


def test_verify_audit_finds_a_flaw() -> None:
    append()
    append("test:2")
    audit.unlock("default")
    AuditEvent.objects.filter(root="test:1", sequence=2).update(action="other")
    flaw = {
        "root": "test:1",
        "sequence": 2,
        "problem": "was edited: its content does not match its hash",
    }

    done = run("verify_audit", format="json")

    assert (done.code, done.json) == (1, [flaw])
    assert run("verify_audit", format="csv").rows[1] == [str(v) for v in flaw.values()]
    assert (run("verify_audit").code, run("verify_audit", root="test:1").code) == (1, 1)
    assert run("verify_audit", root="test:2").code == 0


@pytest.mark.parametrize("root", ["test:9", "", "a\x00b", "x" * 5000])
def test_verify_audit_of_an_unknown_chain(root: str) -> None:
    append()
    done = run("verify_audit", root=root)
    assert (done.code, done.out) == (2, "")


# all of them


@pytest.mark.parametrize("name", ALL)
def test_unknown_format_is_a_usage_error(name: str) -> None:
    arguments = {"access_matrix": ["--edition", "emma_hq"], "explain_access": ["a", "b", "c"]}
    done = run(name, *arguments.get(name, []), "--format", "xml")
    assert done.out == ""
    assert "invalid choice: 'xml'" in done.error


@pytest.mark.parametrize("name", ["check_integrity", "list_permissions", "verify_audit"])
def test_unknown_format_given_as_an_option(name: str) -> None:
    """``call_command`` does not look at the choices of an option given by name."""
    assert run(name, format="xml\x00").code == 2
