"""Change the rate plan of an account, in somebody's name or for the platform."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from django.core.management.base import CommandParser

from billing import selectors, services
from billing.models import RatePlan
from billing.money import shown
from billing.services.plan_previews import PlanPreview, preview_for
from billing.services.plan_rules import A_YEAR, NOW, RENEWAL, When
from permissions import access
from permissions.errors import Invalid, NotFound
from permissions.management.base import UsageError
from permissions.policy import TOP
from teams.catalogue import VIEW_RATE_PLAN
from teams.management.acts import ActCommand, Doer, Outcome, add_account, already
from teams.models import Account


class Command(ActCommand):
    """The service of the console, for whoever ``--actor`` names, or that of the platform."""

    help = (
        "Change the rate plan of an account to PLAN, now or at renewal. In the name of ACTOR only "
        "to a plan on offer; the platform gives any, from --starts-on. Exits with 0 if it is so "
        "already. --dry-run says what it would cost."
    )

    formats = ("text", "json")

    def add_arguments(self, parser: CommandParser) -> None:
        """Add which plan, and when."""
        parser.add_argument("plan", help="the short name of the rate plan")
        add_account(parser)
        parser.add_argument("--at-renewal", action="store_true", help="not today, but at renewal")
        parser.add_argument(
            "--starts-on", help="the first day, with --as-platform: 2026-12-01; else today"
        )
        super().add_arguments(parser)

    def act(self, doer: Doer, options: dict[str, Any]) -> Outcome:
        """Change it, or find it so."""
        account = doer.account(options["account"])
        starts_on = _day(options["starts_on"])
        if doer.is_platform and options["at_renewal"]:
            raise UsageError("--at-renewal goes with --actor; the platform names --starts-on.")
        if not doer.is_platform and starts_on is not None:
            raise UsageError("--starts-on goes with --as-platform.")
        plan = _plan(doer, options["plan"])
        when: When = RENEWAL if options["at_renewal"] else NOW
        told = _costs(doer, account, plan, when, starts_on)
        try:
            if doer.is_platform:
                made = services.set_plan_as_platform(
                    account=account, plan=plan, starts_on=starts_on, **doer.because
                )
            else:
                made = services.change_plan(actor=doer.actor, account=account, plan=plan, when=when)
        except Invalid as error:
            if error.code != "ALREADY_SO":
                raise
            return already(error.message, account)
        first = starts_on or (made.starts_on if when == RENEWAL else selectors.today())
        return Outcome(
            "change",
            "Changed",
            f"the rate plan of {account.name} to {plan.name} from {first:%d %B %Y} on",
            account,
            _lines(told) if told is not None else (),
            {"plan": plan.code, "starts_on": first.isoformat(), **_data(told)},
        )


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no day. Write it like 2026-12-01.") from None


def _plan(doer: Doer, code: str) -> RatePlan:
    """Return the plan with that short name: for a person, of those on offer only."""
    plans = RatePlan.objects.all()
    if not doer.is_platform:
        plans = plans.filter(is_offered=True)
    found = plans.filter(code=code).first()
    if found is None:
        known = ", ".join(plans.order_by("code").values_list("code", flat=True)) or "none"
        which = "" if doer.is_platform else " on offer"
        raise NotFound(f"There is no rate plan {code!r}{which}. There are: {known}.")
    return found


def _costs(
    doer: Doer, account: Account, plan: RatePlan, when: str, starts_on: date | None
) -> PlanPreview | None:
    """Return what the change would come to, for whom may see it; None where there is no saying."""
    if not doer.is_platform:
        profile = access.profile_of(doer.actor)
        if TOP not in profile.scope(account.pk, VIEW_RATE_PLAN):
            return None
    today = selectors.today()
    if starts_on is not None and not today <= starts_on <= today + A_YEAR:
        return None
    try:
        return preview_for(account, plan, when, starts_on)
    except Invalid:
        return None  # the service says why


def _lines(told: PlanPreview) -> tuple[str, ...]:
    def amounts(pair: tuple[Decimal, Decimal]) -> str:
        before, after = (shown(amount, told.currency) for amount in pair)
        return f"{before} as things stand, {after} with the change"

    return (
        f"This month, at the use so far and before tax: {amounts(told.this_month)}.",
        f"{told.month:%B %Y}, as a whole: {amounts(told.whole_month)}.",
        *([f"The change to {told.falls.name} that was agreed on falls."] if told.falls else []),
    )


def _data(told: PlanPreview | None) -> dict[str, Any]:
    if told is None:
        return {}
    return {
        "currency": told.currency,
        "this_month": {"before": str(told.this_month[0]), "after": str(told.this_month[1])},
        "month": told.month.isoformat(),
        "whole_month": {"before": str(told.whole_month[0]), "after": str(told.whole_month[1])},
    }
