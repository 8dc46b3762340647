"""One account that fails keeps no other from its turn, and is named."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from billing.factories import InvoiceFactory, SubscriptionFactory
from billing.models import DunningStep, MeteredDay
from billing.services import dunning, metering
from teams.factories import AccountFactory, SubaccountFactory
from tests.commands.helpers import run

pytestmark = pytest.mark.django_db


def failing(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, slug: str) -> None:
    """Let ``module.name`` break whenever it is asked about the account ``slug``."""
    real = getattr(module, name)

    def breaks(account: Any, *rest: Any) -> Any:
        if account.slug == slug:
            raise ZeroDivisionError("no such number")
        return real(account, *rest)

    monkeypatch.setattr(module, name, breaks)


def test_usage_of_the_others_is_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    for slug in ("broken", "whole"):
        SubaccountFactory(account=SubscriptionFactory(account=AccountFactory(slug=slug)).account)
    failing(monkeypatch, metering, "meter_day", "broken")
    done = run("record_usage", "--day", "2026-10-02")
    assert done.code == 1
    assert "broken (ZeroDivisionError: no such number)" in done.error
    assert "whole" not in done.error
    metered = MeteredDay.objects.values_list("account__slug", "day")
    assert set(metered) == {("whole", date(2026, 10, 2))}


def test_the_others_are_reminded(monkeypatch: pytest.MonkeyPatch) -> None:
    for slug in ("broken", "whole"):
        InvoiceFactory(
            account=AccountFactory(slug=slug),
            issued_on=date(2026, 1, 1),
            due_on=date(2026, 1, 15),
        )
    failing(monkeypatch, dunning, "refresh", "broken")
    done = run("run_dunning")
    assert (done.code, "broken (ZeroDivisionError" in done.error) == (1, True)
    assert set(DunningStep.objects.values_list("account__slug", flat=True)) == {"whole"}
