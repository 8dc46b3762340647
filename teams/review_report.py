"""The report of an access review: the same bytes every time, and their SHA-256.

It is made of what was written down when the review was started, decided and finished, in UTC and in
English, so that whoever renames something later, or lives elsewhere, gets the same file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime

from teams.csv_files import written
from teams.models import AccessReview, ReviewLine

HEADINGS = (
    "Review", "About", "Started by", "Started", "Due", "Finished by", "Finished",
    "Person", "Kind", "What", "Where", "Permission", "Last sign-in",
    "Decision", "Reason", "Decided by", "Decided",
)  # fmt: skip
UNDECIDED = "Undecided"
_KINDS = {
    ReviewLine.Kind.ROLE: "Role",
    ReviewLine.Kind.TOGGLE: "Optional permission",
    ReviewLine.Kind.GUEST: "Guest access",
    ReviewLine.Kind.TEAM: "Place in a team",
    ReviewLine.Kind.INVITATION: "Pending invitation",
    ReviewLine.Kind.KEY: "API key",
}
_DECISIONS = {
    ReviewLine.Decision.OPEN: UNDECIDED,
    ReviewLine.Decision.CONFIRMED: "Confirmed",
    ReviewLine.Decision.WITHDRAWN: "Withdrawn",
    ReviewLine.Decision.GONE: "Gone meanwhile",
}


def csv_of(review: AccessReview) -> bytes:
    """Return the report as CSV, the owner first: what the SHA-256 is of."""
    return "".join(written(cells) for cells in (HEADINGS, *rows_of(review))).encode()


def digest_of(review: AccessReview) -> str:
    """Return the SHA-256 of the report, hexadecimal."""
    return hashlib.sha256(csv_of(review)).hexdigest()


def about(review: AccessReview) -> str:
    """Return what the review is of, in the words of when it was started."""
    words = review.words
    place = words["place"] or f"all of {words['account']}"
    whole = "" if words["whole"] else f", as far as {words['started_by']} saw it"
    what = f"{words['permission']} in {place}" if words["permission"] else place
    return f"{what[0].upper()}{what[1:]}{whole}"


def rows_of(review: AccessReview) -> Iterator[list[str]]:
    """Yield the cells of each line: the owner, whose rights nobody reviews, and every line."""
    words = review.words
    head = [
        review.name,
        about(review),
        words["started_by"],
        moment(review.started_at),
        moment(review.due_at),
        words.get("finished_by", ""),
        moment(review.finished_at),
    ]
    owned = ["Ownership", words["owner_label"], words["account"], "", "", "Not reviewed"]
    yield [*head, words["owner"], *owned, "Nobody touches the owner's rights", "", ""]
    for line in review.lines.order_by("position", "pk"):
        yield [
            *head,
            line.person_label,
            _KINDS[ReviewLine.Kind(line.kind)],
            line.what,
            line.place,
            line.permission,
            moment(line.last_sign_in, "" if line.kind == ReviewLine.Kind.INVITATION else "Never"),
            _DECISIONS[ReviewLine.Decision(line.decision)],
            line.reason,
            line.decided_label,
            moment(line.decided_at),
        ]


def moment(value: datetime | None, otherwise: str = "") -> str:
    """Return a time as the report writes it: UTC, to the second."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if value else otherwise
