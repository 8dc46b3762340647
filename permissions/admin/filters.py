"""Filters of lists that offer and accept nothing out of scope."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest


class ScopedFilter(admin.SimpleListFilter, ABC):
    """A filter by values it offers; any other value finds nothing.

    A subclass gives ``lookups`` and ``matching``.
    """

    def has_output(self) -> bool:
        """Apply also where there is nothing to offer but a value came along."""
        return super().has_output() or self.value() is not None

    @abstractmethod
    def matching(self, request: HttpRequest, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Return the rows with ``value``, which is one of those offered."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Filter; a value that is not offered finds nothing, whether it exists or not."""
        value = self.value()
        if value is None:
            return queryset
        if value not in {str(key) for key, _label in self.lookup_choices}:
            return queryset.none()
        return self.matching(request, queryset, value)


class ScopedRelatedFilter(admin.RelatedFieldListFilter):
    """A filter by a related row: ``list_filter = [("subaccount", ScopedRelatedFilter)]``.

    Stock Django offers every row there is.
    """

    def field_choices(self, field: Any, request: Any, model_admin: Any) -> Any:
        """Offer the rows that the admin lets this person choose."""
        return [(row.pk, str(row)) for row in model_admin.related_scope(field, request)]

    def has_output(self) -> bool:
        """Apply also where there is nothing to choose but a value came along."""
        return super().has_output() or self.lookup_val is not None

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        """Filter; a row that is not offered finds nothing, whether it exists or not."""
        offered = {str(key) for key, _label in self.lookup_choices}
        if self.lookup_val is not None and not set(self.lookup_val) <= offered:
            return queryset.none()
        return super().queryset(request, queryset)


def accepted(item: Any, model: Any) -> set[str]:
    """Return the parameters that one entry of ``list_filter`` accepts; none for one unscoped."""
    if isinstance(item, type) and issubclass(item, admin.SimpleListFilter):
        return {str(item.parameter_name)}
    if isinstance(item, tuple) and issubclass(item[1], ScopedRelatedFilter):
        field = model._meta.get_field(item[0])
        return {f"{item[0]}__{field.target_field.name}__exact", f"{item[0]}__isnull"}
    if isinstance(item, str) and "__" not in item:
        field = model._meta.get_field(item)
        if field.choices or field.get_internal_type() == "BooleanField":
            return {f"{item}__exact", f"{item}__isnull"}
    return set()
