"""How much data there is at each size, and how it is spread over accounts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """How many of each; ``lists`` are the resources that are counted and paged through.

    Four fifths of the subaccounts are one Emma HQ account's, a tenth one Sailthru account's with
    teams, the rest those of small Emma Enterprise accounts: rows that nobody measured may see.
    """

    name: str
    subaccounts: int
    lists: int
    people: int

    @property
    def main(self) -> int:
        """Return how many subaccounts the Emma HQ account has."""
        return self.subaccounts * 8 // 10

    @property
    def press(self) -> int:
        """Return how many subaccounts the Sailthru account has."""
        return self.subaccounts // 10

    @property
    def others(self) -> int:
        """Return how many subaccounts the small accounts have together."""
        return self.subaccounts - self.main - self.press


SIZES = {
    size.name: size
    for size in (
        # for trying out that everything works; its ratios mean nothing
        Size("tiny", subaccounts=40, lists=2_000, people=200),
        Size("small", subaccounts=100, lists=10_000, people=1_000),
        Size("medium", subaccounts=1_000, lists=100_000, people=10_000),
        Size("large", subaccounts=10_000, lists=1_000_000, people=100_000),
    )
}
#: against which size growth is measured
SMALLEST = "small"
