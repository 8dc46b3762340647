"""Write down that money was sent back."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from billing import money
from billing.models import Payment
from billing.services import record_refund
from permissions.errors import Invalid, NotFound, Refused
from teams.management.acts import ActCommand, Doer, Outcome, already


class Command(ActCommand):
    """What only the platform does: it sends the money."""

    help = (
        "Write down that AMOUNT of a payment for INVOICE was sent back, as its invoice was "
        "credited. For the platform only: needs --as-platform and --reason. Exits with 0 if the "
        "same refund is written down already, with 2 if it is more than is to be sent back."
    )
    formats = ("text", "json")

    def add_arguments(self, parser: CommandParser) -> None:
        """Add which payment, how much, and what the bank calls it."""
        parser.add_argument("invoice", help="its number as people read it, such as ACME-00012")
        parser.add_argument("--amount", required=True, help="such as 21.00, in its currency")
        parser.add_argument("--reference", required=True, help="what the bank calls that transfer")
        parser.add_argument(
            "--payment", help="the reference of the payment, if there are several for the invoice"
        )
        super().add_arguments(parser)

    def act(self, doer: Doer, options: dict[str, Any]) -> Outcome:
        """Write it down, or find it written down."""
        if not doer.is_platform:
            raise Refused(
                "What was sent back is for the platform to say: use --as-platform with --reason.",
                code="PLATFORM_ONLY",
            )
        payment = _payment(options["invoice"], options["payment"])
        known = set(payment.refunds.values_list("pk", flat=True))
        refund = record_refund(
            payment=payment,
            amount=options["amount"],
            reference=options["reference"],
            **doer.because,
        )
        amount = money.shown(refund.amount, payment.currency)
        what = f"{amount} of {payment.reference} for {payment.invoice}, sent back as "
        what += refund.reference
        data = {
            "invoice": payment.invoice.label,
            "payment": payment.reference,
            "amount": str(refund.amount),
            "currency": payment.currency,
            "reference": refund.reference,
        }
        if refund.pk in known:
            return already(f"{what}, is written down already.", payment.account, data=data)
        return Outcome("write down", "Wrote down", what, payment.account, (), data)


def _payment(label: str, reference: str | None) -> Payment:
    """Return the payment that is meant. Raises NotFound, or Invalid (SEVERAL)."""
    rows = Payment.objects.select_related("account", "invoice").exclude(invoice__label="")
    rows = rows.filter(invoice__label=label, status=Payment.Status.SUCCEEDED).order_by("pk")
    if reference is not None:
        rows = rows.filter(reference=reference)
    found = list(rows[:2])
    if not found:
        named = f" called {reference!r}" if reference is not None else ""
        raise NotFound(f"There is no payment{named} for an invoice {label!r}.")
    if len(found) > 1:
        raise Invalid(
            f"There are several payments for {label}. Say which by --payment.", code="SEVERAL"
        )
    return found[0]
