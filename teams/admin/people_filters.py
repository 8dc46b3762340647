"""The filters of People: by the memberships the reader sees, and by the last sign-in."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from permissions import grants
from permissions.admin import ScopedFilter
from permissions.lookups import any_of
from teams import selectors
from teams.admin.desk import Desk, desk_of
from teams.admin.persons import people_in, seen_memberships
from teams.catalogue import MANAGE_TEAMS
from teams.endings import SOON
from teams.factors import has_factors
from teams.models import (
    AccountUserGrant,
    Membership,
    Role,
    SubaccountUserGrant,
    TeamMembership,
)
from teams.sleepers import asleep_among

CUSTOM = "custom:"


class PeopleFilter(ScopedFilter):
    """Filters people; a value that is not offered finds nobody."""

    def matching(self, request: HttpRequest, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Return the people found."""
        return queryset.filter(self.people(request, value))

    @abstractmethod
    def people(self, request: HttpRequest, value: str) -> Q:
        """Return the condition on people."""


class MembershipFilter(PeopleFilter):
    """Filters people by the memberships that the reader sees."""

    def people(self, request: HttpRequest, value: str) -> Q:
        """Return who has such a membership; the owner has none and may have to be added."""
        desk = desk_of(request)
        rows = seen_memberships(desk).order_by().filter(self.condition(value))
        found = Q(pk__in=rows.values("user_id"))
        if self.finds_owner(request, value):
            found |= Q(pk=desk.account.owner_id)
        return found

    @abstractmethod
    def condition(self, value: str) -> Q:
        """Return the condition on memberships."""

    def finds_owner(self, request: HttpRequest, value: str) -> bool:
        """Say whether the owner is found without a membership."""
        return False


class PlaceFilter(MembershipFilter):
    """By the subaccounts one works in."""

    title = "subaccount"
    parameter_name = "place"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the active subaccounts of the reader."""
        return [(str(place.pk), place.name) for place in desk_of(request).active]

    def condition(self, value: str) -> Q:
        """Return who has a role there, or manages it."""
        return selectors.works_in(value)

    def finds_owner(self, request: HttpRequest, value: str) -> bool:
        """The owner works everywhere."""
        return True


class RoleFilter(MembershipFilter):
    """By role: the owner, the edition's own, and custom ones somebody on the list holds."""

    title = "role"
    parameter_name = "role"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the roles."""
        desk = desk_of(request)
        edition = desk.edition
        found = [(role.codename, str(role.label)) for role in edition.roles]
        if edition.owner not in dict(found):
            found.insert(0, (edition.owner, str(edition.owner_label)))
        if edition.custom_roles is not None:
            used = seen_memberships(desk).order_by().values("custom_role")
            custom = Role.objects.filter(account=desk.account, pk__in=used).order_by("name")
            found += [(f"{CUSTOM}{pk}", name) for pk, name in custom.values_list("pk", "name")]
        return found

    def condition(self, value: str) -> Q:
        """Return who holds it."""
        if value.startswith(CUSTOM):
            return Q(custom_role=value.removeprefix(CUSTOM))
        return Q(role=value)

    def finds_owner(self, request: HttpRequest, value: str) -> bool:
        """The owner's role is no membership."""
        return value == desk_of(request).edition.owner


class StatusFilter(MembershipFilter):
    """By status: active somewhere, or suspended somewhere."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Offer both."""
        return [(status.value, str(status.label)) for status in Membership.Status]

    def condition(self, value: str) -> Q:
        """Return whose membership has it; what has ended is active no longer."""
        found = Q(status=value)
        return found & grants.active(timezone.now()) if self.is_active(value) else found

    def finds_owner(self, request: HttpRequest, value: str) -> bool:
        """The owner is active."""
        return self.is_active(value)

    @staticmethod
    def is_active(value: str) -> bool:
        """Say whether active people are asked for."""
        return value == Membership.Status.ACTIVE


class EndFilter(MembershipFilter):
    """By when the access to some place ends."""

    SOON = "soon"
    title = "access ends"
    parameter_name = "ends"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Offer what is near, and what is over."""
        return [
            (self.SOON, "Ends soon"),
            ("7", "Within 7 days"),
            ("30", "Within 30 days"),
            ("ended", "Ended"),
        ]

    def people(self, request: HttpRequest, value: str) -> Q:
        """Return who has anything that ends soon, a role or what hangs on it; else by roles."""
        if value == self.SOON:
            return desk_of(request).once(_losing)
        return super().people(request, value)

    def condition(self, value: str) -> Q:
        """Return what ends then."""
        now = timezone.now()
        if value == "ended":
            return Q(ends_at__lte=now)
        return Q(ends_at__gt=now, ends_at__lte=now + timedelta(days=int(value)))


def _losing(desk: Desk) -> Q:
    """Return the condition on people of whom the reader sees something that ends soon."""
    now = timezone.now()
    soon = Q(ends_at__gt=now, ends_at__lte=now + SOON)
    seats = (
        seen_memberships(desk)
        .order_by()
        .filter(grants.active(now), status=Membership.Status.ACTIVE)
    )
    found = Q(pk__in=seats.filter(soon).values("user_id"))
    for table in (AccountUserGrant, SubaccountUserGrant):
        rows: Any = table._default_manager.filter(soon, membership__in=seats.values("pk"))
        found |= Q(pk__in=rows.values("user_id"))
    scope = selectors.people_places(desk.profile, desk.account.pk)
    for resource, given in selectors.guest_grants():
        path = f"content_object__{resource.place_path}"
        inside = any_of(path, scope.places) if scope.places else Q()
        inside = ~inside if scope.everywhere and scope.places else inside
        if scope.everywhere or scope.places:
            root = {f"content_object__{resource.root_path}": desk.account.pk}
            found |= Q(pk__in=given.filter(soon, inside, **root).values("user_id"))
    if desk.edition.has_teams and desk.holds(MANAGE_TEAMS):
        teams = TeamMembership.objects.filter(soon, team__account=desk.account)
        found |= Q(pk__in=teams.values("user_id"))
    return found


class SignInFilter(PeopleFilter):
    """By when people last signed in."""

    title = "last sign-in"
    parameter_name = "signed_in"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Offer what an access review asks."""
        return [("never", "Never"), ("90", "Over 90 days ago"), ("30", "In the last 30 days")]

    def people(self, request: HttpRequest, value: str) -> Q:
        """Return who did."""
        now = timezone.now()
        if value == "never":
            return Q(last_login=None)
        if value == "90":
            return Q(last_login__lt=now - timedelta(days=90))
        return Q(last_login__gte=now - timedelta(days=30))


class FactorFilter(PeopleFilter):
    """By a second factor that is asked of them and missing; only where the account asks one."""

    title = "second factor"
    parameter_name = "second_factor"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Offer those whose rights sleep, where any can."""
        asks = has_factors() and desk_of(request).account.second_factor
        return [("missing", "Missing")] if asks else []

    def people(self, request: HttpRequest, value: str) -> Q:
        """Return of whom the reader sees that something sleeps."""
        desk = desk_of(request)
        return Q(pk__in=asleep_among(desk.account, people_in(desk)))

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Offer it without a number: to count them, all that everybody may do is loaded."""
        for choice in super().choices(changelist):
            yield {**choice, "display": str(choice["display"]).removesuffix(" (-)")}

    def get_facet_queryset(self, changelist: Any) -> dict[str, int]:
        """Count nothing."""
        return {}


PEOPLE_FILTERS = (PlaceFilter, RoleFilter, StatusFilter, EndFilter, SignInFilter, FactorFilter)
