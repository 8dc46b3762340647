"""What a site bars: nothing can be written there at present, whatever anybody holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest

from permissions.errors import Refused

if TYPE_CHECKING:
    from permissions.admin.verbs import Verb


class Barrable:
    """What is shown on a site that may bar writing: forms, inlines and verbs ask the one method."""

    admin_site: Any

    def barred(self, request: HttpRequest, kind: type[Verb] | None = None) -> Refused | None:
        """Return why nothing can be written on this site now, or not by ``kind`` of verb: what the
        site's ``bar`` answers, where it has one; None if it can."""
        bar = getattr(self.admin_site, "bar", None)
        found: Refused | None = None if bar is None else bar(request, kind)
        return found
