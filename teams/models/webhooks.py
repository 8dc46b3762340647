"""Webhooks: an account's own systems are told when access changes."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from teams.models.account import Account, same_account


class Webhook(models.Model):
    """An address that is told of changes of access in one account.

    It is told what ``created_by`` may know, as long as they may set it up. ``areas`` are which
    kinds of change (empty: all). Its secret is derived from the project's key and ``version``, so
    that no copy of the database holds it; a higher version is another secret.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="webhooks")
    name = models.CharField(_("name"), max_length=80)
    url = models.URLField(_("address"), max_length=500)
    areas = models.JSONField(_("about"), default=list, blank=True)
    version = models.PositiveIntegerField(default=1)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    disabled_at = models.DateTimeField(_("switched off"), null=True, blank=True)
    disabled_because = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        constraints = [
            models.UniqueConstraint(fields=["account", "id"], name="webhook_account_id"),
        ]

    def __str__(self) -> str:
        return self.name


class WebhookDelivery(models.Model):
    """One event on its way to one webhook; written in the transaction of the event itself.

    ``sequence`` is the event's number in the account's record. ``body`` is what was sent at
    the last attempt, made anew for each; empty until the first.
    """

    class State(models.TextChoices):
        """How far it has come."""

        WAITING = "waiting", _("Waiting")
        DELIVERED = "delivered", _("Delivered")
        FAILED = "failed", _("Given up")
        DROPPED = "dropped", _("Not sent")

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="deliveries")
    sequence = models.PositiveBigIntegerField()
    action = models.CharField(max_length=60)
    body = models.TextField(blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(default=timezone.now)
    status_code = models.PositiveSmallIntegerField(null=True, blank=True)
    problem = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("delivery of a webhook")
        constraints = [
            models.UniqueConstraint(fields=["webhook", "sequence"], name="webhookdelivery_once"),
            same_account(
                "teams_webhook", key="webhook", name="webhookdelivery_same_account", cascade=True
            ),
        ]
        indexes = [models.Index(fields=["state", "next_at"], name="webhookdelivery_due")]

    def __str__(self) -> str:
        return f"{self.webhook} #{self.sequence}"
