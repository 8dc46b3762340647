"""billing_report: what the console hands out, in somebody's name, whole or not at all."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from tests.billing.test_reports import october
from tests.services.world import world

pytestmark = [pytest.mark.django_db, pytest.mark.once]


def run(w: Any, actor: Any, **options: Any) -> str:
    """Run the command and return what it printed."""
    out = io.StringIO()
    given = {"account": w.account.slug, "month": "2026-10", "format": "csv", **options}
    call_command("billing_report", actor=actor.get_username(), stdout=out, **given)
    return out.getvalue()


def test_a_report_is_written_in_every_format(db: Any, tmp_path: Path) -> None:
    w = world("emma_hq")
    october(w)
    assert run(w, w.owner).count("\r\n") == 7
    found = json.loads(run(w, w.owner, format="json"))
    assert [section["subaccount"] for section in found["sections"]] == [None, "North", "South"]
    path = tmp_path / "october.xlsx"
    path.write_text("before")
    run(w, w.owner, format="xlsx", output=str(path))
    assert openpyxl.load_workbook(path).sheetnames == ["Summary", "Account", "North", "South"]
    assert [one.name for one in tmp_path.iterdir()] == ["october.xlsx"]
    narrowed = json.loads(
        run(w, w.manager(w.north, toggles=("billing_reports",)).user, format="json")
    )
    assert [section["subaccount"] for section in narrowed["sections"]] == ["North"]


def test_what_is_wrong_leaves_the_file_as_it_was(db: Any, tmp_path: Path) -> None:
    w, rival = world("emma_hq"), world("emma_hq")
    path = tmp_path / "october.csv"
    path.write_text("before")
    for actor, options, code, text in (
        (w.manager().user, {}, 1, "View billing reports"),
        (rival.owner, {}, 2, f"There is no account {w.account.slug!r}."),
        (w.owner, {"month": "October"}, 2, "UNKNOWN_MONTH"),
        (w.owner, {"month": "9999-12"}, 2, "UNKNOWN_MONTH"),  # no month comes after it
        (w.owner, {"format": "xlsx", "output": "-"}, 2, "--output"),
        (w.owner, {"output": str(tmp_path / "no" / "where.csv")}, 1, "no half file"),
    ):
        with pytest.raises(CommandError) as caught:
            run(w, actor, **{"output": str(path), **options})
        assert (caught.value.returncode, text in str(caught.value)) == (code, True), text
    with pytest.raises(CommandError) as caught:
        run(w, w.owner, account="nowhere")
    assert "There is no account 'nowhere'." in str(caught.value)
    assert [one.name for one in tmp_path.iterdir()] == ["october.csv"]
    assert path.read_text() == "before"
