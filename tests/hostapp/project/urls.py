"""One page, which asks a question through Django's own interface."""

from typing import Any

from crm.models import Segment
from django.http import HttpRequest, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import path

from permissions.access import visible


def segments(request: HttpRequest) -> JsonResponse:
    """Return the segments that whoever asks may see."""
    found = visible(Segment.objects.all(), request.user, "access_audience")
    return JsonResponse({"segments": sorted(found.values_list("name", flat=True))})


def segment(request: HttpRequest, pk: Any) -> JsonResponse:
    """Return what whoever asks may do with one segment."""
    found = get_object_or_404(
        visible(Segment.objects.all(), request.user, "access_audience"), pk=pk
    )
    may_delete = request.user.has_perm("teams.delete_lists", found)
    return JsonResponse({"name": found.name, "may_delete": may_delete})


urlpatterns = [path("", segments), path("<uuid:pk>/", segment)]
