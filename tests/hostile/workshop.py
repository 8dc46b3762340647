"""A host's own admin site for tenants, with everything that stock Django opens.

Forms, inlines, related widgets, filters by related rows, autocomplete and an action: what the
console itself does not use, and what a host may.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import include, path

from permissions.admin import (
    ScopedForm,
    ScopedModelAdmin,
    ScopedRelatedFilter,
    ScopedStackedInline,
    ScopedTabularInline,
)
from teams.admin.site import is_tenant
from teams.catalogue import (
    ACCESS_AUDIENCE,
    ACCESS_CAMPAIGNS,
    ACCESS_CONTENT,
    ACCESS_SETTINGS,
    CREATE_CAMPAIGNS,
    DELETE_CAMPAIGNS,
    DELETE_LISTS,
    RENAME_LISTS,
    VIEW_CONTACTS,
)
from teams.models import Campaign, Contact, MailingList, MessageTemplate, Subaccount


class WorkshopSite(admin.AdminSite):
    """A second site for the same tenants."""

    faces_tenants = True
    final_catch_all_view = False
    site_url = None

    def has_permission(self, request: Any) -> bool:
        """Let tenants in."""
        return is_tenant(request.user)

    def get_urls(self) -> list[Any]:
        """Leave out view-on-site."""
        return [p for p in super().get_urls() if getattr(p, "name", "") != "view_on_site"]


workshop = WorkshopSite(name="workshop")


#: what happens while a form of the workshop is being checked
MIDWAY: list[Callable[[], Any]] = []


class WorkshopForm(ScopedForm):
    """A form during whose check something else happens."""

    def clean(self) -> Any:
        """Let it happen."""
        for happen in MIDWAY:
            happen()
        return super().clean()


class CampaignLines(ScopedTabularInline):
    """The campaigns of a list, which may be written."""

    model = Campaign
    fields = ("subaccount", "name", "slug", "template")
    view_permission = ACCESS_CAMPAIGNS
    add_permission = CREATE_CAMPAIGNS
    change_permission = CREATE_CAMPAIGNS
    delete_permission = DELETE_CAMPAIGNS


class CampaignBlocks(ScopedStackedInline):
    """The campaigns of a template, to look at."""

    model = Campaign
    fields = ("name",)
    view_permission = ACCESS_CAMPAIGNS


@admin.action(description="Back to draft")
def back_to_draft(model_admin: Any, request: HttpRequest, queryset: QuerySet[Any]) -> None:
    """Make drafts of the chosen campaigns."""
    queryset.update(status=Campaign.Status.DRAFT)


@admin.register(Campaign, site=workshop)
class CampaignDesk(ScopedModelAdmin):
    """Campaigns with stock forms."""

    view_permission = ACCESS_CAMPAIGNS
    add_permission = CREATE_CAMPAIGNS
    change_permission = CREATE_CAMPAIGNS
    delete_permission = DELETE_CAMPAIGNS
    form = WorkshopForm
    fields = ("subaccount", "name", "slug", "subject", "mailing_list", "template")
    autocomplete_fields = ("mailing_list",)
    raw_id_fields = ("template",)
    list_filter = (
        "status",
        ("subaccount", ScopedRelatedFilter),
        ("mailing_list", ScopedRelatedFilter),
    )
    list_display = ("name", "subaccount")
    search_fields = ("name",)
    ordering = ("name", "pk")
    actions = (back_to_draft,)


@admin.register(MailingList, site=workshop)
class ListDesk(ScopedModelAdmin):
    """Lists with their campaigns."""

    view_permission = ACCESS_AUDIENCE
    change_permission = RENAME_LISTS
    delete_permission = DELETE_LISTS
    fields = ("subaccount", "name")
    inlines = (CampaignLines,)
    search_fields = ("name",)
    ordering = ("name", "pk")


@admin.register(MessageTemplate, site=workshop)
class TemplateDesk(ScopedModelAdmin):
    """Templates to look at, with the campaigns that use them."""

    view_permission = ACCESS_CONTENT
    fields = ("subaccount", "name")
    inlines = (CampaignBlocks,)
    search_fields = ("name",)
    ordering = ("name", "pk")


@admin.register(Contact, site=workshop)
class ContactDesk(ScopedModelAdmin):
    """Contacts to look at."""

    view_permission = VIEW_CONTACTS
    fields = ("subaccount", "first_name")
    ordering = ("pk",)


@admin.register(Subaccount, site=workshop)
class SubaccountDesk(ScopedModelAdmin):
    """Subaccounts to look at."""

    view_permission = ACCESS_SETTINGS
    fields = ("name",)
    search_fields = ("name",)
    ordering = ("name", "pk")


def patterns() -> list[Any]:
    """Return the addresses: those of the workshop beside those of the console."""
    return [path("workshop/", workshop.urls), path("", include("config.urls"))]


urlpatterns = patterns()
