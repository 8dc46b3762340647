"""Money on its way, and money that came."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing.models.invoices import Invoice, amount_field, same_invoice
from permissions.constraints import CompositeForeignKey
from teams.models import Account


class Payment(models.Model):
    """One attempt to pay one invoice; ``key`` makes it the same one however often it is sent.

    ``reference`` is what the gateway, or the bank, calls it: unique there. Of an invoice at most
    one is pending. A SURPLUS has come although nothing was owed any more: it is to be sent back and
    does not count.
    """

    class Status(models.TextChoices):
        """Where it stands; ``billing.states`` says what may follow what."""

        PENDING = "pending", _("Pending")
        SUCCEEDED = "succeeded", _("Paid")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")
        SURPLUS = "surplus", _("To be sent back")
        RETURNED = "returned", _("Sent back")

    key = models.UUIDField(_("key"), default=uuid.uuid4, unique=True, editable=False)
    account = models.ForeignKey(Account, models.PROTECT, related_name="payments")
    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="payments")
    gateway = models.CharField(_("gateway"), max_length=20)
    status = models.CharField(
        _("state"), max_length=10, choices=Status.choices, default=Status.PENDING
    )
    amount = amount_field(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    reference = models.CharField(_("reference"), max_length=200, blank=True)
    redirect_url = models.URLField(_("where to pay"), max_length=2000, blank=True)
    problem = models.CharField(_("problem"), max_length=500, blank=True)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    started_at = models.DateTimeField(_("started"), default=timezone.now)
    settled_at = models.DateTimeField(_("settled"), null=True, blank=True)

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        constraints = [
            models.UniqueConstraint(fields=["account", "id"], name="payment_account_id"),
            models.UniqueConstraint(
                fields=["gateway", "reference"],
                condition=~Q(reference=""),
                name="payment_reference_once",
            ),
            models.UniqueConstraint(
                fields=["invoice"], condition=Q(status="pending"), name="payment_one_pending"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="payment_positive"),
            models.CheckConstraint(
                condition=Q(
                    status__in=[
                        "pending", "succeeded", "failed", "cancelled", "surplus", "returned",
                    ]
                ),
                name="payment_status_known",
            ),
            same_invoice("payment_same_invoice"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.get_status_display()}: {self.invoice}"


class Refund(models.Model):
    """What was sent back of a payment, because its invoice was credited afterwards."""

    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    payment = models.ForeignKey(Payment, models.PROTECT, related_name="refunds")
    amount = amount_field(_("amount"))
    reference = models.CharField(_("reference"), max_length=200)
    made_at = models.DateTimeField(_("made"), default=timezone.now)

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        constraints = [
            models.UniqueConstraint(fields=["payment", "reference"], name="refund_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="refund_positive"),
            CompositeForeignKey(
                fields=("account", "payment"),
                to_table="billing_payment",
                to_columns=("account_id", "id"),
                name="refund_same_payment",
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class GatewayEvent(models.Model):
    """What a gateway told us, each once: a second delivery finds it here.

    Written in the transaction that acts on it, so that what is here has been acted on.
    """

    gateway = models.CharField(max_length=20)
    event = models.CharField(max_length=200)
    kind = models.CharField(max_length=100)
    payment = models.ForeignKey(
        Payment, models.PROTECT, null=True, blank=True, related_name="events"
    )
    outcome = models.CharField(max_length=200)
    received_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("message of a gateway")
        verbose_name_plural = _("messages of gateways")
        constraints = [
            models.UniqueConstraint(fields=["gateway", "event"], name="gatewayevent_once"),
        ]

    def __str__(self) -> str:
        return f"{self.gateway}: {self.kind}"
