"""Which surface asks for which permission, for ``list_permissions``.

Derived from where the checks really are: the actions of guarded models, the permissions that the
editions demand of services, and what services and selectors ask by name. A permission that nothing
asks for yet has an empty list, shown as such.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from permissions.resources import registry
from teams.catalogue import (
    ACCESS_AUDIENCE,
    ACCESS_CONTENT,
    ADD_CONTACTS,
    ARCHIVE_SUBACCOUNTS,
    ASSIGN_TEAM_RESOURCES,
    CHANGE_LIST_TYPE,
    CHANGE_LOCKED_CONTENTS,
    CHANGE_LOCKED_ROWS,
    CHANGE_PUBLISHED_CAMPAIGNS,
    CREATE_CAMPAIGNS,
    CREATE_SEGMENTS,
    CREATE_SUBACCOUNTS,
    DELETE_CAMPAIGNS,
    DELETE_CONTACTS,
    DELETE_LISTS,
    EXPORT_CONTACTS,
    EXPORT_PII,
    GENERATE_API_KEYS,
    LOCK_ROWS_AND_CONTENTS,
    MANAGE_ACCOUNT_SETTINGS,
    MANAGE_FEATURES,
    MANAGE_SUBACCOUNT_SETTINGS,
    MANAGE_TEAMS,
    MANAGE_THEME,
    PURGE_ARCHIVED,
    RENAME_LISTS,
    SAVE_ROWS,
    SEND_CAMPAIGNS,
    SHARE_CAMPAIGNS,
    TEST_CAMPAIGNS,
    USE_API_TEST,
    USE_AUDIENCE_BUILDER,
    VIEW_CONTACTS,
    VIEW_PARENT_USERS,
)
from teams.editions import EDITIONS
from teams.editions.spec import Edition
from teams.models import Archivable

_GROUPS = (
    "service create_subaccount_group",
    "service rename_subaccount_group",
    "service set_subaccount_group",
    "service delete_subaccount_group",
)
_WEBHOOKS = (
    "service create_webhook",
    "service edit_webhook",
    "service renew_webhook_secret",
    "service switch_webhook",
    "service delete_webhook",
    "service send_webhook_test",
    "service send_webhook_again",
)
#: what services and pages ask by name; tests/services holds every line of it to be true
ASKED: Mapping[str, tuple[str, ...]] = {
    CREATE_SUBACCOUNTS: ("service create_subaccount",),
    ARCHIVE_SUBACCOUNTS: ("service archive_subaccount", "service restore_subaccount"),
    MANAGE_SUBACCOUNT_SETTINGS: (
        *_GROUPS,
        "service rename_subaccount",
        "service archive_subaccount",
        "service restore_subaccount",
    ),
    MANAGE_FEATURES: ("service set_features",),
    MANAGE_THEME: ("service set_accent",),
    MANAGE_TEAMS: (
        "service create_team",
        "service rename_team",
        "service archive_team",
        "service add_to_team",
        "service remove_from_team",
        "service invite_member",
        "service resend_invitation",
        "service set_team_end",
        "console people",
    ),
    ASSIGN_TEAM_RESOURCES: (
        "service share_with_team",
        "service unshare_with_team",
        "service archive_team",
        "visibility of lists and templates",
    ),
    VIEW_PARENT_USERS: ("console people",),
    GENERATE_API_KEYS: (
        "service create_api_key",
        "service rotate_api_key",
        "service revoke_api_key",
        "console API keys",
    ),
    # contacts, their fields, segments
    VIEW_CONTACTS: (
        "service edit_contact",
        "service put_on_list",
        "service take_off_list",
        "service set_subscription",
        "service delete_field",
        "console contacts",
        "console audience builder",
    ),
    ADD_CONTACTS: (
        "service add_contact",
        "service edit_contact",
        "service put_on_list",
        "service take_off_list",
        "service set_subscription",
        "service upload_import",
        "service start_import",
        "service undo_import",
        "import of contacts, asked in every batch",
        "console imports",
    ),
    DELETE_CONTACTS: ("service delete_field",),
    ACCESS_AUDIENCE: (
        "service create_list",
        "service create_field",
        "service rename_field",
        "service delete_field",
        "console segments",
        "console contact fields",
    ),
    CREATE_SEGMENTS: ("service create_segment", "service edit_segment"),
    USE_AUDIENCE_BUILDER: ("console audience builder",),
    MANAGE_ACCOUNT_SETTINGS: (
        *_GROUPS,
        "service set_address_masking",
        "service set_second_factor",
        "service set_team_mode",
        *_WEBHOOKS,
        "messages to webhooks, asked of whoever set one up at every attempt",
    ),
    EXPORT_PII: (
        "addresses on pages, where the account masks them",
        "addresses in exports, asked again when a file is fetched",
    ),
    EXPORT_CONTACTS: (
        "service export_contacts",
        "service open_export",
        "contacts of an export, asked in every batch",
        "console exports",
    ),
    # lists, templates and their rows
    RENAME_LISTS: ("service rename_list",),
    CHANGE_LIST_TYPE: ("service create_list", "service change_list_type"),
    DELETE_LISTS: ("service delete_list",),
    ACCESS_CONTENT: (
        "service create_template",
        "service rename_template",
        "service add_row",
        "service insert_saved_row",
        "service change_row",
        "service move_row",
        "service remove_row",
        "service lock_row",
        "service change_text",
        "service save_row",
        "service delete_saved_row",
    ),
    LOCK_ROWS_AND_CONTENTS: ("service lock_row",),
    CHANGE_LOCKED_ROWS: ("service move_row", "service remove_row"),
    CHANGE_LOCKED_CONTENTS: ("service change_row", "service remove_row"),
    SAVE_ROWS: ("service save_row", "service delete_saved_row"),
    PURGE_ARCHIVED: ("service purge_item",),
    USE_API_TEST: ("console API test",),
    # campaigns
    CREATE_CAMPAIGNS: (
        "service create_campaign",
        "service edit_campaign",
        "service rename_campaign",
        "service set_audience",
        "service use_template",
        "service duplicate_campaign",
        "names of lists, segments and templates for a campaign",
    ),
    TEST_CAMPAIGNS: ("service send_test",),
    SEND_CAMPAIGNS: (
        "service schedule_campaign",
        "service send_campaign",
        "service unschedule_campaign",
        "service stop_campaign",
        "the worker, of whoever scheduled",
    ),
    CHANGE_PUBLISHED_CAMPAIGNS: ("service rename_campaign",),
    DELETE_CAMPAIGNS: ("service delete_campaign",),
    SHARE_CAMPAIGNS: ("service share_campaign",),
}
#: what other applications ask by name, as they registered it
_registered: dict[str, set[str]] = {}


def register(asked: Mapping[str, tuple[str, ...]]) -> None:
    """Say which surfaces of another application ask for which permissions; called once, in
    ``AppConfig.ready``."""
    for permission, surfaces in asked.items():
        _registered.setdefault(str(permission), set()).update(surfaces)


_MEMBERSHIPS = (
    "service add_member",
    "service remove_member",
    "service suspend_member",
    "service reactivate_member",
    "service change_role",
    "service toggle_permission",
    "service set_toggles",
    "service set_end",
    "service invite_member",
    "service resend_invitation",
    "service withdraw_invitation",
    "service set_toggle_end",
)


def _of_custom_roles(edition: Edition) -> Iterator[tuple[str, str]]:
    if edition.custom_roles is not None:
        for permission in edition.gives_roles:
            yield permission, "service create_role"
            yield permission, "service edit_role"
        # whoever has the role gets another
        changing = edition.changes_account | edition.changes_subaccount
        for permission in edition.gives_roles | changing:
            yield permission, "service delete_role"


def enforced_by() -> dict[str, list[str]]:
    """Return, for every permission, the surfaces that ask for it."""
    found: dict[str, set[str]] = defaultdict(set)
    for permission, surfaces in (*ASKED.items(), *_registered.items()):
        found[permission].update(surfaces)
    for edition in EDITIONS.values():
        for permission in edition.changes_account:
            found[permission].update((*_MEMBERSHIPS, "service set_manager_reach", "console people"))
        for permission in edition.changes_subaccount:
            found[permission].update(
                (
                    *_MEMBERSHIPS,
                    "service set_primary_contact",
                    "service give_guest_access",
                    "service withdraw_guest_access",
                    "service set_guest_end",
                    "console people",
                )
            )
        for permission in edition.gives_roles:
            found[permission].update(
                (
                    "service add_member",
                    "service change_role",
                    "service reactivate_member",
                    "service set_end",
                    "service invite_member",
                    "service resend_invitation",
                )
            )
        for permission, surface in _of_custom_roles(edition):
            found[permission].add(surface)
        for role in edition.roles:
            if role.peer is not None:
                found[role.peer].add("managing people of equal rank")
    for resource in registry:
        for action in resource.actions.values():
            found[action].add(f"has_perm and visible on {resource.label}")
        if issubclass(resource.model, Archivable):
            found[resource.actions["delete"]].update(
                ("service archive_item", "service restore_item")
            )
    return {permission: sorted(surfaces) for permission, surfaces in found.items()}
