"""Who may open which page of billing, and how a file is handed out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.http import content_disposition_header

from permissions.errors import Missing, Refused
from permissions.policy import TOP
from teams.admin.desk import Desk, desk_of
from teams.catalogue import CATALOGUE

R = TypeVar("R", bound=HttpResponseBase)


def holds(desk: Desk, permission: str) -> bool:
    """Say whether the reader holds ``permission``, one of the account's, in the chosen account."""
    return desk.holds(permission, TOP)


def holder_of(permission: str) -> Callable[[HttpRequest], bool]:
    """Return what says whether whoever sends a request holds ``permission``."""
    return lambda request: holds(desk_of(request), permission)


def lacking(desk: Desk, permission: str, what: str, place: str = "") -> Refused:
    """Return the refusal of ``what`` for want of ``permission`` in ``place``, or on the account."""
    label, where = str(CATALOGUE[permission].label), place or desk.account.name
    return Refused(
        f"You cannot {what}: it needs {label} in {where}, which you do not hold.",
        missing=[Missing(permission, label, where)],
    )


def require(request: HttpRequest, permission: str, what: str) -> Desk:
    """Return the desk of whoever may do ``what``. Raises Refused, whatever the address names."""
    desk = desk_of(request)
    if not holds(desk, permission):
        raise lacking(desk, permission, what)
    return desk


def no_lookups(request: HttpRequest) -> None:
    """Refuse parameters, as a list does those it has not declared. Raises
    DisallowedModelAdminLookup, which is answered with 400."""
    if request.GET:
        raise DisallowedModelAdminLookup("This page takes no parameters.")


def handed_out(response: R, kind: str, name: str) -> R:
    """Return ``response`` as the file ``name``: to be saved, and kept by nobody on the way."""
    response["Content-Type"] = kind
    response["Content-Disposition"] = content_disposition_header(True, name) or ""
    response["Cache-Control"] = "no-store, private"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def pdf(content: bytes, name: str) -> HttpResponse:
    """Return ``content`` as a PDF to be saved."""
    return handed_out(HttpResponse(content), "application/pdf", f"{name}.pdf")
