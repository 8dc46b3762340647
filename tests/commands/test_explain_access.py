"""``explain_access``: allowed or denied, from where, what is missing, who could give it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from teams import services
from teams.factories import CampaignFactory, UserFactory
from teams.models import Account, Subaccount
from tests.commands.helpers import Done, run
from tests.services.world import World, stored, world

pytestmark = pytest.mark.django_db
KEYS = {
    "allowed", "reason", "sentence", "sources", "missing", "precondition", "chain", "stops",
}  # fmt: skip


def ask(user: Any, permission: str, obj: str, **options: Any) -> Done:
    name = user if isinstance(user, str) else user.username
    return run("explain_access", name, permission, obj, **options)


def where(w: World, place: str = "north") -> str:
    return f"teams.subaccount:{w.account.slug}/{place}"


def test_allowed_names_every_source() -> None:
    w = world("emma_hq")
    user = w.member("full", toggles=("export_contacts",)).user

    done = ask(user, "export_contacts", where(w), format="json")

    assert (done.code, set(done.json)) == (0, KEYS)
    assert (done.json["allowed"], done.json["reason"], done.json["missing"]) == (
        True,
        "allowed",
        [],
    )
    source = done.json["sources"][0]
    assert (source["kind"], source["name"], source["place"]) == (
        "toggle",
        "export_contacts",
        "North",
    )
    assert source["granted_by"] == w.owner.get_full_name()


def test_denied_names_what_is_missing_and_who_could_give_it() -> None:
    w = world("emma_hq")
    administrator, user = w.member("administrator").user, w.member("full").user
    w.member("editor")

    done = ask(user, "export_contacts", where(w), format="json")

    assert (done.code, set(done.json)) == (1, KEYS)
    assert (done.json["allowed"], done.json["reason"], done.json["sources"]) == (
        False,
        "not_held",
        [],
    )
    (missing,) = done.json["missing"]
    assert (missing["permission"], missing["place"]) == ("export_contacts", "North")
    assert missing["who_could_give_it"] == [
        f"{administrator.get_full_name()} (Administrator)",
        f"{w.owner.get_full_name()} (Owner)",
    ]


def test_each_person_who_could_give_it_is_named_once() -> None:
    w = world("sailthru")
    user = w.member("reports_only").user
    admin = w.manager(role="account_admin", exclusive=False).user
    w.member("marketer_admin", user=admin, exclusive=False)

    done = ask(user, "send_campaigns", where(w), format="json")

    assert done.json["missing"][0]["who_could_give_it"] == [
        f"{admin.get_full_name()} (Marketer Admin)",
        f"{w.owner.get_full_name()} (Owner)",
    ]


def test_nobody_could_give_what_no_role_admits() -> None:
    w = world("emma_hq")
    user = w.member("full").user

    done = ask(user, "manage_theme", f"teams.account:{w.account.slug}", format="json")

    assert done.json["reason"] == "not_held"
    assert done.json["missing"][0]["who_could_give_it"] == []


def test_every_kind_of_source_is_shown() -> None:
    w = world("emma_hq")
    member = w.member("full")
    until = timezone.now() + timedelta(days=1)
    services.give_guest_access(
        actor=w.owner, user=member.user, obj=w.south, permissions=["access_audience"], ends_at=until
    )
    manager = w.manager()
    kinds = {}
    for user, permission, place in (
        (w.owner, "access_audience", "north"),
        (member.user, "access_audience", "north"),
        (manager.user, "access_audience", "south"),
        (member.user, "access_audience", "south"),
    ):
        done = ask(user, permission, where(w, place), format="json")
        assert done.code == 0
        kinds[done.json["sources"][0]["kind"], done.json["sources"][0]["place"]] = done.json
    assert set(kinds) == {
        ("owner", w.account.name),
        ("role", "North"),
        ("role", f"{w.account.name}, all current and future subaccounts"),
        ("guest", "South"),
    }
    assert kinds["guest", "South"]["sources"][0]["ends_at"] is not None


def test_account_and_things_inside_are_named_by_slugs_or_key() -> None:
    w = world("emma_hq")
    campaign = CampaignFactory(subaccount=w.north, slug="welcome")
    for text, permission in (
        (f"teams.account:{w.account.slug}", "create_subaccounts"),
        (f"teams.account:{w.account.pk}", "create_subaccounts"),
        (where(w), "access_campaigns"),
        (f"teams.subaccount:{w.north.pk}", "access_campaigns"),
        (f"teams.campaign:{w.account.slug}/north/welcome", "access_campaigns"),
        (f"teams.Campaign:{campaign.pk}", "access_campaigns"),
    ):
        assert ask(w.owner, permission, text).code == 0


def test_text_and_csv() -> None:
    w = world("emma_hq")
    user = w.member("full").user

    text = ask(user, "send_campaigns", where(w))
    denied = ask(user, "export_contacts", where(w))
    table = ask(user, "send_campaigns", where(w), format="csv")
    no = ask(user, "export_contacts", where(w), format="csv")

    assert text.out.startswith("ALLOWED: ")
    assert "because: Role Full, in North" in text.out
    assert denied.out.startswith("DENIED: ")
    assert "missing: Export contacts (export_contacts)" in denied.out
    assert f"who could give it: {w.owner.get_full_name()} (Owner)" in denied.out
    assert table.rows[1][:5] == ["yes", "allowed", "role", "Full", "North"]
    assert no.rows[1][:5] == ["no", "not_held", "missing", "Export contacts", "North"]
    assert (text.code, denied.code, table.code, no.code) == (0, 1, 0, 1)


def test_the_sentence_comes_first_and_the_chain_from_the_owner_behind_it() -> None:
    w = world("emma_hq")
    administrator = w.member("administrator")
    user = w.member("author", added_by=administrator.user).user

    text = ask(user, "create_campaigns", where(w)).out.splitlines()
    found = ask(user, "create_campaigns", where(w), format="json").json

    assert text[0].startswith(f"ALLOWED: {user.get_full_name()} holds ")
    assert [step["kind"] for step in found["chain"]] == ["owner", "role", "role"]
    assert [step["person"] for step in found["chain"]] == [
        w.owner.get_full_name(), administrator.user.get_full_name(), user.get_full_name(),
    ]  # fmt: skip
    assert found["chain"][2]["actor"] == administrator.user.get_full_name()
    assert all(step["at"] for step in found["chain"])
    assert f"    1. {w.owner.get_full_name()} owns {w.account.name}, " in "\n".join(text)
    assert found["stops"]
    assert any(line.startswith("  it would stop if: The role Author in North") for line in text)


def test_what_is_missing_says_what_it_depends_on() -> None:
    w = world("emma_hq")
    found = ask(w.member("author").user, "export_contacts", where(w), format="json").json
    assert [missing["depends_on"] for missing in found["missing"]] == ["role"]
    assert (found["chain"], found["stops"]) == ([], [])


def test_precondition_of_the_act_is_told_apart_from_the_right() -> None:
    w = world("emma_hq")
    without = ask(w.owner, "generate_api_keys", where(w), format="json")
    w.member("administrator")
    with_one = ask(w.owner, "generate_api_keys", where(w), format="json")

    assert (without.code, without.json["allowed"]) == (0, True)
    assert without.json["precondition"] == "North has no Administrator. Add one first."
    assert with_one.json["precondition"] == ""


@pytest.mark.parametrize(
    ("edition", "permission", "place", "reason"),
    [
        ("emma_hq", "access_campaigns", "west", "archived"),
        ("emma_hq", "manage_teams", "north", "absent_in_edition"),
        ("emma_hq", "create_subaccounts", "north", "wrong_level"),
    ],
)
def test_what_is_taken_away_from_everybody_nobody_could_give(
    edition: str, permission: str, place: str, reason: str
) -> None:
    w = world(edition)
    done = ask(w.owner, permission, where(w, place), format="json")

    assert (done.code, done.json["reason"]) == (1, reason)
    assert done.json["missing"][0]["who_could_give_it"] == []


def test_strangers_inactive_people_and_staff_are_denied() -> None:
    w = world("emma_hq")
    for user, reason in (
        (UserFactory(), "no_membership"),
        (UserFactory(is_superuser=True), "no_membership"),
        (w.member("full", user=UserFactory(is_active=False)).user, "inactive_login"),
    ):
        done = ask(user, "send_campaigns", where(w), format="json")
        assert (done.code, done.json["reason"]) == (1, reason)


def test_asking_writes_nothing() -> None:
    w = world("emma_hq")
    user = w.member("author").user
    before = stored()
    ask(user, "send_campaigns", where(w))
    assert stored() == before


@pytest.mark.parametrize(
    ("obj", "code"),
    [
        ("north", "NOT_AN_OBJECT"),
        ("", "NOT_AN_OBJECT"),
        (":", "NOT_AN_OBJECT"),
        ("teams.subaccount:", "NOT_AN_OBJECT"),
        ("subaccount:1", "NOT_AN_OBJECT"),
        ("teams.sub.account:1", "NOT_AN_OBJECT"),
        ("teams.subaccount:\x00", "NOT_AN_OBJECT"),
        ("teams.nothing:1", "UNKNOWN_MODEL"),
        ("nothing.subaccount:1", "UNKNOWN_MODEL"),
        (".:1", "UNKNOWN_MODEL"),
        ("teams.membership:1", "UNKNOWN_MODEL"),
        ("auth.user:1", "UNKNOWN_MODEL"),
        ("teams.subaccount:nowhere/north", "NOT_FOUND"),
        ("teams.subaccount:a/b/c", "NOT_FOUND"),
        ("teams.subaccount:north", "NOT_FOUND"),
        ("teams.campaign:a/b", "NOT_FOUND"),
        ("teams.campaign:a/b/c/d", "NOT_FOUND"),
        ("teams.contact:a/b/c", "NOT_FOUND"),
        ("teams.account:no-such", "NOT_FOUND"),
        ("teams.account:0", "NOT_FOUND"),
        ("teams.account:-1", "NOT_FOUND"),
        ("teams.account:" + "9" * 30, "NOT_FOUND"),
        ("teams.account:1 OR 1=1", "NOT_FOUND"),
        ("teams.account:\udcff", "NOT_AN_OBJECT"),  # Python's reading of the byte ff
    ],
)
def test_malformed_objects(obj: str, code: str) -> None:
    w = world("emma_hq")
    done = ask(w.owner, "send_campaigns", obj)
    assert (done.code, done.error.split(":")[0], done.out) == (2, code, "")


@pytest.mark.parametrize(
    ("user", "permission", "code"),
    [
        ("nobody", "send_campaigns", "NOT_FOUND"),
        ("", "send_campaigns", "NOT_FOUND"),
        ("a\x00b", "send_campaigns", "NOT_TEXT"),
        ("\udcff", "send_campaigns", "NOT_TEXT"),
        ("x" * 5000, "send_campaigns", "NOT_FOUND"),
        (None, "send_campaign", "UNKNOWN_PERMISSION"),
        (None, "teams.send_campaigns", "UNKNOWN_PERMISSION"),
        (None, "", "UNKNOWN_PERMISSION"),
        (None, "send_campaigns\x00", "UNKNOWN_PERMISSION"),
    ],
)
def test_unknown_people_and_permissions(user: str | None, permission: str, code: str) -> None:
    w = world("emma_hq")
    done = ask(w.owner if user is None else user, permission, where(w))
    assert (done.code, done.error.split(":")[0], done.out) == (2, code, "")


def test_a_near_miss_is_suggested() -> None:
    w = world("emma_hq")
    assert "did you mean send_campaigns" in ask(w.owner, "send_campaign", where(w)).error


def test_unknown_format_and_missing_arguments() -> None:
    w = world("emma_hq")
    for arguments in (
        [w.owner.username, "send_campaigns", where(w), "--format", "xml"],
        [w.owner.username, "send_campaigns"],
        [],
    ):
        done = run("explain_access", *arguments)
        assert (done.code, done.out) in ((1, ""), (2, ""))
        assert "Error:" in done.error


def test_account_with_an_edition_there_is_not_is_denied() -> None:
    w = world("emma_hq")
    Account.objects.update(edition="emma_imperial")
    assert Subaccount.objects.filter(slug="north").exists()

    done = ask(w.owner, "send_campaigns", where(w), format="json")

    assert (done.code, done.json["allowed"]) == (1, False)
