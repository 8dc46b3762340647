"""What is said of the lines of a review: confirmed, or withdrawn for a reason.

A line is bound to what was written down. What is gone by now is closed as gone; what is something
else by now is decided by nobody before the review is brought up to date.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from django.utils import timezone

from permissions.errors import Invalid, NotFound, OwnRights, ServiceError
from teams.models import AccessReview, ReviewLine
from teams.review_sight import lines_of
from teams.reviewed import Thing
from teams.services.base import changing, service
from teams.services.change import Change
from teams.services.gates import clean_list
from teams.services.glance import Glance
from teams.services.inputs import clean_text, expect
from teams.services.review_lines import ORDER, gate_line, withdraw_thing
from teams.services.reviews import current, refuse_finished, settled, write

Decision = ReviewLine.Decision
REASON_LIMIT = 500
#: so many lines are decided at once
MOST = 200
#: decision -> how a sentence says it
ACTS = {Decision.CONFIRMED: "confirm", Decision.WITHDRAWN: "withdraw"}


@service
def confirm_line(*, actor: Any, line: ReviewLine, reason: str = "") -> ReviewLine:
    """Say that what ``line`` is about may stay. For whoever could withdraw it, never for oneself.

    What is gone meanwhile is closed as gone. Raises Refused (OWN_RIGHTS, OUT_OF_SCOPE,
    RANK_TOO_HIGH, …), NotFound, or Invalid (SETTLED, CHANGED, FINISHED, …).
    """
    return _decide(actor, [line], Decision.CONFIRMED, reason)[0]


@service
def withdraw_line(*, actor: Any, line: ReviewLine, reason: str) -> ReviewLine:
    """Withdraw what ``line`` is about, by the service that takes such a thing away, for a reason.

    Raises what that service raises, and what ``confirm_line`` does; Invalid (EMPTY) without a
    reason.
    """
    return _decide(actor, [line], Decision.WITHDRAWN, reason)[0]


@service
def decide_lines(
    *, actor: Any, lines: Iterable[ReviewLine], decision: str, reason: str = ""
) -> list[ReviewLine]:
    """Confirm, or withdraw, several lines of one review, all or none; as one by one.

    Raises Invalid (UNKNOWN_DECISION, TOO_MANY, EMPTY, SEVERAL_REVIEWS) as well.
    """
    asked: Any = decision
    if not isinstance(asked, str) or asked not in ACTS:
        raise Invalid("A line is confirmed or withdrawn.", code="UNKNOWN_DECISION")
    return _decide(actor, clean_list(lines, "lines"), Decision(decision), reason)


def _decide(actor: Any, lines: list[Any], decision: Decision, reason: Any) -> list[ReviewLine]:
    review, keys = _chosen(lines)
    reason = _clean_reason(reason, decision)
    verb = ACTS[decision]
    with changing(actor, review.account, act=f"{verb} lines of a review") as change:
        refuse_finished(expect(review, AccessReview, "The review"))
        rows = _rows(change, keys)
        pairs = current(change.account, change.actor, rows)
        glance = _glance(change, rows)
        for line, thing in pairs:
            _check(glance, line, thing, verb)
        order = [str(kind) for kind in ORDER]
        for _line, thing in sorted(pairs, key=lambda pair: order.index(pair[0].kind)):
            if thing is not None and decision == Decision.WITHDRAWN:
                withdraw_thing(actor, thing)
        at = timezone.now()
        done = [
            settled(line, decision, change.actor, at=at, reason=reason)
            if thing is not None
            else settled(line, Decision.GONE, change.actor, at=at)
            for line, thing in pairs
        ]
        write(done)
        for line in done:
            _record(change, review, line)
    return done


def _chosen(lines: list[Any]) -> tuple[AccessReview, list[int]]:
    """Return the review and the keys of the lines somebody named. Raises Invalid or NotFound."""
    for line in lines:
        if not isinstance(line, ReviewLine) or line.pk is None:
            raise Invalid("Name lines of a review as they are stored.", code="WRONG_TYPE")
    keys = list(dict.fromkeys(line.pk for line in lines))
    if not keys:
        raise Invalid("Choose at least one line.", code="EMPTY")
    if len(keys) > MOST:
        raise Invalid(f"At most {MOST} lines are decided at once.", code="TOO_MANY")
    first = expect(lines[0], ReviewLine, "The line")
    return first.review, keys


def _rows(change: Change, keys: list[int]) -> list[ReviewLine]:
    """Return the lines as they are now, in order, to somebody who sees all of them."""
    own = ReviewLine.objects.filter(account=change.account, pk__in=keys, person=change.actor)
    if own.exists():
        error = OwnRights("You cannot decide this: nobody reviews their own access.")
        error.account = change.account
        raise error
    seen = lines_of(change.actor, change.account).filter(pk__in=keys)
    rows = list(seen.select_related("review", "person").order_by("position", "pk"))
    if len(rows) != len(keys):
        raise NotFound("There is no such line among those you see.")
    if len({row.review_id for row in rows}) > 1:
        raise Invalid("Decide the lines of one review at a time.", code="SEVERAL_REVIEWS")
    return rows


def _glance(change: Change, rows: list[ReviewLine]) -> Glance:
    """Return the change for asking, with what is recorded of everybody concerned."""
    found = cast("Glance", Glance.open(change.actor, change.account, change.profile))
    found.look_up({row.person_id for row in rows if row.person_id is not None})
    return found


def _check(change: Change, line: ReviewLine, thing: Thing | None, verb: str) -> None:
    if line.decision != Decision.OPEN:
        # not by whom, nor what it said: the reader may not know that person or that thing
        said = str(line.get_decision_display()).lower()
        raise Invalid(
            f"This line about {line.person_label} was decided already: {said}. Nothing was "
            "changed.",
            code="SETTLED",
        )
    if thing is None:
        return
    gate_line(change, thing, f"{verb} this for {line.person_label}")
    if thing.state != line.state:
        now = f"{thing.what}, {thing.where}"
        raise Invalid(
            f"What is written down about {line.person_label} has changed since: it is {now} now. "
            "Bring the review up to date and look again. Nothing was changed.",
            code="CHANGED",
        )


def _record(change: Change, review: AccessReview, line: ReviewLine) -> None:
    change.record(
        f"review.line_{line.decision}",
        review,
        line=line.pk,
        kind=line.kind,
        ref=line.ref,
        user=str(line.person_id) if line.person_id is not None else None,
        person=line.person_label,
        what=line.what,
        place=line.place,
        subaccount=line.subaccount_id,
        reason=line.reason,
    )


def _clean_reason(reason: Any, decision: Decision) -> str:
    if decision == Decision.CONFIRMED and reason == "":
        return ""
    if isinstance(reason, str) and not reason.strip():
        raise Invalid("Say why it is withdrawn. Nothing was changed.", code="EMPTY")
    return clean_text(reason, "The reason", limit=REASON_LIMIT)


def verdict(change: Change, line: ReviewLine, thing: Thing | None, verb: str) -> str:
    """Return what would be raised if the actor decided ``line``; empty for nothing."""
    try:
        _check(change, line, thing, verb)
    except ServiceError as error:
        return error.message
    return ""
