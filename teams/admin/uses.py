"""What uses a list or a template, as far as the reader sees it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from permissions import access
from permissions.resources import registry
from teams.admin import words
from teams.admin.site import console
from teams.models import Campaign, MailingList, Segment

NAMED = 5


def uses_of(request: HttpRequest, obj: Any) -> Any:
    """Return the names of campaigns, and of segments of a list, that use ``obj`` and are in use
    themselves; those that have a page lead there."""
    found = list(_rows(request, obj.campaigns.filter(archived_at=None)))
    if isinstance(obj, MailingList):
        found += _rows(request, obj.segments.filter(archived_at=None))
    if not found:
        return words.none("Nothing that you see")
    named = format_html_join(", ", "{}", ((_link(row),) for row in found[:NAMED]))
    rest = " and more" if len(found) > NAMED else ""
    return format_html("{}{}", named, rest)


def _rows(request: HttpRequest, rows: Any) -> Any:
    """Return the first of ``rows`` that the reader sees, one more than are named."""
    view = registry.of(rows.model).actions["view"]
    return access.visible(rows, request.user, view).order_by("name", "pk")[: NAMED + 1]


def _link(row: Campaign | Segment) -> Any:
    if type(row) not in console._registry:
        return row.name
    meta = row._meta
    url = reverse(f"{console.name}:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
    return format_html('<a href="{}">{}</a>', url, row.name)
