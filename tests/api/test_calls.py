"""What holds of every call: who calls, how often, in what shape, and that it leaves a trace."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.log import AdminEmailHandler

from permissions.models import AuditEvent
from teams import keys, services
from teams.api import throttling
from teams.catalogue import (
    ACCESS_AUDIENCE,
    ADD_CONTACTS,
    GENERATE_API_KEYS,
    VIEW_CONTACTS,
)
from teams.factories import ApiKeyFactory, ContactFactory, MailingListFactory
from teams.models import ApiKey, Contact, MailingList
from tests.api.caller import ROOT, Caller, caller, problem
from tests.mailing import ADMINS
from tests.services.world import World, stored, world

pytestmark = pytest.mark.django_db


@pytest.fixture
def hq() -> World:
    return world("emma_hq")


@pytest.fixture
def one_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be one moment, so that no new minute begins in the middle of a test."""
    now = timezone.now().replace(second=30)
    monkeypatch.setattr(timezone, "now", lambda: now)


# who calls


def test_a_key_says_what_it_is(hq: World) -> None:
    me = caller(hq.north, name="Shop").get("me/").json()

    assert me["name"] == "Shop"
    assert me["subaccount"] == {"id": hq.north.pk, "short_name": "north", "name": "North"}
    assert str(GENERATE_API_KEYS) not in me["scopes"]


def test_no_key_is_asked_for_one(hq: World) -> None:
    answer = Client().get(ROOT + "me/")

    problem(answer, 401, "NO_KEY")
    assert answer["WWW-Authenticate"] == "Bearer"


def test_unknown_malformed_revoked_and_expired_keys_get_the_same_answer(hq: World) -> None:
    good = caller(hq.north)
    now = timezone.now()
    texts = [
        keys.issue().text,
        good.text[:-1] + ("a" if good.text[-1] != "a" else "b"),
        "sak_",
        "sak_aaaaaaaaaa",
        "ż" * 30,
        good.text.upper(),
        "x" * 5000,
        caller(hq.north, revoked_at=now).text,
        caller(hq.north, expires_at=now - timedelta(seconds=1)).text,
    ]

    answers = [Caller(good.key, text).get("me/") for text in texts]

    said = {(a.status_code, a.json()["detail"], a["WWW-Authenticate"]) for a in answers}
    assert said == {
        (401, "This is no key that opens anything. Make a new one in the console.", "Bearer")
    }


def test_a_key_under_another_scheme_opens_nothing(hq: World) -> None:
    mine = caller(hq.north)
    for header in (mine.text, f"Basic {mine.text}", f"Token {mine.text}"):
        problem(mine.get("me/", headers={"Authorization": header}), 401, "NO_KEY")


def test_a_session_never_authenticates(client: Any, hq: World) -> None:
    client.force_login(hq.owner)

    problem(client.get(ROOT + "me/"), 401, "NO_KEY")


def test_a_key_of_an_archived_subaccount_sleeps(hq: World) -> None:  # AK5
    mine = caller(hq.north)
    services.archive_subaccount(actor=hq.owner, subaccount=hq.north)

    body = problem(mine.get("me/"), 403, "KEY_ASLEEP")

    assert body["detail"] == "The subaccount of this key is archived."


def test_a_read_only_account_can_still_be_read(hq: World) -> None:  # AK5
    hq.account.read_only_because = "unpaid"
    hq.account.save()
    mine = caller(hq.north)

    assert mine.get("lists/").status_code == 200
    problem(mine.post("lists/", {"name": "New"}), 403, "READ_ONLY_ACCOUNT")


def test_a_key_dies_with_its_creators_rights_at_the_next_call(hq: World) -> None:  # AK4, AK11
    seat = hq.member("administrator")
    mine = caller(hq.north, seat.user)
    assert mine.get("contacts/").status_code == 200

    services.change_role(actor=hq.owner, membership=seat, role="response_only")
    body = problem(mine.get("contacts/"), 403, "OUT_OF_SCOPE")
    assert [m["permission"] for m in body["missing"]] == [str(VIEW_CONTACTS)]

    services.remove_member(actor=hq.owner, membership=seat)
    problem(mine.get("me/"), 403, "KEY_ASLEEP")


