"""Every write: verbs with an explicit actor. The edges call these and decide nothing themselves."""

from teams.services.contacts import (
    add_contact,
    edit_contact,
    put_on_list,
    set_subscription,
    take_off_list,
)
from teams.services.custom_fields import create_field, delete_field, rename_field
from teams.services.guests import give_guest_access, withdraw_guest_access
from teams.services.items import archive_item, purge_item, restore_item
from teams.services.masking import set_address_masking
from teams.services.people import (
    add_member,
    change_role,
    reactivate_member,
    remove_member,
    set_manager_reach,
    suspend_member,
)
from teams.services.places import (
    archive_subaccount,
    create_subaccount,
    rename_subaccount,
    restore_subaccount,
)
from teams.services.primary_contact import set_primary_contact
from teams.services.segments import create_segment, edit_segment
from teams.services.sharing import (
    add_to_team,
    create_team,
    remove_from_team,
    share_with_team,
    unshare_with_team,
)
from teams.services.theme import set_accent
from teams.services.toggles import set_toggles, toggle_permission

__all__ = [
    "add_contact",
    "add_member",
    "add_to_team",
    "archive_item",
    "archive_subaccount",
    "change_role",
    "create_field",
    "create_segment",
    "create_subaccount",
    "create_team",
    "delete_field",
    "edit_contact",
    "edit_segment",
    "give_guest_access",
    "purge_item",
    "put_on_list",
    "reactivate_member",
    "remove_from_team",
    "remove_member",
    "rename_field",
    "rename_subaccount",
    "restore_item",
    "restore_subaccount",
    "set_accent",
    "set_address_masking",
    "set_manager_reach",
    "set_primary_contact",
    "set_subscription",
    "set_toggles",
    "share_with_team",
    "suspend_member",
    "take_off_list",
    "toggle_permission",
    "unshare_with_team",
    "withdraw_guest_access",
]
