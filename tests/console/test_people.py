"""People: the list with its filters, one person's page, and what is offered there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from permissions import access
from teams import provider
from teams.crowd import standings
from teams.demo import seed
from teams.models import Account, AccountUserGrant, Membership, SubaccountUserGrant

PEOPLE = "/auth/user/"


@pytest.mark.parametrize("recorded", [True, False])
def test_standings_of_a_crowd_are_those_of_each(db: Any, recorded: bool) -> None:
    seed()
    past = timezone.now() - timedelta(days=1)
    for number, row in enumerate(Membership.objects.order_by("pk")):
        if number % 5 == 1:
            Membership.objects.filter(pk=row.pk).update(status="suspended")
        if number % 5 == 2:
            Membership.objects.filter(pk=row.pk).update(ends_at=past)
    for table in (AccountUserGrant, SubaccountUserGrant):
        keys = list(table._default_manager.values_list("pk", flat=True))[::3]
        table._default_manager.filter(pk__in=keys).update(ends_at=past)
    seen = 0

    def key(holding: Any) -> str:
        return str(holding.key)

    for account in Account.objects.all():
        people = [account.owner, *(m.user for m in account.memberships.select_related("user"))]
        found = standings(account, recorded=recorded)
        for person in people:
            tenant = provider.load_profile(person, recorded=recorded).tenants.get(account.pk)
            expected = tenant.standing.holdings if tenant else ()
            got = found[person.pk].holdings if person.pk in found else ()
            assert sorted(got, key=key) == sorted(expected, key=key), person
            seen += len(expected)
    assert seen > 20
    access.forget()


def test_standings_cost_the_same_however_many(world: Any) -> None:
    def cost(*names: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            standings(world.account, [world.people[n].pk for n in names], recorded=True)
        return len(queries)

    assert cost("full", "manager") == cost(*world.people) == 6
