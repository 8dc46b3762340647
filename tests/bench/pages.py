"""The console's list against a plain ModelAdmin over the same rows, and access control's share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import HttpRequest
from django.test import Client, override_settings
from django.urls import include, path

from permissions import access
from permissions.profile import Profile
from teams.admin import console
from teams.models import MailingList
from tests.bench.clock import clock
from tests.bench.measure import in_turns, queries_of, ratio
from tests.bench.personas import Persona
from tests.bench.plan import PAGE
from tests.bench.reading import Budget

OURS, PLAIN = "/teams/mailinglist/", "/plain/teams/mailinglist/"


class Plain(admin.ModelAdmin):
    """A list as one writes it without access control: the same rows, order and columns."""

    list_display = ("name", "place", "created_at")
    list_per_page = PAGE
    list_select_related = ("subaccount", "created_by")
    search_fields = ("name",)
    show_full_result_count = False
    actions = None
    #: the person whose rows are shown
    persona: Persona

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows one would filter by hand."""
        return super().get_queryset(request).filter(self.persona.ideal)

    def place(self, row: Any) -> str:
        """Return where it is."""
        return str(row.subaccount.name)


plain = admin.AdminSite(name="plain")
plain.register(MailingList, Plain)
urlpatterns = [path("plain/", plain.urls), path("", include("config.urls"))]


def changelist(persona: Persona, budget: Budget) -> dict[str, Any]:
    """Return milliseconds and queries of both lists, and access control's share of ours.

    Filters that ask what there is to choose from are counted apart: the plain list has none.
    """
    scoped: Any = console.get_model_admin(MailingList)
    by_hand: Any = plain.get_model_admin(MailingList)
    by_hand.persona, by_hand.ordering = persona, scoped.ordering
    per_page, scoped.list_per_page = scoped.list_per_page, PAGE
    try:
        with override_settings(ROOT_URLCONF=__name__):
            return _compare(persona, budget, scoped)
    finally:
        scoped.list_per_page = per_page


def _compare(persona: Persona, budget: Budget, scoped: Any) -> dict[str, Any]:
    user: Any = get_user_model()
    staff = _signed_in(
        user.objects.get_or_create(username="staff", is_staff=True, is_superuser=True)[0]
    )
    client = _signed_in(persona.user)
    calls = {"ours": lambda: _get(client, OURS), "plain": lambda: _get(staff, PLAIN)}
    taken = in_turns(calls, rounds=budget.rounds, budget=budget.seconds)
    shares = []
    with stopwatch() as watch:
        for _ in range(max(5, budget.rounds // 3)):
            watch.spent = 0.0
            start = watch.tell()
            calls["ours"]()
            shares.append(watch.spent / (watch.tell() - start))
    queries = queries_of(calls["ours"])
    filters, scoped.list_filter = scoped.list_filter, ()
    try:
        without_filters = queries_of(calls["ours"])
    finally:
        scoped.list_filter = filters
    return {
        "persona": persona.name,
        "ours_ms": round(1000 * taken["ours"], 2),
        "plain_ms": round(1000 * taken["plain"], 2),
        "to_plain": round(ratio(taken["ours"], taken["plain"]), 3),
        "queries": queries,
        "filter_queries": queries - without_filters,
        "plain_queries": queries_of(calls["plain"]),
        "access_share": round(sorted(shares)[len(shares) // 2], 4),
    }


def _signed_in(user: Any) -> Client:
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)
    return client


def _get(client: Client, url: str) -> None:
    answer = client.get(url)
    if answer.status_code != 200:
        raise AssertionError(f"{url} answered {answer.status_code}; nothing was measured")


class Watch:
    """Seconds spent in what it watches; what is called from within counts once."""

    def __init__(self) -> None:
        self.tell = clock()[1]
        self.spent = 0.0
        self.depth = 0

    def watched(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``function``, timed."""

        @wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            self.depth += 1
            start = self.tell()
            try:
                return function(*args, **kwargs)
            finally:
                self.depth -= 1
                if not self.depth:
                    self.spent += self.tell() - start

        return run


#: where access control is entered: loading what somebody holds, asking it, filtering by it
ENTRIES: tuple[tuple[Any, str], ...] = (
    *(
        (access, name)
        for name in ("profile_of", "visible", "visible_q", "can", "allows", "reachable_places")
    ),
    *((Profile, name) for name in ("scope", "shared", "decide", "allows")),
)


@contextmanager
def stopwatch() -> Iterator[Watch]:
    """Yield a watch on every entry to access control."""
    watch = Watch()
    before = [(holder, name, getattr(holder, name)) for holder, name in ENTRIES]
    for holder, name, function in before:
        setattr(holder, name, watch.watched(function))
    try:
        yield watch
    finally:
        for holder, name, function in before:
            setattr(holder, name, function)
