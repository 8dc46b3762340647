"""Named sets of subaccounts, usable wherever a single one is."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from permissions.constraints import CompositeForeignKey
from teams.models.account import Account, Subaccount, same_account
from teams.models.membership import Membership


class SubaccountGroup(models.Model):
    """A named set of subaccounts of one account.

    A membership that reaches the group (``ManagedGroup``) reaches what is in it at the moment, so
    that putting a subaccount into a group is a grant to everybody who manages the group.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="subaccount_groups")
    name = models.CharField(_("name"), max_length=80)
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        verbose_name = _("subaccount group")
        verbose_name_plural = _("subaccount groups")
        constraints = [
            models.UniqueConstraint(fields=["account", "id"], name="subaccountgroup_account_id"),
            models.UniqueConstraint("account", Lower("name"), name="subaccountgroup_account_name"),
        ]

    def __str__(self) -> str:
        return self.name


class GroupedSubaccount(models.Model):
    """One subaccount in one group."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    group = models.ForeignKey(SubaccountGroup, models.CASCADE, related_name="contents")
    subaccount = models.ForeignKey(Subaccount, models.CASCADE, related_name="in_groups")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["group", "subaccount"], name="groupedsubaccount_once"),
            same_account(
                "teams_subaccountgroup",
                key="group",
                name="groupedsubaccount_same_account_group",
                cascade=True,
            ),
            same_account(
                "teams_subaccount",
                key="subaccount",
                name="groupedsubaccount_same_account_subaccount",
                cascade=True,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.group_id} → {self.subaccount_id}"


class ManagedGroup(models.Model):
    """One group of subaccounts that an account-level membership reaches."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    membership = models.ForeignKey(Membership, models.CASCADE, related_name="managed_groups")
    group = models.ForeignKey(SubaccountGroup, models.CASCADE, related_name="managing")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["membership", "group"], name="managedgroup_once"),
            CompositeForeignKey(
                fields=("account", "membership"),
                to_table="teams_membership",
                to_columns=("account_id", "id"),
                name="managedgroup_same_account_membership",
                cascade=True,
            ),
            same_account(
                "teams_subaccountgroup",
                key="group",
                name="managedgroup_same_account_group",
                cascade=True,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.membership_id} → {self.group_id}"
