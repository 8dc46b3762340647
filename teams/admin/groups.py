"""Groups of subaccounts: the list, the page of one, and its verbs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery, Value
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from permissions.admin import VerbForm
from permissions.audit import label_of
from permissions.policy import TOP
from teams import selectors, services
from teams.admin import words
from teams.admin.base import ConsoleAdmin, ConsoleVerb
from teams.admin.desk import desk_of
from teams.admin.forms import NameForm, OfferedSet, chosen_from, offer
from teams.admin.persons import seen_memberships
from teams.admin.previews import PreviewedVerb, person_url
from teams.admin.site import console
from teams.catalogue import MANAGE_ACCOUNT_SETTINGS
from teams.models import Subaccount, SubaccountGroup


class ContentsForm(VerbForm):
    """Which subaccounts are in it."""

    subaccounts = OfferedSet(label="Subaccounts", required=False)

    def prepare(self, verb: Any) -> None:
        """Offer the subaccounts the actor works in; the own workspace is in no group."""
        places = [place for place in verb.desk.places if not place.is_home]
        archived = {True: " (archived)", False: ""}
        choices = [(str(p.pk), f"{p.name}{archived[p.is_archived]}") for p in places]
        offer(self, "subaccounts", choices)
        if verb.obj is not None:
            inside = verb.obj.contents.values_list("subaccount_id", flat=True)
            self.fields["subaccounts"].initial = [str(pk) for pk in inside]


class CreateForm(NameForm, ContentsForm):
    """A name, and what is in it."""

    field_order = ("name", "subaccounts")

    def prepare(self, verb: Any) -> None:
        """Offer the subaccounts."""
        ContentsForm.prepare(self, verb)


def posted(verb: ConsoleVerb, data: Mapping[str, Any]) -> list[Subaccount]:
    """Return the subaccounts that were chosen."""
    own = selectors.subaccounts_of(verb.actor).filter(account=verb.desk.account)
    return chosen_from(own, data.get("subaccounts") or (), "subaccount")


class CreateGroup(ConsoleVerb):
    """Make a group."""

    name = "create"
    label = _("Add group")
    on_list = True
    is_primary = True
    form_class = CreateForm

    def refusal(self) -> str:
        """Refuse without the right to."""
        return self.desk.offers.group_refusal(None, "create a group of subaccounts")

    def consequence(self) -> Sequence[str]:
        """Say what a group is for."""
        return (
            "Nobody gains anything by a new group. It can be chosen wherever a manager's "
            "subaccounts are, and lists can be filtered by it.",
        )

    def run(self, data: Mapping[str, Any]) -> str:
        """Create it."""
        made = services.create_subaccount_group(
            actor=self.actor,
            account=self.desk.account,
            name=data["name"],
            subaccounts=posted(self, data),
        )
        return f"The group {made.name} was created."


class RenameGroup(ConsoleVerb):
    """Give another name."""

    name = "rename"
    label = _("Rename…")
    form_class = NameForm

    def refusal(self) -> str:
        """Refuse without the right to."""
        return self.desk.offers.group_refusal(self.obj, f"rename the group {self.obj}")

    def title(self) -> str:
        """Return the heading."""
        return f"Rename the group {self.obj}"

    def button(self) -> str:
        """Return what the button says."""
        return "Rename group"

    def run(self, data: Mapping[str, Any]) -> str:
        """Rename it."""
        before = self.obj.name
        made = services.rename_subaccount_group(actor=self.actor, group=self.obj, name=data["name"])
        return f"The group {before} is called {made.name} now."


class SetGroup(PreviewedVerb):
    """Choose what is in it."""

    name = "set"
    label = _("Choose subaccounts…")
    is_primary = True
    form_class = ContentsForm

    def refusal(self) -> str:
        """Refuse without the right to, and where somebody manages it who is not below."""
        self.desk.glance.look_up(list(self.touched()))
        act = f"change what is in the group {self.obj}"
        return self.desk.offers.group_refusal(self.obj, act, reaching=True)

    def title(self) -> str:
        """Return the heading."""
        return f"What is in the group {self.obj}"

    def consequence(self) -> Sequence[str]:
        """Say who gains and who loses."""
        return (
            "Whoever manages the group manages what you add from the next click, and no longer "
            "what you take out, unless they reach it another way.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return "Save group"

    def touched(self) -> Collection[Any]:
        """Return the keys of those who manage it."""
        return set(self.obj.managing.values_list("membership__user_id", flat=True))

    def run(self, data: Mapping[str, Any]) -> str:
        """Set it; what is not offered to the actor stays."""
        offered = [place.pk for place in self.desk.places]
        kept = Subaccount.objects.filter(in_groups__group=self.obj).exclude(pk__in=offered)
        made = services.set_subaccount_group(
            actor=self.actor, group=self.obj, subaccounts=[*posted(self, data), *kept]
        )
        return f"The group {made.name} holds {_counted(made.contents.count())} now."


class DeleteGroup(ConsoleVerb):
    """Delete a group that nobody manages."""

    name = "delete"
    label = _("Delete…")
    is_danger = True

    def refusal(self) -> str:
        """Refuse without the right to, and while somebody manages it."""
        act = f"delete the group {self.obj}"
        if refusal := self.desk.offers.group_refusal(self.obj, act):
            return refusal
        if self.obj.managing.exists():
            return f"Somebody manages the group {self.obj}. Change what they manage first."
        return ""

    def title(self) -> str:
        """Return the heading."""
        return f"Delete the group {self.obj}"

    def consequence(self) -> Sequence[str]:
        """Say what stays."""
        return ("The subaccounts stay as they are. This cannot be undone.",)

    def run(self, data: Mapping[str, Any]) -> str:
        """Delete it."""
        name = self.obj.name
        services.delete_subaccount_group(actor=self.actor, group=self.obj)
        return f"The group {name} was deleted."


def _counted(number: int) -> str:
    return f"{number} subaccount{'' if number == 1 else 's'}"


@admin.register(SubaccountGroup, site=console)
class SubaccountGroupAdmin(ConsoleAdmin):
    """The groups, to whoever runs the account."""

    menu_section = "work"
    menu_order = 11
    menu_icon = "rows"
    menu_label = "Groups"
    opened_by = (MANAGE_ACCOUNT_SETTINGS,)
    page_template = "teams/console/group.html"
    empty_text = (
        "There is no group yet. A group is a set of subaccounts that a manager can be given as one."
    )

    list_display = ("name_cell", "places_cell", "managed_cell", "created_cell")
    list_display_links = ("name_cell",)
    search_fields = ("name",)
    search_help_text = "Name"
    ordering = ("name", "pk")
    sortable_by = ("name_cell", "created_cell")
    verbs = (CreateGroup, SetGroup, RenameGroup, DeleteGroup)

    def scope(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the groups of the chosen account, to whoever may change any."""
        desk = desk_of(request)
        if not self.may_enter(request):
            return SubaccountGroup.objects.none()
        return selectors.groups_of(desk.user).filter(account=desk.account).order_by()

    def narrow(self, request: HttpRequest, queryset: QuerySet[Any], place: int) -> QuerySet[Any]:
        """Keep those that hold it."""
        return queryset.filter(contents__subaccount=place)

    def may_enter(self, request: HttpRequest) -> bool:
        """Say whether the reader runs the account."""
        return desk_of(request).holds(MANAGE_ACCOUNT_SETTINGS, TOP)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Count with the list what is in each, as far as the reader works there, and who manages
        it, as far as they are seen."""
        desk = desk_of(request)
        rows: QuerySet[Any] = super().get_queryset(request)
        places = selectors.subaccounts_of(desk.user)
        seen = selectors.memberships_of(desk.user).filter(account=desk.account)
        inside = Subaccount.objects.filter(in_groups__group=OuterRef("pk"), pk__in=places)
        people = seen.filter(managed_groups__group=OuterRef("pk"))
        found: QuerySet[Any] = rows.annotate(
            places=_count(inside, "pk"), people=_count(people, "user")
        )
        return found

    @admin.display(description="Name", ordering="name")
    def name_cell(self, obj: Any) -> str:
        """Return the name."""
        return str(obj.name)

    @admin.display(description="Subaccounts")
    def places_cell(self, obj: Any) -> Any:
        """Return how many are in it."""
        url = reverse(f"{self.admin_site.name}:teams_subaccount_changelist")
        if not obj.places:
            return words.none("No subaccount yet")
        count = f"{obj.places} subaccount{'' if obj.places == 1 else 's'}"
        return format_html('<a href="{}?group={}">{}</a>', url, obj.pk, count)

    @admin.display(description="Managed by")
    def managed_cell(self, obj: Any) -> Any:
        """Return how many people manage it."""
        if not obj.people:
            return words.none("Nobody")
        return f"{obj.people} {'person' if obj.people == 1 else 'people'}"

    @admin.display(description="Created", ordering="created_at")
    def created_cell(self, obj: Any) -> SafeString:
        """Return when it was made."""
        return format_html('<span class="nowrap-cell">{}</span>', words.when(obj.created_at))

    def object_view(
        self, request: HttpRequest, obj: Any, extra_context: dict[str, Any]
    ) -> HttpResponse:
        """Show what is in it, and who manages it."""
        desk = desk_of(request)
        inside = selectors.in_group(desk.user, obj.pk).order_by("name", "pk")
        seen = seen_memberships(desk).filter(managed_groups__group=obj)
        context = {
            "title": obj.name,
            "facts": [
                ("Subaccounts", self.places_cell(obj)),
                ("Managed by", self.managed_cell(obj)),
                ("Created", words.when(obj.created_at)),
            ],
            "places": inside,
            "people": [
                {
                    "name": label_of(row.user),
                    "avatar": words.avatar(row.user),
                    "mail": row.user.email or row.user.get_username(),
                    "url": person_url(row.user_id),
                    "chip": words.role_chip(desk, row),
                    "state": words.state_chip(words.state(row.user, [row], desk.account)),
                    "ends": words.when(row.ends_at, "No end"),
                }
                for row in seen.order_by(*words.by_name("user__"))
            ],
            "verbs": self.offered(request, obj),
        }
        return self.page(request, obj, context)


def _count(rows: QuerySet[Any], of: str) -> Subquery:
    """Return how many different ``of`` there are, counted beside each row of another query."""
    counted = rows.order_by().annotate(one=Value(1)).values("one")
    return Subquery(counted.annotate(n=Count(of, distinct=True)).values("n"))
