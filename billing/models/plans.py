"""What is sold, and who has had which of it since when."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import validate_slug
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from teams.models import Account


class Meter(models.TextChoices):
    """What is counted and charged for."""

    BASE = "base", _("Rate plan")
    CONTACTS = "contacts", _("Contacts")
    SENDS = "sends", _("Messages sent")
    SUBACCOUNTS = "subaccounts", _("Active subaccounts")
    SEATS = "seats", _("Seats")
    CONTENT = "content", _("Content bought")


class RatePlan(models.Model):
    """What one pays for what, in one currency; written by operators.

    ``price`` is for a month or a year (``interval``), by the day. ``included_contacts`` (at the
    peak), ``included_sends`` (a month), ``included_subaccounts`` and ``included_seats`` are free;
    what goes beyond costs what the ``tiers`` say, or ``price_per_subaccount`` and
    ``price_per_seat``, each for a month. ``most_subaccounts`` and ``most_seats`` are limits (None:
    any number). Nothing of a plan changes once it has been chosen, but its name and whether it
    ``is_offered``.
    """

    class Interval(models.TextChoices):
        """How long the price is for."""

        MONTH = "month", _("Month")
        YEAR = "year", _("Year")

    code = models.CharField(_("short name"), max_length=60, unique=True, validators=[validate_slug])
    name = models.CharField(_("name"), max_length=80)
    currency = models.CharField(_("currency"), max_length=3)
    interval = models.CharField(
        _("price is for a"), max_length=5, choices=Interval.choices, default=Interval.MONTH
    )
    price = models.DecimalField(_("price"), max_digits=14, decimal_places=3, default=0)
    included_contacts = models.PositiveBigIntegerField(_("contacts included"), default=0)
    included_sends = models.PositiveBigIntegerField(_("messages a month included"), default=0)
    included_subaccounts = models.PositiveIntegerField(_("subaccounts included"), default=0)
    included_seats = models.PositiveIntegerField(_("seats included"), default=0)
    price_per_subaccount = models.DecimalField(
        _("price of a subaccount a month"), max_digits=14, decimal_places=3, default=0
    )
    price_per_seat = models.DecimalField(
        _("price of a seat a month"), max_digits=14, decimal_places=3, default=0
    )
    most_subaccounts = models.PositiveIntegerField(_("most subaccounts"), null=True, blank=True)
    most_seats = models.PositiveIntegerField(_("most seats"), null=True, blank=True)
    is_offered = models.BooleanField(_("offered"), default=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        verbose_name = _("rate plan")
        verbose_name_plural = _("rate plans")
        constraints = [
            models.CheckConstraint(
                condition=Q(price__gte=0)
                & Q(price_per_subaccount__gte=0)
                & Q(price_per_seat__gte=0),
                name="rateplan_prices_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(interval__in=["month", "year"]), name="rateplan_interval_known"
            ),
            models.CheckConstraint(
                condition=Q(currency__regex=r"^[A-Z]{3}$"), name="rateplan_currency_code"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PlanTier(models.Model):
    """What ``per`` units beyond ``above`` units too many cost, up to the next tier.

    A tier of contacts above 0 at 10.000 per 1,000 and one above 5,000 at 8.000 per 1,000: the first
    five thousand beyond what is included cost 0.010 each, the others 0.008.
    """

    plan = models.ForeignKey(RatePlan, models.CASCADE, related_name="tiers")
    meter = models.CharField(
        _("meter"),
        max_length=11,
        choices=[(m.value, m.label) for m in (Meter.CONTACTS, Meter.SENDS)],
    )
    above = models.PositiveBigIntegerField(_("beyond what is included, above"), default=0)
    per = models.PositiveIntegerField(_("units"), default=1000)
    price = models.DecimalField(_("price of so many units"), max_digits=14, decimal_places=3)

    class Meta:
        verbose_name = _("tier")
        verbose_name_plural = _("tiers")
        ordering = ("meter", "above")
        constraints = [
            models.UniqueConstraint(
                fields=["plan", "meter", "above"], name="plantier_one_per_bound"
            ),
            models.CheckConstraint(
                condition=Q(per__gte=1) & Q(price__gte=0), name="plantier_price_makes_sense"
            ),
            models.CheckConstraint(
                condition=Q(meter__in=["contacts", "sends"]), name="plantier_meter_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_meter_display()} above {self.above}"


class Subscription(models.Model):
    """The plan an account has from ``starts_on`` until the day before ``ends_on`` (None: no end).

    The periods of an account follow each other without a gap and never overlap; the last may begin
    in the future: a change that has been agreed on. Days are those of TIME_ZONE.
    """

    account = models.ForeignKey(Account, models.PROTECT, related_name="subscriptions")
    plan = models.ForeignKey(RatePlan, models.PROTECT, related_name="subscriptions")
    starts_on = models.DateField(_("from"))
    ends_on = models.DateField(_("until"), null=True, blank=True)
    chosen_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")
        ordering = ("account", "starts_on")
        constraints = [
            models.UniqueConstraint(
                fields=["account", "starts_on"], name="subscription_one_per_day"
            ),
            models.UniqueConstraint(
                fields=["account"], condition=Q(ends_on=None), name="subscription_one_open"
            ),
            models.CheckConstraint(
                condition=Q(ends_on=None) | Q(ends_on__gt=F("starts_on")),
                name="subscription_ends_after_start",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plan} from {self.starts_on:%d %b %Y}"
