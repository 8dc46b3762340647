"""Write down that money came to the bank."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from billing import money
from billing.models import Invoice
from billing.services import record_payment
from permissions.errors import NotFound, Refused
from teams.management.acts import ActCommand, Doer, Outcome, already


class Command(ActCommand):
    """What only the platform does: it reads the statements of its bank."""

    help = (
        "Write down that AMOUNT came to the bank for INVOICE, of which it may be a part. For the "
        "platform only: needs --as-platform and --reason. Exits with 0 if the same transfer is "
        "written down already, with 2 if it is more than is owed."
    )
    formats = ("text", "json")

    def add_arguments(self, parser: CommandParser) -> None:
        """Add which invoice, how much, and what the bank calls it."""
        parser.add_argument("invoice", help="its number as people read it, such as ACME-00012")
        parser.add_argument("--amount", required=True, help="such as 121.00, in its currency")
        parser.add_argument("--reference", required=True, help="what the bank calls the transfer")
        super().add_arguments(parser)

    def act(self, doer: Doer, options: dict[str, Any]) -> Outcome:
        """Write it down, or find it written down."""
        if not doer.is_platform:
            raise Refused(
                "What came to the bank is for the platform to say: use --as-platform with "
                "--reason.",
                code="PLATFORM_ONLY",
            )
        invoice = Invoice.objects.exclude(label="").filter(label=options["invoice"]).first()
        if invoice is None:
            raise NotFound(f"There is no invoice {options['invoice']!r}.")
        known = set(invoice.payments.values_list("pk", flat=True))
        payment = record_payment(
            invoice=invoice,
            amount=options["amount"],
            reference=options["reference"],
            **doer.because,
        )
        invoice.refresh_from_db()
        amount = money.shown(payment.amount, payment.currency)
        what = f"{amount} for {invoice}, which the bank calls {payment.reference}"
        owed = money.shown(invoice.owed, invoice.currency)
        data = {
            "invoice": invoice.label,
            "amount": str(payment.amount),
            "currency": payment.currency,
            "reference": payment.reference,
            "owed": str(invoice.owed),
            "state": invoice.status,
        }
        left = "It is paid." if not invoice.owed else f"{owed} of it is still owed."
        if payment.pk in known:
            said = f"{what}, is written down already."
            return already(said, invoice.account, left, data=data)
        return Outcome("write down", "Wrote down", what, invoice.account, (left,), data)
