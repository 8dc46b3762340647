"""The operator site: which accounts there are. Nothing of what is inside them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest

from teams.admin.looking import LookedAt
from teams.admin.site import operator
from teams.editions import EDITIONS
from teams.models import Account


class EditionFilter(admin.SimpleListFilter):
    """By edition."""

    title = "edition"
    parameter_name = "edition"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the editions there are."""
        return [(edition.codename, str(edition.label)) for edition in EDITIONS.values()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Filter."""
        value = self.value()
        return queryset if value is None else queryset.filter(edition=value)


@admin.register(Account, site=operator)
class AccountAdmin(LookedAt):
    """Accounts, read-only: edition, owner's login and counts."""

    list_display = ("name", "edition_name", "owner_login", "subaccounts_active", "people", "made")
    list_filter = (EditionFilter,)
    show_facets = admin.ShowFacets.ALWAYS
    search_fields = ("name", "slug", f"owner__{get_user_model().USERNAME_FIELD}")
    search_help_text = "Name, short name or the owner's login"
    ordering = ("name", "pk")
    sortable_by = ("name", "made")
    fields = readonly_fields = (
        "name",
        "slug",
        "edition_name",
        "owner_login",
        "team_mode",
        "subaccounts_active",
        "subaccounts_archived",
        "people",
        "made",
    )

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Head the list by what it holds."""
        return super().changelist_view(request, {"title": "Accounts", **(extra_context or {})})

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Count with the list."""
        archived = Q(subaccounts__archived_at__isnull=False)
        found: QuerySet[Any] = (
            super()
            .get_queryset(request)
            .select_related("owner")
            .annotate(
                active=Count("subaccounts", filter=~archived, distinct=True),
                archived=Count("subaccounts", filter=archived, distinct=True),
                members=Count("memberships__user", distinct=True),
            )
        )
        return found

    @admin.display(description="Edition")
    def edition_name(self, obj: Any) -> str:
        """Return the edition's name."""
        return str(EDITIONS[obj.edition].label) if obj.edition in EDITIONS else obj.edition

    @admin.display(description="Owner's login")
    def owner_login(self, obj: Any) -> str:
        """Return the login that owns the account."""
        return str(obj.owner.get_username())

    @admin.display(description="Active subaccounts")
    def subaccounts_active(self, obj: Any) -> int:
        """Return how many are active."""
        return int(obj.active)

    @admin.display(description="Archived subaccounts")
    def subaccounts_archived(self, obj: Any) -> int:
        """Return how many are archived."""
        return int(obj.archived)

    @admin.display(description="People")
    def people(self, obj: Any) -> int:
        """Return how many have a role, the owner not counted."""
        return int(obj.members)

    @admin.display(description="Created", ordering="created_at")
    def made(self, obj: Any) -> Any:
        """Return when it was opened."""
        return obj.created_at
