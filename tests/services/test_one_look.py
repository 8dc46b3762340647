"""What may be gone by the next look is looked at once: then it is there, or the answer is no."""

from __future__ import annotations

from typing import Any

import pytest

from permissions.errors import NotFound
from teams import services
from teams.models import Membership
from teams.services.gates import stored_membership
from tests.services.world import world

pytestmark = pytest.mark.django_db


def test_a_membership_is_read_with_all_it_points_at_in_one_look(
    django_assert_num_queries: Any,
) -> None:
    """A second look, at which somebody has gone meanwhile, was an error of ours."""
    held = world("emma_hq").member("full")

    with django_assert_num_queries(1):
        found = stored_membership(held)
        assert (found, found.account, found.user) == (held, held.account, held.user)

    Membership.objects.filter(pk=held.pk).delete()
    with pytest.raises(NotFound):
        stored_membership(held)


def test_an_invitation_and_an_offer_are_read_in_one_look(django_assert_num_queries: Any) -> None:
    w = world("emma_hq")
    invitation = services.invite_member(
        actor=w.owner,
        account=w.account,
        address="ana@new.example",
        role="author",
        subaccount=w.north,
    )
    offer = services.offer_ownership(
        actor=w.owner, account=w.account, heir=w.member("administrator").user
    )

    with django_assert_num_queries(2):
        assert services.invitations._stored(invitation).account == w.account
        assert services.ownership._stored(offer).heir == offer.heir
