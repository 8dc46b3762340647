"""Access reviews: started, brought up to date, and finished. What is said of a line is decided in
``teams.services.review_decisions``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone

from permissions.audit import label_of
from permissions.errors import Invalid, LimitReached, NotFound
from permissions.policy import TOP, PlaceId
from teams.catalogue import CATALOGUE
from teams.models import AccessReview, Account, ReviewLine, Subaccount
from teams.review_reading import Reading
from teams.review_report import digest_of
from teams.review_sight import reads_all, reads_as_written
from teams.reviewed import Thing, rows_of
from teams.services.base import changing, service
from teams.services.change import Change
from teams.services.gates import clean_end, clean_flag, own_subaccount, places_of, refuse_archived
from teams.services.inputs import clean_text, expect
from teams.services.review_scope import things_in

NAME_LIMIT = 120
#: so many reviews of an account may be open at once
MOST = 50
#: open lines that are named where they stand against finishing
NAMED = 3
Decision = ReviewLine.Decision


@service
def start_review(
    *,
    actor: Any,
    account: Account,
    name: str,
    due_at: datetime,
    subaccount: Subaccount | None = None,
    permission: str = "",
) -> AccessReview:
    """Write down who has what in ``account``, or in one ``subaccount``, to be gone through by
    ``due_at``; with ``permission`` (a codename) only what gives that.

    For whoever may change who works there. Lines are what the actor sees; if that is not all, the
    review says so. Raises Refused, LimitReached, NotFound or Invalid (EMPTY, ENDED, WRONG_TYPE,
    UNKNOWN_PERMISSION, WRONG_LEVEL, ARCHIVED, NOTHING_TO_DO, …).
    """
    account = expect(account, Account, "The account")
    act = "start an access review"
    with changing(actor, account, act=act) as change:
        place = own_subaccount(change, subaccount) if subaccount is not None else None
        gate_review(change, place, act)
        if place is not None:
            refuse_archived(place)
        name = clean_text(name, "The name", limit=NAME_LIMIT)
        due_at = _clean_due(due_at)
        permission = _clean_permission(change, place, permission)
        if _open(change.account).count() >= MOST:
            raise LimitReached(
                f"{change.account.name} has {MOST} open access reviews. Finish one first."
            )
        things, is_whole = things_in(change, place, permission)
        if not things:
            raise Invalid(
                "There is nothing to review: nobody but the owner has anything there that you "
                "see. No review was started.",
                code="NOTHING_TO_DO",
            )
        review = AccessReview.objects.create(
            account=change.account,
            subaccount=place,
            permission=permission,
            name=name,
            started_by=change.actor,
            due_at=due_at,
            words=_words(change, place, permission, is_whole=is_whole),
        )
        ReviewLine.objects.bulk_create(
            [_line(review, thing, position) for position, thing in enumerate(things)],
            batch_size=500,
        )
        change.record(
            "review.started",
            review,
            name=name,
            subaccount=place.pk if place else None,
            permission=permission,
            due_at=due_at.isoformat(),
            lines=len(things),
            whole=is_whole,
        )
    return review


@service
def refresh_review(*, actor: Any, review: AccessReview) -> AccessReview:
    """Write down anew what open lines are about: what is gone is closed as gone, what changed is
    put as it is now.

    Nothing is added: who came since stands in the next review. Where all is as it was,
    nothing happens. Raises Refused, NotFound, or Invalid (FINISHED).
    """
    stored = expect(review, AccessReview, "The review")
    act = f"bring the review {stored.name} up to date"
    with changing(actor, stored.account, act=act) as change:
        stored = open_review(change, review, act)
        now = timezone.now()
        gone, changed = [], []
        # the starter reads it as written: nothing is named there that they may not know
        starter = stored.started_by
        has_starter = starter is not None and reads_as_written(starter, stored)
        reader = starter if has_starter else change.actor
        for line, thing in current(change.account, reader, open_lines(stored)):
            if thing is None:
                gone.append(settled(line, Decision.GONE, change.actor, at=now))
            elif thing.state != line.state:
                line.what, line.place = thing.what, thing.where
                line.subaccount_id, line.state = thing.place, thing.state
                changed.append(line)
        if not gone and not changed:
            return stored
        write(gone)
        ReviewLine.objects.bulk_update(
            changed, ["what", "place", "subaccount", "state"], batch_size=200
        )
        change.record("review.refreshed", stored, gone=len(gone), changed=len(changed))
    return stored


@service
def finish_review(*, actor: Any, review: AccessReview, leave_open: bool = False) -> AccessReview:
    """Close ``review`` for good: its report stays as it is, and the audit keeps its SHA-256.

    Every line must have been decided, unless ``leave_open``: the report then lists the rest as
    undecided. Raises Refused, NotFound, or Invalid (OPEN_LINES, FINISHED, WRONG_TYPE).
    """
    stored = expect(review, AccessReview, "The review")
    leave_open = clean_flag(leave_open, "leave_open")
    act = f"finish the review {stored.name}"
    with changing(actor, stored.account, act=act) as change:
        stored = open_review(change, review, act)
        now = timezone.now()
        pairs = current(change.account, change.actor, open_lines(stored))
        write([settled(line, Decision.GONE, change.actor, at=now) for line, t in pairs if not t])
        rest = [line for line, thing in pairs if thing]
        if rest and not leave_open:
            shown = ", ".join(f"{line.person_label} ({line.what})" for line in rest[:NAMED])
            more = f" and {len(rest) - NAMED} more" if len(rest) > NAMED else ""
            raise Invalid(
                f"Not every line is decided: {shown}{more}. Decide them, or say that they stay "
                "undecided. Nothing was changed.",
                code="OPEN_LINES",
            )
        stored.finished_at, stored.finished_by = now, change.actor
        stored.words = {**stored.words, "finished_by": label_of(change.actor)}
        stored.digest = digest_of(stored)
        stored.save(update_fields=["finished_at", "finished_by", "words", "digest"])
        decided = list(stored.lines.values_list("decision", flat=True))
        counts = {str(kind): decided.count(kind) for kind in Decision.values}
        change.record("review.finished", stored, sha256=stored.digest, name=stored.name, **counts)
    return stored


# what is asked on the way


def gate_review(change: Change, place: Subaccount | None, act: str) -> None:
    """Refuse unless the actor may change who works in ``place``, or at account level."""
    if place is None:
        needed = change.edition.changes_account
        places: frozenset[PlaceId] = places_of(True, change, (), True)
    else:
        needed, places = change.edition.changes_subaccount, frozenset({place.pk})
    for permission in sorted(needed):
        change.require(permission, places, act)


def open_review(change: Change, review: AccessReview, act: str) -> AccessReview:
    """Return ``review`` as it is now, for somebody who may run it. Raises what forbids that."""
    stored = expect(review, AccessReview, "The review")
    refuse_finished(stored)
    gate_review(change, stored.subaccount, act)
    if not reads_all(change.actor, stored):
        raise NotFound("There is no such review among those whose every line you see.")
    return stored


def refuse_finished(review: AccessReview) -> None:
    """Raise Invalid for a review that is finished: it stays as it is."""
    if review.finished_at is not None:
        raise Invalid(
            f"The review {review.name} is finished and stays as it is. Start another one.",
            code="FINISHED",
        )


def open_lines(review: AccessReview) -> list[ReviewLine]:
    """Return the lines that nobody has decided, in order."""
    return list(review.lines.filter(decision=Decision.OPEN).order_by("position", "pk"))


def current(
    account: Account, user: Any, lines: Iterable[ReviewLine]
) -> list[tuple[ReviewLine, Thing | None]]:
    """Return each of ``lines`` with what it is about, as it is now and ``user`` may name it; None
    where it is gone. As many queries for one line as for a thousand."""
    lines = list(lines)
    found: Mapping[tuple[str, str, str], Thing] = {
        (thing.kind, *thing.key): thing
        for thing in Reading(account, user).things(rows_of(account, lines))
    }
    return [(line, found.get((line.kind, line.ref, line.permission))) for line in lines]


def settled(
    line: ReviewLine, decision: str, actor: Any, *, at: datetime, reason: str = ""
) -> ReviewLine:
    """Return ``line`` with a decision, not saved yet."""
    line.decision, line.reason, line.decided_at = decision, reason, at
    line.decided_by, line.decided_label = actor, label_of(actor)
    return line


def write(lines: list[ReviewLine]) -> None:
    """Save what was decided of ``lines``."""
    fields = ["decision", "reason", "decided_at", "decided_by", "decided_label"]
    ReviewLine.objects.bulk_update(lines, fields, batch_size=200)


def _open(account: Account) -> Any:
    return AccessReview.objects.filter(account=account, finished_at=None)


def _clean_due(due_at: Any) -> datetime:
    found = clean_end(due_at)
    if found is None:
        raise Invalid("Say when the review is due.", code="WRONG_TYPE")
    return found


def _clean_permission(change: Change, place: Subaccount | None, permission: Any) -> str:
    if permission == "":
        return ""
    if not isinstance(permission, str) or permission not in change.edition.permissions:
        raise Invalid(
            f"{change.edition.label} has no permission {permission!r}. Name one by its codename.",
            code="UNKNOWN_PERMISSION",
        )
    if place is not None and CATALOGUE[permission].level == TOP:
        raise Invalid(
            f"{CATALOGUE[permission].label} is held on the whole account. Review the account.",
            code="WRONG_LEVEL",
        )
    return permission


def _words(
    change: Change, place: Subaccount | None, permission: str, *, is_whole: bool
) -> dict[str, Any]:
    """Return the names that the report will give, as they are now."""
    return {
        "account": change.account.name,
        "place": place.name if place else "",
        "permission": str(CATALOGUE[permission].label) if permission else "",
        "owner": label_of(change.account.owner),
        "owner_label": str(change.edition.owner_label),
        "started_by": label_of(change.actor),
        "whole": is_whole,
    }


def _line(review: AccessReview, thing: Thing, position: int) -> ReviewLine:
    return ReviewLine(
        account_id=review.account_id,
        review=review,
        person=thing.person,
        person_label=thing.label,
        kind=thing.kind,
        ref=thing.ref,
        subaccount_id=thing.place,
        what=thing.what,
        place=thing.where,
        permission=thing.permission,
        last_sign_in=thing.last_sign_in,
        state=thing.state,
        position=position,
    )
