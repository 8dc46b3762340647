"""A ModelAdmin that assumes hostile tenants.

Scoping ``get_queryset`` is not enough: stock Django still shows or accepts foreign rows through
related fields, lookups in the address, actions, popups, history and delete confirmations. Each of
these is closed here. Nothing is written through stock forms; every write is a verb (``verbs.py``)
that calls a service.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.exceptions import DisallowedModelAdminLookup, DisallowedModelAdminToField
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import TO_FIELD_VAR
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from permissions import access
from permissions.admin.bulk import BulkVerb, confirm, opener
from permissions.admin.verbs import Verb, act
from permissions.errors import Refused
from permissions.lookups import NEVER
from permissions.resources import registry

SEARCH_LIMIT = 100
READING = frozenset({"GET", "HEAD"})


class ScopedModelAdmin(admin.ModelAdmin):
    """Shows the rows of ``scope(request)`` and offers ``verbs``.

    A subclass gives ``view_permission`` for a guarded model, or overrides ``scope`` and
    ``may_enter``. ``bulk_verbs`` are offered in the list's action menu. ``exact_lookups`` are the
    only field lookups the address may carry besides the parameters of declared
    ``SimpleListFilter`` classes.
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
        """Load no script but that of the action menu: nothing here is a stock form."""
        return forms.Media(js=["admin/js/actions.js"] if self.bulk_verbs else [])

    # what may be seen

    def scope(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows this person may see: those on which they hold ``view_permission``."""
        if not self.view_permission:
            raise NotImplementedError(f"{type(self).__name__} has no scope: override scope().")
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

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """Return the row if it is in scope; a foreign, missing or malformed id gives None."""
        if from_field is not None:
            raise DisallowedModelAdminToField("Rows are found by their own key only.")
        try:
            return super().get_object(request, object_id)
        except OverflowError:  # more digits than any key has
            return None

    def object_or_404(self, request: HttpRequest, object_id: str) -> Any:
        """Return the row, or raise the one 404 that every other id gets."""
        if TO_FIELD_VAR in request.GET or TO_FIELD_VAR in request.POST:
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

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Rows are made by verbs."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows are changed by verbs."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows are removed by verbs."""
        return False

    # related rows

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer the rows of the related admin's scope, or none at all."""
        kwargs["queryset"] = self.related_scope(db_field, request)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer the rows of the related admin's scope, or none at all."""
        kwargs["queryset"] = self.related_scope(db_field, request)
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def related_scope(self, db_field: Any, request: HttpRequest) -> QuerySet[Any]:
        """Return the related rows that may be chosen or named."""
        model = db_field.remote_field.model
        related = self.admin_site._registry.get(model)
        if isinstance(related, ScopedModelAdmin) and related.may_enter(request):
            return related.get_queryset(request)
        nothing: QuerySet[Any] = model._default_manager.none()
        return nothing

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        """Refuse to find rows by anything but their key."""
        return False

    # lists

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Allow the parameters of declared filters, and the exact lookups on the list."""
        declared = {
            item.parameter_name
            for item in self.get_list_filter(request)  # type: ignore[arg-type]
            if isinstance(item, type) and issubclass(item, admin.SimpleListFilter)
        }
        return lookup in declared or lookup in self.exact_lookups

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search within the scope, for a bounded number of characters."""
        return super().get_search_results(request, queryset, search_term[:SEARCH_LIMIT])

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
            own = {getattr(a, "__name__", a) for a in self.actions or ()}
            stock = super().get_actions(request).items()
            found = {name: item for name, item in stock if name in own}
            for kind in self.bulk_verbs:
                if not kind(self, request).refusal():
                    found[kind.name] = (opener(kind), kind.name, str(kind.label))
            known[self.opts.label_lower] = found
        return found

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Run an action on all chosen rows or on none: one that is out of scope is missing."""
        chosen = set(request.POST.getlist(ACTION_CHECKBOX_NAME))
        try:
            found = {
                str(pk)
                for pk in self.scope(request).filter(pk__in=chosen).values_list("pk", flat=True)
            }
        except (ValueError, OverflowError):
            raise Http404 from None
        if chosen - found:
            raise Http404
        return super().response_action(request, queryset, *args, **kwargs)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list; popups and lookups by other keys do not exist."""
        if TO_FIELD_VAR in request.GET:
            raise DisallowedModelAdminLookup("Rows are found by their own key only.")
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
        """Show one row; writing here is refused, whoever asks."""
        obj = self.object_or_404(request, object_id)
        if request.method not in READING:
            raise self.refused(request, "change", obj)
        return self.object_view(request, obj, extra_context or {})

    def object_view(
        self, request: HttpRequest, obj: Any, extra_context: dict[str, Any]
    ) -> HttpResponse:
        """Show the row read-only in the stock form; override for a page of one's own."""
        context = {"verbs": self.offered(request, obj), "show_close": False, **extra_context}
        return super().change_view(request, str(obj.pk), extra_context=context)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Refuse: rows are made by verbs."""
        raise self.refused(request, "add")

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Refuse: rows are removed by verbs; the stock page would list what it drags along."""
        raise self.refused(request, "delete", self.object_or_404(request, object_id))

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """There is no stock history: it names what the reader may not see. See the audit."""
        raise Http404

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Name nothing that hangs on a row: stock code lists rows of any tenant."""
        return [], {}, {self.opts.verbose_name}, [_("not by this page")]

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

    def on_refused(self, request: HttpRequest, refusal: Refused, act: str) -> None:
        """Record a refused write; the application that knows the root overrides this."""

    # verbs

    def offered(self, request: HttpRequest, obj: Any = None, part: Any = None) -> list[Verb]:
        """Return the verbs this person may use: on the list, on ``obj``, or on a part of it."""
        found = []
        for kind in self.verbs:
            if kind.on_list is not (obj is None) or kind.is_part is not (part is not None):
                continue
            if part is None or isinstance(part, kind.part_type):
                verb = kind(self, request, obj, part)
                if not verb.refusal():
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

    def get_urls(self) -> list[URLPattern]:
        """Put the verbs first; leave out the redirect of bare ids."""
        base = f"{self.opts.app_label}_{self.opts.model_name}"
        view = self.admin_site.admin_view(self.act_view)
        bulk = self.admin_site.admin_view(self.bulk_view)
        stock = [p for p in super().get_urls() if p.name is not None]
        return [
            path("act/<slug:verb>/", view, name=f"{base}_act_list"),
            path("act/<slug:verb>/<str:part>/", view, name=f"{base}_act_list_part"),
            path("bulk/<slug:verb>/", bulk, name=f"{base}_bulk"),
            path("<str:object_id>/act/<slug:verb>/", view, name=f"{base}_act"),
            path("<str:object_id>/act/<slug:verb>/<str:part>/", view, name=f"{base}_act_part"),
            *stock,
        ]
