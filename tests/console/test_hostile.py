"""Foreign rows: the same answer as for missing ones, and never a word of theirs."""

from __future__ import annotations

from typing import Any

import pytest

from permissions.models import AuditEvent
from tests.console.conftest import MARKER

ROWS = {
    "teams/account": "account",
    "auth/user": "user",
    "teams/subaccount": "subaccount",
    "teams/mailinglist": "mailinglist",
    "teams/messagetemplate": "messagetemplate",
    "teams/savedrow": "savedrow",
    "teams/campaign": "campaign",
    "teams/result": "result",
}
MALFORMED = ("abc", "0", "-1", "1.5", "%00", "999999999999999999999999", "1%20OR%201=1")
ROLES = ("owner", "manager", "administrator", "full", "author", "response_only")


@pytest.mark.parametrize("who", ROLES)
@pytest.mark.parametrize("model", ROWS)
def test_foreign_missing_and_malformed_answer_alike(world: Any, who: str, model: str) -> None:
    client = world.client(who)
    foreign = world.rival[ROWS[model]].pk
    verb = "suspend/1" if model == "auth/user" else "rename"
    for rest in ("change/", "delete/", "history/", f"act/{verb}/", ""):
        answers = [client.get(f"/{model}/{key}/{rest}") for key in (foreign, 987654, *MALFORMED)]
        assert {a.status_code for a in answers} == {404}
        assert len({a.content for a in answers}) == 1
        posted = [client.post(f"/{model}/{key}/{rest}") for key in (foreign, 987654, "abc")]
        assert {a.status_code for a in posted} == {404}
        assert len({a.content for a in posted}) == 1


@pytest.mark.once
@pytest.mark.parametrize("who", ROLES)
def test_nothing_of_the_rival_is_ever_in_the_bytes(world: Any, who: str) -> None:
    client = world.client(who)
    rival = world.rival
    urls = ["/", "/access/", "/roles/", "/jsi18n/"]
    for model, name in ROWS.items():
        urls += [
            f"/{model}/",
            f"/{model}/?q={MARKER}",
            f"/{model}/?place={rival['subaccount'].pk}",
            f"/{model}/?all=",
            f"/{model}/?p=99999999",
            f"/{model}/?_facets=True",
            f"/{model}/{rival[name].pk}/change/",
        ]
    for url in urls:
        body = client.get(url).content.decode()
        for echo in (f'value="{MARKER}"', f"q={MARKER}"):  # what was typed comes back
            body = body.replace(echo, "")
        assert MARKER not in body, url


def test_own_rows_one_may_not_see_are_missing_too(world: Any) -> None:
    manager = world.client("manager")
    assert manager.get(f"/teams/subaccount/{world.places['south'].pk}/change/").status_code == 404
    assert "South" not in manager.get("/teams/subaccount/").content.decode()
    listed = manager.get(f"/auth/user/?place={world.places['south'].pk}").content.decode()
    assert "Nothing matches" in listed
    author = world.client("author")
    assert author.get(f"/teams/subaccount/{world.places['north'].pk}/change/").status_code == 404


def test_a_foreign_part_is_a_missing_part(world: Any) -> None:
    client, person = world.client("owner"), world.people["full"].pk
    for verb in ("role", "suspend", "remove", "switch"):
        for part in (world.rival["membership"].pk, world.seats["author"].pk, 987654, "abc"):
            assert client.get(f"/auth/user/{person}/act/{verb}/{part}/").status_code == 404
    for part in (world.rival["subaccount"].pk, 987654, "abc"):
        assert client.get(f"/auth/user/{person}/act/add/{part}/").status_code == 404
    assert client.get(f"/auth/user/{person}/act/nonsense/").status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        "password__startswith=pbkdf2",
        "last_login__gt=2020-01-01",
        "is_superuser__exact=1",
        "email__startswith=a",
        "memberships__account__owner__email__startswith=a",
        "pk__in=1,2,3",
        "_connector=OR",
        "__class__=x",
        "_to_field=password",
    ],
)
def test_lookups_that_are_not_declared_are_refused(world: Any, query: str) -> None:
    assert world.client("owner").get(f"/auth/user/?{query}").status_code == 400


@pytest.mark.once
@pytest.mark.parametrize("model", ROWS)
def test_stock_writes_are_refused_and_recorded(lasting_world: Any, model: str) -> None:
    world = lasting_world
    client = world.client("owner")
    own = {
        "auth/user": world.people["full"],
        "teams/account": world.account,
        "teams/subaccount": world.places["north"],
        **{f"teams/{name}": row for name, row in world.rows.items()},
    }[model]
    before = type(own).objects.filter(pk=own.pk).values().get()
    data = {"name": "Stolen", "username": "stolen", "is_superuser": "on", "post": "yes"}
    codes = [
        client.post(f"/{model}/{rest}", data).status_code
        for rest in ("add/", f"{own.pk}/change/", f"{own.pk}/delete/", f"{own.pk}/change/?_popup=1")
    ]
    assert codes == [403] * 4
    assert client.get(f"/{model}/add/").status_code == 403
    assert client.get(f"/{model}/{own.pk}/history/").status_code == 404
    assert client.post(f"/{model}/{own.pk}/change/", {"_saveasnew": "1"}).status_code == 403
    assert client.get(f"/{model}/{own.pk}/change/?_to_field=slug").status_code == 400
    assert type(own).objects.filter(pk=own.pk).values().get() == before
    refused = AuditEvent.objects.filter(action="write.refused", data__code="READ_ONLY")
    assert refused.count() == 1  # at most one per actor, code and minute


def test_bulk_actions_of_django_do_not_exist(world: Any) -> None:
    client = world.client("owner")
    data = {"action": "delete_selected", "_selected_action": [world.rival["user"].pk], "post": "y"}
    answer = client.post("/auth/user/", data)
    assert MARKER not in answer.content.decode()
    world.rival["user"].refresh_from_db()


def test_autocomplete_and_view_on_site_lead_nowhere(world: Any) -> None:
    client = world.client("owner")
    query = "?app_label=teams&model_name=campaign&field_name=template&term="
    assert client.get(f"/autocomplete/{query}{MARKER}").json()["results"] == []
    assert client.get(f"/r/1/{world.places['north'].pk}/").status_code == 404


def test_choosing_an_account_knows_ones_own_only(world: Any) -> None:
    client = world.client("full")
    for key in (world.rival["account"].pk, 987654, "abc", ""):
        assert client.post("/scope/", {"account": key}).status_code == 404
    assert client.post("/scope/", {"account": world.account.pk}).status_code == 302
