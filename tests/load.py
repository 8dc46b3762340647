"""Carry many contacts in and out within 512 MB, and say how long it took.

``python -m tests.load [ROWS]`` in the database that DATABASE_URL names, or in a throw-away SQLite
file. What is carried is made up here; each command runs in a process of its own that can have no
more memory than that.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LIMIT = 512 << 20
ROWS = 100_000
PLACE = ("--actor", "load.owner", "--account", "load", "--subaccount", "north")


@dataclass(frozen=True)
class Figures:
    """What one command took."""

    name: str
    seconds: float
    megabytes: float


def manage(env: dict[str, str], *command: str, limit: int = 0) -> tuple[float, float]:
    """Run a command of the console; return seconds and its highest memory in MB."""
    program = (
        "import resource, sys\n"
        f"if {limit}: resource.setrlimit(resource.RLIMIT_AS, ({limit}, {limit}))\n"
        "from django.core.management import execute_from_command_line\n"
        "execute_from_command_line(sys.argv)\n"
    )
    begun = time.perf_counter()
    arguments = [sys.executable, "-c", program, *command]
    child = os.posix_spawn(
        sys.executable, arguments, {**os.environ, **env, "PYTHONPATH": str(ROOT)}
    )
    _pid, status, usage = os.wait4(child, 0)
    if code := os.waitstatus_to_exitcode(status):
        raise RuntimeError(f"{command[0]} ended with {code}")
    return time.perf_counter() - begun, usage.ru_maxrss / 1024


def people(path: Path, rows: int) -> None:
    """Write a file of ``rows`` contacts."""
    with path.open("w") as file:
        file.write("Address,First name,Last name\n")
        for n in range(rows):
            file.write(f"reader{n}@load.example,Reader,Number {n}\n")


def found(path: Path) -> int:
    """Return how many different addresses an exported file holds."""
    with path.open(encoding="utf-8-sig") as file:
        return len({line.partition(",")[0] for line in file}) - 1


def carry(env: dict[str, str], folder: Path, rows: int) -> Iterator[Figures]:
    """Import, import again with other names, and export; yield what each took."""
    given, taken = folder / "given.csv", folder / "taken.csv"
    people(given, rows)
    yield Figures("import", *manage(env, "import_contacts", str(given), *PLACE, limit=LIMIT))
    text = given.read_text().replace("Number", "Nr")
    given.write_text(text)
    yield Figures("change", *manage(env, "import_contacts", str(given), *PLACE, limit=LIMIT))
    output = ("--output", str(taken))
    yield Figures("export", *manage(env, "export_contacts", *PLACE, *output, limit=LIMIT))
    if found(taken) != rows:
        raise RuntimeError(f"{found(taken)} of {rows} contacts came back")


@contextmanager
def prepared() -> Iterator[tuple[dict[str, str], Path]]:
    """Yield the environment of an empty account in a database, and a folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = os.environ.get("DATABASE_URL") or f"sqlite:///{folder}/load.sqlite3"
        env = {
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "config.settings.dev",
            "FILES_DIR": str(folder / "files"),
        }
        os.environ.update(env)
        manage(env, "migrate", "--verbosity", "0")
        import django

        django.setup()
        account()
        yield env, folder


def account() -> Any:
    """Make the account that the contacts are carried into, and out of."""
    from teams.factories import AccountFactory, SubaccountFactory, UserFactory

    owner = UserFactory(username="load.owner")
    made = AccountFactory(slug="load", edition="emma_hq", owner=owner)
    return SubaccountFactory(account=made, slug="north", name="North")


def main(arguments: list[str]) -> None:
    """Measure and print."""
    rows = int(arguments[0]) if arguments else ROWS
    with prepared() as (env, folder):
        kind = env["DATABASE_URL"].partition(":")[0]
        print(f"{rows:,} contacts, {kind}, at most {LIMIT >> 20} MB a process")
        for figures in carry(env, folder, rows):
            rate = rows / figures.seconds
            print(
                f"{figures.name:8} {figures.seconds:7.1f} s {rate:8,.0f} a second "
                f"{figures.megabytes:6.0f} MB"
            )
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"highest of all: {peak:.0f} MB")


if __name__ == "__main__":
    main(sys.argv[1:])
