"""``python -m tests.search``: the whole search; what it assumes stands in ``README.md`` here."""

from __future__ import annotations

import sys

from tests.search.explore import explore
from tests.search.world import RANKED, RANKLESS, Bounds

WHOLE = {
    "ranked, two subaccounts, three facts": Bounds((RANKED,), (2,), people=4, facts=3),
    "ranked, one subaccount, three facts": Bounds((RANKED,), (1,), people=4, facts=3),
    "without ranks, two subaccounts, two facts": Bounds((RANKLESS,), (2,), people=4, facts=2),
    "without ranks, one subaccount, two facts": Bounds((RANKLESS,), (1,), people=4, facts=2),
    "two accounts with a subaccount each, two facts": Bounds((RANKED, RANKED), (1, 1), 4, 2),
    "two accounts, one of each kind, one fact": Bounds((RANKED, RANKLESS), (1, 1), 4, 1),
}


def main() -> int:
    """Search within each of the bounds, say what was found, and return 1 if a law is broken."""
    wrong = 0
    for name, bounds in WHOLE.items():
        found = explore(bounds)
        print(f"{name}: {found}", flush=True)
        if found.broken:
            print("\n".join(found.broken))
            wrong = 1
    print("A law is broken." if wrong else "No law is broken.")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
