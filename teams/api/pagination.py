"""Pages of a list by cursor, newest first: rows that come or go meanwhile shift nothing."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination

from teams.api.problems import Wrong

DEFAULT, LARGEST = 50, 200
#: what every list reads besides its filters
PARAMETERS = ("cursor", "page_size")
_DIGITS = 18


class Pages(CursorPagination):
    """DRF's pages, which take nothing for a cursor or a size that is none."""

    ordering = "-id"
    page_size = DEFAULT
    page_size_query_param = "page_size"
    max_page_size = LARGEST

    def decode_cursor(self, request: Any) -> Cursor | None:
        """Return the cursor of the call. Raises 400 for a forged one, which DRF would hand to the
        database as it stands."""
        if "cursor" not in request.query_params:
            return None
        try:
            cursor: Cursor | None = super().decode_cursor(request)
        except (NotFound, ValueError):
            cursor = None
        position = cursor.position if cursor is not None else ""
        if cursor is None or not _is_position(position):
            raise Wrong(400, "BAD_CURSOR", "This is no cursor. Follow the links of a list.")
        return cursor

    def get_page_size(self, request: Any) -> int:
        """Return how many rows a page has. Raises 400."""
        text = request.query_params.get("page_size")
        if text is None:
            return DEFAULT
        if text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= LARGEST:
            return int(text)
        raise Wrong(400, "BAD_PARAMETER", f"page_size is a number from 1 to {LARGEST}.")


def _is_position(text: Any) -> bool:
    return text is None or (text.isascii() and text.isdigit() and len(text) <= _DIGITS)
