"""What comes in: JSON of bounded size, and nothing in it that no database takes."""

from __future__ import annotations

import json
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import UnreadablePostError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer

from teams.api.problems import Wrong

#: bytes of a body
LIMIT = 256 * 1024


def body_of(request: Any) -> bytes:
    """Return the body of a Django request. Raises 413 for one that is too large."""
    too_large = Wrong(413, "TOO_LARGE", f"The body may have {LIMIT // 1024} KB at most.")
    try:
        if int(request.META.get("CONTENT_LENGTH") or 0) > LIMIT:
            raise too_large
        body: bytes = request.body
    except RequestDataTooBig:
        raise too_large from None
    except (UnreadablePostError, ValueError):
        raise Wrong(400, "MALFORMED", "The body could not be read.") from None
    if len(body) > LIMIT:
        raise too_large
    return body


class StrictParser(BaseParser):
    """Reads JSON that says one thing: no name twice, no NaN, no NUL, no half of a character."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """Return the value. Raises 400, which says what is wrong and where."""
        try:
            text = stream.read().decode("utf-8")
            value = json.loads(text, object_pairs_hook=_once, parse_constant=_none)
            _refuse_unwritable(value)
        except json.JSONDecodeError as error:
            why = f"line {error.lineno}, column {error.colno}: {error.msg}"
        except _NotOurs as error:
            why = str(error)
        except UnicodeError:
            why = "it is not UTF-8, or holds half of a character"
        except (ValueError, RecursionError):
            why = "it is nested too deeply, or holds a number that is too long"
        else:
            return value
        raise Wrong(400, "MALFORMED", f"The body is not JSON as it should be: {why}.")


class _NotOurs(ValueError):
    """It may pass for JSON elsewhere; the message says what is wrong with it."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _NotOurs(f"the name {name[:60]!a} stands there twice")
        found[name] = value
    return found


def _none(word: str) -> Any:
    raise _NotOurs(f"{word} is no value")


def _refuse_unwritable(value: Any) -> None:
    """Raise ValueError for text that databases do not take, at any depth."""
    if isinstance(value, str):
        if "\x00" in value:
            raise _NotOurs("a text holds the character U+0000")
        value.encode()  # a lone surrogate raises UnicodeEncodeError, a ValueError
    elif isinstance(value, dict):
        for name, inner in value.items():
            _refuse_unwritable(name)
            _refuse_unwritable(inner)
    elif isinstance(value, list):
        for inner in value:
            _refuse_unwritable(inner)


class Renderer(JSONRenderer):
    """Writes JSON in ASCII, so that whatever is said can be written."""

    ensure_ascii = True


class OnlyJSON(BaseContentNegotiation):
    """Answers in JSON whatever is accepted, and reads JSON only."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        """Return the parser, if the call says that it brings JSON."""
        wanted = str(request.content_type or "").partition(";")[0].strip().lower()
        return parsers[0] if wanted == StrictParser.media_type else None

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:
        """Return the renderer."""
        return renderers[0], renderers[0].media_type
