"""Bulk verbs: one act on many rows, chosen in the list and confirmed on a page of its own.

The list's action menu opens the confirmation, which names every chosen row and says what will
happen to it. Confirming finds the rows again through ``scope``, runs the ordinary services in one
transaction, and does all of it or nothing. Only a POST that confirms what was shown changes
anything.
"""

from __future__ import annotations

import hashlib
import secrets
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse

from permissions.admin.rows import rows_of
from permissions.admin.verbs import Shown, Verb, VerbForm, asked_again, refuse_barred, render
from permissions.errors import Invalid, Refused, ServiceError

if TYPE_CHECKING:
    from permissions.admin.scoped import ScopedModelAdmin

#: more rows than this are not changed at once: nobody reads a longer confirmation
LIMIT = 200
FILTERS = "_changelist_filters"
DONE = "bulk_done"
REMEMBERED = 20
TOKEN = 40


class Effect(NamedTuple):
    """What a bulk verb would do to one row; ``problem`` says why it cannot."""

    row: Any
    name: str
    lines: Sequence[str]
    problem: str = ""


class BulkVerb(Verb):
    """One thing a person may do to many rows of a list, declared in ``bulk_verbs``.

    A subclass says in ``effects`` what would happen to each row and does it in ``run_row``, by
    calling services. ``refusal`` keeps it out of the menu.
    """

    on_list = True
    is_danger = True
    template = "permissions/bulk.html"

    def __init__(
        self, model_admin: ScopedModelAdmin, request: HttpRequest, rows: Sequence[Any] = ()
    ) -> None:
        super().__init__(model_admin, request)
        self.rows = list(rows)

    def noun(self, count: int) -> str:
        """Return what ``count`` rows are called."""
        meta = self.admin.opts
        return str(meta.verbose_name if count == 1 else meta.verbose_name_plural)

    def counted(self) -> str:
        """Return how many rows are chosen, in words."""
        return f"{len(self.rows)} {self.noun(len(self.rows))}"

    def title(self) -> str:
        """Return the heading: the act and how many."""
        return f"{str(self.label).rstrip('…')} {self.counted()}"

    @abstractmethod
    def effects(self, data: Mapping[str, Any]) -> list[Effect]:
        """Return what would happen to each of ``rows``. Raises Invalid for a wrong choice."""

    @abstractmethod
    def run_row(self, row: Any, data: Mapping[str, Any]) -> None:
        """Call the services for one row; ``effects`` has been asked for the same ``data``."""

    def run(self, data: Mapping[str, Any]) -> str:
        """Do it to each of ``rows``; what is raised names the row it was raised for."""
        for effect in self.effects(data):
            try:
                self.run_row(effect.row, data)
            except ServiceError as error:
                if effect.name not in error.message:
                    error.args = (f"{effect.name}: {error.message}",)
                raise
        return self.done()

    def done(self) -> str:
        """Return the sentence that says what was done."""
        return f"{self.title()}: done."

    def link(self, part: str = "") -> str:
        """Return the address that confirms."""
        meta = self.admin.opts
        base = f"{self.admin.admin_site.name}:{meta.app_label}_{meta.model_name}_bulk"
        filters = QueryDict(mutable=True)
        filters[FILTERS] = self.filters
        return reverse(base, args=[self.name]) + (f"?{filters.urlencode()}" if self.filters else "")

    @property
    def filters(self) -> str:
        """Return the query of the list one came from."""
        if FILTERS in self.request.GET:
            return self.request.GET[FILTERS]
        opened = self.request.path == super().list_url()
        return self.request.GET.urlencode() if opened else ""

    def list_url(self) -> str:
        """Return the address of the list as it was."""
        kept = QueryDict(self.filters).urlencode()
        return super().list_url() + (f"?{kept}" if kept else "")


