"""Permissions that several editions hand out together.

The groups follow the default rule of ``tests/truth/README.md``: looking at and editing ordinary
things goes with the tab, whatever sends or publishes with the right to send, whatever carries
addresses out with export.
"""

from __future__ import annotations

from permissions.catalogue import ACCOUNT
from teams.catalogue import (
    ACCESS_AUDIENCE,
    ACCESS_AUTOMATION,
    ACCESS_CAMPAIGNS,
    ACCESS_CONTENT,
    ACCESS_RESPONSE,
    ADD_CONTACTS,
    APPROVE_CAMPAIGNS,
    ASSIGN_TEAM_RESOURCES,
    CATALOGUE,
    CHANGE_AUTOMATION_STATUS,
    CHANGE_AUTOMATIONS,
    CHANGE_LIST_TYPE,
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
    MANAGE_AUDIENCE_SHARING,
    MANAGE_BRAND_ASSETS,
    MANAGE_HOSTED_PAGES,
    MANAGE_ROLES,
    MANAGE_TEAMS,
    PUBLISH_LANDING_PAGES,
    RENAME_LISTS,
    RUN_PARTNER_EXPORTS,
    SAVE_ROWS,
    SEND_CAMPAIGNS,
    SHARE_CAMPAIGNS,
    TEST_CAMPAIGNS,
    UPLOAD_IMAGES,
    USE_AUDIENCE_BUILDER,
    VIEW_ACCOUNTS_TAB,
    VIEW_ASSETS,
    VIEW_AUDIENCE_SHARING,
    VIEW_CONTACTS,
    VIEW_DEEP_REPORTS,
    VIEW_METER_USAGE,
    VIEW_PARTNER_RESOURCES,
)

EVERYTHING = frozenset(CATALOGUE)
ACROSS = frozenset(p for p in CATALOGUE if p.level == ACCOUNT)
INSIDE = EVERYTHING - ACROSS  # what is asked on one subaccount

# what only some of the published systems know
ROLES_AND_TEAMS = frozenset({MANAGE_ROLES, MANAGE_TEAMS, ASSIGN_TEAM_RESOURCES})
PARTNER_PAGES = frozenset({VIEW_ACCOUNTS_TAB, VIEW_PARTNER_RESOURCES})
EMMA = EVERYTHING - ROLES_AND_TEAMS - PARTNER_PAGES - {VIEW_METER_USAGE}

RESPONSE_TAB = frozenset({ACCESS_RESPONSE, VIEW_DEEP_REPORTS})
AUTOMATION_TAB = frozenset({ACCESS_AUTOMATION, CREATE_AUTOMATIONS, CHANGE_AUTOMATIONS})
AUDIENCE_TAB = frozenset(
    {
        ACCESS_AUDIENCE,
        VIEW_CONTACTS,
        ADD_CONTACTS,
        DELETE_CONTACTS,
        RENAME_LISTS,
        DELETE_LISTS,
        CHANGE_LIST_TYPE,
        CREATE_SEGMENTS,
        USE_AUDIENCE_BUILDER,
    }
)
# creating mailings and what one needs for it
PREPARING = frozenset(
    {
        ACCESS_CAMPAIGNS,
        CREATE_CAMPAIGNS,
        TEST_CAMPAIGNS,
        DELETE_CAMPAIGNS,
        ACCESS_CONTENT,
        UPLOAD_IMAGES,
        DELETE_IMAGES,
        SAVE_ROWS,
        CREATE_LANDING_PAGES,
    }
)
# sending, and whatever else puts something in front of the public; approving is apart, because
# in Emma Corporate a Full member sends but does not approve
SENDING = frozenset(
    {
        SEND_CAMPAIGNS,
        CHANGE_PUBLISHED_CAMPAIGNS,
        CHANGE_AUTOMATION_STATUS,
        CHANGE_OVERLAY_STATUS,
        PUBLISH_LANDING_PAGES,
        MANAGE_HOSTED_PAGES,
    }
)
EXPORTS = frozenset({EXPORT_CONTACTS, EXPORT_PII, RUN_PARTNER_EXPORTS})
AUDIENCE_SHARING = frozenset({VIEW_AUDIENCE_SHARING, MANAGE_AUDIENCE_SHARING})
SHARING = AUDIENCE_SHARING | {SHARE_CAMPAIGNS}  # what crosses subaccounts
ASSETS = frozenset({VIEW_ASSETS, MANAGE_BRAND_ASSETS})

# the four levels that Emma Enterprise and Emma HQ share; only their switches differ
LEVEL_RESPONSE_ONLY = RESPONSE_TAB
LEVEL_AUTHOR = LEVEL_RESPONSE_ONLY | PREPARING | AUTOMATION_TAB
LEVEL_EDITOR = LEVEL_AUTHOR | AUDIENCE_TAB
LEVEL_FULL = LEVEL_EDITOR | SENDING | {APPROVE_CAMPAIGNS}
