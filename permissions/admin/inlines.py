"""Rows of another model on the page of one: scoped like a list of their own."""

from __future__ import annotations

import functools
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from permissions import access
from permissions.admin.bars import Barrable
from permissions.admin.forms import ScopedForm
from permissions.admin.related import RelatedScope
from permissions.admin.rows import require_rows
from permissions.resources import registry


class ScopedInline(Barrable, RelatedScope):
    """The rows of a guarded model that hang on the object and that the person may view.

    They are read-only until ``add_permission``, ``change_permission`` or ``delete_permission``
    names what writing needs; each is asked where the object lies, and again of every row. While the
    site bars writing they are read-only too.
    """

    model: Any
    view_permission: str = ""
    change_permission: str = ""
    delete_permission: str = ""
    form: Any = ScopedForm
    extra = 0
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows in scope; none without ``view_permission``, which a check reports."""
        base: Any = super()
        return access.visible(base.get_queryset(request), request.user, self.view_permission)

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """Return a kind of formset that knows its inline: several may show the same model."""
        base: Any = super()
        kind = base.get_formset(request, obj, **kwargs)
        kind.inline = self
        return kind

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Say whether any such row could be seen here."""
        return self._may(request, self.view_permission, obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Say whether a row could be added here."""
        return self.barred(request) is None and self._may(request, self.add_permission, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Say whether a row could be changed here."""
        return self.barred(request) is None and self._may(request, self.change_permission, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Say whether a row could be deleted here."""
        return self.barred(request) is None and self._may(request, self.delete_permission, obj)

    def _may(self, request: HttpRequest, permission: str, obj: Any) -> bool:
        """Say whether ``permission`` is held where ``obj`` lies; without one, anywhere."""
        if not permission:
            return False
        profile = access.profile_of(request.user)
        if obj is None:
            return any(profile.scope(key, permission) for key in profile.tenants)
        root, place = registry.of(obj).locate(obj)
        return place in profile.scope(root, permission)

    def save(self, request: HttpRequest, formset: Any) -> None:
        """Save the formset. Raises OutOfScope for a row that is out of the person's hands, and what
        the site bars writing with.

        What changes or goes is judged before it is written, what came or changed afterwards.
        """
        if (refusal := self.barred(request)) is not None:
            raise refusal
        deleted = {f.instance.pk for f in formset.deleted_forms} - {None}
        changed = {f.instance.pk for f in formset.initial_forms if f.has_changed()} - deleted
        judge = functools.partial(require_rows, request.user, self.model)
        judge(self.change_permission, changed)
        judge(self.delete_permission, deleted)
        formset.save()
        judge(self.add_permission, {row.pk for row in formset.new_objects})
        judge(self.change_permission, {row.pk for row, _fields in formset.changed_objects})


class ScopedTabularInline(ScopedInline, admin.TabularInline):
    """A scoped inline, one row a line."""


class ScopedStackedInline(ScopedInline, admin.StackedInline):
    """A scoped inline, one row a block."""
