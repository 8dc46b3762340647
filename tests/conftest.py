"""What every test shares: Hypothesis's profile, and the system's Chromium for browser tests."""

import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests.clock import let_the_day_be

# Transactional tests end by flushing, which the append-only audit has to allow.
pytest_plugins = ["permissions.testing"]

ROOT = Path(__file__).parent
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")

# Without these Chromium spends its first seconds on connections to its maker.
CHROMIUM_ARGUMENTS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)

#: no word that anybody looks for is made of these
CONSONANTS = "bcdfghjklmnpqrstvwxzBCDFGHJKLMNPQRSTVWXZ"

# The same examples every time, so that a failure is about the change at hand;
# HYPOTHESIS_PROFILE=long looks for new ones, and longer. On two busy cores a deadline
# measures the neighbours.
hypothesis.settings.register_profile(
    "shared", deadline=None, derandomize=True, database=None, print_blob=True
)
hypothesis.settings.register_profile("long", deadline=None, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "shared"))


#: seconds that a test takes at the most, unless it is ``deep``, on a busy machine
LONGEST = 30

#: what looks at pages and at what commands print, over services that both databases try
PAGES = ("commands", "console", "hostile")
#: of these, what a database answers in its own way: keys that are none
ANSWERED = "console/test_hostile.py"


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    """Let ``make test`` try pages on one database; ``make both`` tries them on PostgreSQL too."""
    inside = item.path.relative_to(ROOT)
    if inside.parts[0] in PAGES and inside.as_posix() != ANSWERED:
        item.add_marker("once")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run browser tests last: Playwright leaves an event loop running in the tests' thread.

    Django keeps one connection per thread or event loop, so a test of async code would
    meet a second connection there, and SQLite's lock. xdist hands tests out in this order, so of
    those the longest, which look at many pages, come first: no core waits for the other at the end.
    """

    def when(item: pytest.Item) -> int:
        if item.get_closest_marker("browser") is None:
            return 0
        return 1 if item.name.startswith("test_pages_are_accessible") else 2

    items.sort(key=when)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what stays to the end, and look at the rest less often.

    All modules, models and tests are loaded by now; to go over them again and again, for rows and
    forms that hardly ever form cycles, is what a collection is made of.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Begin no test in the last seconds of a day: once a day, one of them waits for the next.

    "Tomorrow", "in 3 days" and "this month" mean something else after midnight, and a test that
    says when something ends looks at the page a little later. What happens at the turn of a day is
    tested where the clock is set to it.
    """
    let_the_day_be(LONGEST)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Add up what tests counted with ``record_property``; xdist brings it along."""
    counted: dict[str, int] = {}
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        if report.when == "call":
            for what, number in report.user_properties:
                if isinstance(number, int):
                    counted[what] = counted.get(what, 0) + number
    for what, number in counted.items():
        terminalreporter.write_line(f"{what}: {number:,}")


@pytest.fixture(autouse=True, scope="session")
def plain_logins() -> Iterator[None]:
    """Test the apps as a host has them, with Django's own logins.

    What the console of this repository makes of signing in is asked for by ``console_logins``.
    """
    from teams.logins import Logins
    from tests.signing_in import signing_in_with

    with signing_in_with(Logins()):
        yield


@pytest.fixture(autouse=True, scope="session")
def wordless_tokens() -> Iterator[None]:
    """Let the tokens in forms be of consonants, so that none spells what a page must not say.

    Many tests look for a name, a few letters long, where it must not be. Of 64 random letters and
    digits, several times on each page, one would be it some day.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.middleware.csrf.CSRF_ALLOWED_CHARS", CONSONANTS)
        yield


@pytest.fixture(scope="session")
def the_console_logins() -> Any:
    """Return what answers for signing in to the console: one for all tests, for statements are
    kept for each."""
    from config.logins import ConsoleLogins

    return ConsoleLogins()


@pytest.fixture
def console_logins(the_console_logins: Any) -> Iterator[None]:
    """Let the console's own sign-in answer."""
    from tests.signing_in import signing_in_with

    with signing_in_with(the_console_logins):
        yield


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Start the Chromium of the system; Playwright's own would have to be downloaded."""
    executable = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if executable is None:
        pytest.skip("no Chromium")
    # Playwright's synchronous interface runs an event loop in the test's own thread, in
    # which Django would refuse its database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    # Chromium's sandbox does not start as root.
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()
    return {
        **browser_type_launch_args,
        "executable_path": executable,
        "args": [*CHROMIUM_ARGUMENTS, *sandbox],
    }
