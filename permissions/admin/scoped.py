"""A ModelAdmin that assumes hostile tenants.

Scoping ``get_queryset`` is not enough: stock Django still shows or accepts foreign rows through
related fields, lookups in the address, actions, popups, history and delete confirmations. Each of
these is closed here. What needs a service is a verb (``verbs.py``); stock forms (``stock.py``) are
for a host's plain rows.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.exceptions import DisallowedModelAdminToField
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import TO_FIELD_VAR
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ImproperlyConfigured
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path

from permissions import access
from permissions.admin.bulk import BulkVerb, confirm, opener
from permissions.admin.filters import accepted
from permissions.admin.related import RelatedScope
from permissions.admin.rows import key_of, rows_of
from permissions.admin.stock import READING, StockForms
from permissions.admin.verbs import Verb, act
from permissions.errors import Refused
from permissions.lookups import NEVER
from permissions.resources import registry

SEARCH_LIMIT = 100


class ScopedChangeList(ChangeList):
    """A list that may be narrower than what may be seen."""

    model_admin: ScopedModelAdmin

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        """Filter, search and order what the admin lists."""
        self.root_queryset = self.model_admin.list_scope(request)
        return super().get_queryset(request, exclude_parameters)


class ScopedModelAdmin(StockForms, RelatedScope, admin.ModelAdmin):
    """Shows the rows of ``scope(request)`` and offers ``verbs``.

    A subclass gives ``view_permission`` for a guarded model, or overrides ``scope`` and
    ``may_enter``. ``bulk_verbs`` are offered in the list's action menu. ``exact_lookups`` are the
    only field lookups the address may carry besides the parameters of declared filters. The stock
    forms are closed until ``add_permission``, ``change_permission`` or ``delete_permission`` opens
    them (see ``StockForms``).
    """

    view_permission: str = ""
    verbs: tuple[type[Verb], ...] = ()
    bulk_verbs: tuple[type[BulkVerb], ...] = ()
    exact_lookups: Collection[str] = ()

    actions: Any = ()
    actions_on_top = True  # without, the stock list writes an inline style
    list_max_show_all = 200
    list_per_page = 50
    show_full_result_count = False
    save_as = False
    view_on_site = False

    @property
    def media(self) -> forms.Media:
        """Load the scripts of stock forms and of the action menu only where there is one."""
        is_open = self.add_permission or self.change_permission or self.delete_permission
        has_menu = self.bulk_verbs or self.actions
        menu = forms.Media(js=["admin/js/actions.js"] if has_menu else [])
        return super().media if is_open else menu

    # what may be seen

    def scope(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows this person may see: those on which they hold ``view_permission``.

        Raises ImproperlyConfigured without one, as Django's views do without a queryset: no scope
        would be right to assume. A system check (E055) finds it before any request does.
        """
        if not self.view_permission:
            raise ImproperlyConfigured(
                f"{type(self).__name__} does not say which rows a person may see: name its "
                "view_permission, or override scope() and may_enter()."
            )
        return access.visible(self.model._default_manager.all(), request.user, self.view_permission)

    def may_enter(self, request: HttpRequest) -> bool:
        """Say whether there is anything here for this person, without a query of its own."""
        if not self.view_permission:
            return False
        profile = access.profile_of(request.user)
        resource = registry.of(self.model)
        return access.visible_q(resource, profile, self.view_permission) != NEVER

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the scope in the order of the list."""
        queryset = self.scope(request)
        ordering = self.get_ordering(request)
        return queryset.order_by(*ordering) if ordering else queryset

    def list_scope(self, request: HttpRequest) -> QuerySet[Any]:
        """Return what the list begins with: everything in scope, or less if a subclass narrows."""
        return self.get_queryset(request)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list that begins with ``list_scope``."""
        return ScopedChangeList

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """Return the row if it is in scope; a foreign, missing or malformed id gives None."""
        if from_field is not None:
            raise DisallowedModelAdminToField("Rows are found by their own key only.")
        if key_of(self.model, object_id) is None:
            return None
        return super().get_object(request, object_id)

    def object_or_404(self, request: HttpRequest, object_id: str) -> Any:
        """Return the row, or raise the one 404 that every other id gets."""
        for sent in (request.GET, request.POST):
            if TO_FIELD_VAR in sent and not self.to_field_allowed(request, sent[TO_FIELD_VAR]):
                raise DisallowedModelAdminToField("Rows are found by their own key only.")
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            raise Http404
        return obj

    # who may do what: the access profile answers, model-level permissions play no part

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Say whether the area exists for this person."""
        return self.may_enter(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Say whether this person may look; an object must be in scope."""
        if not self.may_enter(request):
            return False
        return obj is None or self.scope(request).filter(pk=obj.pk).exists()

    # related rows

    def related_rows(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows that other admins of this site may offer and name."""
        if self.may_enter(request):
            return self.get_queryset(request)
        nothing: QuerySet[Any] = self.model._default_manager.none()
        return nothing

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        """Refuse to find rows by anything but their key."""
        return bool(to_field == self.opts.pk.name)

    # lists

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        """Allow the parameters of declared filters, and the exact lookups on the list."""
        items = self.get_list_filter(request)
        declared: set[str] = set().union(*(accepted(item, self.model) for item in items))
        return lookup in declared or lookup in self.exact_lookups

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search within the scope, for a bounded number of characters."""
        text = search_term[:SEARCH_LIMIT].replace("\x00", "")  # no text of a database holds it
        return super().get_search_results(request, queryset, text)

    def get_actions(self, request: HttpRequest, action_location: Any = None) -> Any:
        """Offer the actions declared on this class; those of the site delete by stock code.

        Bulk verbs come as actions that open their confirmation, if this person may use them. From
        Django 6.1 on a page of one row asks too (``action_location``): it has verbs instead.
        """
        if getattr(action_location, "name", "CHANGE_LIST") != "CHANGE_LIST":
            return {}
        known = request.__dict__.setdefault("_actions", {})  # asked thrice a page
        found = known.get(self.opts.label_lower)
        if found is None:
            own = {getattr(a, "__name__", a) for a in self.actions or ()} - {"delete_selected"}
            stock = super().get_actions(request).items()
            found = {name: item for name, item in stock if name in own}
            for kind in self.bulk_verbs:
                if not kind(self, request).closed_because():
                    found[kind.name] = (opener(kind), kind.name, str(kind.label))
            known[self.opts.label_lower] = found
        return found

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Run an action on all chosen rows or on none: one that is out of scope is missing."""
        if rows_of(self.scope(request), request.POST.getlist(ACTION_CHECKBOX_NAME)) is None:
            raise Http404
        return super().response_action(request, queryset, *args, **kwargs)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list, with what may be done on it."""
        if not self.may_enter(request):
            raise self.closed(request)
        context = {"list_verbs": self.offered(request), **(extra_context or {})}
        return super().changelist_view(request, context)

    # pages of one row

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show one row, or save it where the form is open to this person."""
        obj = self.object_or_404(request, object_id)
        if request.method not in READING and not self.has_change_permission(request, obj):
            raise self.refused(request, "change", obj)
        if "_saveasnew" in request.POST:  # stock code copies, whatever save_as says
            raise self.refused(request, "copy", obj)
        return self.object_view(request, obj, extra_context or {})

    def object_view(
        self, request: HttpRequest, obj: Any, extra_context: dict[str, Any]
    ) -> HttpResponse:
        """Show the row in the stock form; override for a page of one's own."""
        context = {"verbs": self.offered(request, obj), "show_close": False, **extra_context}
        return super().change_view(request, str(obj.pk), extra_context=context)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the empty form, or save it; refuse where rows are made by verbs."""
        if not self.has_add_permission(request):
            raise self.refused(request, "add")
        return super().add_view(request, form_url, extra_context)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Ask, or delete; refuse where rows are removed by verbs."""
        obj = self.object_or_404(request, object_id)
        if not self.has_delete_permission(request, obj):
            raise self.refused(request, "delete", obj)
        return super().delete_view(request, object_id, extra_context)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """There is no stock history: it names what the reader may not see. See the audit."""
        raise Http404

    # refusals

    def refused(self, request: HttpRequest, act: str, obj: Any = None) -> Refused:
        """Return the refusal of a stock write, after telling ``on_refused``."""
        refusal = Refused(
            f"You cannot {act} {self.opts.verbose_name_plural} through this address: nothing was "
            "written. What you may do is offered on the page itself.",
            code="READ_ONLY",
        )
        if request.method not in READING:
            self.on_refused(request, refusal, act)
        return refusal

    def closed(self, request: HttpRequest) -> Refused:
        """Return the refusal of an area that does not exist for this person."""
        return Refused(
            f"You cannot open {getattr(self, 'menu_label', '') or self.opts.verbose_name_plural}: "
            "none of your roles includes it.",
            code="CLOSED",
        )

    # verbs

    def offered(self, request: HttpRequest, obj: Any = None, part: Any = None) -> list[Verb]:
        """Return the verbs this person may use: on the list, on ``obj``, or on a part of it."""
        found = []
        for kind in self.verbs:
            if kind.on_list is not (obj is None) or kind.is_part is not (part is not None):
                continue
            if part is None or isinstance(part, kind.part_type):
                verb = kind(self, request, obj, part)
                if not verb.closed_because():
                    found.append(verb)
        return found

    def act_view(
        self, request: HttpRequest, verb: str, object_id: str = "", part: str = ""
    ) -> HttpResponse:
        """Show a verb, or carry it out."""
        return act(self, request, verb, object_id, part)

    def bulk_view(self, request: HttpRequest, verb: str) -> HttpResponse:
        """Show the confirmation of a bulk verb again, or carry it out."""
        return confirm(self, request, verb)

    def chosen_urls(self, base: str, view: Any) -> list[URLPattern]:
        """Return the addresses of what is done to chosen rows, or to none in a chosen place."""
        found = []
        if any(verb.on_list and verb.choose for verb in self.verbs):
            part = path("act/<slug:verb>/<str:part>/", view, name=f"{base}_act_list_part")
            found.append(part)
        if self.bulk_verbs:
            bulk = self.admin_site.admin_view(self.bulk_view)
            found.append(path("bulk/<slug:verb>/", bulk, name=f"{base}_bulk"))
        return found

    def get_urls(self) -> list[URLPattern]:
        """Put the verbs first; leave out the redirect of bare ids."""
        base = f"{self.opts.app_label}_{self.opts.model_name}"
        view = self.admin_site.admin_view(self.act_view)
        stock = [p for p in super().get_urls() if p.name is not None]
        return [
            path("act/<slug:verb>/", view, name=f"{base}_act_list"),
            *self.chosen_urls(base, view),
            path("<str:object_id>/act/<slug:verb>/", view, name=f"{base}_act"),
            path("<str:object_id>/act/<slug:verb>/<str:part>/", view, name=f"{base}_act_part"),
            *stock,
        ]
