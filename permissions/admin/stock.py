"""Stock forms under scoped permissions: closed unless an admin names the permissions they need."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.contrib.admin.utils import NestedObjects
from django.db import router
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from permissions import access
from permissions.admin.bars import Barrable
from permissions.admin.forms import ScopedForm
from permissions.admin.inlines import ScopedInline
from permissions.admin.rows import require_rows
from permissions.errors import Refused
from permissions.resources import registry

READING = frozenset({"GET", "HEAD"})


class StockForms(Barrable):
    """The stock add, change and delete pages of a scoped admin.

    Each is closed until ``add_permission``, ``change_permission`` or ``delete_permission`` names
    what it needs. A write is judged again inside its transaction, with the root locked and the
    rights read afresh: the row as it has become, and every row of an inline.
    """

    model: Any
    opts: Any
    form: Any = ScopedForm
    add_permission: str = ""
    change_permission: str = ""
    delete_permission: str = ""

    # who may

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Say whether this person may add a row anywhere."""
        return self.barred(request) is None and self._anywhere(request, self.add_permission)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Say whether this person may change ``obj``, or anything at all."""
        return self.barred(request) is None and self._may(request, self.change_permission, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Say whether this person may delete ``obj``, or anything at all."""
        return self.barred(request) is None and self._may(request, self.delete_permission, obj)

    def _anywhere(self, request: HttpRequest, permission: str) -> bool:
        if not permission:
            return False
        profile = access.profile_of(request.user)
        return any(profile.scope(key, permission) for key in profile.tenants)

    def _may(self, request: HttpRequest, permission: str, obj: Any) -> bool:
        if obj is None:
            return self._anywhere(request, permission)
        return bool(permission) and access.allows(request.user, permission, obj)

    # what is written

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the form or save it; a refusal is recorded when everything is rolled back."""
        base: Any = super()
        try:
            answer: HttpResponse = base.changeform_view(request, *args, **kwargs)
        except Refused as refusal:
            if request.method not in READING:
                access.forget()
                self.on_refused(request, refusal, "write")
            raise
        return answer

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Lock the root, name the creator, and hand the row to ``write``."""
        self.lock(obj)
        resource = registry.of(self.model)
        if resource.created_by and not change:
            setattr(obj, resource.created_by, request.user)
        self.write(request, obj, form)

    def write(self, request: HttpRequest, obj: Any, form: Any) -> None:
        """Save the row; a subclass with a service calls it here."""
        obj.save()

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Save the rows of an inline, each judged as it was and as it has become."""
        inline = getattr(formset, "inline", None)
        if not isinstance(inline, ScopedInline):
            raise Refused("You cannot write these rows here.", code="READ_ONLY")
        inline.save(request, formset)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save what hangs on the row, then judge the row as it has become."""
        base: Any = super()
        base.save_related(request, form, formsets, change)
        permission = self.change_permission if change else self.add_permission
        require_rows(request.user, self.model, permission, [form.instance.pk])

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Lock the root, judge the row, and hand it to ``remove``."""
        self.lock(obj)
        require_rows(request.user, self.model, self.delete_permission, [obj.pk])
        self.remove(request, obj)

    def remove(self, request: HttpRequest, obj: Any) -> None:
        """Delete the row; a subclass with a service calls it here."""
        obj.delete()

    def lock(self, obj: Any) -> None:
        """Hold the root of ``obj``, so that nobody's rights in it change until this is written."""
        root, _place = registry.of(self.model).locate(obj)
        if registry.root is not None and root is not None:
            list(registry.root._default_manager.select_for_update().filter(pk=root))
        access.forget()

    # what is said

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Count what goes along; name nothing but the rows themselves.

        Stock code lists rows of any tenant. What may not be deleted with them, and what keeps
        them, is named by its kind only.
        """
        rows = list(objs)
        collector = NestedObjects(using=router.db_for_write(self.model))
        collector.collect(rows)
        counts: Counter[str] = Counter()
        denied: set[str] = set()
        going: Any = collector.model_objs
        for model, found in going.items():
            counts[str(model._meta.verbose_name_plural)] += len(found)
            delete = registry.of(model).actions.get("delete") if model in registry else None
            if (
                model is not self.model
                and delete
                and not all(access.allows(request.user, delete, row) for row in found)
            ):
                denied.add(str(model._meta.verbose_name))
        kept = Counter(str(row._meta.verbose_name_plural) for row in collector.protected)
        protected = [_("%(n)d %(kind)s") % {"n": n, "kind": kind} for kind, n in kept.items()]
        return [str(row) for row in rows], dict(counts), denied, protected

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Write no stock history: it dies with its user and names what others may not see."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Write no stock history."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Write no stock history."""

    def on_refused(self, request: HttpRequest, refusal: Refused, act: str) -> None:
        """Record a refused write; the application that knows the root overrides this."""
