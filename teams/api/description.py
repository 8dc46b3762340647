"""How the API describes itself: what every operation shares, and the settings of the document."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from teams.api.pagination import DEFAULT, LARGEST
from teams.api.problems import MEDIA_TYPE


class MissingShape(serializers.Serializer):
    """A permission that is missing, and where."""

    permission = serializers.CharField()
    label = serializers.CharField()
    place = serializers.CharField()


class FieldErrorShape(serializers.Serializer):
    """What is wrong with one field."""

    field = serializers.CharField(allow_blank=True)
    message = serializers.CharField()
    code = serializers.CharField()


class ProblemShape(serializers.Serializer):
    """What is said of an error (RFC 9457)."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(allow_blank=True)
    code = serializers.CharField()
    request_id = serializers.CharField()
    missing = MissingShape(many=True)
    errors = FieldErrorShape(many=True)


class KeyScheme(OpenApiAuthenticationExtension):
    """Tells the document how a key is sent."""

    target_class = "teams.api.authentication.KeyAuthentication"
    name = "ApiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the security scheme."""
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "sak_<prefix>_<secret>",
            "description": "An API key, made in the console for one subaccount and shown once.",
        }


_ALWAYS = {
    400: "The call is malformed, or a key stands where it is written into logs or kept.",
    401: "No key, or none that opens anything.",
    403: "The key sleeps, or does not hold what is needed; `missing` says what.",
    405: "There is no such method here.",
    413: "The body is too large.",
    429: "Too many calls in this minute.",
    500: "Something went wrong here. Nothing was changed.",
}
_OF_ONE = {404: "There is no such thing here."}
_OF_BODIES = {415: "The body is not JSON.", 422: "The body is not what it should be."}
_OF_CHANGES = {409: "Things are not so that this can be done now."}
PAGING = [
    OpenApiParameter(
        "cursor", str, description="Where the page begins: part of `next`. Empty for the first."
    ),
    OpenApiParameter(
        "page_size",
        {"type": "integer", "minimum": 1, "maximum": LARGEST, "default": DEFAULT},
        description=f"How many to answer: 1 to {LARGEST}, else {DEFAULT}.",
    ),
]
ARCHIVED = OpenApiParameter(
    "archived",
    str,
    enum=["true", "false"],
    description="`true`: only what was put away; `false`: only what was not. Both without it.",
)
_IDEMPOTENCY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[\x21-\x7e]+$"},
    OpenApiParameter.HEADER,
    description="A new name of your own for each call, which is then carried out once within 24 "
    "hours; see Repeating.",
)


def operation(
    name: str,
    summary: str,
    tag: str,
    answer: Any,
    *,
    status: int = 200,
    body: Any = None,
    query: Sequence[OpenApiParameter] = (),
    is_list: bool = False,
    changes: bool = False,
    is_new: bool = False,
    example: Any = None,
    note: str = "",
) -> Callable[[Any], Any]:
    """Describe one method of a view, with every error it may answer.

    ``changes`` says that it writes; ``is_new`` that it takes an idempotency key.
    """
    problems = dict(_ALWAYS) | _OF_ONE
    if body is not None:
        problems |= _OF_BODIES
    if changes:
        problems |= _OF_CHANGES | {422: _OF_BODIES[422]}
    parameters = [*query, *(PAGING if is_list else ()), *([_IDEMPOTENCY] if is_new else ())]
    responses: dict[Any, Any] = {
        (status, "application/json") if answer else status: answer
        or OpenApiResponse(description="Done; there is nothing to show.")
    }
    responses |= {
        (code, MEDIA_TYPE): OpenApiResponse(ProblemShape, description=text)
        for code, text in sorted(problems.items())
    }
    examples = [OpenApiExample(summary, value=example, request_only=True)] if example else None
    described = extend_schema(
        operation_id=name,
        summary=summary,
        description=f"{summary}. {note}".strip(),
        tags=[tag],
        request={"application/json": body} if body is not None else None,
        parameters=parameters,
        responses=responses,
        examples=examples,
    )

    def decorate(method: Any) -> Any:
        # or a host's own default would describe it
        method.kwargs = {"schema": AutoSchema}
        return described(method)

    return decorate


def close_bodies(result: Any, **_: Any) -> Any:
    """Say of every body that it has no other fields: they are refused."""
    shapes = result["components"]["schemas"]
    for path in result["paths"].values():
        for method in path.values():
            for content in method.get("requestBody", {}).get("content", {}).values():
                name = content["schema"].get("$ref", "").rpartition("/")[2]
                if name in shapes:
                    shapes[name]["additionalProperties"] = False
    return result


def name_ids(result: Any, **_: Any) -> Any:
    """Say of every key of a row in an address where it is found."""
    for path in result["paths"].values():
        for method in path.values():
            for one in method.get("parameters", ()):
                if one["in"] == "path":
                    one["description"] = "The `id` that its list shows."
    return result


def page_of(shape: type[serializers.Serializer], name: str) -> Any:
    """Return the shape of one page of ``shape``."""
    fields = {
        "next": serializers.URLField(allow_null=True),
        "previous": serializers.URLField(allow_null=True),
        "results": shape(many=True),
    }
    return type(f"{name}Page", (serializers.Serializer,), {**fields, "__doc__": "One page."})
