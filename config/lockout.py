"""Who is locked out of signing in, by which address, and what they are told."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from allauth.core.internal.httpkit import get_client_ip
from allauth.core.internal.ratelimit import truncate_ip
from axes.helpers import get_cool_off
from axes.models import AccessAttempt
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

MINUTE = timedelta(minutes=1)


def typed_name(request: HttpRequest, credentials: Mapping[str, Any] | None) -> str:
    """Return the name under which failures are counted: what was typed, in small letters.

    Not the login it stands for: then a lock under the address would show whose user name it is.
    """
    return str((credentials or {}).get("username") or "").strip().lower()


def client_address(request: HttpRequest) -> str | None:
    """Return the address of the client, as far as TRUSTED_PROXIES lets a header say it.

    Of IPv6 the network, because whoever has one address there has all of its network.
    """
    address = get_client_ip(request)
    return truncate_ip(address) if address else None


def locked_out(
    request: HttpRequest, response: HttpResponse, credentials: Mapping[str, Any] | None
) -> HttpResponse:
    """Return the page that says how long to wait."""
    failed = AccessAttempt.objects.filter(
        username=typed_name(request, credentials), ip_address=client_address(request)
    )
    last = failed.aggregate(last=Max("attempt_time"))["last"] or timezone.now()
    left = max(last + get_cool_off(request) - timezone.now(), MINUTE)
    minutes = math.ceil(left / MINUTE)
    page = render(request, "account/locked_out.html", {"minutes": minutes}, status=429)
    page["Retry-After"] = str(minutes * 60)
    return page
