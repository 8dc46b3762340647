"""The commands that say who is where and may do what: as the services, for whoever acts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from permissions import access
from permissions.models import AuditEvent
from teams import logins, services
from teams.factories import AccountFactory, UserFactory
from teams.logins import Logins
from teams.models import Invitation, Membership, Subaccount, Team
from teams.services.invitation_mail import is_mailed, read
from tests.commands.helpers import Done, run
from tests.services.world import World, holds, world

pytestmark = pytest.mark.django_db

ADDRESS = "lena@new.example"


def everything() -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table: also what a queue and a session are."""
    found = {}
    with connection.cursor() as cursor:
        for name in connection.introspection.table_names():
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(name)}")
            found[name] = sorted(cursor.fetchall(), key=repr)
    return found


def effects(callbacks: list[Any]) -> list[Any]:
    """Return what waits for the end of the transaction, but for forgetting what was known."""
    return [callback for callback in callbacks if callback.__module__ != access.unit.__name__]


@dataclass
class Stage:
    """An account, its people by name, and a rival that looks the same."""

    w: World
    rival: World
    people: dict[str, Membership] = field(default_factory=dict)

    def call(self, name: str, *arguments: Any, actor: Any = None, **options: Any) -> Done:
        """Call a command in the account, in the name of its owner unless told otherwise."""
        who = (actor or self.w.owner).get_username()
        return run(name, *arguments, "--account", "harbor", "--actor", who, **options)


def staged() -> Stage:
    w = world("emma_hq", slug="harbor", name="Harbor")
    rival = world("emma_hq", slug="rival", name="Rival")
    Subaccount.objects.create(account=rival.account, slug="secret", name="Secret")
    person = {"first_name": "Ana", "last_name": "Ruiz"}
    ana = UserFactory(username="ana", email="Ana@people.example", **person)
    tom = UserFactory(username="tom", first_name="Tom", last_name="Becker")
    stage = Stage(w, rival)
    stage.people = {
        "ana": w.member("editor", user=ana),
        "tom": w.manager(w.north, user=tom),
        "author": w.member("author", user=UserFactory(username="author")),
        "stranger": rival.member("editor", user=UserFactory(username="stranger")),
    }
    return stage


@pytest.fixture
def stage() -> Stage:
    return staged()


@pytest.fixture
def lasting(transactional_db: Any) -> Stage:
    """Return the same outside any transaction, as a shell calls a command."""
    return staged()


#: what each command is called with, what it says, and what the audit keeps of it
CALLS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "create_subaccount": (
        ("Eastside Cycles",),
        "Created Eastside Cycles (eastside-cycles) in Harbor.",
        "subaccount.created",
    ),
    "invite_member": (
        (ADDRESS, "--role", "editor", "--subaccount", "north"),
        f"Invited {ADDRESS} to North as Editor.",
        "invitation.sent",
    ),
    "add_member": (
        ("ana", "--role", "author", "--subaccount", "south"),
        "Added Ana Ruiz to South as Author.",
        "member.added",
    ),
    "change_role": (
        ("ana", "full", "--subaccount", "north"),
        "Made Ana Ruiz Full in North, who was Editor.",
        "role.changed",
    ),
    "toggle_permission": (
        ("ana", "export_contacts", "on", "--subaccount", "north"),
        "Switched Export contacts on for Ana Ruiz in North.",
        "permission.toggled",
    ),
    "set_manager_reach": (
        ("tom", "--reach", "north", "--reach", "south"),
        "Let Tom Becker reach North, South.",
        "reach.changed",
    ),
    "suspend_member": (
        ("ana", "--subaccount", "north"),
        "Suspended Ana Ruiz in North (Editor).",
        "member.suspended",
    ),
    "remove_member": (
        ("ana", "--subaccount", "north"),
        "Removed Ana Ruiz from North (Editor).",
        "member.removed",
    ),
    "transfer_ownership": (("ana",), "Offered Harbor to Ana Ruiz.", "ownership.offered"),
}
EACH = pytest.mark.parametrize("name", CALLS)


