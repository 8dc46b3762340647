"""``export_contacts``: to standard output or a file that is whole or not there."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from teams.factories import ContactFactory, MailingListFactory
from teams.models import Contact, ContactExport
from teams.models.account import TeamMode
from teams.services import export_rows, exports
from tests.commands.helpers import Done, run
from tests.concurrency.test_revocation import url_of_test_database
from tests.services.moving import put_on
from tests.services.world import World, world

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).parents[2]


@pytest.fixture
def w() -> World:
    w = world("emma_hq")
    ContactFactory.create_batch(3, subaccount=w.north)
    return w


def call(w: World, **options: Any) -> Done:
    where = {
        "actor": w.owner.username,
        "account": w.account.slug,
        "subaccount": "north",
    }
    return run("export_contacts", **{**where, **options})


def first_cells(text: str) -> set[str]:
    return {row[0] for row in list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))[1:]}


def test_prints_contacts_of_the_subaccount_or_of_a_list(w: World) -> None:
    everybody = set(Contact.objects.values_list("email", flat=True))
    assert first_cells(call(w).out) == everybody
    found = MailingListFactory(subaccount=w.north)
    one = Contact.objects.all()[0]
    put_on(found, one)
    assert first_cells(call(w, list=found.slug).out) == {one.email}


@pytest.mark.parametrize("small", [2000, -1])
def test_writes_a_file_and_keeps_none(
    w: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: int
) -> None:
    monkeypatch.setattr(exports, "SMALL", small)
    path = tmp_path / "out.csv"
    path.write_text("old")
    done = call(w, output=str(path))
    assert (done.code, done.out) == (0, "")
    assert len(first_cells(path.read_text())) == 3
    assert [one.name for one in tmp_path.iterdir()] == ["out.csv"]
    assert not ContactExport.objects.exclude(file="").exists()


def test_without_addresses_in_exports_it_holds_hashes() -> None:
    w = world("sailthru", team_mode=TeamMode.OFF)
    contact = ContactFactory(subaccount=w.north)
    person = w.member("marketer_admin").user
    done = call(w, actor=person.username)
    assert first_cells(done.out) == {export_rows.hashed(contact.email)}
    assert "with hashes of addresses" in call(w, actor=person.username, dry_run=True).out


def test_dry_run_counts_and_leaves_nothing(w: World) -> None:
    done = call(w, dry_run=True)
    assert done.out.startswith("3 contacts would be exported, with addresses.")
    assert not ContactExport.objects.exists()


def test_whoever_may_not_is_refused(w: World) -> None:
    done = call(w, actor=w.member("full").user.username)
    assert (done.code, done.error.partition(":")[0]) == (1, "OUT_OF_SCOPE")
    done = call(w, actor=world("emma_hq").owner.username)
    assert (done.code, done.error.partition(":")[0]) == (2, "NOT_FOUND")


@pytest.mark.parametrize("output", ["/dev/full", "/nowhere/out.csv"])
def test_what_cannot_be_written_is_said(w: World, output: str) -> None:
    done = call(w, output=output)
    assert done.code == 1
    assert "could not be written" in done.error


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_full_standard_output_is_a_clear_error(w: World) -> None:
    with open("/dev/full", "w") as full:
        found = subprocess.run(
            [
                sys.executable, "manage.py", "export_contacts", "--actor", w.owner.username,
                "--account", w.account.slug, "--subaccount", "north",
            ],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={
                "PATH": "/usr/bin:/bin",
                "DATABASE_URL": url_of_test_database(),
                "DJANGO_SETTINGS_MODULE": "config.settings.dev",
            },
            timeout=120,
            check=False,
        )  # fmt: skip
    assert found.returncode == 1
    assert "No space left on device" in found.stderr
    assert "Traceback" not in found.stderr
