"""guardian's questions, answered with the effective right: they agree with ``can`` everywhere."""

from __future__ import annotations

from typing import Any

import pytest

from permissions import access
from permissions.shortcuts import get_objects_for_user, get_perms, get_users_with_perms
from teams import services
from teams.catalogue import CATALOGUE
from teams.factories import CampaignFactory, MailingListFactory, UserFactory
from teams.models import Account, Campaign, MailingList, Membership, Subaccount
from tests.services.world import EDITIONS, World, world

pytestmark = pytest.mark.django_db


def scene(edition: str) -> tuple[World, list[Any], list[Any]]:
    """Return a world, everybody in it, and things of every kind, some not of this account."""
    w, rival = world(edition), world(edition)
    things: list[Any] = [w.account, rival.account, w.north, w.south, w.west, rival.north]
    for place in (w.north, w.south, rival.north):
        mailing_list = MailingListFactory(subaccount=place)
        things += [mailing_list, CampaignFactory(subaccount=place, mailing_list=mailing_list)]
    people = [w.owner, rival.owner, UserFactory(), UserFactory(is_superuser=True)]
    for role in w.edition.roles:
        if role.subaccount_level:
            people.append(w.member(role.codename).user)
        if role.account_level:
            at_home = "home" in role.reaches and w.home is not None
            people.append(w.manager(*([w.home] if at_home else []), role=role.codename).user)
    guest = people[-1] if edition == "sailthru" else w.member(w.edition.roles[-1].codename).user
    if edition == "sailthru":
        limited = Membership.objects.get(role="marketer_limited", subaccount=w.north)
        services.share_with_team(
            actor=w.owner,
            team=w.team(limited.user),
            obj=MailingList.objects.filter(subaccount=w.north)[0],
        )
    else:
        people.append(guest)
        services.give_guest_access(
            actor=w.owner, user=guest, obj=w.south, permissions=["access_audience"]
        )
    return w, people, things


@pytest.mark.parametrize("edition", EDITIONS)
def test_shortcuts_agree_with_can(edition: str) -> None:
    w, people, things = scene(edition)
    some = [p for p in CATALOGUE if p in w.edition.permissions][::9]
    held = 0
    for person in people:
        with access.unit_of_work():
            for thing in things:
                expected = [str(p) for p in CATALOGUE if access.can(person, p, thing)]
                assert get_perms(person, thing) == expected
                held += len(expected)
            for permission in some:
                for model in (Account, Subaccount, MailingList, Campaign):
                    assert set(get_objects_for_user(person, permission, model)) == {
                        o for o in model._default_manager.all() if access.can(person, permission, o)
                    }
    assert held > 500


@pytest.mark.parametrize("edition", ["emma_hq", "sailthru"])
def test_users_with_perms_are_those_who_hold_some(edition: str) -> None:
    _, people, things = scene(edition)
    for thing in things:
        expected = {p: held for p in people if (held := get_perms(p, thing))}
        assert get_users_with_perms(thing, attach_perms=True) == expected
        assert set(get_users_with_perms(thing)) == set(expected)
        assert set(get_users_with_perms(thing, only_with_perms_in=["access_audience"])) == {
            p for p, held in expected.items() if "access_audience" in held
        }


def test_several_permissions_are_all_or_any() -> None:
    w = world("emma_hq")
    user = w.member("author").user
    w.member("full", w.south, user=user)
    names = ["teams.access_campaigns", "send_campaigns"]

    assert set(get_objects_for_user(user, names, Subaccount)) == {w.south}
    assert set(get_objects_for_user(user, names, Subaccount, any_perm=True)) == {w.north, w.south}
    assert set(get_objects_for_user(user, [], Subaccount)) == set()
    own = Subaccount.objects.filter(pk=w.north.pk)
    assert set(get_objects_for_user(user, "access_campaigns", own)) == {w.north}


def test_unknown_permissions_and_models() -> None:
    w = world("emma_hq")
    assert set(get_objects_for_user(w.owner, "no_such_permission", Subaccount)) == set()
    assert get_perms(w.owner, w.owner) == []
    with pytest.raises(KeyError):
        get_objects_for_user(w.owner, "access_campaigns", type(w.owner))
