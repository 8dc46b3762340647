"""Who is to own an account next."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from teams.models.account import Account


class OwnershipTransfer(models.Model):
    """An account offered by its owner to somebody who works in it.

    ``Account.owner`` moves when ``heir`` accepts, never before. ``owner_leaves`` is what the two
    agree on: the former owner goes, or stays with the highest role of the edition. Only the owner
    who offered it is replaced by it: another owner's offer does not count.
    """

    class Status(models.TextChoices):
        """How far it has come; one that has expired is still pending and cannot be accepted."""

        PENDING = "pending", _("Pending")
        ACCEPTED = "accepted", _("Accepted")
        WITHDRAWN = "withdrawn", _("Withdrawn")
        DECLINED = "declined", _("Declined")

    account = models.ForeignKey(Account, models.CASCADE, related_name="transfers")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    heir = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    owner_leaves = models.BooleanField(_("former owner leaves"), default=False)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    offered_at = models.DateTimeField(_("offered"), default=timezone.now)
    expires_at = models.DateTimeField(_("expires"))
    settled_at = models.DateTimeField(_("settled"), null=True, blank=True)

    class Meta:
        verbose_name = _("ownership transfer")
        verbose_name_plural = _("ownership transfers")
        constraints = [
            models.UniqueConstraint(
                fields=["account"],
                condition=Q(status="pending"),
                name="ownershiptransfer_pending_once",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["pending", "accepted", "withdrawn", "declined"]),
                name="ownershiptransfer_status_known",
            ),
            models.CheckConstraint(
                condition=~Q(owner=models.F("heir")), name="ownershiptransfer_two_people"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account} to {self.heir}"

    @property
    def is_open(self) -> bool:
        """Say whether it can still be accepted, as far as it goes itself."""
        return self.status == self.Status.PENDING and self.expires_at > timezone.now()
