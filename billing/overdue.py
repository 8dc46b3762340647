"""What is overdue, what is to happen about it, and when. Reads only; ``services.dunning`` acts.

An invoice is overdue from the day after it was due. A run that comes late shortens nobody's time:
between the last reminder and read-only lie as many days as the settings say.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple, cast

from django.utils import timezone

from billing import selectors
from billing.deadlines import days_of_grace, days_until
from billing.models import DunningStep, Invoice
from billing.single_bill import answered_for, has_single_bill
from teams.models import Account

Step = DunningStep.Step
#: which steps of an invoice were taken on which day
Taken = Mapping[Step, date]


class State(enum.StrEnum):
    """How an account stands with what it owes."""

    CURRENT = "current"
    OVERDUE = "overdue"
    READ_ONLY = "read_only"


@dataclass(frozen=True, slots=True)
class Standing:
    """How an account stands: nothing overdue, something overdue, or read-only over it.

    ``since`` is the first day of that (None for CURRENT), ``owed`` is what is overdue, in
    ``currency``, and ``invoices`` of what, the oldest first. From ``read_only_on`` on nothing can
    be changed unless it is paid. What it does not answer for (``answered_for``) is not in it.
    """

    state: State = State.CURRENT
    since: date | None = None
    owed: Decimal = Decimal(0)
    currency: str = ""
    invoices: tuple[Invoice, ...] = ()
    read_only_on: date | None = None


class Due(NamedTuple):
    """A step that is to be taken, or was."""

    invoice: Invoice
    step: Step


def accounts_late(account: Account | None, on: date) -> list[int]:
    """Return the accounts (keys; ``account`` alone, unless None) with an invoice that is overdue
    ``on`` that day."""
    rows = Invoice.objects.filter(status=Invoice.Status.OPEN, due_on__lt=on)
    if account is not None:
        rows = rows.filter(account=account)
    return sorted(set(rows.values_list("account", flat=True)))


def due_in(account: int, on: date) -> list[Due]:
    """Return the steps of the invoices of ``account`` (a key) that are due ``on`` that day and were
    not taken, oldest invoice first."""
    invoices = _overdue(Invoice.objects.filter(account=account).select_related("account"), on)
    taken = _taken(invoices)
    return [Due(invoice, step) for invoice in invoices for step in _due(invoice, taken, on)]


def standing(account: Account, *, on: date | None = None) -> Standing:
    """Return how ``account`` stands ``on`` that day (today)."""
    day = on or selectors.today()
    late = _overdue(Invoice.objects.filter(answered_for(account), account=account), day)
    if not late:
        return Standing()
    taken = _taken(late)
    enforced = [taken[row.pk][Step.READ_ONLY] for row in late if Step.READ_ONLY in taken[row.pk]]
    return Standing(
        state=State.READ_ONLY if enforced else State.OVERDUE,
        since=min(enforced) if enforced else _due_on(late[0]) + timedelta(days=1),
        owed=sum((row.owed for row in late), Decimal(0)),
        currency=late[0].currency,
        invoices=tuple(late),
        read_only_on=min(_day(row, Step.READ_ONLY, taken[row.pk], day) for row in late),
    )


def read_only_on(invoice: Invoice, *, on: date | None = None) -> date:
    """Return the day on which ``invoice``, unless paid, makes its account read-only, or did."""
    return _day(invoice, Step.READ_ONLY, _taken([invoice])[invoice.pk], on or selectors.today())


def _due_on(invoice: Invoice) -> date:
    return cast("date", invoice.due_on)  # the database sees to it for what is issued


def _overdue(rows: Iterable[Invoice], on: date) -> list[Invoice]:
    """Return those of ``rows`` that are open and should have been paid before that day."""
    still = [row for row in rows if row.status == Invoice.Status.OPEN and row.owed]
    late = [row for row in still if _due_on(row) < on]
    return sorted(late, key=lambda row: (_due_on(row), row.number or 0))


def _taken(invoices: Iterable[Invoice]) -> Mapping[int, dict[Step, date]]:
    """Return which steps of ``invoices`` (keys) were taken when."""
    found: dict[int, dict[Step, date]] = defaultdict(dict)
    for row in DunningStep.objects.filter(invoice__in=[invoice.pk for invoice in invoices]):
        day = timezone.localdate(row.taken_at, timezone.get_default_timezone())
        found[row.invoice_id][Step(row.step)] = day
    return found


def enforces(invoice: Invoice) -> bool:
    """Say whether ``invoice``, unless paid, makes its account read-only in the end."""
    return invoice.subaccount_id is None or not has_single_bill(invoice.account.edition)


def _due(invoice: Invoice, taken: Mapping[int, Taken], on: date) -> Iterator[Step]:
    known = dict(taken[invoice.pk])
    for step in Step:
        if step == Step.READ_ONLY and not enforces(invoice):
            continue
        if step not in known and _day(invoice, step, known, on) <= on:
            known[step] = on
            yield step


def _day(invoice: Invoice, step: Step, taken: Taken, on: date) -> date:
    """Return the day on which ``step`` was taken, or is to be if everything goes on from ``on`` as
    it should."""
    if step in taken:
        return taken[step]
    day = _due_on(invoice) + timedelta(days=days_until(step))
    if step != Step.READ_ONLY:
        return day
    warned = taken.get(Step.LAST_REMINDER) or max(on, _day(invoice, Step.LAST_REMINDER, taken, on))
    return max(day, warned + timedelta(days=days_of_grace()))
