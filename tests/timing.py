"""Compare how long known and unknown addresses take, where a stranger could tell them apart.

``python -m tests.timing [ROUNDS]`` in a throw-away SQLite file, with the password hasher of
production. Known and unknown are asked in turn, in random order, each under a login and from a
client of its own, so that no limit is met. A permutation test says how likely a difference at least
as large is by chance alone. Exits with 1 where one is both unlikely (p < 0.001) and large enough to
be told through a network (1 % and 0.2 ms).
"""

from __future__ import annotations

import logging
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROUNDS = 200
SHUFFLES = 2000
UNLIKELY = 0.001
SHARE, SECONDS = 0.01, 0.0002


@dataclass(frozen=True)
class Compared:
    """How long one question took: medians in seconds, and the chance of such a difference."""

    name: str
    known: float
    unknown: float
    chance: float

    @property
    def tells(self) -> bool:
        """Say whether somebody could learn from it who is known."""
        apart = abs(self.known - self.unknown)
        return self.chance < UNLIKELY and apart > SECONDS and apart > SHARE * self.unknown


def chance_of(one: list[float], other: list[float]) -> float:
    """Return the share of shuffles whose medians differ at least as much as those of the two."""
    generator = random.Random(1)
    seen = abs(statistics.median(one) - statistics.median(other))
    both, size, more = [*one, *other], len(one), 0
    for _ in range(SHUFFLES):
        generator.shuffle(both)
        more += abs(statistics.median(both[:size]) - statistics.median(both[size:])) >= seen
    return (more + 1) / (SHUFFLES + 1)


def compare(name: str, ask: Callable[[int, bool], Any], rounds: int) -> Compared:
    """Ask about the known and the unknown number n, for each n, in random order."""
    generator = random.Random(2)
    took: dict[bool, list[float]] = {True: [], False: []}
    for n in range(-5, rounds):  # the first few only warm up
        order = [True, False]
        generator.shuffle(order)
        for is_known in order:
            begun = time.perf_counter()
            ask(n % (rounds + 5), is_known)
            if n >= 0:
                took[is_known].append(time.perf_counter() - begun)
    medians = {is_known: statistics.median(times) for is_known, times in took.items()}
    return Compared(name, medians[True], medians[False], chance_of(took[True], took[False]))


def questions(rounds: int) -> Iterator[tuple[str, Callable[[int, bool], Any]]]:
    """Yield each question with how it is asked."""
    from django.contrib.auth.hashers import make_password
    from django.db import transaction
    from django.test import Client
    from django.urls import reverse

    from teams import logins, services
    from teams.factories import AccountFactory, SubaccountFactory, UserFactory
    from teams.models import Account

    people, secret = logins.current(), make_password("the right password of nobody")
    for n in range(rounds + 5):
        user = people.create(
            address=f"known{n}@people.example",
            username=f"known{n}",
            password=None,
            names=("Kim", f"Person {n}"),
        )
        user.password = secret
        user.is_active = n % 4 > 0
        user.save()
        if n % 4 == 1:
            AccountFactory(owner=user)

    def client(n: int, is_known: bool) -> Client:
        return Client(REMOTE_ADDR=f"10.{int(is_known)}.{n // 250}.{n % 250 + 1}")

    def named(n: int, is_known: bool) -> str:
        return f"{'known' if is_known else 'nobody'}{n}"

    def address(n: int, is_known: bool) -> str:
        return f"{named(n, is_known)}@people.example"

    def post(n: int, is_known: bool, name: str, status: int, **data: str) -> None:
        answer = client(n, is_known).post(reverse(name), data)
        if answer.status_code != status:
            raise RuntimeError(f"{name} answered {answer.status_code}, not {status}")

    def sign_in(login: Callable[[int, bool], str]) -> Callable[[int, bool], Any]:
        return lambda n, is_known: post(
            n, is_known, "account_login", 200, login=login(n, is_known), password="a wrong one"
        )

    yield "sign-in by user name", sign_in(named)
    yield "sign-in by address", sign_in(address)
    yield (
        "password reset",
        lambda n, known: post(n, known, "account_reset_password", 302, email=address(n, known)),
    )

    owner = UserFactory(username="inviter")
    account = AccountFactory(owner=owner)
    north = SubaccountFactory(account=account)

    def invite(n: int, is_known: bool) -> None:
        with transaction.atomic():  # taken back, so that there are always as many as before
            services.invite_member(
                actor=owner,
                account=Account.objects.get(pk=account.pk),
                address=address(n, is_known),
                role="editor",
                subaccount=north,
            )
            transaction.set_rollback(True)

    yield "invitation", invite


def main(rounds: int) -> int:
    """Print one line a question; return 1 if one of them tells."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DATABASE_URL"] = f"sqlite:///{Path(folder) / 'timing.sqlite3'}"
        os.environ["EMAIL_URL"] = "dummymail://"
        os.environ["DEBUG"] = "false"
        os.environ["ALLOWED_HOSTS"] = "testserver"
        os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.dev"
        import django
        from django.core.management import call_command
        from django.test.utils import setup_test_environment

        django.setup()
        logging.disable()
        setup_test_environment()
        call_command("migrate", verbosity=0)
        print(f"{rounds} rounds each; medians in ms")
        tells = False
        for name, ask in questions(rounds):
            found = compare(name, ask, rounds)
            tells |= found.tells
            print(
                f"{name:22} known {found.known * 1000:8.2f}  unknown {found.unknown * 1000:8.2f}"
                f"  p = {found.chance:.3f}  {'TELLS' if found.tells else 'tells nothing'}"
            )
        return int(tells)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS))
