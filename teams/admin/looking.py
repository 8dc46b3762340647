"""What operators look at: rows on the operator site that nobody writes there."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest


class LookedAt(admin.ModelAdmin):
    """Every operator may look; a subclass that lets them write says so itself."""

    actions: Any = ()
    show_full_result_count = False
    list_max_show_all = 200
    view_on_site = False
    change_form_template = "teams/operator/form.html"

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Say that every operator may look."""
        return True

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let every operator look."""
        return True

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nothing is made here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing is changed here."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing is deleted here."""
        return False

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        """There is no stock history; the audit has it."""
        raise Http404
