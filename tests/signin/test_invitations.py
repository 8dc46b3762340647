"""Invitations taken with the console's own logins, whose addresses are confirmed or not."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.account.models import EmailAddress

from permissions.errors import Refused
from teams import logins, services
from teams.factories import AccountFactory, SubaccountFactory, UserFactory
from teams.models import Invitation, Membership
from teams.services.invitation_mail import token_of

pytestmark = pytest.mark.django_db
ADDRESS = "kim@people.example"


@pytest.fixture
def invitation() -> Invitation:
    account = AccountFactory()
    return services.invite_member(
        actor=account.owner,
        account=account,
        address=ADDRESS,
        role="editor",
        subaccount=SubaccountFactory(account=account),
    )


def confirmed() -> list[tuple[str, str]]:
    rows = EmailAddress.objects.filter(verified=True)
    return list(rows.values_list("user__username", "email"))


def test_newcomer_has_a_confirmed_address(invitation: Invitation) -> None:
    token = token_of(invitation, mailed=True)
    services.join(token=token, first_name="Kim", last_name="One", password="a long enough one")
    assert confirmed() == [(ADDRESS, ADDRESS)]


def test_mailed_link_confirms_the_address_that_a_login_says_it_has(
    invitation: Invitation, client: Any
) -> None:
    kim = UserFactory(username="kim", email=ADDRESS)
    assert not logins.current().owns(kim, ADDRESS)
    link = f"/invitation/{token_of(invitation, mailed=True)}/"
    assert "There is a login with this address" in client.get(link).content.decode()
    client.force_login(kim)
    assert client.post(link).status_code == 302
    assert Membership.objects.get(user=kim).account == invitation.account
    assert confirmed() == [("kim", ADDRESS)]
    assert EmailAddress.objects.get().primary


def test_copied_link_confirms_nothing_and_leads_to_the_mail(
    invitation: Invitation, client: Any
) -> None:
    kim = UserFactory(username="kim", email=ADDRESS)
    client.force_login(kim)
    link = f"/invitation/{token_of(invitation, mailed=False)}/"
    assert "Send the mail" in client.get(link).content.decode()
    client.force_login(UserFactory())
    assert "Send the mail" not in client.get(link).content.decode()
    with pytest.raises(Refused) as refusal:
        services.accept_invitation(actor=kim, token=token_of(invitation, mailed=False))
    assert refusal.value.code == "ADDRESSEE"
    assert (confirmed(), Membership.objects.count()) == ([], 0)


def test_who_has_confirmed_the_address_comes_before_who_says_so(invitation: Invitation) -> None:
    kim = UserFactory(username="kim", email=ADDRESS)
    other = UserFactory(username="other", email="other@people.example")
    EmailAddress.objects.create(user=other, email=ADDRESS, verified=True, primary=True)
    token = token_of(invitation, mailed=True)
    with pytest.raises(Refused):
        services.accept_invitation(actor=kim, token=token)
    services.accept_invitation(actor=other, token=token)
    assert Membership.objects.get().user == other
