"""Reminding people of lines of reviews that are theirs to decide, when a review is due or overdue.

Nobody is reminded of one review more often than every three days. That somebody was is written down
in the transaction that enqueues the mail; what was not sent is forgotten, and sent by the next
round.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from permissions import access
from permissions.audit import label_of
from teams import logins, provider
from teams.background import task
from teams.models import AccessReview, Account, Membership, Reminder, ReviewLine
from teams.review_sight import lines_of, runs_somewhere
from teams.services.change import Entry
from teams.services.glance import Glance
from teams.services.invitation_mail import console_origin, plain_name
from teams.services.posting import Fate, post_one
from teams.services.review_decisions import verdict
from teams.services.reviews import current, open_lines

WITHIN = timedelta(days=3)
AGAIN = timedelta(days=3)


def due_reviews(account: Account) -> QuerySet[AccessReview]:
    """Return the open reviews of ``account`` that are due soon or overdue; none while it is
    read-only, when nothing can be decided."""
    rows = AccessReview.objects.filter(account=account, finished_at=None)
    if account.read_only_because:
        return rows.none()
    return rows.filter(due_at__lte=timezone.now() + WITHIN).order_by("due_at", "pk")


def deciders(review: AccessReview) -> list[tuple[Any, int]]:
    """Return who could decide an open line of ``review``, its starter first, each with how many
    such lines there are. The number of queries depends on how many people manage others only."""
    account, lines = review.account, open_lines(review)
    found = [
        (person, count)
        for person in _managers(account)
        if (count := len(decidable(person, account, lines)))
    ]
    return sorted(found, key=lambda pair: pair[0].pk != review.started_by_id)


def decidable(person: Any, account: Account, lines: list[ReviewLine]) -> list[ReviewLine]:
    """Return those of ``lines`` that ``person`` could decide now."""
    change = Glance.open(person, account, access.profile_of(person))
    if not isinstance(change, Glance):
        return []
    seen = set(
        lines_of(person, account)
        .filter(pk__in=[line.pk for line in lines])
        .values_list("pk", flat=True)
    )
    own = [line for line in lines if line.pk in seen]
    change.look_up({line.person_id for line in own if line.person_id is not None})
    return [
        line
        for line, thing in current(account, person, own)
        if thing is not None and not verdict(change, line, thing, "decide")
    ]


def _managers(account: Account) -> Iterator[Any]:
    """Yield everybody who manages somebody in ``account``, the owner first."""
    members = Membership.objects.filter(account=account, status=Membership.Status.ACTIVE)
    keys = {account.owner_id, *members.values_list("user_id", flat=True)}
    people = get_user_model()._default_manager.filter(pk__in=keys, is_active=True)
    profiles = provider.load_profiles(keys)
    for person in sorted(people, key=lambda p: (p.pk != account.owner_id, str(p.pk))):
        if runs_somewhere(person, account, profiles[person.pk]):
            yield person


def due(review: AccessReview) -> list[tuple[Any, int]]:
    """Return who has to be reminded of ``review`` now, with how many lines wait for them."""
    told = Reminder.objects.filter(
        account=review.account, about=_about(review), sent_at__gt=timezone.now() - AGAIN
    )
    known = set(told.values_list("user", flat=True))
    found = deciders(review)
    return [(p, count) for p, count in found if p.pk not in known and logins.address_of(p)]


@transaction.atomic
def remind(review: AccessReview) -> list[tuple[Any, int]]:
    """Have whoever can decide an open line of ``review`` reminded; return whom, starter first."""
    Account.objects.select_for_update(no_key=True).get(pk=review.account_id)
    stored = AccessReview.objects.select_related("account").get(pk=review.pk)
    access.forget()
    if not due_reviews(stored.account).filter(pk=stored.pk).exists():
        return []
    found = due(stored)
    if not found:
        return []
    now = timezone.now()
    Reminder.objects.bulk_create(
        Reminder(account=stored.account, user=p, about=_about(stored), ends_at=now, sent_at=now)
        for p, _count in found
    )
    stored.reminded_at = now
    stored.save(update_fields=["reminded_at"])
    people = [label_of(person) for person, _count in found]
    Entry(None, stored.account).record("review.reminded", stored, name=stored.name, people=people)
    for person, _count in found:
        post_review_reminder.enqueue(stored.pk, str(person.pk))
    return found


@task()
def post_review_reminder(review_key: int, user_key: str) -> None:
    """Send the mail about lines that still wait for this person; forget it if it was not sent."""
    review = AccessReview.objects.select_related("account").filter(pk=review_key).first()
    user = get_user_model()._default_manager.filter(pk=user_key, is_active=True).first()
    if review is None or user is None or review.finished_at is not None:
        return
    count = len(decidable(user, review.account, open_lines(review)))
    if count and post_one(message_of(review, user, count)) is not Fate.SENT:
        Reminder.objects.filter(account=review.account, user=user, about=_about(review)).delete()


def message_of(review: AccessReview, user: Any, count: int) -> EmailMultiAlternatives:
    """Return the mail that tells ``user`` that ``count`` lines of ``review`` wait for them."""
    words = {
        "account": plain_name(review.account.name),
        "person": plain_name(label_of(user)),
        "review": plain_name(review.name),
        "count": count,
        "due_at": review.due_at,
        "is_overdue": review.due_at <= timezone.now(),
        "url": _url(review),
    }
    message = EmailMultiAlternatives(
        f"Access to {words['account']} is to be reviewed",
        render_to_string("teams/mail/review.txt", words),
        to=[logins.address_of(user)],
    )
    message.attach_alternative(render_to_string("teams/mail/review.html", words), "text/html")
    # answering is for people: no out-of-office note is wanted
    message.extra_headers["Auto-Submitted"] = "auto-generated"
    return message


def _url(review: AccessReview) -> str:
    """Return the address of the review; empty in a project without the console."""
    try:
        path = reverse("console:teams_accessreview_change", args=[review.pk])
    except NoReverseMatch:
        return ""
    return f"{console_origin()}{path}"


def _about(review: AccessReview) -> str:
    return f"{review._meta.model_name}:{review.pk}"
