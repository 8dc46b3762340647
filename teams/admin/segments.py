"""Segments: the list, the page of one, and the audience builder."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from permissions import access
from permissions.admin import Verb
from permissions.errors import Invalid
from teams import services
from teams.admin import words
from teams.admin.archive_verbs import ARCHIVE_VERBS
from teams.admin.base import ConsoleVerb
from teams.admin.desk import desk_of
from teams.admin.drafts import Draft, rules_from, sees_addresses
from teams.admin.forms import NameForm, OfferedField, chosen_from
from teams.admin.resources import ResourceAdmin
from teams.admin.site import console
from teams.admin.work import CreateWork, PlacedWork, WorkVerb
from teams.catalogue import ACCESS_AUDIENCE, CREATE_SEGMENTS, USE_AUDIENCE_BUILDER, VIEW_CONTACTS
from teams.models import Contact, MailingList, Segment
from teams.services.fields import fields_of
from teams.services.masking import shown
from teams.services.rules import MATCHES
from teams.services.segments import matching, tells_addresses, told

SHOWN = 10
JSON_LIMIT = 20_000


class RulesVerb(ConsoleVerb):
    """A page on which rules are put together: asked for again with each rule, posted to save."""

    template = "teams/console/rules.html"
    matches = tuple(MATCHES.items())
    saves = True

    @property
    def place(self) -> Any:
        """Return the subaccount whose contacts the rules are about."""
        return self.obj.subaccount if self.obj is not None else self.part

    @cached_property
    def draft(self) -> Draft:
        """Return the rules: posted, in the address, or stored."""
        found = Draft(fields_of(self.place), sees_addresses(self.desk, self.place.pk))
        if self.request.method == "POST":
            found.read_stored(rules_from(self.request.POST.get("rules", "")[:JSON_LIMIT]))
        elif self.obj is not None and "match" not in self.request.GET:
            found.read_stored(self.obj.rules)
        else:
            found.read(self.request.GET)
        return found

    @cached_property
    def lists(self) -> list[MailingList]:
        """Return the lists that may be chosen, by name."""
        rows = MailingList.objects.filter(subaccount=self.place, archived_at=None)
        return list(access.visible(rows, self.actor, ACCESS_AUDIENCE).order_by("name", "pk"))

    @property
    def chosen_list(self) -> MailingList | None:
        """Return the list to which the rules are narrowed, if one is named and seen."""
        if self.obj is not None:
            found: MailingList | None = self.obj.mailing_list
            return found
        sent = self.request.POST.get("mailing_list", self.request.GET.get("list", ""))
        return next((row for row in self.lists if str(row.pk) == sent), None)

    @cached_property
    def result(self) -> dict[str, Any] | None:
        """Return who matches, as far as the reader sees contacts; None if nothing is counted.

        Nothing is without sight of contacts: who counts by one rule after another reads them.
        """
        rules = self.draft.cleaned
        desk = self.desk
        if rules is None or not desk.holds(USE_AUDIENCE_BUILDER, self.place.pk):
            return None
        if not desk.holds(VIEW_CONTACTS, self.place.pk):
            return None
        rows = Contact.objects.filter(subaccount=self.place, archived_at=None)
        if self.chosen_list is not None:
            rows = rows.filter(lists=self.chosen_list)
        matched = matching(rules, access.visible(rows, self.actor, VIEW_CONTACTS))
        found = told(desk.account, desk.profile, rules, matched).select_related("account")
        people = [
            (str(one), shown(desk.account, desk.profile, one), one.get_status_display(), one.pk)
            for one in found.order_by("-pk")[:SHOWN]
        ]
        return {"count": found.count(), "people": people}

    @property
    def counts(self) -> bool:
        """Say whether who matches is counted for the reader here."""
        holds = self.desk.holds
        return all(holds(p, self.place.pk) for p in (USE_AUDIENCE_BUILDER, VIEW_CONTACTS))

    @property
    def save_url(self) -> str:
        """Return where the rules may be saved under a name, if the reader may."""
        return ""


class Build(RulesVerb, PlacedWork):
    """Look who matches; nothing is saved."""

    name = "build"
    label = _("Audience builder")
    permission = USE_AUDIENCE_BUILDER
    noun = "audience"
    is_primary = False
    saves = False

    def prompt(self) -> str:
        """Return the heading of the page that asks for the place."""
        return "Whose contacts?"

    def title(self) -> str:
        """Return the heading."""
        return "Audience builder"

    @property
    def save_url(self) -> str:
        """Lead to where they are saved."""
        save = CreateSegment(self.admin, self.request, None, self.part)
        return "" if save.closed_because() else save.url

    def run(self, data: Mapping[str, Any]) -> str:
        """Save nothing."""
        raise Invalid(
            "Nothing is saved here. Choose Save as segment to keep the rules.", code="READ_ONLY"
        )


class RulesForm(NameForm):
    """A name, and the rules as the page carries them."""

    rules = forms.CharField(max_length=JSON_LIMIT, required=False, widget=forms.HiddenInput)

    def prepare(self, verb: Any) -> None:
        """Carry the rules of the page."""
        super().prepare(verb)
        self.fields["rules"].initial = verb.draft.as_json


class CreateForm(RulesForm):
    """Also the list, if the page is narrowed to one."""

    mailing_list = OfferedField(required=False, widget=forms.HiddenInput)

    def prepare(self, verb: Any) -> None:
        """Carry the list of the page."""
        super().prepare(verb)
        chosen = verb.chosen_list
        self.fields["mailing_list"].initial = chosen.pk if chosen else ""


class CreateSegment(RulesVerb, CreateWork):
    """Save rules under a name."""

    name = "create"
    label = _("Add segment")
    permission = CREATE_SEGMENTS
    noun = "segment"
    form_class = CreateForm

    def make(self, data: Mapping[str, Any]) -> Any:
        """Create it."""
        chosen = None
        if data["mailing_list"]:
            own = MailingList.objects.filter(subaccount=self.part)
            seen = access.visible(own, self.actor, ACCESS_AUDIENCE)
            chosen = chosen_from(seen, [data["mailing_list"]], "list")[0]
        return services.create_segment(
            actor=self.actor,
            subaccount=self.part,
            name=data["name"],
            rules=rules_from(data["rules"]),
            mailing_list=chosen,
        )


class EditSegment(RulesVerb, WorkVerb):
    """Give it another name or other rules."""

    name = "edit"
    label = _("Edit…")
    act = "edit"
    permission = CREATE_SEGMENTS
    form_class = RulesForm

    def obstacle(self) -> str:
        """Refuse where the rules look for addresses that the reader does not see."""
        desk = self.desk
        if tells_addresses(desk.account, desk.profile, self.obj):
            return f"You cannot edit {self.obj}: a rule looks for addresses, masked for you."
        return ""

    def title(self) -> str:
        """Return the heading."""
        return f"Edit {self.obj}"

    def button(self) -> str:
        """Return what the button says."""
        return "Save segment"

    def run(self, data: Mapping[str, Any]) -> str:
        """Save it."""
        made = services.edit_segment(
            actor=self.actor,
            segment=self.obj,
            name=data["name"],
            rules=rules_from(data["rules"]),
        )
        return f"{made} is saved."


@admin.register(Segment, site=console)
class SegmentAdmin(ResourceAdmin):
    """Segments by name, with their rules in words and how many match."""

    view_permission = ACCESS_AUDIENCE
    menu_label = "Segments"
    menu_icon = "grid"
    menu_order = 42
    empty_text = "There is no segment yet that you may see. Put rules together and save them."

    list_display: Any = ("name_cell", "list_cell", "place_cell", "created_cell")
    verbs: tuple[type[Verb], ...] = (CreateSegment, Build, EditSegment, *ARCHIVE_VERBS)

    def menu_name(self, request: HttpRequest) -> str:
        """Call them segments in every edition."""
        return str(self.menu_label)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Load the name of the list too."""
        found: QuerySet[Any] = super().get_queryset(request).select_related("mailing_list")
        return found

    @admin.display(description="Of")
    def list_cell(self, obj: Any) -> Any:
        """Return whose contacts it is over."""
        return obj.mailing_list.name if obj.mailing_list else words.none("All contacts")

    def facts_for(self, request: HttpRequest, obj: Any) -> list[tuple[str, Any]]:
        """Say the rules, and how many match of those the reader sees."""
        return [
            ("Rules", self._rules(request, obj)),
            ("Contacts", self._matching(request, obj)),
            ("Of", self.list_cell(obj)),
            *super().facts_for(request, obj),
        ]

    def _rules(self, request: HttpRequest, obj: Any) -> Any:
        desk = desk_of(request)
        draft = Draft(fields_of(obj.subaccount), sees_addresses(desk, obj.subaccount_id))
        draft.read_stored(obj.rules)
        if draft.problem:
            return words.none("They cannot be read, so nobody matches")
        return draft.text

    def _counted(self, request: HttpRequest, obj: Any) -> bool:
        desk = desk_of(request)
        seen = desk.holds(VIEW_CONTACTS, obj.subaccount_id)
        return seen and not tells_addresses(desk.account, desk.profile, obj)

    def _matching(self, request: HttpRequest, obj: Any) -> Any:
        if not self._counted(request, obj):
            return words.none("Not shown")
        rows = Contact.objects.filter(archived_at=None)
        desk = desk_of(request)
        found = matching(obj, access.visible(rows, request.user, VIEW_CONTACTS))
        count = told(desk.account, desk.profile, obj, found).count()
        if obj.is_archived:
            return count
        url = reverse(f"{self.admin_site.name}:teams_contact_changelist")
        return format_html('<a href="{}?segment={}">{}</a>', url, obj.pk, count)
