"""API keys at the console: shown once, after a recent sign-in, to whom the tables say."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from django.utils.log import AdminEmailHandler

from permissions.models import AuditEvent
from teams import keys, services
from teams.admin import key_verbs
from teams.models import ApiKey, Membership
from tests.console.conftest import World, build
from tests.mailing import ADMINS
from tests.services.test_api_keys import dies
from tests.signing_in import AGAIN, RECENT, GroupLogins, signing_in_with

pytestmark = [pytest.mark.once, pytest.mark.django_db]

KEYS = "/teams/apikey/"
READ = "access_audience"


@pytest.fixture
def world() -> World:
    return build("emma_hq")


@pytest.fixture(autouse=True)
def sign_in() -> Iterator[None]:
    """Let sign-ins be recent or not."""
    with signing_in_with(GroupLogins()):
        yield


def recent(world: World, who: str) -> Client:
    client = world.client(who)
    session = client.session
    session[RECENT] = True
    session.save()
    return client


def posted(**other: Any) -> dict[str, Any]:
    return {"name": "Sync", "scopes": [READ, "access_campaigns"], "expires": "30", **other}


def make(world: World, who: str = "administrator", **other: Any) -> Any:
    asked = {"subaccount": world.places["north"], "name": "Sync", "scopes": [READ], **other}
    return services.create_api_key(actor=world.people[who], **asked)


def key_in(answer: Any) -> str:
    """Return the key that a page shows."""
    html = answer.content.decode()
    return html.partition('id="key"')[2].partition('value="')[2].partition('"')[0]


def test_a_key_is_made_after_a_recent_sign_in_and_shown_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"{KEYS}act/create/{world.places['north'].pk}/"
    stale = world.client("administrator")
    for answer in (stale.get(url), stale.post(url, posted())):
        assert (answer.status_code, answer["Location"]) == (302, AGAIN)
    assert not ApiKey.objects.exists()
    client = recent(world, "administrator")
    form = client.get(url)
    assert form.status_code == 200
    assert b"Generate API keys" not in form.content.partition(b"<form method")[2]
    assert b'value="access_audience"' in form.content
    with caplog.at_level("DEBUG"):
        answer = client.post(url, posted())
    key = ApiKey.objects.get()
    text = key_in(answer)
    assert answer.status_code == 200
    assert keys.find(text) == key
    assert "no-store" in answer["Cache-Control"]
    assert (key.name, set(key.scopes)) == ("Sync", {READ, "access_campaigns"})
    assert key.expires_at is not None
    assert abs(key.expires_at - timezone.now() - timedelta(days=30)) < timedelta(minutes=1)
    secret = text.split("_", 2)[2]
    assert secret not in caplog.text
    assert not list(get_messages(answer.wsgi_request))
    assert secret not in repr([s.get_decoded() for s in Session.objects.all()])
    assert secret not in repr(client.cookies)
    assert secret not in repr(list(AuditEvent.objects.values()))
    for page in (f"{KEYS}{key.pk}/change/", KEYS, "/"):
        shown = client.get(page)
        assert shown.status_code == 200
        assert secret.encode() not in shown.content
        assert key.digest.encode() not in shown.content


def test_a_page_that_fails_to_show_a_key_reports_all_but_the_key(
    world: World, settings: Any, mailoutbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ADMINS = ADMINS
    handlers = logging.getLogger("django").handlers
    (admins,) = [one for one in handlers if isinstance(one, AdminEmailHandler)]
    monkeypatch.setattr(admins, "include_html", True)
    shown: list[str] = []

    def broken(_site: Any, _request: Any, _template: str, context: Any) -> Any:
        shown.append(context["text"])
        raise RuntimeError("disk on fire")

    monkeypatch.setattr(key_verbs, "site_page", broken)
    client = recent(world, "administrator")
    client.raise_request_exception = False
    answer = client.post(f"{KEYS}act/create/{world.places['north'].pk}/", posted())

    assert (answer.status_code, ApiKey.objects.count()) == (500, 1)
    everything = "".join(mail.body + str(mail.alternatives) for mail in mailoutbox)
    assert "disk on fire" in everything
    (text,) = shown
    assert text.split("_", 2)[2] not in everything


def test_what_is_wrong_is_said_on_the_form_and_a_forged_scope_is_refused(world: World) -> None:
    client = recent(world, "administrator")
    url = f"{KEYS}act/create/{world.places['north'].pk}/"
    for wrong in ({"scopes": []}, {"expires": "31"}, {"scopes": ["fly"]}, {"name": "x" * 81}):
        answer = client.post(url, posted(**wrong))
        assert (answer.status_code, b"errornote" in answer.content) == (200, True), wrong
    for forged in ("generate_api_keys", "manage_account_settings", "share_campaigns"):
        answer = client.post(url, posted(scopes=[READ, forged]))
        assert answer.status_code == 403, forged
    assert not ApiKey.objects.exists()
    south = f"{KEYS}act/create/{world.places['south'].pk}/"
    assert client.post(south, posted()).status_code in (403, 404)


@pytest.mark.parametrize("edition", ["emma_hq", "emma_enterprise"])
def test_the_precondition_is_said_and_closes_the_door_for_the_owner_too(edition: str) -> None:
    world = build(edition)
    north, south = world.places["north"], world.places["south"]
    if edition == "emma_enterprise":
        services.set_primary_contact(
            actor=world.people["owner"], subaccount=north, membership=world.seats["full"]
        )
    for who in ("owner", "manager"):
        client = recent(world, who)
        url = f"{KEYS}act/create/{north.pk}/"
        assert client.get(url).status_code == 200, who
        assert client.post(url, posted(name=who)).status_code == 200, who
    owner = recent(world, "owner")
    choice = owner.get(f"{KEYS}act/create/").content.decode()
    assert f"/create/{north.pk}/" in choice
    assert f"/create/{south.pk}/" not in choice
    closed = f"{KEYS}act/create/{south.pk}/"
    answer = owner.get(closed)
    assert answer.status_code == 403
    assert b"South has no" in answer.content
    assert b"South has no" in owner.post(closed, posted()).content
    key = ApiKey.objects.filter(subaccount=north).earliest("pk")
    Membership.objects.filter(subaccount=north).update(is_primary_contact=False, status="suspended")
    page = owner.get(f"{KEYS}{key.pk}/change/").content.decode()
    assert "Existing keys keep working; new ones are refused." in page
    assert "/act/rotate/" not in page
    assert "/act/revoke/" in page
    assert dies(key) == ""
    assert ApiKey.objects.count() == 2


def test_only_who_may_generate_keys_there_sees_any(world: World) -> None:
    key = make(world).key
    services.add_member(
        actor=world.people["owner"],
        account=world.account,
        user=world.people["author"],
        role="administrator",
        subaccount=world.places["south"],
        consented=True,
    )
    seeing = {"owner", "manager", "administrator"}
    for who in (*seeing, "full", "editor", "author", "response_only"):
        client, sees = recent(world, who), who in seeing
        answer = client.get(f"{KEYS}{key.pk}/change/")
        assert (answer.status_code == 200) is sees, who
        linked = f'href="{KEYS}"' in client.get("/").content.decode()
        assert linked is (sees or who == "author")
        if not sees:
            for verb in ("rotate", "revoke"):
                answer = client.post(f"{KEYS}{key.pk}/act/{verb}/", {"overlap": "0"})
                assert answer.status_code in (403, 404), who
    key.refresh_from_db()
    assert (key.replaced_by_id, key.revoked_at) == (None, None)
    assert b"Sync" in world.client("administrator").get(KEYS).content
    assert b"Sync" not in world.client("author").get(KEYS).content


def test_removing_somebody_says_which_keys_go_too(world: World) -> None:
    make(world)
    seat = world.seats["administrator"]
    url = f"/auth/user/{seat.user_id}/act/remove/{seat.pk}/"
    assert b"1 API key made by" in world.client("owner").get(url).content


def test_a_key_is_replaced_and_revoked(world: World) -> None:
    key = make(world).key
    page = f"{KEYS}{key.pk}/"
    stale = world.client("administrator")
    assert stale.post(f"{page}act/rotate/", {"overlap": "1"})["Location"] == AGAIN
    client = recent(world, "administrator")
    assert client.get(f"{page}act/rotate/").status_code == 200
    answer = client.post(f"{page}act/rotate/", {"overlap": "1"})
    new = keys.find(key_in(answer))
    assert new is not None
    assert "no-store" in answer["Cache-Control"]
    assert b"goes on until" in answer.content
    key.refresh_from_db()
    assert key.replaced_by == new
    shown = client.get(f"{page}change/").content.decode()
    assert "takes its place" in shown
    assert "/act/rotate/" not in shown
    assert client.get(f"{page}act/rotate/").status_code == 403
    asked = stale.get(f"{page}act/revoke/").content.decode()
    assert "refused from its next call on" in asked
    assert "It was never used." in asked
    done = stale.post(f"{page}act/revoke/")
    assert done.status_code == 302
    assert dies(key) == "This key has been revoked."
    assert '<span class="state state--suspended">Revoked</span>' in (
        stale.get(f"{KEYS}?state=over").content.decode()
    )
    assert "It opens nothing now: This key has been revoked." in (
        stale.get(f"{page}change/").content.decode()
    )
    assert [obj.pk for obj in stale.get(f"{KEYS}?state=in-use").context["cl"].result_list] == [
        new.pk
    ]
    assert stale.get(f"{KEYS}?state=over").context["cl"].result_count == 1


def test_the_page_says_what_of_it_counts_now(world: World) -> None:
    made = make(world, scopes=[READ, "manage_members"])
    client = world.client("owner")
    page = f"{KEYS}{made.key.pk}/change/"
    assert "it can do 2 of the 2 things" in client.get(page).content.decode()
    services.change_role(
        actor=world.people["owner"], membership=world.seats["administrator"], role="full"
    )
    found = client.get(page).content.decode()
    assert "it can do 1 of the 2 things" in found
    assert "Cannot: its creator does not hold it there" in found
    services.remove_member(actor=world.people["owner"], membership=world.seats["administrator"])
    found = client.get(page).content.decode()
    assert "it can do 0 of the 2 things" in found
    assert "It opens nothing now: Whoever created this key has no role" in found
    north = client.get(f"/teams/subaccount/{world.places['north'].pk}/change/").content.decode()
    assert "API keys (1)" in north


def test_lists_ask_as_often_for_many_keys_as_for_one(
    world: World, django_assert_max_num_queries: Any
) -> None:
    client = world.client("owner")
    make(world)
    client.get(KEYS)
    with django_assert_max_num_queries(40) as first:
        client.get(KEYS)
    for number in range(5):
        make(world, name=f"Sync {number}")
    make(world, "manager")
    with django_assert_max_num_queries(len(first.captured_queries)):
        client.get(KEYS)
