"""Inviting from a file in the console: upload, look, confirm; what was shown is what is done."""

from __future__ import annotations

import re
import zipfile
from io import BytesIO
from typing import Any

import pytest
from django.core import signing
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from teams.admin import newcomer_verbs
from teams.csv_files import opened
from teams.factories import MembershipFactory, UserFactory
from teams.models import Invitation
from teams.services.newcomer_rows import COLUMNS
from tests.console.conftest import MARKER, World
from tests.services.world import stored

URL = "/auth/user/act/invite-file/"
HEAD = "address,role,subaccount,manages,switches\n"
TWO = f"{HEAD}ana@x.example,editor,north,,export_contacts\nben@x.example,manager,,all,\n"
BAD = f"{TWO}=cmd@x.example,emperor,north,,\n"

pytestmark = [pytest.mark.once, pytest.mark.django_db]


def upload(client: Client, raw: str | bytes = TWO, **more: Any) -> Any:
    data = raw.encode() if isinstance(raw, str) else raw
    return client.post(URL, {"file": SimpleUploadedFile("people.csv", data), **more})


def carried(page: Any) -> dict[str, str]:
    """Return the hidden fields of the page that asks to confirm."""
    text = page.content.decode()
    found = {n: re.search(rf'name="{n}" value="([^"]*)"', text) for n in ("rows", "shown")}
    return {name: match[1] for name, match in found.items() if match}


def addresses() -> set[str]:
    return set(Invitation.objects.values_list("address", flat=True))


def test_a_file_is_shown_and_then_carried_out(world: World) -> None:
    client = world.client("owner")
    assert URL in client.get("/auth/user/").content.decode()
    assert client.get(URL).status_code == 200
    before = stored()
    page = upload(client)
    text = page.content.decode()
    assert stored() == before
    assert page.status_code == 200
    assert "Is invited as Editor of North, with Export contacts." in text
    assert "Manager of Harbor, for all current and future subaccounts" in text
    assert "What you do not hold" not in text
    answer = client.post(URL, carried(page), follow=True)
    assert answer.redirect_chain == [("/auth/user/", 302)]
    assert "2 people were invited." in answer.content.decode()
    assert addresses() == {"ana@x.example", "ben@x.example"}
    # the same page once more does nothing twice: it is not what was shown any more
    again = client.post(URL, carried(page))
    assert "this is no longer what you were shown" in again.content.decode()
    assert "Carry it out" not in again.content.decode()
    assert Invitation.objects.count() == 2


def test_refused_rows_stop_all_or_are_left_out(world: World) -> None:
    client = world.client("owner")
    page = upload(client, BAD)
    text = page.content.decode()
    assert "=cmd@x.example" in text
    assert "There is no role “emperor” in Harbor." in text
    assert "Line 4: =cmd@x.example" in text
    assert "<span>Refused: There is no role" in text  # not by colour alone
    answer = client.post(URL, carried(page))
    assert answer.status_code == 200
    assert "Nothing was changed: rows are refused" in answer.content.decode()
    assert addresses() == set()
    answer = client.post(URL, {**carried(answer), "skip_refused": "on"}, follow=True)
    assert "1 refused row was left out." in answer.content.decode()
    assert addresses() == {"ana@x.example", "ben@x.example"}


def test_what_is_missing_comes_first(world: World) -> None:
    text = upload(world.client("administrator")).content.decode()
    assert "What you do not hold" in text
    assert text.index("What you do not hold") < text.index("ben@x.example")
    assert " in Harbor</li>" in text


def test_a_right_that_went_between_looking_and_confirming_is_missing(world: World) -> None:
    client = world.client("administrator")
    one = f"{HEAD}ana@x.example,editor,north,,\n"
    page = upload(client, one)
    seat = world.seats["administrator"]
    type(seat).objects.filter(pk=seat.pk).update(role="author")
    answer = client.post(URL, carried(page))
    assert answer.status_code == 403
    assert addresses() == set()


def test_a_place_that_went_between_looking_and_confirming_is_refused(world: World) -> None:
    client = world.client("manager")
    page = upload(client, f"{HEAD}ana@x.example,editor,north,,\n")
    assert "Carry it out" in page.content.decode()
    world.seats["manager"].reach.update(subaccount=world.places["south"])
    for more in ({}, {"skip_refused": "on"}):
        answer = client.post(URL, {**carried(page), **more})
        assert "this is no longer what you were shown" in answer.content.decode()
    assert addresses() == set()


def test_the_rows_cannot_be_swapped_nor_used_by_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = world.client("owner")
    page = carried(upload(client))
    other = carried(upload(client, f"{HEAD}eve@x.example,editor,north,,\n"))
    mine = carried(upload(world.client("manager"), f"{HEAD}eve@x.example,editor,north,,\n"))
    stale = "This page is not what you were shown"
    forged = signing.dumps([[2, "eve@x.example", "editor"]])
    for data in (
        {**page, "rows": mine["rows"]},
        {**page, "rows": forged},
        {**page, "rows": page["rows"][:-1]},
        {**page, "rows": "<script>"},
    ):
        assert stale in client.post(URL, data).content.decode()
    # the rows of another file of mine are not those that were shown
    answer = client.post(URL, {**page, "rows": other["rows"]}).content.decode()
    assert "this is no longer what you were shown" in answer
    assert "this is no longer" in client.post(URL, {**page, "shown": ""}).content.decode()
    monkeypatch.setattr(newcomer_verbs, "MAX_AGE", -1)
    assert stale in client.post(URL, page).content.decode()
    assert addresses() == set()


