"""Contacts: the list, and the page of one; addresses as the reader may see them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from permissions import access
from permissions.admin import BulkVerb, ScopedFilter, Verb, key_of
from permissions.admin.scoped import SEARCH_LIMIT
from teams.admin import words
from teams.admin.archive_verbs import ARCHIVE_BULK_VERBS, ARCHIVE_VERBS
from teams.admin.base import ConsoleAdmin
from teams.admin.contact_adding import AddContact
from teams.admin.contact_bulk import PutManyOnList, TakeManyOffList
from teams.admin.contact_forms import is_list_guest
from teams.admin.contact_verbs import EditContact, PutOnList, TakeOffList, Unsubscribe
from teams.admin.desk import desk_of
from teams.admin.group_filters import GroupFilter
from teams.admin.resources import ArchiveFilter, PlaceFilter, ResourceAdmin
from teams.admin.site import console
from teams.catalogue import ACCESS_AUDIENCE, VIEW_CONTACTS
from teams.models import Contact, MailingList, Segment, Subaccount
from teams.services.fields import fields_of
from teams.services.masking import found_by, masks, order_of_names, shown, shown_value
from teams.services.segments import matching, tells_addresses, told

#: a filter offers no more than one reads; the address may name any
OFFERED = 30


class InPlaceFilter(ScopedFilter):
    """By something of one subaccount: offered where one is chosen, and what the address names."""

    model: Any

    def rows(self, request: HttpRequest) -> list[Any]:
        """Return what is offered, by name."""
        desk = desk_of(request)
        seen = access.visible(
            self.model.objects.filter(account=desk.account, archived_at=None),
            desk.user,
            ACCESS_AUDIENCE,
        ).select_related("subaccount")
        named = key_of(self.model, request.GET.get(self.parameter_name or "", ""))
        place = _place_of(request)
        inside = seen.filter(subaccount=place).order_by("name", "pk")[:OFFERED]
        found = [] if place is None else list(inside)
        if named is not None and all(row.pk != named for row in found):
            found += seen.filter(pk=named)
        return found

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Offer them."""
        self.found = {str(row.pk): row for row in self.rows(request)}
        return [(key, row.name) for key, row in self.found.items()]


def _place_of(request: HttpRequest) -> Any:
    """Return the one subaccount that the list is narrowed to, or the reader works in; or None."""
    desk = desk_of(request)
    if desk.place is not None:
        return desk.place.pk
    if desk.reach is not None and len(desk.reach) == 1:
        return next(iter(desk.reach))
    return key_of(Subaccount, request.GET.get(PlaceFilter.parameter_name or "", ""))


