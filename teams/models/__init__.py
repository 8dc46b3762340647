"""Accounts, the people in them, and what they work on."""

from teams.models.account import Account, Subaccount
from teams.models.grants import (
    AccountGroupGrant,
    AccountUserGrant,
    CampaignGroupGrant,
    CampaignUserGrant,
    MailingListGroupGrant,
    MailingListUserGrant,
    MessageTemplateGroupGrant,
    MessageTemplateUserGrant,
    SubaccountGroupGrant,
    SubaccountUserGrant,
)
from teams.models.membership import ManagedSubaccount, Membership, Role
from teams.models.resources import (
    Campaign,
    Contact,
    ListMembership,
    MailingList,
    MessageTemplate,
    Result,
)
from teams.models.team import Team, TeamMembership

__all__ = [
    "Account",
    "AccountGroupGrant",
    "AccountUserGrant",
    "Campaign",
    "CampaignGroupGrant",
    "CampaignUserGrant",
    "Contact",
    "ListMembership",
    "MailingList",
    "MailingListGroupGrant",
    "MailingListUserGrant",
    "ManagedSubaccount",
    "Membership",
    "MessageTemplate",
    "MessageTemplateGroupGrant",
    "MessageTemplateUserGrant",
    "Result",
    "Role",
    "Subaccount",
    "SubaccountGroupGrant",
    "SubaccountUserGrant",
    "Team",
    "TeamMembership",
]
