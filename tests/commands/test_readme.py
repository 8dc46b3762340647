"""What README tells a newcomer to type works on the demo data, line by line."""

from __future__ import annotations

import re
import shlex
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from tests.commands.helpers import run

pytestmark = [pytest.mark.django_db, pytest.mark.once]

README = Path(__file__).parents[2] / "README.md"
#: those that need nothing but the demo data
SECTIONS = ("Roles, teams, ownership", "Billing", "Ask it")
#: the month that README takes for the last one
MONTH = "2026-10"
#: how README has the shell say which day it is
TODAY = "$(date -u +%F)"


def lines(section: str) -> list[list[str]]:
    """Return the words of each command in a section, without what a shell leaves out."""
    text = README.read_text(encoding="utf-8")
    found = re.search(rf"^## {re.escape(section)}\n(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    assert found is not None, section
    joined = found[1].replace("\\\n", " ")
    typed = re.findall(r"^    manage\.py (.+)$", joined, re.MULTILINE)
    return [_now(shlex.split(line, comments=True)) for line in typed]


def _now(words: list[str]) -> list[str]:
    """Return ``words`` for whoever reads them today: the demo is as old as that, and its last
    invoice is of last month."""
    today = timezone.localdate()
    last = today.replace(day=1) - timedelta(days=1)
    meant = {MONTH: f"{last:%Y-%m}", TODAY: today.isoformat()}
    return [meant.get(word, word) for word in words]


def test_every_line_does_what_it_is_there_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # some write a file where they are
    assert run("seed_demo", force=True).code == 0
    typed = [words for section in SECTIONS for words in lines(section)]
    assert len(typed) > 10
    # what is denied, which explain_access tells by its exit code, is no error
    wrong = [(words, done.error) for words in typed if (done := run(*words)).error]
    assert not wrong
