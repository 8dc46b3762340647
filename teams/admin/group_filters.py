"""Filters by group of subaccounts: as far as the reader works in what is in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest

from permissions.admin import ScopedFilter
from teams import selectors
from teams.admin.desk import Desk, desk_of
from teams.admin.people_filters import MembershipFilter


def offered_groups(desk: Desk) -> list[tuple[str, str]]:
    """Return (value, label) of the groups that hold a subaccount the reader works in."""
    rows = selectors.groups_worked_in(desk.user).filter(account=desk.account)
    return [(str(pk), name) for pk, name in rows.values_list("pk", "name")]


class GroupFilter(ScopedFilter):
    """Filters what lies in subaccounts by their groups, without a number: counts would cost every
    list a query."""

    title = "group"
    parameter_name = "group"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the groups."""
        return desk_of(request).once(offered_groups)

    def matching(self, request: HttpRequest, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Return what lies in the reader's part of the group."""
        return queryset.filter(subaccount__in=selectors.in_group(desk_of(request).user, value))

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Leave the numbers out."""
        for choice in super().choices(changelist):
            yield {**choice, "display": str(choice["display"]).removesuffix(" (-)")}

    def get_facet_queryset(self, changelist: Any) -> dict[str, int]:
        """Count nothing."""
        return {}


class SubaccountsInGroup(ScopedFilter):
    """Filters subaccounts by their groups."""

    title = "group"
    parameter_name = "group"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the groups."""
        return desk_of(request).once(offered_groups)

    def matching(self, request: HttpRequest, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Return the reader's part of the group."""
        return queryset.filter(pk__in=selectors.in_group(desk_of(request).user, value).values("pk"))


class PeopleInGroup(MembershipFilter):
    """Filters people by the groups of the subaccounts they work in."""

    title = "group"
    parameter_name = "group"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the groups."""
        return desk_of(request).once(offered_groups)

    def people(self, request: HttpRequest, value: str) -> Q:
        """Remember who asks: what else is in the group is not theirs to see."""
        self.reader = desk_of(request).user
        return super().people(request, value)

    def condition(self, value: str) -> Q:
        """Return who has a role in the reader's part of the group, or manages some of it."""
        return selectors.works_in_any(selectors.in_group(self.reader, value))

    def finds_owner(self, request: HttpRequest, value: str) -> bool:
        """The owner works everywhere."""
        return True
