"""Campaigns: how far they have come, whom they go to, what they look like."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from permissions import access
from permissions.admin import ScopedFilter
from permissions.audit import label_of
from teams.admin import mailing, words
from teams.admin.archive_verbs import ARCHIVE_VERBS
from teams.admin.campaign_copies import (
    CopyCampaign,
    DeleteCampaign,
    RenameCampaign,
    ShareCampaign,
)
from teams.admin.campaign_verbs import ChooseAudience, CreateCampaign, EditCampaign, UseTemplate
from teams.admin.content import contents
from teams.admin.content_verbs import CONTENT_VERBS
from teams.admin.desk import Desk, desk_of
from teams.admin.end_verbs import ChangeEndHere
from teams.admin.group_filters import GroupFilter
from teams.admin.guest_verbs import WithdrawHere
from teams.admin.resource_verbs import GuestHere
from teams.admin.resources import ArchiveFilter, PlaceFilter, ResourceAdmin
from teams.admin.sending_verbs import SENDING_VERBS, SendTest
from teams.admin.site import console
from teams.catalogue import (
    ACCESS_CAMPAIGNS,
    ACCESS_RESPONSE,
    CREATE_CAMPAIGNS,
    SEND_CAMPAIGNS,
)
from teams.models import Campaign
from teams.services import sending


class StatusFilter(ScopedFilter):
    """By state of a campaign."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the states there are."""
        return [(status.value, str(status.label)) for status in Campaign.Status]

    def matching(self, request: HttpRequest, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Return the campaigns in that state."""
        return queryset.filter(status=value)


@admin.register(Campaign, site=console)
class CampaignAdmin(ResourceAdmin):
    """Campaigns and how far they have come."""

    view_permission = ACCESS_CAMPAIGNS
    menu_area = "campaigns"
    menu_label = "Campaigns"
    menu_icon = "send"
    page_template = "teams/console/campaign.html"
    empty_text = "There is no campaign yet that you may see. Whoever creates mailings adds one."

    list_display: Any = ("name_cell", "state_cell", "place_cell", "created_cell")
    list_filter: ClassVar[Any] = (PlaceFilter, GroupFilter, StatusFilter, ArchiveFilter)
    verbs = (
        CreateCampaign,
        *SENDING_VERBS,
        SendTest,
        EditCampaign,
        ChooseAudience,
        UseTemplate,
        *CONTENT_VERBS,
        RenameCampaign,
        CopyCampaign,
        ShareCampaign,
        DeleteCampaign,
        *ARCHIVE_VERBS,
        GuestHere,
        WithdrawHere,
        ChangeEndHere,
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Load what the page and its verbs name."""
        rows = mailing.with_names(super().get_queryset(request), desk_of(request).profile)
        return rows.select_related("mailing_list", "segment", "template", "scheduled_by")

    @admin.display(description="State")
    def state_cell(self, obj: Any) -> SafeString:
        """Return the state as dot and word."""
        return mailing.state(obj)

    def facts_for(self, request: HttpRequest, obj: Any) -> list[tuple[str, Any]]:
        """Say how far it has come, and what came in between."""
        found = [("State", self._state(obj))]
        if obj.problem:
            found.append(("Problem", format_html('<span class="is-warn">{}</span>', obj.problem)))
        return [*found, *self.facts(obj)]

    def _letter(self, desk: Desk, obj: Any) -> list[tuple[str, Any]]:
        """Return whom it goes to, what it is about and whom it comes from."""
        found = [("Audience", mailing.audience_cell(obj))]
        if obj.status == Campaign.Status.DRAFT and obj.mailing_list is not None:
            found.append(("Subscribed in it", mailing.size_cell(desk, obj)))
        sender = f"{obj.sender_name} <{obj.sender_email}>" if obj.sender_email else ""
        return [
            *found,
            ("Subject", obj.subject or words.none("Not set")),
            ("Sender", sender or obj.sender_name or words.none("Not set")),
            ("Replies go to", obj.reply_to or words.none("The sender")),
        ]

    def _state(self, obj: Any) -> SafeString:
        """Return the state, and since or until when."""
        by = f" by {label_of(obj.scheduled_by)}" if obj.scheduled_by else ""
        match obj.status:
            case Campaign.Status.SCHEDULED:
                when = format_html(" for {}{}", words.when(obj.scheduled_at), by)
            case Campaign.Status.SENT:
                when = format_html(" {}", words.when(obj.sent_at, "time not recorded"))
            case _:
                when = mark_safe("")
        return format_html("{}{}", mailing.state(obj), when)

    def more(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """Show what is missing, how far it has come, its rows, and what a contact gets."""
        is_draft = obj.status == Campaign.Status.DRAFT and not obj.is_archived
        works_on_it = any(
            access.allows(request.user, permission, obj)
            for permission in (CREATE_CAMPAIGNS, SEND_CAMPAIGNS)
        )
        missing = list(sending.obstacles(obj)) if is_draft and works_on_it else []
        # whoever may send may read this too, in every edition, and so sees when to stop it
        reads_results = access.allows(request.user, ACCESS_RESPONSE, obj)
        return {
            "letter": self._letter(desk_of(request), obj),
            "missing": [error.message for error in missing],
            "progress": mailing.progress(obj) if reads_results else None,
            "preview": mailing.preview(request, obj) if obj.rows else None,
            **contents(self, request, obj),
        }
