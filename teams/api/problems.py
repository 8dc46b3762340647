"""Errors as RFC 9457 problem details: one shape, and one table from what went wrong to a status."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.signals import got_request_exception
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response

from permissions.errors import Invalid, LimitReached, NotFound, Refused
from teams.addresses import LEFT_OUT, holds_address

MEDIA_TYPE = "application/problem+json"
#: the code of every answer about something that is not there, is foreign or is not written right
NOT_FOUND = "NOT_FOUND"
#: the codes of what services raise that are about the state of things: the same call may do later
CONFLICTS = frozenset(
    {
        "ALREADY_SO", "ALREADY_USED", "ARCHIVED", "CHANGED", "EMPTY_AUDIENCE", "ENDED", "IN_USE",
        "IS_RECORD", "LIMIT_REACHED", "MASKED", "NOT_A_DRAFT", "NO_CONTENT", "NO_LIST",
        "NO_SENDER", "NO_SUBJECT", "ONLY_THE_CONTACT", "OTHER_LIST", "SETTLED", "TOO_MANY",
        "TOO_SOON", "WRONG_STATE",
    }
)  # fmt: skip


class Wrong(exceptions.APIException):
    """A call that is wrong in itself; ``status`` is its HTTP status, ``wait`` the seconds after
    which it may be made again."""

    def __init__(self, status: int, code: str, detail: str, *, wait: int = 0) -> None:
        super().__init__(detail, code)
        self.status_code = status
        self.wait = wait or None  # DRF makes Retry-After of it
        self.code = code


class Unprocessable(exceptions.APIException):
    """A body that does not say what it should; ``errors`` names each field."""

    status_code = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__("The body of the call is not what it should be.", "INVALID")
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Problem:
    """What is said of an error."""

    status: int
    code: str
    detail: str
    missing: list[dict[str, str]] = field(default_factory=list)
    errors: list[dict[str, str]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def as_json(self, request_id: str) -> dict[str, Any]:
        """Return the body."""
        return {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": int(self.status),
            "detail": self.detail,
            "code": self.code,
            "request_id": request_id,
            "missing": self.missing,
            "errors": self.errors,
        }

    def response(self, request_id: str) -> Response:
        """Return the answer."""
        return Response(
            self.as_json(request_id),
            status=self.status,
            headers=self.headers,
            content_type=MEDIA_TYPE,
        )


def problem_of(error: Exception, *, is_hashed: bool = False) -> Problem | None:
    """Return what is said of ``error``; None for what nobody expected.

    ``is_hashed`` takes addresses out of a sentence about contacts, for whoever gets none.
    """
    match error:
        case Refused():
            missing = [
                {"permission": str(m.permission), "label": m.label, "place": m.place}
                for m in error.missing
            ]
            return Problem(403, error.code, error.message, missing=missing)
        case NotFound() | Http404() | exceptions.NotFound():
            return Problem(404, NOT_FOUND, "There is no such thing here.")
        case Invalid():
            tells = is_hashed and error.code != "NOT_AN_ADDRESS" and holds_address(error.message)
            return Problem(status_of(error), error.code, f"{LEFT_OUT}." if tells else error.message)
        case PermissionDenied():
            return Problem(403, "REFUSED", "You cannot do this.")
        case Unprocessable():
            return Problem(error.status_code, "INVALID", str(error.detail), errors=error.errors)
        case exceptions.ValidationError():
            errors = list(field_errors(error.detail))
            return Problem(
                422, "INVALID", "The body of the call is not what it should be.", errors=errors
            )
        case exceptions.APIException():
            return Problem(
                int(error.status_code),
                getattr(error, "code", "") or _CODES.get(int(error.status_code), "INVALID"),
                str(error.detail),
                headers=_headers(error),
            )
    return None


def status_of(error: Invalid) -> int:
    """Return the HTTP status of what is invalid: 409 if things are not so now, else 422."""
    is_conflict = isinstance(error, LimitReached) or error.code in CONFLICTS
    return HTTPStatus.CONFLICT if is_conflict else HTTPStatus.UNPROCESSABLE_ENTITY


_CODES = {
    400: "MALFORMED",
    401: "NO_KEY",
    403: "REFUSED",
    405: "METHOD_NOT_ALLOWED",
    413: "TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    429: "TOO_MANY_CALLS",
}


def _headers(error: exceptions.APIException) -> dict[str, str]:
    found = {}
    if (wait := getattr(error, "wait", None)) is not None:
        found["Retry-After"] = str(int(wait))
    return found


def field_errors(detail: Any, path: str = "") -> Iterator[dict[str, str]]:
    """Yield {field, message, code} of what a serializer says; ``field`` is a path with dots."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            here = "" if name == "non_field_errors" else str(name)
            yield from field_errors(inner, ".".join(filter(None, (path, here))))
    elif isinstance(detail, list):
        for n, inner in enumerate(detail):
            nested = isinstance(inner, Mapping | list)
            yield from field_errors(inner, f"{path}.{n}".lstrip(".") if nested else path)
    else:
        code = getattr(detail, "code", "invalid")
        yield {"field": path, "message": str(detail), "code": str(code).upper()}


def unexpected(request: Any, error: Exception) -> Problem:
    """Tell whoever runs this of ``error``, as of any other, and the caller nothing of it."""
    got_request_exception.send(sender=type(request), request=request)
    logging.getLogger("django.request").error(
        "Internal Server Error: %s",
        request.path,
        exc_info=error,
        extra={"status_code": 500, "request": request},
    )
    return Problem(500, "INTERNAL", "Something went wrong here. Nothing was changed.")
