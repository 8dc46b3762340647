"""What may be chosen and named in related fields: the rows of a scope, whatever the widget."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.admin.widgets import ForeignKeyRawIdWidget
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest

from permissions import access
from permissions.resources import registry


class ScopedRawId(ForeignKeyRawIdWidget):
    """A key typed by hand, named only where the row may be seen."""

    def __init__(self, *args: Any, scope: QuerySet[Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scope = scope

    def label_and_url_for_value(self, value: Any) -> tuple[str, str]:
        """Return name and address of the row; for any row out of scope, nothing."""
        key = self.rel.get_related_field().name
        try:
            if self.scope.filter(**{key: value}).exists():
                return super().label_and_url_for_value(value)
        except (TypeError, ValueError, OverflowError, ValidationError):
            pass
        return "", ""


class RelatedScope:
    """Limits the related fields of an admin or inline to rows its person may see.

    ``limit_choices_to`` of a field and everything a subclass narrows apply on top.
    """

    admin_site: Any
    model: Any
    #: the permission needed in a subaccount to put something new into it
    add_permission: str = ""

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer the rows in scope, or none at all."""
        kwargs["queryset"] = scope = self.related_scope(db_field, request)
        base: Any = super()
        field = base.formfield_for_foreignkey(db_field, request, **kwargs)
        if type(field.widget) is ForeignKeyRawIdWidget:
            old = field.widget
            field.widget = ScopedRawId(old.rel, old.admin_site, attrs=old.attrs, scope=scope)
        return field

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer the rows in scope, or none at all."""
        kwargs["queryset"] = self.related_scope(db_field, request)
        base: Any = super()
        return base.formfield_for_manytomany(db_field, request, **kwargs)

    def related_scope(self, db_field: Any, request: HttpRequest) -> QuerySet[Any]:
        """Return the related rows that may be chosen or named.

        For the field that says where something lies, the places where this person may add it;
        for a model with a scoped admin on this site, that admin's rows; for another guarded model,
        those the person may view; for any other, none.
        """
        model = db_field.remote_field.model
        rows: QuerySet[Any] = model._default_manager.all()
        if self.add_permission and is_place_field(self.model, db_field):
            return access.visible(rows, request.user, self.add_permission)
        related = self.admin_site._registry.get(model)
        scope: Callable[..., QuerySet[Any]] | None = getattr(related, "related_rows", None)
        if scope is not None:
            return scope(request)
        view = registry.of(model).actions.get("view") if model in registry else None
        return access.visible(rows, request.user, view) if view else rows.none()


def is_place_field(model: Any, db_field: Any) -> bool:
    """Say whether ``db_field`` is the foreign key to the place in which rows of ``model`` lie."""
    if model not in registry or db_field.model is not model:
        return False
    return bool(registry.of(model).place_path == db_field.attname)
