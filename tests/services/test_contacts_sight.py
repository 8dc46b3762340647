"""Whose contacts one sees: those on a list that one sees; ``can`` and ``visible`` agree."""

from __future__ import annotations

from typing import Any

import pytest

from permissions import access
from teams import services
from teams.factories import ContactFactory, MailingListFactory
from teams.models import Contact, ListMembership, MailingList
from teams.models.account import TeamMode
from teams.who import who_can
from tests.services.world import World, world

pytestmark = pytest.mark.django_db


def on(*lists: MailingList) -> Contact:
    contact = ContactFactory(subaccount=lists[0].subaccount)
    for found in lists:
        ListMembership.objects.create(
            subaccount=found.subaccount, contact=contact, mailing_list=found
        )
    return contact


def seen(user: Any, permission: str = "view_contacts") -> set[Contact]:
    """Return the contacts ``user`` sees, having asked ``can`` and ``who_can`` as well."""
    found = set(access.visible(Contact.objects.all(), user, permission))
    for contact in Contact.objects.all():
        assert access.can(user, permission, contact).allowed is (contact in found)
        assert (user in [one.person for one in who_can(permission, contact)]) is (contact in found)
    return found


def limited_world() -> tuple[World, Any]:
    w = world("sailthru", team_mode=TeamMode.LISTS)
    return w, w.member("marketer_limited").user


def test_team_limited_person_sees_contacts_of_lists_of_their_teams() -> None:
    w, person = limited_world()
    shown, hidden = MailingListFactory.create_batch(2, subaccount=w.north, created_by=w.owner)
    services.share_with_team(actor=w.owner, team=w.team(person), obj=shown)
    both, one, none = on(shown, hidden), on(shown), on(hidden)
    ContactFactory(subaccount=w.north)

    assert seen(person) == {both, one}
    assert none in seen(w.owner)


def test_nothing_is_limited_while_teams_are_off() -> None:
    w = world("emma_hq")
    everyone = {on(MailingListFactory(subaccount=w.north)), ContactFactory(subaccount=w.north)}

    assert seen(w.member("full").user) == everyone


def test_guest_of_a_list_sees_the_contacts_on_it() -> None:
    w = world("emma_hq")
    guest = w.member("author", w.south).user
    shared, other = MailingListFactory.create_batch(2, subaccount=w.north)
    contact, hidden = on(shared), on(other)
    services.give_guest_access(
        actor=w.owner, user=guest, obj=shared, permissions=["access_audience", "view_contacts"]
    )

    assert contact in seen(guest)
    assert hidden not in seen(guest)
    assert seen(guest, "add_contacts") == set(
        access.visible(Contact.objects.filter(subaccount=w.south), guest, "add_contacts")
    )
    w.north.archived_at = w.north.created_at
    w.north.save()
    assert contact not in seen(guest)
