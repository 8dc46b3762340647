"""Nothing that changes rights is saved before its preview was seen, exactly as it still is."""

from __future__ import annotations

import re
from typing import Any

import pytest

from permissions.models import AuditEvent
from permissions.policy import Scope
from teams import effects, services
from teams.admin.previews import PreviewedVerb
from teams.admin.site import console
from teams.catalogue import ACCESS_AUDIENCE
from teams.disclosure import Block, disclosed
from teams.factories import MailingListFactory, MembershipFactory, RoleFactory, UserFactory
from teams.models import Membership, TeamMembership
from tests.console.helpers import confirmed, digest_of

PEOPLE = "/auth/user/"


def body(answer: Any) -> str:
    text = re.sub(r"<[^>]+>", " ", answer.content.decode())
    return " ".join(text.split())


def seat_url(world: Any, who: str, verb: str) -> str:
    return f"{PEOPLE}{world.people[who].pk}/act/{verb}/{world.seats[who].pk}/"


def role_of(world: Any, who: str) -> str:
    return str(Membership.objects.get(pk=world.seats[who].pk).role)


def test_a_role_is_changed_after_its_preview_and_only_as_it_was_shown(world: Any) -> None:
    client, url = world.client("owner"), seat_url(world, "full", "role")
    shown = client.post(url, {"role": "author"})
    text = body(shown)
    assert (shown.status_code, role_of(world, "full")) == (200, "full")
    assert not AuditEvent.objects.exists()
    assert "If you save now + 0 people gain something − 1 person loses something" in text
    loss = re.search(r"− Loses: ([^−]*) Sensitive 1 person in North FO Full One", text)
    assert loss
    assert "Send mailings" in loss[1]
    assert "have changed since" not in text
    assert "Full One is Full of North now" in text  # what was tried is not what is so
    page = shown.content.decode()
    assert '<h2 id="preview-title" tabindex="-1" autofocus>' in page
    assert '<option value="author" selected>' in page
    # a digest that does not fit changes nothing and is told what happens now
    for digest in ("0" * 64, digest_of(client.post(url, {"role": "editor"}))):
        again = client.post(url, {"role": "author", "previewed": digest})
        assert "Nothing was saved: your choices or " in body(again)
        assert role_of(world, "full") == "full"
    # nor one that fitted before something else was changed
    old = digest_of(shown)
    services.toggle_permission(
        actor=world.people["owner"],
        membership=world.seats["full"],
        toggle="export_contacts",
        on=True,
    )
    late = client.post(url, {"role": "author", "previewed": old})
    assert (late.status_code, role_of(world, "full")) == (200, "full")
    assert "Export contacts" in body(late)
    done = client.post(url, {"role": "author", "previewed": digest_of(late)}, follow=True)
    assert "Full One is Author of North now." in body(done)
    assert role_of(world, "full") == "author"


def test_switches_are_kept_as_they_were_set_and_what_changes_nothing_is_saved_at_once(
    world: Any,
) -> None:
    client, url = world.client("owner"), seat_url(world, "full", "switch")
    data = {"shown": ["export_contacts", "billing_page"], "on": ["export_contacts"]}
    shown = client.post(url, data)
    page = shown.content.decode()
    assert re.search(r'value="export_contacts" checked', page)
    assert not re.search(r'value="billing_page" checked', page)
    assert not world.seats["full"].subaccount_toggles.exists()
    assert "Export contacts is on" in body(confirmed(client, url, data, follow=True))
    # the role of somebody suspended gives nobody anything
    services.suspend_member(actor=world.people["owner"], membership=world.seats["author"])
    asleep = client.post(seat_url(world, "author", "role"), {"role": "editor"})
    assert (asleep.status_code, role_of(world, "author")) == (302, "editor")


@pytest.mark.parametrize("digest", ["", "0" * 64])
def test_what_is_refused_is_refused_at_once_and_recorded_once(
    lasting_world: Any, digest: str
) -> None:
    world = lasting_world
    url = seat_url(world, "administrator", "role")
    data = {"role": "full", "previewed": digest}
    answer = world.client("administrator").post(url, data)
    assert answer.status_code == 403
    assert role_of(world, "administrator") == "administrator"
    event = AuditEvent.objects.get()
    assert (event.action, event.data["code"]) == ("write.refused", "OWN_RIGHTS")


