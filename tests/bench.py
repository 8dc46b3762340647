"""What access control costs, as ratios within one run: ``python -m tests.bench`` (make bench).

Times differ from machine to machine and hour to hour; each pair here is measured in turns on the
same rows, and only the ratio of the medians means something.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROUNDS = 60
SUBACCOUNTS = 40
LISTS = 4_000
PAGE = 100


def main() -> None:
    """Make an account with some thousand lists and compare pages over the same hundred rows."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")
        os.environ.setdefault("DATABASE_URL", f"sqlite:///{Path(folder) / 'bench.sqlite3'}")
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        report(compare())


def compare() -> list[tuple[str, float, float]]:
    """Return (what, milliseconds of the plain page, of ours) for each person."""
    from django.contrib import admin
    from django.test import Client
    from django.urls import include, path

    from teams.admin import console
    from teams.factories import (
        AccountFactory,
        MembershipFactory,
        SubaccountFactory,
        UserFactory,
    )
    from teams.models import MailingList

    account = AccountFactory(edition="emma_hq")
    places = [SubaccountFactory(account=account) for _ in range(SUBACCOUNTS)]
    MailingList.objects.bulk_create(
        MailingList(
            account=account, subaccount=places[n % SUBACCOUNTS], name=f"List {n}", slug=f"l{n}"
        )
        for n in range(LISTS)
    )
    manager, member = UserFactory(), UserFactory()
    MembershipFactory(account=account, user=manager, role="manager", reaching=places[:10])
    MembershipFactory(account=account, subaccount=places[0], user=member, role="full")
    scoped: Any = console._registry[MailingList]
    scoped.list_per_page = PAGE

    class Plain(admin.ModelAdmin):
        """A list as one writes it without access control: the same rows and columns."""

        list_display = ("name", "place", "created_at")
        list_per_page = PAGE
        list_select_related = ("subaccount",)
        search_fields = ("name",)
        ordering = ("name", "pk")
        show_full_result_count = False
        actions = None
        keys: Any = ()

        def get_queryset(self, request: Any) -> Any:
            return super().get_queryset(request).filter(subaccount__in=self.keys)

        def place(self, row: Any) -> str:
            return str(row.subaccount.name)

    site = admin.AdminSite(name="plain")
    site.register(MailingList, Plain)
    plain: Any = site._registry[MailingList]
    from django.conf import settings

    addresses = type(sys)("bench_urls")
    addresses.urlpatterns = [path("plain/", site.urls), path("", include("config.urls"))]
    settings.ROOT_URLCONF = addresses
    root = Client()
    root.force_login(UserFactory(is_staff=True, is_superuser=True))
    found = []
    for name, person, seen in (
        ("owner, 40 subaccounts", account.owner, places),
        ("manager, 10 subaccounts", manager, places[:10]),
        ("member, 1 subaccount", member, places[:1]),
    ):
        client = Client()
        client.force_login(person)
        plain.keys = [place.pk for place in seen]
        found.append(
            (
                f"list page of {PAGE} rows, {name}",
                *in_turns(
                    lambda: root.get("/plain/teams/mailinglist/"),
                    lambda client=client: client.get("/teams/mailinglist/"),
                ),
            )
        )
    return found


def in_turns(one: Callable[[], Any], other: Callable[[], Any]) -> tuple[float, float]:
    """Call both in turns and return the median of each in milliseconds."""
    taken: tuple[list[float], list[float]] = ([], [])
    for turn in range(ROUNDS + 3):
        for call, times in zip((one, other), taken, strict=True):
            start = time.perf_counter()
            answer = call()
            spent = 1000 * (time.perf_counter() - start)
            if answer.status_code != 200:
                sys.exit(f"The page answered {answer.status_code}; nothing was measured.")
            if turn >= 3:  # the first ones load templates
                times.append(spent)
    return statistics.median(taken[0]), statistics.median(taken[1])


def report(found: list[tuple[str, float, float]]) -> None:
    """Print the ratios; the target is at most twice a plain ModelAdmin."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="Ours against a plain ModelAdmin over the same rows")
    for column in ("what", "plain ms", "ours ms", "ratio", "target"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for what, plain, ours in found:
        table.add_row(what, f"{plain:.1f}", f"{ours:.1f}", f"{ours / plain:.2f}", "2.00")
    Console().print(table)


if __name__ == "__main__":
    main()
