"""What is left of a standing for whoever acts with part of it, in one place: an API key."""

from __future__ import annotations

import sys
from dataclasses import replace

from permissions.policy.sleep import part
from permissions.policy.terms import Holding, PlaceId, Reach, Standing

#: above every role: whoever acts for the owner manages whom the owner manages, within the rest
OWNERS_RANK = sys.maxsize


def narrow(standing: Standing, place: PlaceId, permissions: frozenset[str]) -> Standing:
    """Return ``standing`` with ``permissions`` at ``place`` and nothing else.

    Nothing is added: each holding that reaches the place keeps its source, its conditions and its
    rank. An owner stays the owner, whom nobody touches, and acts as one no longer. What sleeps
    still sleeps.
    """
    there = Reach(top=False, places=frozenset({place}))

    def left(holdings: tuple[Holding, ...]) -> tuple[Holding, ...]:
        return tuple(
            replace(
                part(holding, _others(holding, permissions))[0],
                reach=there,
                rank=OWNERS_RANK if _is_owners(standing, holding) else holding.rank,
            )
            for holding in holdings
            if place in holding.reach
        )

    return replace(
        standing,
        holdings=left(standing.holdings),
        asleep=left(standing.asleep),
        sleeping=standing.sleeping & permissions,
        owner_sleeps=standing.is_owner,
    )


def _is_owners(standing: Standing, holding: Holding) -> bool:
    """Say whether ``holding`` is that of an owner who acts as one; asleep they manage nobody."""
    return standing.acts_as_owner and holding.source.kind == "owner"


def _others(holding: Holding, permissions: frozenset[str]) -> frozenset[str]:
    """Return what ``holding`` gives besides ``permissions``.

    Of what it gives and not of what exists in the root: coverage counts what is recorded, whether
    or not it exists.
    """
    return frozenset().union(*holding.rights.values()) - permissions
