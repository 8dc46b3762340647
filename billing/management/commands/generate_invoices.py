"""Draw up, and send, what a month came to."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction
from django.db.models import Q

from billing.models import Invoice, Subscription
from billing.money import rounded, shown
from billing.rating import next_month
from billing.reports import month_of
from billing.services.invoicing import draft_invoices, issue_invoice
from permissions import access
from permissions.errors import Invalid, ServiceError
from permissions.management.base import PROBLEM, OurCommand, UsageError
from teams.background import only_tried
from teams.management.accounts import add_account, find_account
from teams.models import Account

log = logging.getLogger("billing.invoices")


@dataclass(slots=True)
class Done:
    """What came of one account; ``left`` are the invoices that had been issued before."""

    account: Account
    drafted: list[Invoice] = field(default_factory=list)
    issued: list[Invoice] = field(default_factory=list)
    left: list[Invoice] = field(default_factory=list)
    problem: str = ""


class Command(OurCommand):
    """One transaction an account: killed at any moment, it is run again and goes on."""

    help = (
        "Draft the invoices of a month that is over, for every account that had a rate plan in it "
        "and for each subaccount that pays for itself; with --issue, number and send them too. "
        "Drafts are drawn up anew, issued invoices stay as they are, so that it can be run as "
        "often as one likes. Exits with 1 if an account could not be invoiced: the others are."
    )
    formats = ("text", "json")

    def add_arguments(self, parser: CommandParser) -> None:
        """Add which month, where, and how far."""
        parser.add_argument("--month", required=True, help="the month, such as 2026-10")
        add_account(parser)
        parser.add_argument("--issue", action="store_true", help="number and send them as well")
        parser.add_argument("--dry-run", action="store_true", help="say what would be done")

    def handle(self, *args: Any, **options: Any) -> None:
        """Invoice one account after the other."""
        month, is_dry = _month(options["month"]), options["dry_run"]
        done = []
        for account in _accounts(month, find_account(options["account"])):
            done.append(_one(account, month, is_issued=options["issue"], is_dry=is_dry))
            if options["format"] == "text":
                self.stdout.write("\n".join(_lines(done[-1], is_dry=is_dry)))
        if options["format"] == "json":
            self.json({"month": options["month"], "dry_run": is_dry, "accounts": _data(done)})
        elif not done:
            self.stdout.write(f"Nobody had a rate plan in {month:%B %Y}.")
        failed = [one.account.slug for one in done if one.problem]
        if failed:
            raise CommandError(
                f"{len(failed)} of {len(done)} accounts could not be invoiced: {', '.join(failed)}",
                returncode=PROBLEM,
            )


def _month(text: str) -> date:
    try:
        return month_of(text)
    except Invalid as error:
        raise UsageError(error.message) from None


def _accounts(month: date, only: Account | None) -> Iterator[Account]:
    """Yield the accounts that had a rate plan in ``month``, by their short names."""
    running = Q(ends_on=None) | Q(ends_on__gt=month)
    rows = Subscription.objects.filter(running, starts_on__lt=next_month(month))
    found = Account.objects.filter(pk__in=rows.values("account"))
    if only is not None:
        found = found.filter(pk=only.pk)
    yield from found.order_by("slug")


def _one(account: Account, month: date, *, is_issued: bool, is_dry: bool) -> Done:
    done = Done(account)
    try:
        with transaction.atomic(), only_tried() if is_dry else nullcontext():
            drafts = draft_invoices(account, month)
            if is_issued:
                done.issued = [issue_invoice(draft) for draft in drafts]
            else:
                done.drafted = drafts
            rows = Invoice.objects.filter(account=account, month=month).select_related("subaccount")
            new = [invoice.pk for invoice in drafts]
            done.left = list(rows.exclude(pk__in=new).order_by("number"))
            transaction.set_rollback(is_dry)
    except ServiceError as error:
        return Done(account, problem=f"{error.code}: {error.message}")
    except Exception as error:  # what is wrong with one account stops no other
        log.exception("%s could not be invoiced", account.slug)
        return Done(account, problem=f"{type(error).__name__}: {error}")
    finally:
        access.forget()
    return done


def _lines(done: Done, *, is_dry: bool) -> Iterator[str]:
    name = f"{done.account.name} ({done.account.slug})"
    if done.problem:
        yield f"{name}: not invoiced. {done.problem}"
    would = "would be " if is_dry else ""
    for what, invoices in (
        (f"{would}drafted", done.drafted),
        (f"{would}issued", done.issued),
        ("left, as it was issued before", done.left),
    ):
        for invoice in invoices:
            payer = f" to {invoice.subaccount.name}" if invoice.subaccount else ""
            total = shown(invoice.total, invoice.currency)
            yield f"{name}: {invoice} over {total}{payer} {what}."
    if not (done.problem or done.drafted or done.issued or done.left):
        yield f"{name}: nothing to invoice."


def _data(done: Iterable[Done]) -> list[dict[str, Any]]:
    return [
        {
            "account": one.account.slug,
            "drafted": [_invoice(invoice) for invoice in one.drafted],
            "issued": [_invoice(invoice) for invoice in one.issued],
            "left": [_invoice(invoice) for invoice in one.left],
            "problem": one.problem or None,
        }
        for one in done
    ]


def _invoice(invoice: Invoice) -> dict[str, Any]:
    return {
        "invoice": invoice.label or None,
        "subaccount": invoice.subaccount.slug if invoice.subaccount else None,
        "total": rounded(invoice.total, invoice.currency),
        "currency": invoice.currency,
        "due_on": invoice.due_on,
    }
