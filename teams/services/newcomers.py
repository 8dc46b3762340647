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
from enum import StrEnum
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from django.utils.formats import date_format

from permissions import access
from permissions.audit import label_of
from permissions.errors import AlreadyUsed, Invalid, Missing, Refused, ServiceError
from teams.models import Invitation, Membership, Team, TeamMembership
from teams.models.invitation import ADDRESS_LIMIT
from teams.services import invitation_mail
from teams.services.base import record_refused
from teams.services.invitations import left_this_hour, offer
from teams.services.newcomer_rows import Asked, Intake, Row, listed, open_intake, shown
from teams.services.people import add_member
from teams.services.sharing import add_to_team
from teams.services.toggles import toggle_permission

Progress = Callable[[int], None]


class Kind(StrEnum):
    """What becomes of a row."""

    INVITED = "invited"
    ADDED = "added"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


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
            kind, sentence = _bring_in(intake, intake.ask(row))
        return Result(kind, row.line, address, sentence), None
    except (Refused, Invalid) as error:
        access.forget()
        lacking = error.missing if isinstance(error, Refused) else ()
        refused = Result(Kind.REFUSED, row.line, address, error.message, str(error.code), lacking)
        return refused, error


def _bring_in(intake: Intake, asked: Asked) -> tuple[Kind, str]:
    person = intake.person(asked.address)
    return _invite(intake, asked) if person is None else _add(intake, asked, person)


# somebody who is not here, as far as the actor sees


def _invite(intake: Intake, asked: Asked) -> tuple[Kind, str]:
    try:
        offer(
            intake.change,
            address=asked.address,
            toggles=asked.toggles,
            teams=asked.teams,
            **asked.seat,
        )
    except AlreadyUsed:  # said only to those who may invite there
        _refuse_other_offer(intake, asked)
        return Kind.UNCHANGED, "Is invited already, to just that."
    return Kind.INVITED, f"Is invited as {_words(intake, asked)}."


def _refuse_other_offer(intake: Intake, asked: Asked) -> None:
    """Refuse unless what is offered to the address at that place is the very same."""
    rows = Invitation.objects.filter(
        account=intake.account,
        address=asked.address,
        subaccount=asked.subaccount,
        status=Invitation.Status.PENDING,
    )
    if intake.edition.roles_add_up:
        rows = rows.filter(role=asked.codename, custom_role=asked.custom)
    found = rows.get()
    differs = {
        "as something else": (found.role, found.custom_role) != (asked.codename, asked.custom),
        "to other subaccounts": not _is_same_reach(asked, found),
        "with other switches": set(found.toggles) != set(asked.toggles),
        "to other teams": set(found.teams.all()) != set(asked.teams),
        "until another time": found.ends_at != asked.ends_at,
    }
    if how := [words for words, is_other in differs.items() if is_other]:
        raise AlreadyUsed(
            f"Is invited already, {listed(how)}. Withdraw that invitation first.", code="DIFFERS"
        )


def _is_same_reach(asked: Asked, row: Invitation | Membership) -> bool:
    wanted = {place.pk for place in asked.managed}
    return row.all_subaccounts == asked.all_subaccounts and set(row.reach_keys) == wanted


# somebody who is here already


def _add(intake: Intake, asked: Asked, person: Any) -> tuple[Kind, str]:
    name = label_of(person)
    there = intake.memberships(person, asked)
    if there:
        membership = there[0]
        _refuse_other_role(asked, membership)
    else:
        membership = add_member(
            actor=intake.actor, account=intake.account, user=person, **asked.seat
        )
    toggles = [toggle for toggle in asked.toggles if not _is_on(membership, toggle, intake)]
    for toggle in toggles:
        toggle_permission(actor=intake.actor, membership=membership, toggle=toggle, on=True)
    teams = _teams_to_join(asked, person)
    for team in teams:
        add_to_team(actor=intake.actor, team=team, user=person, ends_at=asked.ends_at)
    if not there:
        return Kind.ADDED, f"{name} becomes {_words(intake, asked)}."
    if toggles or teams:
        given = [str(intake.edition.toggle(toggle).label) for toggle in toggles]
        given += [f"a place in the team {team.name}" for team in teams]
        return (
            Kind.ADDED,
            f"{name} is {asked.role_label} there already and is given {listed(given)}.",
        )
    return Kind.UNCHANGED, f"{name} has that already."


