"""How many subaccounts and seats there may be: the lowest limit counts, and is named."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from billing.factories import RatePlanFactory, SubscriptionFactory
from permissions.errors import LimitReached
from teams import integrity, limits, services
from teams.factories import SubaccountFactory
from teams.limits import Countable, Limit, limit_of
from teams.models import Account, Invitation, Membership
from teams.services.invitation_mail import token_of
from tests.services.world import World, world

pytestmark = pytest.mark.django_db


@pytest.fixture
def registered() -> Iterator[list[limits.Source]]:
    """Have whatever is registered by a test forgotten afterwards."""
    before = list(limits._sources)
    yield limits._sources
    limits._sources[:] = before


def subscribed(w: World, **plan: Any) -> Any:
    """Have the account subscribe to a plan with these limits."""
    found = RatePlanFactory(name="Starter", **plan)
    SubscriptionFactory(account=w.account, plan=found)
    return found


def create(w: World, name: str) -> Any:
    return services.create_subaccount(actor=w.owner, account=w.account, name=name)


def invite(w: World, address: str) -> Any:
    return services.invite_member(
        actor=w.owner, account=w.account, address=address, role="author", subaccount=w.north
    )


def test_the_lowest_of_edition_plan_platform_and_host_counts(registered: Any) -> None:
    w = world("emma_corporate", seat_limit=7)
    assert limit_of(w.account, Countable.SUBACCOUNTS) == Limit(10, "Emma Corporate")
    assert limit_of(w.account, Countable.SEATS) == Limit(7, "the agreement with the platform")
    plan = subscribed(w, most_subaccounts=4, most_seats=9)
    assert limit_of(w.account, Countable.SUBACCOUNTS) == Limit(4, "the rate plan")
    assert limit_of(w.account, Countable.SEATS) == Limit(7, "the agreement with the platform")
    plan.most_subaccounts, plan.most_seats = None, 5
    plan.save()
    assert limit_of(w.account, Countable.SUBACCOUNTS) == Limit(10, "Emma Corporate")
    assert limit_of(w.account, Countable.SEATS) == Limit(5, "the rate plan")
    limits.register(lambda _account, what: Limit(1, "the host") if what == "seats" else None)
    assert limit_of(w.account, Countable.SEATS) == Limit(1, "the host")
    assert limit_of(world("emma_enterprise").account, Countable.SUBACCOUNTS) is None


def test_one_subaccount_more_than_the_plan_allows_is_refused_and_says_so() -> None:
    w = world("emma_hq")  # two active, one archived
    plan = subscribed(w, most_subaccounts=3)
    third = create(w, "Third")
    sentence = (
        f"{w.account.name} has 3 active subaccounts, as many as the rate plan allows. "
        "Archive one first."
    )
    with pytest.raises(LimitReached) as refused:
        create(w, "Fourth")
    assert refused.value.message == sentence
    with pytest.raises(LimitReached) as refused:
        services.restore_subaccount(actor=w.owner, subaccount=w.west)
    assert refused.value.message == sentence
    services.archive_subaccount(actor=w.owner, subaccount=third)
    services.restore_subaccount(actor=w.owner, subaccount=w.west)
    plan.most_subaccounts = 1
    plan.save()
    with pytest.raises(LimitReached, match=r"has 3 active .*, more than the rate plan allows"):
        create(w, "Fourth")
    assert not list(integrity.problems())


def test_seats_count_people_and_pending_invitations() -> None:
    w = world("emma_hq")
    subscribed(w, most_seats=3)
    w.member("author")
    invite(w, "ana@new.example")
    with pytest.raises(LimitReached) as refused:
        invite(w, "bea@new.example")
    assert refused.value.message == (
        f"{w.account.name} has 3 seats taken, pending invitations counted, as many as the rate "
        "plan allows. Remove somebody or withdraw an invitation first."
    )
    gone = w.member("author", ends_at=timezone.now() + timedelta(days=1))
    Membership.objects.filter(pk=gone.pk).update(ends_at=timezone.now() - timedelta(days=1))
    with pytest.raises(LimitReached):  # whose role has ended takes no seat, and comes back to none
        services.set_end(actor=w.owner, membership=gone, ends_at=None)


def test_more_than_the_edition_allows_is_a_flaw_and_more_than_a_plan_is_not() -> None:
    w = world("emma_corporate")
    subscribed(w, most_subaccounts=1, most_seats=1)
    assert not list(integrity.problems())
    for _ in range(9):
        SubaccountFactory(account=w.account)
    assert [found.detail for found in integrity.problems()] == ["11 active subaccounts, 10 allowed"]


@pytest.mark.once
def test_pages_say_where_the_limit_comes_from(client: Any) -> None:
    w = world("emma_hq")
    subscribed(w, most_subaccounts=3, most_seats=4)
    client.force_login(w.owner)
    home = client.get("/").content.decode()
    assert "1 left in the rate plan" in home
    form = client.get("/teams/subaccount/act/create/").content.decode()
    assert "2 of the 3 subaccounts that the rate plan allows are active" in form
    subaccounts = client.get("/teams/subaccount/").content.decode()
    assert "2 active subaccounts of the 3 that the rate plan allows." in subaccounts
    archive = client.get(f"/teams/subaccount/{w.north.pk}/act/archive/").content.decode()
    assert "2 of the 3 subaccounts that the rate plan allows are active" in archive
    inviting = client.get(f"/teams/subaccount/{w.north.pk}/act/invite/").content.decode()
    assert "3 seats are left of the 4 that the rate plan allows" in inviting
    create(w, "Third")
    refused = client.get("/teams/subaccount/act/create/")
    assert refused.status_code == 403
    assert "as many as the rate plan allows" in refused.content.decode()
    assert Account.objects.get(pk=w.account.pk).subaccounts.filter(archived_at=None).count() == 3


@pytest.mark.once
def test_nobody_is_told_the_name_of_a_rate_plan_by_its_limits(client: Any) -> None:
    """Emma HQ: the rate plan is the owner's to see, but others come up against its limits."""
    w = world("emma_hq")
    subscribed(w, most_seats=4)
    client.force_login(w.manager().user)
    url = f"/teams/subaccount/{w.north.pk}/act/invite/"
    told = [client.get(url)]
    invite(w, "ana@new.example")
    invite(w, "bea@new.example")
    sent = {"address": "eva@new.example", "role": "author"}
    told += [client.get(url), client.post(url, sent)]
    assert "2 seats are left of the 4 that the rate plan allows" in told[0].content.decode()
    assert "4 seats taken" in told[2].content.decode()
    assert all("Starter" not in answer.content.decode() for answer in told)


def test_whoever_is_invited_is_not_told_how_many_there_are() -> None:
    """The account may have grown since it agreed on the smaller plan that it has by now."""
    w = world("emma_hq")
    plan = subscribed(w, most_seats=3)
    w.member("author")
    token = token_of(invite(w, "ana@new.example"), mailed=True)
    plan.most_seats = 1
    plan.save()
    asked = {"first_name": "Ana", "last_name": "Ruiz", "password": "a long enough one"}
    with pytest.raises(LimitReached) as refused:
        services.join(token=token, **asked)
    assert refused.value.message == (
        f"{w.account.name} has no seat free for you. Ask whoever invited you, and open the link "
        "again then."
    )
    assert Invitation.objects.get().status == Invitation.Status.PENDING
    plan.most_seats = 3
    plan.save()
    services.join(token=token, **asked)
