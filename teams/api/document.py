"""The document that describes the API: OpenAPI, for anybody, as JSON or YAML."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.settings import patched_settings

from permissions.errors import NotFound
from teams.api.base import OpenView
from teams.api.description_settings import SETTINGS

URLS = "teams.api.urls"


@cache
def document() -> dict[str, Any]:
    """Return the document, its paths counted from where the API is; made once a process."""
    with patched_settings(SETTINGS):
        generator: Any = SchemaGenerator(urlconf=URLS)
        found: dict[str, Any] = generator.get_schema(request=None, public=True)
    return found


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """Answer the document: JSON, or YAML for ``?format=yaml``."""
    said = {**document(), "servers": [{"url": request.path.removesuffix("/schema/")}]}
    if request.GET.get("format") == "yaml":
        text = OpenApiYamlRenderer().render(said)
        return HttpResponse(text, content_type="application/yaml")
    return HttpResponse(json.dumps(said), content_type="application/json")


class NothingHere(OpenView):
    """Answers for every address below the API that leads nowhere, in the API's shape."""

    schema = None

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        """Answer 404, whatever the method."""
        self.refuse_keys(request)
        raise NotFound("There is no such thing here.")
