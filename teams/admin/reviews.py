"""Access reviews on the console: the list, the page of one, its lines, its report."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import F, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from permissions.admin import ScopedFilter, row_of
from teams.admin import review_line_verbs, review_verbs, words
from teams.admin.base import ConsoleAdmin
from teams.admin.desk import Desk, desk_of
from teams.admin.review_rows import (
    SHOWS,
    lines_page,
    offered,
    progress,
    review_url,
    state_of,
)
from teams.admin.site import console
from teams.models import AccessReview, ReviewLine
from teams.review_files import file_of, formats
from teams.review_report import about
from teams.review_sight import lines_of, reads_all, reads_as_written, reviews_of, runs_somewhere


class StateFilter(ScopedFilter):
    """Open, overdue or finished."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the states."""
        return [("open", "Open"), ("overdue", "Overdue"), ("finished", "Finished")]

    def matching(self, request: HttpRequest, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Return the reviews in that state; what is overdue is open too."""
        if value == "finished":
            return queryset.filter(finished_at__isnull=False)
        late = Q(due_at__lte=timezone.now()) if value == "overdue" else Q()
        return queryset.filter(late, finished_at=None)


@admin.register(AccessReview, site=console)
class AccessReviewAdmin(ConsoleAdmin):
    """The reviews of which the reader sees anything."""

    menu_section = "people"
    menu_order = 55
    menu_icon = "check"
    menu_label = "Access reviews"
    page_template = "teams/console/review.html"
    empty_text = (
        "No access has been reviewed yet. Start a review: everything people have is written down, "
        "to be confirmed or withdrawn line by line."
    )

    list_filter = (StateFilter,)
    show_facets = admin.ShowFacets.ALWAYS
    search_fields = ("name",)
    search_help_text = "Name"
    ordering = (F("finished_at").desc(nulls_first=True), "due_at", "-pk")
    verbs = review_verbs.VERBS

    def scope(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the reviews of the chosen account of which the reader sees a line."""
        desk = desk_of(request)
        if not runs_somewhere(desk.user, desk.account):
            return AccessReview.objects.none()
        return reviews_of(desk.user, desk.account)

    def narrow(self, request: HttpRequest, queryset: QuerySet[Any], place: int) -> QuerySet[Any]:
        """Keep those of that place, and of the whole account."""
        return queryset.filter(Q(subaccount=place) | Q(subaccount=None))

    def needed(self, desk: Desk) -> Collection[str]:
        """Return what changing people's roles in a subaccount takes."""
        return desk.edition.changes_subaccount

    def may_enter(self, request: HttpRequest) -> bool:
        """Say whether the reader may start one."""
        desk = desk_of(request)
        return runs_somewhere(desk.user, desk.account)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Load the account with it."""
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.select_related("account")

    def get_list_display(self, request: HttpRequest) -> Any:
        """Return the columns, bound to the desk of this request."""
        return desk_of(request).once(columns)

    def get_sortable_by(self, request: HttpRequest) -> Any:
        """Sort by name and by when it is due."""
        name, _about, due, *_rest = self.get_list_display(request)
        return name, due

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Say under the heading what this is."""
        context = {"subtitle": "Who has what, confirmed or withdrawn line by line."}
        return super().changelist_view(request, context | (extra_context or {}))

    def object_view(
        self, request: HttpRequest, obj: Any, extra_context: dict[str, Any]
    ) -> HttpResponse:
        """Show how far it is, and its lines."""
        desk = desk_of(request)
        choice, page, rows = lines_page(desk, obj, request.GET)
        people, places = offered(desk, obj)
        whole = reads_all(desk.user, obj)
        is_finished = obj.finished_at is not None
        is_barred = is_finished or bool(desk.account.read_only_because)
        kept = request.GET.copy()
        kept.pop("page", None)
        kept.pop("all", None)
        context = {
            "title": obj.name,
            "state": state_of(obj),
            "facts": facts(desk, obj),
            "progress": desk.once(progress).get(obj.pk),
            "is_part": not whole,
            "verbs": self.offered(request, obj),
            "choice": choice,
            "shows": SHOWS.items(),
            "people": people,
            "places": places,
            "page": page,
            "rows": rows,
            "may_decide": not is_barred and any(row.may_choose for row in rows),
            "kept": kept.urlencode(),
            "formats": formats() if is_finished and whole else (),
            "digest": obj.digest if whole else "",
        }
        return self.page(request, obj, context)


def columns(desk: Desk) -> tuple[Any, ...]:
    """Return the columns of the list as functions of a review."""

    @admin.display(description="Review", ordering="name")
    def name(obj: Any) -> str:
        return str(obj.name)

    @admin.display(description="About")
    def of(obj: Any) -> str:
        return about_of(desk, obj)

    @admin.display(description="Due", ordering="due_at")
    def due(obj: Any) -> Any:
        return words.when(obj.due_at)

    @admin.display(description="Progress")
    def far(obj: Any) -> Any:
        return str(desk.once(progress).get(obj.pk, words.none()))

    @admin.display(description="State")
    def state(obj: Any) -> Any:
        return state_of(obj)

    return name, of, due, far, state


def about_of(desk: Desk, review: Any) -> str:
    """Return what it is of, for this reader: a place by name only if they see it."""
    key = review.subaccount_id
    if key is None or key in desk.place_names or reads_as_written(desk.user, review):
        return about(review)
    return "A subaccount"


def facts(desk: Desk, obj: Any) -> list[tuple[str, Any]]:
    """Return what the page says first; people by name to those who see them."""
    as_written = reads_as_written(desk.user, obj)
    starter = obj.words["started_by"] if as_written else "Somebody who manages people there"
    found = [
        ("About", about_of(desk, obj)),
        ("Due", words.when(obj.due_at)),
        ("Started", words.when(obj.started_at)),
        ("Started by", starter),
    ]
    if obj.finished_at is not None:
        found.append(("Finished", words.when(obj.finished_at)))
        if as_written:
            found.append(("Finished by", obj.words["finished_by"]))
    if as_written:
        found.append((obj.words["owner_label"], f"{obj.words['owner']}, not reviewed"))
    return found


# lines


class ReviewFilter(ScopedFilter):
    """By review."""

    title = "review"
    parameter_name = "review"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the reviews that the reader sees."""
        desk = desk_of(request)
        rows = reviews_of(desk.user, desk.account).values_list("pk", "name")
        return [(str(key), name) for key, name in rows[:100]]

    def matching(self, request: HttpRequest, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Return its lines."""
        return queryset.filter(review=value)


class DecisionFilter(ScopedFilter):
    """By what was said."""

    title = "decision"
    parameter_name = "decision"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the decisions."""
        return [(str(value), str(label)) for value, label in ReviewLine.Decision.choices]

    def matching(self, request: HttpRequest, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Return the lines decided so."""
        return queryset.filter(decision=value)


@admin.register(ReviewLine, site=console)
class ReviewLineAdmin(ConsoleAdmin):
    """The lines of reviews that the reader sees: where several are decided at once."""

    menu_label = "Lines of reviews"
    empty_text = "There is no line of a review that you may see."

    list_filter = (ReviewFilter, DecisionFilter)
    search_fields = ("person_label",)
    search_help_text = "Person"
    ordering = ("-review", "position")
    bulk_verbs = review_line_verbs.BULK_VERBS

    def scope(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the lines of the chosen account that the reader sees."""
        desk = desk_of(request)
        if not runs_somewhere(desk.user, desk.account):
            return ReviewLine.objects.none()
        return lines_of(desk.user, desk.account)

    def needed(self, desk: Desk) -> Collection[str]:
        """Return what changing people's roles in a subaccount takes."""
        return desk.edition.changes_subaccount

    def may_enter(self, request: HttpRequest) -> bool:
        """Say whether the reader may decide anything."""
        desk = desk_of(request)
        return runs_somewhere(desk.user, desk.account)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Load the review with it."""
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.select_related("review", "review__account")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Lead whoever chose no line of a review back to it, and say so."""
        if request.method == "POST" and not request.POST.getlist(ACTION_CHECKBOX_NAME):
            desk = desk_of(request)
            asked = request.POST.get("review", "")
            if self.may_enter(request) and row_of(reviews_of(desk.user, desk.account), asked):
                text = "Choose the lines first: no line was ticked, and nothing was changed."
                messages.warning(request, text)
                return HttpResponseRedirect(review_url(asked))
        return super().changelist_view(request, extra_context)

    def get_list_display(self, request: HttpRequest) -> Any:
        """Return the columns."""
        return person_cell, kind_cell, review_cell, decision_cell

    def get_sortable_by(self, request: HttpRequest) -> Any:
        """Keep the order of review."""
        return ()

    def object_view(
        self, request: HttpRequest, obj: Any, extra_context: dict[str, Any]
    ) -> HttpResponse:
        """Go to the review, where the line stands."""
        return HttpResponseRedirect(review_url(obj.review_id))


@admin.display(description="Person")
def person_cell(obj: Any) -> str:
    """Return whose it is."""
    return str(obj.person_label)


@admin.display(description="What")
def kind_cell(obj: Any) -> str:
    """Return what kind of thing it is about."""
    return str(obj.get_kind_display())


@admin.display(description="Review")
def review_cell(obj: Any) -> str:
    """Return the review."""
    return str(obj.review.name)


@admin.display(description="Decision")
def decision_cell(obj: Any) -> str:
    """Return what was said."""
    return str(obj.get_decision_display())


# the report


@require_safe
def report(request: HttpRequest, key: str, form: str) -> HttpResponse:
    """Hand the report of a finished review out; a foreign, missing or malformed key is one 404."""
    desk = desk_of(request)
    rows = reviews_of(desk.user, desk.account).filter(finished_at__isnull=False)
    found = row_of(rows.select_related("account"), key)
    if found is None or form not in formats() or not reads_all(desk.user, found):
        raise Http404
    made = file_of(found, form)
    return HttpResponse(
        made.content,
        headers={
            "Content-Type": made.type,
            "Content-Disposition": content_disposition_header(True, made.name) or "",
            "Cache-Control": "no-store, private",
            "X-Content-Type-Options": "nosniff",
        },
    )


console.add_page("access-reviews/<str:key>/report.<slug:form>", report, name="review_report")
