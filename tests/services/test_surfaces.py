"""``list_permissions`` says which service asks for which permission: each line is true.

For every (permission, service) somebody who lacks the permission is refused, and the refusal names
exactly that permission.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from billing.surfaces import ASKED as ASKED_BY_BILLING
from teams import services
from teams.catalogue import CATALOGUE
from teams.factories import (
    CampaignFactory,
    ContactFactory,
    CustomFieldFactory,
    MailingListFactory,
    MessageTemplateFactory,
    SavedRowFactory,
    SegmentFactory,
    UserFactory,
)
from teams.models import (
    ApiKey,
    Campaign,
    Contact,
    ContactExport,
    ContactImport,
    CustomField,
    Invitation,
    ListMembership,
    MailingList,
    Membership,
    MessageTemplate,
    Role,
    SavedRow,
    Segment,
    SubaccountGroup,
    Team,
    Webhook,
)
from teams.surfaces import enforced_by
from tests.services.world import World, refused, world

pytestmark = [pytest.mark.once, pytest.mark.django_db]


@dataclass
class Scene:
    """An actor who lacks a permission, and what they are to try it on."""

    w: World
    actor: Any
    target: Membership
    spare: Any
    guest: Any
    team: Team
    mailing_list: MailingList
    place: dict[str, Any]
    role: str
    other_role: str
    own_role: Role
    template: MessageTemplate
    saved: SavedRow
    row: str
    item: Any


CALLS: dict[str, Callable[[Scene], Any]] = {
    "create_subaccount": lambda s: services.create_subaccount(
        actor=s.actor, account=s.w.account, name="East"
    ),
    "archive_subaccount": lambda s: services.archive_subaccount(
        actor=s.actor, subaccount=s.w.north
    ),
    "restore_subaccount": lambda s: services.restore_subaccount(actor=s.actor, subaccount=s.w.west),
    "rename_subaccount": lambda s: services.rename_subaccount(
        actor=s.actor, subaccount=s.w.north, name="Mine"
    ),
    "create_subaccount_group": lambda s: services.create_subaccount_group(
        actor=s.actor, account=s.w.account, name="Mine", subaccounts=[s.w.north]
    ),
    "rename_subaccount_group": lambda s: services.rename_subaccount_group(
        actor=s.actor, group=_group(s), name="Mine"
    ),
    "set_subaccount_group": lambda s: services.set_subaccount_group(
        actor=s.actor, group=_group(s), subaccounts=[]
    ),
    "create_webhook": lambda s: services.create_webhook(
        actor=s.actor, account=s.w.account, name="Mine", url="https://example.com/"
    ),
    "edit_webhook": lambda s: services.edit_webhook(
        actor=s.actor, webhook=_webhook(s), name="Mine", url="https://example.com/"
    ),
    "renew_webhook_secret": lambda s: services.renew_webhook_secret(
        actor=s.actor, webhook=_webhook(s)
    ),
    "switch_webhook": lambda s: services.switch_webhook(
        actor=s.actor, webhook=_webhook(s), on=False
    ),
    "delete_webhook": lambda s: services.delete_webhook(actor=s.actor, webhook=_webhook(s)),
    "send_webhook_test": lambda s: services.send_webhook_test(actor=s.actor, webhook=_webhook(s)),
    "send_webhook_again": lambda s: services.send_webhook_again(
        actor=s.actor,
        delivery=_webhook(s).deliveries.get(),
    ),
    "delete_subaccount_group": lambda s: services.delete_subaccount_group(
        actor=s.actor, group=_group(s)
    ),
    "set_features": lambda s: services.set_features(
        actor=s.actor, subaccount=s.w.north, off=["exports"]
    ),
    "set_accent": lambda s: services.set_accent(
        actor=s.actor, account=s.w.account, accent="#123456"
    ),
    "create_api_key": lambda s: services.create_api_key(
        actor=s.actor, subaccount=s.w.north, name="Mine", scopes=["access_audience"]
    ),
    "rotate_api_key": lambda s: services.rotate_api_key(actor=s.actor, key=_key(s)),
    "revoke_api_key": lambda s: services.revoke_api_key(actor=s.actor, key=_key(s)),
    "add_member": lambda s: services.add_member(
        consented=True, actor=s.actor, account=s.w.account, user=s.spare, role=s.role, **s.place
    ),
    "invite_member": lambda s: services.invite_member(
        actor=s.actor,
        account=s.w.account,
        address="ana@new.example",
        role=s.role,
        teams=[s.team] if s.w.edition.has_teams else (),
        **s.place,
    ),
    "resend_invitation": lambda s: services.resend_invitation(
        actor=s.actor, invitation=_invitation(s)
    ),
    "withdraw_invitation": lambda s: services.withdraw_invitation(
        actor=s.actor, invitation=_invitation(s)
    ),
    "set_end": lambda s: services.set_end(actor=s.actor, membership=s.target, ends_at=None),
    "remove_member": lambda s: services.remove_member(actor=s.actor, membership=s.target),
    "suspend_member": lambda s: services.suspend_member(actor=s.actor, membership=s.target),
    "reactivate_member": lambda s: services.reactivate_member(actor=s.actor, membership=s.target),
    "change_role": lambda s: services.change_role(
        actor=s.actor, membership=s.target, role=s.other_role
    ),
    "create_role": lambda s: services.create_role(
        actor=s.actor, account=s.w.account, name="Listkeeper", permissions=["access_campaigns"]
    ),
    "edit_role": lambda s: services.edit_role(
        actor=s.actor, role=s.own_role, permissions=["access_campaigns"]
    ),
    "delete_role": lambda s: services.delete_role(
        actor=s.actor, role=s.own_role, replacement="reports_only"
    ),
    "toggle_permission": lambda s: services.toggle_permission(
        actor=s.actor, membership=s.target, toggle="export_contacts", on=False
    ),
    "set_toggles": lambda s: services.set_toggles(
        actor=s.actor, membership=s.target, switches={"export_contacts": False}
    ),
    "set_toggle_end": lambda s: services.set_toggle_end(
        actor=s.actor, membership=s.target, toggle="export_contacts", ends_at=None
    ),
    "set_guest_end": lambda s: services.set_guest_end(
        actor=s.actor, user=s.guest, obj=s.w.north, ends_at=None
    ),
    "set_team_end": lambda s: services.set_team_end(
        actor=s.actor, team=s.team, user=s.target.user, ends_at=None
    ),
    "set_manager_reach": lambda s: services.set_manager_reach(
        actor=s.actor, membership=s.target, all_subaccounts=True
    ),
    "set_primary_contact": lambda s: services.set_primary_contact(
        actor=s.actor, subaccount=s.w.north, membership=s.target
    ),
    "give_guest_access": lambda s: services.give_guest_access(
        actor=s.actor, user=s.guest, obj=s.w.north, permissions=["access_audience"]
    ),
    "withdraw_guest_access": lambda s: services.withdraw_guest_access(
        actor=s.actor, user=s.guest, obj=s.w.north
    ),
    "create_team": lambda s: services.create_team(actor=s.actor, account=s.w.account, name="Mine"),
    "rename_team": lambda s: services.rename_team(actor=s.actor, team=s.team, name="Mine"),
    "archive_team": lambda s: services.archive_team(actor=s.actor, team=s.team),
    "set_team_mode": lambda s: services.set_team_mode(
        actor=s.actor, account=s.w.account, mode="lists"
    ),
    "add_to_team": lambda s: services.add_to_team(actor=s.actor, team=s.team, user=s.target.user),
    "remove_from_team": lambda s: services.remove_from_team(
        actor=s.actor, team=s.team, user=s.target.user
    ),
    "share_with_team": lambda s: services.share_with_team(
        actor=s.actor, team=s.team, obj=s.mailing_list
    ),
    "unshare_with_team": lambda s: services.unshare_with_team(
        actor=s.actor, team=s.team, obj=s.mailing_list
    ),
    # contacts, their fields, segments
    "add_contact": lambda s: services.add_contact(
        actor=s.actor, where=s.w.north, email="new@readers.example"
    ),
    "edit_contact": lambda s: services.edit_contact(
        actor=s.actor, contact=_contact(s), first_name="Mine"
    ),
    "put_on_list": lambda s: services.put_on_list(
        actor=s.actor, contact=_contact(s), mailing_list=s.mailing_list
    ),
    "take_off_list": lambda s: services.take_off_list(
        actor=s.actor, contact=_contact(s), mailing_list=s.mailing_list
    ),
    "set_subscription": lambda s: services.set_subscription(
        actor=s.actor, contact=_contact(s), status="unsubscribed"
    ),
    "create_field": lambda s: services.create_field(
        actor=s.actor, subaccount=s.w.north, label="City", kind="text"
    ),
    "rename_field": lambda s: services.rename_field(actor=s.actor, field=_field(s), label="Town"),
    "delete_field": lambda s: services.delete_field(actor=s.actor, field=_field(s)),
    "create_segment": lambda s: services.create_segment(
        actor=s.actor, subaccount=s.w.north, name="All", rules=RULES
    ),
    "edit_segment": lambda s: services.edit_segment(
        actor=s.actor, segment=Segment.objects.filter(subaccount=s.w.north)[0], rules=RULES
    ),
    "set_address_masking": lambda s: services.set_address_masking(
        actor=s.actor, account=s.w.account, on=True
    ),
    "set_second_factor": lambda s: services.set_second_factor(
        actor=s.actor, account=s.w.account, classes=["managers"]
    ),
    "create_list": lambda s: services.create_list(
        actor=s.actor, subaccount=s.w.north, name="Mine", kind="secondary"
    ),
    "rename_list": lambda s: services.rename_list(
        actor=s.actor, mailing_list=s.mailing_list, name="Mine"
    ),
    "change_list_type": lambda s: services.change_list_type(
        actor=s.actor, mailing_list=s.mailing_list, kind="secondary"
    ),
    "delete_list": lambda s: services.delete_list(actor=s.actor, mailing_list=s.mailing_list),
    "create_template": lambda s: services.create_template(
        actor=s.actor, subaccount=s.w.north, name="Mine"
    ),
    "rename_template": lambda s: services.rename_template(
        actor=s.actor, template=s.template, name="Mine"
    ),
    "add_row": lambda s: services.add_row(actor=s.actor, content=s.template, html="<p>x"),
    "insert_saved_row": lambda s: services.insert_saved_row(
        actor=s.actor, content=s.template, saved=s.saved
    ),
    "change_row": lambda s: services.change_row(
        actor=s.actor, content=s.template, key="fixed", html="<p>y"
    ),
    "move_row": lambda s: services.move_row(
        actor=s.actor, content=s.template, key="locked", position=0
    ),
    "remove_row": lambda s: services.remove_row(actor=s.actor, content=s.template, key=s.row),
    "lock_row": lambda s: services.lock_row(
        actor=s.actor, content=s.template, key="free", row_locked=True, contents_locked=False
    ),
    "change_text": lambda s: services.change_text(actor=s.actor, content=s.template, text="x"),
    "save_row": lambda s: services.save_row(
        actor=s.actor, content=s.template, key="free", name="Mine"
    ),
    "delete_saved_row": lambda s: services.delete_saved_row(actor=s.actor, saved=s.saved),
    "archive_item": lambda s: services.archive_item(actor=s.actor, obj=s.item),
    "restore_item": lambda s: services.restore_item(actor=s.actor, obj=s.item),
    "purge_item": lambda s: services.purge_item(actor=s.actor, obj=s.item, confirm=str(s.item)),
    # contacts in and out
    "upload_import": lambda s: services.upload_import(
        actor=s.actor, subaccount=s.w.north, file=io.BytesIO(b"Address\na@b.example"), name="a.csv"
    ),
    "start_import": lambda s: services.start_import(
        actor=s.actor, contact_import=_moved(s, ContactImport), mapping={}
    ),
    "undo_import": lambda s: services.undo_import(
        actor=s.actor, contact_import=_moved(s, ContactImport)
    ),
    "export_contacts": lambda s: services.export_contacts(actor=s.actor, subaccount=s.w.north),
    "open_export": lambda s: services.open_export(
        actor=s.actor, contact_export=_moved(s, ContactExport)
    ),
    # campaigns
    "create_campaign": lambda s: services.create_campaign(
        actor=s.actor, subaccount=s.w.north, name="Mine"
    ),
    "edit_campaign": lambda s: services.edit_campaign(
        actor=s.actor, campaign=_campaign(s), subject="x", sender_name="", sender_email=""
    ),
    "rename_campaign": lambda s: services.rename_campaign(
        actor=s.actor, campaign=_campaign(s), name="Mine"
    ),
    "set_audience": lambda s: services.set_audience(
        actor=s.actor, campaign=_campaign(s), mailing_list=s.mailing_list
    ),
    "use_template": lambda s: services.use_template(
        actor=s.actor, campaign=_campaign(s), template=s.template
    ),
    "duplicate_campaign": lambda s: services.duplicate_campaign(
        actor=s.actor, campaign=_campaign(s), name="Mine"
    ),
    "share_campaign": lambda s: services.share_campaign(
        actor=s.actor, campaign=_campaign(s), subaccount=s.w.south
    ),
    "delete_campaign": lambda s: services.delete_campaign(actor=s.actor, campaign=_campaign(s)),
    "send_test": lambda s: services.send_test(actor=s.actor, campaign=_campaign(s)),
    "schedule_campaign": lambda s: services.schedule_campaign(
        actor=s.actor, campaign=_campaign(s), at=timezone.now() + timedelta(days=1)
    ),
    "send_campaign": lambda s: services.send_campaign(actor=s.actor, campaign=_campaign(s)),
    "unschedule_campaign": lambda s: services.unschedule_campaign(
        actor=s.actor, campaign=_campaign(s)
    ),
    "stop_campaign": lambda s: services.stop_campaign(actor=s.actor, campaign=_campaign(s)),
}
#: what archiving is tried on, by the permission that it needs
ITEMS: dict[str, Callable[[World], Any]] = {
    "access_content": lambda w: MessageTemplateFactory(subaccount=w.north),
    "create_segments": lambda w: SegmentFactory(subaccount=w.north),
    "delete_campaigns": lambda w: CampaignFactory(subaccount=w.north),
    "delete_contacts": lambda w: ContactFactory(subaccount=w.north),
}
#: what cannot be ticked by itself is lacked without what it comes along with
FOLLOWS = {
    "create_segments": "use_audience_builder",
    "create_campaigns": "access_campaigns",
    "test_campaigns": "access_campaigns",
    "change_published_campaigns": "send_campaigns",
}
ROWS = [
    {
        "key": key,
        "html": "<p>x</p>",
        "row_locked": key == "locked",
        "contents_locked": key == "fixed",
    }
    for key in ("free", "locked", "fixed")
]
RULES = {"match": "all", "rules": [{"field": "first_name", "test": "is_filled", "value": ""}]}


def _campaign(s: Scene) -> Campaign:
    return Campaign.objects.get(subaccount=s.w.north, slug="tried")


def _key(s: Scene) -> ApiKey:
    return ApiKey.objects.get(account=s.w.account)


def _invitation(s: Scene) -> Invitation:
    return Invitation.objects.get(account=s.w.account)


def _contact(s: Scene) -> Contact:
    return Contact.objects.get(subaccount=s.w.north)


def _moved(s: Scene, model: Any) -> Any:
    return model.objects.get(created_by=s.actor)


def _group(s: Scene) -> SubaccountGroup:
    return SubaccountGroup.objects.get(account=s.w.account)


def _webhook(s: Scene) -> Webhook:
    return Webhook.objects.get(account=s.w.account)


def _field(s: Scene) -> CustomField:
    return CustomField.objects.get(subaccount=s.w.north)


#: these are tried in tests/billing/test_surfaces.py
BILLING = {surface for surfaces in ASKED_BY_BILLING.values() for surface in surfaces}
LINES = sorted(
    (permission, surface.removeprefix("service "))
    for permission, surfaces in enforced_by().items()
    for surface in surfaces
    if surface.startswith("service ") and surface not in BILLING
)


#: custom roles hold these with the Audience tab, so it takes somebody who lacks the tab
SWITCHES = ("toggle_permission", "set_toggles", "set_toggle_end")
IN_THE_PLACE = ("add_contact", "upload_import", "start_import", "undo_import")
WITH_THE_TAB = ("view_contacts", "add_contacts", "create_segments")


def edition_for(permission: str, service: str) -> str:
    """Return an edition where ``service`` exists and asks for ``permission``."""
    if permission in (*WITH_THE_TAB, "export_contacts") and service != "delete_field":
        return "emma_hq"
    if service == "set_primary_contact":
        return "emma_enterprise"
    if permission == "manage_managers" or service.endswith("e_subaccount"):
        return "emma_corporate"
    return "emma_hq" if service in (*SWITCHES, "set_features") else "sailthru"


def _without_the_tab(w: World, permission: str, service: str, mailing_list: MailingList) -> Any:
    """Return the membership of somebody who lacks ``permission`` and sees what is tried."""
    if service == "delete_field":  # teams hide some of the contacts
        everything = w.edition.custom_roles
        assert everything is not None
        return w.member(w.custom(*(everything.tickable - {"assign_team_resources"})))
    if permission != "add_contacts" or service in IN_THE_PLACE:
        return w.member("author")
    guest = w.member("author", w.south)
    services.give_guest_access(
        actor=w.owner,
        user=guest.user,
        obj=mailing_list,
        permissions=["access_audience", "view_contacts"],
    )
    return guest


def _prepare(w: World, service: str, role: str, place: dict[str, Any], team: Team) -> None:
    """Let the owner offer what is sent again or withdrawn."""
    if service in ("resend_invitation", "withdraw_invitation"):
        services.invite_member(
            actor=w.owner,
            account=w.account,
            address="ana@new.example",
            role=role,
            teams=[team] if w.edition.has_teams else (),
            **place,
        )


def _own_role(w: World) -> Role:
    """Return a role of the account's own that somebody has, where there are such."""
    role = w.custom("access_campaigns", "send_campaigns")
    if w.edition.custom_roles is not None:
        w.member(role)
    return role


