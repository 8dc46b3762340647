"""Who pays, and what they were asked to pay."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing.models.plans import Meter
from permissions.constraints import CompositeForeignKey
from teams.models import Account, Subaccount
from teams.models.account import same_account


def amount_field(label: Any, **given: Any) -> models.DecimalField[Any, Any]:
    """Return a column of money: the smallest unit of any currency that is used fits."""
    return models.DecimalField(label, max_digits=14, decimal_places=3, **given)


def same_invoice(name: str) -> CompositeForeignKey:
    """Return the constraint that (account, invoice) is an invoice of that account."""
    return CompositeForeignKey(
        fields=("account", "invoice"),
        to_table="billing_invoice",
        to_columns=("account_id", "id"),
        name=name,
    )


class BillingDetails(models.Model):
    """Who pays, and who is written to about it: the account, or a subaccount billed directly.

    ``subaccount`` is None for the account itself. ``tax_rate`` (percent) and ``tax_label`` are the
    platform's to say, everything else is the payer's.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="billing_details")
    subaccount = models.ForeignKey(
        Subaccount, models.CASCADE, null=True, blank=True, related_name="+"
    )
    name = models.CharField(_("company"), max_length=120)
    contact_name = models.CharField(_("billing contact"), max_length=120, blank=True)
    contact_address = models.EmailField(_("address of the billing contact"), blank=True)
    street = models.CharField(_("street"), max_length=200, blank=True)
    postal_code = models.CharField(_("postal code"), max_length=20, blank=True)
    city = models.CharField(_("city"), max_length=100, blank=True)
    country = models.CharField(_("country"), max_length=2, blank=True)
    tax_id = models.CharField(_("tax number"), max_length=40, blank=True)
    tax_label = models.CharField(_("tax"), max_length=40, blank=True)
    tax_rate = models.DecimalField(
        _("tax rate in percent"), max_digits=5, decimal_places=2, default=Decimal(0)
    )

    class Meta:
        verbose_name = _("billing details")
        verbose_name_plural = _("billing details")
        constraints = [
            models.UniqueConstraint(
                fields=["account"], condition=Q(subaccount=None), name="billingdetails_of_account"
            ),
            models.UniqueConstraint(fields=["subaccount"], name="billingdetails_of_subaccount"),
            models.CheckConstraint(
                condition=Q(tax_rate__gte=0) & Q(tax_rate__lte=100), name="billingdetails_tax_rate"
            ),
            same_account(
                "teams_subaccount",
                key="subaccount",
                name="billingdetails_same_account",
                cascade=True,
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Invoice(models.Model):
    """What one payer owes for one month, in one currency.

    ``subaccount`` is None where the account pays. A draft has no ``number`` and may be drawn up
    anew; once issued, only ``status``, ``paid``, ``credited`` and ``settled_at`` change: the
    database refuses the rest. ``label`` is the number as people read it. ``billed_to`` and
    ``seller`` are the addresses as they were then. ``total`` = ``subtotal`` + ``tax``.
    """

    class Status(models.TextChoices):
        """Where it stands; ``billing.states`` says what may follow what."""

        DRAFT = "draft", _("Draft")
        OPEN = "open", _("Open")
        PAID = "paid", _("Paid")
        CREDITED = "credited", _("Credited")

    account = models.ForeignKey(Account, models.PROTECT, related_name="invoices")
    subaccount = models.ForeignKey(
        Subaccount, models.PROTECT, null=True, blank=True, related_name="invoices"
    )
    month = models.DateField(_("month"))
    status = models.CharField(
        _("state"), max_length=10, choices=Status.choices, default=Status.DRAFT
    )
    number = models.PositiveIntegerField(_("number"), null=True, blank=True)
    label = models.CharField(_("invoice"), max_length=80, blank=True)
    currency = models.CharField(_("currency"), max_length=3)
    subtotal = amount_field(_("subtotal"), default=0)
    tax_label = models.CharField(_("tax"), max_length=40, blank=True)
    tax_rate = models.DecimalField(_("tax rate"), max_digits=5, decimal_places=2, default=0)
    tax = amount_field(_("tax"), default=0)
    total = amount_field(_("total"), default=0)
    paid = amount_field(_("paid"), default=0)
    credited = amount_field(_("credited"), default=0)
    billed_to = models.JSONField(_("billed to"), default=dict)
    seller = models.JSONField(_("seller"), default=dict)
    issued_on = models.DateField(_("issued"), null=True, blank=True)
    due_on = models.DateField(_("due"), null=True, blank=True)
    settled_at = models.DateTimeField(_("settled"), null=True, blank=True)
    created_at = models.DateTimeField(_("drafted"), default=timezone.now)

    class Meta:
        verbose_name = _("invoice")
        verbose_name_plural = _("invoices")
        constraints = [
            models.UniqueConstraint(fields=["account", "id"], name="invoice_account_id"),
            models.UniqueConstraint(fields=["account", "number"], name="invoice_account_number"),
            models.UniqueConstraint(
                fields=["account", "month"],
                condition=Q(subaccount=None),
                name="invoice_account_month",
            ),
            models.UniqueConstraint(
                fields=["subaccount", "month"], name="invoice_subaccount_month"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["draft", "open", "paid", "credited"]),
                name="invoice_status_known",
            ),
            models.CheckConstraint(
                condition=Q(status="draft", number=None, issued_on=None, due_on=None)
                | (~Q(status="draft") & Q(number__gte=1, issued_on__isnull=False))
                & Q(due_on__gte=F("issued_on")),
                name="invoice_number_when_issued",
            ),
            models.CheckConstraint(
                condition=Q(total__gte=0) & Q(subtotal__gte=0) & Q(tax__gte=0),
                name="invoice_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(paid__gte=0, paid__lte=F("total")), name="invoice_paid_at_most_total"
            ),
            models.CheckConstraint(
                condition=Q(credited__gte=0, credited__lte=F("total")),
                name="invoice_credited_at_most_total",
            ),
            same_account("teams_subaccount", key="subaccount", name="invoice_same_account"),
        ]
        indexes = [
            models.Index(fields=["account", "-month", "-id"], name="invoice_account_newest"),
            models.Index(fields=["due_on"], condition=Q(status="open"), name="invoice_open_due"),
        ]

    def __str__(self) -> str:
        return self.label or f"Draft for {self.month:%B %Y}"

    @property
    def owed(self) -> Decimal:
        """Return what is still to be paid, never less than nothing."""
        owed: Decimal = self.total - self.credited - self.paid
        return max(Decimal(0), owed)

    @property
    def surplus(self) -> Decimal:
        """Return what was paid and then credited, so that it is owed to the payer."""
        surplus: Decimal = self.paid + self.credited - self.total
        return max(Decimal(0), surplus)


class InvoiceLine(models.Model):
    """One line: what one meter of one subaccount (None: of the account) came to.

    For the days from ``starts_on`` until the day before ``ends_on``. ``place`` is the name of the
    subaccount as it was then. ``quantity`` is what was used, included or not, in what ``unit``
    says.
    """

    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    invoice = models.ForeignKey(Invoice, models.CASCADE, related_name="lines")
    position = models.PositiveIntegerField()
    subaccount = models.ForeignKey(
        Subaccount, models.PROTECT, null=True, blank=True, related_name="+"
    )
    place = models.CharField(_("subaccount"), max_length=120, blank=True)
    meter = models.CharField(_("meter"), max_length=11, choices=Meter.choices)
    description = models.CharField(_("what for"), max_length=200)
    quantity = models.DecimalField(_("quantity"), max_digits=15, decimal_places=3)
    amount = amount_field(_("amount"))
    starts_on = models.DateField(_("from"))
    ends_on = models.DateField(_("until"))

    class Meta:
        verbose_name = _("line of an invoice")
        verbose_name_plural = _("lines of an invoice")
        ordering = ("invoice", "position")
        constraints = [
            models.UniqueConstraint(fields=["invoice", "position"], name="invoiceline_position"),
            models.CheckConstraint(
                condition=Q(ends_on__gt=F("starts_on")), name="invoiceline_ends_after_start"
            ),
            same_invoice("invoiceline_same_invoice"),
            same_account("teams_subaccount", key="subaccount", name="invoiceline_same_account"),
        ]

    def __str__(self) -> str:
        return self.description


class CreditNote(models.Model):
    """What is taken back of an issued invoice: its only correction, and as unchangeable."""

    account = models.ForeignKey(Account, models.PROTECT, related_name="credit_notes")
    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="credit_notes")
    number = models.PositiveIntegerField(_("number"))
    label = models.CharField(_("credit note"), max_length=80)
    reason = models.CharField(_("reason"), max_length=500)
    subtotal = amount_field(_("subtotal"))
    tax = amount_field(_("tax"))
    total = amount_field(_("total"))
    issued_on = models.DateField(_("issued"))
    issued_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = _("credit note")
        verbose_name_plural = _("credit notes")
        constraints = [
            models.UniqueConstraint(fields=["account", "number"], name="creditnote_account_number"),
            models.CheckConstraint(
                condition=Q(total__gt=0, subtotal__gte=0, tax__gte=0), name="creditnote_positive"
            ),
            same_invoice("creditnote_same_invoice"),
        ]

    def __str__(self) -> str:
        return self.label


class DunningStep(models.Model):
    """That a payer was reminded of an invoice that is overdue, or shut out over it; each once."""

    class Step(models.TextChoices):
        """What happens when an invoice is not paid, in this order."""

        REMINDER = "reminder", _("Reminder")
        LAST_REMINDER = "last_reminder", _("Last reminder")
        READ_ONLY = "read_only", _("Read-only")

    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="dunning_steps")
    step = models.CharField(_("step"), max_length=13, choices=Step.choices)
    taken_at = models.DateTimeField(_("taken"), default=timezone.now)

    class Meta:
        verbose_name = _("dunning step")
        verbose_name_plural = _("dunning steps")
        constraints = [
            models.UniqueConstraint(fields=["invoice", "step"], name="dunningstep_once"),
            same_invoice("dunningstep_same_invoice"),
        ]

    def __str__(self) -> str:
        return f"{self.get_step_display()}: {self.invoice}"
