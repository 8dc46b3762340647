"""Writes a plan into the database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection, models
from django.utils import timezone

from permissions import grants
from teams.catalogue import ACCESS_AUDIENCE, ACCESS_CAMPAIGNS, EXPORT_CONTACTS
from teams.models import (
    Account,
    Campaign,
    MailingList,
    ManagedSubaccount,
    Membership,
    MessageTemplate,
    Role,
    Subaccount,
    Team,
    TeamMembership,
)
from teams.models.account import TeamMode
from teams.models.grants import MailingListGroupGrant, MailingListUserGrant, SubaccountUserGrant
from tests.bench.load import finish, load
from tests.bench.plan import (
    CROWD,
    OTHER_OWNER,
    OWNER,
    PRESS,
    PRESS_OWNER,
    Plan,
)

COPYWRITER = 1
LISTS_A_CAMPAIGN, LISTS_A_TEMPLATE = 10, 20

Progress = Callable[[str], None]
Table = tuple[type[models.Model], Sequence[str], Iterable[Sequence[Any]]]


def write(plan: Plan, progress: Progress) -> dict[str, int]:
    """Fill the empty tables with ``plan`` and return how many rows each has."""
    counted = {}
    for model, columns, rows in _tables(plan):
        progress(f"writing {model._meta.verbose_name_plural}")
        table = model._meta.db_table
        counted[table] = counted.get(table, 0) + load(model, columns, rows)
    progress("analysing")
    finish(model for model, _columns, _rows in _tables(plan))
    return counted


def _tables(plan: Plan) -> Iterator[Table]:
    """Yield each table with its columns and rows, the ones that others refer to first."""
    user: Any = get_user_model()
    yield user, ("id", "username", "email", "password"), _logins(plan.size.people)
    yield (
        Account,
        ("id", "slug", "name", "edition", "owner_id", "team_mode"),
        (_account(key) for key in range(1, plan.accounts + 1)),
    )
    now = timezone.now()
    archived = Subaccount._meta.get_field("archived_at").get_db_prep_save(now, connection)
    yield (
        Subaccount,
        ("id", "account_id", "slug", "name", "archived_at"),
        (
            (p, plan.account_of[p], f"place-{p}", f"Client {p:05}", archived)
            if p in plan.archived
            else (p, plan.account_of[p], f"place-{p}", f"Client {p:05}", None)
            for p in plan.places
        ),
    )
    yield from _resources(plan)
    yield from _people(plan)
    yield from _teams(plan)
    yield from _guests(plan)


def _logins(count: int) -> Iterator[Sequence[Any]]:
    for n in range(1, count + 1):
        yield n, f"person{n}", f"person{n}@people.example", "!"


def _account(key: int) -> Sequence[Any]:
    match key:
        case 1:
            return key, "main", "Harbor & Pine", "emma_hq", OWNER, TeamMode.OFF.value
        case 2:
            mode = TeamMode.LISTS_AND_TEMPLATES.value
            return key, "press", "Brightwater Retail", "sailthru", PRESS_OWNER, mode
    return key, f"other-{key}", f"Client {key}", "emma_enterprise", OTHER_OWNER, "off"


def _resources(plan: Plan) -> Iterator[Table]:
    in_place = ("id", "account_id", "subaccount_id", "slug", "name")
    place_of, account_of = plan.place_of, plan.account_of
    everybody = plan.size.people

    def creator(n: int) -> int:
        return plan.own_lists.get(n) or CROWD + n % (everybody - CROWD)

    def at(n: int, key: int, name: str) -> Sequence[Any]:
        place = place_of[n]
        return key, account_of[place], place, f"item-{key}", f"{name} {n * 7919 % 1_000_003:07}"

    count = len(place_of)
    yield (
        MailingList,
        (*in_place, "created_by_id"),
        ((*at(n, n, "List"), creator(n)) for n in range(1, count)),
    )
    yield (
        MessageTemplate,
        in_place,
        (at(n, n // LISTS_A_TEMPLATE, "Template") for n in range(20, count, LISTS_A_TEMPLATE)),
    )
    # half of the campaigns have a list; the template is of the same subaccount where there is one
    yield (
        Campaign,
        (*in_place, "mailing_list_id", "template_id"),
        (
            (
                *at(n, n // LISTS_A_CAMPAIGN, "Campaign"),
                n if n % 3 else None,
                n // LISTS_A_TEMPLATE if n % LISTS_A_TEMPLATE == 0 else None,
            )
            for n in range(LISTS_A_CAMPAIGN, count, LISTS_A_CAMPAIGN)
        ),
    )


def _people(plan: Plan) -> Iterator[Table]:
    role = Role._meta.get_field("permissions")
    ticks = role.get_db_prep_save([str(ACCESS_AUDIENCE), str(ACCESS_CAMPAIGNS)], connection)
    yield (
        Role,
        ("id", "account_id", "name", "permissions"),
        [(COPYWRITER, PRESS, "Copywriter", ticks)],
    )
    seats = list(enumerate(plan.seats, 1))
    yield (
        Membership,
        (
            "id",
            "user_id",
            "account_id",
            "subaccount_id",
            "role",
            "custom_role_id",
            "all_subaccounts",
            "exclusive",
        ),
        (
            (
                key,
                s.person,
                s.account,
                s.place,
                s.role,
                None if s.role else COPYWRITER,
                s.all,
                s.account != PRESS,
            )
            for key, s in seats
        ),
    )
    yield (
        ManagedSubaccount,
        ("account_id", "membership_id", "subaccount_id"),
        ((s.account, key, place) for key, s in seats for place in s.reach),
    )
    export = grants.permission_row(EXPORT_CONTACTS, Subaccount).pk
    yield (
        SubaccountUserGrant,
        ("user_id", "permission_id", "content_object_id", "membership_id"),
        ((s.person, export, s.place, key) for key, s in seats if s.toggled),
    )


def _teams(plan: Plan) -> Iterator[Table]:
    teams = sorted(plan.team_people)
    yield Group, ("id", "name"), ((team, f"team:{team}") for team in teams)
    yield (
        Team,
        ("id", "account_id", "name", "group_id"),
        ((team, PRESS, f"Team {team}", team) for team in teams),
    )
    yield (
        TeamMembership,
        ("team_id", "user_id"),
        ((team, person) for team in teams for person in sorted(plan.team_people[team])),
    )
    view = grants.permission_row(ACCESS_AUDIENCE, MailingList).pk
    yield (
        MailingListGroupGrant,
        ("group_id", "permission_id", "content_object_id"),
        ((team, view, n) for team in teams for n in sorted(plan.team_lists[team])),
    )


def _guests(plan: Plan) -> Iterator[Table]:
    columns = ("user_id", "permission_id", "content_object_id")
    view = grants.permission_row(ACCESS_AUDIENCE, MailingList).pk
    yield (
        MailingListUserGrant,
        columns,
        ((person, view, n) for person, n in dict.fromkeys(plan.guest_lists)),
    )
    whole = grants.permission_row(ACCESS_AUDIENCE, Subaccount).pk
    yield (
        SubaccountUserGrant,
        columns,
        ((person, whole, place) for person, place in plan.guest_places),
    )
