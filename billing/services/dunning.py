"""Invoices that are overdue: reminded of, reminded of once more, and then enforced.

Each step of an invoice is a row, written once, in the transaction that enqueues its mail and, for
the last, makes the account read-only. Subaccounts that pay for themselves are reminded only: an
account is not stopped over what it does not owe.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time

from django.db import transaction
from django.utils import timezone

from billing import selectors
from billing.models import DunningStep, Invoice
from billing.overdue import Due, Standing, State, accounts_late, due_in, standing
from billing.services import notices
from billing.single_bill import answered_for
from permissions import access
from teams.models import Account
from teams.services.change import Entry
from teams.services.read_only import set_read_only

__all__ = ["Due", "Standing", "State", "refresh", "run", "standing", "would_take"]

Step = DunningStep.Step


def run(account: Account | None = None, *, on: date | None = None) -> Iterator[Due]:
    """Take every step that is due ``on`` that day (today), in ``account`` or in all; yield each.

    One transaction an account. Running it again takes nothing twice, whoever else runs it.
    """
    day = on or selectors.today()
    for key in accounts_late(account, day):
        yield from _take(key, day)


def would_take(account: Account | None = None, *, on: date | None = None) -> Iterator[Due]:
    """Yield what ``run`` would take, and take nothing."""
    day = on or selectors.today()
    for key in accounts_late(account, day):
        yield from due_in(key, day)


@transaction.atomic
def _take(key: int, on: date) -> list[Due]:
    account = Account.objects.select_for_update(no_key=True).get(pk=key)
    access.forget()
    found = due_in(key, on)
    for invoice, step in found:
        DunningStep.objects.create(
            account=account, invoice=invoice, step=step, taken_at=_moment_of(on)
        )
        Entry(None, account).record("invoice.dunned", invoice, step=step, due_on=invoice.due_on)
    # whom the same run owes two reminders gets the later one
    latest = {invoice.pk: (invoice, step) for invoice, step in found}
    for invoice, step in latest.values():
        if step != Step.READ_ONLY:
            notices.tell_reminder(invoice, step)
    refresh(account)
    return found


def _moment_of(day: date) -> datetime:
    """Return when a step was taken: now, or some time of another day if it is run for that."""
    if day == selectors.today():
        return timezone.now()
    return timezone.make_aware(datetime.combine(day, time(12)), timezone.get_default_timezone())


def refresh(account: Account) -> None:
    """Make ``account`` read-only, or writable, as the open invoices it answers for demand.

    Read-only exactly while one of them is open that was enforced.
    Called in the transaction that changed an invoice; whom it concerns is told when that is over.
    """
    locked = Account.objects.select_for_update(no_key=True).get(pk=account.pk)
    enforced = Invoice.objects.filter(
        answered_for(locked),
        account=locked,
        status=Invoice.Status.OPEN,
        dunning_steps__step=Step.READ_ONLY,
    ).exists()
    because = Account.ReadOnly.UNPAID.value if enforced else ""
    if set_read_only(locked, because):
        notices.tell_standing(locked, is_read_only=enforced)
    account.read_only_because = because
