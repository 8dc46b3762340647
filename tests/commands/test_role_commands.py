"""The commands about custom roles: as the services, for whoever acts."""

from __future__ import annotations

from typing import Any

import pytest

from permissions.models import AuditEvent
from teams.catalogue import ACCESS_AUDIENCE, MANAGE_ROLES, RENAME_LISTS, SEND_CAMPAIGNS
from teams.factories import RoleFactory
from teams.models import Membership, Role
from tests.commands.helpers import Done, run
from tests.services.world import World, stored, world

pytestmark = pytest.mark.django_db


@pytest.fixture
def w() -> World:
    return world("sailthru", slug="harbor", name="Harbor")


def call(w: World, name: str, *arguments: str, actor: Any = None) -> Done:
    who = (actor or w.owner).get_username()
    return run(name, *arguments, "--account", "harbor", "--actor", who)


def keepers(w: World) -> Role:
    return RoleFactory(account=w.account, name="Keepers", permissions=["access_audience"])


#: what each is called with, what it says, and what the audit keeps of it
CALLS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "create_role": (
        ("Senders", "--permission", "send_campaigns", "--copy", "Keepers", "--description", "x"),
        "Created the role Senders in Harbor.\nIt allows: Audience, Send mailings.\n",
        "role.created",
    ),
    "edit_role": (
        ("Keepers", "--add", "rename_lists", "--add", "send_campaigns", "--name", "Senders"),
        "Edited the role Keepers in Harbor.\nAdded: Rename lists, Send mailings.\n"
        "It is called Senders now.\n",
        "role.edited",
    ),
    "delete_role": (
        ("Keepers", "--reassign", "reports_only"),
        "Deleted the role Keepers in Harbor.\n"
        "reports_only takes its place, held 1 and offered 0 times.\n",
        "role.deleted",
    ),
}


def test_each_does_what_it_says_and_a_dry_run_leaves_nothing(w: World) -> None:
    for name, (arguments, said, action) in CALLS.items():
        Membership.objects.filter(custom_role__isnull=False).delete()
        Role.objects.all().delete()
        w.member(keepers(w))
        before = stored()
        dry = call(w, name, *arguments, "--dry-run")
        assert stored() == before
        assert (dry.code, dry.error) == (0, "")
        assert dry.out.startswith("Would ")
        assert dry.out.splitlines()[0].endswith(said.splitlines()[0].partition(" ")[2])
        assert action in dry.out
        done = call(w, name, *arguments)
        assert (done.code, done.error, done.out) == (0, "", said)
        assert AuditEvent.objects.filter(action=action).count() == 1


def test_again_does_no_harm(w: World) -> None:
    for name, repeated, said in (
        ("create_role", CALLS["create_role"][0], "Harbor has the role Senders already.\n"),
        ("edit_role", ("Keepers", "--add", "send_campaigns"),
         "The role Keepers is like that already.\n"),
    ):  # fmt: skip
        Role.objects.all().delete()
        keepers(w)
        assert call(w, name, *repeated).code == 0
        before = stored()
        again = call(w, name, *repeated)
        assert (again.code, again.out, again.error) == (0, said, "")
        assert stored() == before
    call(w, "delete_role", "Keepers")
    gone = call(w, "delete_role", "Keepers")
    assert (gone.code, gone.error) == (
        2, "NOT_FOUND: There is no custom role 'Keepers' in Harbor.",
    )  # fmt: skip


#: what makes no sense, and what is said
WRONG: list[tuple[str, tuple[str, ...], str]] = [
    ("create_role", ("New", "--permission", "nonsense"), "UNKNOWN_PERMISSION"),
    ("create_role", ("New", "--permission", "rename_lists"), "NEEDS_MENU"),
    ("create_role", ("reports_only",), "RESERVED_NAME"),
    ("create_role", ("Keepers",), "ALREADY_USED"),
    ("create_role", ("New", "--copy", "Nobody"), "NOT_FOUND"),
    ("edit_role", ("Keepers",), "Say what to change"),
    ("edit_role", ("Keepers", "--add", "x", "--remove", "x"), "not both"),
    ("edit_role", ("Keepers", "--remove", "nonsense"), "UNKNOWN_PERMISSION"),
    ("edit_role", ("Keepers", "--remove", "access_audience", "--add", "rename_lists"),
     "NEEDS_MENU"),
    ("edit_role", ("Nobody", "--name", "New"), "NOT_FOUND"),
    ("edit_role", ("account_admin", "--add", "send_campaigns"), "BUILT_IN"),
    ("delete_role", ("reports_only",), "BUILT_IN"),
    ("delete_role", ("Keepers",), "IN_USE"),
    ("delete_role", ("Keepers", "--reassign", "Nobody"), "UNKNOWN_ROLE"),
    ("delete_role", ("a\x00b",), "NOT_FOUND"),
]  # fmt: skip


def test_what_is_wrong_is_said_and_nothing_is_written(w: World) -> None:
    w.member(keepers(w))
    rival = world("sailthru", slug="rival")
    RoleFactory(account=rival.account, name="Secret")
    before = stored()
    for name, arguments, said in [
        *WRONG,
        ("edit_role", ("Secret", "--name", "x"), "NOT_FOUND"),
    ]:
        done = call(w, name, *arguments)
        assert (done.code, done.out) == (2, ""), (name, arguments, done)
        assert said in done.error
        assert done.error.endswith("."), done.error
    for name, arguments, _said in ((n, a, s) for n, (a, s, _action) in CALLS.items()):
        platform = run(name, *arguments, "--account", "harbor", "--as-platform", "--reason", "x")
        assert platform.code == 1
        assert platform.error.startswith("NOT_FOR_PLATFORM: ")
    assert stored() == before


def test_whoever_may_not_is_refused(w: World) -> None:
    w.member(keepers(w))
    plain = w.member(w.custom(ACCESS_AUDIENCE, RENAME_LISTS, SEND_CAMPAIGNS)).user
    writer = w.member(w.custom(MANAGE_ROLES)).user
    before = stored()
    for name, (arguments, _said, _action) in CALLS.items():
        for actor in (plain, writer):
            done = call(w, name, *arguments, actor=actor)
            assert (done.code, done.out) == (1, ""), (name, done)
            assert done.error.startswith(("OUT_OF_SCOPE: ", "RANK_TOO_HIGH: "))
    assert stored() == before
