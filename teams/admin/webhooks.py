"""Webhooks: the list, and the page of one with its secret and what was sent."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import urlsplit

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from permissions.audit import label_of
from permissions.models import AuditEvent
from permissions.policy import TOP
from teams import webhook_wire
from teams.admin import words
from teams.admin.base import ConsoleAdmin
from teams.admin.desk import Desk, desk_of
from teams.admin.site import console
from teams.admin.webhook_verbs import WEBHOOK_VERBS
from teams.catalogue import MANAGE_ACCOUNT_SETTINGS
from teams.event_sight import Reader
from teams.models import Webhook, WebhookDelivery
from teams.services.change import root_key
from teams.services.webhook_delivery import when_next
from teams.services.webhook_message import TESTED
from teams.webhook_areas import AREAS

#: so many messages are shown, the newest first
SHOWN = 50
State = WebhookDelivery.State
_KINDS = {
    State.WAITING: "invited",
    State.DELIVERED: "active",
    State.FAILED: "suspended",
    State.DROPPED: "draft",
}


def areas_of(hook: Webhook) -> str:
    """Return what it is told of, in words."""
    if not hook.areas:
        return "All changes of access"
    return words.listed([str(AREAS[name].label) for name in hook.areas if name in AREAS])


def state_of(hook: Webhook) -> SafeString:
    """Return whether it is on, as a sign and a word."""
    kind, word = ("active", "On") if hook.disabled_at is None else ("suspended", "Off")
    return format_html('<span class="state state--{}">{}</span>', kind, word)


@admin.register(Webhook, site=console)
class WebhookAdmin(ConsoleAdmin):
    """The webhooks of the account, to whoever may change its settings."""

    menu_section = "account"
    menu_order = 60
    menu_icon = "out"
    menu_label = "Webhooks"
    opened_by = (MANAGE_ACCOUNT_SETTINGS,)
    page_template = "teams/console/webhook.html"
    empty_text = (
        "There is no webhook yet. Add one, and a system of yours is told when access changes here."
    )

    list_display = ("name_cell", "host_cell", "areas_cell", "state_cell", "created_cell")
    list_display_links = ("name_cell",)
    search_fields = ("name",)
    search_help_text = "Name"
    ordering: ClassVar[Any] = ("name", "pk")
    sortable_by = ("name_cell", "created_cell")
    verbs = WEBHOOK_VERBS

    def may_enter(self, request: HttpRequest) -> bool:
        """Say whether the reader runs the account."""
        return desk_of(request).holds(MANAGE_ACCOUNT_SETTINGS, TOP)

    def scope(self, request: HttpRequest) -> QuerySet[Any]:
        """Return those of the chosen account."""
        desk = desk_of(request)
        if not self.may_enter(request):
            return Webhook.objects.none()
        return Webhook.objects.filter(account=desk.account.pk).select_related("created_by")

    def narrow(self, request: HttpRequest, queryset: QuerySet[Any], place: int) -> QuerySet[Any]:
        """Webhooks are the account's, whatever subaccount is looked at."""
        return queryset

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Say under the heading what a webhook is."""
        told = {"subtitle": "Systems of yours that are told when access changes here."}
        return super().changelist_view(request, told | (extra_context or {}))

    @admin.display(description="Name", ordering="name")
    def name_cell(self, obj: Any) -> str:
        """Return the name."""
        return str(obj.name)

    @admin.display(description="Server")
    def host_cell(self, obj: Any) -> str:
        """Return whom it calls."""
        return str(urlsplit(obj.url).netloc)

    @admin.display(description="Told of")
    def areas_cell(self, obj: Any) -> str:
        """Return what it is told of."""
        return areas_of(obj)

    @admin.display(description="State")
    def state_cell(self, obj: Any) -> SafeString:
        """Return whether it is on."""
        return state_of(obj)

    @admin.display(description="Set up", ordering="created_at")
    def created_cell(self, obj: Any) -> SafeString:
        """Return when it was set up."""
        return format_html('<span class="nowrap-cell">{}</span>', words.when(obj.created_at))

    def object_view(
        self, request: HttpRequest, obj: Any, extra_context: dict[str, Any]
    ) -> HttpResponse:
        """Show what it is, its secret, and what was sent."""
        found = list(obj.deliveries.order_by("-sequence")[: SHOWN + 1])
        rows = found[:SHOWN]
        open_ones = _open(desk_of(request), rows)
        who = label_of(obj.created_by) if obj.created_by else words.none("Nobody")
        context = {
            "title": obj.name,
            "facts": [
                ("Address", obj.url),
                ("State", state_of(obj)),
                ("Told of", areas_of(obj)),
                ("Told what is known to", who),
                ("Set up", words.when(obj.created_at)),
            ],
            "secret": webhook_wire.secret_of(obj),
            "missing": webhook_wire.why_not(),
            "log": [
                {
                    "sequence": row.sequence,
                    "action": row.action if row.sequence in open_ones else "",
                    "at": words.when(row.created_at),
                    "kind": _KINDS[State(row.state)],
                    "state": row.get_state_display(),
                    "attempts": row.attempts,
                    "code": row.status_code,
                    "problem": row.problem,
                    "next": words.when(row.next_at) if when_next(row) else "",
                    "verbs": self.offered(request, obj, row),
                }
                for row in rows
            ],
            "more": len(found) > SHOWN,
            "shown": SHOWN,
            "verbs": self.offered(request, obj),
        }
        return self.page(request, obj, context)


def _open(desk: Desk, rows: list[WebhookDelivery]) -> set[int]:
    """Return the numbers of those events that the reader may know of: what a webhook is told is
    what its creator may, who may be somebody else."""
    numbers = [row.sequence for row in rows]
    if desk.acts_as_owner:
        return set(numbers)
    reader = Reader(desk.user, desk.account, desk.profile)
    events = AuditEvent.objects.filter(root=root_key(desk.account), sequence__in=numbers)
    return {e.sequence for e in events if e.action == TESTED or reader.knows(e)}