class ListFilter(InPlaceFilter):
    """By a list that the reader sees."""

    title = "mailing list"
    parameter_name = "list"
    model = MailingList

    def matching(self, request: HttpRequest, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Return who is on it."""
        return queryset.filter(lists=self.found[value])


class SegmentFilter(InPlaceFilter):
    """By a segment that the reader sees; not by one that would tell them masked addresses."""

    title = "segment"
    parameter_name = "segment"
    model = Segment

    def rows(self, request: HttpRequest) -> list[Any]:
        """Leave out those."""
        desk = desk_of(request)
        found = super().rows(request)
        return [row for row in found if not tells_addresses(desk.account, desk.profile, row)]

    def matching(self, request: HttpRequest, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Return who matches, as far as the reader may hear of it."""
        desk, segment = desk_of(request), self.found[value]
        return told(desk.account, desk.profile, segment, matching(segment, queryset))


class SubscriptionFilter(ScopedFilter):
    """By whether mail may be sent to them."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the states there are."""
        return [(status.value, str(status.label)) for status in Contact.Status]

    def matching(self, request: HttpRequest, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Return who is in that state."""
        return queryset.filter(status=value)


@admin.register(Contact, site=console)
class ContactAdmin(ResourceAdmin):
    """Contacts, newest first. There is no order by address, for nobody: it would unmask them."""

    view_permission = VIEW_CONTACTS
    menu_label = "Contacts"
    menu_icon = "users"
    menu_order = 41
    page_template = "teams/console/contact.html"
    empty_text = "There is no contact yet that you may see. Add one, or import a file of them."

    list_display: Any = ("name_cell", "address_cell", "state_cell", "place_cell", "created_cell")
    list_filter: ClassVar[Any] = (
        PlaceFilter,
        GroupFilter,
        SubscriptionFilter,
        ListFilter,
        SegmentFilter,
        ArchiveFilter,
    )
    show_facets = admin.ShowFacets.NEVER  # a count for each of thirty lists, of a million rows
    search_fields: ClassVar[Any] = ("first_name", "last_name")
    ordering: ClassVar[Any] = ("-pk",)
    sortable_by = ("name_cell", "created_cell")
    verbs: tuple[type[Verb], ...] = (
        AddContact,
        EditContact,
        PutOnList,
        TakeOffList,
        Unsubscribe,
        *ARCHIVE_VERBS,
    )
    bulk_verbs: tuple[type[BulkVerb], ...] = (PutManyOnList, TakeManyOffList, *ARCHIVE_BULK_VERBS)

    def menu_name(self, request: HttpRequest) -> str:
        """Call them contacts in every edition."""
        return str(self.menu_label)

    def may_enter(self, request: HttpRequest) -> bool:
        """Say whether the reader sees contacts anywhere, a guest of a list included."""
        desk = desk_of(request)
        return desk.holds(VIEW_CONTACTS) or is_list_guest(desk, VIEW_CONTACTS)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Load with the list the subaccount's name, and whether the account masks addresses."""
        desk = desk_of(request)
        found = ConsoleAdmin.get_queryset(self, request).select_related("subaccount", "account")
        ordered: QuerySet[Any] = found.annotate(
            name_order=order_of_names(desk.account, desk.profile)
        )
        return ordered

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Say what the search looks at."""
        found = super().get_changelist_instance(request)
        by_address = not desk_of(request).account.masks_addresses
        found.search_help_text = (
            "Name or address" if by_address else "Name, or address where you see it"
        )
        return found

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find every word in a name, or in an address that the reader may see."""
        desk = desk_of(request)
        for word in search_term[:SEARCH_LIMIT].replace("\x00", "").split():
            queryset = queryset.filter(found_by(desk.account, desk.profile, word))
        return queryset, False

    # cells

    @admin.display(description="Name", ordering="name_order")
    def name_cell(self, obj: Any) -> str:
        """Return the name, and that it was put away if it was."""
        return format_html("{}{}", str(obj), words.put_away(obj))

    def get_list_display(self, request: HttpRequest) -> Any:
        """Show addresses as this reader may see them."""
        desk = desk_of(request)

        @admin.display(description="Address")
        def address_cell(obj: Any) -> str:
            return shown(desk.account, desk.profile, obj)

        return [address_cell if name == "address_cell" else name for name in self.list_display]

    @admin.display(description="Address")
    def address_cell(self, obj: Any) -> str:
        """Stand in for the column that depends on the reader: without one, nothing is shown."""
        return str(words.none("Not shown"))

    @admin.display(description="State")
    def state_cell(self, obj: Any) -> SafeString:
        """Return the state as dot and word."""
        kind = "active" if obj.status == Contact.Status.SUBSCRIBED else "suspended"
        label = obj.get_status_display()
        return format_html('<span class="state state--{}">{}</span>', kind, label)

    @admin.display(description="Added", ordering="pk")
    def created_cell(self, obj: Any) -> SafeString:
        """Return when they were added."""
        return format_html('<span class="nowrap-cell">{}</span>', words.when(obj.created_at))

    # the page

    def object_view(
        self, request: HttpRequest, obj: Any, extra_context: dict[str, Any]
    ) -> HttpResponse:
        """Show what is known of them, and the lists they are on that the reader sees."""
        desk = desk_of(request)
        lists = access.visible(
            MailingList.objects.filter(contacts=obj), request.user, ACCESS_AUDIENCE
        ).order_by("name", "pk")
        context = {
            "title": str(obj),
            "facts": [
                ("Address", shown(desk.account, desk.profile, obj)),
                ("State", self._state(obj)),
                ("Subaccount", obj.subaccount.name),
                ("Added", words.when(obj.created_at)),
                *([("Archived", words.when(obj.archived_at))] if obj.is_archived else []),
            ],
            "is_masked": masks(desk.account, desk.profile, obj.subaccount_id),
            "fields": [
                (field.label, value or words.none("Not set"))
                for codename, field in fields_of(obj.subaccount).items()
                for value in [
                    shown_value(desk.account, desk.profile, obj, obj.fields.get(codename))
                ]
            ],
            "lists": [(found, self.offered(request, obj, found)) for found in lists],
            "verbs": self.offered(request, obj),
        }
        return self.page(request, obj, context)

    def _state(self, obj: Contact) -> Any:
        if obj.status == Contact.Status.SUBSCRIBED:
            return self.state_cell(obj)
        return format_html(
            "{} <small>{}. Only they themselves can subscribe again, by the link in a message they "
            "got.</small>",
            self.state_cell(obj),
            words.when(obj.unsubscribed_at, "Date not known"),
        )
