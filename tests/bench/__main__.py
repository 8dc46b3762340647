"""``python -m tests.bench SIZE ROUNDS SECONDS``: one run, printed as JSON.

Started by ``manage.py bench``, which chooses the database; refuses one that is not empty.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main(arguments: list[str]) -> int:
    """Run and print; return 2 for a database that is not empty."""
    size, rounds, seconds = arguments
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")
    import django
    from rich.console import Console

    django.setup()
    from tests.bench.reading import Budget
    from tests.bench.run import NotEmpty, measure, prepare, surroundings
    from tests.bench.sizes import SIZES

    began = time.perf_counter()
    console = Console(stderr=True)
    try:
        with console.status(f"{size}: starting") as status:

            def progress(what: str) -> None:
                status.update(f"{size}: {what} ({time.perf_counter() - began:.0f} s)")

            plan = prepare(SIZES[size], progress)
            found = measure(plan, Budget(int(rounds), float(seconds)), progress)
    except NotEmpty as error:
        print(error, file=sys.stderr)
        return 2
    found["surroundings"] = surroundings()
    found["seconds"] = round(time.perf_counter() - began)
    json.dump(found, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
