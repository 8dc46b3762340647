"""Who works where, as what, and what a custom role allows."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce, Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from permissions.constraints import CompositeForeignKey
from teams.models.account import Account, Subaccount, same_account

#: what to prefetch of memberships whose ``reach_keys`` are read
REACH = ("reach", "managed_groups__group__contents")


class Role(models.Model):
    """A role an account made for itself; the built-in ones are data of the edition."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="custom_roles")
    name = models.CharField(_("name"), max_length=80)
    description = models.CharField(_("description"), max_length=400, blank=True)
    permissions = models.JSONField(_("permissions"), default=list)

    class Meta:
        verbose_name = _("custom role")
        verbose_name_plural = _("custom roles")
        constraints = [
            models.UniqueConstraint(fields=["account", "id"], name="role_account_id"),
            models.UniqueConstraint("account", Lower("name"), name="role_account_name"),
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A person's role at account level (``subaccount`` null) or in one subaccount.

    At account level it reaches ``managed`` subaccounts and those in its groups, or with
    ``all_subaccounts`` every current and future one. ``role`` names a built-in role, otherwise
    ``custom_role`` is set. ``exclusive`` says that the edition allows one role per person and
    place. A primary contact is marked here, so that the mark dies with the membership.
    ``added_by`` opened the place, ``given_by`` chose the role as it stands.
    """

    class Status(models.TextChoices):
        """Suspended keeps everything but its effect."""

        ACTIVE = "active", _("Active")
        SUSPENDED = "suspended", _("Suspended")

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    account = models.ForeignKey(Account, models.CASCADE, related_name="memberships")
    subaccount = models.ForeignKey(
        Subaccount, models.CASCADE, null=True, blank=True, related_name="memberships"
    )
    role = models.CharField(_("role"), max_length=40, blank=True)
    custom_role = models.ForeignKey(
        Role, models.PROTECT, null=True, blank=True, related_name="memberships"
    )
    all_subaccounts = models.BooleanField(_("all current and future subaccounts"), default=False)
    managed = models.ManyToManyField(
        Subaccount, through="ManagedSubaccount", related_name="managing_memberships"
    )
    is_primary_contact = models.BooleanField(_("primary contact"), default=False)
    exclusive = models.BooleanField(default=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.ACTIVE)
    ends_at = models.DateTimeField(_("ends at"), null=True, blank=True)
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    added_at = models.DateTimeField(_("added at"), default=timezone.now)
    given_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [
            models.UniqueConstraint(fields=["account", "id"], name="membership_account_id"),
            # targets of the grant tables: a toggle belongs to its person and place
            models.UniqueConstraint(
                fields=["id", "user", "account"], name="membership_id_user_account"
            ),
            models.UniqueConstraint(
                fields=["id", "user", "subaccount"], name="membership_id_user_subaccount"
            ),
            models.UniqueConstraint(
                F("user"),
                F("account"),
                Coalesce("subaccount", Value(0)),
                F("role"),
                Coalesce("custom_role", Value(0)),
                name="membership_person_place_role",
            ),
            models.UniqueConstraint(
                F("user"),
                F("account"),
                Coalesce("subaccount", Value(0)),
                condition=Q(exclusive=True),
                name="membership_person_place",
            ),
            models.UniqueConstraint(
                fields=["subaccount"],
                condition=Q(is_primary_contact=True),
                name="membership_one_primary_contact",
            ),
            models.CheckConstraint(
                condition=Q(role="", custom_role__isnull=False)
                | (~Q(role="") & Q(custom_role__isnull=True)),
                name="membership_one_role",
            ),
            models.CheckConstraint(
                condition=Q(all_subaccounts=False) | Q(subaccount__isnull=True),
                name="membership_all_at_account",
            ),
            models.CheckConstraint(
                condition=Q(is_primary_contact=False) | Q(subaccount__isnull=False),
                name="membership_contact_in_subaccount",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["active", "suspended"]), name="membership_status_known"
            ),
            same_account(
                "teams_subaccount",
                key="subaccount",
                name="membership_same_account_subaccount",
                cascade=True,
            ),
            same_account("teams_role", key="custom_role", name="membership_same_account_role"),
        ]
        indexes = [
            models.Index(fields=["user", "account"], name="membership_user_account"),
            models.Index(fields=["subaccount", "user"], name="membership_subaccount_user"),
            models.Index(fields=["account", "role"], name="membership_account_role"),
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.role or self.custom_role})"

    @property
    def is_account_level(self) -> bool:
        """Say whether the role is held on the account and not in one subaccount."""
        return self.subaccount_id is None

    @property
    def reach_keys(self) -> list[int]:
        """Return the keys of the subaccounts it reaches at account level, by choice and through
        groups; none for one that reaches all. May be loaded already (``REACH``)."""
        found = {row.subaccount_id for row in self.reach.all()}
        for managed in self.managed_groups.all():
            found.update(row.subaccount_id for row in managed.group.contents.all())
        return sorted(found)


class ManagedSubaccount(models.Model):
    """One subaccount an account-level membership reaches, unless it reaches all."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    membership = models.ForeignKey(Membership, models.CASCADE, related_name="reach")
    subaccount = models.ForeignKey(Subaccount, models.CASCADE, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["membership", "subaccount"], name="managedsubaccount_once"
            ),
            CompositeForeignKey(
                fields=("account", "membership"),
                to_table="teams_membership",
                to_columns=("account_id", "id"),
                name="managedsubaccount_same_account_membership",
                cascade=True,
            ),
            same_account(
                "teams_subaccount",
                key="subaccount",
                name="managedsubaccount_same_account_subaccount",
                cascade=True,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.membership_id} → {self.subaccount_id}"
