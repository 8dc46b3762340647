"""Which of our models the permissions guard, and what one may be given on each as a guest.

Guest access carries permissions to view and edit, never to send, approve, export, delete or manage
people.
"""

from __future__ import annotations

from permissions.resources import Registry
from teams.catalogue import (
    ACCESS_AUDIENCE,
    ACCESS_CAMPAIGNS,
    ACCESS_CONTENT,
    ACCESS_RESPONSE,
    ADD_CONTACTS,
    ASSIGN_TEAM_RESOURCES,
    CATALOGUE,
    CHANGE_LIST_TYPE,
    CREATE_CAMPAIGNS,
    CREATE_SEGMENTS,
    DELETE_CAMPAIGNS,
    DELETE_CONTACTS,
    DELETE_LISTS,
    EXPORT_CONTACTS,
    RENAME_LISTS,
    SAVE_ROWS,
    SEND_CAMPAIGNS,
    TEST_CAMPAIGNS,
    VIEW_CONTACTS,
)

AUDIENCE_GUEST = frozenset({ACCESS_AUDIENCE, VIEW_CONTACTS, ADD_CONTACTS})
CAMPAIGN_GUEST = frozenset({ACCESS_CAMPAIGNS, CREATE_CAMPAIGNS, ACCESS_RESPONSE})
TEMPLATE_GUEST = frozenset({ACCESS_CONTENT})
SUBACCOUNT_GUEST = AUDIENCE_GUEST | CAMPAIGN_GUEST | TEMPLATE_GUEST


def register(registry: Registry) -> None:
    """Tell the registry our tenancy and our models."""
    registry.use_catalogue(CATALOGUE)
    registry.use_tenancy(
        root="teams.Account",
        place="teams.Subaccount",
        place_to_root="account",
        place_guest=SUBACCOUNT_GUEST,
    )
    registry.register(
        "teams.MailingList",
        parent="subaccount",
        actions={
            "view": ACCESS_AUDIENCE,
            "add": ACCESS_AUDIENCE,
            "rename": RENAME_LISTS,
            "retype": CHANGE_LIST_TYPE,
            "delete": DELETE_LISTS,
        },
        guest=AUDIENCE_GUEST,
        limited="lists",
        unlimited_by=ASSIGN_TEAM_RESOURCES,
        created_by="created_by",
    )
    registry.register(
        "teams.MessageTemplate",
        parent="subaccount",
        actions={
            "view": ACCESS_CONTENT,
            "add": ACCESS_CONTENT,
            "change": ACCESS_CONTENT,
            "delete": ACCESS_CONTENT,
        },
        guest=TEMPLATE_GUEST,
        limited="templates",
        unlimited_by=ASSIGN_TEAM_RESOURCES,
        created_by="created_by",
    )
    registry.register(
        "teams.Campaign",
        parent="subaccount",
        actions={
            "view": ACCESS_CAMPAIGNS,
            "add": CREATE_CAMPAIGNS,
            "change": CREATE_CAMPAIGNS,
            "test": TEST_CAMPAIGNS,
            "send": SEND_CAMPAIGNS,
            "delete": DELETE_CAMPAIGNS,
        },
        guest=CAMPAIGN_GUEST,
        follows=("mailing_list", "template"),
    )
    registry.register(
        "teams.Contact",
        parent="subaccount",
        actions={
            "view": VIEW_CONTACTS,
            "add": ADD_CONTACTS,
            "change": ADD_CONTACTS,
            "delete": DELETE_CONTACTS,
        },
        through="lists",
    )
    registry.register(
        "teams.Segment",
        parent="subaccount",
        actions={
            "view": ACCESS_AUDIENCE,
            "add": CREATE_SEGMENTS,
            "change": CREATE_SEGMENTS,
            "delete": CREATE_SEGMENTS,
        },
        follows=("mailing_list",),
    )
    registry.register("teams.CustomField", parent="subaccount", actions={"view": ACCESS_AUDIENCE})
    registry.register(
        "teams.SavedRow",
        parent="subaccount",
        actions={"view": ACCESS_CONTENT, "add": SAVE_ROWS, "delete": SAVE_ROWS},
    )
    registry.register(
        "teams.ContactImport",
        parent="subaccount",
        actions={"view": ADD_CONTACTS},
        follows=("mailing_list",),
    )
    registry.register(
        "teams.ContactExport",
        parent="subaccount",
        actions={"view": EXPORT_CONTACTS},
        follows=("mailing_list",),
    )