@EACH
def test_it_does_what_it_says_and_is_recorded(stage: Stage, name: str) -> None:
    arguments, said, action = CALLS[name]

    done = stage.call(name, *arguments)

    assert (done.code, done.error) == (0, "")
    assert done.out.splitlines()[0] == said
    event = AuditEvent.objects.get()
    assert (event.action, event.actor_label) == (action, stage.w.owner.get_full_name())
    assert event.root == f"teams.account:{stage.w.account.pk}"


@EACH
def test_a_dry_run_says_the_same_and_leaves_nothing(
    stage: Stage, name: str, django_capture_on_commit_callbacks: Any
) -> None:
    arguments, said, action = CALLS[name]
    before = everything()

    with django_capture_on_commit_callbacks() as later:
        dry = stage.call(name, *arguments, "--dry-run")

    assert everything() == before
    assert (mail.outbox, effects(later)) == ([], [])
    assert (dry.code, dry.error) == (0, "")
    first, *others = dry.out.splitlines()
    assert first.startswith("Would ")
    assert first.endswith(said.partition(" ")[2])
    assert f"The audit would say: {action}." in others
    assert others[-1] == "Nothing was written: this was a dry run."
    with django_capture_on_commit_callbacks() as later:
        assert stage.call(name, *arguments).out.splitlines()[0] == said
    assert everything() != before
    # who has no place left is signed out once it is settled
    assert bool(effects(later)) == (name in {"suspend_member", "remove_member"})


#: who cannot do it, what they try, and why not
REFUSALS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "create_subaccount": ("administrator", CALLS["create_subaccount"][0], "OUT_OF_SCOPE"),
    "invite_member": ("author", CALLS["invite_member"][0], "OUT_OF_SCOPE"),
    "add_member": (
        "administrator",
        ("ana", "--role", "manager", "--account-level", "--reach", "north"),
        "OUT_OF_SCOPE",
    ),
    "change_role": ("author", ("author", "editor", "--subaccount", "north"), "OUT_OF_SCOPE"),
    "toggle_permission": (
        "editor",
        ("editor", "export_contacts", "on", "--subaccount", "north"),
        "OUT_OF_SCOPE",
    ),
    "set_manager_reach": ("manager", ("manager", "--all-subaccounts"), "OUT_OF_SCOPE"),
    "suspend_member": (
        "administrator",
        ("administrator", "--subaccount", "north"),
        "OWN_RIGHTS",
    ),
    "remove_member": ("administrator", ("ana", "--whole-account"), "OUT_OF_SCOPE"),
    "transfer_ownership": ("manager", ("ana",), "OWNER_REQUIRED"),
}


def test_whoever_may_not_is_refused_and_that_is_recorded(lasting: Stage) -> None:
    assert REFUSALS.keys() == CALLS.keys()
    for name, (role, arguments, code) in REFUSALS.items():
        w = lasting.w
        user = UserFactory(username=f"{name}.{role}")
        held = w.manager(w.north, user=user) if role == "manager" else w.member(role, user=user)
        named = tuple(held.user.get_username() if part == role else part for part in arguments)
        before = everything()

        dry = lasting.call(name, *named, "--dry-run", actor=held.user)

        assert (dry.code, dry.out) == (1, ""), (name, dry)
        assert everything() == before
        done = lasting.call(name, *named, actor=held.user)
        assert done == dry
        assert done.error.startswith(f"{code}: "), (name, done)
        assert done.error.endswith(".")
        event = AuditEvent.objects.latest("pk")
        assert (event.action, event.data["code"], event.data["verb"]) == (
            "write.refused",
            code,
            name,
        )
        assert event.root == f"teams.account:{w.account.pk}"
        after = everything()
        for table in ("permissions_auditevent", "permissions_audithead"):
            del before[table], after[table]
        assert after == before, name


