"""Ends in the console: shown, moved one by one, extended in bulk, found by a filter."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from permissions import grants
from teams import services
from teams.factories import TeamMembershipFactory
from teams.models import Membership, SubaccountUserGrant, TeamMembership
from tests.console.conftest import build
from tests.console.helpers import confirmed
from tests.console.test_bulk import PEOPLE, choose, confirm, hidden

pytestmark = pytest.mark.once

DAY = timedelta(days=1)


def day(number: int) -> str:
    return (timezone.localdate() + number * DAY).isoformat()


def moment(number: float) -> Any:
    return timezone.now() + timedelta(days=number)


def last_day(ends_at: Any) -> str:
    return timezone.localtime(ends_at).date().isoformat()


def body(answer: Any) -> str:
    text = re.sub(r"<[^>]+>", " ", answer.content.decode())
    return " ".join(text.split())


def post(client: Any, person: Any, verb: str, key: Any, **data: Any) -> Any:
    return confirmed(client, f"{PEOPLE}{person.pk}/act/{verb}/{key}/", data, follow=True)


def switch_on(world: Any, who: str, until: Any = None) -> Membership:
    seat: Membership = world.seats[who]
    services.toggle_permission(
        actor=world.people["owner"], membership=seat, toggle="export_contacts", on=True
    )
    seat.subaccount_toggles.update(ends_at=until)
    return seat


def ends(who: Membership) -> Any:
    return Membership.objects.get(pk=who.pk).ends_at


# one by one


def test_the_end_of_a_role_is_shown_and_moved(world: Any) -> None:
    client, seat = world.client("owner"), world.seats["full"]
    url = f"{PEOPLE}{seat.user.pk}/act/end/{seat.pk}/"
    assert url in client.get(f"{PEOPLE}{seat.user.pk}/change/").content.decode()
    page = client.get(url)
    assert "It does not end by itself now." in body(page)
    answer = post(client, seat.user, "end", seat.pk, ends_at=day(9))
    assert "The role Full in North of Full One ends on" in body(answer)
    assert last_day(ends(seat)) == day(9)
    assert f'value="{day(9)}"' in client.get(url).content.decode()
    post(client, seat.user, "end", seat.pk, ends_at="")
    assert ends(seat) is None
    refused = post(client, seat.user, "end", seat.pk, ends_at=day(-2))
    assert "The end lies in the past." in body(refused)
    assert ends(seat) is None


def test_who_manages_people_shortens_and_who_lacks_it_does_not_extend(
    transactional_db: Any,
) -> None:
    world = build("emma_corporate")
    seat = switch_on(world, "full")
    client = world.client("manager")
    post(client, seat.user, "end", seat.pk, ends_at=day(5))
    assert last_day(ends(seat)) == day(5)
    answer = post(client, seat.user, "end", seat.pk, ends_at=day(6))
    assert answer.status_code == 403
    assert "Export contacts in North" in body(answer)
    assert last_day(ends(seat)) == day(5)


def test_a_switch_is_given_an_end_when_it_is_switched_on(world: Any) -> None:
    client, seat = world.client("owner"), world.seats["full"]
    page = f"{PEOPLE}{seat.user.pk}/change/"
    assert 'name="ends_at"' in client.get(page).content.decode()
    data = {"shown": ["export_contacts"], "on": ["export_contacts"], "ends_at": day(4)}
    post(client, seat.user, "switch", seat.pk, **data)
    (end,) = set(seat.subaccount_toggles.values_list("ends_at", flat=True))
    assert last_day(end) == day(4)
    url = f"{PEOPLE}{seat.user.pk}/act/switch-end/{seat.pk}-export_contacts/"
    assert url in client.get(page).content.decode()
    post(client, seat.user, "switch-end", f"{seat.pk}-export_contacts", ends_at="")
    assert set(seat.subaccount_toggles.values_list("ends_at", flat=True)) == {None}


def test_a_switch_that_ended_is_off_and_one_that_outlives_its_role_says_so(world: Any) -> None:
    client, seat = world.client("owner"), switch_on(world, "full", moment(-1))
    page = f"{PEOPLE}{seat.user.pk}/change/"
    shown = client.get(page).content.decode()
    row = re.search(r'value="export_contacts"( checked)? aria-describedby', shown)
    assert row is not None
    assert row[1] is None
    assert "Ended" in body(client.get(page))
    listed = body(client.get(PEOPLE + "?role=full"))
    assert "Export contacts" not in listed.split("Last sign-in")[-1]
    seat.subaccount_toggles.update(ends_at=moment(20))
    Membership.objects.filter(pk=seat.pk).update(ends_at=moment(10))
    assert "before its own end." in body(client.get(page))


def test_guest_access_is_moved_on_either_page(world: Any) -> None:
    client, person, south = world.client("owner"), world.people["full"], world.places["south"]
    services.give_guest_access(
        actor=world.people["owner"], user=person, obj=south, permissions=["access_audience"]
    )
    post(client, person, "guest-end", f"teams.subaccount:{south.pk}", ends_at=day(4))
    assert [last_day(row.ends_at) for row in grants.grants_on(south)] == [day(4)]
    url = f"/teams/subaccount/{south.pk}/act/guest-end/{person.pk}/"
    assert "It ends on" in body(client.get(url))
    client.post(url, {"ends_at": ""})
    assert [row.ends_at for row in grants.grants_on(south)] == [None]


def test_a_place_in_a_team_is_moved(sailthru: dict[str, Any], client: Any) -> None:
    client.force_login(sailthru["owner"])
    row = TeamMembershipFactory(team=sailthru["team"], user=sailthru["member"], ends_at=moment(-1))
    assert "ended" in body(client.get(f"{PEOPLE}{row.user.pk}/change/"))
    answer = post(client, row.user, "team-end", row.pk, ends_at=day(4))
    assert "The place in Loyalty of Ana Ruiz ends on" in body(answer)
    assert last_day(TeamMembership.objects.get().ends_at) == day(4)


def test_nobody_is_offered_their_own_end(world: Any) -> None:
    client, seat = world.client("administrator"), world.seats["administrator"]
    assert client.get(f"{PEOPLE}{seat.user.pk}/act/end/{seat.pk}/").status_code == 403


# in bulk


def test_extending_says_what_ends_later_and_does_just_that(world: Any) -> None:
    client = world.client("owner")
    full, author, editor = (world.seats[who] for who in ("full", "author", "editor"))
    Membership.objects.filter(pk=full.pk).update(ends_at=moment(3))
    Membership.objects.filter(pk=author.pk).update(ends_at=moment(-3))
    Membership.objects.filter(pk=editor.pk).update(ends_at=moment(90))
    people = [seat.user for seat in (full, author)]
    page = choose(client, "extend", *people)
    assert f'value="{day(30)}"' in page.content.decode()
    shown = client.post(
        f"{PEOPLE}bulk/extend/",
        {**hidden(page), "place": "every", "ends_at": day(40), "preview": "1"},
    )
    text = body(shown)
    assert re.search(r"North: Full ends on .* instead of ", text)
    assert re.search(r"North: Author ends on .*, and wakes: it ended on ", text)
    assert last_day(ends(full)) == day(3)
    answer = confirm(client, "extend", shown, ends_at=day(40))
    assert "Author One and Full One were extended." in body(answer)
    assert [last_day(ends(seat)) for seat in (full, author, editor)] == [day(40), day(40), day(90)]


def test_what_has_no_end_or_a_later_one_is_left_alone(world: Any) -> None:
    client = world.client("owner")
    Membership.objects.filter(pk=world.seats["editor"].pk).update(ends_at=moment(90))
    page = choose(client, "extend", world.people["editor"], world.people["full"])
    assert body(page).count("Has no role that ends before then.") == 2
    before = Membership.objects.filter(ends_at__isnull=False).count()
    confirm(client, "extend", page, ends_at=day(40))
    assert Membership.objects.filter(ends_at__isnull=False).count() == before


def test_no_end_and_what_hangs_on_the_role(world: Any) -> None:
    client, seat = world.client("owner"), switch_on(world, "full", moment(2))
    south = world.places["south"]
    Membership.objects.filter(pk=seat.pk).update(ends_at=moment(3))
    services.give_guest_access(
        actor=world.people["owner"],
        user=seat.user,
        obj=south,
        permissions=["access_audience"],
        ends_at=moment(2),
    )
    page = choose(client, "extend", seat.user)
    asked = {"place": "every", "ends_at": "", "also": "on"}
    shown = client.post(f"{PEOPLE}bulk/extend/", {**hidden(page), **asked, "preview": "1"})
    text = body(shown)
    for line in (
        "North: Full no longer ends by itself",
        "North: Export contacts no longer ends by itself.",
        "Guest access to South no longer ends by itself.",
    ):
        assert line in text
    confirm(client, "extend", shown, **asked)
    assert ends(seat) is None
    assert not SubaccountUserGrant.objects.exclude(ends_at=None).exists()


def test_whoever_has_only_other_access_that_ends_is_led_to_the_box(world: Any) -> None:
    client, guest = world.client("owner"), world.people["full"]
    services.give_guest_access(
        actor=world.people["owner"],
        user=guest,
        obj=world.places["south"],
        permissions=["access_audience"],
        ends_at=moment(2),
    )
    page = body(choose(client, "extend", guest, world.people["editor"]))
    assert page.count("Has no role that ends before then.") == 2
    assert page.count("Tick the box above to extend what else of theirs ends.") == 1


def test_without_the_tick_nothing_else_moves(world: Any) -> None:
    client, seat = world.client("owner"), switch_on(world, "full", moment(2))
    Membership.objects.filter(pk=seat.pk).update(ends_at=moment(3))
    page = choose(client, "extend", seat.user)
    asked = {"place": str(world.places["north"].pk), "ends_at": day(30)}
    shown = client.post(f"{PEOPLE}bulk/extend/", {**hidden(page), **asked, "preview": "1"})
    assert "Export contacts ends" not in body(shown)
    confirm(client, "extend", shown, **asked)
    assert {last_day(t.ends_at) for t in seat.subaccount_toggles.all()} == {day(2)}


@pytest.mark.django_db
def test_one_that_may_not_be_extended_stops_all() -> None:
    world = build("emma_corporate")
    client = world.client("manager")
    switched, plain = switch_on(world, "full"), world.seats["author"]
    Membership.objects.filter(pk__in=[switched.pk, plain.pk]).update(ends_at=moment(3))
    page = choose(client, "extend", switched.user, plain.user)
    assert "1 of 2 cannot be done" in body(page)
    assert "Export contacts in North" in body(page)
    north = {"place": str(world.places["north"].pk), "ends_at": day(30)}
    shown = client.post(f"{PEOPLE}bulk/extend/", {**hidden(page), **north, "preview": "1"})
    assert "Export contacts in North" in body(shown)
    confirm(client, "extend", shown, **north)
    assert {last_day(ends(seat)) for seat in (switched, plain)} == {day(3)}


def test_an_end_in_the_past_is_said(world: Any) -> None:
    client, seat = world.client("owner"), world.seats["full"]
    Membership.objects.filter(pk=seat.pk).update(ends_at=moment(3))
    page = choose(client, "extend", seat.user)
    answer = confirm(client, "extend", page, ends_at=day(-1))
    assert "The end lies in the past." in body(answer)
    assert last_day(ends(seat)) == day(3)


# where it is found


def test_people_are_found_by_what_ends_soon(world: Any) -> None:
    client = world.client("owner")
    switch_on(world, "full", moment(5))
    Membership.objects.filter(pk=world.seats["author"].pk).update(ends_at=moment(13))
    Membership.objects.filter(pk=world.seats["editor"].pk).update(ends_at=moment(20))
    rows = client.get(PEOPLE + "?ends=soon").context["cl"].queryset
    assert {p.pk for p in rows} == {world.people["full"].pk, world.people["author"].pk}


@pytest.mark.parametrize("url", ["/", "/ending/"])
def test_home_leads_to_extending_what_ends_soon(world: Any, url: str) -> None:
    client, seat = world.client("owner"), world.seats["full"]
    assert "Extend…" not in body(client.get(url))
    Membership.objects.filter(pk=seat.pk).update(ends_at=moment(3))
    page = client.get(url)
    assert "Extend…" in body(page)
    opened = client.post(PEOPLE, hidden(page))
    assert "Full One" in body(opened)
    assert re.search(r"North: Full ends on .* instead of ", body(opened))


def test_who_manages_nobody_is_not_led_to_it(world: Any) -> None:
    seat = world.seats["author"]
    Membership.objects.filter(pk=seat.pk).update(ends_at=moment(3))
    assert "Extend…" not in body(world.client("author").get("/ending/"))
