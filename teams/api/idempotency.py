"""Doing a call once, however often it arrives, if it names an ``Idempotency-Key``.

A row is written before anything is done, and the answer into it in the transaction of the act
itself: either both are there or neither. So a call that died may be repeated, and of two at once
one acts. Only what was done is kept: what was refused changed nothing and is judged anew.

What a kept answer shows is shown again only to a key that holds at least what it held then, and
while it may still read the row.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from permissions.errors import Refused
from teams.api.parsing import body_of
from teams.api.problems import Wrong
from teams.models import ApiCall
from teams.services.base import record_refused
from teams.services.pruning import API_CALLS_KEPT

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
#: how long an answer is kept, and after how long a call without one counts as dead
KEPT = API_CALLS_KEPT
DEAD = timedelta(minutes=1)
_PRINTABLE = re.compile(r"[\x21-\x7e]{1,255}\Z")


def once(view: Any, verb: str, act: Callable[[], Response]) -> Response:
    """Return the answer of ``act``, or the one that the same POST got before; ``verb`` is how a
    refusal is recorded.

    Raises 400 for a malformed key, 422 for one that another call used, 409 while the first is still
    being carried out or where its answer may not be shown any more.
    """
    name = view.request.headers.get(HEADER) if view.request.method == "POST" else None
    if name is None:
        return _in_one(view, verb, act)
    if not _PRINTABLE.match(name):
        raise Wrong(400, "BAD_PARAMETER", f"{HEADER} is 1 to 255 printable characters, no spaces.")
    digest = _digest(view.request._request)
    claimed = _claim(view.key, name, digest)
    if isinstance(claimed, ApiCall):
        return _again(view, claimed)
    mine = ApiCall.objects.filter(
        key=view.key, idempotency_key=name, created_at=claimed, status=None
    )
    try:
        return _in_one(view, verb, act, mine)
    except BaseException:
        mine.delete()  # nothing was done: it may be repeated
        raise


def _in_one(view: Any, verb: str, act: Callable[[], Response], mine: Any = None) -> Response:
    """Carry out ``act``, all of it or nothing, and keep its answer with it.

    Raises OutOfScope for a key that may read nothing of the kind.
    """
    try:
        with transaction.atomic():
            # before anything is tried: why it fails would tell what the key may not read
            view.rows()
            response = act()
            if mine is not None and not mine.update(
                status=response.status_code, body=_kept(view, response)
            ):
                raise _in_flight()  # it took so long that another took it for dead
    except Refused as refusal:
        # the service was inside our transaction, and left it to us
        record_refused(view.actor, refusal, verb=verb)
        raise
    return response


def _digest(request: Any) -> str:
    said = f"{request.method} {request.get_full_path()}\n".encode()
    return hashlib.sha256(said + body_of(request)).hexdigest()


def _claim(key: Any, name: str, digest: str) -> ApiCall | datetime:
    """Return when the call was claimed to be carried out now, or the one that was already."""
    now = timezone.now()
    try:
        with transaction.atomic():
            ApiCall.objects.create(
                key=key, idempotency_key=name, request_digest=digest, created_at=now
            )
    except IntegrityError:
        found = ApiCall.objects.filter(key=key, idempotency_key=name).first()
    else:
        return now
    if found is None:  # it was given up this very moment
        raise _in_flight()
    is_old = found.created_at <= now - KEPT
    if found.request_digest != digest and not is_old:
        raise Wrong(
            422,
            "KEY_REUSED",
            f"This {HEADER} stood for another call. Take a new one for each call.",
        )
    if found.status is not None and not is_old:
        return found
    if not is_old and found.created_at > now - DEAD:
        raise _in_flight()
    taken = ApiCall.objects.filter(
        pk=found.pk, created_at=found.created_at, status=found.status
    ).update(created_at=now, request_digest=digest, status=None, body=None)
    if not taken:
        raise _in_flight()
    return now


def _in_flight() -> Wrong:
    return Wrong(
        409, "IN_FLIGHT", "The same call is being carried out. Repeat it in a moment.", wait=2
    )


def _rights(view: Any) -> list[str]:
    return [scope for scope in view.key.scopes if view.holds(scope)]


def _kept(view: Any, response: Response) -> Any:
    said = json.loads(json.dumps(response.data, cls=JSONEncoder))
    return {"held": _rights(view), "said": said}


def _again(view: Any, call: ApiCall) -> Response:
    """Return the answer that was kept, if the key may still read all it shows."""
    kept: Any = call.body
    held, said = kept["held"], kept["said"]
    may_read = set(held) <= set(_rights(view))
    if not may_read or not view.rows().filter(pk=said["id"]).exists():
        raise Wrong(
            409,
            "DONE_ALREADY",
            "This call was carried out. What it answered is not shown again: this key may not read "
            "all of it any more, or it is gone.",
        )
    return Response(said, status=call.status, headers={REPLAYED: "true"})