@EACH
def test_what_the_actor_does_not_see_looks_like_missing(stage: Stage, name: str) -> None:
    arguments = CALLS[name][0]
    administrator = stage.w.member("administrator").user
    names = {
        "harbor": ("rival", "nowhere"),
        "north": ("secret", "nowhere"),
        "south": ("secret", "nowhere"),
        "ana": ("stranger", "no-one"),
        "tom": ("stranger", "no-one"),
    }
    before = everything()
    tried = 0
    for actor in (stage.w.owner, administrator):
        for word, (foreign, missing) in names.items():
            whole = (*arguments, "--account", "harbor", "--actor", actor.get_username())
            if word not in whole:
                continue
            # south is of the account, but not for the administrator of north
            both = (foreign, missing, *(["south"] if actor == administrator else []))
            if word not in ("north", "south"):
                both = (foreign, missing)
            answers = {
                tuple(str(part).replace(other, "…") for part in (done.code, done.out, done.error))
                for other in both
                for done in [run(name, *(other if part == word else part for part in whole))]
            }
            assert len(answers) == 1, answers
            ((code, out, error),) = answers
            assert (code in "12", out) == (True, "")
            assert error.startswith("NOT_FOUND: ")
            assert "Rival" not in error
            tried += 1
    assert tried >= 2
    assert everything() == before


@EACH
def test_somebody_has_to_answer_for_it(stage: Stage, name: str) -> None:
    call = (name, *CALLS[name][0], "--account", "harbor")
    before = everything()
    for who, sentence in (
        ((), "Say in whose name"),
        (("--actor", "ana", "--as-platform", "--reason", "because"), "Say in whose name"),
        (("--actor", "ana", "--reason", "because"), "go with --as-platform"),
        (("--actor", "no-one"), "There is no login 'no-one'."),
        (("--actor", "a\x00b"), "is no name"),
    ):
        done = run(*call, *who)
        assert (done.code, done.out) == (2, "")
        assert sentence in done.error
    assert everything() == before


#: what the second call of each says
AGAIN = {
    "create_subaccount": "Eastside Cycles (eastside-cycles) is in Harbor already.",
    "invite_member": f"{ADDRESS} to North as Editor is offered already.",
    "add_member": "Ana Ruiz is Author in South already.",
    "change_role": "Ana Ruiz is Full in North already.",
    "toggle_permission": "Export contacts is on already for Ana Ruiz in North.",
    "set_manager_reach": "Tom Becker reaches North, South already, and no more.",
    "suspend_member": "Ana Ruiz is suspended already.",
    "transfer_ownership": "Harbor is offered to Ana Ruiz already.",
}


@EACH
def test_repeating_it_does_no_harm(stage: Stage, name: str) -> None:
    arguments = CALLS[name][0]
    assert stage.call(name, *arguments).code == 0
    before = everything()

    again = stage.call(name, *arguments)

    assert everything() == before
    if name == "remove_member":  # gone looks like never there
        assert (again.code, again.out) == (1, "")
        assert again.error == (
            "NOT_FOUND: Nobody called 'ana' has a place in North, or not any more."
        )
    else:
        assert (again.code, again.error) == (0, "")
        assert again.out.splitlines()[0] == AGAIN[name]


# what one of them does besides


def test_invitation_goes_out_by_a_worker_and_the_link_is_printed_only_if_asked_for(
    stage: Stage,
) -> None:
    call = ("invite_member", ADDRESS.upper(), "--role", "editor", "--subaccount", "north")

    plain = stage.call(*call, "--toggle", "export_contacts", "--ends-at", "2200-01-31T18:00")

    made = Invitation.objects.get()
    assert plain.out.splitlines()[0] == (
        f"Invited {ADDRESS} to North as Editor, until 31 Jan 2200 18:00 UTC."
    )
    assert "The mail goes out by a worker: see db_worker." in plain.out
    assert "http" not in plain.out
    assert mail.outbox == []
    assert (made.toggles, made.ends_at) == (
        ["export_contacts"],
        parse_datetime("2200-01-31T18:00Z"),
    )
    end = ("--toggle", "export_contacts", "--ends-at", "2200-01-31T18:00")
    dry = stage.call(*call, *end, "--print-link", "--dry-run")
    assert "http" not in dry.out
    again = stage.call(*call, *end, "--print-link", format="json")
    token = again.json["link"].rstrip("/").rpartition("/")[2]
    assert read(token) == (made.pk, made.nonce)
    assert not is_mailed(token)
    assert again.json | {"link": ""} == {
        "account": "harbor",
        "address": ADDRESS,
        "changed": False,
        "dry_run": False,
        "ends_at": "2200-01-31T18:00:00Z",
        "expires_at": again.json["expires_at"],
        "link": "",
        "role": "editor",
        "subaccount": "north",
        "toggles": ["export_contacts"],
    }
    assert parse_datetime(again.json["expires_at"]) == made.expires_at.replace(
        microsecond=made.expires_at.microsecond // 1000 * 1000
    )