def _refuse_other_role(asked: Asked, membership: Membership) -> None:
    """Refuse unless the role that is there is the very same: an import changes none."""
    name = label_of(membership.user)
    if (membership.role, membership.custom_role) != (asked.codename, asked.custom):
        raise AlreadyUsed(
            f"{name} has another role there already, and a file changes no role. Change it on "
            "their page.",
            code="DIFFERS",
        )
    has_ended = membership.ends_at is not None and membership.ends_at <= timezone.now()
    if membership.status != Membership.Status.ACTIVE or has_ended:
        state = "has ended" if has_ended else "is suspended"
        raise AlreadyUsed(
            f"{name} is {asked.role_label} there, but that {state}. Wake it on their page.",
            code="ASLEEP",
        )
    differs = {
        "for other subaccounts": not _is_same_reach(asked, membership),
        "until another time": membership.ends_at != asked.ends_at,
    }
    if how := [words for words, is_other in differs.items() if is_other]:
        raise AlreadyUsed(
            f"{name} is {asked.role_label} there already, {listed(how)}, and a file changes no "
            "role. Change it on their page.",
            code="DIFFERS",
        )


def _teams_to_join(asked: Asked, person: Any) -> list[Team]:
    """Return the teams that ``person`` is not in. Raises AlreadyUsed for one in which they were."""
    rows = TeamMembership.objects.filter(user=person, team__in=asked.teams)
    ends = dict(rows.values_list("team_id", "ends_at"))
    for team in asked.teams:
        end = ends.get(team.pk)
        if end is not None and end <= timezone.now():
            raise AlreadyUsed(
                f"The place of {label_of(person)} in {team.name} has ended. Extend it instead.",
                code="ASLEEP",
            )
    return [team for team in asked.teams if team.pk not in ends]


def _is_on(membership: Membership, toggle: str, intake: Intake) -> bool:
    spec = intake.edition.find_role(membership.role)
    wanted = spec.optional.get(toggle, frozenset()) if spec else frozenset()
    table: Any = (
        membership.account_toggles if membership.is_account_level else membership.subaccount_toggles
    )
    now = timezone.now()
    on = {
        row.permission.codename
        for row in table.select_related("permission")
        if row.ends_at is None or row.ends_at > now
    }
    return bool(wanted) and wanted <= on


def _words(intake: Intake, asked: Asked) -> str:
    """Return what is asked for: role, place, reach, switches, teams and end."""
    place = asked.subaccount or intake.account
    words = [f"{asked.role_label} of {place.name}"]
    if asked.all_subaccounts:
        words.append("for all current and future subaccounts")
    elif asked.managed:
        words.append(f"for {listed(one.name for one in asked.managed)}")
    if asked.toggles:
        labels = (intake.edition.toggle(toggle).label for toggle in asked.toggles)
        words.append(f"with {listed(labels)}")
    if asked.teams:
        word = "team" if len(asked.teams) == 1 else "teams"
        words.append(f"in the {word} {listed(team.name for team in asked.teams)}")
    if asked.ends_at:
        local = timezone.localtime(asked.ends_at, timezone.get_default_timezone())
        words.append(f"until {date_format(local, 'j F Y, H:i')}")
    return ", ".join(words)


__all__ = [
    "Kind",
    "Outcome",
    "Result",
    "bring_in",
    "bring_in_all",
    "is_throttled",
    "mark_of",
    "missing_of",
    "plan",
]
