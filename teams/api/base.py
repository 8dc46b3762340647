"""What every call goes through: counted, alive, acting as its key, answered in one shape."""

from __future__ import annotations

import logging
import uuid
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable
from contextlib import ExitStack
from typing import Any, ClassVar

from django.db.models import Model, QuerySet
from drf_spectacular.openapi import AutoSchema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from permissions import access, audit
from permissions.errors import Missing, NotFound, OutOfScope
from permissions.profile import Profile
from teams import keys
from teams.api import idempotency, problems
from teams.api.authentication import KeyAuthentication, refuse_elsewhere
from teams.api.pagination import Pages
from teams.api.parsing import OnlyJSON, Renderer, StrictParser
from teams.api.problems import Wrong
from teams.catalogue import CATALOGUE, EXPORT_PII
from teams.models import Account, ApiKey, Subaccount

#: keys of rows are positive and have no more digits than every database takes
_KEY_DIGITS = 18
log = logging.getLogger("teams.refused")


class OpenView(APIView):
    """Answers anybody; the shape of answers and errors is that of every view."""

    authentication_classes: ClassVar[Any] = []
    permission_classes: ClassVar[Any] = []
    throttle_classes: ClassVar[Any] = []
    renderer_classes: ClassVar[Any] = [Renderer]
    parser_classes: ClassVar[Any] = [StrictParser]
    content_negotiation_class = OnlyJSON
    versioning_class = None
    http_method_names: ClassVar[Any] = ["get", "head", "post", "patch", "delete"]
    schema: ClassVar[AutoSchema | None] = AutoSchema()
    #: the query parameters that a GET reads; any other is refused
    query: ClassVar[tuple[str, ...]] = ()
    #: who may keep what is answered: nobody
    cache_control = "no-store"
    #: whether what it says may name a contact
    names_contacts = False
    request_id = ""

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Answer inside what the key may do, down to the last byte of the answer."""
        self.request_id = audit.current().request_id or uuid.uuid4().hex
        with ExitStack() as self.entered:
            response = super().dispatch(request, *args, **kwargs)
            response["X-Request-ID"] = self.request_id
            response["Cache-Control"] = self.cache_control
            # none of a trial on a page of the console, whose key is none that is stored
            if (counted := getattr(self.request, "counted", None)) is not None:
                for name, value in counted.headers().items():
                    response[name] = value
            response.render()
        return response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse a key in the wrong place before anybody is looked up, and what else is wrong only
        once it is known who calls, and counted: nobody tries out unseen whether a key is alive."""
        self.refuse_keys(request)
        super().initial(request, *args, **kwargs)
        self.begin()
        self.refuse_parameters(request)

    def begin(self) -> None:
        """Do what comes first once it is known who calls: nothing, for anybody."""

    def refuse_parameters(self, request: Request) -> None:
        """Refuse query parameters that are unknown, or given twice. Raises 400."""
        known = self.query if request.method in ("GET", "HEAD") else ()
        if unknown := sorted(set(request.query_params) - set(known)):
            raise Wrong(
                400,
                "UNKNOWN_PARAMETER",
                f"There is no query parameter {unknown[0][:40]!r} here; "
                + (f"choose from {', '.join(known)}." if known else "there is none."),
            )
        for name, values in request.query_params.lists():
            if len(values) > 1 or "\x00" in values[0]:
                raise Wrong(400, "BAD_PARAMETER", f"The parameter {name} is given once, as text.")

    def refuse_keys(self, request: Request) -> None:
        """Refuse a key that stands anywhere but in its header. Raises 400."""
        refuse_elsewhere(request._request)

    def handle_exception(self, exc: Exception) -> Response:
        """Answer with what is said of the error, and of an unexpected one nothing."""
        found = problems.problem_of(exc, is_hashed=self.names_contacts and self.is_hashed)
        if found is None:
            found = problems.unexpected(self.request._request, exc)
        if found.status == 401:
            found.headers["WWW-Authenticate"] = self.get_authenticate_header(self.request)
        if found.status == 403:
            log.info("refused %s %s: %s", self.request.method, self.request.path, found.code)
        response = found.response(self.request_id)
        response.exception = True
        # an unexpected one is reported; and Django would write down an address with a key in it
        response._has_been_logged = found.code in ("INTERNAL", "KEY_IN_ADDRESS")
        return response

    @property
    def is_hashed(self) -> bool:
        """Say whether this call is answered without addresses of contacts."""
        return True


