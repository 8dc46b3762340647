import re
import uuid
from decimal import Decimal

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import permissions.constraints


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("teams", "0008_read_only"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Invoice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("month", models.DateField(verbose_name="month")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("draft", "Draft"),
                            ("open", "Open"),
                            ("paid", "Paid"),
                            ("credited", "Credited"),
                        ],
                        default="draft",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                (
                    "number",
                    models.PositiveIntegerField(blank=True, null=True, verbose_name="number"),
                ),
                ("label", models.CharField(blank=True, max_length=80, verbose_name="invoice")),
                ("currency", models.CharField(max_length=3, verbose_name="currency")),
                (
                    "subtotal",
                    models.DecimalField(
                        decimal_places=3, default=0, max_digits=14, verbose_name="subtotal"
                    ),
                ),
                ("tax_label", models.CharField(blank=True, max_length=40, verbose_name="tax")),
                (
                    "tax_rate",
                    models.DecimalField(
                        decimal_places=2, default=0, max_digits=5, verbose_name="tax rate"
                    ),
                ),
                (
                    "tax",
                    models.DecimalField(
                        decimal_places=3, default=0, max_digits=14, verbose_name="tax"
                    ),
                ),
                (
                    "total",
                    models.DecimalField(
                        decimal_places=3, default=0, max_digits=14, verbose_name="total"
                    ),
                ),
                (
                    "paid",
                    models.DecimalField(
                        decimal_places=3, default=0, max_digits=14, verbose_name="paid"
                    ),
                ),
                (
                    "credited",
                    models.DecimalField(
                        decimal_places=3, default=0, max_digits=14, verbose_name="credited"
                    ),
                ),
                ("billed_to", models.JSONField(default=dict, verbose_name="billed to")),
                ("seller", models.JSONField(default=dict, verbose_name="seller")),
                ("issued_on", models.DateField(blank=True, null=True, verbose_name="issued")),
                ("due_on", models.DateField(blank=True, null=True, verbose_name="due")),
                ("settled_at", models.DateTimeField(blank=True, null=True, verbose_name="settled")),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="drafted"),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="invoices",
                        to="teams.account",
                    ),
                ),
                (
                    "subaccount",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="invoices",
                        to="teams.subaccount",
                    ),
                ),
            ],
            options={
                "verbose_name": "invoice",
                "verbose_name_plural": "invoices",
                "indexes": [
                    models.Index(
                        fields=["account", "-month", "-id"], name="invoice_account_newest"
                    ),
                    models.Index(
                        condition=models.Q(("status", "open")),
                        fields=["due_on"],
                        name="invoice_open_due",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("account", "id"), name="invoice_account_id"),
                    models.UniqueConstraint(
                        fields=("account", "number"), name="invoice_account_number"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("subaccount", None)),
                        fields=("account", "month"),
                        name="invoice_account_month",
                    ),
                    models.UniqueConstraint(
                        fields=("subaccount", "month"), name="invoice_subaccount_month"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["draft", "open", "paid", "credited"])),
                        name="invoice_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("due_on", None),
                                ("issued_on", None),
                                ("number", None),
                                ("status", "draft"),
                            ),
                            models.Q(
                                models.Q(("status", "draft"), _negated=True),
                                ("issued_on__isnull", False),
                                ("number__gte", 1),
                                ("due_on__gte", models.F("issued_on")),
                            ),
                            _connector="OR",
                        ),
                        name="invoice_number_when_issued",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("total__gte", 0), ("subtotal__gte", 0), ("tax__gte", 0)
                        ),
                        name="invoice_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("paid__gte", 0), ("paid__lte", models.F("total"))),
                        name="invoice_paid_at_most_total",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("credited__gte", 0), ("credited__lte", models.F("total"))
                        ),
                        name="invoice_credited_at_most_total",
                    ),
                    permissions.constraints.CompositeForeignKey(
                        fields=("account", "subaccount"),
                        name="invoice_same_account",
                        to_columns=("account_id", "id"),
                        to_table="teams_subaccount",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DunningStep",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "step",
                    models.CharField(
                        choices=[
                            ("reminder", "Reminder"),
                            ("last_reminder", "Last reminder"),
                            ("read_only", "Read-only"),
                        ],
                        max_length=13,
                        verbose_name="step",
                    ),
                ),
                (
                    "taken_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="taken"),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="teams.account",
                    ),
                ),
                (
                    "invoice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="dunning_steps",
                        to="billing.invoice",
                    ),
                ),
            ],
            options={
                "verbose_name": "dunning step",
                "verbose_name_plural": "dunning steps",
                "constraints": [
                    models.UniqueConstraint(fields=("invoice", "step"), name="dunningstep_once"),
                    permissions.constraints.CompositeForeignKey(
                        fields=("account", "invoice"),
                        name="dunningstep_same_invoice",
                        to_columns=("account_id", "id"),
                        to_table="billing_invoice",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CreditNote",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField(verbose_name="number")),
                ("label", models.CharField(max_length=80, verbose_name="credit note")),
                ("reason", models.CharField(max_length=500, verbose_name="reason")),
                (
                    "subtotal",
                    models.DecimalField(decimal_places=3, max_digits=14, verbose_name="subtotal"),
                ),
                ("tax", models.DecimalField(decimal_places=3, max_digits=14, verbose_name="tax")),
                (
                    "total",
                    models.DecimalField(decimal_places=3, max_digits=14, verbose_name="total"),
                ),
                ("issued_on", models.DateField(verbose_name="issued")),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="credit_notes",
                        to="teams.account",
                    ),
                ),
                (
                    "issued_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "invoice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="credit_notes",
                        to="billing.invoice",
                    ),
                ),
            ],
            options={
                "verbose_name": "credit note",
                "verbose_name_plural": "credit notes",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("account", "number"), name="creditnote_account_number"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("subtotal__gte", 0), ("tax__gte", 0), ("total__gt", 0)),
                        name="creditnote_positive",
                    ),
                    permissions.constraints.CompositeForeignKey(
                        fields=("account", "invoice"),
                        name="creditnote_same_invoice",
                        to_columns=("account_id", "id"),
                        to_table="billing_invoice",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="InvoiceLine",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("position", models.PositiveIntegerField()),
                ("place", models.CharField(blank=True, max_length=120, verbose_name="subaccount")),
                (
                    "meter",
                    models.CharField(
                        choices=[
                            ("base", "Rate plan"),
                            ("contacts", "Contacts"),
                            ("sends", "Messages sent"),
                            ("subaccounts", "Active subaccounts"),
                            ("seats", "Seats"),
                        ],
                        max_length=11,
                        verbose_name="meter",
                    ),
                ),
                ("description", models.CharField(max_length=200, verbose_name="what for")),
                (
                    "quantity",
                    models.DecimalField(decimal_places=3, max_digits=15, verbose_name="quantity"),
                ),
                (
                    "amount",
                    models.DecimalField(decimal_places=3, max_digits=14, verbose_name="amount"),
                ),
                ("starts_on", models.DateField(verbose_name="from")),
                ("ends_on", models.DateField(verbose_name="until")),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="teams.account",
                    ),
                ),
                (
                    "invoice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="lines",
                        to="billing.invoice",
                    ),
                ),
                (
                    "subaccount",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="teams.subaccount",
                    ),
                ),
            ],
            options={
                "verbose_name": "line of an invoice",
                "verbose_name_plural": "lines of an invoice",
                "ordering": ("invoice", "position"),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("invoice", "position"), name="invoiceline_position"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("ends_on__gt", models.F("starts_on"))),
                        name="invoiceline_ends_after_start",
                    ),
                    permissions.constraints.CompositeForeignKey(
                        fields=("account", "invoice"),
                        name="invoiceline_same_invoice",
                        to_columns=("account_id", "id"),
                        to_table="billing_invoice",
                    ),
                    permissions.constraints.CompositeForeignKey(
                        fields=("account", "subaccount"),
                        name="invoiceline_same_account",
                        to_columns=("account_id", "id"),
                        to_table="teams_subaccount",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="MeteredDay",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField(verbose_name="day")),
                ("seats", models.PositiveIntegerField(verbose_name="seats")),
                (
                    "metered_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="metered"),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="metered_days",
                        to="teams.account",
                    ),
                ),
            ],
            options={
                "verbose_name": "metered day",
                "verbose_name_plural": "metered days",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("account", "day"), name="meteredday_one_per_day"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Payment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "key",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, unique=True, verbose_name="key"
                    ),
                ),
                ("gateway", models.CharField(max_length=20, verbose_name="gateway")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("succeeded", "Paid"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                            ("surplus", "To be sent back"),
                            ("returned", "Sent back"),
                        ],
                        default="pending",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                (
                    "amount",
                    models.DecimalField(decimal_places=3, max_digits=14, verbose_name="amount"),
                ),
                ("currency", models.CharField(max_length=3, verbose_name="currency")),
                (
                    "reference",
                    models.CharField(blank=True, max_length=200, verbose_name="reference"),
                ),
                (
                    "redirect_url",
                    models.URLField(blank=True, max_length=2000, verbose_name="where to pay"),
                ),
                ("problem", models.CharField(blank=True, max_length=500, verbose_name="problem")),
                (
                    "started_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="started"),
                ),
                ("settled_at", models.DateTimeField(blank=True, null=True, verbose_name="settled")),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payments",
                        to="teams.account",
                    ),
                ),
                (
                    "invoice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payments",
                        to="billing.invoice",
                    ),
                ),
                (
                    "started_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "payment",
                "verbose_name_plural": "payments",
                "constraints": [
                    models.UniqueConstraint(fields=("account", "id"), name="payment_account_id"),
                    models.UniqueConstraint(
                        condition=models.Q(("reference", ""), _negated=True),
                        fields=("gateway", "reference"),
                        name="payment_reference_once",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("status", "pending")),
                        fields=("invoice",),
                        name="payment_one_pending",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount__gt", 0)), name="payment_positive"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                [
                                    "pending",
                                    "succeeded",
                                    "failed",
                                    "cancelled",
                                    "surplus",
                                    "returned",
                                ],
                            )
                        ),
                        name="payment_status_known",
                    ),
                    permissions.constraints.CompositeForeignKey(
                        fields=("account", "invoice"),
                        name="payment_same_invoice",
                        to_columns=("account_id", "id"),
                        to_table="billing_invoice",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="GatewayEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("gateway", models.CharField(max_length=20)),
                ("event", models.CharField(max_length=200)),
                ("kind", models.CharField(max_length=100)),
                ("outcome", models.CharField(max_length=200)),
                ("received_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "payment",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="billing.payment",
                    ),
                ),
            ],
            options={
                "verbose_name": "message of a gateway",
                "verbose_name_plural": "messages of gateways",
                "constraints": [
                    models.UniqueConstraint(fields=("gateway", "event"), name="gatewayevent_once"),
                ],
            },
        ),
        migrations.CreateModel(
            name="QuotaWarning",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("month", models.DateField(verbose_name="month")),
                (
                    "meter",
                    models.CharField(
                        choices=[
                            ("base", "Rate plan"),
                            ("contacts", "Contacts"),
                            ("sends", "Messages sent"),
                            ("subaccounts", "Active subaccounts"),
                            ("seats", "Seats"),
                        ],
                        max_length=11,
                        verbose_name="meter",
                    ),
                ),
                ("percent", models.PositiveSmallIntegerField(verbose_name="percent")),
                (
                    "warned_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="told"),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="quota_warnings",
                        to="teams.account",
                    ),
                ),
            ],
            options={
                "verbose_name": "quota warning",
                "verbose_name_plural": "quota warnings",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("account", "month", "meter", "percent"), name="quotawarning_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("percent__in", [80, 100])),
                        name="quotawarning_percent_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RatePlan",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "code",
                    models.CharField(
                        max_length=60,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                re.compile("^[-a-zA-Z0-9_]+\\Z"),
                                "Enter a valid “slug” consisting of letters, numbers, underscores or hyphens.",
                                "invalid",
                            )
                        ],
                        verbose_name="short name",
                    ),
                ),
                ("name", models.CharField(max_length=80, verbose_name="name")),
                ("currency", models.CharField(max_length=3, verbose_name="currency")),
                (
                    "interval",
                    models.CharField(
                        choices=[("month", "Month"), ("year", "Year")],
                        default="month",
                        max_length=5,
                        verbose_name="price is for a",
                    ),
                ),
                (
                    "price",
                    models.DecimalField(
                        decimal_places=3, default=0, max_digits=14, verbose_name="price"
                    ),
                ),
                (
                    "included_contacts",
                    models.PositiveBigIntegerField(default=0, verbose_name="contacts included"),
                ),
                (
                    "included_sends",
                    models.PositiveBigIntegerField(
                        default=0, verbose_name="messages a month included"
                    ),
                ),
                (
                    "included_subaccounts",
                    models.PositiveIntegerField(default=0, verbose_name="subaccounts included"),
                ),
                (
                    "included_seats",
                    models.PositiveIntegerField(default=0, verbose_name="seats included"),
                ),
                (
                    "price_per_subaccount",
                    models.DecimalField(
                        decimal_places=3,
                        default=0,
                        max_digits=14,
                        verbose_name="price of a subaccount a month",
                    ),
                ),
                (
                    "price_per_seat",
                    models.DecimalField(
                        decimal_places=3,
                        default=0,
                        max_digits=14,
                        verbose_name="price of a seat a month",
                    ),
                ),
                (
                    "most_subaccounts",
                    models.PositiveIntegerField(
                        blank=True, null=True, verbose_name="most subaccounts"
                    ),
                ),
                (
                    "most_seats",
                    models.PositiveIntegerField(blank=True, null=True, verbose_name="most seats"),
                ),
                ("is_offered", models.BooleanField(default=True, verbose_name="offered")),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="created"),
                ),
            ],
            options={
                "verbose_name": "rate plan",
                "verbose_name_plural": "rate plans",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("price__gte", 0),
                            ("price_per_subaccount__gte", 0),
                            ("price_per_seat__gte", 0),
                        ),
                        name="rateplan_prices_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("interval__in", ["month", "year"])),
                        name="rateplan_interval_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("currency__regex", "^[A-Z]{3}$")),
                        name="rateplan_currency_code",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PlanTier",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "meter",
                    models.CharField(
                        choices=[("contacts", "Contacts"), ("sends", "Messages sent")],
                        max_length=11,
                        verbose_name="meter",
                    ),
                ),
                (
                    "above",
                    models.PositiveBigIntegerField(
                        default=0, verbose_name="beyond what is included, above"
                    ),
                ),
                ("per", models.PositiveIntegerField(default=1000, verbose_name="units")),
                (
                    "price",
                    models.DecimalField(
                        decimal_places=3, max_digits=14, verbose_name="price of so many units"
                    ),
                ),
                (
                    "plan",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tiers",
                        to="billing.rateplan",
                    ),
                ),
            ],
            options={
                "verbose_name": "tier",
                "verbose_name_plural": "tiers",
                "ordering": ("meter", "above"),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("plan", "meter", "above"), name="plantier_one_per_bound"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("per__gte", 1), ("price__gte", 0)),
                        name="plantier_price_makes_sense",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("meter__in", ["contacts", "sends"])),
                        name="plantier_meter_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Refund",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "amount",
                    models.DecimalField(decimal_places=3, max_digits=14, verbose_name="amount"),
                ),
                ("reference", models.CharField(max_length=200, verbose_name="reference")),
                (
                    "made_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="made"),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="teams.account",
                    ),
                ),
                (
                    "payment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="refunds",
                        to="billing.payment",
                    ),
                ),
            ],
            options={
                "verbose_name": "refund",
                "verbose_name_plural": "refunds",
                "constraints": [
                    models.UniqueConstraint(fields=("payment", "reference"), name="refund_once"),
                    models.CheckConstraint(
                        condition=models.Q(("amount__gt", 0)), name="refund_positive"
                    ),
                    permissions.constraints.CompositeForeignKey(
                        fields=("account", "payment"),
                        name="refund_same_payment",
                        to_columns=("account_id", "id"),
                        to_table="billing_payment",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Subscription",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("starts_on", models.DateField(verbose_name="from")),
                ("ends_on", models.DateField(blank=True, null=True, verbose_name="until")),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="created"),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="subscriptions",
                        to="teams.account",
                    ),
                ),
                (
                    "chosen_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "plan",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="subscriptions",
                        to="billing.rateplan",
                    ),
                ),
            ],
            options={
                "verbose_name": "subscription",
                "verbose_name_plural": "subscriptions",
                "ordering": ("account", "starts_on"),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("account", "starts_on"), name="subscription_one_per_day"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("ends_on", None)),
                        fields=("account",),
                        name="subscription_one_open",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("ends_on", None),
                            ("ends_on__gt", models.F("starts_on")),
                            _connector="OR",
                        ),
                        name="subscription_ends_after_start",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="UsageDay",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField(verbose_name="day")),
                ("contacts", models.PositiveBigIntegerField(default=0, verbose_name="contacts")),
                ("sends", models.PositiveBigIntegerField(default=0, verbose_name="messages sent")),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="teams.account",
                    ),
                ),
                (
                    "subaccount",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="usage_days",
                        to="teams.subaccount",
                    ),
                ),
            ],
            options={
                "verbose_name": "usage of a day",
                "verbose_name_plural": "usage by day",
                "indexes": [
                    models.Index(fields=["account", "day"], name="usageday_account_day"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("subaccount", "day"), name="usageday_one_per_day"
                    ),
                    permissions.constraints.CompositeForeignKey(
                        cascade=True,
                        fields=("account", "subaccount"),
                        name="usageday_same_account",
                        to_columns=("account_id", "id"),
                        to_table="teams_subaccount",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="BillingDetails",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=120, verbose_name="company")),
                (
                    "contact_name",
                    models.CharField(blank=True, max_length=120, verbose_name="billing contact"),
                ),
                (
                    "contact_address",
                    models.EmailField(
                        blank=True, max_length=254, verbose_name="address of the billing contact"
                    ),
                ),
                ("street", models.CharField(blank=True, max_length=200, verbose_name="street")),
                (
                    "postal_code",
                    models.CharField(blank=True, max_length=20, verbose_name="postal code"),
                ),
                ("city", models.CharField(blank=True, max_length=100, verbose_name="city")),
                ("country", models.CharField(blank=True, max_length=2, verbose_name="country")),
                ("tax_id", models.CharField(blank=True, max_length=40, verbose_name="tax number")),
                ("tax_label", models.CharField(blank=True, max_length=40, verbose_name="tax")),
                (
                    "tax_rate",
                    models.DecimalField(
                        decimal_places=2,
                        default=Decimal("0"),
                        max_digits=5,
                        verbose_name="tax rate in percent",
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="billing_details",
                        to="teams.account",
                    ),
                ),
                (
                    "subaccount",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="teams.subaccount",
                    ),
                ),
            ],
            options={
                "verbose_name": "billing details",
                "verbose_name_plural": "billing details",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("subaccount", None)),
                        fields=("account",),
                        name="billingdetails_of_account",
                    ),
                    models.UniqueConstraint(
                        fields=("subaccount",), name="billingdetails_of_subaccount"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("tax_rate__gte", 0), ("tax_rate__lte", 100)),
                        name="billingdetails_tax_rate",
                    ),
                    permissions.constraints.CompositeForeignKey(
                        cascade=True,
                        fields=("account", "subaccount"),
                        name="billingdetails_same_account",
                        to_columns=("account_id", "id"),
                        to_table="teams_subaccount",
                    ),
                ],
            },
        ),
    ]
