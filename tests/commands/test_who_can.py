"""``who_can`` and ``access_report``: everybody, and where each has it from."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from permissions.policy import Scope
from teams import services, who
from teams.factories import MailingListFactory, UserFactory
from teams.report import COLUMNS, report
from tests.commands.helpers import run
from tests.services.world import World, world

pytestmark = pytest.mark.django_db

EXPORT = "export_contacts"


def north(w: World) -> str:
    return f"teams.subaccount:{w.account.slug}/north"


def names(rows: Any) -> set[str]:
    return {row["login"] for row in rows}


def test_everybody_is_listed_with_where_it_comes_from() -> None:
    w = world("emma_hq")
    full = w.member("full", toggles=(EXPORT,))
    w.manager()
    w.member("author")

    done = run("who_can", EXPORT, north(w), format="json")

    assert names(done.json) == {one.person.username for one in who.who_can(EXPORT, w.north)}
    by_login = {row["login"]: row for row in done.json}
    assert set(by_login) >= {w.owner.username, full.user.username}
    told = by_login[full.user.username]
    assert (told["through"], told["place"]) == ("Switched on: Export contacts", "North")
    assert (told["given_by"], bool(told["given_at"])) == (w.owner.get_full_name(), True)


def test_an_actor_is_told_what_they_may_know() -> None:
    w = world("emma_hq")
    administrator, author = w.member("administrator").user, w.member("author").user
    w.manager()
    stranger = UserFactory()

    all_of_them = names(run("who_can", "send_campaigns", north(w), format="json").json)
    seen = {
        user.username: names(
            run("who_can", "send_campaigns", north(w), actor=user.username, format="json").json
        )
        for user in (w.owner, administrator, author, stranger)
    }

    assert seen[w.owner.username] == all_of_them
    assert seen[administrator.username] < all_of_them
    assert administrator.username in seen[administrator.username]
    assert seen[author.username] <= {author.username}
    assert seen[stranger.username] == set()
    said = run("who_can", "send_campaigns", north(w), actor=stranger.username)
    assert said.out.startswith("Nobody holds send_campaigns on North")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("export_contact", "teams.subaccount:x/y"), "NOT_FOUND"),
        (("send_campaigns", "north"), "NOT_AN_OBJECT"),
        (("send_campaigns", "auth.user:1"), "UNKNOWN_MODEL"),
    ],
)
def test_bad_questions_to_who_can(arguments: tuple[str, str], code: str) -> None:
    done = run("who_can", *arguments)
    assert (done.code, done.error.split(":")[0], done.out) == (2, code, "")


def test_a_permission_there_is_not() -> None:
    w = world("emma_hq")
    done = run("who_can", "export_contact", north(w))
    assert (done.code, done.error.split(":")[0]) == (2, "UNKNOWN_PERMISSION")
    report_of = run("access_report", account=w.account.slug, permission="export_contact")
    assert (report_of.code, report_of.error.split(":")[0]) == (2, "UNKNOWN_PERMISSION")


def filled() -> World:
    """Return an account with rights of every kind."""
    w = world("emma_hq")
    w.member("full", toggles=(EXPORT,))
    w.manager(toggles=("subaccounts",))
    w.manager(w.north)
    guest = w.member("author", w.south)
    made = MailingListFactory(subaccount=w.north, name="Regulars")
    for obj in (w.north, made):
        services.give_guest_access(
            actor=w.owner, user=guest.user, obj=obj, permissions=["access_audience"]
        )
    return w


def test_a_report_says_who_holds_what_and_since_when() -> None:
    w = filled()

    lines = list(report(w.account))

    through = {line.through for line in lines}
    assert {
        "Owner of the account",
        "Role Full",
        "Switched on: Export contacts",
        "Guest access",
    } <= (through)
    assert all(line.given_at is not None for line in lines)
    switch = next(line for line in lines if line.through.startswith("Switched on: Export"))
    assert (switch.place, switch.permission) == ("North", EXPORT)
    assert switch.given_by == w.owner.get_full_name()
    owner = next(
        line for line in lines if line.login == w.owner.username and EXPORT in line.permission
    )
    assert owner.place == "All subaccounts but West"
    assert owner.scope == Scope(everywhere=True, places=frozenset({w.west.pk}))
    assert any(line.place == "Regulars in North" for line in lines)


def test_a_report_is_narrowed() -> None:
    w = filled()
    lines = list(report(w.account))
    person = next(line for line in lines if line.through == "Role Full").login
    user = type(w.owner).objects.get(username=person)

    assert list(report(w.account, permission=EXPORT)) == [
        line for line in lines if line.permission == EXPORT
    ]
    assert list(report(w.account, person=user)) == [line for line in lines if line.login == person]
    inside = list(report(w.account, subaccount=w.north, permission=EXPORT))
    assert {line.login for line in inside} == {
        one.person.username for one in who.who_can(EXPORT, w.north)
    }
    assert {line.place for line in inside} == {"North"}
    assert list(report(w.account, subaccount=w.west)) == []


def test_a_report_takes_as_many_queries_for_one_as_for_many() -> None:
    w = filled()
    costs = []
    for more in (0, 30):
        for _ in range(more):
            w.member("full")
        with CaptureQueriesContext(connection) as queries:
            assert list(report(w.account))
        costs.append(len(queries))
    assert costs[0] == costs[1] <= 24


def test_access_report_is_written_in_every_format() -> None:
    w = filled()
    account = w.account.slug

    text = run("access_report", account=account)
    table = run("access_report", account=account, format="csv")
    found = run("access_report", account=account, format="json").json

    assert table.rows[0] == list(COLUMNS)
    assert len(table.rows) - 1 == len(found) == len(text.out.splitlines())
    assert set(found[0]) == set(COLUMNS)
    assert (
        run("access_report", account=account, person=UserFactory().username, format="json").json
        == []
    )
    assert run("access_report", account="nowhere").code == 2
    assert run("access_report", account=account, subaccount="nowhere").code == 2


def test_no_cell_of_a_report_is_a_formula() -> None:
    w = world("emma_hq")
    user = UserFactory(first_name="=HYPERLINK(1)", last_name="")
    w.member("author", user=user)
    written = run("access_report", account=w.account.slug, person=user.username, format="csv").rows
    assert {row[0] for row in written[1:]} == {"'=HYPERLINK(1)"}
    table = run("who_can", "create_campaigns", north(w), format="csv").rows
    assert "'=HYPERLINK(1)" in {row[0] for row in table}
