"""``list_permissions`` says which service asks for which permission: each line is true.

For every (permission, service) somebody who lacks the permission is refused, and the refusal names
exactly that permission.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from teams import services
from teams.catalogue import CATALOGUE
from teams.factories import (
    ContactFactory,
    CustomFieldFactory,
    MailingListFactory,
    SegmentFactory,
    UserFactory,
)
from teams.models import (
    Contact,
    CustomField,
    ListMembership,
    MailingList,
    Membership,
    Segment,
    Team,
)
from teams.surfaces import enforced_by
from tests.services.world import World, refused, world

pytestmark = pytest.mark.django_db


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
    "set_accent": lambda s: services.set_accent(
        actor=s.actor, account=s.w.account, accent="#123456"
    ),
    "add_member": lambda s: services.add_member(
        actor=s.actor, account=s.w.account, user=s.spare, role=s.role, **s.place
    ),
    "remove_member": lambda s: services.remove_member(actor=s.actor, membership=s.target),
    "suspend_member": lambda s: services.suspend_member(actor=s.actor, membership=s.target),
    "reactivate_member": lambda s: services.reactivate_member(actor=s.actor, membership=s.target),
    "change_role": lambda s: services.change_role(
        actor=s.actor, membership=s.target, role=s.other_role
    ),
    "toggle_permission": lambda s: services.toggle_permission(
        actor=s.actor, membership=s.target, toggle="export_contacts", on=False
    ),
    "set_toggles": lambda s: services.set_toggles(
        actor=s.actor, membership=s.target, switches={"export_contacts": False}
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
        actor=s.actor, segment=Segment.objects.get(subaccount=s.w.north), rules=RULES
    ),
    "set_address_masking": lambda s: services.set_address_masking(
        actor=s.actor, account=s.w.account, on=True
    ),
}
RULES = {"match": "all", "rules": [{"field": "first_name", "test": "is_filled", "value": ""}]}


def _contact(s: Scene) -> Contact:
    return Contact.objects.get(subaccount=s.w.north)


def _field(s: Scene) -> CustomField:
    return CustomField.objects.get(subaccount=s.w.north)


LINES = sorted(
    (permission, surface.removeprefix("service "))
    for permission, surfaces in enforced_by().items()
    for surface in surfaces
    if surface.startswith("service ")
)


#: custom roles hold these with the Audience tab, so it takes somebody who lacks the tab
WITH_THE_TAB = ("view_contacts", "add_contacts", "create_segments")


def edition_for(permission: str, service: str) -> str:
    """Return an edition where ``service`` exists and asks for ``permission``."""
    if permission in WITH_THE_TAB and service != "delete_field":
        return "emma_hq"
    if service == "set_primary_contact":
        return "emma_enterprise"
    if permission == "manage_managers" or service.endswith("e_subaccount"):
        return "emma_corporate"
    return "emma_hq" if service in ("toggle_permission", "set_toggles") else "sailthru"


def _without_the_tab(w: World, permission: str, service: str, mailing_list: MailingList) -> Any:
    """Return the membership of somebody who lacks ``permission`` and sees what is tried."""
    if service == "delete_field":  # teams hide some of the contacts
        everything = w.edition.custom_roles
        assert everything is not None
        return w.member(w.custom(*(everything.tickable - {"assign_team_resources"})))
    if permission != "add_contacts" or service == "add_contact":
        return w.member("author")
    guest = w.member("author", w.south)
    services.give_guest_access(
        actor=w.owner,
        user=guest.user,
        obj=mailing_list,
        permissions=["access_audience", "view_contacts"],
    )
    return guest


def scene(permission: str, service: str) -> Scene:
    """Return somebody who holds as much as they can without ``permission``."""
    w = world(edition_for(permission, service))
    role, other_role, place = "author", "editor", {"subaccount": w.north}
    mailing_list = MailingListFactory(subaccount=w.north, created_by=w.owner)
    if permission in WITH_THE_TAB:
        if w.edition.custom_roles is not None:
            role, other_role = "reports_only", "marketer_limited"
        actor = _without_the_tab(w, permission, service, mailing_list)
    elif w.edition.custom_roles is not None:
        everything_else = w.custom(*(w.edition.custom_roles.tickable - {permission}))
        role, other_role, actor = "reports_only", "marketer_limited", w.member(everything_else)
    elif permission == "manage_managers":
        role = other_role = "manager"
        place, actor = {"managed": [w.north]}, w.manager(toggles=("billing", "export_contacts"))
    elif permission == "manage_subaccount_settings":
        actor = w.manager(w.south, toggles=("subaccounts",))
    elif permission == "manage_members":
        actor = w.member("full")
    else:
        actor = w.manager(toggles=("managers", "export_contacts"))
    if service == "set_manager_reach" or "managed" in place:
        target = w.manager(w.north, role=role)
    elif service in ("toggle_permission", "set_toggles"):
        target = w.member("editor")
    else:
        target = w.member(role)
    CustomFieldFactory(subaccount=w.north)
    SegmentFactory(subaccount=w.north)
    contact = ContactFactory(subaccount=w.north)
    ListMembership.objects.create(subaccount=w.north, contact=contact, mailing_list=mailing_list)
    if service == "reactivate_member":
        Membership.objects.filter(pk=target.pk).update(status="suspended")
    return Scene(
        w=w,
        actor=actor.user,
        target=target,
        spare=UserFactory(),
        guest=w.member(role, w.south).user if "managed" not in place else UserFactory(),
        team=w.team(),
        mailing_list=mailing_list,
        place=place,
        role=role,
        other_role=other_role,
    )


def test_every_service_is_called_here() -> None:
    assert set(CALLS) == set(services.__all__)
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
