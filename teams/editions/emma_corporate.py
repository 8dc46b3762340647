"""Emma Corporate: seven roles, no custom ones, ten subaccounts.

Source: "Corporate: Account Roles and Permissions" (``seeds/001``); cell by cell in
``tests/truth/emma_corporate.csv``.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from teams.catalogue import (
    ACCESS_INSIGHTS,
    ACCESS_SETTINGS,
    ARCHIVE_SUBACCOUNTS,
    BILLING,
    CHANGE_LOCKED_CONTENTS,
    CHANGE_LOCKED_ROWS,
    CREATE_SUBACCOUNTS,
    GENERATE_API_KEYS,
    LOCK_ROWS_AND_CONTENTS,
    MANAGE_ADMINISTRATORS,
    MANAGE_DOMAINS,
    MANAGE_INTEGRATIONS,
    MANAGE_LOGOS,
    MANAGE_MANAGERS,
    MANAGE_MEMBERS,
    MANAGE_SSO,
    MANAGE_SUBACCOUNT_SETTINGS,
    PURCHASE_CONTENT,
    PURGE_ARCHIVED,
    SHARE_CAMPAIGNS,
    USE_API_TEST,
    VIEW_APPROVALS,
    VIEW_AUDIENCE_SHARING,
    VIEW_PARENT_INSIGHTS,
    VIEW_PARENT_USERS,
)
from teams.editions.groups import (
    ASSETS,
    AUDIENCE_SHARING,
    AUDIENCE_TAB,
    AUTOMATION_TAB,
    EMMA,
    EXPORTS,
    INSIDE,
    PREPARING,
    RESPONSE_TAB,
    SENDING,
)
from teams.editions.spec import ALL, SOME, Column, Edition, RoleSpec, ToggleSpec

SHARE = frozenset({SHARE_CAMPAIGNS})
# one star, one switch: it covers the account's bills, the subaccount's page and what spends
SPENDING = frozenset(BILLING.permissions) | {PURCHASE_CONTENT}
PARENT_PAGES = frozenset({VIEW_PARENT_USERS, VIEW_PARENT_INSIGHTS, VIEW_APPROVALS})
# "all subaccount settings": the menu, the keys, and what fixes the brand
SUBACCOUNT_SETTINGS = frozenset(
    {
        ACCESS_SETTINGS,
        MANAGE_SUBACCOUNT_SETTINGS,
        MANAGE_INTEGRATIONS,
        GENERATE_API_KEYS,
        USE_API_TEST,
        PURGE_ARCHIVED,
        MANAGE_DOMAINS,
        MANAGE_LOGOS,
        LOCK_ROWS_AND_CONTENTS,
        CHANGE_LOCKED_ROWS,
        CHANGE_LOCKED_CONTENTS,
    }
)

AUTHORS = RESPONSE_TAB | PREPARING | {ACCESS_INSIGHTS}
EDITORS = AUTHORS | AUDIENCE_TAB  # no Automation tab, unlike the other Emma editions
FULL = EDITORS | AUTOMATION_TAB | SENDING | {VIEW_AUDIENCE_SHARING}  # "can view but not interact"

MANAGER = RoleSpec(
    codename="manager",
    label=_("Manager"),
    rank=80,
    account_level=True,
    reaches=frozenset({SOME, ALL}),
    # "all areas of all subaccounts that they manage", but Export contacts is starred, so a
    # manager may lack what an Administrator below them has (and then cannot make one)
    holds=((EMMA & INSIDE) - EXPORTS - SHARE - SPENDING) | PARENT_PAGES,
    optional={
        "billing": SPENDING,
        "export_contacts": EXPORTS,
        "subaccounts": frozenset({CREATE_SUBACCOUNTS, ARCHIVE_SUBACCOUNTS}),
        "brand_assets": ASSETS,
        "sso": frozenset({MANAGE_SSO}),
        "managers": frozenset({MANAGE_MANAGERS}),
        "share_campaigns": SHARE,
    },
    toggled_by=frozenset({"parent", "manager"}),
    peer=MANAGE_MANAGERS,
)

ADMINISTRATOR = RoleSpec(
    codename="administrator",
    label=_("Administrator"),
    rank=60,
    subaccount_level=True,
    # no approving and no editing of other Administrators: both are the manager's
    holds=FULL | EXPORTS | AUDIENCE_SHARING | SUBACCOUNT_SETTINGS | {MANAGE_MEMBERS},
    optional={"share_campaigns": SHARE},
    toggled_by=frozenset({"parent", "manager"}),
    peer=MANAGE_ADMINISTRATORS,
)

EDITION = Edition(
    codename="emma_corporate",
    label=_("Emma Corporate"),
    permissions=EMMA,
    owner="parent",
    owner_label=_("Parent"),
    # seeds/001 names no former owner: the highest role below, every toggle off
    former_owner="manager",
    roles=(
        MANAGER,
        ADMINISTRATOR,
        RoleSpec(
            codename="full",
            label=_("Full"),
            rank=40,
            subaccount_level=True,
            holds=FULL,
            optional={"export_contacts": EXPORTS, "share_campaigns": SHARE},
            toggled_by=frozenset({"parent", "manager", "administrator"}),
        ),
        RoleSpec(
            codename="editor",
            label=_("Editor"),
            rank=30,
            subaccount_level=True,
            holds=EDITORS,
            optional={"export_contacts": EXPORTS},
            toggled_by=frozenset({"parent", "manager", "administrator"}),
        ),
        RoleSpec(
            codename="author",
            label=_("Author"),
            rank=20,
            subaccount_level=True,
            holds=AUTHORS,
        ),
        RoleSpec(
            codename="response_only",
            label=_("Response only"),
            rank=10,
            subaccount_level=True,
            holds=RESPONSE_TAB,
        ),
    ),
    toggles=(
        ToggleSpec(codename="billing", label=_("Billing")),
        ToggleSpec(codename="export_contacts", label=_("Export contacts")),
        ToggleSpec(codename="subaccounts", label=_("Create and archive subaccounts")),
        ToggleSpec(codename="brand_assets", label=_("Brand Manager assets")),
        ToggleSpec(codename="sso", label=_("SSO settings")),
        ToggleSpec(codename="managers", label=_("Create and edit managers")),
        ToggleSpec(codename="share_campaigns", label=_("Share between subaccounts")),
    ),
    columns=(
        Column(name="parent", role="parent"),
        Column(name="manager", role="manager"),
        Column(name="administrator", role="administrator"),
        Column(name="full", role="full"),
        Column(name="editor", role="editor"),
        Column(name="author", role="author"),
        Column(name="response_only", role="response_only"),
    ),
    changes_account=frozenset({MANAGE_MANAGERS}),
    changes_subaccount=frozenset({MANAGE_MEMBERS}),
    max_active_subaccounts=10,
)