@pytest.mark.parametrize("who", ["author", "response_only"])
def test_who_manages_nobody_is_refused(world: World, who: str) -> None:
    client = world.client(who)
    assert URL not in client.get("/").content.decode()
    before = stored()
    owners = carried(upload(world.client("owner")))
    sign = carried(upload(world.client("owner")))
    for answer in (
        client.get(URL),
        upload(client),
        client.post(URL, {"sample": "1"}),
        client.post(URL, owners),
        client.post(URL, sign),
    ):
        assert answer.status_code in (200, 403)
        text = answer.content.decode()
        assert answer.status_code == 403 or "This page is not what you were shown" in text
    assert {k: v for k, v in stored().items() if "invit" in k} == {
        k: v for k, v in before.items() if "invit" in k
    }


def zipped() -> bytes:
    raw = BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"0" * 20_000_000)
    return raw.getvalue()


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "The file is empty."),
        (zipped(), "a workbook or an archive, not CSV"),
        (b"address,role\na\x00,b\n", "characters that are not text"),
        ("address,role\nå,b\n".encode("latin-1"), "not UTF-8"),
        ("address,role\nå,b\n".encode("utf-32"), "UTF-32"),
        (f"address,role,{','.join('c' * 9_999)}\na,b\n".encode(), "columns"),
        (b"address,role\n" + b"x" * 70_000, "characters, or a quotation mark"),
        (b"address,role\n" + b"a,b\n" * 301, "more than 300 rows"),
        (b"address,role\n" + b"a,b\n" * 300_000, "at most 1 MB"),
        (b"address,role,id,owner\na,b,1,2\n", "not known here: id and owner"),
    ],
)
def test_bombs_and_files_of_other_kinds_are_refused(world: World, raw: bytes, said: str) -> None:
    before = stored()
    page = upload(world.client("owner"), raw)
    assert page.status_code == 200
    assert said in page.content.decode().replace("&#x27;", "'")
    assert stored() == before


def test_other_encodings_are_read(world: World) -> None:
    client = world.client("owner")
    for raw, encoding in ((TWO.encode("utf-16"), ""), (TWO.encode("cp1252"), "cp1252")):
        assert "Is invited as Editor" in upload(client, raw, encoding=encoding).content.decode()


def test_text_of_the_file_is_shown_as_text(world: World) -> None:
    cell = "<script>alert(1)</script>"
    raw = f'{HEAD}"=HYPERLINK(1)",x,,,\n\u202ex,x,,,\na@x.example,{cell},,,\n'
    text = upload(world.client("owner"), raw).content.decode()
    assert cell not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "=HYPERLINK(1)" in text
    assert "\u202e" not in text


def test_somebody_elses_login_is_shown_like_an_unknown_address(world: World) -> None:
    MembershipFactory(
        account=world.rival["account"],
        subaccount=world.rival["subaccount"],
        user=UserFactory(email="known@x.example", first_name=MARKER),
        role="author",
    )
    MembershipFactory(
        account=world.account,
        subaccount=world.places["south"],
        user=UserFactory(email="south@x.example"),
        role="editor",
    )
    client = world.client("administrator")

    def shown(address: str) -> tuple[str, int]:
        with CaptureQueriesContext(connection) as queries:
            page = upload(client, f"{HEAD}{address},editor,north,,\n")
        text = page.content.decode().replace(address, "*")
        for name in ("rows", "shown", "csrfmiddlewaretoken"):
            text = re.sub(rf'(name="{name}" value=)"[^"]*"', r"\1", text)
        return text, len(queries)

    unknown = shown("xxxxx@x.example")
    assert shown("known@x.example") == unknown
    assert shown("south@x.example") == unknown
    assert MARKER not in unknown[0]


@pytest.mark.parametrize("who", ["owner", "manager", "administrator"])
def test_the_sample_holds_what_one_may_give_and_invites_nobody(world: World, who: str) -> None:
    client = world.client(who)
    answer = client.post(URL, {"sample": "1"})
    assert answer["Content-Disposition"] == 'attachment; filename="invite.csv"'
    with opened(BytesIO(answer.content)) as sheet:
        assert tuple(sheet.headings) == COLUMNS
        rows = [record.cells for record in sheet.rows]
    places = {row[2] for row in rows}
    assert places == ({"", "north", "south", "east"} if who == "owner" else {"north"})
    assert {row[0] for row in rows} == {""}
    page = upload(client, answer.content).content.decode()
    assert page.count("The address is empty.") == len(rows)
    assert "Carry it out" not in page
    filled = answer.content.decode().replace('\n"",', '\n"p@x.example",')
    first = "\n".join(filled.splitlines()[:2])
    assert "Is invited as" in upload(client, first).content.decode()
