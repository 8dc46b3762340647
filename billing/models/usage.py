"""What was used on each day. Written once, when the day is over, and never again."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing.models.plans import Meter
from teams.models import Account, Subaccount
from teams.models.account import same_account


class UsageDay(models.Model):
    """What one subaccount used on one day (of TIME_ZONE).

    ``contacts`` is how many there were at any time of the day and not archived before it, ``sends``
    how many messages went out on it, ``is_active`` whether the subaccount was there and not
    archived before it. The account's own workspace is never active: no plan counts it.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    subaccount = models.ForeignKey(Subaccount, models.CASCADE, related_name="usage_days")
    day = models.DateField(_("day"))
    contacts = models.PositiveBigIntegerField(_("contacts"), default=0)
    sends = models.PositiveBigIntegerField(_("messages sent"), default=0)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("usage of a day")
        verbose_name_plural = _("usage by day")
        constraints = [
            models.UniqueConstraint(fields=["subaccount", "day"], name="usageday_one_per_day"),
            same_account(
                "teams_subaccount", key="subaccount", name="usageday_same_account", cascade=True
            ),
        ]
        indexes = [models.Index(fields=["account", "day"], name="usageday_account_day")]

    def __str__(self) -> str:
        return f"{self.subaccount} on {self.day:%d %b %Y}"


class MeteredDay(models.Model):
    """That an account's day has been metered, with how many ``seats`` were taken on it.

    Seats are the people who have a place, the owner included; who works in several subaccounts
    takes one.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="metered_days")
    day = models.DateField(_("day"))
    seats = models.PositiveIntegerField(_("seats"))
    metered_at = models.DateTimeField(_("metered"), default=timezone.now)

    class Meta:
        verbose_name = _("metered day")
        verbose_name_plural = _("metered days")
        constraints = [
            models.UniqueConstraint(fields=["account", "day"], name="meteredday_one_per_day"),
        ]

    def __str__(self) -> str:
        return f"{self.account} on {self.day:%d %b %Y}"


class QuotaWarning(models.Model):
    """That an account was told, once, that ``percent`` of what its plan has of ``meter`` is used.

    ``month`` is the first day of the month it is about.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="quota_warnings")
    month = models.DateField(_("month"))
    meter = models.CharField(_("meter"), max_length=11, choices=Meter.choices)
    percent = models.PositiveSmallIntegerField(_("percent"))
    warned_at = models.DateTimeField(_("told"), default=timezone.now)

    class Meta:
        verbose_name = _("quota warning")
        verbose_name_plural = _("quota warnings")
        constraints = [
            models.UniqueConstraint(
                fields=["account", "month", "meter", "percent"], name="quotawarning_once"
            ),
            models.CheckConstraint(
                condition=Q(percent__in=[80, 100]), name="quotawarning_percent_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.percent} % of {self.get_meter_display()}"
