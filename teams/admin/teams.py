"""Teams: the list, and the page of one with its people and what it was given."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html

from permissions import grants
from permissions.admin import Verb
from permissions.audit import label_of
from permissions.resources import Resource
from teams.admin import words
from teams.admin.base import ConsoleAdmin
from teams.admin.desk import Desk, desk_of
from teams.admin.persons import open_people
from teams.admin.previews import person_url
from teams.admin.resources import ArchiveFilter
from teams.admin.site import console
from teams.admin.team_people_verbs import AddPeople, ChangeTeamEnd, TakeOut
from teams.admin.team_sharing_verbs import GiveThings, TakeThing
from teams.admin.team_things import Thing, given, limited, may_assign, visible
from teams.admin.team_verbs import ArchiveTeam, CreateTeam, RenameTeam
from teams.catalogue import ASSIGN_TEAM_RESOURCES, MANAGE_TEAMS
from teams.models import Team
from teams.models.account import TeamMode

#: people, and things of a kind, on the page of a team; the others are counted
SHOWN = 200


def counted(desk: Desk, resource: Resource) -> Any:
    """Return how many of the objects the reader sees each team was given."""
    rows = grants.group_table(resource.model)._default_manager.filter(
        group=OuterRef("group"), content_object__in=visible(desk, resource).order_by().values("pk")
    )
    number = rows.order_by().values("group").annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(number), 0)


@admin.register(Team, site=console)
class TeamAdmin(ConsoleAdmin):
    """The teams of the account, to whoever manages them or shares with them."""

    menu_section = "people"
    menu_order = 30
    menu_icon = "users"
    menu_label = "Teams"
    opened_by = (MANAGE_TEAMS, ASSIGN_TEAM_RESOURCES)
    page_template = "teams/console/team.html"
    empty_text = "There is no team yet. Create one, add people, and share lists with it."

    list_display: Any = ("name_cell", "people_cell", "lists_cell", "templates_cell")
    list_filter: ClassVar[Any] = (ArchiveFilter,)
    show_facets = admin.ShowFacets.ALWAYS
    search_fields = ("name",)
    search_help_text = "Name"
    ordering: ClassVar[Any] = ("name", "pk")
    sortable_by = ("name_cell",)
    verbs: tuple[type[Verb], ...] = (
        CreateTeam,
        AddPeople,
        GiveThings,
        RenameTeam,
        ArchiveTeam,
        TakeOut,
        ChangeTeamEnd,
        TakeThing,
    )

    def may_enter(self, request: HttpRequest) -> bool:
        """Say whether teams are the reader's business: they manage them, or share with them."""
        desk = desk_of(request)
        return desk.edition.has_teams and (desk.holds(MANAGE_TEAMS) or may_assign(desk))

    def scope(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the teams of the chosen account."""
        keys = [desk_of(request).account.pk] if self.may_enter(request) else []
        return Team.objects.filter(account__in=keys)

    def narrow(self, request: HttpRequest, queryset: QuerySet[Any], place: int) -> QuerySet[Any]:
        """Teams are the account's: the chosen subaccount narrows nothing."""
        return queryset

    def shown(self, request: HttpRequest) -> QuerySet[Any]:
        """Return what the list shows as one opens it."""
        return super().shown(request).filter(archived_at=None)

    def related_rows(self, request: HttpRequest) -> QuerySet[Any]:
        """Offer nothing that was put away."""
        rows: QuerySet[Any] = super().related_rows(request)
        return rows.filter(archived_at=None)

    def list_scope(self, request: HttpRequest) -> QuerySet[Any]:
        """Count, for the list, who is in each team, and what of its things the reader sees."""
        desk = desk_of(request)
        numbers = {str(r.model._meta.model_name): counted(desk, r) for r in limited()}
        rows: QuerySet[Any] = super().list_scope(request)
        found: QuerySet[Any] = rows.annotate(people=Count("memberships"), **numbers)
        return found

    @admin.display(description="Name", ordering="name")
    def name_cell(self, obj: Any) -> str:
        """Return the name, and that it was put away if it was."""
        if obj.archived_at is None:
            return str(obj.name)
        return format_html('{} <span class="state state--draft">Archived</span>', obj.name)

    def _number(self, obj: Any, name: str, part: str, one: str, many: str) -> Any:
        found = getattr(obj, name)
        if not found:  # with the word: a phone shows no headings above the columns
            return words.none(f"No {many}")
        meta = self.opts
        address = f"{self.admin_site.name}:{meta.app_label}_{meta.model_name}_change"
        said = f"{found} {one if found == 1 else many}"
        return format_html('<a href="{}#{}">{}</a>', reverse(address, args=[obj.pk]), part, said)

    @admin.display(description="People")
    def people_cell(self, obj: Any) -> Any:
        """Return how many are in it."""
        return self._number(obj, "people", "people", "person", "people")

    @admin.display(description="Lists")
    def lists_cell(self, obj: Any) -> Any:
        """Return how many lists it was given that the reader sees."""
        return self._number(obj, "mailinglist", "mailinglist", "list", "lists")

    @admin.display(description="Templates")
    def templates_cell(self, obj: Any) -> Any:
        """Return how many templates it was given that the reader sees."""
        return self._number(obj, "messagetemplate", "messagetemplate", "template", "templates")

    def object_view(
        self, request: HttpRequest, obj: Any, extra_context: dict[str, Any]
    ) -> HttpResponse:
        """Show its people and what it was given, and what the reader may do with them."""
        desk = desk_of(request)
        rows = list(obj.memberships.select_related("user").order_by(*words.by_name("user__")))
        named = open_people(desk, [row.user_id for row in rows])
        people = [row for row in rows if row.user_id in named][:SHOWN]
        desk.glance.look_up([row.user_id for row in people])
        kinds = []
        for resource in limited():
            found = [Thing(one) for one in given(desk, resource, obj)[: SHOWN + 1]]
            verbs = [(thing, self.offered(request, obj, thing)) for thing in found[:SHOWN]]
            kinds.append((resource.model._meta, verbs, len(found) > SHOWN))
        facts = [("Created", words.when(obj.created_at)), ("People", len(rows))]
        if obj.archived_at:
            facts.insert(0, ("Archived", words.when(obj.archived_at)))
        context = {
            "title": obj.name,
            "facts": facts,
            "is_off": desk.account.team_mode == TeamMode.OFF,
            "account": desk.account,
            "people": [
                (
                    label_of(row.user),
                    words.avatar(row.user),
                    person_url(row.user_id),
                    words.ending(row.ends_at),
                    self.offered(request, obj, row),
                )
                for row in people
            ],
            "others": len(rows) - len(people),
            "kinds": kinds,
            "verbs": self.offered(request, obj),
        }
        return self.page(request, obj, context)
