"""Start an access review."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from permissions.management.base import UsageError
from teams import services
from teams.management.acts import ActCommand, Doer, Outcome, add_account
from teams.review_report import about


class Command(ActCommand):
    """The service of the console, for whoever ``--actor`` names."""

    help = (
        "Start an access review of an account, of one subaccount, or of whoever holds one "
        "permission, in the name of ACTOR: writes down who has what, to be confirmed or withdrawn "
        "line by line."
    )
    not_for_platform = "The platform reviews nobody's access: ask the account's owner."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what it is about, what it is called, and when it is due."""
        add_account(parser)
        parser.add_argument("--subaccount", help="only there: its short name, such as north")
        parser.add_argument("--permission", default="", help="only what gives this: its codename")
        parser.add_argument("--name", required=True, help="what the review is called")
        parser.add_argument(
            "--due", required=True, help="when it is due: a date (its end), or date and time"
        )
        super().add_arguments(parser)

    def act(self, doer: Doer, options: dict[str, Any]) -> Outcome:
        """Start it."""
        account = doer.account(options["account"])
        slug = options["subaccount"]
        review = services.start_review(
            actor=doer.actor,
            account=account,
            name=options["name"],
            due_at=_due(options["due"]),
            subaccount=doer.subaccount(account, slug) if slug is not None else None,
            permission=options["permission"],
        )
        lines = review.lines.count()
        counted = "1 line" if lines == 1 else f"{lines} lines"
        what = f"the review {review.name}: {about(review)}, {counted}"
        data = {"review": review.pk, "lines": lines, "whole": review.words["whole"]}
        return Outcome("start", "Started", what, account, data=data)


def _due(text: Any) -> datetime:
    """Return the moment that ``text`` names; a date means the end of that day, as on the page."""
    try:
        moment = parse_datetime(text) if isinstance(text, str) and len(text) > 10 else None
        day = parse_date(text) if isinstance(text, str) and moment is None else None
    except ValueError:
        moment = day = None
    if moment is None and day is not None:
        moment = datetime.combine(day, time(23, 59, 59))
    if moment is None:
        raise UsageError("--due is a date such as 2027-03-31, or date and time.")
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)
