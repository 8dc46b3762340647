"""What can be bought to write with, and who bought what of it for which subaccount."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import validate_slug
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing.models.invoices import amount_field
from teams.models import Account, Subaccount
from teams.models.account import same_account


class ContentItem(models.Model):
    """Something on the platform's shelf; written by operators.

    ``rows`` are pieces of clean HTML: one with the image, or those of a plus campaign, one below
    the other. A subaccount it is bought for gets a copy of its own: an image as a saved row, a plus
    campaign as a template. Only the ``price``, before tax, and whether it is on offer
    (``retired_at``) ever change.
    """

    class Kind(models.TextChoices):
        """What it is (Constant Contact, "Purchase stock images or Plus Campaigns")."""

        IMAGE = "image", _("Stock image")
        CAMPAIGN = "campaign", _("Plus campaign")

    code = models.CharField(_("short name"), max_length=60, unique=True, validators=[validate_slug])
    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices)
    currency = models.CharField(_("currency"), max_length=3)
    price = amount_field(_("price"))
    rows = models.JSONField(_("contents"), default=list)
    retired_at = models.DateTimeField(_("no longer on offer since"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        verbose_name = _("content on offer")
        verbose_name_plural = _("content on offer")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["image", "campaign"]), name="contentitem_kind_known"
            ),
            models.CheckConstraint(condition=Q(price__gt=0), name="contentitem_price_positive"),
            models.CheckConstraint(
                condition=Q(currency__regex=r"^[A-Z]{3}$"), name="contentitem_currency_code"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_offered(self) -> bool:
        """Say whether it can be bought."""
        return self.retired_at is None


class ContentPurchase(models.Model):
    """That ``item`` was bought for ``subaccount``, once and for good, at the price it had then.

    ``bought_on`` is the day in TIME_ZONE: it is invoiced with the month that is in.
    """

    account = models.ForeignKey(Account, models.PROTECT, related_name="content_purchases")
    subaccount = models.ForeignKey(Subaccount, models.PROTECT, related_name="content_purchases")
    item = models.ForeignKey(ContentItem, models.PROTECT, related_name="purchases")
    price = amount_field(_("price"))
    currency = models.CharField(_("currency"), max_length=3)
    bought_on = models.DateField(_("bought"))
    bought_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = _("purchase of content")
        verbose_name_plural = _("purchases of content")
        constraints = [
            models.UniqueConstraint(fields=["subaccount", "item"], name="contentpurchase_once"),
            models.CheckConstraint(condition=Q(price__gt=0), name="contentpurchase_price_positive"),
            same_account("teams_subaccount", key="subaccount", name="contentpurchase_same_account"),
        ]
        indexes = [
            models.Index(fields=["account", "bought_on"], name="contentpurchase_account_day")
        ]

    def __str__(self) -> str:
        return str(self.item)
