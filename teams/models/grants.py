"""The tables of django-guardian's grants on our models, each with a real foreign key.

A grant on an account or subaccount that carries a ``membership`` is an optional permission toggled
on for that membership: it reaches what the membership reaches and goes with it. One on a
subaccount without a membership, or on a list, template or campaign, is guest access.
"""

from __future__ import annotations

from django.db import models

from permissions.constraints import CompositeForeignKey
from permissions.grants import GroupGrant, UserGrant
from teams.models.account import Account, Subaccount
from teams.models.membership import Membership
from teams.models.resources import Campaign, MailingList, MessageTemplate


class AccountUserGrant(UserGrant):
    """A toggle of an account-level membership."""

    content_object = models.ForeignKey(Account, models.CASCADE, related_name="user_grants")
    membership = models.ForeignKey(Membership, models.CASCADE, related_name="account_toggles")

    class Meta(UserGrant.Meta):
        constraints = [
            CompositeForeignKey(
                fields=("membership", "user", "content_object"),
                to_table="teams_membership",
                to_columns=("id", "user_id", "account_id"),
                name="accountusergrant_own_membership",
                cascade=True,
            ),
        ]


class AccountGroupGrant(GroupGrant):
    """Exists so that guardian finds a table of our own; teams are given nothing on an account."""

    content_object = models.ForeignKey(Account, models.CASCADE, related_name="group_grants")


class SubaccountUserGrant(UserGrant):
    """A toggle of a membership in this subaccount, or guest access to the whole of it."""

    content_object = models.ForeignKey(Subaccount, models.CASCADE, related_name="user_grants")
    membership = models.ForeignKey(
        Membership, models.CASCADE, null=True, blank=True, related_name="subaccount_toggles"
    )

    class Meta(UserGrant.Meta):
        constraints = [
            CompositeForeignKey(
                fields=("membership", "user", "content_object"),
                to_table="teams_membership",
                to_columns=("id", "user_id", "subaccount_id"),
                name="subaccountusergrant_own_membership",
                cascade=True,
            ),
        ]


class SubaccountGroupGrant(GroupGrant):
    """Exists so that guardian finds a table of our own; teams are given nothing here."""

    content_object = models.ForeignKey(Subaccount, models.CASCADE, related_name="group_grants")


class MailingListUserGrant(UserGrant):
    """Guest access to one mailing list."""

    content_object = models.ForeignKey(MailingList, models.CASCADE, related_name="user_grants")


class MailingListGroupGrant(GroupGrant):
    """A mailing list shared with a team."""

    content_object = models.ForeignKey(MailingList, models.CASCADE, related_name="group_grants")


class MessageTemplateUserGrant(UserGrant):
    """Guest access to one message template."""

    content_object = models.ForeignKey(MessageTemplate, models.CASCADE, related_name="user_grants")


class MessageTemplateGroupGrant(GroupGrant):
    """A message template shared with a team."""

    content_object = models.ForeignKey(MessageTemplate, models.CASCADE, related_name="group_grants")


class CampaignUserGrant(UserGrant):
    """Guest access to one campaign."""

    content_object = models.ForeignKey(Campaign, models.CASCADE, related_name="user_grants")


class CampaignGroupGrant(GroupGrant):
    """Exists so that guardian finds a table of our own; campaigns follow lists and templates."""

    content_object = models.ForeignKey(Campaign, models.CASCADE, related_name="group_grants")
