"""What the pages of campaigns and results say about an audience and about deliveries."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, Count, F, QuerySet, When
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from permissions import access
from permissions.admin import row_of
from permissions.profile import Profile
from permissions.resources import registry
from teams.admin import words
from teams.admin.content import preview as cleaned
from teams.admin.desk import Desk, desk_of
from teams.catalogue import ACCESS_CAMPAIGNS, CREATE_CAMPAIGNS, VIEW_CONTACTS
from teams.models import Campaign, Contact, Delivery, MailingList, MessageTemplate, Segment
from teams.services import content, letters, sending
from teams.services.masking import NAMES, masks, shown_value
from teams.services.segments import tells_addresses, told, uses_address

Status = Delivery.Status

KINDS = {
    Campaign.Status.DRAFT: "draft",
    Campaign.Status.SCHEDULED: "invited",
    Campaign.Status.SENDING: "invited",
    Campaign.Status.SENT: "active",
}
#: what stands for names that the reader may not know
HIDDEN_LIST = "a list not shown to you"
HIDDEN_PART = ", a segment of it"
HIDDEN_SEGMENT = "A segment not shown to you"
#: so many contacts are offered to preview a campaign as
OFFERED = 20


def state(campaign: Campaign) -> SafeString:
    """Return the state as dot and word."""
    kind = KINDS[Campaign.Status(campaign.status)]
    label = campaign.get_status_display()
    return format_html('<span class="state state--{}">{}</span>', kind, label)


# whom it goes to


def choices(actor: Any, campaign: Campaign, model: type[Any], current: Any) -> QuerySet[Any]:
    """Return what ``actor`` may choose for a campaign: names need only the right to create, what
    teams hide is hidden; what the campaign has stays in any case."""
    rows = model._default_manager.filter(subaccount=campaign.subaccount_id, archived_at=None)
    found = access.visible(rows, actor, CREATE_CAMPAIGNS)
    if current is not None:
        found = model._default_manager.filter(pk__in=found) | model._default_manager.filter(
            pk=current
        )
    return found.order_by("name", "pk")


def lists_for(actor: Any, campaign: Campaign) -> QuerySet[MailingList]:
    """Return the lists a campaign can go to."""
    return choices(actor, campaign, MailingList, campaign.mailing_list_id)


def segments_for(actor: Any, campaign: Campaign) -> QuerySet[Segment]:
    """Return the segments a campaign can go to; none about addresses for whoever sees them masked:
    that anybody gets it would tell of one."""
    found = choices(actor, campaign, Segment, campaign.segment_id).select_related("mailing_list")
    account = campaign.account
    if masks(account, access.profile_of(actor), campaign.subaccount_id):
        telling = [segment.pk for segment in found if uses_address(segment)]
        found = found.exclude(pk__in=telling)
    return found


def templates_for(actor: Any, campaign: Campaign) -> QuerySet[MessageTemplate]:
    """Return the templates a campaign can begin with."""
    return choices(actor, campaign, MessageTemplate, None)


def seen_audience(desk: Desk, campaign: Campaign) -> QuerySet[Contact] | None:
    """Return the contacts it would go to as far as the reader sees them; None if that must not be
    told: without sight of contacts, and where a number would spell out masked addresses."""
    segment = campaign.segment
    if campaign.mailing_list is None or not desk.holds(VIEW_CONTACTS, campaign.subaccount_id):
        return None
    if segment is not None and tells_addresses(desk.account, desk.profile, segment):
        return None
    found = access.visible(sending.audience(campaign), desk.user, VIEW_CONTACTS)
    return found if segment is None else told(desk.account, desk.profile, segment, found)


def with_names(rows: QuerySet[Any], profile: Profile) -> QuerySet[Any]:
    """Note on each campaign the names of its list and segment that its reader may know.

    A guest of one campaign does not see its list, nor does whoever teams hide it from.
    """
    names = {}
    for field, model in (("mailing_list", MailingList), ("segment", Segment)):
        shown = access.visible_q(registry.of(model), profile, ACCESS_CAMPAIGNS, prefix=f"{field}__")
        names[f"{field}_name"] = Case(When(shown, then=F(f"{field}__name")), default=None)
    found: QuerySet[Any] = rows.annotate(**names)
    return found


def audience_text(campaign: Any) -> str:
    """Return list and segment by name, as far as the reader may know them (``with_names``);
    empty without a list."""
    if campaign.mailing_list_id is None:
        return ""
    text = campaign.mailing_list_name or HIDDEN_LIST
    if campaign.segment_id is not None:
        text += f", segment {campaign.segment_name}" if campaign.segment_name else HIDDEN_PART
    return text


def audience_cell(campaign: Campaign) -> Any:
    """Return list and segment by name, as far as the reader may know them."""
    return audience_text(campaign) or words.none("Not chosen")


def list_label(campaign: Any, found: MailingList) -> str:
    """Return what a picker calls a list: the one that is chosen may be one not shown."""
    hidden = found.pk == campaign.mailing_list_id and not campaign.mailing_list_name
    return HIDDEN_LIST.capitalize() if hidden else found.name


def segment_label(campaign: Any, found: Segment, lists: Collection[Any]) -> str:
    """Return what a picker calls a segment; ``lists`` are the keys of the lists it names."""
    if found.pk == campaign.segment_id and not campaign.segment_name:
        return HIDDEN_SEGMENT
    if found.mailing_list is None or found.mailing_list_id not in lists:
        return found.name
    return f"{found.name} (of {list_label(campaign, found.mailing_list)})"


def size_text(desk: Desk, campaign: Campaign) -> str:
    """Return ", 12 contacts now", as far as that may be told."""
    seen = seen_audience(desk, campaign)
    if seen is None:
        return ""
    left = seen.filter(pk__in=sending.newcomers(campaign).values("pk"))
    return f", {counted(left.count(), 'contact')} now"


def size_cell(desk: Desk, campaign: Campaign) -> Any:
    """Return how many contacts it would go to, as far as that may be told."""
    seen = seen_audience(desk, campaign)
    return words.none("Not shown") if seen is None else counted(seen.count(), "contact")


def counted(number: int, what: str) -> str:
    """Return "1 contact" or "1,234 contacts"."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


