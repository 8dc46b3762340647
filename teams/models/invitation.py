"""People who have been asked to come, and people who have been told that they will go."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from permissions.constraints import CompositeForeignKey
from teams.models.account import Account, Subaccount, same_account
from teams.models.membership import Role
from teams.models.team import Team

ADDRESS_LIMIT = 254


def new_nonce() -> str:
    """Return 256 random bits as text: what makes one link of an invitation unlike the next."""
    return secrets.token_urlsafe(32)


class Invitation(models.Model):
    """A role offered to whoever an address belongs to.

    The role, its reach, the ``toggles`` to switch on with it, the teams and the end of the access
    are what a membership would have. ``address`` is in small letters. Links carry ``nonce`` under
    the project's signature: a new one makes every link sent before worthless, and a copy of the
    table opens nothing. ``invited_by`` is whose right is asked again when it is accepted.
    """

    class Status(models.TextChoices):
        """How far it has come; one that has expired is still pending and cannot be accepted."""

        PENDING = "pending", _("Pending")
        ACCEPTED = "accepted", _("Accepted")
        WITHDRAWN = "withdrawn", _("Withdrawn")
        VOID = "void", _("Void")

    account = models.ForeignKey(Account, models.CASCADE, related_name="invitations")
    address = models.CharField(_("address"), max_length=ADDRESS_LIMIT)
    subaccount = models.ForeignKey(
        Subaccount, models.CASCADE, null=True, blank=True, related_name="invitations"
    )
    role = models.CharField(_("role"), max_length=40, blank=True)
    custom_role = models.ForeignKey(
        Role, models.PROTECT, null=True, blank=True, related_name="invitations"
    )
    all_subaccounts = models.BooleanField(_("all current and future subaccounts"), default=False)
    managed = models.ManyToManyField(Subaccount, through="InvitedSubaccount", related_name="+")
    toggles = models.JSONField(_("switched on"), default=list, blank=True)
    teams = models.ManyToManyField(Team, through="InvitedTeam", related_name="+")
    ends_at = models.DateTimeField(_("access ends"), null=True, blank=True)
    exclusive = models.BooleanField(default=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    nonce = models.CharField(max_length=60, default=new_nonce, editable=False)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    invited_at = models.DateTimeField(_("invited"), default=timezone.now)
    expires_at = models.DateTimeField(_("expires"))
    sent_at = models.DateTimeField(_("last sent"), null=True, blank=True)
    settled_at = models.DateTimeField(_("settled"), null=True, blank=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        constraints = [
            models.UniqueConstraint(fields=["account", "id"], name="invitation_account_id"),
            models.UniqueConstraint(
                F("account"),
                F("address"),
                Coalesce("subaccount", Value(0)),
                F("role"),
                Coalesce("custom_role", Value(0)),
                condition=Q(status="pending"),
                name="invitation_pending_once",
            ),
            models.UniqueConstraint(
                F("account"),
                F("address"),
                Coalesce("subaccount", Value(0)),
                condition=Q(status="pending", exclusive=True),
                name="invitation_pending_place",
            ),
            models.CheckConstraint(
                condition=Q(role="", custom_role__isnull=False)
                | (~Q(role="") & Q(custom_role__isnull=True)),
                name="invitation_one_role",
            ),
            models.CheckConstraint(
                condition=Q(all_subaccounts=False) | Q(subaccount__isnull=True),
                name="invitation_all_at_account",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["pending", "accepted", "withdrawn", "void"]),
                name="invitation_status_known",
            ),
            same_account(
                "teams_subaccount",
                key="subaccount",
                name="invitation_same_account_subaccount",
                cascade=True,
            ),
            same_account("teams_role", key="custom_role", name="invitation_same_account_role"),
        ]
        indexes = [
            models.Index(fields=["account", "status"], name="invitation_account_status"),
            models.Index(fields=["invited_by"], name="invitation_invited_by"),
        ]

    def __str__(self) -> str:
        return self.address

    @property
    def is_account_level(self) -> bool:
        """Say whether the role is held on the account and not in one subaccount."""
        return self.subaccount_id is None

    @property
    def reach_keys(self) -> list[int]:
        """Return the keys of the subaccounts it reaches at account level."""
        return [row.subaccount_id for row in self.reach.all()]  # may be loaded already

    @property
    def is_open(self) -> bool:
        """Say whether it can still be accepted, as far as it goes itself."""
        return self.status == self.Status.PENDING and self.expires_at > timezone.now()


class InvitedSubaccount(models.Model):
    """One subaccount that an invitation to the account level reaches, unless it reaches all."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    invitation = models.ForeignKey(Invitation, models.CASCADE, related_name="reach")
    subaccount = models.ForeignKey(Subaccount, models.CASCADE, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["invitation", "subaccount"], name="invitedsubaccount_once"
            ),
            CompositeForeignKey(
                fields=("account", "invitation"),
                to_table="teams_invitation",
                to_columns=("account_id", "id"),
                name="invitedsubaccount_same_account_invitation",
                cascade=True,
            ),
            same_account(
                "teams_subaccount",
                key="subaccount",
                name="invitedsubaccount_same_account_subaccount",
                cascade=True,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.invitation_id} → {self.subaccount_id}"


class InvitedTeam(models.Model):
    """One team that whoever accepts is put into."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    invitation = models.ForeignKey(Invitation, models.CASCADE, related_name="into")
    team = models.ForeignKey(Team, models.CASCADE, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["invitation", "team"], name="invitedteam_once"),
            CompositeForeignKey(
                fields=("account", "invitation"),
                to_table="teams_invitation",
                to_columns=("account_id", "id"),
                name="invitedteam_same_account_invitation",
                cascade=True,
            ),
            same_account(
                "teams_team", key="team", name="invitedteam_same_account_team", cascade=True
            ),
        ]

    def __str__(self) -> str:
        return f"{self.invitation_id} → {self.team_id}"


class Reminder(models.Model):
    """That somebody was told that something of theirs ends: once for each end.

    ``about`` names the row that ends: "membership:12". Another end date is told anew.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    about = models.CharField(max_length=80)
    ends_at = models.DateTimeField()
    sent_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("reminder")
        verbose_name_plural = _("reminders")
        constraints = [
            models.UniqueConstraint(
                fields=["account", "user", "about", "ends_at"], name="reminder_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.about} of {self.user_id}"
