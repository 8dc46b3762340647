"""Constant Contact for partners: a partner's own account and the client accounts it looks after.

Source: "Partners Account Manager, Partner Manager, and Campaign Creator user roles"
(``seeds/000``; its table lost the check marks, recovered from a sister page); cell by cell in
``tests/truth/constant_contact.csv``.

Scope ``any`` there is a workspace: the partner's own ("home") or a client account. Account
permissions asked on a client account are denied by the engine, whoever asks.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from teams.catalogue import (
    ACCESS_AUTOMATION,
    CREATE_AUTOMATIONS,
    CREATE_SOCIAL_POSTS,
    DELETE_CAMPAIGNS,
    DELETE_IMAGES,
    MANAGE_ADMINISTRATORS,
    MANAGE_FEATURES,
    MANAGE_MANAGERS,
    MANAGE_MEMBERS,
    PURCHASE_CONTENT,
    PURGE_ARCHIVED,
    VIEW_ACCOUNT_BASICS,
    VIEW_ACCOUNTS_TAB,
    VIEW_BILLING_REPORTS,
    VIEW_INVOICES,
    VIEW_LEAD_ADS,
    VIEW_METER_USAGE,
    VIEW_PARTNER_RESOURCES,
    VIEW_SOCIAL_ADS,
    VIEW_SUBACCOUNT_BILLING,
)
from teams.editions.groups import (
    AUDIENCE_SHARING,
    EVERYTHING,
    INSIDE,
    PREPARING,
    ROLES_AND_TEAMS,
)
from teams.editions.spec import ALL, AT_HOME, RESELLER, SINGLE_BILL, Column, Edition, RoleSpec

PERMISSIONS = EVERYTHING - ROLES_AND_TEAMS - {MANAGE_ADMINISTRATORS, VIEW_METER_USAGE}

RESOURCES = frozenset({VIEW_PARTNER_RESOURCES})
BILLING_PAGE = frozenset({VIEW_SUBACCOUNT_BILLING})  # of the workspace in question
# looking only: a manager makes no billing changes in the partner account
PARTNER_BILLS = frozenset({VIEW_BILLING_REPORTS, VIEW_INVOICES})

# a Campaign Creator prepares, somebody else sends; what is there stays, it is not theirs to delete
CREATING = (PREPARING - {DELETE_CAMPAIGNS, DELETE_IMAGES}) | {
    ACCESS_AUTOMATION,
    CREATE_AUTOMATIONS,
    CREATE_SOCIAL_POSTS,
    VIEW_SOCIAL_ADS,
    VIEW_LEAD_ADS,
}
# what stays with the account owner in every workspace
OWNERS_OWN = AUDIENCE_SHARING | {MANAGE_FEATURES, PURGE_ARCHIVED}
RUNNING_CLIENTS = (PERMISSIONS & INSIDE) - OWNERS_OWN - BILLING_PAGE
RUNNING = RUNNING_CLIENTS - {MANAGE_MEMBERS, PURCHASE_CONTENT}

PARTNER_MANAGER = RoleSpec(
    codename="partner_manager",
    label=_("Partner Manager"),
    rank=80,
    account_level=True,
    reaches=frozenset({ALL}),
    holds=RUNNING_CLIENTS | {VIEW_ACCOUNTS_TAB},
    when={
        RESELLER: RESOURCES,
        # the basics are unconditional for an Account Manager, who works in the partner account
        SINGLE_BILL: BILLING_PAGE | PARTNER_BILLS | {VIEW_ACCOUNT_BASICS},
    },
    # "client account only": in the partner's own workspace nothing but the bill remains
    at_home=RoleSpec(
        codename="partner_manager",
        label=_("Partner Manager"),
        rank=80,
        account_level=True,
        when={SINGLE_BILL: BILLING_PAGE},
    ),
)

EDITION = Edition(
    codename="constant_contact",
    label=_("Constant Contact"),
    permissions=PERMISSIONS,
    owner="account_owner",
    owner_label=_("Account Owner"),
    # seeds/000 names no former owner: the highest role below
    former_owner="partner_manager",
    owner_when={RESELLER: RESOURCES},
    roles=(
        PARTNER_MANAGER,
        RoleSpec(
            codename="account_manager",
            label=_("Account Manager"),
            rank=40,
            account_level=True,
            subaccount_level=True,
            reaches=frozenset({AT_HOME}),
            holds=RUNNING | {VIEW_ACCOUNTS_TAB, VIEW_ACCOUNT_BASICS},
            when={RESELLER: RESOURCES, SINGLE_BILL: BILLING_PAGE | PARTNER_BILLS},
        ),
        RoleSpec(
            codename="campaign_creator",
            label=_("Campaign Creator"),
            rank=20,
            account_level=True,
            subaccount_level=True,
            reaches=frozenset({AT_HOME}),
            holds=CREATING | {VIEW_ACCOUNTS_TAB},
            when={RESELLER: RESOURCES},
        ),
    ),
    columns=(
        Column(name="campaign_creator", role="campaign_creator"),
        Column(name="account_manager", role="account_manager"),
        Column(name="account_owner", role="account_owner"),
        Column(name="partner_manager@partner", role="partner_manager", place="home"),
        Column(name="partner_manager@client", role="partner_manager", place="client"),
    ),
    # held by the owner alone: nobody else changes roles in the partner account
    changes_account=frozenset({MANAGE_MANAGERS}),
    changes_subaccount=frozenset({MANAGE_MEMBERS}),
    roles_add_up=True,
    has_home=True,
    subaccount_scope="any",
    area_labels={"response": _("Reporting")},
)