def opener(kind: type[BulkVerb]) -> Any:
    """Return the action that opens the confirmation of ``kind``."""

    def action(model_admin: Any, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        keys = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if request.POST.get("select_across") == "1":
            keys = [str(pk) for pk in queryset.order_by().values_list("pk", flat=True)[: LIMIT + 1]]
        if len(keys) > LIMIT:
            too_many(request)
            return None
        if not keys:
            messages.warning(
                request, "Nothing was changed: there is nothing on this list any more."
            )
            return None
        verb = kind(model_admin, request, find_rows(model_admin, request, keys))
        return asked_again(verb) or page(verb, verb.form_class(verb))

    action.__name__ = kind.name
    return action


def too_many(request: HttpRequest) -> None:
    """Say that more was chosen than is changed at once."""
    messages.error(
        request,
        f"Nothing was changed: at most {LIMIT} can be changed at once. Choose fewer, "
        "or narrow the list with a filter.",
    )


def confirm(model_admin: ScopedModelAdmin, request: HttpRequest, name: str) -> HttpResponse:
    """Show the confirmation again with other choices, or carry the verb out."""
    kind = next((v for v in model_admin.bulk_verbs if v.name == name), None)
    if kind is None or not model_admin.may_enter(request):
        raise Http404
    verb = kind(model_admin, request)
    if request.method != "POST":
        return HttpResponseRedirect(verb.list_url())
    refuse_barred(verb)
    if _token(request) in request.session.get(DONE, ()):
        messages.warning(request, "This was done already. Nothing was changed a second time.")
        return HttpResponseRedirect(verb.list_url())
    keys = request.POST.getlist(ACTION_CHECKBOX_NAME)
    if len(keys) > LIMIT:
        too_many(request)
        return HttpResponseRedirect(verb.list_url())
    verb.rows = find_rows(model_admin, request, keys)
    if asked := asked_again(verb):
        return asked
    confirmed = "confirm" in request.POST
    if not confirmed and (reason := verb.refusal()):
        raise Refused(reason)
    form = verb.form_class(verb, request.POST)
    if not form.is_valid():
        return page(verb, form)
    try:
        found = verb.effects(form.cleaned_data)
        if "without" in request.POST:
            left = [effect for effect in found if not effect.problem] or found
            verb.rows, found = [effect.row for effect in left], left
        preview = _preview(verb, form.cleaned_data, found) if confirmed else None
        if confirmed and request.POST.get("shown") == fingerprint(found, preview):
            carry_out(verb, form.cleaned_data)
            return HttpResponseRedirect(verb.list_url())
    except Invalid as error:
        form.add_error(None, error.message)
        return page(verb, form)
    changed = "Nothing was changed yet: this is no longer what you were shown. Look again."
    return page(verb, form, changed if confirmed else "")


def carry_out(verb: BulkVerb, data: Mapping[str, Any]) -> None:
    """Do it to all rows or to none; a refusal is recorded once, after the rollback."""
    try:
        with transaction.atomic():
            done = verb.run(data)
    except Refused as refusal:
        verb.admin.on_refused(verb.request, refusal, verb.name)
        raise
    session = verb.request.session
    session[DONE] = [*session.get(DONE, ()), _token(verb.request)][-REMEMBERED:]
    messages.success(verb.request, done)


def find_rows(
    model_admin: ScopedModelAdmin, request: HttpRequest, keys: Sequence[str]
) -> list[Any]:
    """Return the rows that ``keys`` name, all of them in scope, or raise the one 404."""
    rows = rows_of(model_admin.get_queryset(request), keys)
    if not rows:
        raise Http404
    return rows


def fingerprint(found: Sequence[Effect], preview: Shown | None = None) -> str:
    """Return a mark of what the confirmation showed: only that is carried out."""
    lines = [(str(e.row.pk), e.name, tuple(e.lines), e.problem) for e in found]
    shown = repr((lines, "" if preview is None else preview.digest))
    return hashlib.sha256(shown.encode()).hexdigest()


def page(verb: BulkVerb, form: VerbForm, note: str = "") -> HttpResponse:
    """Show the confirmation: every row by name, what happens to it, and what stands against it."""
    data = getattr(form, "cleaned_data", None) if form.is_bound else None
    if data is None:
        data = {
            name: form.get_initial_for_field(field, name) for name, field in form.fields.items()
        }
    found: list[Effect] = []
    if not form.is_bound or form.is_valid():
        found = verb.effects(data)
    preview = _preview(verb, data, found)
    return render(
        verb,
        form,
        effects=found,
        blocked=sum(bool(effect.problem) for effect in found),
        preview=preview,
        shown=fingerprint(found, preview),
        note=note,
        token=_token(verb.request),
        checkbox=ACTION_CHECKBOX_NAME,
    )


def _preview(verb: BulkVerb, data: Mapping[str, Any], found: Sequence[Effect]) -> Shown | None:
    """Return what all of it amounts to, where nothing stands against it."""
    if not found or any(effect.problem for effect in found):
        return None
    return verb.preview(data)


def _token(request: HttpRequest) -> str:
    """Return what marks one confirmation, so that it is not carried out twice."""
    posted = request.POST.get("token", "")
    return posted if 0 < len(posted) <= TOKEN else secrets.token_urlsafe(12)
