"""The document that describes the API: OpenAPI, for anybody, as JSON or YAML."""

from __future__ import annotations

import hashlib
import json
from functools import cache, lru_cache
from typing import Any, ClassVar

from django.utils.cache import get_conditional_response
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.settings import patched_settings
from rest_framework.request import Request
from rest_framework.response import Response

from permissions.errors import NotFound
from teams.api.base import OpenView
from teams.api.description_settings import SETTINGS
from teams.api.parsing import Renderer
from teams.api.problems import Wrong

URLS = "teams.api.urls"
#: how it may be written, and what each is called in an answer
FORMS = {"json": "application/json", "yaml": "application/yaml"}


@cache
def document() -> dict[str, Any]:
    """Return the document, its paths counted from where the API is; made once a process."""
    with patched_settings(SETTINGS):
        generator: Any = SchemaGenerator(urlconf=URLS)
        found: dict[str, Any] = generator.get_schema(request=None, public=True)
    return found


@lru_cache(maxsize=8)
def written(root: str, form: str) -> bytes:
    """Return the document of an API that is at ``root`` ("/api/v1"), as "json" or "yaml"."""
    said = {**document(), "servers": [{"url": root}]}
    if form == "yaml":
        text: bytes = OpenApiYamlRenderer().render(said)
        return text
    return json.dumps(said).encode()


class AsWritten(Renderer):
    """Passes on what is written already; errors are JSON."""

    def render(self, data: Any, *given: Any, **named: Any) -> bytes:
        """Return the bytes."""
        text: bytes = data if isinstance(data, bytes) else super().render(data, *given, **named)
        return text


class Schema(OpenView):
    """The document itself."""

    schema = None
    renderer_classes: ClassVar[Any] = [AsWritten]
    query: ClassVar[tuple[str, ...]] = ("format",)
    cache_control = "public, no-cache"  # to be kept, and asked for anew by its ETag

    def get(self, request: Request) -> Response:
        """Answer the document: JSON, or YAML for ``?format=yaml``; 304 to whoever has it."""
        form = request.query_params.get("format", "json")
        if form not in FORMS:
            raise Wrong(400, "BAD_PARAMETER", f"format is one of {', '.join(FORMS)}.")
        text = written(request._request.path.removesuffix("/schema/"), form)
        named = {"ETag": f'"{hashlib.sha256(text).hexdigest()[:32]}"'}
        if get_conditional_response(request._request, etag=named["ETag"]) is not None:
            return Response(status=304, headers=named)
        return Response(text, headers=named, content_type=FORMS[form])


class NothingHere(OpenView):
    """Answers for every address below the API that leads nowhere, in the API's shape."""

    schema = None

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        """Answer 404, whatever the method."""
        self.refuse_keys(request)
        raise NotFound("There is no such thing here.")
