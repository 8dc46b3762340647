"""What a dry run says of people's rights: who would gain and who would lose, to who asks."""

from __future__ import annotations

import pytest

from teams import services
from teams.factories import SubaccountFactory, UserFactory
from teams.management import previews
from teams.models import Membership
from tests.commands.helpers import run
from tests.services.world import stored, world

pytestmark = pytest.mark.django_db


def test_a_dry_run_says_who_would_gain_and_lose() -> None:
    w = world("emma_hq", slug="harbor", name="Harbor")
    ana = w.member("full", user=UserFactory(username="ana", first_name="Ana", last_name="Ruiz"))
    owner = ("--actor", w.owner.get_username())
    here = ("--account", "harbor", "--subaccount", w.north.slug)
    call = ("ana", "export_contacts", "on", *here, *owner)
    rows = stored()

    lines = run("toggle_permission", *call, "--dry-run").out.splitlines()
    assert lines[1:3] == [
        "1 person would gain something, 0 people would lose something, 1 person would stay as "
        "they are.",
        "  + Export contacts, Addresses in exports, Partner exports (sensitive): Ana Ruiz; North",
    ]
    assert lines[-1] == "Nothing was written: this was a dry run."

    text = run("preview_change", "toggle_permission", *call)
    assert (text.code, text.out.splitlines()) == (0, lines[1:3])
    assert run("preview_change", "toggle_permission", *call, "--format", "text").out == text.out
    data = run("preview_change", "toggle_permission", *call, "--format", "json").json
    assert (data["gaining"], data["losing"], data["unchanged"]) == (1, 0, 1)
    assert data["changes"] == [
        {
            "change": "gain",
            "permissions": ["export_contacts", "export_pii", "run_partner_exports"],
            "sensitive": True,
            "people": ["ana"],
            "where": ["North"],
        }
    ]
    table = run("preview_change", "--format", "csv", "toggle_permission", *call).rows
    assert table[0] == list(previews.COLUMNS)
    assert table[1] == ["gain", "export_contacts", "yes", "ana", "Ana Ruiz", "North"]
    assert stored() == rows

    # what is so already changes nobody's rights, and what is refused has no preview
    services.toggle_permission(actor=w.owner, membership=ana, toggle="export_contacts", on=True)
    again = run("preview_change", "toggle_permission", *call)
    assert again.out == "Nobody would gain or lose anything.\n"
    forged = ("preview_change", "change_role", "ana", "author", *here, "--actor", "ana")
    refused = run(*forged)
    assert (refused.code, refused.out, refused.error.partition(":")[0]) == (1, "", "OUT_OF_SCOPE")
    assert Membership.objects.get(pk=ana.pk).role == "full"


def test_a_preview_names_what_the_actor_sees() -> None:
    """The manager of one place removes somebody who works in another one too."""
    w = world("emma_hq", slug="harbor", name="Harbor")
    secret = SubaccountFactory(account=w.account, slug="secret", name="Secret")
    ana = w.member("full", user=UserFactory(username="ana", first_name="Ana", last_name="Ruiz"))
    tom = w.manager(w.north, user=UserFactory(username="tom")).user
    everywhere = w.manager(w.north, secret, user=UserFactory(username="zoe", first_name="Zoe"))
    call = ("set_manager_reach", "zoe", "--account", "harbor", "--reach", "secret", "--actor")
    whole = run("preview_change", *call, w.owner.get_username()).out
    assert "North" in whole
    assert "Secret" not in whole  # which stays as it is
    role = ("change_role", ana.user.username, "author", "--account", "harbor")
    seen = run("preview_change", *role, "--subaccount", "north", "--actor", tom.username)
    assert "Ana Ruiz; North" in seen.out
    assert "Secret" not in seen.out
    assert everywhere.user.username not in seen.out


def test_a_long_preview_is_cut_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    w = world("emma_hq", slug="harbor", name="Harbor")
    w.member("response_only", user=UserFactory(username="ana"))
    call = ["change_role", "ana", "full", "--account", "harbor", "--subaccount", w.north.slug]
    call += ["--actor", w.owner.get_username()]
    whole = run("preview_change", *call).out.splitlines()
    assert len(whole) == 3
    assert "and" in whole[2]
    monkeypatch.setattr(previews, "LINES", 1)
    cut = run("preview_change", *call).out.splitlines()
    assert cut == [*whole[:2], "  and 1 more: preview_change --format json has them all"]


@pytest.mark.once
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("migrate",), "'migrate' is no command that changes what people may do"),
        (("nonsense",), "'nonsense' is no command that changes what people may do"),
        (("change_role", "ana"), "change_role: "),
        (("change_role", "--format", "xml"), "There is no format 'xml'; choose one of text, json"),
        (
            (
                *("create_account", "new", "--name", "New", "--edition", "emma_hq"),
                *("--owner-address", "new@x.example", "--owner-name", "Ana Ruiz"),
                *("--as-platform", "--reason", "Signed"),
            ),
            "create_account is about no account yet",
        ),
    ],
)
def test_what_makes_no_sense_is_said(arguments: tuple[str, ...], sentence: str) -> None:
    done = run("preview_change", *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.error.startswith(sentence)
