"""The links of invitations in hostile hands, and what hostile names make of the mail."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core import mail, signing
from django.test import Client

from permissions.models import AuditEvent
from teams import services
from teams.factories import InvitationFactory, UserFactory
from teams.models import Account, Invitation, Membership, Subaccount
from teams.services import invitation_mail
from tests.hostile.arena import MARK, Arena, bare, undone

pytestmark = [pytest.mark.once, pytest.mark.django_db]

JOINING = {"first_name": "Ana", "last_name": "Ruiz", "password": "a long enough one"}
HQ = pytest.mark.parametrize("shared_arena", ["emma_hq"], indirect=True)


def address_of(token: str) -> str:
    return f"/invitation/{token}/"


def own(arena: Arena) -> Invitation:
    found: Invitation = arena.trio(Invitation).own
    return found


def state() -> list[Any]:
    """Return all that a link could change."""
    models = (Invitation, Membership, get_user_model(), AuditEvent)
    return [list(model._default_manager.order_by("pk").values()) for model in models]


@HQ
@pytest.mark.parametrize("mailed", [True, False])
def test_every_link_that_is_not_one_gets_the_same_answer(shared_arena: Arena, mailed: bool) -> None:
    good = invitation_mail.token_of(own(shared_arena), mailed=mailed)
    key, nonce = own(shared_arena).pk, own(shared_arena).nonce
    client = Client()
    missing = client.get(address_of("nonsense"))
    assert missing.status_code == 404
    before = state()
    for bad in (
        f"{good[:-1]}{'a' if good[-1] != 'a' else 'b'}",
        f"b{good[1:]}",
        good[: len(good) // 2],
        good[:-1],
        f"{good}a",
        f"{good}%00",
        "a" * 10_000,
        good * 40,
        "..:..:..",
        "%D9%A1",
        signing.dumps([key, nonce], salt="teams.unsubscribe"),
        signing.dumps([key, nonce], salt="django.contrib.auth"),
        signing.dumps([key, nonce], salt=invitation_mail.MAILED, key="another key"),
    ):
        for answer in (client.get(address_of(bad)), client.post(address_of(bad), JOINING)):
            assert bare(answer) == bare(missing), bad[:80]
    assert state() == before


@HQ
def test_a_link_with_another_nonce_or_key_opens_nothing(shared_arena: Arena) -> None:
    invitation, client = own(shared_arena), Client()
    missing = [987_654_321, invitation.nonce]
    first = client.get(address_of(signing.dumps(missing, salt=invitation_mail.MAILED)))
    assert first.status_code == 404
    foreign = shared_arena.trio(Invitation).foreign
    for pair in (
        [invitation.pk, "another"],
        [invitation.pk, foreign.nonce],
        [foreign.pk, invitation.nonce],
        [invitation.pk, ""],
    ):
        answer = client.get(address_of(signing.dumps(pair, salt=invitation_mail.MAILED)))
        assert bare(answer) == bare(first), pair
        assert MARK not in answer.content.decode()


@HQ
@pytest.mark.parametrize("mailed", [True, False])
def test_a_link_is_told_to_no_other_page_kept_nowhere_and_framed_by_nobody(
    shared_arena: Arena, mailed: bool
) -> None:
    token = invitation_mail.token_of(own(shared_arena), mailed=mailed)
    for answer in (Client().get(address_of(token)), Client().get(address_of(token[:-2]))):
        assert answer["Referrer-Policy"] == "strict-origin"
        assert "no-store" in answer["Cache-Control"]
        assert answer["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]


@HQ
def test_looking_changes_nothing_and_posting_needs_the_token_of_the_form(
    shared_arena: Arena,
) -> None:
    with undone():
        ana = UserFactory(username="ana", email="ana@new.example")
        made = InvitationFactory(
            account=shared_arena.account,
            subaccount=shared_arena.trio(Subaccount).own,
            address=ana.email,
            role="author",
            invited_by=shared_arena.account.owner,
        )
        before = state()
        client = Client(enforce_csrf_checks=True)
        for mailed in (True, False):
            url = address_of(invitation_mail.token_of(made, mailed=mailed))
            assert client.post(url, JOINING).status_code == 403
            assert client.get(url).status_code == 200
            assert client.head(url).status_code == 200
            assert client.put(url).status_code in (403, 405)
        assert state() == before
        client.force_login(ana)
        signed_in = state()
        for mailed in (True, False):
            url = address_of(invitation_mail.token_of(made, mailed=mailed))
            assert "Accept the invitation" in client.get(url).content.decode()
            assert client.post(url).status_code == 403
        assert state() == signed_in


@HQ
def test_somebody_elses_link_gives_nothing(shared_arena: Arena) -> None:
    url = address_of(invitation_mail.token_of(own(shared_arena), mailed=True))
    client = Client()
    client.force_login(shared_arena.people["exmember"])
    before = state()
    page = client.get(url)
    assert "whose confirmed address is another one" in page.content.decode()
    assert client.post(url, JOINING).status_code == 400
    assert state() == before


@HQ
def test_a_copied_link_tells_nobody_the_address(shared_arena: Arena) -> None:
    invitation = own(shared_arena)
    url = address_of(invitation_mail.token_of(invitation, mailed=False))
    for who in (None, "exmember", "author"):
        client = Client()
        if who:
            client.force_login(shared_arena.people[who])
        assert invitation.address not in client.get(url).content.decode()


@HQ
def test_names_make_neither_links_nor_mark_up_nor_headers_in_the_mail(
    shared_arena: Arena,
) -> None:
    evil = '<a href="https://evil.example">Win</a>\r\nBcc: x@evil.example www.evil.example'
    with undone():
        place = shared_arena.trio(Subaccount).own
        Account.objects.filter(pk=shared_arena.account.pk).update(name=evil)
        Subaccount.objects.filter(pk=place.pk).update(name=evil)
        owner = shared_arena.account.owner
        type(owner).objects.filter(pk=owner.pk).update(first_name=evil[:150], last_name="")
        made = services.invite_member(
            actor=owner,
            account=shared_arena.account,
            address="ana@new.example",
            role="author",
            subaccount=Subaccount.objects.get(pk=place.pk),
        )
        invitation_mail.post_invitation.call(made.pk, made.nonce)
    message: Any = mail.outbox[-1]
    html = message.alternatives[0][0]
    assert message.to == ["ana@new.example"]
    assert not message.cc
    assert not message.bcc
    assert "\n" not in message.subject
    origin = re.escape(settings.CONSOLE_ORIGIN)
    for text in (str(message.body), html):
        assert not re.sub(rf"{origin}/invitation/\S+", "", text).count("://")
        assert "www.evil" not in text
        assert "evil.example" not in text
        assert "@evil" not in text
    links = re.findall(r'href="([^"]*)"', html)
    assert len(links) == 1
    assert links[0].startswith(settings.CONSOLE_ORIGIN)
    assert "<a href" in html
    assert html.count("<a ") == 1
