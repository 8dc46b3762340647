"""Bringing many people in from a file: invited, or added if they are here already.

What a row would do is found out by doing it and taking it back, so that rows that depend on each
other, seats and limits count as they would. Nothing is told of people whom whoever brings the file
does not see: for an address of theirs, an invitation goes out like for any other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from permissions import access
from permissions.errors import Invalid, Missing, Refused, ServiceError
from teams.models.invitation import ADDRESS_LIMIT
from teams.services import invitation_mail
from teams.services.base import record_refused
from teams.services.invitation_limits import left_this_hour
from teams.services.newcomer_giving import Kind, give
from teams.services.newcomer_rows import Intake, Row, open_intake, shown

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one row, or would: a sentence, and for a refused one its code.

    ``missing`` names what whoever brought the file would have to hold.
    """

    kind: Kind
    line: int
    address: str
    sentence: str
    code: str = ""
    missing: tuple[Missing, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file. Unless ``is_done``, nothing was changed."""

    results: list[Result]
    is_done: bool


class _TakenBack(Exception):
    """Nothing of it is to stay."""


def silent(done: int) -> None:
    """Tell nobody."""


def bring_in(*, actor: Any, account: Any, row: Row) -> Result:
    """Carry out one row: invite, add, or leave alone who has it already; say what became of it.

    Raises Refused if ``actor`` manages nobody in ``account``, NotFound if it is not theirs.
    """
    error: ServiceError | None = None
    with _recorded("bring_in", actor) as refusals:
        with transaction.atomic(), open_intake(actor, account) as intake:
            result, error = _carry_out(intake, row)
        if isinstance(error, Refused):
            refusals.append(error)
    return result


def plan(
    *, actor: Any, account: Any, rows: Sequence[Row], progress: Progress = silent
) -> list[Result]:
    """Say for each row exactly what ``bring_in_all`` would do now. Nothing is changed or sent.

    Raises as ``bring_in``.
    """
    found: list[Result] = []
    try:
        with transaction.atomic(), invitation_mail.held_back():
            found, _refusals = _go_through(actor, account, rows, progress)
            raise _TakenBack
    except _TakenBack:
        access.forget()
    return found


def bring_in_all(
    *,
    actor: Any,
    account: Any,
    rows: Sequence[Row],
    skips_refused: bool = False,
    agreed: str | None = None,
    progress: Progress = silent,
) -> Outcome:
    """Carry out all rows in one transaction, or none if one is refused.

    With ``skips_refused`` the refused ones are left out. ``agreed`` is the mark (``mark_of``) of
    the plan that was shown: if something else would be done now, nothing is. Raises as
    ``bring_in``.
    """
    found: list[Result] = []
    is_done = True
    with _recorded("bring_in_all", actor) as refusals:
        try:
            with transaction.atomic():
                with invitation_mail.held_back() as mails:
                    found, errors = _go_through(actor, account, rows, progress)
                refusals.extend(errors)
                is_refused = not skips_refused and any(r.kind == Kind.REFUSED for r in found)
                if is_refused or agreed not in (None, mark_of(found)):
                    raise _TakenBack
                for invitation in mails:
                    invitation_mail.enqueue(invitation)
        except _TakenBack:
            access.forget()
            is_done = False
    return Outcome(found, is_done)


@contextmanager
def _recorded(verb: str, actor: Any) -> Iterator[list[Refused]]:
    """Record the first of the refusals that are put into the list, or the one that is raised.

    Inside a transaction of the caller that is left to the caller, as ``service`` leaves it.
    """
    nested = connection.in_atomic_block
    refusals: list[Refused] = []
    try:
        yield refusals
    except Refused as refusal:
        access.forget()
        refusals[:] = [refusal]
        raise
    finally:
        if refusals and not nested:
            record_refused(actor, refusals[0], verb=verb)


def mark_of(results: Iterable[Result]) -> str:
    """Return a mark of what was shown: the same only if the same would be done."""
    values = [(str(r.kind), r.line, r.address, r.sentence, r.code) for r in results]
    return hashlib.sha256(repr(values).encode()).hexdigest()


def missing_of(results: Iterable[Result]) -> list[Missing]:
    """Return everything that whoever brought the file lacks, each once."""
    return list(dict.fromkeys(one for result in results for one in result.missing))


def is_throttled(result: Result, account: Any) -> bool:
    """Say whether the row was refused because the account may invite nobody for a while."""
    return result.code == "TOO_MANY" and left_this_hour(account) <= 0


def _go_through(
    actor: Any, account: Any, rows: Sequence[Row], progress: Progress
) -> tuple[list[Result], list[Refused]]:
    """Carry out all rows, each in a savepoint of its own."""
    found: list[Result] = []
    refusals: list[Refused] = []
    with open_intake(actor, account) as intake:
        for row in rows:
            result, error = _carry_out(intake, row)
            found.append(result)
            if isinstance(error, Refused):
                refusals.append(error)
            progress(len(found))
    return found, refusals


def _carry_out(intake: Intake, row: Row) -> tuple[Result, ServiceError | None]:
    """Carry out one row, or none of it."""
    address = shown(row.address, ADDRESS_LIMIT)
    try:
        with transaction.atomic():
            intake.change.asked = frozenset()  # a row speaks of the places it names itself
            kind, sentence = give(intake, intake.ask(row))
        return Result(kind, row.line, address, sentence), None
    except (Refused, Invalid) as error:
        access.forget()
        lacking = error.missing if isinstance(error, Refused) else ()
        refused = Result(Kind.REFUSED, row.line, address, error.message, str(error.code), lacking)
        return refused, error


__all__ = [
    "Outcome",
    "Result",
    "bring_in",
    "bring_in_all",
    "is_throttled",
    "mark_of",
    "missing_of",
    "plan",
]