def _target(w: World, service: str, role: str, *, at_account: bool) -> Membership:
    """Return the role that the service is tried on."""
    if service == "set_manager_reach" or at_account:
        return w.manager(w.north, role=role)
    return w.member("editor" if service in SWITCHES else role)


def scene(permission: str, service: str) -> Scene:
    """Return somebody who holds as much as they can without ``permission``."""
    w = world(edition_for(permission, service))
    role, other_role, place = "author", "editor", {"subaccount": w.north}
    mailing_list = MailingListFactory(subaccount=w.north, created_by=w.owner)
    if permission in WITH_THE_TAB:
        if w.edition.custom_roles is not None:
            role, other_role = "reports_only", "marketer_limited"
        actor = _without_the_tab(w, permission, service, mailing_list)
    elif permission == "manage_subaccount_settings" and service.endswith("_group"):
        actor = w.manager(w.south, role="account_admin")
    elif w.edition.custom_roles is not None:
        everything_else = w.custom(
            *(w.edition.custom_roles.tickable - {FOLLOWS.get(permission, permission)})
        )
        role, other_role, actor = "reports_only", "marketer_limited", w.member(everything_else)
    elif permission == "manage_managers":
        role = other_role = "manager"
        place, actor = {"managed": [w.north]}, w.manager(toggles=("billing", "export_contacts"))
    elif permission == "manage_subaccount_settings":
        actor = w.manager(w.south, toggles=("subaccounts",))
    elif permission in ("manage_members", "export_contacts", "manage_features"):
        actor = w.member("full")
    else:
        actor = w.manager(toggles=("managers", "export_contacts"))
    target = _target(w, service, role, at_account="managed" in place)
    team = w.team()
    _prepare(w, service, role, place, team)
    if service == "archive_team":
        services.share_with_team(actor=w.owner, team=team, obj=mailing_list)
    ends_at = timezone.now() + timedelta(days=1) if service == "set_end" else None
    status = "suspended" if service == "reactivate_member" else "active"
    Membership.objects.filter(pk=target.pk).update(status=status, ends_at=ends_at)
    SubaccountGroup.objects.create(account=w.account).contents.create(
        account=w.account, subaccount=w.north
    )
    hook = Webhook.objects.create(account=w.account, name="Mirror", created_by=w.owner)
    hook.deliveries.create(account=w.account, sequence=10_000, state="failed")
    CustomFieldFactory(subaccount=w.north)
    SegmentFactory(subaccount=w.north)
    if permission == "generate_api_keys":
        services.create_api_key(
            actor=w.owner, subaccount=w.north, name="Sync", scopes=["access_audience"]
        )
    contact = ContactFactory(subaccount=w.north)
    ListMembership.objects.create(subaccount=w.north, contact=contact, mailing_list=mailing_list)
    CampaignFactory(
        subaccount=w.north,
        slug="tried",
        status="sent" if permission == "change_published_campaigns" else "draft",
    )
    for model in (ContactImport, ContactExport):
        model.objects.create(
            account=w.account, subaccount=w.north, created_by=actor.user, status="done"
        )
    return Scene(
        w=w,
        actor=actor.user,
        target=target,
        spare=UserFactory(),
        guest=w.member(role, w.south).user if "managed" not in place else UserFactory(),
        team=team,
        mailing_list=mailing_list,
        place=place,
        role=role,
        other_role=other_role,
        own_role=_own_role(w),
        template=MessageTemplateFactory(subaccount=w.north, rows=ROWS),
        saved=SavedRowFactory(subaccount=w.north),
        row={"change_locked_rows": "locked", "change_locked_contents": "fixed"}.get(
            permission, "free"
        ),
        item=ITEMS.get(permission, lambda w: MailingListFactory(subaccount=w.north))(w),
    )


