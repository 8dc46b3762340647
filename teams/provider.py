"""Hands over the access profiles of people, and who could hold anything on an object."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from django.contrib.auth import get_user_model
from django.db import models
from django.db.models import Q, QuerySet
from django.utils import timezone

from permissions import grants
from permissions.policy import TOP
from permissions.profile import Profile
from permissions.resources import Resource, registry
from teams.fact_columns import Row
from teams.factors import FactorClass
from teams.facts import login_of, rows_about, rows_near, rows_of
from teams.models import Account, Membership, SubaccountUserGrant
from teams.sight import Sharing, load_shared
from teams.standings import profile_from, sort_rows

#: what a profile asks for what teams show of a resource
Shared = Callable[[Resource, Profile], frozenset[Any]]
#: the kinds of rows that are about an account, whoever asks
_OF_ACCOUNTS = ("place", "size")


def load_profile(user: Any, *, recorded: bool = False) -> Profile:
    """Return everything the rules need to know about ``user``, with one query.

    ``recorded`` leaves out what suspends a grant: a suspended or ended membership, an end date
    that has passed, a login that is switched off, a second factor that is missing. A change of
    rights is judged by that too, for what sleeps now may wake.
    """
    rows = rows_of(user, timezone.now(), recorded=recorded)
    return profile_from(user.pk, sort_rows(rows), load_shared)


def load_profiles(
    people: Collection[Any],
    *,
    recorded: bool = False,
    asked: Mapping[Any, FactorClass | None] | None = None,
) -> dict[Any, Profile]:
    """Return what ``load_profile`` says of each of these keys of people, with one query.

    ``asked`` is of whom a second factor is to be taken as asked in some accounts (keys), None
    meaning nobody.

    What teams share is read for all of them at once too, when the first of them is asked.
    """
    if not people:
        return {}
    return profiles_from(rows_about(people, timezone.now(), recorded=recorded), people, asked=asked)


def profiles_from(
    facts: Iterable[Row],
    people: Collection[Any],
    load_shared: Shared | None = None,
    *,
    asked: Mapping[Any, FactorClass | None] | None = None,
) -> dict[Any, Profile]:
    """Return the profiles of these keys of people, of the rows ``facts`` about them alone.

    Wherever the rows come from: what is stored now, or what the audit says of another moment.
    ``load_shared`` is what each profile asks for what teams show, by default what is stored now;
    ``asked`` as in ``load_profiles``.
    """
    rows: dict[Any, list[Row]] = {key: [] for key in people}
    of_accounts: list[Row] = []
    for row in facts:
        (of_accounts if row.kind in _OF_ACCOUNTS else rows[row.person]).append(row)
    return of_rows(rows, of_accounts, load_shared, asked=asked)


def load_candidates(obj: models.Model) -> dict[Any, tuple[Any, Profile]]:
    """Return the ``candidates`` of ``obj`` whose login is switched on, by key, each with what
    ``load_profile`` says of them; one query.

    Of the logins no more is loaded than what says who they are (``facts.login_fields``).
    """
    rows: dict[Any, list[Row]] = defaultdict(list)
    of_accounts: list[Row] = []
    people: dict[Any, Any] = {}
    for row in rows_near(_candidate_keys(obj), timezone.now()):
        if row.kind == "login":
            people[row.person] = login_of(row)
            rows[row.person].append(row._replace(more=None))
        else:
            (of_accounts if row.kind in _OF_ACCOUNTS else rows[row.person]).append(row)
    profiles = of_rows({key: rows[key] for key in people}, of_accounts)
    return {key: (person, profiles[key]) for key, person in people.items()}


def of_rows(
    rows: Mapping[Any, list[Row]],
    of_accounts: list[Row],
    load_shared: Shared | None = None,
    *,
    asked: Mapping[Any, FactorClass | None] | None = None,
) -> dict[Any, Profile]:
    """Return the profile of each person from the rows about them; ``of_accounts`` are the same for
    all. Otherwise like ``profiles_from``."""
    common = sort_rows(of_accounts)
    sharing = Sharing()  # reads for all of them at once what it is asked for one
    for key, about in rows.items():
        found = sort_rows(about)
        found.asked = asked or {}
        found.places, found.sizes, found.roots = common.places, common.sizes, common.roots
        sharing.profiles[key] = profile_from(key, found, load_shared or sharing.load)
    return sharing.profiles


def candidates(obj: models.Model) -> QuerySet[Any]:
    """Return the logins that could hold anything on ``obj``.

    The owner, members at account level, members of its subaccount, and guests of either; whether
    they really do is for the rules to say.
    """
    found = Q(pk__in=())
    for keys in _candidate_keys(obj):
        found |= Q(pk__in=keys)
    return get_user_model()._default_manager.filter(found)


def _candidate_keys(obj: models.Model) -> list[QuerySet[Any]]:
    """Return the keys of ``candidates``: querysets of one column each."""
    resource = registry.of(obj)
    root, place = resource.locate(obj)
    members = Membership.objects.filter(account=root)
    if place != TOP:
        members = members.filter(Q(subaccount=place) | Q(subaccount=None))
    rows: list[QuerySet[Any]] = [
        Account.objects.filter(pk=root).values("owner_id"),
        members.values("user_id"),
    ]
    if place != TOP:
        rows.append(grants.grants_on(obj).values("user_id"))
        if resource.through:
            link = resource.link
            table = grants.user_table(link.resource.model)
            linked = link.rows._default_manager.filter(**{link.own: obj.pk})
            given = table._default_manager.filter(content_object__in=linked.values(link.other))
            rows.append(given.values("user_id"))
        guests = SubaccountUserGrant.objects.filter(content_object=place)
        rows.append(guests.values("user_id"))
    return rows
