"""What may follow what: the states of invoices and of payments, each in one table."""

from __future__ import annotations

from collections.abc import Mapping

from billing.models import Invoice, Payment

_I, _P = Invoice.Status, Payment.Status

MOVES: Mapping[type[Invoice] | type[Payment], Mapping[str, frozenset[str]]] = {
    Invoice: {
        _I.DRAFT: frozenset({_I.OPEN}),
        _I.OPEN: frozenset({_I.PAID, _I.CREDITED}),
        _I.PAID: frozenset(),
        _I.CREDITED: frozenset(),
    },
    Payment: {
        # what a gateway took for failed or given up may come after all
        _P.PENDING: frozenset({_P.SUCCEEDED, _P.FAILED, _P.CANCELLED, _P.SURPLUS}),
        _P.FAILED: frozenset({_P.SUCCEEDED, _P.SURPLUS}),
        _P.CANCELLED: frozenset({_P.SUCCEEDED, _P.SURPLUS}),
        _P.SUCCEEDED: frozenset(),
        _P.SURPLUS: frozenset({_P.RETURNED}),
        _P.RETURNED: frozenset(),
    },
}


def may_become(row: Invoice | Payment, status: str) -> bool:
    """Say whether ``row`` may go from where it stands to ``status``."""
    return status in MOVES[type(row)][row.status]


def move(row: Invoice | Payment, status: str) -> None:
    """Let ``row`` stand at ``status``; the caller saves it, and holds its account's lock.

    Raises ValueError for what may not follow: callers ask ``may_become`` where that can happen.
    """
    if not may_become(row, status):
        raise ValueError(f"{type(row).__name__} {row.pk} cannot go from {row.status} to {status}")
    row.status = status