def test_another_offer_to_the_same_place_is_no_repetition(stage: Stage) -> None:
    call = ("invite_member", ADDRESS, "--subaccount", "north", "--role")
    assert stage.call(*call, "editor").code == 0

    for other in (("full",), ("editor", "--toggle", "billing_page")):
        done = stage.call(*call, *other, "--print-link")
        assert (done.code, done.out) == (2, "")
        assert done.error.startswith("ALREADY_USED: ")


def test_link_of_an_invitation_is_not_printed_to_whoever_could_not_offer_it(stage: Stage) -> None:
    call = ("invite_member", ADDRESS, "--subaccount", "north", "--role", "editor")
    assert stage.call(*call).code == 0

    done = stage.call(*call, "--print-link", actor=stage.people["author"].user)

    assert (done.code, done.out) == (1, "")
    assert done.error.startswith("OUT_OF_SCOPE: ")


def test_team_is_found_by_who_manages_teams() -> None:
    w = world("sailthru", slug="harbor", name="Harbor")
    team = w.team()
    Team.objects.filter(pk=team.pk).update(name="Loyalty")
    call = (*("invite_member", ADDRESS, "--account", "harbor"), "--role", "reports_only")
    call = (*call, "--subaccount", "north", "--team", "Loyalty", "--actor")
    marketer = w.member("marketer_admin").user

    unseen = run(*call, marketer.get_username())
    done = run(*call, w.owner.get_username())

    assert (unseen.code, unseen.error) == (
        2,
        "NOT_FOUND: There is no team 'Loyalty' in Harbor.",
    )
    assert (done.code, done.error) == (0, "")
    assert list(Invitation.objects.get().teams.all()) == [team]


def test_nobody_is_added_who_has_not_come_by_themselves(stage: Stage) -> None:
    services.leave(actor=stage.people["ana"].user, membership=stage.people["ana"])
    seen_elsewhere = stage.rival.member("author", user=stage.w.owner)
    stage.rival.member("administrator", user=stage.w.owner, at=stage.rival.south)
    seen_elsewhere.delete()
    stage.rival.member("author", user=stage.people["ana"].user, at=stage.rival.south)

    done = stage.call("add_member", "ana", "--role", "author", "--subaccount", "south")

    assert (done.code, done.out) == (2, "")
    assert done.error == "NOT_A_MEMBER: Ana Ruiz has no place in Harbor yet. Invite them."


def test_whom_the_actor_does_not_see_is_not_added(stage: Stage) -> None:
    stage.w.member("author", stage.w.south, user=UserFactory(username="sue", first_name="Sue"))
    administrator = stage.w.member("administrator").user
    before = everything()

    answers = [
        stage.call(
            "add_member", name, "--role", "author", "--subaccount", "north", actor=administrator
        )
        for name in ("sue", "stranger", "no-one")
    ]

    assert {done.code for done in answers} == {2}
    assert [done.error for done in answers] == [
        f"NOT_FOUND: You see nobody called '{name}'. Whoever has no place yet is invited: see "
        "invite_member."
        for name in ("sue", "stranger", "no-one")
    ]
    assert everything() == before


def test_role_the_actor_does_not_see_looks_like_missing(stage: Stage) -> None:
    administrator = stage.w.member("administrator").user
    stage.w.member("author", stage.w.south, user=UserFactory(username="sue"))
    before = everything()
    for command, more in (
        ("suspend_member", ("--account-level",)),
        ("suspend_member", ("--whole-account",)),
        ("remove_member", ("--account-level",)),
        ("remove_member", ("--whole-account",)),
        ("change_role", ("manager",)),
        ("toggle_permission", ("subaccounts", "on")),
        ("set_manager_reach", ("--none",)),
    ):
        for name in ("tom", "sue", "stranger", "no-one"):
            done = stage.call(command, name, *more, actor=administrator)
            assert (done.code in (1, 2), done.out) == (True, "")
            assert done.error == (
                f"NOT_FOUND: Nobody called '{name}' has a place in Harbor, or not any more."
            )
    assert everything() == before


