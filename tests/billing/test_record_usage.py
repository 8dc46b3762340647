"""``record_usage``: what was used is written down, once a day, however often it is run."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from billing.factories import SubscriptionFactory
from billing.models import MeteredDay
from teams.factories import AccountFactory, SubaccountFactory
from tests.commands.helpers import run

pytestmark = pytest.mark.django_db


def metered() -> set[tuple[str, date]]:
    return set(MeteredDay.objects.values_list("account__slug", "day"))


def test_it_says_what_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: datetime(2026, 3, 4, 2, tzinfo=UTC))
    harbor, lake, _none = (AccountFactory(slug=n, name=n.title()) for n in ("harbor", "lake", "no"))
    for account, start in ((harbor, date(2026, 3, 1)), (lake, date(2026, 3, 3))):
        SubaccountFactory(account=account, created_at=datetime(2026, 1, 1, tzinfo=UTC))
        SubscriptionFactory(account=account, starts_on=start)

    def done(*arguments: str) -> Any:
        found = run("record_usage", *arguments)
        assert (found.code, found.error) == (0, "")
        return found

    assert (
        done("--day", "2026-03-02").out == "Metered Harbor (harbor): 2026-03-02.\n1 day is new.\n"
    )
    assert done("--day", "2026-03-02").out == "0 days are new.\n"
    assert done("--account", "no").out == "0 days are new.\n"
    assert done("--account", "lake", "--format", "json").json == [
        {"account": "lake", "days": ["2026-03-03"]}
    ]
    assert done("--account", "lake", "--format", "json").json == []
    assert done().out == (
        "Metered Harbor (harbor): 2 days from 2026-03-01 to 2026-03-03.\n2 days are new.\n"
    )
    assert done().out == "0 days are new.\n"
    assert metered() == {
        *(("harbor", date(2026, 3, day)) for day in (1, 2, 3)),
        ("lake", date(2026, 3, 3)),
    }


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (("--day", "yesterday"), 2, "--day takes a date such as"),
        (("--day", "2026-02-30"), 2, "--day takes a date such as"),
        (("--day", "2999-01-01"), 2, "DAY_NOT_OVER: 01 Jan 2999 is not over yet."),
        (("--day", "9999-12-31"), 2, "DAY_NOT_OVER: 31 Dec 9999 is not over yet."),
        (("--account", "nobody"), 2, "NOT_FOUND: There is no account 'nobody'."),
        (("--format", "csv"), 1, "Error: argument --format: invalid choice"),
    ],
)
def test_what_makes_no_sense_is_said_and_nothing_is_written(
    arguments: tuple[str, ...], code: int, error: str
) -> None:
    SubscriptionFactory()
    found = run("record_usage", *arguments)
    assert found.code == code
    assert found.error.startswith(error)
    assert metered() == set()
