"""What nobody carries on: payments about which something is left to do at a gateway."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from billing import gateways
from billing.models import Payment
from billing.services.settling import returned, settle, withdrawn

Status = Payment.Status


def unsettled(older_than: timedelta) -> QuerySet[Payment]:
    """Return the payments of all accounts about which something is left to do at a gateway."""
    since = timezone.now() - older_than
    open_or_surplus = Q(status=Status.PENDING, started_at__lte=since) | Q(status=Status.SURPLUS)
    rows = Payment.objects.filter(open_or_surplus).select_related("invoice")
    return rows.order_by("pk")


def reconcile(payment: Payment) -> Payment:
    """Find out at the gateway what became of ``payment``, and write it down; return it.

    What never reached the gateway is cancelled, what asks for more than is owed now is withdrawn,
    what is to be sent back is sent back. Raises GatewayError or Invalid (UNKNOWN_GATEWAY); doing it
    again is safe.
    """
    if payment.status == Status.SURPLUS:
        return returned(payment)
    if payment.status != Status.PENDING:
        return payment
    if not payment.reference or payment.amount > payment.invoice.owed:
        return withdrawn(payment)
    return settle(payment, gateways.get(payment.gateway).look(payment))