def test_what_fails_half_way_leaves_nothing(stage: Stage, settings: Any) -> None:
    settings.CONSOLE_ORIGIN = ""
    before = everything()

    done = stage.call("invite_member", *CALLS["invite_member"][0], "--print-link")

    assert (done.code, done.out) == (2, "")
    assert "CONSOLE_ORIGIN must say where people reach the console" in done.error
    assert everything() == before


def test_person_is_named_by_user_name_or_confirmed_address(stage: Stage) -> None:
    ana, place = stage.people["ana"], ("--subaccount", "north")
    stage.w.member("author", user=UserFactory(username="ana@people.example", email="mal@x.example"))

    by_address = stage.call("suspend_member", "ANA@people.example", *place)
    mallory = stage.call("remove_member", "mal@x.example", *place)

    assert by_address.out == "Suspended Ana Ruiz in North (Editor).\n"
    assert mallory.code == 0
    assert Membership.objects.filter(pk=ana.pk, status="suspended").exists()
    # a user name that looks like somebody's address is no way to be taken for them
    stage.w.member("author", user=UserFactory(username="lee@people.example", email="le@x.example"))
    assert stage.call("remove_member", "lee@people.example", *place).code == 1


def test_address_counts_only_if_the_sign_in_says_whose_it_is(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unconfirmed(Logins):
        def owns(self, user: Any, address: str) -> bool:
            return False

        def find(self, address: str) -> Any:
            return None

    monkeypatch.setattr(logins, "_logins", [Unconfirmed()])
    place = ("--subaccount", "north")

    assert stage.call("suspend_member", "ana@people.example", *place).error.startswith("NOT_FOUND")
    assert stage.call("suspend_member", "ana", *place).code == 0


def test_role_says_which_where_roles_add_up() -> None:
    w = world("sailthru", slug="harbor", name="Harbor")
    ana = UserFactory(username="ana", first_name="Ana", last_name="Ruiz")
    reports = w.member("reports_only", user=ana)
    custom = w.custom("access_settings")
    custom.name = "Set-up"
    custom.save()
    extra = w.member(custom, user=ana)
    call = ("--account", "harbor", "--subaccount", "north", "--actor", w.owner.get_username())

    several = run("suspend_member", "ana", *call)
    wrong = run("suspend_member", "ana", *call, "--role", "marketer_admin")
    right = run("suspend_member", "ana", *call, "--role", "Set-up")
    changed = run("change_role", "ana", "marketer_admin", *call, "--role", "reports_only")
    again = run("change_role", "ana", "marketer_admin", *call, "--role", "reports_only")

    assert (several.code, several.error) == (
        2,
        "Ana Ruiz has several roles in North: say which one with --role (reports_only, Set-up).",
    )
    assert (wrong.code, wrong.error) == (
        2,
        "NOT_FOUND: Ana Ruiz is not marketer_admin in North, but Reports Only, Set-up.",
    )
    assert right.out == "Suspended Ana Ruiz in North (Set-up).\n"
    assert changed.out == "Made Ana Ruiz Marketer Admin in North, who was Reports Only.\n"
    assert (again.code, again.out) == (0, "Ana Ruiz is Marketer Admin in North already.\n")
    extra.refresh_from_db()
    reports.refresh_from_db()
    assert (extra.status, reports.role) == ("suspended", "marketer_admin")


def test_change_of_role_says_what_is_switched_off(stage: Stage) -> None:
    ana = stage.people["ana"]
    services.toggle_permission(
        actor=stage.w.owner, membership=ana, toggle="export_contacts", on=True
    )
    call = ("change_role", "ana", "author", "--subaccount", "north")

    dry, done = stage.call(*call, "--dry-run"), stage.call(*call)

    assert "Switched off by that: Export contacts." in dry.out
    assert "Switched off by that: Export contacts." in done.out
    assert not holds(ana.user, "export_contacts", stage.w.north)


def test_toggle_is_switched_off_and_its_end_is_said(stage: Stage) -> None:
    call = ("toggle_permission", "ana", "export_contacts")
    place = ("--subaccount", "north")

    on = stage.call(*call, "on", *place, "--ends-at", "2200-01-31T18:00")
    longer = stage.call(*call, "on", *place)
    off = stage.call(*call, "off", *place)
    again = stage.call(*call, "off", *place)
    ending = stage.call(*call, "off", *place, "--ends-at", "2200-01-31T18:00")

    assert on.out.endswith("for Ana Ruiz in North, until 31 Jan 2200 18:00 UTC.\n")
    assert longer.out == "Switched Export contacts on for Ana Ruiz in North.\n"
    assert off.out == "Switched Export contacts off for Ana Ruiz in North.\n"
    assert again.out == "Export contacts is off already for Ana Ruiz in North.\n"
    assert (ending.code, ending.out) == (2, "")


def test_reach_of_a_manager(stage: Stage) -> None:
    every = stage.call("set_manager_reach", "tom", "--all-subaccounts")
    none = stage.call("set_manager_reach", "tom", "--none")

    assert every.out == "Let Tom Becker reach all current and future subaccounts.\n"
    assert none.out == "Let Tom Becker reach no subaccount.\n"
    tom = Membership.objects.get(pk=stage.people["tom"].pk)
    assert (tom.all_subaccounts, tom.reach.count()) == (False, 0)
    for wrong in ((), ("--none", "--all-subaccounts"), ("--reach", "north", "--none")):
        assert stage.call("set_manager_reach", "tom", *wrong).code == 2


def test_groups_of_subaccounts(stage: Stage) -> None:
    tom = Membership.objects.get(pk=stage.people["tom"].pk)
    north = Subaccount.objects.get(account=tom.account, slug="north")
    coast = services.create_subaccount_group(
        actor=tom.account.owner, account=tom.account, name="Coast", subaccounts=[north]
    )

    done = stage.call("set_manager_reach", "tom", "--group", "coast", "--reach", "south")
    again = stage.call("set_manager_reach", "tom", "--group", "Coast", "--reach", "south")

    assert done.out == "Let Tom Becker reach South, the group Coast.\n"
    assert again.out == "Tom Becker reaches South, the group Coast already, and no more.\n"
    assert [row.group for row in tom.managed_groups.all()] == [coast]
    for wrong in (("--group", "Coast", "--none"), ("--group", "Coast", "--all-subaccounts")):
        assert stage.call("set_manager_reach", "tom", *wrong).code == 2
    foreign = services.create_subaccount_group(
        actor=(rival := AccountFactory()).owner, account=rival, name="Hills"
    )
    for name in (foreign.name, "nowhere", "Coast\x00"):
        done = stage.call("set_manager_reach", "tom", "--group", name)
        assert (done.code, done.error.split(":")[0]) == (2, "NOT_FOUND")
    made = stage.call(
        "add_member", "ana", "--role", "manager", "--account-level", "--group", "Coast"
    )
    assert made.code == 0, made.error
    assert Membership.objects.get(role="manager", user=stage.people["ana"].user).reach_keys == [
        north.pk
    ]


def test_place_is_named_once(stage: Stage) -> None:
    for command in ("suspend_member", "remove_member"):
        for wrong in (
            (),
            ("--subaccount", "north", "--account-level"),
            ("--subaccount", "north", "--whole-account"),
            ("--whole-account", "--role", "editor"),
        ):
            done = stage.call(command, "ana", *wrong)
            assert (done.code, done.out) == (2, ""), wrong
    both = stage.call("change_role", "ana", "full", "--subaccount", "north", "--account-level")
    assert both.code == 2


def test_whole_account_is_suspended_and_reactivated_at_once(stage: Stage) -> None:
    ana = stage.people["ana"]
    south = stage.w.member("author", stage.w.south, user=ana.user)
    call = ("suspend_member", "ana", "--whole-account")

    off, again = stage.call(*call), stage.call(*call)
    on = stage.call(*call, "--reactivate")
    on_again = stage.call(*call, "--reactivate")

    assert off.out == "Suspended Ana Ruiz in North (Editor), South (Author).\n"
    assert (again.code, again.out) == (0, "Ana Ruiz is suspended everywhere already.\n")
    assert on.out == "Reactivated Ana Ruiz in North (Editor), South (Author).\n"
    assert (on_again.code, on_again.out) == (0, "Ana Ruiz is active everywhere already.\n")
    assert {m.status for m in Membership.objects.filter(pk__in=(ana.pk, south.pk))} == {"active"}


def test_removal_from_the_whole_account_takes_everything(stage: Stage) -> None:
    ana = stage.people["ana"].user
    stage.w.member("author", stage.w.south, user=ana)
    elsewhere = stage.rival.member("author", user=ana)
    stage.w.team(ana)

    dry = stage.call("remove_member", "ana", "--whole-account", "--dry-run")
    done = stage.call("remove_member", "ana", "--whole-account")

    assert "The audit would say: member.removed (2 times), team.left." in dry.out
    assert done.out == "Removed Ana Ruiz from North (Editor), South (Author).\n"
    assert list(Membership.objects.filter(user=ana)) == [elsewhere]
    assert not ana.team_memberships.exists()


def test_owner_is_neither_suspended_nor_removed(stage: Stage) -> None:
    owner = stage.w.owner.get_username()
    manager = stage.w.manager(user=UserFactory(username="boss")).user
    administrator = stage.w.member("administrator").user
    for command in ("suspend_member", "remove_member"):
        for where in (("--whole-account",), ("--account-level",), ("--subaccount", "north")):
            for actor in (stage.w.owner, manager):
                done = stage.call(command, owner, *where, actor=actor)
                assert (done.code, done.out) == (1, "")
                assert done.error.startswith("OWNER_REQUIRED: ")
            # who does not see who owns the account does not find out
            unseen = stage.call(command, owner, *where, actor=administrator)
            assert "NOT_FOUND: Nobody called" in unseen.error


def test_time_in_the_past_and_no_time(stage: Stage) -> None:
    call = ("add_member", "ana", "--role", "author", "--subaccount", "south", "--ends-at")

    past = stage.call(*call, "2020-01-01T00:00")
    nonsense = stage.call(*call, "soon")
    kept = stage.call(*call, "2200-01-31T18:00")

    assert (past.code, past.error.partition(":")[0]) == (2, "ENDED")
    assert nonsense.error == "'soon' is no time. Write it like 2026-11-23T09:00."
    assert kept.out.endswith("as Author, until 31 Jan 2200 18:00 UTC.\n")
    made = Membership.objects.get(subaccount=stage.w.south)
    assert made.ends_at > timezone.now()


def test_new_subaccount_is_printed_as_json(stage: Stage) -> None:
    call = ("create_subaccount", "Eastside", "--slug", "east")
    said = {"account": "harbor", "subaccount": "east", "name": "Eastside"}

    dry = stage.call(*call, "--dry-run", format="json")
    done = stage.call(*call, format="json")
    again = stage.call(*call, format="json")
    other = stage.call("create_subaccount", "Eastside", "--slug", "east-2")

    told = dry.json["preview"]
    assert (told["gaining"], told["losing"], told["changes"]) == (0, 0, [])
    assert dry.json == said | {"dry_run": True, "changed": False, "preview": told}
    assert done.json == said | {"dry_run": False, "changed": True}
    assert again.json == said | {"dry_run": False, "changed": False}
    assert (other.code, other.error.partition(":")[0]) == (2, "ALREADY_USED")
    assert Subaccount.objects.filter(account=stage.w.account, name="Eastside").count() == 1


@pytest.mark.parametrize(
    ("name", "more"),
    [
        *((name, ()) for name in CALLS if name not in {"suspend_member", "remove_member"}),
        ("suspend_member", ("--reactivate",)),
    ],
)
def test_platform_gives_nothing(stage: Stage, name: str, more: tuple[str, ...]) -> None:
    services.suspend_member(actor=stage.w.owner, membership=stage.people["author"])
    before = everything()

    done = run(
        name, *CALLS[name][0], *more, "--account", "harbor", "--as-platform", "--reason", "Asked"
    )

    assert (done.code, done.out) == (1, "")
    assert done.error.startswith("NOT_FOR_PLATFORM: The platform ")
    assert "owner" in done.error
    assert everything() == before
