"""Sailthru: four default roles, custom roles that add up, and teams.

Source: "Roles and Permissions" (``seeds/002``); cell by cell in ``tests/truth/sailthru.csv``.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from teams.catalogue import (
    ACCESS_AUDIENCE,
    ACCESS_AUTOMATION,
    ACCESS_CAMPAIGNS,
    ACCESS_CONTENT,
    ACCESS_INSIGHTS,
    ACCESS_RESPONSE,
    ACCESS_SETTINGS,
    ADD_CONTACTS,
    APPROVE_CAMPAIGNS,
    ASSIGN_TEAM_RESOURCES,
    CHANGE_AUTOMATION_STATUS,
    CHANGE_AUTOMATIONS,
    CHANGE_LIST_TYPE,
    CHANGE_LOCKED_CONTENTS,
    CHANGE_LOCKED_ROWS,
    CHANGE_OVERLAY_STATUS,
    CHANGE_PUBLISHED_CAMPAIGNS,
    CREATE_AUTOMATIONS,
    CREATE_CAMPAIGNS,
    CREATE_LANDING_PAGES,
    CREATE_SEGMENTS,
    DELETE_CAMPAIGNS,
    DELETE_CONTACTS,
    DELETE_IMAGES,
    DELETE_LISTS,
    EXPORT_CONTACTS,
    EXPORT_PII,
    LOCK_ROWS_AND_CONTENTS,
    MANAGE_ADMINISTRATORS,
    MANAGE_HOSTED_PAGES,
    MANAGE_LOGOS,
    MANAGE_MANAGERS,
    MANAGE_MEMBERS,
    MANAGE_ROLES,
    MANAGE_TEAMS,
    PUBLISH_LANDING_PAGES,
    RENAME_LISTS,
    RUN_PARTNER_EXPORTS,
    SAVE_ROWS,
    SEND_CAMPAIGNS,
    TEST_CAMPAIGNS,
    UPLOAD_IMAGES,
    USE_API_TEST,
    USE_AUDIENCE_BUILDER,
    VIEW_CONTACTS,
    VIEW_DEEP_REPORTS,
    VIEW_METER_USAGE,
)
from teams.editions.groups import EVERYTHING, PARTNER_PAGES
from teams.editions.spec import ALL, Column, CustomRoles, Edition, RoleSpec

PERMISSIONS = EVERYTHING - PARTNER_PAGES - {MANAGE_MANAGERS}

ANALYTICS = frozenset({ACCESS_INSIGHTS})  # "given to all users by default"

# the other 26 permissions of the document: those disabled in Marketer Admin, and the rest
ADMINS_ONLY = frozenset(
    {
        MANAGE_MEMBERS,
        MANAGE_ROLES,
        MANAGE_TEAMS,
        CHANGE_LIST_TYPE,
        RENAME_LISTS,
        DELETE_LISTS,
        EXPORT_PII,
        VIEW_METER_USAGE,
    }
)
MARKETING = frozenset(
    {
        ASSIGN_TEAM_RESOURCES,
        ACCESS_CAMPAIGNS,
        ACCESS_AUDIENCE,
        ACCESS_CONTENT,
        ACCESS_SETTINGS,
        USE_AUDIENCE_BUILDER,
        RUN_PARTNER_EXPORTS,
        MANAGE_HOSTED_PAGES,
        USE_API_TEST,
        SEND_CAMPAIGNS,
        CHANGE_AUTOMATION_STATUS,
        CHANGE_OVERLAY_STATUS,
        DELETE_CAMPAIGNS,
        SAVE_ROWS,
        LOCK_ROWS_AND_CONTENTS,
        CHANGE_LOCKED_ROWS,
        CHANGE_LOCKED_CONTENTS,
        DELETE_CONTACTS,
    }
)

# what the document does not speak of, by what it is held with
REPORTING_FOLLOWS = dict.fromkeys((ACCESS_RESPONSE, VIEW_DEEP_REPORTS), ANALYTICS)
MARKETING_FOLLOWS = (
    dict.fromkeys(
        (
            CREATE_CAMPAIGNS,
            TEST_CAMPAIGNS,
            ACCESS_AUTOMATION,
            CREATE_AUTOMATIONS,
            CHANGE_AUTOMATIONS,
        ),
        frozenset({ACCESS_CAMPAIGNS}),
    )
    | dict.fromkeys(
        (APPROVE_CAMPAIGNS, CHANGE_PUBLISHED_CAMPAIGNS),
        frozenset({ACCESS_CAMPAIGNS, SEND_CAMPAIGNS}),
    )
    # a download without Export PII is not refused, it holds hashes: so it goes with the menu
    | dict.fromkeys((VIEW_CONTACTS, ADD_CONTACTS, EXPORT_CONTACTS), frozenset({ACCESS_AUDIENCE}))
    | {CREATE_SEGMENTS: frozenset({ACCESS_AUDIENCE, USE_AUDIENCE_BUILDER})}
    | dict.fromkeys((UPLOAD_IMAGES, DELETE_IMAGES, MANAGE_LOGOS), frozenset({ACCESS_CONTENT}))
    | dict.fromkeys(
        (CREATE_LANDING_PAGES, PUBLISH_LANDING_PAGES),
        frozenset({ACCESS_CONTENT, MANAGE_HOSTED_PAGES}),
    )
)
ADMIN_FOLLOWS = {MANAGE_ADMINISTRATORS: frozenset({MANAGE_MEMBERS, MANAGE_ROLES})}

REPORTS = ANALYTICS | REPORTING_FOLLOWS.keys()
MARKETER_ADMINS = REPORTS | MARKETING | MARKETING_FOLLOWS.keys()

EDITION = Edition(
    codename="sailthru",
    label=_("Sailthru"),
    permissions=PERMISSIONS,
    owner="owner",  # no column of the document: whose account it is, above the Account Admins
    owner_label=_("Owner"),
    # seeds/002 knows no owner: its highest role
    former_owner="account_admin",
    teams_only=frozenset({ASSIGN_TEAM_RESOURCES}),
    roles=(
        RoleSpec(
            codename="account_admin",
            label=_("Account Admin"),
            rank=None,
            account_level=True,
            subaccount_level=True,
            reaches=frozenset({ALL}),
            holds=PERMISSIONS,
        ),
        RoleSpec(
            codename="marketer_admin",
            label=_("Marketer Admin"),
            rank=None,
            account_level=True,
            subaccount_level=True,
            reaches=frozenset({ALL}),
            holds=MARKETER_ADMINS,
        ),
        RoleSpec(
            codename="marketer_limited",
            label=_("Marketer Limited"),
            rank=None,
            account_level=True,
            subaccount_level=True,
            reaches=frozenset({ALL}),
            holds=MARKETER_ADMINS - {ASSIGN_TEAM_RESOURCES, USE_API_TEST},
            needs_teams=True,
        ),
        RoleSpec(
            codename="reports_only",
            label=_("Reports Only"),
            rank=None,
            account_level=True,
            subaccount_level=True,
            reaches=frozenset({ALL}),
            holds=REPORTS,  # "all permissions are disabled", but Analytics is everybody's
        ),
    ),
    columns=(
        Column(name="account_admin", role="account_admin"),
        Column(name="marketer_admin", role="marketer_admin"),
        Column(name="marketer_limited", role="marketer_limited"),
        Column(name="reports_only", role="reports_only"),
    ),
    changes_account=frozenset({MANAGE_MEMBERS}),
    changes_subaccount=frozenset({MANAGE_MEMBERS}),
    gives_roles=frozenset({MANAGE_ROLES}),
    roles_add_up=True,
    custom_roles=CustomRoles(
        tickable=ADMINS_ONLY | MARKETING,
        always=ANALYTICS,
        follows=REPORTING_FOLLOWS | MARKETING_FOLLOWS | ADMIN_FOLLOWS,
    ),
    has_teams=True,
    area_labels={
        "campaigns": _("Messaging"),
        "automation": _("Flows"),
        "audience": _("Users"),  # the document's word for subscribers; staff are "People"
        "response": _("Analytics"),
        "account": _("Parent account"),
    },
)
