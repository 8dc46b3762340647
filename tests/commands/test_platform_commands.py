"""The commands in the hands of the platform: it takes away, and opens empty accounts."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core import mail

from permissions.models import AuditEvent
from teams import services
from teams.factories import UserFactory
from teams.models import Account, Membership, Subaccount
from tests.commands.helpers import Done, run
from tests.commands.test_people_commands import effects, everything
from tests.services.world import World, holds, world

pytestmark = pytest.mark.django_db

PLATFORM = ("--as-platform", "--reason", "Abuse reported")
NEW = ("create_account", "quarry", "--name", "Quarry Street", "--edition", "constant_contact")


@pytest.fixture
def w(db: Any) -> World:
    return world("emma_hq", slug="harbor", name="Harbor")


@pytest.fixture
def ana(w: World) -> Membership:
    user = UserFactory(username="ana", first_name="Ana", last_name="Ruiz")
    return w.member("editor", user=user, toggles=("export_contacts",))


def call(name: str, *arguments: str) -> Done:
    return run(name, *arguments, "--account", "harbor", *PLATFORM)


#: what is called, what it says, what is recorded, and what is taken
TAKES = [
    (
        ("toggle_permission", "ana", "export_contacts", "off", "--subaccount", "north"),
        "Switched Export contacts off for Ana Ruiz in North.",
        "permission.toggled",
        "Export contacts is off already for Ana Ruiz in North.\n",
    ),
    (
        ("suspend_member", "ana", "--subaccount", "north"),
        "Suspended Ana Ruiz in North (Editor).",
        "member.suspended",
        "Ana Ruiz is suspended already.\n",
    ),
    (
        ("suspend_member", "ana", "--whole-account"),
        "Suspended Ana Ruiz in North (Editor).",
        "member.suspended",
        "Ana Ruiz is suspended already.\n",
    ),
    (
        ("remove_member", "ana", "--subaccount", "north"),
        "Removed Ana Ruiz from North (Editor).",
        "member.removed",
        "",
    ),
    (
        ("remove_member", "ana", "--whole-account"),
        "Removed Ana Ruiz from North (Editor).",
        "member.removed",
        "",
    ),
]


@pytest.mark.parametrize("case", TAKES, ids=lambda case: " ".join(case[0]))
def test_platform_takes_away_and_says_why(
    w: World,
    ana: Membership,
    case: tuple[tuple[str, ...], str, str, str],
    django_capture_on_commit_callbacks: Any,
) -> None:
    arguments, said, action, again = case
    before, last = everything(), AuditEvent.objects.latest("pk").pk
    with django_capture_on_commit_callbacks() as later:
        dry = call(*arguments, "--dry-run")
    assert (everything(), effects(later), mail.outbox) == (before, [], [])
    assert dry.out.splitlines()[-2:] == [
        f"The audit would say: {action}.",
        "Nothing was written: this was a dry run.",
    ]

    done = call(*arguments)

    assert (done.code, done.out, done.error) == (0, f"{said}\n", "")
    assert not holds(ana.user, "export_contacts", w.north)
    event = AuditEvent.objects.get(pk__gt=last)
    assert (event.root, event.action) == (f"teams.account:{w.account.pk}", action)
    assert (event.actor_ref, event.actor_label) == ("platform", "Platform")
    assert (event.data["as_platform"], event.data["reason"]) == (True, "Abuse reported")
    after = everything()
    repeated = call(*arguments)
    assert (repeated.code, repeated.out) == (0 if again else 1, again)
    assert everything() == after


def test_whole_account_means_every_role_there(w: World, ana: Membership) -> None:
    w.member("author", w.south, user=ana.user)
    w.member("full", w.west, user=ana.user)
    elsewhere = world("emma_hq").member("author", user=ana.user)

    off = call("suspend_member", "ana", "--whole-account")
    gone = call("remove_member", "ana", "--whole-account", "--dry-run")
    done = call("remove_member", "ana", "--whole-account")

    assert off.out == "Suspended Ana Ruiz in North (Editor), South (Author), West (Full).\n"
    assert "member.removed (3 times)" in gone.out
    assert done.code == 0
    assert list(Membership.objects.filter(user=ana.user)) == [elsewhere]


def test_owner_stays(w: World) -> None:
    before = everything()
    for command in ("suspend_member", "remove_member"):
        done = call(command, w.owner.get_username(), "--whole-account")
        assert (done.code, done.error.partition(":")[0]) == (1, "OWNER_REQUIRED")
    assert everything() == before


def test_reason_and_who_answers_for_it(w: World, ana: Membership) -> None:
    UserFactory(username="olga", is_staff=True)
    remove = ("remove_member", "ana", "--account", "harbor", "--subaccount", "north")
    platform = (*remove, "--as-platform")
    before = everything()
    for wrong, sentence in (
        ((), "Add --reason"),
        (("--reason", ""), "Add --reason"),
        (("--reason", "no"), "TOO_SHORT: "),
        (("--reason", "a\nb\nc"), "NOT_TEXT: "),
        (("--reason", "Abuse", "--operator", "ana"), "NOT_AN_OPERATOR: "),
        (("--reason", "Abuse", "--operator", "nobody"), "NOT_FOUND: "),
    ):
        done = run(*platform, *wrong)
        assert (done.code, done.out) == (2, "")
        assert sentence in done.error
    assert everything() == before

    assert run(*platform, "--reason", "Abuse", "--operator", "olga").code == 0
    assert AuditEvent.objects.latest("pk").data["operator"].startswith("auth.user:")


def test_account_is_opened_for_a_login_that_is_there() -> None:
    owner = UserFactory(username="maria", first_name="Maria", last_name="Lopez")
    arguments = (*NEW, "--owner", "maria", "--seats", "12", *PLATFORM)
    before = everything()

    dry = run(*arguments, "--dry-run")
    assert everything() == before
    done = run(*arguments)
    after = everything()
    again = run(*arguments)
    as_json = run(*arguments, format="json")

    said = "Quarry Street (quarry), Constant Contact, owned by Maria Lopez."
    assert dry.out.splitlines() == [
        f"Would open {said}",
        "The audit would say: account.created, subaccount.created.",
        "Nothing was written: this was a dry run.",
    ]
    assert (done.code, done.out) == (0, f"Opened {said}\n")
    account = Account.objects.get()
    assert (account.slug, account.owner, account.seat_limit) == ("quarry", owner, 12)
    assert Subaccount.objects.get().is_home
    assert (again.code, again.out) == (
        0,
        "Quarry Street (quarry) is there already. Maria Lopez owns it.\n",
    )
    assert as_json.json == {
        "account": "quarry",
        "name": "Quarry Street",
        "edition": "constant_contact",
        "owner": "maria",
        "seats": 12,
        "dry_run": False,
        "changed": False,
    }
    assert everything() == after
    other = run(*NEW, "--owner", UserFactory().get_username(), *PLATFORM)
    assert (other.code, other.error) == (
        2,
        "ALREADY_USED: The short name quarry is taken. Choose another one.",
    )


def test_account_is_opened_for_somebody_new() -> None:
    arguments = (*NEW, "--owner-address", "Ana@new.example", "--owner-name", "Ana Ruiz Gil")

    dry = run(*arguments, *PLATFORM, "--dry-run")
    assert not get_user_model().objects.exists()
    done, again = run(*arguments, *PLATFORM), run(*arguments, *PLATFORM)

    owner = Account.objects.get().owner
    assert (owner.first_name, owner.last_name, owner.email) == (
        "Ana",
        "Ruiz Gil",
        "ana@new.example",
    )
    sentence = (
        'Ana Ruiz Gil signs in as ana@new.example, after setting a password by way of "forgot '
        'password".'
    )
    assert sentence in dry.out
    assert done.out.splitlines()[1] == sentence
    assert again.out == "Quarry Street (quarry) is there already. Ana Ruiz Gil owns it.\n"
    assert get_user_model().objects.count() == 1
    assert mail.outbox == []


@pytest.mark.parametrize(
    ("changed", "code", "sentence"),
    [
        (("--edition", "emma"), 2, "UNKNOWN_EDITION: There is no edition 'emma'; choose one of"),
        (("--seats", "0"), 2, "SEATS: "),
        (("--owner", "nobody"), 2, "NOT_FOUND: There is no login 'nobody'."),
        (("--owner", "olga"), 2, "OPERATOR: "),
        (("--owner", ""), 2, "Name --owner, or --owner-address with --owner-name."),
        (("--owner-address", "a@b.example"), 2, "Name --owner, or --owner-address"),
        (("--owner-name", "Ana"), 2, "Name --owner, or --owner-address"),
        (("--name", " "), 2, "EMPTY: "),
    ],
)
def test_account_that_makes_no_sense(changed: tuple[str, ...], code: int, sentence: str) -> None:
    UserFactory(username="maria")
    UserFactory(username="olga", is_staff=True)
    before = everything()

    done = run(*NEW, "--owner", "maria", *PLATFORM, *changed)

    assert (done.code, done.out) == (code, "")
    assert sentence in done.error
    assert everything() == before


def test_nobody_but_the_platform_opens_accounts(w: World) -> None:
    done = run(*NEW, "--owner", w.owner.get_username(), "--actor", w.owner.get_username())

    assert (done.code, done.error) == (
        1,
        "PLATFORM_ONLY: Accounts are opened by the platform: use --as-platform with --reason.",
    )
    assert Account.objects.count() == 1


def test_platform_finds_what_is_there_and_nothing_else(w: World, ana: Membership) -> None:
    for arguments, sentence in (
        (("ana", "--account", "nowhere", "--subaccount", "north"), "There is no account 'nowhere'"),
        (
            ("ana", "--account", "harbor", "--subaccount", "x"),
            "There is no subaccount 'x' in Harbor.",
        ),
        (("nobody", "--account", "harbor", "--subaccount", "north"), "Nobody called 'nobody'"),
        (("a\x00b", "--account", "harbor", "--subaccount", "north"), "is no name"),
    ):
        done = run("suspend_member", *arguments, *PLATFORM)
        assert (done.code, done.out) == (2, "")
        assert sentence in done.error


def test_what_the_platform_took_is_given_again_by_the_tenant_only(
    w: World, ana: Membership
) -> None:
    assert call("suspend_member", "ana", "--subaccount", "north").code == 0

    refused = call("suspend_member", "ana", "--subaccount", "north", "--reactivate")
    services.reactivate_member(actor=w.owner, membership=ana)

    assert refused.error.startswith("NOT_FOR_PLATFORM: ")
    assert holds(ana.user, "export_contacts", w.north)
