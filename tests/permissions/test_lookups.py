"""Many identifiers as one array, on either database."""

from __future__ import annotations

import uuid

import pytest
from django.db import connection

from permissions import access
from permissions.lookups import MANY, NEVER, any_of
from teams.factories import MailingListFactory, SubaccountFactory
from teams.models import MailingList, Subaccount, Team
from tests.services.world import world

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("count", [0, 1, MANY, MANY + 1, 1500])
def test_any_of_finds_exactly_those(count: int) -> None:
    w = world("emma_hq")
    wanted = SubaccountFactory.create_batch(min(count, 30), account=w.account)
    ids = [s.pk for s in wanted]
    ids += range(10**6, 10**6 + count - len(ids))
    assert len(ids) == count

    found = Subaccount.objects.filter(any_of("pk", ids))

    assert set(found) == set(wanted)
    assert set(Subaccount.objects.exclude(any_of("pk", ids))) == (
        set(Subaccount.objects.all()) - set(wanted)
    )


def test_many_identifiers_are_one_parameter() -> None:
    few, many = any_of("pk", range(MANY)), any_of("pk", range(MANY + 1))
    marks = [
        Subaccount.objects.filter(q).query.sql_with_params()[0].count("%s") for q in (few, many)
    ]
    if connection.vendor == "sqlite":
        assert marks == [MANY, 1]
        assert "json_each" in str(Subaccount.objects.filter(many).query)
    else:
        assert "ANY" in str(Subaccount.objects.filter(many).query)


def test_they_are_of_the_type_of_the_column_so_that_they_are_looked_up_by_hash() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite makes an index of them")
    rows = MailingList.objects.filter(~any_of("subaccount", range(MANY + 1)))

    assert "'::bigint[]" in rows.explain()


def test_any_of_follows_a_path_and_is_negated() -> None:
    w, rival = world("emma_hq"), world("emma_hq")
    ours = MailingListFactory(subaccount=w.north)
    theirs = MailingListFactory(subaccount=rival.north)
    ids = [w.account.pk, *range(10**6, 10**6 + MANY)]

    assert set(MailingList.objects.filter(any_of("subaccount__account_id", ids))) == {ours}
    assert set(MailingList.objects.filter(~any_of("subaccount__account_id", ids))) == {theirs}


@pytest.mark.parametrize("count", [1, MANY + 5])
def test_uuids_are_passed_as_they_are(count: int) -> None:
    """JSON does not know them, so they stay an IN; a model of ours has none, a host's may."""
    ids = [uuid.uuid4() for _ in range(count)]
    condition = any_of("name", ids)

    assert dict(condition.children)["name__in"] == sorted(ids, key=str)
    assert not Team.objects.filter(condition).exists()


def test_mixed_identifiers_are_passed_as_they_are() -> None:
    assert dict(any_of("pk", ["1", 2, *range(30)]).children).keys() == {"pk__in"}


def test_never_is_never() -> None:
    world("emma_hq")
    assert Subaccount.objects.filter(~NEVER).count() == 3
    assert not Subaccount.objects.filter(NEVER).exists()
    assert Subaccount.objects.filter(NEVER | ~NEVER).count() == 3


def test_visible_agrees_with_can_beyond_the_threshold() -> None:
    w = world("emma_hq")
    places = SubaccountFactory.create_batch(MANY + 10, account=w.account)
    manager = w.manager(*places[: MANY + 3]).user
    for place in places:
        MailingListFactory(subaccount=place)

    seen = set(access.visible(Subaccount.objects.all(), manager, "access_audience"))
    lists = access.visible(MailingList.objects.all(), manager, "access_audience")

    assert seen == set(places[: MANY + 3])
    assert seen == {
        s for s in Subaccount.objects.all() if access.can(manager, "access_audience", s)
    }
    assert {m.subaccount for m in lists} == seen
