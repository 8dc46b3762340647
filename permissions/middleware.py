"""Let the record say by which request something came."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from django.http import HttpRequest, HttpResponse

from permissions import audit

#: the header of the answer that names its request
HEADER = "X-Request-ID"


class AuditMiddleware:
    """Give each request an identifier, which its events and its answer bear.

    It stands first, so that signing in is part of it. An identifier from outside is not taken over:
    anybody could send that of somebody else's request. A host derives from it and chooses
    ``channel = audit.HOST``.
    """

    channel: ClassVar[str] = audit.CONSOLE

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer ``request`` under a new identifier."""
        with audit.coming(self.channel, request_id=audit.new_request_id()) as came:
            response = self.get_response(request)
        response[HEADER] = came.request_id
        return response
