"""Finished access reviews held against what was recorded of them, for ``check_integrity``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from permissions.audit import ref_of
from permissions.models import AuditEvent
from teams.models import AccessReview, Account
from teams.review_report import digest_of

FINISHED = "review.finished"


def finished_reviews_are_as_recorded() -> Iterator[tuple[Any, str]]:
    """Yield each finished review whose report is not the one that was finished, with what differs,
    and each account that a recorded one is missing from."""
    recorded = {
        (root, ref): sha256
        for root, ref, sha256 in AuditEvent.objects.filter(action=FINISHED)
        .order_by("sequence")
        .values_list("root", "subject_ref", "data__sha256")
    }
    reviews = AccessReview.objects.exclude(finished_at=None).select_related("account")
    for review in reviews.order_by("pk").iterator():
        # None where the event was archived and taken out; the row has its own copy
        said = recorded.pop((ref_of(review.account), ref_of(review)), None)
        if said not in (None, review.digest):
            yield review, f"its SHA-256 was recorded as {said}, stored is {review.digest}"
        elif digest_of(review) != review.digest:
            yield review, f"its report has the SHA-256 {digest_of(review)}, not {review.digest}"
    accounts = {ref_of(account): account for account in Account.objects.all()}
    for root, ref in recorded:
        if root in accounts:
            yield accounts[root], f"{ref}, which was finished and recorded, is not there any more"
