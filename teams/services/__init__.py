"""Every write: verbs with an explicit actor. The edges call these and decide nothing themselves."""

from teams.services.api_keys import create_api_key, revoke_api_key, rotate_api_key
from teams.services.archive import archive_item, purge_item, restore_item
from teams.services.campaigns import (
    create_campaign,
    delete_campaign,
    duplicate_campaign,
    edit_campaign,
    rename_campaign,
    set_audience,
    share_campaign,
    use_template,
)
from teams.services.contacts import (
    add_contact,
    edit_contact,
    put_on_list,
    set_subscription,
    take_off_list,
)
from teams.services.custom_fields import create_field, delete_field, rename_field
from teams.services.departures import (
    leave,
    leave_account,
    reactivate_member,
    remove_member,
    suspend_member,
)
from teams.services.exports import (
    export_contacts,
    open_export,
)
from teams.services.factors import set_second_factor
from teams.services.features import set_features
from teams.services.groups import (
    create_subaccount_group,
    delete_subaccount_group,
    rename_subaccount_group,
    set_subaccount_group,
)
from teams.services.guests import give_guest_access, set_guest_end, withdraw_guest_access
from teams.services.imports import (
    start_import,
    undo_import,
    upload_import,
)
from teams.services.invitations import invite_member, resend_invitation, withdraw_invitation
from teams.services.joining import accept_invitation, join
from teams.services.lists import change_list_type, create_list, delete_list, rename_list
from teams.services.masking import set_address_masking
from teams.services.ownership import (
    accept_ownership,
    decline_transfer,
    offer_ownership,
    withdraw_transfer,
)
from teams.services.people import add_member, change_role, set_end, set_manager_reach
from teams.services.places import (
    archive_subaccount,
    create_subaccount,
    rename_subaccount,
    restore_subaccount,
)
from teams.services.previews import preview
from teams.services.primary_contact import set_primary_contact
from teams.services.review_decisions import confirm_line, decide_lines, withdraw_line
from teams.services.reviews import finish_review, refresh_review, start_review
from teams.services.roles import create_role, delete_role, edit_role
from teams.services.rows import (
    add_row,
    change_row,
    change_text,
    delete_saved_row,
    insert_saved_row,
    lock_row,
    move_row,
    remove_row,
    save_row,
)
from teams.services.segments import create_segment, edit_segment
from teams.services.sending import (
    schedule_campaign,
    send_campaign,
    stop_campaign,
    unschedule_campaign,
)
from teams.services.sharing import (
    add_to_team,
    create_team,
    remove_from_team,
    rename_team,
    set_team_end,
    share_with_team,
    unshare_with_team,
)
from teams.services.team_archive import archive_team
from teams.services.team_mode import set_team_mode
from teams.services.templates import create_template, rename_template
from teams.services.theme import set_accent
from teams.services.toggles import set_toggle_end, set_toggles, toggle_permission
from teams.services.trials import send_test
from teams.services.webhooks import (
    create_webhook,
    delete_webhook,
    edit_webhook,
    renew_webhook_secret,
    send_webhook_again,
    send_webhook_test,
    switch_webhook,
)

__all__ = [
    "accept_invitation",
    "accept_ownership",
    "add_contact",
    "add_member",
    "add_row",
    "add_to_team",
    "archive_item",
    "archive_subaccount",
    "archive_team",
    "change_list_type",
    "change_role",
    "change_row",
    "change_text",
    "confirm_line",
    "create_api_key",
    "create_campaign",
    "create_field",
    "create_list",
    "create_role",
    "create_segment",
    "create_subaccount",
    "create_subaccount_group",
    "create_team",
    "create_template",
    "create_webhook",
    "decide_lines",
    "decline_transfer",
    "delete_campaign",
    "delete_field",
    "delete_list",
    "delete_role",
    "delete_saved_row",
    "delete_subaccount_group",
    "delete_webhook",
    "duplicate_campaign",
    "edit_campaign",
    "edit_contact",
    "edit_role",
    "edit_segment",
    "edit_webhook",
    "export_contacts",
    "finish_review",
    "give_guest_access",
    "insert_saved_row",
    "invite_member",
    "join",
    "leave",
    "leave_account",
    "lock_row",
    "move_row",
    "offer_ownership",
    "open_export",
    "preview",
    "purge_item",
    "put_on_list",
    "reactivate_member",
    "refresh_review",
    "remove_from_team",
    "remove_member",
    "remove_row",
    "rename_campaign",
    "rename_field",
    "rename_list",
    "rename_subaccount",
    "rename_subaccount_group",
    "rename_team",
    "rename_template",
    "renew_webhook_secret",
    "resend_invitation",
    "restore_item",
    "restore_subaccount",
    "revoke_api_key",
    "rotate_api_key",
    "save_row",
    "schedule_campaign",
    "send_campaign",
    "send_test",
    "send_webhook_again",
    "send_webhook_test",
    "set_accent",
    "set_address_masking",
    "set_audience",
    "set_end",
    "set_features",
    "set_guest_end",
    "set_manager_reach",
    "set_primary_contact",
    "set_second_factor",
    "set_subaccount_group",
    "set_subscription",
    "set_team_end",
    "set_team_mode",
    "set_toggle_end",
    "set_toggles",
    "share_campaign",
    "share_with_team",
    "start_import",
    "start_review",
    "stop_campaign",
    "suspend_member",
    "switch_webhook",
    "take_off_list",
    "toggle_permission",
    "undo_import",
    "unschedule_campaign",
    "unshare_with_team",
    "upload_import",
    "use_template",
    "withdraw_guest_access",
    "withdraw_invitation",
    "withdraw_line",
    "withdraw_transfer",
]
