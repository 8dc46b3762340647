"""Bringing people in from a file: a plan says exactly what happens, and tells of nobody unseen."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from permissions.access import can
from permissions.errors import Invalid, NotFound, OutOfScope
from permissions.models import AuditEvent
from teams.factories import AccountFactory, MembershipFactory, TeamFactory, UserFactory
from teams.models import Account, Invitation, Membership
from teams.services import invitation_mail, newcomers
from teams.services.newcomer_rows import COLUMNS, Row, read
from tests.console.conftest import World, build
from tests.services import world as worlds
from tests.services.world import is_sentence, stored

pytestmark = pytest.mark.django_db

NEW = "ana@new.example"


@pytest.fixture
def world() -> World:
    return build()


def row(address: str = NEW, role: str = "editor", subaccount: str = "north", **more: Any) -> Row:
    return Row(**{"line": 2, "address": address, "role": role, "subaccount": subaccount} | more)


def one(world: World, row: Row, actor: str = "owner") -> newcomers.Result:
    return newcomers.bring_in(actor=world.people[actor], account=world.account, row=row)


def planned(world: World, *rows: Row, actor: str = "owner") -> list[newcomers.Result]:
    return newcomers.plan(actor=world.people[actor], account=world.account, rows=rows)


def everybody(world: World, *rows: Row, actor: str = "owner", **how: Any) -> newcomers.Outcome:
    who = {"actor": world.people[actor], "account": world.account}
    return newcomers.bring_in_all(**who, rows=rows, **how)


def kinds(results: list[newcomers.Result]) -> list[str]:
    return [result.code or str(result.kind) for result in results]


def numbered(*rows: Row) -> list[Row]:
    return [Row(*[n, *r.as_list()[1:]]) for n, r in enumerate(rows, start=2)]


# what becomes of a row


def test_somebody_new_is_invited_once(world: World) -> None:
    asked = row(switches="export_contacts", ends="2031-05-31")
    result = one(world, asked)
    assert (str(result.kind), result.line, result.address) == ("invited", 2, NEW)
    assert result.sentence == (
        "Is invited as Editor of North, with Export contacts, until 31 May 2031, 23:59."
    )
    found = Invitation.objects.get()
    assert (found.role, found.subaccount, found.toggles) == (
        "editor",
        world.places["north"],
        ["export_contacts"],
    )
    assert timezone.localtime(found.ends_at).isoformat() == "2031-05-31T23:59:59+00:00"
    again = one(world, asked)
    assert (str(again.kind), again.sentence) == ("unchanged", "Is invited already, to just that.")
    assert Invitation.objects.count() == 1


@pytest.mark.parametrize(
    ("other", "how"),
    [
        ({"role": "author", "switches": ""}, "as something else"),
        ({"switches": ""}, "with other switches"),
        ({"ends": "2032-01-01"}, "until another time"),
    ],
)
def test_another_offer_to_somebody_invited_is_refused(
    world: World, other: dict[str, str], how: str
) -> None:
    one(world, row(switches="export_contacts"))
    result = one(world, row(**{"switches": "export_contacts"} | other))
    assert result.code == "DIFFERS"
    assert how in result.sentence
    assert Invitation.objects.count() == 1


def test_other_subaccounts_of_a_manager_are_another_offer(world: World) -> None:
    manager = {"role": "manager", "subaccount": ""}
    assert str(one(world, row(manages="north; south;north", **manager)).kind) == "invited"
    assert {p.slug for p in Invitation.objects.get().managed.all()} == {"north", "south"}
    assert str(one(world, row(manages="south;north", **manager)).kind) == "unchanged"
    for manages in ("north", "all"):
        assert one(world, row(manages=manages, **manager)).code == "DIFFERS"
    assert one(world, row(manages="", **manager)).code == "REACH"
    assert one(world, row(manages="north", role="manager")).code == "WRONG_LEVEL"


def test_an_expired_invitation_gives_way(world: World) -> None:
    one(world, row())
    Invitation.objects.update(expires_at=timezone.now())
    assert str(one(world, row(role="author")).kind) == "invited"


def test_somebody_who_is_here_is_added_and_given_what_is_missing(world: World) -> None:
    author = world.people["author"]
    type(author).objects.filter(pk=author.pk).update(email="Author@New.example")
    south = row("author@new.example", subaccount="south")
    result = one(world, south)
    assert (str(result.kind), result.sentence) == ("added", "Author One becomes Editor of South.")
    assert can(author, "access_campaigns", world.places["south"])
    assert str(one(world, south).kind) == "unchanged"
    more = row("author@new.example", subaccount="south", switches="export_contacts")
    result = one(world, more)
    assert result.sentence == "Author One is Editor there already and is given Export contacts."
    assert can(author, "export_contacts", world.places["south"])
    assert one(world, more).sentence == "Author One has that already."
    # a row that names fewer switches takes none away
    assert str(one(world, south).kind) == "unchanged"
    assert can(author, "export_contacts", world.places["south"])
    assert not Invitation.objects.exists()


def test_a_file_changes_no_role_that_is_there(world: World) -> None:
    world.people["author"].email = "author@new.example"
    world.people["author"].save()
    seat = world.seats["author"]
    assert one(world, row("author@new.example")).code == "DIFFERS"
    mine = row("author@new.example", role="author")
    assert str(one(world, mine).kind) == "unchanged"
    assert one(world, row("author@new.example", role="author", ends="2031-01-01")).code == "DIFFERS"
    Membership.objects.filter(pk=seat.pk).update(status="suspended")
    assert one(world, mine).code == "ASLEEP"
    past = timezone.now() - timedelta(days=1)
    Membership.objects.filter(pk=seat.pk).update(status="active", ends_at=past)
    assert one(world, mine).code == "ASLEEP"
    manager = world.people["manager"]
    type(manager).objects.filter(pk=manager.pk).update(email="m@new.example")
    reach = {"role": "manager", "subaccount": ""}
    assert str(one(world, row("m@new.example", manages="north", **reach)).kind) == "unchanged"
    assert one(world, row("m@new.example", manages="south", **reach)).code == "DIFFERS"


def test_teams_are_joined_and_roles_that_add_up_are_added() -> None:
    w = worlds.world("sailthru")
    ana = w.member("marketer_admin", exclusive=False).user
    type(ana).objects.filter(pk=ana.pk).update(email=NEW)
    team = TeamFactory(account=w.account, name="Loyalty")
    custom = w.custom("access_campaigns")
    who = {"actor": w.owner, "account": w.account}
    rows = numbered(
        row(role="Marketer_Admin", teams="loyalty"),
        row(role=custom.name, subaccount="", manages="all"),
        row("ben@new.example", role="marketer_admin", teams="Loyalty"),
        row(teams="Nobody's"),
    )
    found = newcomers.bring_in_all(**who, rows=rows, skips_refused=True).results
    assert kinds(found)[:3] == ["added", "added", "invited"]
    assert found[0].sentence.endswith("is given a place in the team Loyalty.")
    assert team.memberships.get().user == ana
    assert Membership.objects.filter(user=ana).count() == 2
    assert list(Invitation.objects.get().teams.all()) == [team]
    again = newcomers.bring_in_all(**who, rows=rows, skips_refused=True).results
    assert kinds(again)[:3] == ["unchanged"] * 3
    team.memberships.update(ends_at=timezone.now())
    assert newcomers.bring_in(**who, row=rows[0]).code == "ASLEEP"


def test_the_owner_oneself_and_who_is_above_are_refused(world: World) -> None:
    for n, name in enumerate(("owner", "administrator", "manager")):
        world.people[name].email = f"p{n}@new.example"
        world.people[name].save()
    south = {"role": "editor", "subaccount": "south"}
    assert one(world, row("p0@new.example", **south)).code == "OWNER"
    assert one(world, row("p1@new.example", role="author"), "administrator").code == "DIFFERS"
    mine = row("p2@new.example", role="editor")
    assert one(world, mine, "manager").code in ("OWN_RIGHTS", "RANK_TOO_HIGH")
    assert not Invitation.objects.exists()


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ({"address": ""}, "EMPTY"),
        ({"address": "nobody"}, "NOT_AN_ADDRESS"),
        ({"address": "=cmd|' /C calc'!A0"}, "NOT_AN_ADDRESS"),
        ({"role": "emperor" * 99}, "UNKNOWN_ROLE"),
        ({"role": ""}, "UNKNOWN_ROLE"),
        ({"role": "manager"}, "WRONG_LEVEL"),
        ({"subaccount": "nowhere\u202e\x9b"}, "NOT_FOUND"),
        ({"manages": "all"}, "REACH"),
        ({"switches": "fly;export_contacts"}, "UNKNOWN_TOGGLE"),
        ({"role": "response_only", "switches": "send_campaigns"}, "UNKNOWN_TOGGLE"),
        ({"teams": "Loyalty"}, "NOT_FOUND"),
        ({"ends": "31.05.2031"}, "NOT_A_DATE"),
        ({"ends": "2020-01-01"}, "ENDED"),
        ({"ends": "9999-12-31"}, "TOO_LONG"),
        ({"problem": "The row has more cells than there are headings."}, "COLUMNS"),
    ],
)
def test_what_a_row_cannot_mean_is_refused_with_a_sentence(
    world: World, bad: dict[str, str], code: str
) -> None:
    before = stored()
    result = one(world, row(**bad))
    assert result.code == code
    assert is_sentence(result.sentence)
    assert len(result.sentence) < 400
    assert stored() == before


def test_ends_count_in_the_time_zone_of_the_project(world: World, settings: Any) -> None:
    settings.TIME_ZONE = "America/New_York"
    for n, (text, wanted) in enumerate(
        {
            "2031-05-31": "2031-06-01T03:59:59+00:00",
            "2031-05-31T18:00": "2031-05-31T22:00:00+00:00",
            "2031-05-31T18:00+02:00": "2031-05-31T16:00:00+00:00",
        }.items()
    ):
        one(world, row(f"p{n}@new.example", ends=text))
        found = Invitation.objects.get(address=f"p{n}@new.example").ends_at
        assert found.astimezone(tz=timezone.get_fixed_timezone(0)).isoformat() == wanted


# whole files


def test_a_plan_says_what_then_happens_and_changes_nothing(
    world: World, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    settings.INVITATIONS_PER_HOUR = 3
    Account.objects.filter(pk=world.account.pk).update(seat_limit=10)  # seven are taken
    world.people["author"].email = "author@new.example"
    world.people["author"].save()
    rows = numbered(
        row(),
        row(),  # the same again
        row(role="author"),  # the same place, another role
        row("author@new.example", subaccount="south"),
        row("author@new.example", subaccount="south", switches="export_contacts"),
        row("b@new.example"),
        row("b@new.example", subaccount="south"),  # a second invitation takes no second seat
        row("c@new.example"),  # the hourly limit
        row(role="emperor"),
    )
    before = stored()
    with django_capture_on_commit_callbacks(execute=True):
        found = planned(world, *rows)
    assert kinds(found) == [
        *("invited", "unchanged", "DIFFERS", "added", "added", "invited", "invited"),
        *("TOO_MANY", "UNKNOWN_ROLE"),
    ]
    assert stored() == before
    assert not mail.outbox
    outcome = everybody(world, *rows, skips_refused=True)
    assert outcome == newcomers.Outcome(found, True)
    assert Invitation.objects.count() == 3


def test_a_plan_counts_seats(world: World) -> None:
    Account.objects.filter(pk=world.account.pk).update(seat_limit=9)  # seven are taken
    rows = numbered(*(row(f"p{n}@new.example") for n in range(4)))
    found = planned(world, *rows)
    assert kinds(found) == ["invited", "invited", "LIMIT_REACHED", "LIMIT_REACHED"]
    assert everybody(world, *rows, skips_refused=True).results == found


def test_one_refused_row_refuses_the_file_and_says_what_is_missing(world: World) -> None:
    higher = row("b@new.example", role="manager", subaccount="", manages="all")
    rows = numbered(row(), higher, row("c@new.example"))
    before = stored()
    outcome = everybody(world, *rows, actor="administrator")
    assert (outcome.is_done, kinds(outcome.results)) == (
        False,
        ["invited", "OUT_OF_SCOPE", "invited"],
    )
    lacking = newcomers.missing_of(outcome.results)
    assert ("manage_managers", "Harbor") in {(m.permission, m.place) for m in lacking}
    assert stored() == before
    assert everybody(world, *rows, actor="administrator", skips_refused=True).is_done
    assert set(Invitation.objects.values_list("address", flat=True)) == {NEW, "c@new.example"}


def test_a_file_that_would_now_do_something_else_does_nothing(world: World) -> None:
    rows = numbered(row(), row("b@new.example"))
    agreed = newcomers.mark_of(planned(world, *rows))
    one(world, rows[0])
    outcome = everybody(world, *rows, agreed=agreed)
    assert (outcome.is_done, kinds(outcome.results)) == (False, ["unchanged", "invited"])
    assert Invitation.objects.count() == 1
    agreed = newcomers.mark_of(outcome.results)
    assert everybody(world, *rows, agreed=agreed).is_done


@pytest.mark.parametrize("call", [newcomers.plan, newcomers.bring_in_all])
def test_who_manages_nobody_learns_nothing(world: World, call: Any) -> None:
    for name in ("response_only", "author"):
        with pytest.raises(OutOfScope) as caught:
            call(actor=world.people[name], account=world.account, rows=[row(role="emperor")])
        assert caught.value.missing
    with pytest.raises(NotFound):
        call(actor=world.people["owner"], account=world.rival["account"], rows=[row()])
    with pytest.raises(NotFound):
        newcomers.bring_in(actor=world.people["owner"], account=world.rival["account"], row=row())


def test_mails_go_out_once_it_is_done_and_not_before(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []

    class Now:
        """A backend that carries tasks out at once."""

        @staticmethod
        def enqueue(key: int, nonce: str) -> None:
            sent.append(key)

    monkeypatch.setattr(invitation_mail, "post_invitation", Now)
    rows = numbered(row(), row(role="emperor"))
    planned(world, *rows)
    assert not everybody(world, *rows).is_done
    assert sent == []
    assert everybody(world, *rows, skips_refused=True).is_done
    assert sent == [Invitation.objects.get().pk]


def test_refused_rows_are_recorded_and_plans_are_not(transactional_db: Any) -> None:
    world = build()
    higher = row("b@new.example", role="manager", subaccount="", manages="all")
    planned(world, higher, actor="administrator")
    assert not AuditEvent.objects.exists()
    everybody(world, higher, actor="administrator")
    event = AuditEvent.objects.get()
    assert (event.action, event.data["verb"]) == ("write.refused", "bring_in_all")
    with pytest.raises(OutOfScope):
        newcomers.bring_in(actor=world.people["author"], account=world.account, row=row())
    assert AuditEvent.objects.filter(actor_label="Author One").get().data["verb"] == "bring_in"


# nobody else's people


def test_somebody_elses_login_reads_like_an_unknown_address(world: World) -> None:
    def asked(address: str) -> tuple[Any, int]:
        with CaptureQueriesContext(connection) as queries:
            (result,) = planned(world, row(address), actor="administrator")
        return (result.kind, result.sentence, result.code, result.missing), len(queries)

    elsewhere = MembershipFactory(
        account=world.rival["account"],
        subaccount=world.rival["subaccount"],
        user=UserFactory(email="other@new.example"),
        role="author",
    ).user
    south = MembershipFactory(
        account=world.account,
        subaccount=world.places["south"],
        user=UserFactory(email="south@new.example"),
        role="editor",
    ).user
    UserFactory(email="idle@new.example")
    AccountFactory(owner=UserFactory(email="boss@new.example"))
    unknown = asked("nobody@new.example")
    addresses = (elsewhere.email, south.email, "idle@new.example", "boss@new.example")
    assert [asked(address) for address in addresses] == [unknown] * 4


def test_names_out_of_sight_read_like_names_that_are_not_there(world: World) -> None:
    def said(account: Any, actor: Any, name: str, **column: str) -> str:
        result = newcomers.bring_in(actor=actor, account=account, row=row(**column))
        assert result.code == "NOT_FOUND"
        return result.sentence.replace(name, "*")

    actor = world.people["administrator"]
    names = ("south", "nowhere")
    assert len({said(world.account, actor, name, subaccount=name) for name in names}) == 1
    w = worlds.world("sailthru")
    TeamFactory(account=w.account, name="Secret")
    custom = w.custom("manage_members", "assign_roles", "access_campaigns")
    actor = w.member(custom, exclusive=False).user
    assert not can(actor, "manage_teams", w.north)
    asked = {"role": custom.name}
    assert len({said(w.account, actor, n, teams=n, **asked) for n in ("Secret", "Absent")}) == 1
    result = newcomers.bring_in(actor=w.owner, account=w.account, row=row(teams="Secret", **asked))
    assert str(result.kind) == "invited"


# reading


def text(*lines: str) -> io.BytesIO:
    return io.BytesIO("\n".join(lines).encode())


def test_files_are_read_by_their_headings() -> None:
    file = text("Role,ADDRESS,manages", "editor, ana@x.example ,", "", '\'=x,b,"all"', "a,b,c,,d")
    rows = read(file, limit=10)
    assert [(r.line, r.address, r.role, r.manages) for r in rows] == [
        (2, "ana@x.example", "editor", ""),
        (4, "b", "=x", "all"),
        (5, "b", "a", "c"),
    ]
    assert [bool(r.problem) for r in rows] == [False, False, True]


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (("address,role,id", "a,b,1"), "UNKNOWN_COLUMN"),
        (("address,role,account,owner,is_staff", "a,b,1,2,3"), "UNKNOWN_COLUMN"),
        (("address,role,", "a,b,"), "UNKNOWN_COLUMN"),
        (("address,role,Role", "a,b,c"), "COLUMNS"),
        (("address,subaccount", "a,north"), "COLUMNS"),
        (("address,role",), "EMPTY"),
        (("address,role", *["a,b"] * 4), "TOO_MANY"),
        (("address,role", "a\x00,b"), "NOT_CSV"),
    ],
)
def test_files_that_are_no_lists_of_people_are_refused(lines: tuple[str, ...], code: str) -> None:
    with pytest.raises(Invalid) as caught:
        read(text(*lines), limit=3)
    assert caught.value.code == code
    assert is_sentence(caught.value.message)
    if code == "UNKNOWN_COLUMN":
        unknown = [name for name in lines[0].split(",") if name and name not in COLUMNS]
        assert all(name in caught.value.message for name in unknown)