class KeyView(OpenView):
    """Answers an API key, as whoever created it, narrowed to its scopes in its subaccount."""

    authentication_classes: ClassVar[Any] = [KeyAuthentication]
    is_acting = False

    def begin(self) -> None:
        """Act as the key from here on."""
        self.entered.enter_context(keys.acting(self.key, request_id=self.request_id))
        self.is_acting = True

    @property
    def key(self) -> ApiKey:
        """Return the key that calls."""
        found: ApiKey = self.request.auth
        return found

    @property
    def actor(self) -> Any:
        """Return whoever created the key."""
        return self.request.user

    @property
    def account(self) -> Account:
        """Return the account of the key."""
        return self.key.account

    @property
    def subaccount(self) -> Subaccount:
        """Return the subaccount of the key, the only place it works in."""
        return self.key.subaccount

    @property
    def profile(self) -> Profile:
        """Return what the key holds now."""
        return access.profile_of(self.actor)

    def holds(self, permission: str) -> bool:
        """Say whether the key holds ``permission`` in its subaccount now."""
        return self.subaccount.pk in self.profile.scope(self.account.pk, permission)

    def require(self, *permissions: str, act: str) -> None:
        """Refuse unless the key holds all of ``permissions``; ``act`` completes "You cannot …"."""
        lacking = [p for p in permissions if not self.holds(p)]
        if lacking:
            place = self.subaccount.name
            labels = " and ".join(str(CATALOGUE[p].label) for p in lacking)
            raise OutOfScope(
                f"You cannot {act}: this key does not hold {labels} in {place}. Whoever makes keys "
                "there can make one with it, if they hold it themselves.",
                missing=[Missing(str(p), str(CATALOGUE[p].label), place) for p in lacking],
            )

    @property
    def is_hashed(self) -> bool:
        """Say whether this key gets MD5 hashes in place of addresses of contacts."""
        return not (self.is_acting and self.holds(EXPORT_PII))


class Rows(KeyView, ABC):
    """Lists rows and adds to them, or shows and changes one of them.

    ``rows`` is the one place that says which rows there are for the key; lists, single rows,
    changes and the repetition of an answer all go through it.
    """

    @abstractmethod
    def rows(self) -> QuerySet[Any]:
        """Return the rows the key may read. Raises OutOfScope where it may read none at all."""

    @abstractmethod
    def shown(self, row: Any) -> dict[str, Any]:
        """Return ``row`` as it is answered."""

    def found(self, pk: int) -> Any:
        """Return the row with that key. Raises NotFound, alike for foreign and missing."""
        row = self.rows().filter(pk=pk).first() if pk < 10**_KEY_DIGITS else None
        if row is None:
            raise NotFound("There is no such thing here.")
        return row

    def chosen(self, name: str, known: Collection[str]) -> str | None:
        """Return the value of the filter ``name``, one of ``known``; None without. Raises 400."""
        value: str | None = self.request.query_params.get(name)
        if value is not None and value not in known:
            raise Wrong(400, "BAD_PARAMETER", f"{name} is one of {', '.join(known)}.")
        return value

    def put_away(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return ``rows`` as the filter ``archived`` asks: those put away, those not, or all."""
        wanted = self.chosen("archived", ("true", "false"))
        return rows if wanted is None else rows.filter(archived_at__isnull=wanted == "false")

    def listed(self, rows: QuerySet[Any]) -> Response:
        """Return one page of ``rows``, the newest first."""
        pages = Pages()
        page = pages.paginate_queryset(rows, self.request, view=self)
        return pages.get_paginated_response([self.shown(row) for row in self.prepared(page or [])])

    def prepared(self, page: list[Any]) -> Iterable[Any]:
        """Load what the rows of a page show beyond themselves, all at once."""
        return page

    def answer(self, row: Model, status: int = 200) -> Response:
        """Return ``row`` as it is stored now, read as any other call reads it.

        Raises 409 for one that the key may not read, which takes the change back: nobody changes
        what they then cannot see.
        """
        again = self.rows().filter(pk=row.pk).first()
        if again is None:
            raise Wrong(
                409, "OUT_OF_SIGHT", "This key could not read what it changed. Nothing was changed."
            )
        (ready,) = self.prepared([again])
        return Response(self.shown(ready), status=status)

    def once(self, verb: str, act: Any) -> Response:
        """Return the answer of ``act()``, which changes something: all of it or nothing, and once
        if the call names an idempotency key."""
        return idempotency.once(self, verb, act)


def key_of(text: str) -> int | None:
    """Return the key of a row, or None for what is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _KEY_DIGITS else None
