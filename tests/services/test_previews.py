"""A preview says what saving then really does: asked of every person, permission and object."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import django
import pytest
from django.core import mail

from permissions import access
from permissions.policy import FUTURE, TOP
from permissions.resources import registry
from teams import effects, services
from teams.catalogue import (
    ACCESS_AUDIENCE,
    ASSIGN_TEAM_RESOURCES,
    CATALOGUE,
    EXPORT_CONTACTS,
    RENAME_LISTS,
    SEND_CAMPAIGNS,
    VIEW_ASSETS,
)
from teams.differences import Preview
from teams.effects import people_in
from teams.factories import MailingListFactory, MessageTemplateFactory
from teams.models import MailingList, Membership, MessageTemplate, Subaccount, SubaccountGroup
from tests.services.world import World, refused, stored, world

pytestmark = pytest.mark.django_db

Atoms = set[tuple[Any, str, Any]]


def effective(w: World) -> Atoms:
    """Return (person, permission, where) of everything anybody holds, asked one by one."""
    w.account.refresh_from_db()
    objects: list[tuple[Any, Any]] = [(TOP, w.account)]
    objects += [(place.pk, place) for place in Subaccount.objects.filter(account=w.account)]
    for model in (MailingList, MessageTemplate):
        label = registry.of(model).label
        rows = model._default_manager.filter(subaccount__account=w.account)
        objects += [((label, str(obj.pk)), obj) for obj in rows]
    users = Membership.objects.filter(account=w.account).select_related("user")
    people = {row.user_id: row.user for row in users} | {w.owner.pk: w.owner}
    with access.unit_of_work():
        return {
            (pk, str(permission), where)
            for pk, person in people.items()
            for where, obj in objects
            for permission in CATALOGUE
            if access.can(person, permission, obj).allowed
        }


def announced(w: World, preview: Preview) -> tuple[Atoms, Atoms]:
    """Return what a preview says is gained and lost, written as ``effective`` writes it."""
    places = {TOP, *Subaccount.objects.filter(account=w.account).values_list("pk", flat=True)}
    found: list[Atoms] = []
    for which, on in (("gained", "gained_on"), ("lost", "lost_on")):
        found.append(
            {
                (person, permission, place)
                for person, one in preview.differences.items()
                for permission, scope in getattr(one.at, which).items()
                for place in places
                if place in scope
            }
            | {
                (person, permission, key)
                for person, one in preview.differences.items()
                for permission, key in getattr(one, on)
            }
        )
    return found[0], found[1]


def at_places(atoms: Atoms) -> Atoms:
    return {atom for atom in atoms if not isinstance(atom[2], tuple)}


def seen(atoms: Atoms) -> Atoms:
    """Return who sees which list or template."""
    views = {registry.of(model).label: str(registry.of(model).actions["view"])
             for model in (MailingList, MessageTemplate)}  # fmt: skip
    return {a for a in atoms if isinstance(a[2], tuple) and views[a[2][0]] == a[1]}


def follows(atoms: Atoms, moved: Atoms, w: World) -> Atoms:
    """Leave out of ``atoms`` about objects those that follow from what ``moved`` at their place."""
    places: dict[Any, Any] = {}
    for model in (MailingList, MessageTemplate):
        rows = model._default_manager.filter(subaccount__account=w.account)
        label = registry.of(model).label
        places |= {(label, str(pk)): p for pk, p in rows.values_list("pk", "subaccount_id")}
    return {a for a in atoms if (a[0], a[1], places[a[2]]) not in moved}


def check(w: World, service: Callable[..., Any], **named: Any) -> Preview:
    """Preview a call, carry it out, and hold the two against each other."""
    before, rows = effective(w), stored()
    found = services.preview(service, **named)
    assert stored() == rows
    everybody = effects.trial(w.account, lambda: service(**named))
    assert everybody.differences == found.differences
    service(**named)
    access.forget()
    after = effective(w)
    gained, lost = announced(w, found)
    assert at_places(gained) == at_places(after) - at_places(before)
    assert at_places(lost) == at_places(before) - at_places(after)
    assert seen(gained) == follows(seen(after) - seen(before), at_places(gained), w)
    assert seen(lost) == follows(seen(before) - seen(after), at_places(lost), w)
    return found


@pytest.fixture
def w() -> World:
    return world("emma_hq")


def test_another_role(w: World) -> None:
    found = check(
        w,
        services.change_role,
        actor=w.owner,
        membership=w.member("response_only"),
        role="full",
    )
    assert not found.losing
    assert found.lines[0].is_sensitive


def test_a_switch_names_the_person_the_permission_and_the_place(w: World) -> None:
    ana = w.member("full")
    found = check(
        w,
        services.toggle_permission,
        actor=w.owner,
        membership=ana,
        toggle="export_contacts",
        on=True,
    )
    line = found.lines[0]
    assert (line.permission, line.is_gain, line.people) == (EXPORT_CONTACTS, True, (ana.user_id,))
    assert w.north.pk in line.places
    assert w.south.pk not in line.places
    assert (found.looked_at, found.unchanged) == (1, 0)


def test_all_current_and_future(w: World) -> None:
    manager = w.manager(w.north)
    found = check(
        w, services.set_manager_reach, actor=w.owner, membership=manager, all_subaccounts=True
    )
    assert FUTURE in found.lines[0].places


def test_archive_and_restore(w: World) -> None:
    w.member("full")
    w.manager(w.north)
    guest = w.member("full", w.south).user
    services.give_guest_access(
        actor=w.owner, user=guest, obj=MailingListFactory(subaccount=w.north),
        permissions=[str(ACCESS_AUDIENCE)],
    )  # fmt: skip
    found = check(w, services.archive_subaccount, actor=w.owner, subaccount=w.north)
    assert not found.gaining
    assert guest.pk in found.losing
    found = check(w, services.restore_subaccount, actor=w.owner, subaccount=w.north)
    assert not found.losing


def test_guest_access(w: World) -> None:
    guest = w.member("full", w.south).user
    found = check(
        w, services.give_guest_access, actor=w.owner, user=guest,
        obj=MailingListFactory(subaccount=w.north), permissions=[str(ACCESS_AUDIENCE)],
    )  # fmt: skip
    assert found.gaining == {guest.pk}


def test_teams_show_and_hide() -> None:
    w = world("sailthru")
    role = w.custom(ACCESS_AUDIENCE, SEND_CAMPAIGNS)
    ana, ben = w.member(role).user, w.member(role).user
    shown, other = MailingListFactory(subaccount=w.north), MailingListFactory(subaccount=w.north)
    unassigned = MailingListFactory(subaccount=w.north, created_by=ana)
    MessageTemplateFactory(subaccount=w.north)
    spring = w.team(ben)
    check(w, services.share_with_team, actor=w.owner, team=spring, obj=shown)
    found = check(w, services.add_to_team, actor=w.owner, team=spring, user=ana)
    assert found.gaining == {ana.pk}
    check(w, services.share_with_team, actor=w.owner, team=spring, obj=unassigned)
    check(w, services.share_with_team, actor=w.owner, team=w.team(), obj=other)
    found = check(w, services.remove_from_team, actor=w.owner, team=spring, user=ben)
    assert found.losing == {ben.pk}


def test_a_role_that_is_edited_and_deleted() -> None:
    w = world("sailthru")
    role, other = w.custom(ACCESS_AUDIENCE, SEND_CAMPAIGNS), w.custom(SEND_CAMPAIGNS)
    ana, ben = w.member(role).user, w.manager(role=role).user
    w.member(other, user=ana)
    asleep = w.member(role, status="suspended").user
    services.invite_member(
        actor=w.owner, account=w.account, address="lena@new.example", role=role, subaccount=w.north
    )
    MailingListFactory(subaccount=w.north)
    found = check(
        w, services.edit_role, actor=w.owner, role=role,
        permissions=[ACCESS_AUDIENCE, RENAME_LISTS, ASSIGN_TEAM_RESOURCES],
    )  # fmt: skip
    assert (found.gaining, found.offers) == ({ana.pk, ben.pk}, 1)
    assert asleep.pk not in found.differences
    lost = {line.permission: line.people for line in found.lines if not line.is_gain}
    assert lost[SEND_CAMPAIGNS] == (ben.pk,)  # ana keeps it by the other role
    found = check(w, services.delete_role, actor=w.owner, role=role, replacement=other)
    assert found.losing == {ana.pk, ben.pk}
    assert found.gaining == {ben.pk}
    assert not check(w, services.edit_role, actor=w.owner, role=other, name="Senders")


def test_whoever_is_added_is_looked_at(w: World) -> None:
    newcomer = w.member("full", w.south).user
    found = services.preview(
        services.add_member, actor=w.owner, account=w.account, user=newcomer, role="full",
        subaccount=w.north,
    )  # fmt: skip
    assert found.gaining == {newcomer.pk}
    assert newcomer.pk in people_in(w.account)


def test_what_is_refused_has_no_preview_and_is_not_recorded(w: World) -> None:
    editor = w.member("editor").user
    target = w.member("response_only")
    with refused("OUT_OF_SCOPE"):
        services.preview(services.change_role, actor=editor, membership=target, role="full")


def test_groups_of_subaccounts(w: World) -> None:
    """A group moves everybody who manages it, also across what only managers of all hold."""
    narrow, wide = w.manager(w.north), w.manager(w.north)
    made = {
        name: services.create_subaccount_group(
            actor=w.owner, account=w.account, name=name, subaccounts=places
        )
        for name, places in {"coast": [w.north], "hills": [w.south, w.west]}.items()
    }
    found = check(
        w, services.set_manager_reach, actor=w.owner, membership=wide, subaccounts=[w.north],
        groups=list(made.values()),
    )  # fmt: skip
    assert found.gaining == {wide.user_id}
    assert found.looked_at == 1
    check(w, services.set_manager_reach, actor=w.owner, membership=narrow, groups=[made["coast"]])
    found = check(
        w, services.set_subaccount_group, actor=w.owner, group=made["coast"],
        subaccounts=[w.north, w.south],
    )  # fmt: skip
    assert (found.gaining, found.losing) == ({narrow.user_id}, set())
    assert VIEW_ASSETS in {line.permission for line in found.lines}
    check(w, services.set_manager_reach, actor=w.owner, membership=wide, groups=[made["hills"]])
    found = check(
        w, services.set_subaccount_group, actor=w.owner, group=made["hills"], subaccounts=[w.north]
    )
    assert (found.gaining, found.losing) == ({wide.user_id}, {wide.user_id})
    found = check(
        w, services.create_subaccount_group, actor=w.owner, account=w.account, name="sea",
        subaccounts=[w.north],
    )  # fmt: skip
    assert not found
    sea = SubaccountGroup.objects.get(name="sea")
    assert not check(w, services.delete_subaccount_group, actor=w.owner, group=sea)


def test_teams_are_archived_and_switched() -> None:
    w = world("sailthru")
    role = w.custom(ACCESS_AUDIENCE, SEND_CAMPAIGNS)
    ana, ben, eve, maker = (w.member(role).user for _ in range(4))
    first, second, third = w.team(ana), w.team(ben), w.team(eve, maker)
    for team in (first, second):
        services.share_with_team(
            actor=w.owner, team=team, obj=MailingListFactory(subaccount=w.north)
        )
    made = MailingListFactory(subaccount=w.north, created_by=maker)
    services.share_with_team(actor=w.owner, team=first, obj=made)
    services.invite_member(
        actor=w.owner, account=w.account, address="new@people.example", role="reports_only",
        subaccount=w.north, teams=[second],
    )  # fmt: skip
    found = check(w, services.archive_team, actor=w.owner, team=first, replacement=second)
    assert (found.gaining, found.losing, found.offers) == ({ana.pk, ben.pk}, set(), 0)
    found = check(w, services.archive_team, actor=w.owner, team=second)
    assert (found.gaining, found.losing, found.offers) == ({maker.pk}, {ana.pk, ben.pk}, 1)
    assert third.memberships.count() == 2
    MessageTemplateFactory(subaccount=w.north)
    found = check(w, services.set_team_mode, actor=w.owner, account=w.account, mode="off")
    assert found.gaining == {ana.pk, ben.pk, eve.pk, maker.pk}
    found = check(w, services.set_team_mode, actor=w.owner, account=w.account, mode="lists")
    assert found.losing == {ana.pk, ben.pk, eve.pk, maker.pk}


def test_a_trial_sends_nothing_whatever_the_task_backend_does(w: World, settings: Any) -> None:
    package = "django.tasks" if django.VERSION >= (6, 0) else "django_tasks"
    settings.TASKS = {"default": {"BACKEND": f"{package}.backends.immediate.ImmediateBackend"}}
    offering = {"actor": w.owner, "account": w.account, "heir": w.manager().user}
    inviting = {"actor": w.owner, "account": w.account, "address": "ana@new.example"}
    services.preview(services.offer_ownership, **offering)
    services.preview(services.invite_member, **inviting, role="full", subaccount=w.north)
    assert not mail.outbox
    services.offer_ownership(**offering)
    assert len(mail.outbox) == 1