def test_a_deactivated_creator_takes_the_key_along(hq: World) -> None:  # AK4
    seat = hq.member("administrator")
    mine = caller(hq.north, seat.user)
    seat.user.is_active = False
    seat.user.save()

    problem(mine.get("me/"), 403, "KEY_ASLEEP")


@pytest.mark.parametrize("where", ["query", "body", "path", "large", "named", "referer"])
def test_a_key_elsewhere_than_in_the_header_is_refused(  # AK10
    hq: World, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    mine = caller(hq.north)
    before = stored()
    match where:
        case "query":
            answer = mine.get(f"me/?key={mine.text}")
            code = "KEY_IN_ADDRESS"
        case "path":
            answer = mine.get(f"{mine.text}/")
            code = "KEY_IN_ADDRESS"
        case "large":  # too large to be read, which is said of the address
            answer = mine.post(f"{mine.text}/", '"' + "a" * 300_000 + '"')
            code = "KEY_IN_ADDRESS"
        case "named" | "referer":
            name = "Idempotency-Key" if where == "named" else "Referer"
            answer = mine.post("lists/", {"name": "News"}, headers={name: mine.text})
            code = "KEY_IN_HEADER"
        case _:
            answer = mine.post("lists/", {"name": mine.text})
            code = "KEY_IN_BODY"

    body = problem(answer, 400, code)

    assert mine.text not in str(body) + caplog.text
    assert stored() == before


def test_no_key_stands_in_a_report_of_an_error(
    hq: World, settings: Any, mailoutbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:  # AK10
    from teams.api import lists

    def broken(_self: Any) -> Any:
        raise RuntimeError("disk on fire")

    settings.ADMINS = ADMINS
    monkeypatch.setattr(lists.ListRows, "rows", broken)
    handlers = logging.getLogger("django").handlers
    (admins,) = [one for one in handlers if isinstance(one, AdminEmailHandler)]
    monkeypatch.setattr(admins, "include_html", True)
    mine = caller(hq.north)

    answer = mine.get("lists/", raises=False)

    body = problem(answer, 500, "INTERNAL")
    assert "fire" not in str(body)
    (mail,) = mailoutbox
    secret = mine.text.split("_", 2)[2]
    everything = mail.body + str(mail.alternatives)
    assert "disk on fire" in everything
    assert secret not in everything


def test_no_part_of_a_key_stands_in_a_report_of_a_failed_look_up(
    hq: World, settings: Any, mailoutbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:  # AK10
    settings.ADMINS = ADMINS
    handlers = logging.getLogger("django").handlers
    (admins,) = [one for one in handlers if isinstance(one, AdminEmailHandler)]
    monkeypatch.setattr(admins, "include_html", True)
    mine = caller(hq.north)

    def broken(execute: Any, sql: str, *rest: Any) -> Any:
        if "teams_apikey" in sql:
            raise OperationalError("disk on fire")
        return execute(sql, *rest)

    with connection.execute_wrapper(broken):
        answer = mine.get("lists/", raises=False)

    problem(answer, 500, "INTERNAL")
    (mail,) = mailoutbox
    everything = mail.body + str(mail.alternatives)
    assert "disk on fire" in everything
    secret = mine.text.split("_", 2)[2]
    assert secret not in everything


def test_a_new_key_does_not_say_what_it_is() -> None:
    issued = keys.issue()

    assert issued.text not in repr(issued)


def test_rights_lost_in_the_middle_of_a_call_are_lost(hq: World) -> None:
    seat = hq.member("administrator")
    mine = caller(hq.north, seat.user)

    seen: list[str] = []

    def meanwhile(execute: Any, sql: str, *rest: Any) -> Any:
        answer = execute(sql, *rest)
        # the call is counted, and then what the creator holds is looked up for the first time
        if 'UPDATE "teams_apikey"' in seen and 'FROM "teams_membership"' in sql:
            seen.clear()
            seat.delete()
        seen.append(sql[: len('UPDATE "teams_apikey"')])
        return answer

    with connection.execute_wrapper(meanwhile):
        problem(mine.get("me/permissions/"), 403, "KEY_ASLEEP")


def test_a_key_opens_no_page_of_the_console(hq: World) -> None:  # AK7
    mine = caller(hq.north)
    for path in ("/", "/access/", "/operator/", "/teams/contact/"):
        answer = mine.get(path)
        assert answer.status_code in (302, 404)
        assert (
            answer.status_code == 404
            or "login" in answer["Location"]
            or "sign-in" in answer["Location"]
        )


def test_there_is_no_way_to_keys_through_the_api(hq: World) -> None:  # AK1, AK7
    mine = caller(hq.north, scopes=[*keys.scopes_for(hq.owner, hq.north), GENERATE_API_KEYS])
    for path in ("keys/", "api-keys/", f"keys/{mine.key.pk}/"):
        problem(mine.post(path, {"name": "more"}), 404, "NOT_FOUND")
    asked = {"permission": str(GENERATE_API_KEYS), "object": f"teams.subaccount:{hq.north.pk}"}

    assert mine.post("check/", asked).json()["allowed"] is False
    assert ApiKey.objects.count() == 1


# how often


@pytest.mark.usefixtures("one_minute")
def test_a_key_makes_so_many_calls_a_minute(hq: World, settings: Any) -> None:  # AK17
    settings.API_CALLS_PER_MINUTE = 3
    mine = caller(hq.north)
    codes = [
        mine.get("me/", headers={"X-Forwarded-For": f"10.0.0.{n}"}).status_code for n in range(5)
    ]

    assert codes == [200, 200, 200, 429, 429]
    answer = mine.get("me/")
    problem(answer, 429, "TOO_MANY_CALLS")
    assert 0 < int(answer["Retry-After"]) <= 60


@pytest.mark.usefixtures("one_minute")
def test_a_call_that_is_wrong_is_counted_and_noted_too(hq: World, settings: Any) -> None:
    """Nobody tries out unseen, and as often as they like, whether a key is alive."""
    settings.API_CALLS_PER_MINUTE = 2
    mine = caller(hq.north)

    codes = [mine.get(path).status_code for path in ("me/?x=1", "me/?x=\0", "me/?x=1", "me/")]

    assert codes == [400, 400, 429, 429]
    assert ApiKey.objects.get().last_used_at is not None


@pytest.mark.usefixtures("one_minute")
@pytest.mark.parametrize("asleep", [True, False])
def test_a_key_that_sleeps_is_counted_as_one_that_works(
    hq: World, settings: Any, asleep: bool
) -> None:
    settings.API_CALLS_PER_MINUTE = 2
    seat = hq.member("administrator")
    mine = caller(hq.north, seat.user)
    if asleep:
        services.remove_member(actor=hq.owner, membership=seat)

    codes = [mine.get("me/").status_code for _ in range(3)]

    assert codes == ([403, 403, 429] if asleep else [200, 200, 429])
    assert ApiKey.objects.get().calls == 2


@pytest.mark.usefixtures("one_minute")
@pytest.mark.parametrize("kind", ["unknown", "revoked"])
def test_what_opens_nothing_is_counted_by_itself_and_then_not_looked_up(
    hq: World, settings: Any, kind: str
) -> None:
    settings.API_CALLS_PER_MINUTE = 2
    good = caller(hq.north)
    bad = caller(hq.north, revoked_at=timezone.now()) if kind == "revoked" else good
    text = bad.text if kind == "revoked" else keys.issue().text

    with CaptureQueriesContext(connection) as asked:
        answers = [Caller(bad.key, text).get("me/") for _ in range(4)]

    assert [a.status_code for a in answers] == [401, 401, 429, 429]
    assert len([q for q in asked if "teams_apikey" in q["sql"]]) == 2
    problem(answers[2], 429, "TOO_MANY_CALLS")
    assert 0 < int(answers[2]["Retry-After"]) <= 60
    assert good.get("me/").status_code == 200, "nobody else pays for it"
    assert ApiKey.objects.get(pk=good.key.pk).calls == 1


@pytest.mark.usefixtures("one_minute")
def test_a_good_key_under_a_wrong_scheme_does_not_count_against_it(
    hq: World, settings: Any
) -> None:
    settings.API_CALLS_PER_MINUTE = 1
    mine = caller(hq.north)
    wrong = {"Authorization": f"Token {mine.text}"}
    codes = [mine.get("me/", headers=wrong).status_code for _ in range(3)]

    assert [*codes, mine.get("me/").status_code] == [401, 401, 401, 200]


@pytest.mark.usefixtures("one_minute")
def test_so_many_texts_are_counted_and_no_more(
    hq: World, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.API_CALLS_PER_MINUTE = 1
    monkeypatch.setattr(throttling, "_unknown", throttling._Unknown())
    monkeypatch.setattr(throttling, "MOST_TEXTS", 1)
    first, second = keys.issue().text, keys.issue().text

    nobodys = ApiKeyFactory(subaccount=hq.north)
    codes = [Caller(nobodys, text).get("me/").status_code for text in (first, second) * 2]

    assert codes == [401, 401, 429, 401]


@pytest.mark.usefixtures("one_minute")
def test_every_answer_says_how_many_calls_are_left(hq: World, settings: Any) -> None:
    settings.API_CALLS_PER_MINUTE = 3
    mine = caller(hq.north)

    answers = [mine.get(path) for path in ("me/", "nowhere/", "lists/?x=1", "lists/9/", "me/")]

    said = [(a.status_code, a.headers.get("RateLimit-Remaining")) for a in answers]
    assert said == [(200, "2"), (404, None), (400, "1"), (404, "0"), (429, "0")]
    assert {a["RateLimit-Limit"] for a in answers if a.status_code != 404} == {"3"}
    assert all(0 < int(answers[n]["RateLimit-Reset"]) <= 60 for n in (0, 2, 4))
    assert "RateLimit-Limit" not in Client().get(ROOT + "me/")


@pytest.mark.usefixtures("one_minute")
def test_an_account_that_has_used_its_calls_up_says_so_to_each_of_its_keys(
    hq: World, settings: Any
) -> None:
    settings.API_CALLS_PER_MINUTE = 2
    several = [caller(hq.north) for _ in range(5)]
    left = [one.get("me/")["RateLimit-Remaining"] for one in several for _ in range(2)]

    assert left == ["1", "0"] * 4 + ["1", "0"]
    answer = caller(hq.south).get("me/")
    problem(answer, 429, "TOO_MANY_CALLS")
    assert answer["RateLimit-Remaining"] == "0"


@pytest.mark.usefixtures("one_minute")
@pytest.mark.parametrize(
    ("ahead", "expected"), [(timedelta(minutes=1), 429), (timedelta(days=1), 200)]
)
def test_a_clock_that_is_behind_begins_no_minute_anew_and_a_wrong_one_keeps_nobody_out(
    hq: World, settings: Any, ahead: timedelta, expected: int
) -> None:
    settings.API_CALLS_PER_MINUTE = 1
    mine = caller(hq.north)
    mine.get("me/")
    ApiKey.objects.update(minute=F("minute") + ahead)

    assert mine.get("me/").status_code == expected


@pytest.mark.usefixtures("one_minute")
def test_an_accounts_keys_make_so_many_together(hq: World, settings: Any) -> None:  # AK17
    settings.API_CALLS_PER_MINUTE = 2
    several = [caller(hq.north) for _ in range(4)] + [caller(hq.south) for _ in range(2)]
    other = caller(world("emma_hq").north)

    codes = [one.get("me/").status_code for one in several for _ in range(2)]

    assert codes == [200] * 10 + [429] * 2
    assert other.get("me/").status_code == 200


@pytest.mark.usefixtures("one_minute")
def test_a_new_minute_counts_anew(hq: World, settings: Any) -> None:
    settings.API_CALLS_PER_MINUTE = 1
    mine = caller(hq.north)
    assert [mine.get("me/").status_code for _ in range(2)] == [200, 429]
    earlier = timezone.now().replace(second=0, microsecond=0) - timedelta(minutes=1)
    ApiKey.objects.update(minute=earlier)

    assert mine.get("me/").status_code == 200


def test_when_a_key_was_used_is_noted_once_a_minute(hq: World) -> None:
    mine = caller(hq.north)
    mine.get("me/")
    first = ApiKey.objects.get().last_used_at
    mine.get("me/")
    assert ApiKey.objects.get().last_used_at == first is not None

    ApiKey.objects.update(last_used_at=first - throttling.USED - timedelta(seconds=1))
    mine.get("me/")
    assert ApiKey.objects.get().last_used_at >= first


# in what shape


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("get", "nowhere/", None, (404, "NOT_FOUND")),
        ("get", "lists/1234/", None, (404, "NOT_FOUND")),
        ("get", "lists/x/", None, (404, "NOT_FOUND")),
        ("get", f"lists/{'9' * 30}/", None, (404, "NOT_FOUND")),
        ("delete", "me/", None, (405, "METHOD_NOT_ALLOWED")),
        ("options", "me/", None, (405, "METHOD_NOT_ALLOWED")),
        ("post", "lists/", "{", (400, "MALFORMED")),
        ("post", "lists/", '{"name": NaN}', (400, "MALFORMED")),
        ("post", "lists/", '{"name": "a", "name": "b"}', (400, "MALFORMED")),
        ("post", "lists/", '{"name": "a\\u0000"}', (400, "MALFORMED")),
        ("post", "lists/", '{"name": "\\ud800"}', (400, "MALFORMED")),
        ("post", "lists/", "[" * 100_000, (400, "MALFORMED")),
        ("post", "lists/", '{"name": ' + "9" * 5000 + "}", (400, "MALFORMED")),
        ("post", "lists/", '{"name": "' + "a" * 300_000 + '"}', (413, "TOO_LARGE")),
        ("post", "lists/", "[]", (422, "INVALID")),
        ("post", "lists/", '{"name": 1}', (422, "INVALID")),
        ("post", "lists/", '{"name": "a", "owner": 1}', (422, "INVALID")),
        ("post", "lists/", '{"name": "a", "type": "other"}', (422, "INVALID")),
        ("post", "contacts/", '{"address": "a@example.com", "list": 1e3}', (422, "INVALID")),
        ("post", "contacts/", '{"address": "a@example.com", "list": true}', (422, "INVALID")),
        ("get", "lists/?owner=1", None, (400, "UNKNOWN_PARAMETER")),
        ("get", "lists/?archived=maybe", None, (400, "BAD_PARAMETER")),
        ("get", "lists/?page_size=201", None, (400, "BAD_PARAMETER")),
        ("get", "lists/?page_size=-1", None, (400, "BAD_PARAMETER")),
        ("get", "lists/?page_size=1&page_size=2", None, (400, "BAD_PARAMETER")),
        ("get", "lists/?cursor=x", None, (400, "BAD_CURSOR")),
        ("get", "lists/?cursor=cD1hYmM=", None, (400, "BAD_CURSOR")),
        ("get", "contacts/?list=x", None, (404, "NOT_FOUND")),
    ],
)  # fmt: skip
def test_every_error_has_one_shape(
    hq: World, method: str, path: str, body: Any, expected: tuple[int, str]
) -> None:
    problem(caller(hq.north).call(method, path, body), *expected)


def test_a_body_that_is_not_json_is_refused(hq: World) -> None:
    mine = caller(hq.north)
    answer = Client().post(
        ROOT + "lists/", {"name": "x"}, headers={"Authorization": f"Bearer {mine.text}"}
    )

    problem(answer, 415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ('{"name": "a",\n "type" }', "line 2, column 9: Expecting ':' delimiter"),
        ('{"name": "a", "name": "b"}', "the name 'name' stands there twice"),
        ('{"name": NaN}', "NaN is no value"),
        ('{"name": "a\\u0000"}', "a text holds the character U+0000"),
        ('{"name": "\\ud800"}', "it is not UTF-8, or holds half of a character"),
        ("[" * 100_000, "it is nested too deeply, or holds a number that is too long"),
    ],
)
def test_what_is_wrong_with_a_body_is_said_and_where(hq: World, body: str, why: str) -> None:
    said = problem(caller(hq.north).call("post", "lists/", body), 400, "MALFORMED")

    assert said["detail"] == f"The body is not JSON as it should be: {why}."


def test_an_unknown_field_is_refused_by_name(hq: World) -> None:
    answer = caller(hq.north).post("lists/", {"name": "a", "subaccount": hq.south.pk})

    (error,) = problem(answer, 422, "INVALID")["errors"]
    assert error == {
        "field": "subaccount", "message": "There is no such field.", "code": "UNKNOWN_FIELD"
    }  # fmt: skip


def test_foreign_missing_and_malformed_are_one_answer(hq: World) -> None:
    mine = caller(hq.north)
    foreign = [
        MailingListFactory(subaccount=hq.south).pk,
        MailingListFactory(subaccount=world("emma_hq").north).pk,
    ]

    answers = [mine.get(f"lists/{pk}/").json() for pk in (*foreign, 987654, "x", "9" * 40)]

    for said in answers:
        said.pop("request_id")
    assert all(said == answers[0] for said in answers)


def test_who_may_not_look_learns_from_no_refusal_what_is_there(hq: World) -> None:
    """Nor tries addresses that are refused one way if they are known and another if not."""
    mine = caller(hq.north, scopes=[ADD_CONTACTS])
    ContactFactory(subaccount=hq.north, email="known@example.com")

    answers = [
        mine.post("contacts/", {"address": f"{name}@example.com"}) for name in ("known", "unknown")
    ]

    told = [problem(answer, 403, "OUT_OF_SCOPE") for answer in answers]
    assert told[0]["detail"] == told[1]["detail"]
    assert [m["permission"] for m in told[0]["missing"]] == [str(VIEW_CONTACTS)]
    assert Contact.objects.count() == 1


def test_a_refusal_names_no_place_that_the_keys_creator_does_not_work_in(hq: World) -> None:
    """Somebody's rights elsewhere stop the key, and are not told where they are."""
    seat = hq.manager(hq.north)
    target = hq.manager(hq.south, hq.north)
    hq.member("author", user=target.user)
    mine = caller(hq.north, seat.user)
    for row in (hq.member("administrator"), target):
        for answer in (
            mine.delete(f"members/{row.pk}/"),
            mine.patch(f"members/{row.pk}/", {"role": "author"}),
            mine.post("invitations/", {"address": "a@example.com", "role": "manager"}),
        ):
            assert hq.south.name not in answer.content.decode()
            assert hq.west.name not in answer.content.decode()


# that it leaves a trace


def test_what_a_key_does_is_recorded_as_its_doing(hq: World) -> None:
    mine = caller(hq.north, name="Shop")
    answer = mine.post("lists/", {"name": "Newsletter"})

    event = AuditEvent.objects.get(action="mailinglist.created")
    assert (event.channel, event.via_ref) == ("api", f"teams.apikey:{mine.key.pk}")
    assert event.request_id == answer["X-Request-ID"]
    assert event.actor_label == hq.owner.get_full_name()


def test_a_refused_write_is_recorded_and_changes_nothing(hq: World) -> None:
    mine = caller(hq.north, scopes=[ACCESS_AUDIENCE])
    row = MailingListFactory(subaccount=hq.north, name="Old")

    body = problem(mine.patch(f"lists/{row.pk}/", {"name": "New"}), 403, "OUT_OF_SCOPE")

    assert body["missing"] == [
        {"permission": "rename_lists", "label": "Rename lists", "place": "North"}
    ]
    assert MailingList.objects.get().name == "Old"
    assert AuditEvent.objects.filter(action="write.refused", channel="api").count() == 1


@pytest.mark.parametrize("path", ["lists/", "contacts/", "campaigns/", "members/", "invitations/"])
def test_a_list_takes_as_many_queries_with_one_row_as_with_five(
    hq: World, path: str, django_assert_num_queries: Any
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from teams.factories import CampaignFactory, InvitationFactory

    mine = caller(hq.north)

    def add(n: int) -> None:
        for _ in range(n):
            shared = MailingListFactory(subaccount=hq.north)
            ContactFactory(subaccount=hq.north)
            CampaignFactory(subaccount=hq.north, mailing_list=shared)
            hq.member("editor")
            InvitationFactory(account=hq.account, subaccount=hq.north)

    counts = []
    for n in (1, 5):
        add(n)
        with CaptureQueriesContext(connection) as caught:
            assert mine.get(path).status_code == 200
        counts.append(len(caught))
    assert counts[0] == counts[1]
    assert counts[0] <= 12


def test_keys_are_made_by_the_factory_as_they_are_found() -> None:
    made = ApiKeyFactory()

    assert keys.find(made.text) == made
    assert keys.why_dead(made) == ""
