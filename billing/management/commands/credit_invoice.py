"""Take back what was invoiced wrongly."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import CommandParser

from billing.models import Invoice
from billing.money import rounded, shown
from billing.services.credit import credit_invoice
from permissions.errors import NotFound, Refused
from permissions.management.base import UsageError
from teams.management.acts import ActCommand, Doer, Outcome, add_account


class Command(ActCommand):
    """What only the platform does: an issued invoice is corrected by a credit note."""

    help = (
        "Write a credit note about all that is left of an issued invoice, or about --amount of it. "
        "For the platform only: needs --as-platform and --reason, which stands on the credit note."
    )
    formats = ("text", "json")

    def add_arguments(self, parser: CommandParser) -> None:
        """Add which invoice, and how much of it."""
        parser.add_argument("invoice", help="its number, such as EMMA-HQ-00012")
        add_account(parser)
        parser.add_argument("--amount", help="how much, tax included: 12.50")
        super().add_arguments(parser)

    def act(self, doer: Doer, options: dict[str, Any]) -> Outcome:
        """Credit it."""
        if not doer.is_platform:
            raise Refused(
                "Invoices are credited by the platform: use --as-platform with --reason.",
                code="PLATFORM_ONLY",
            )
        account = doer.account(options["account"])
        label = options["invoice"].strip().upper()
        rows = account.invoices.exclude(status=Invoice.Status.DRAFT)
        invoice = rows.filter(label=label).first() if label.isprintable() else None
        if invoice is None:
            raise NotFound(f"There is no invoice {options['invoice']!r} of {account.name}.")
        note = credit_invoice(invoice=invoice, amount=_amount(options["amount"]), **doer.because)
        note.invoice.refresh_from_db()
        total = shown(note.total, invoice.currency)
        owed = shown(note.invoice.owed, invoice.currency)
        return Outcome(
            "credit",
            "Credited",
            f"{total} of {invoice.label} with {note.label}",
            account,
            (f"{owed} of it is owed now.",),
            {
                "invoice": invoice.label,
                "credit_note": note.label,
                "currency": invoice.currency,
                "total": rounded(note.total, invoice.currency),
                "tax": rounded(note.tax, invoice.currency),
                "owed": rounded(note.invoice.owed, invoice.currency),
                "surplus": rounded(note.invoice.surplus, invoice.currency),
                "status": note.invoice.status,
            },
        )


def _amount(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        raise UsageError(f"{text!r} is no amount. Write it like 12.50.") from None
