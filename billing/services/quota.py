"""Telling whoever pays for an account that most, or all, of what its rate plan has is used.

Of contacts and messages that is what is included, of subaccounts and seats how many there may be.
Each is said once a month, at 80 and at 100 percent: what is said is written down with the day that
was metered, in the same transaction that enqueues the mail.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, NamedTuple

from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils import timezone

from billing import usage
from billing.models import BillingDetails, Meter, QuotaWarning, Subscription
from billing.rating import next_month
from billing.selectors import today
from permissions.audit import label_of
from teams import background, logins
from teams.background import task
from teams.models import Account
from teams.services.invitation_mail import plain_name
from teams.services.posting import Fate, mailer, post

log = logging.getLogger("teams.mail")

PERCENTS = (80, 100)
#: a server that puts the mail off is asked again after this, then after twice as long, and so on
PAUSE = timedelta(minutes=10)
MOST_ATTEMPTS = 8


class Line(NamedTuple):
    """One meter, as the mail says it: numbers as people read them."""

    what: str
    used: str
    limit: str
    percent: int
    is_limit: bool


def warn(subscription: Subscription, day: date) -> list[QuotaWarning]:
    """Write down, and have told, what was reached by the end of ``day`` and is new this month.

    Called within the lock of the account, once ``day`` is metered. Of a month that is over nobody
    is written to: it is past helping.
    """
    account, month = subscription.account, day.replace(day=1)
    known = set(usage.warnings_of(account, month).values_list("meter", "percent"))
    new, told = [], []
    for meter, used, limit in _reached(subscription, day):
        reached = [p for p in PERCENTS if used * 100 >= p * limit and (meter, p) not in known]
        new += [
            QuotaWarning(account=account, month=month, meter=meter, percent=percent)
            for percent in reached
        ]
        told += [[str(meter), used, limit]] if reached else []
    QuotaWarning.objects.bulk_create(new)
    if told and (month == today().replace(day=1) or day == today() - timedelta(days=1)):
        background.enqueue(post_quota_warning, account.pk, day.isoformat(), told)
    return new


def _reached(subscription: Subscription, day: date) -> Iterator[tuple[Meter, int, int]]:
    """Yield what is used of what, where the plan says how much there is.

    Contacts and messages are those of the part of the month that has this plan, and so is what is
    included: it is charged for like that.
    """
    plan, account, month = subscription.plan, subscription.account, day.replace(day=1)
    start, after = max(month, subscription.starts_on), next_month(month)
    end = min(after, subscription.ends_on or after)
    used = usage.metered(account, start, day + timedelta(days=1))
    included_sends = plan.included_sends * (end - start).days // (after - month).days
    limits = {
        Meter.CONTACTS: plan.included_contacts,
        Meter.SENDS: included_sends,
        Meter.SUBACCOUNTS: plan.most_subaccounts,
        Meter.SEATS: plan.most_seats,
    }
    for meter, limit in limits.items():
        if limit:
            yield meter, used[meter], limit


@task()
def post_quota_warning(account_key: int, day: str, told: list[list[Any]], attempt: int = 1) -> None:
    """Send the mail; what the server certainly did not take is tried again later, as far as the
    queue can wait."""
    account = Account.objects.select_related("owner").filter(pk=account_key).first()
    message = None if account is None else message_of(account, date.fromisoformat(day), told)
    if message is None:
        return
    connection = mailer()
    try:
        connection.open()
        fate, _note = post(connection, message)
    except OSError:
        fate = Fate.LATER
    finally:
        connection.close()
    can_wait = post_quota_warning.get_backend().supports_defer
    if fate is Fate.LATER and attempt < MOST_ATTEMPTS and can_wait:
        later = timezone.now() + PAUSE * 2 ** (attempt - 1)
        post_quota_warning.using(run_after=later).enqueue(account_key, day, told, attempt + 1)
    elif fate is not Fate.SENT:  # the console says it all the same
        log.warning("quota warning of account %s: %s", account_key, fate.value)


def message_of(account: Account, day: date, told: list[list[Any]]) -> EmailMessage | None:
    """Return the mail to the billing contact, or else the owner; None if neither can be reached."""
    details = BillingDetails.objects.filter(account=account, subaccount=None).first()
    person, address = label_of(account.owner), logins.address_of(account.owner)
    if details is not None and details.contact_address:
        person, address = details.contact_name or details.name, details.contact_address
    if not address:
        return None
    lines = [
        Line(
            str(Meter(meter).label),
            f"{used:,}",
            f"{limit:,}",
            used * 100 // limit,
            meter in {Meter.SUBACCOUNTS, Meter.SEATS},
        )
        for meter, used, limit in told
    ]
    name = plain_name(account.name)
    all_used = any(line.percent >= PERCENTS[-1] for line in lines)
    words = {
        "person": plain_name(person),
        "account": name,
        "day": day,
        "lines": lines,
        "goes_beyond": not all(line.is_limit for line in lines),
        "is_limit": any(line.is_limit for line in lines),
    }
    much = "All" if all_used else "Most"
    message = EmailMessage(
        f"{much} of what the rate plan of {name} has is used",
        render_to_string("billing/mail/quota.txt", words),
        to=[address],
    )
    # answering is for people: no out-of-office note is wanted
    message.extra_headers["Auto-Submitted"] = "auto-generated"
    return message
