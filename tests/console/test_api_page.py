"""The page that tries calls of the API: as oneself, where one may, and without making a key."""

from __future__ import annotations

import html
from typing import Any

import pytest

from teams import keys
from teams.catalogue import ACCESS_AUDIENCE, VIEW_CONTACTS
from teams.factories import ContactFactory, MailingListFactory
from teams.models import ApiKey, MailingList
from tests.services.world import World, stored, world

pytestmark = pytest.mark.django_db
PAGE = "/api-test/"


@pytest.fixture
def hq() -> World:
    return world("emma_hq")


def text_of(answer: Any) -> str:
    """Return what the page says."""
    assert answer.status_code == 200, answer.content
    return html.unescape(answer.content.decode())


def test_a_call_is_answered_as_a_key_of_ones_own_would_be(client: Any, hq: World) -> None:
    here = MailingListFactory(subaccount=hq.north, name="Winter sale")
    MailingListFactory(subaccount=hq.south, name="Elsewhere")
    client.force_login(hq.owner)
    before = stored()

    said = text_of(
        client.get(
            PAGE,
            {
                "place": hq.north.pk, "operation": "lists_list", "run": "1",
                "scope": [str(ACCESS_AUDIENCE)], "p_page_size": "10",
            },
        )
    )  # fmt: skip

    assert "200 OK" in said
    assert f'"id": {here.pk}' in said
    assert "Elsewhere" not in said
    address = "'http://testserver/api/v1/lists/?page_size=10'"
    assert f"curl -H 'Authorization: Bearer sak_…' {address}" in said
    assert stored() == before


def test_scopes_left_out_are_not_had(client: Any, hq: World) -> None:
    client.force_login(hq.owner)
    asked = {"place": hq.north.pk, "operation": "contacts_list", "run": "1", "scope": []}

    assert "403 Forbidden" in text_of(client.get(PAGE, asked))
    assert "200 OK" in text_of(client.get(PAGE, asked | {"scope": [str(VIEW_CONTACTS)]}))


def test_nobody_gains_by_naming_scopes_they_do_not_hold(client: Any, hq: World) -> None:
    ContactFactory(subaccount=hq.north)
    seat = hq.member("administrator")
    client.force_login(seat.user)
    lacking = set(keys.scopes_for(hq.owner, hq.north)) - set(keys.scopes_for(seat.user, hq.north))
    asked = {"operation": "me", "run": "1", "scope": sorted(lacking) or ["nonsense"]}

    assert '"scopes": []' in text_of(client.get(PAGE, asked))


def test_a_question_is_asked_with_what_was_typed(client: Any, hq: World) -> None:
    client.force_login(hq.owner)
    said = text_of(
        client.get(
            PAGE,
            {
                "place": hq.north.pk, "operation": "check", "run": "1",
                "scope": keys.scopes_for(hq.owner, hq.north),
                "p_permission": "view_contacts", "p_object": f"teams.subaccount:{hq.north.pk}",
            },
        )
    )  # fmt: skip

    assert '"allowed": true' in said
    assert "-X POST" in said


def test_the_page_says_what_to_type_what_it_costs_and_what_an_answer_means(
    client: Any, hq: World, settings: Any
) -> None:
    settings.API_CALLS_PER_MINUTE = 77
    client.force_login(hq.owner)
    asked = {"place": hq.north.pk, "operation": "lists_list", "run": "1"}

    said = text_of(client.get(PAGE, asked | {"scope": [str(ACCESS_AUDIENCE)]}))
    refused = text_of(client.get(PAGE, asked))

    assert "a real key may make 77 calls a minute, and trying takes none of them" in said
    assert "How many to answer: 1 to 200, else 50." in said
    assert "A key of yours with these scopes would get exactly this." in said
    assert "RateLimit-Limit" not in said, "of a trial there is nothing to count"
    assert "missing names what it would need" in refused
    nothing = text_of(client.get(PAGE, {"place": hq.north.pk, "operation": "me"}))
    assert "There is nothing to fill in for this call." in nothing
    assert "The id that its list shows." in text_of(client.get(PAGE, {"operation": "lists_get"}))


def test_only_who_may_make_keys_is_sent_to_where_they_are_made(client: Any) -> None:
    w = world("sailthru")
    asked = {"place": w.north.pk, "operation": "me", "run": "1"}
    link = "API keys</a>."
    client.force_login(w.owner)
    assert link in text_of(client.get(PAGE, asked))

    client.force_login(w.member("marketer_admin").user)
    said = text_of(client.get(PAGE, asked))

    assert link not in said
    assert "Whoever may generate API keys in North can make one." in said


@pytest.mark.parametrize(
    "typed", ["", "x", "../me", "1?x=1", "<script>alert(1)</script>", "9" * 300]
)
def test_whatever_is_typed_is_answered(client: Any, hq: World, typed: str) -> None:
    client.force_login(hq.owner)
    asked = {"operation": "lists_get", "run": "1", "scope": [str(ACCESS_AUDIENCE)], "p_id": typed}
    answer = client.get(PAGE, asked)

    assert "404 Not Found" in text_of(answer)
    assert b"<script>alert" not in answer.content


def test_nothing_that_changes_anything_is_offered(client: Any, hq: World) -> None:
    client.force_login(hq.owner)
    said = text_of(client.get(PAGE, {"operation": "lists_create", "run": "1", "p_name": "New"}))

    assert 'value="lists_create"' not in said
    assert MailingList.objects.count() == 0
    assert ApiKey.objects.count() == 0


def test_who_may_not_try_calls_is_told_what_is_missing(client: Any, hq: World) -> None:
    seat = hq.member("author")
    client.force_login(seat.user)

    for query in ({}, {"place": hq.north.pk}, {"place": "x"}):
        answer = client.get(PAGE, query)
        assert answer.status_code == 403
        assert b"API test" in answer.content
    assert PAGE.encode() not in client.get("/").content


def test_another_subaccount_is_refused_and_not_named(client: Any, hq: World) -> None:
    seat = hq.member("administrator")
    client.force_login(seat.user)
    assert PAGE.encode() in client.get("/").content
    foreign = world("emma_hq", name="Quarry").north
    for place in (hq.south.pk, foreign.pk, 99999):
        answer = client.get(PAGE, {"place": place, "run": "1", "operation": "me"})
        assert answer.status_code == 403
        assert b"South" not in answer.content
