"""Who unsubscribed and is no contact any more."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from teams.models.account import Account, Subaccount, same_account


class Suppression(models.Model):
    """An address that unsubscribed in a subaccount and left it: added again, it stays so.

    ``digest`` is the SHA-256 of the address in small letters, in hex: enough to know it again, and
    not the address.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    subaccount = models.ForeignKey(Subaccount, models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64)
    unsubscribed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subaccount", "digest"], name="suppression_once"),
            same_account(
                "teams_subaccount", key="subaccount", name="suppression_same_account", cascade=True
            ),
        ]

    def __str__(self) -> str:
        return f"Suppression {self.pk}"
