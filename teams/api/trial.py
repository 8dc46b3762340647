"""One call of the API tried in-process, as a person narrowed to one subaccount and some scopes.

For a page of the console: what a key of theirs would be answered, without making one. Only what
reads can be tried.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import quote, urlencode

from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest
from django.urls import resolve, reverse
from rest_framework.authentication import BaseAuthentication

from teams.api.document import URLS, document
from teams.models import ApiKey, Subaccount

#: operations that change nothing although they are a POST
ASKING = frozenset({"check"})
#: what stands in the line to copy
PLACEHOLDER = "sak_…"


@dataclass(frozen=True, slots=True)
class Parameter:
    """Something to fill in: ``where`` is path, query or body."""

    name: str
    where: str
    required: bool
    help: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation that can be tried."""

    codename: str
    label: str
    method: str
    path: str
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered, ready to be shown."""

    status: int
    reason: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str = ""
    curl: str = ""


def operations() -> dict[str, Operation]:
    """Return what can be tried by codename, as the document describes it."""
    said = document()
    shapes = said["components"]["schemas"]
    found = {}
    for path, methods in said["paths"].items():
        for method, one in methods.items():
            codename = one["operationId"]
            if method == "get" or codename in ASKING:
                parameters = [_parameter(p) for p in one.get("parameters", ())]
                parameters += _of_body(one, shapes)
                label = f"{one['summary']} ({method.upper()} {path})"
                found[codename] = Operation(codename, label, method, path, tuple(parameters))
    return found


def _parameter(said: Any) -> Parameter:
    shape = said.get("schema", {})
    return Parameter(
        said["name"],
        said["in"],
        bool(said.get("required")),
        said.get("description", ""),
        tuple(map(str, shape.get("enum", ()))),
    )


def _of_body(one: Any, shapes: Any) -> list[Parameter]:
    content = one.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return []
    shape = shapes[content["schema"]["$ref"].rpartition("/")[2]]
    return [
        Parameter(name, "body", name in shape.get("required", ()), said.get("description", ""))
        for name, said in shape["properties"].items()
    ]


def try_call(
    request: HttpRequest,
    subaccount: Subaccount,
    scopes: Sequence[str],
    operation: Operation,
    values: dict[str, str],
) -> Answer:
    """Return the answer to one call, made as whoever sent ``request``."""
    person: Any = request.user  # the page is open to logins alone
    path, query, body = _filled(operation, values)
    root = reverse("api:schema").removesuffix("schema/")
    key = ApiKey(
        account=subaccount.account,
        subaccount=subaccount,
        created_by=person,
        name="API test",
        prefix="",
        scopes=list(scopes),
    )
    call = _request(request, operation.method, f"{root}{path}", query, body)
    match = resolve(f"/{path}", urlconf=URLS)
    opened: Any = match.func  # what as_view made: it names its class
    view = opened.cls.as_view(authentication_classes=[_as(key)])
    response = view(call, *match.args, **match.kwargs)
    address = request.build_absolute_uri(call.get_full_path())
    return Answer(
        response.status_code,
        response.reason_phrase,
        sorted(response.items()),
        json.dumps(json.loads(response.content), indent=2, ensure_ascii=False)
        if response.content
        else "",
        _curl(operation.method, address, body),
    )


def _filled(operation: Operation, values: dict[str, str]) -> tuple[str, str, bytes]:
    path = operation.path.removeprefix("/")
    query: dict[str, str] = {}
    body: dict[str, str] = {}
    for one in operation.parameters:
        value = values.get(one.name, "")
        if one.where == "path":
            path = path.replace(f"{{{one.name}}}", quote(value, safe="") or "0")
        elif value or one.required:
            (query if one.where == "query" else body)[one.name] = value
    return path, urlencode(query), json.dumps(body).encode() if body else b""


def _request(request: HttpRequest, method: str, path: str, query: str, body: bytes) -> WSGIRequest:
    return WSGIRequest(
        {
            "REQUEST_METHOD": method.upper(),
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": "application/json" if body else "",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_HOST": request.get_host(),
            "wsgi.url_scheme": request.scheme,
            "wsgi.input": BytesIO(body),
        }
    )


def _as(key: ApiKey) -> type[BaseAuthentication]:
    """Return an authentication by which everything is called as ``key``, which nobody sent."""

    class Trial(BaseAuthentication):
        def authenticate(self, request: Any) -> tuple[Any, ApiKey]:
            return key.created_by, key

    return Trial


def _curl(method: str, address: str, body: bytes) -> str:
    parts = ["curl", "-H", f"'Authorization: Bearer {PLACEHOLDER}'"]
    if body:
        said = body.decode().replace("'", "'\\''")
        parts += ["-X", method.upper(), "-H", "'Content-Type: application/json'", "-d", f"'{said}'"]
    return " ".join([*parts, f"'{address}'"])
