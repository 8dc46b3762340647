"""Who a refused page says can help: people who really hold what is missing, where it is missing,
and whom the reader sees on the People page; and what it says of an area that is closed."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client, RequestFactory

from permissions.errors import Missing
from teams import services
from teams.admin.closed import closed
from teams.admin.desk import PLACE_KEY, Desk
from teams.admin.refusal import helpers
from teams.factories import SubaccountFactory
from teams.models import Subaccount
from teams.who import who_can
from tests.services.world import World, world

pytestmark = pytest.mark.django_db

Named = tuple[Any, str, str]


def desk_of(reader: Any, **session: Any) -> Desk:
    request: Any = RequestFactory().get("/")
    request.user, request.session = reader, session
    return Desk(request)


def named(
    reader: Any, *permissions: str, at: tuple[str, ...] = ("North",), anywhere: bool = False
) -> list[Named]:
    missing = [Missing(permission, permission, place) for place in at for permission in permissions]
    found = helpers(desk_of(reader), missing, anywhere=anywhere)
    return [(one.person, one.chip.label if one.chip else "", one.where) for one in found]


def owner(w: World) -> Named:
    return w.owner, str(w.edition.owner_label), w.account.name


def test_nearest_holders_that_the_reader_sees_come_first_and_the_owner_last() -> None:
    w = world("sailthru")
    reader = w.member(w.custom("manage_members")).user
    limited = w.member("marketer_limited")
    w.member("marketer_limited", w.south)
    w.member("reports_only")
    producer = w.member(w.custom("send_campaigns"))

    assert named(reader, "send_campaigns") == [
        (producer.user, producer.custom_role.name, "North"),
        (limited.user, "Marketer Limited", "North"),
        owner(w),
    ]


def test_a_role_that_the_reader_does_not_see_names_nobody() -> None:
    w = world("sailthru")
    reader = w.member(w.custom("manage_members")).user
    above = w.manager(role="account_admin").user
    assert above in [one.person for one in who_can("send_campaigns", w.north)]
    assert named(reader, "send_campaigns") == [owner(w)]
    # they see that person in North, and not the role by which they hold it
    seen = w.member("reports_only", user=above)
    assert named(reader, "send_campaigns") == [owner(w)]
    assert named(reader, "access_response")[0] == (seen.user, "Reports Only", "North")


@pytest.mark.parametrize("edition", ["emma_hq", "sailthru"])
def test_whoever_sees_nobody_is_told_no_name_and_not_whether_there_is_one(edition: str) -> None:
    w = world(edition)
    lesser, holding = {
        "emma_hq": ("author", "full"),
        "sailthru": ("reports_only", "marketer_limited"),
    }[edition]
    reader = w.member(lesser).user
    before = named(reader, "send_campaigns")
    assert before == [(None, "", "North"), owner(w)]
    holder = w.member(holding).user
    w.member(lesser, w.south, user=reader)
    w.member(holding, w.south, user=holder)
    if w.edition.has_teams:
        w.team(reader, holder)  # a team shows its members nothing of each other
    assert holder in [one.person for one in who_can("send_campaigns", w.north)]
    assert named(reader, "send_campaigns") == before
    everywhere = named(reader, "send_campaigns", at=("North", "South"), anywhere=True)
    assert everywhere == [(None, "", "North"), (None, "", "South"), owner(w)]


def test_in_several_places_whoever_holds_it_in_all_of_them_or_in_any() -> None:
    w = world("sailthru")
    sees = w.custom("manage_members")
    reader = w.member(sees).user
    w.member(sees, w.south, user=reader)
    here, both = w.member("marketer_limited").user, w.member("marketer_limited").user
    w.member("marketer_limited", w.south, user=both)
    there = w.member("marketer_limited", w.south).user

    places = ("North", "South")
    in_any = {person for person, _chip, _where in named(reader, "send_campaigns", at=places[:1])}
    assert in_any == {here, both, w.owner}
    in_all = [person for person, _chip, _where in named(reader, "send_campaigns", at=places)]
    assert in_all == [both, w.owner]
    assert there not in in_all


def test_holders_by_switch_are_named_and_those_without_are_not() -> None:
    w = world("emma_corporate")
    reader = w.manager(w.north).user  # sees people there, and may not share campaigns
    switched = w.member("full", toggles=("share_campaigns",))
    w.member("full")
    people = [person for person, _chip, _where in named(reader, "share_campaigns")]
    assert people == [switched.user, w.owner]


def test_guests_and_the_reader_are_not_named() -> None:
    w = world("sailthru")
    reader = w.member(w.custom("manage_members", "create_campaigns")).user
    guest = w.member("reports_only", w.south).user
    services.give_guest_access(
        actor=w.owner, user=guest, obj=w.north, permissions=["create_campaigns"]
    )
    assert guest in [one.person for one in who_can("create_campaigns", w.north)]
    assert named(reader, "create_campaigns") == [owner(w)]
    assert named(w.owner, "create_campaigns") == []


def test_nobody_helps_with_what_the_edition_does_not_have() -> None:
    w = world("emma_hq")
    reader = w.member("author").user
    assert named(reader, "view_meter_usage", at=(w.account.name,)) == []
    assert named(reader, "view_invoices", at=(w.account.name,)) == [owner(w)]


# areas that are closed


def text(answer: Any) -> str:
    page = answer.content.decode().partition('id="content"')[2]
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def many(w: World, role: str, count: int) -> Any:
    """Return somebody with ``role`` in that many subaccounts: North, South and more."""
    seat = w.member(role)
    more = [SubaccountFactory(account=w.account, name=f"Place {n}") for n in range(count - 2)]
    for place in (w.south, *more):
        w.member(role, place, user=seat.user)
    return seat.user


def test_an_area_closed_in_several_places_says_of_each_what_would_open_it() -> None:
    w = world("emma_hq")
    reader, client = many(w, "author", 5), Client()
    client.force_login(reader)
    page = text(client.get("/teams/mailinglist/"))
    assert (
        "Would open it Audience in North Audience in Place 0 Audience in Place 1 "
        "Or the same in 2 more subaccounts where you work" in page
    )
    # alike in all of them, so said once
    assert page.count("Why can I not: ") == 1
    assert "Why can I not: Audience in North, Place 0 and Place 1?" in page
    # with one chosen, of that one alone
    session = client.session
    session[PLACE_KEY] = w.south.pk
    session.save()
    chosen = text(client.get("/teams/mailinglist/"))
    assert "Would open it Audience in South You are" in chosen


#: areas that no permission to view rows opens
AREAS = (
    "/teams/account/", "/teams/subaccount/", "/teams/apikey/", "/teams/subaccountgroup/",
    "/teams/invitation/", "/auth/user/", "/teams/accessreview/", "/teams/reviewline/",
    "/teams/team/", "/teams/webhook/", "/without-giver/", "/billing/", "/billing/subaccounts/",
    "/api-test/",
)  # fmt: skip


@pytest.mark.once
def test_every_closed_area_says_what_would_open_it_and_for_whom_it_is() -> None:
    w, client = world("sailthru"), Client()
    client.force_login(w.member("reports_only").user)
    for url in AREAS:
        page = text(client.get(url))
        assert "Why not None of your roles includes it." in page, url
        assert "Would open it " in page, url
        assert "Why can I not: " in page, url
        assert "Who can help" in page, url


def test_an_area_the_edition_does_not_have_sends_to_nobody() -> None:
    w, client = world("emma_hq"), Client()
    client.force_login(w.member("author").user)
    for url in ("/teams/team/", "/teams/role/"):
        page = text(client.get(url))
        assert "Why not Emma HQ " in page, url
        assert "Who can help" not in page, url


def test_the_account_and_its_own_workspace_of_the_same_name_are_told_apart() -> None:
    w = world("constant_contact")
    assert w.home is not None
    Subaccount.objects.filter(pk=w.home.pk).update(name=w.account.name)
    reader, client = w.member("campaign_creator", w.home).user, Client()
    client.force_login(reader)
    for url, label in (("/teams/mailinglist/", "Audience"), ("/auth/user/", "Add and edit people")):
        page = text(client.get(url))
        assert f"Why can I not: {label} in {w.account.name}?" in page
        assert "The role Campaign Creator" in page


def test_what_is_held_somewhere_is_not_missing_there() -> None:
    w = world("emma_hq")
    reader = w.member("full").user
    w.member("author", w.south, user=reader)
    refusal = closed(desk_of(reader), "Audience", ["access_audience"])
    assert [(one.permission, one.place) for one in refusal.missing] == [
        ("access_audience", "South")
    ]
    assert refusal.more == 0
