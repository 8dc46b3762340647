"""What does not depend on the machine: queries, rows, and which index a large list is read by."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet

from permissions import access
from teams.models import Membership, Subaccount
from teams.models.account import SPECIAL
from tests.bench import stock
from tests.bench.deciding import who
from tests.bench.measure import queries_of
from tests.bench.pages import changelist
from tests.bench.personas import Persona, check, personas
from tests.bench.plan import (
    ALL_ACCESS,
    GUEST,
    MAIN,
    MANAGER_500,
    MEMBER_1,
    NAMES,
    OWNER,
    STRANGER,
    TEAM_LIMITED,
    TEAM_WIDE,
    Plan,
)
from tests.bench.reading import Budget
from tests.bench.reporting import access_report
from tests.bench.writing import count_writes, storage

pytestmark = pytest.mark.django_db

ONCE = Budget(rounds=1, seconds=0.1)
ACCOUNT, SUBACCOUNT = "mailinglist_account", "mailinglist_subaccount"


def of(plan: Plan, key: int) -> Persona:
    """Return the person, looking at lists."""
    return next(p for p in personas(plan) if p.key == key)


def test_everybody_sees_what_the_filters_by_hand_find(plan: Plan) -> None:
    found = personas(plan)

    check(found)

    assert {p.key for p in found} == set(NAMES)
    assert all(p.by_hand().exists() == (p.key != STRANGER) for p in found)
    assert 0 < of(plan, OWNER).by_hand().count() < plan.size.lists


def test_a_filter_by_hand_that_is_wrong_stops_the_run(plan: Plan) -> None:
    owner, member = of(plan, OWNER), of(plan, MEMBER_1)
    wrong = Persona(owner.key, owner.user, 1, member.ideal, member.by_ids)

    with pytest.raises(AssertionError, match="owner"):
        check([wrong])


@pytest.mark.parametrize("key", NAMES)
def test_a_profile_takes_one_query(plan: Plan, key: int) -> None:
    user = of(plan, key).user

    assert queries_of(lambda: access.profile_of(user, fresh=True)) == 1


def test_a_profile_has_few_parameters(plan: Plan) -> None:
    user, found = of(plan, GUEST).user, []

    def listen(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        found.append((sql, list(params)))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(listen):
        access.profile_of(user, fresh=True)

    [(_sql, params)] = found
    assert user.pk in params
    assert len(params) < 32, "SQLite tells only 31 apart, and plans the statement each time"


@pytest.mark.parametrize(
    ("key", "queries"), [(OWNER, 6), (MANAGER_500, 6), (MEMBER_1, 6), (GUEST, 6), (TEAM_LIMITED, 7)]
)
def test_a_list_takes_six_queries_and_teams_one_more(plan: Plan, key: int, queries: int) -> None:
    """One of them is the filter by group, which asks what groups there are."""
    found = changelist(of(plan, key), ONCE)

    counted = tuple(found[name] for name in ("queries", "filter_queries", "plain_queries"))
    assert counted == (queries, 1, 4)
    assert 0 < found["access_share"] < 1


@pytest.mark.parametrize("key", [TEAM_LIMITED, TEAM_WIDE])
def test_what_teams_share_takes_one_query(plan: Plan, key: int) -> None:
    persona = of(plan, key)

    with access.unit_of_work():
        access.profile_of(persona.user)
        assert queries_of(lambda: persona.ours().count()) == 2
        assert queries_of(lambda: persona.ours().count()) == 1


def test_a_stranger_costs_nothing_but_the_profile(plan: Plan) -> None:
    persona = of(plan, STRANGER)

    assert queries_of(lambda: list(persona.ours()[:100])) == 1


def test_a_grant_writes_one_row_and_work_writes_none(plan: Plan) -> None:
    rows = {found["change"]: found["access_rows"] for found in count_writes()}

    assert rows == {
        "all current and future subaccounts": 1,
        "one subaccount": 1,
        "new subaccount": 0,
        "new list": 0,
        "edit of a role": 1,
        "toggle": 1,
        "guest access to a list": 1,
        "template shared with a team": 1,
        "removal of a member": 1,
    }


def test_counting_rows_leaves_nothing_behind(plan: Plan) -> None:
    before = storage()
    count_writes()

    assert storage() == before
    assert before["memberships"] == Membership.objects.count() == len(plan.seats)


def test_who_can_takes_one_query_and_guardian_two_a_person(plan: Plan) -> None:
    found = who(plan, stock.Stock(), ONCE)

    assert found["queries"] == 1
    assert found["guardian_queries"] > 2 * found["people"]


def test_a_report_takes_as_many_queries_however_large_the_account(plan: Plan) -> None:
    found = access_report(ONCE)

    assert found["queries"] <= 24
    assert found["lines"] > found["memberships"] > 20


# which index


def steps(rows: QuerySet[Any], *indexes: str) -> str:
    """Return how the database would read ``rows`` with no other indexes than these.

    With so few rows PostgreSQL takes any way, the longer ones included; without the others it
    shows whether this one serves. SQLite goes by what the indexes hold, and needs no help.
    """
    table = rows.model._meta.db_table
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(
                "SELECT conname FROM pg_constraint "
                "WHERE conrelid = %s::regclass AND contype IN ('p', 'u')",
                [table],
            )
            for (name,) in cursor.fetchall():
                cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}" CASCADE')
            cursor.execute("SELECT indexname FROM pg_indexes WHERE tablename = %s", [table])
            for (name,) in cursor.fetchall():
                if name not in indexes:
                    cursor.execute(f'DROP INDEX "{name}"')
            for way in ("seqscan", "bitmapscan", "sort"):
                cursor.execute(f"SET LOCAL enable_{way} = off")
    return rows.explain()


def steps_in_index(rows: QuerySet[Any]) -> str:
    """Return how the database reads ``rows`` from an index alone, having asserted that it can."""
    found = steps(rows, ACCOUNT, SUBACCOUNT)
    assert "Index Only Scan" in found or "USING COVERING INDEX" in found, found
    return found


@pytest.mark.parametrize(
    ("key", "index"),
    [(OWNER, ACCOUNT), (ALL_ACCESS, ACCOUNT), (MANAGER_500, SUBACCOUNT), (MEMBER_1, SUBACCOUNT)],
)
def test_a_count_reads_an_index_and_no_row(plan: Plan, key: int, index: str) -> None:
    found = steps_in_index(of(plan, key).ours().order_by().values("pk"))

    assert index in found, found


@pytest.mark.parametrize(("key", "index"), [(OWNER, ACCOUNT), (MEMBER_1, SUBACCOUNT)])
def test_the_newest_page_is_read_in_order(plan: Plan, key: int, index: str) -> None:
    found = steps_in_index(of(plan, key).ours().order_by("-pk").values("pk")[:100])

    assert index in found, found
    assert "Sort" not in found, found
    assert "TEMP B-TREE" not in found, found


def test_special_subaccounts_are_found_by_their_index(plan: Plan) -> None:
    found = steps(Subaccount.objects.filter(SPECIAL, account=MAIN), "subaccount_special")

    assert "subaccount_special" in found, found
