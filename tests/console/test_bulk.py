"""Bulk verbs: what is confirmed is done, all of it or nothing, and only to rows in scope."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from permissions.admin import bulk
from permissions.models import AuditEvent
from teams import services
from teams.factories import MembershipFactory, UserFactory
from teams.models import Membership
from tests.console.conftest import MARKER

pytestmark = pytest.mark.once

PEOPLE = "/auth/user/"


def choose(client: Client, verb: str, *people: Any, query: str = "", **data: Any) -> Any:
    """Choose rows in the list and run the action."""
    keys = [getattr(person, "pk", person) for person in people]
    posted = {"action": verb, "index": "0", "select_across": "0", "_selected_action": keys, **data}
    return client.post(PEOPLE + query, posted)


def hidden(page: Any) -> dict[str, Any]:
    """Return the hidden fields of the confirmation."""
    found: dict[str, Any] = {}
    for name, value in re.findall(
        r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.content.decode()
    ):
        found.setdefault(name, []).append(value)
    found.pop("csrfmiddlewaretoken", None)
    return found


def confirm(client: Client, verb: str, page: Any, **data: Any) -> Any:
    """Press the red button of the confirmation."""
    posted = {**hidden(page), "place": "every", "confirm": "1", **data}
    return client.post(f"{PEOPLE}bulk/{verb}/", posted, follow=True)


def statuses(world: Any, *names: str) -> list[str]:
    keys = [world.seats[name].pk for name in names]
    rows = dict(Membership.objects.filter(pk__in=keys).values_list("pk", "status"))
    return [rows.get(key, "gone") for key in keys]


def everything() -> Any:
    return list(Membership.objects.order_by("pk").values()), AuditEvent.objects.count()


def test_the_menu_offers_what_may_be_used_at_all(world: Any) -> None:
    def menu(who: str) -> list[str]:
        body = world.client(who).get(PEOPLE).content.decode()
        return re.findall(r'<option value="(\w+)">[^<]*…</option>', body)

    assert menu("owner") == ["suspend", "reactivate", "remove", "extend", "withdraw"]
    assert menu("administrator") == ["suspend", "reactivate", "remove", "extend", "withdraw"]
    MembershipFactory(
        account=world.account, user=world.people["author"], role="manager", status="suspended"
    )
    assert world.client("author").get(PEOPLE).status_code == 403


def test_suspend_names_the_people_and_what_is_lost(world: Any) -> None:
    client = world.client("administrator")
    before = everything()
    page = choose(client, "suspend", world.people["full"], world.people["author"])
    body = page.content.decode()
    assert page.status_code == 200
    for text in ("Full One", "Author One", "North: is no longer Full", "Suspend 2 people"):
        assert text in body
    assert everything() == before
    answer = confirm(client, "suspend", page)
    assert "Author One and Full One were suspended." in answer.content.decode()
    assert statuses(world, "full", "author", "editor") == ["suspended", "suspended", "active"]
    page = choose(client, "reactivate", world.people["full"], world.people["author"])
    assert "North: is Full again" in page.content.decode()
    confirm(client, "reactivate", page)
    assert statuses(world, "full", "author") == ["active", "active"]


def test_what_is_confirmed_is_what_everybody_was_said_to_lose(world: Any) -> None:
    client = world.client("owner")
    page = choose(client, "suspend", world.people["full"])
    off = ("automation", "pages", "social", "sites")
    services.set_features(actor=world.people["owner"], subaccount=world.places["north"], off=off)
    again = confirm(client, "suspend", page)
    assert "no longer what you were shown" in again.content.decode()
    assert statuses(world, "full") == ["active"]
    confirm(client, "suspend", again)
    assert statuses(world, "full") == ["suspended"]


def test_removing_says_what_goes_for_good(world: Any) -> None:
    client = world.client("owner")
    page = choose(client, "remove", world.people["full"], world.people["manager"])
    body = page.content.decode()
    assert "North: loses Full." in body
    assert "North: loses Manager." in body
    answer = confirm(client, "remove", page)
    assert "Full One and Tom Becker were removed." in answer.content.decode()
    assert statuses(world, "full", "manager", "author") == ["gone", "gone", "active"]


def test_one_place_is_touched_and_the_others_are_not(world: Any) -> None:
    client, person = world.client("owner"), world.people["full"]
    south = MembershipFactory(
        account=world.account, subaccount=world.places["south"], user=person, role="editor"
    )
    page = choose(client, "suspend", person)
    assert "South: is no longer Editor" in page.content.decode()
    place = str(world.places["north"].pk)
    shown = client.post(f"{PEOPLE}bulk/suspend/", {**hidden(page), "place": place, "preview": "1"})
    assert "South: is no longer Editor" not in shown.content.decode()
    assert statuses(world, "full") == ["active"]
    confirm(client, "suspend", shown, place=place)
    south.refresh_from_db()
    assert (statuses(world, "full"), south.status) == (["suspended"], "active")


def test_what_was_not_shown_is_not_done(world: Any) -> None:
    client, person = world.client("owner"), world.people["full"]
    page = choose(client, "suspend", person)
    MembershipFactory(
        account=world.account, subaccount=world.places["south"], user=person, role="editor"
    )
    before = everything()
    answer = confirm(client, "suspend", page)
    assert "no longer what you were shown" in answer.content.decode()
    assert everything() == before
    assert "were suspended" not in answer.content.decode()
    assert "Full One was suspended." in confirm(client, "suspend", answer).content.decode()


def test_roles_elsewhere_are_named_as_not_touched(world: Any) -> None:
    MembershipFactory(
        account=world.account, user=world.people["full"], role="manager", all_subaccounts=True
    )
    client = world.client("administrator")
    page = choose(client, "suspend", world.people["full"])
    # a role on the account is above an administrator: it cannot be done at all
    assert "is not below you there" in page.content.decode()
    assert 'name="confirm"' not in page.content.decode()


@pytest.mark.parametrize(
    ("who", "other", "says"),
    [
        ("administrator", "administrator", "nobody changes their own rights"),
        ("owner", "owner", "Owns Harbor"),
        ("manager", "manager", "nobody changes their own rights"),
    ],
)
def test_who_cannot_be_touched_is_named_and_nothing_is_offered(
    world: Any, who: str, other: str, says: str
) -> None:
    client = world.client(who)
    page = choose(client, "remove", world.people["full"], world.people[other])
    body = page.content.decode()
    assert says in body
    assert 'name="confirm"' not in body
    assert "Leave 1 out" in body
    rest = client.post(f"{PEOPLE}bulk/remove/", {**hidden(page), "place": "every", "without": "1"})
    assert "Remove 1 person" in rest.content.decode()
    assert hidden(rest)["_selected_action"] == [str(world.people["full"].pk)]
    confirm(client, "remove", rest)
    assert statuses(world, "full") == ["gone"]


@pytest.mark.parametrize(
    ("who", "other", "code"),
    [
        ("administrator", "administrator", "OWN_RIGHTS"),
        ("manager", "manager", "OUT_OF_SCOPE"),
    ],
)
def test_one_refusal_rolls_back_all_and_is_recorded_once(
    lasting_world: Any, who: str, other: str, code: str
) -> None:
    world = lasting_world
    client = world.client(who)
    chosen = [world.people[name] for name in ("author", "full", "editor", other)]
    page = choose(client, "suspend", *chosen)
    before = list(Membership.objects.order_by("pk").values())
    answer = confirm(client, "suspend", page)
    assert answer.status_code == 403
    assert world.people[other].get_full_name() in answer.content.decode()
    assert list(Membership.objects.order_by("pk").values()) == before
    event = AuditEvent.objects.get()  # nothing but the refusal
    assert (event.action, event.data["code"]) == ("write.refused", code)
    assert event.data["verb"] == "suspend user"


def test_a_peer_is_refused_by_rank(lasting_world: Any) -> None:
    world = lasting_world
    peer = UserFactory(first_name="Other", last_name="Admin")
    MembershipFactory(
        account=world.account, subaccount=world.places["north"], user=peer, role="administrator"
    )
    boss = UserFactory(first_name="Second", last_name="Boss")
    MembershipFactory(account=world.account, user=boss, role="manager", all_subaccounts=True)
    MembershipFactory(
        account=world.account, subaccount=world.places["north"], user=boss, role="author"
    )
    client = world.client("administrator")
    page = choose(client, "suspend", world.people["author"], boss)
    assert "is not below you there" in page.content.decode()
    assert confirm(client, "suspend", page).status_code == 403
    event = AuditEvent.objects.get()
    assert event.data["code"] == "RANK_TOO_HIGH"
    assert "Second Boss" in event.data["message"]
    assert statuses(world, "author") == ["active"]


@pytest.mark.parametrize("wrong", ["foreign", "rival owner", 987654, "abc", "", "\0", "9" * 40])
def test_an_id_out_of_scope_is_missing_and_nothing_happens(world: Any, wrong: Any) -> None:
    client = world.client("owner")
    keys = {"foreign": world.rival["user"].pk, "rival owner": world.rival["owner"].pk}
    wrong = keys.get(wrong, wrong)
    page = choose(client, "suspend", world.people["full"])
    before = everything()
    missing = client.get(f"{PEOPLE}987654/change/")
    answers = [
        choose(client, "suspend", world.people["full"], wrong),
        client.post(
            f"{PEOPLE}bulk/suspend/",
            {
                **hidden(page),
                "_selected_action": [world.people["full"].pk, wrong],
                "place": "every",
                "confirm": "1",
            },
        ),
        client.post(f"{PEOPLE}bulk/suspend/", {"confirm": "1", "place": "every"}),
    ]
    assert {a.status_code for a in answers} == {404}
    assert {a.content for a in answers} == {missing.content}
    assert everything() == before


def test_people_who_went_out_of_scope_since_are_missing(world: Any) -> None:
    client = world.client("manager")
    page = choose(client, "suspend", world.people["full"], world.people["author"])
    world.seats["full"].delete()
    answer = confirm(client, "suspend", page)
    assert answer.status_code == 404
    assert statuses(world, "author") == ["active"]


def test_everybody_on_the_list_can_be_chosen(world: Any) -> None:
    client = world.client("owner")
    page = choose(client, "suspend", world.people["full"], query="?role=author", select_across="1")
    assert hidden(page)["_selected_action"] == [str(world.people["author"].pk)]
    answer = confirm(client, "suspend", page)
    assert "Author One was suspended." in answer.content.decode()
    page = choose(client, "suspend", world.people["full"], select_across="1")
    assert MARKER not in page.content.decode()
    assert "Owns Harbor" in page.content.decode()


def test_more_than_can_be_read_is_not_changed_at_once(world: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(bulk, "LIMIT", 3)
    client = world.client("owner")
    before = everything()
    people = [world.people[name] for name in ("full", "author", "editor", "response_only")]
    answers = [
        choose(client, "suspend", world.people["full"], select_across="1"),
        choose(client, "suspend", *people),
        client.post(f"{PEOPLE}bulk/suspend/", {"_selected_action": [p.pk for p in people]}),
    ]
    assert {answer.status_code for answer in answers} == {302}
    assert client.get(PEOPLE).content.decode().count("at most 3 can be changed at once") == 3
    assert everything() == before


@pytest.mark.parametrize("verb", ["suspend", "remove"])
def test_the_same_confirmation_counts_once(world: Any, verb: str) -> None:
    client = world.client("owner")
    page = choose(client, verb, world.people["full"], world.people["author"])
    confirm(client, verb, page)
    before = everything()
    answer = confirm(client, verb, page)
    assert "This was done already. Nothing was changed a second time." in answer.content.decode()
    assert everything() == before


def test_two_confirmations_of_the_same_count_once(world: Any) -> None:
    client = world.client("owner")
    first = choose(client, "suspend", world.people["full"])
    second = choose(client, "suspend", world.people["full"])
    confirm(client, "suspend", first)
    before = everything()
    answer = confirm(client, "suspend", second)
    assert "Is suspended already." in answer.content.decode()
    assert everything() == before


def test_reading_changes_nothing(world: Any) -> None:
    client = world.client("owner")
    page = choose(client, "remove", world.people["full"])
    before = everything()
    assert client.get(f"{PEOPLE}bulk/remove/", {**hidden(page), "confirm": "1"}).status_code == 302
    assert client.head(f"{PEOPLE}bulk/remove/").status_code == 302
    query = f"?action=remove&_selected_action={world.people['full'].pk}"
    assert client.get(PEOPLE + query).status_code in (302, 400)
    assert everything() == before


def test_verbs_that_are_not_offered_are_no_actions(world: Any) -> None:
    client = world.client("owner")
    before = everything()
    for verb in ("delete_selected", "nonsense", "\0", ""):
        assert choose(client, verb, world.people["full"]).status_code == 302
        assert "No action selected." in client.get(PEOPLE).content.decode()
    assert client.post(f"{PEOPLE}bulk/nonsense/").status_code == 404
    assert client.get("/teams/subaccount/bulk/suspend/").status_code == 404
    assert everything() == before


def test_a_place_that_is_not_offered_is_an_error(world: Any) -> None:
    client = world.client("administrator")
    page = choose(client, "suspend", world.people["full"])
    for place in (world.places["south"].pk, world.rival["subaccount"].pk, "abc", "\0", "9" * 40):
        answer = confirm(client, "suspend", page, place=str(place))
        assert answer.status_code == 200
        body = answer.content.decode()
        assert "no such place" in body or "Null characters" in body
        assert "South" not in body
    assert statuses(world, "full") == ["active"]


def test_bulk_verbs_need_the_token_and_the_door(world: Any) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(world.people["owner"])
    data = {"_selected_action": world.people["full"].pk, "confirm": "1", "place": "every"}
    assert strict.post(f"{PEOPLE}bulk/remove/", data).status_code == 403
    assert world.client("author").post(f"{PEOPLE}bulk/remove/", data).status_code == 404
    assert Client().post(f"{PEOPLE}bulk/remove/", data).status_code == 302
    assert statuses(world, "full") == ["active"]


def test_the_list_is_as_it_was_afterwards(world: Any) -> None:
    client = world.client("owner")
    page = choose(client, "suspend", world.people["full"], query="?role=full")
    action = re.search(r'<form method="post" action="([^"]*bulk[^"]*)"', page.content.decode())
    assert action
    answer = client.post(
        action[1].replace("&amp;", "&"), {**hidden(page), "place": "every", "confirm": "1"}
    )
    assert answer.headers["Location"] == f"{PEOPLE}?role=full"


def outside_trials(statements: list[str]) -> int:
    """Return how many statements there are but for what was carried out and taken back."""
    count, inside, name = 0, 0, ""
    for sql in statements:
        if not name:
            count += 1
            name = sql.split('"')[1] if sql.startswith("SAVEPOINT") else ""
            inside = 0
        elif sql == f'RELEASE SAVEPOINT "{name}"':
            count, name = count + inside + 1, ""
        elif sql == f'ROLLBACK TO SAVEPOINT "{name}"':
            name = ""
        else:
            inside += 1
    return count


def test_the_confirmation_costs_the_same_for_one_and_for_many(world: Any) -> None:
    client = world.client("owner")

    def cost(*people: Any) -> int:
        choose(client, "remove", *people)
        with CaptureQueriesContext(connection) as queries:
            assert choose(client, "remove", *people).status_code == 200
        return outside_trials([query["sql"] for query in queries])

    one = cost(world.people["full"], world.people["manager"])
    crowd = [world.people[name] for name in ("full", "editor", "manager", "author")]
    for _ in range(3):
        person = UserFactory()
        for place in world.places.values():
            MembershipFactory(account=world.account, subaccount=place, user=person)
        crowd.append(person)
    assert cost(*crowd) == one
    assert one <= 28


def test_a_list_that_is_empty_by_now_is_no_error(world: Any) -> None:
    client = world.client("owner")
    full = world.people["full"]
    answer = choose(client, "suspend", full, query="?status=suspended", select_across="1")
    assert answer.status_code == 302
    assert "nothing on this list any more" in client.get(PEOPLE).content.decode()
