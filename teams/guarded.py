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
    CREATE_CAMPAIGNS,
    DELETE_CAMPAIGNS,
    DELETE_CONTACTS,
    DELETE_LISTS,
    RENAME_LISTS,
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
        actions={"view": ACCESS_AUDIENCE, "rename": RENAME_LISTS, "delete": DELETE_LISTS},
        guest=AUDIENCE_GUEST,
        limited="lists",
        unlimited_by=ASSIGN_TEAM_RESOURCES,
        created_by="created_by",
    )
    registry.register(
        "teams.MessageTemplate",
        parent="subaccount",
        actions={"view": ACCESS_CONTENT},
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
            "delete": DELETE_CAMPAIGNS,
        },
        guest=CAMPAIGN_GUEST,
        follows=("mailing_list", "template"),
    )
    registry.register(
        "teams.Contact",
        parent="subaccount",
        actions={"view": VIEW_CONTACTS, "add": ADD_CONTACTS, "delete": DELETE_CONTACTS},
    )