def test_what_is_refused_when_it_is_tried_is_not_done_after_all(
    lasting_world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody clears the way just after the trial: what nobody was shown is not done."""
    world, trial = lasting_world, effects.trial
    above = MembershipFactory(
        account=world.account, user=world.people["full"], role="manager", all_subaccounts=True
    )

    def tried(*args: Any, **named: Any) -> Any:
        try:
            return trial(*args, **named)
        finally:
            above.delete()

    monkeypatch.setattr(effects, "trial", tried)
    url = seat_url(world, "full", "role")
    assert world.client("administrator").post(url, {"role": "author"}).status_code == 403
    assert role_of(world, "full") == "full"
    event = AuditEvent.objects.get()
    assert (event.action, event.data["code"]) == ("write.refused", "RANK_TOO_HIGH")
    assert event.data["verb"] == "role user"


def test_who_and_what_the_reader_does_not_see_is_counted_and_not_named(
    sailthru: dict[str, Any], client: Any
) -> None:
    account, team, owner = sailthru["account"], sailthru["team"], sailthru["owner"]
    role = RoleFactory(account=account, permissions=[ACCESS_AUDIENCE])
    Membership.objects.filter(user=sailthru["member"]).update(role="", custom_role=role)
    hidden = MailingListFactory(subaccount=sailthru["place"], name="Hidden readers")
    services.share_with_team(actor=owner, team=team, obj=hidden)
    client.force_login(owner)
    url = f"{PEOPLE}{sailthru['member'].pk}/act/join/"
    assert "1 person in Hidden readers AR Ana Ruiz" in body(client.post(url, {"team": team.pk}))

    def join() -> None:
        services.add_to_team(actor=owner, team=team, user=sailthru["member"])

    found = effects.trial(account, join)
    stranger = disclosed(found, UserFactory(username="stranger"))
    assert (stranger.others, stranger.blocks, stranger.places) == (1, (), {})
    assert stranger.objects == {}
    colleague = MembershipFactory(
        account=account, subaccount=sailthru["place"], role="", custom_role=role, exclusive=False
    )
    known = disclosed(found, colleague.user)  # who works there, and is in no team either
    assert (len(found.mentioned), known.objects) == (1, {})
    assert known.where(Block(True, False, (), (), Scope(), found.mentioned), 3) == ["1 more"]
    assert not TeamMembership.objects.exists()


def test_a_bulk_confirmation_says_in_short_what_everybody_loses(world: Any) -> None:
    keys = [world.people[who].pk for who in ("full", "author")]
    posted = {"action": "suspend", "index": "0", "_selected_action": keys}
    text = body(world.client("owner").post(PEOPLE, posted))
    assert "Together + 0 people gain something − 2 people lose something" in text
    assert text.index("Sensitive") < text.index("Full One")
    assert Membership.objects.get(pk=world.seats["full"].pk).status == "active"


@pytest.mark.once
def test_whatever_changes_rights_is_previewed() -> None:
    previewed = {
        f"{model._meta.model_name}/{verb.name}"
        for model, admin in console._registry.items()
        for verb in admin.verbs  # type: ignore[attr-defined]
        if issubclass(verb, PreviewedVerb)
    }
    shared = {"mailinglist", "messagetemplate"}
    assert previewed >= {
        *(f"user/{name}" for name in ("role", "switch", "suspend", "reactivate", "remove")),
        *(f"user/{name}" for name in ("reach", "guest", "withdraw", "join", "leave")),
        *(f"subaccount/{name}" for name in ("archive", "restore", "contact", "guest", "withdraw")),
        *(f"{kind}/{name}" for kind in shared for name in ("guest", "withdraw")),
        *(f"{kind}/{name}" for kind in shared for name in ("share", "unshare")),
    }