#: what asks for no permission: the link is the right, or the role that one gives up
OWN_AFFAIRS = {"accept_invitation", "join", "leave", "leave_account"}
#: what asks whether one is the owner, or the heir: see test_ownership.py
OWNERSHIP = {"accept_ownership", "decline_transfer", "offer_ownership", "withdraw_transfer"}
#: what asks of each line what withdrawing it asks: see test_reviews.py
REVIEWS = {
    "confirm_line",
    "decide_lines",
    "finish_review",
    "refresh_review",
    "start_review",
    "withdraw_line",
}


def test_every_service_is_called_here() -> None:
    own = OWN_AFFAIRS | OWNERSHIP | REVIEWS | {"preview"}
    assert set(CALLS) == set(services.__all__) - own
    assert {service for _, service in LINES} == set(CALLS)


@pytest.mark.parametrize("permission", sorted(enforced_by()))
def test_surfaces_speak_of_permissions_that_exist(permission: str) -> None:
    assert permission in CATALOGUE
    assert enforced_by()[permission] == sorted(set(enforced_by()[permission]))


@pytest.mark.parametrize(("permission", "service"), LINES)
def test_service_asks_for_it(permission: str, service: str) -> None:
    found = scene(permission, service)
    with refused("OUT_OF_SCOPE") as caught:
        CALLS[service](found)
    assert {m.permission for m in caught.value.missing} == {permission}  # type: ignore[attr-defined]
