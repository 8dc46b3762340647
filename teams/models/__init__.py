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
from teams.models.groups import GroupedSubaccount, ManagedGroup, SubaccountGroup
from teams.models.invitation import Invitation, InvitedSubaccount, InvitedTeam, Reminder
from teams.models.keys import ApiCall, ApiKey
from teams.models.membership import REACH, ManagedSubaccount, Membership, Role
from teams.models.ownership import OwnershipTransfer
from teams.models.resources import (
    Archivable,
    Campaign,
    Contact,
    CustomField,
    Delivery,
    ListMembership,
    MailingList,
    MessageTemplate,
    Result,
    SavedRow,
    Segment,
)
from teams.models.reviews import AccessReview, ReviewLine
from teams.models.suppression import Suppression
from teams.models.team import Team, TeamMembership
from teams.models.transfers import ContactExport, ContactImport, ImportedRow
from teams.models.webhooks import Webhook, WebhookDelivery

__all__ = [
    "REACH",
    "AccessReview",
    "Account",
    "AccountGroupGrant",
    "AccountUserGrant",
    "ApiCall",
    "ApiKey",
    "Archivable",
    "Campaign",
    "CampaignGroupGrant",
    "CampaignUserGrant",
    "Contact",
    "ContactExport",
    "ContactImport",
    "CustomField",
    "Delivery",
    "GroupedSubaccount",
    "ImportedRow",
    "Invitation",
    "InvitedSubaccount",
    "InvitedTeam",
    "ListMembership",
    "MailingList",
    "MailingListGroupGrant",
    "MailingListUserGrant",
    "ManagedGroup",
    "ManagedSubaccount",
    "Membership",
    "MessageTemplate",
    "MessageTemplateGroupGrant",
    "MessageTemplateUserGrant",
    "OwnershipTransfer",
    "Reminder",
    "Result",
    "ReviewLine",
    "Role",
    "SavedRow",
    "Segment",
    "Subaccount",
    "SubaccountGroup",
    "SubaccountGroupGrant",
    "SubaccountUserGrant",
    "Suppression",
    "Team",
    "TeamMembership",
    "Webhook",
    "WebhookDelivery",
]