# what became of it


@dataclass(frozen=True, slots=True)
class Line:
    """One state of deliveries, how many are in it, and what it means."""

    label: str
    count: int
    note: str = ""


NOTES: Mapping[str, str] = {
    Status.FAILED: "Refused by the mail server, or put off too often.",
    Status.SKIPPED: "Unsubscribed, archived or changed after the campaign was scheduled.",
    Status.UNCONFIRMED: "The worker stopped, or the connection broke, while it was being sent. "
    "It may have arrived; it is never sent twice.",
}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the deliveries of a campaign have come."""

    lines: tuple[Line, ...]
    total: int
    settled: int
    unsubscribed: int
    #: whom it was tried for: they never get it again
    tried: int

    @property
    def text(self) -> str:
        """Return "3 of 12"."""
        return f"{self.settled:,} of {self.total:,}"


def progress(campaign: Campaign) -> Progress | None:
    """Return how far it has come; None while nobody was settled to get it. One query."""
    rows = campaign.deliveries.values_list("status").annotate(
        n=Count("pk"), gone=Count("unsubscribed_at")
    )
    found = {status: (n, gone) for status, n, gone in rows.order_by()}
    if not found:
        return None
    counts = {status: n for status, (n, _gone) in found.items()}
    total = sum(counts.values())
    is_open = counts.get(Status.WAITING, 0) + counts.get(Status.SENDING, 0)
    lines = [
        Line(str(status.label), counts[status], NOTES.get(status, ""))
        for status in Status
        if status in counts
    ]
    gone = sum(gone for _n, gone in found.values())
    tried = total - counts.get(Status.WAITING, 0)
    return Progress(tuple(lines), total, total - is_open, gone, tried)


# what it looks like


def preview(request: HttpRequest, campaign: Campaign) -> dict[str, Any]:
    """Return the campaign as one contact gets it: whom the address names, or nobody in particular.

    A contact the reader does not see is none. Addresses are never filled in.
    """
    desk = desk_of(request)
    seen = seen_audience(desk, campaign)
    wanted = request.GET.get("contact", "")
    chosen = row_of(seen, wanted) if seen is not None and wanted else None
    names = letters.fields_used(campaign)
    values = letters.sample_values(names)
    if chosen is not None:
        found = letters.values_of(chosen, names - {"email"})
        values |= {
            name: shown_value(desk.account, desk.profile, chosen, value)
            for name, value in found.items()
        }
    offered: list[Contact] = []
    if seen is not None:
        offered += seen.select_related("account").order_by(*NAMES, "pk")[:OFFERED]
    if chosen is not None and chosen not in offered:
        offered.insert(0, chosen)
    return {
        "subject": letters.subject_of(campaign, values),
        "html": cleaned(content.as_html(campaign.rows, values)),
        "contacts": [(str(c.pk), str(c)) for c in offered] if names else [],
        "chosen": str(chosen.pk) if chosen is not None else "",
    }
