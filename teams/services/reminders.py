"""Telling people by mail, once, that something of theirs ends soon.

What somebody is told of is written down in the transaction that enqueues the mail, so that nothing
is told twice, whoever asks at the same time. The mail says what is still so when it is written;
what was not sent is forgotten again, and told by the next round.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.template.loader import render_to_string

from permissions import access
from permissions.audit import label_of
from permissions.policy import TOP
from teams import logins, selectors
from teams.background import task
from teams.editions import get
from teams.endings import Ending, own_endings, whose_end
from teams.givers import changers
from teams.models import Account, Reminder, Subaccount
from teams.services.invitation_mail import plain_name
from teams.services.offers import Offers
from teams.services.posting import Fate, post_one

WITHIN = timedelta(days=7)
#: so many people who may extend it are named
NAMED = 3


class Line(NamedTuple):
    """One thing that ends, as the mail says it."""

    what: str
    where: str
    ends_at: Any
    ask: str


def due(account: Account, user: Any) -> list[Ending]:
    """Return what of ``user`` ends soon in ``account`` and they have not been told of."""
    told = set(Reminder.objects.filter(account=account, user=user).values_list("about", "ends_at"))
    found = own_endings(user, account, within=WITHIN)
    return [ending for ending in found if (ending.about, ending.ends_at) not in told]


def people_of(account: Account) -> list[Any]:
    """Return who may have to be told something, and can be."""
    people = whose_end(account, within=WITHIN)
    return [person for person in people if logins.address_of(person)]


@transaction.atomic
def remind(account: Account, user: Any) -> list[Ending]:
    """Have ``user`` told of what ends soon in ``account``; return what is new to them."""
    locked = Account.objects.select_for_update(no_key=True).filter(pk=account.pk).first()
    access.forget()
    found = due(locked, user) if locked is not None else []
    if found:
        Reminder.objects.bulk_create(
            Reminder(account=account, user=user, about=e.about, ends_at=e.ends_at) for e in found
        )
        told = [[e.about, e.ends_at.isoformat()] for e in found]
        post_reminder.enqueue(account.pk, str(user.pk), told)
    return found


@task()
def post_reminder(account_key: int, user_key: str, told: list[list[str]]) -> None:
    """Send the mail about what still ends as it was written down; forget what was not sent."""
    account = Account.objects.filter(pk=account_key).first()
    user = get_user_model()._default_manager.filter(pk=user_key, is_active=True).first()
    if account is None or user is None:
        return
    wanted = {(about, end) for about, end in told}
    found = [
        ending
        for ending in own_endings(user, account, within=WITHIN)
        if (ending.about, ending.ends_at.isoformat()) in wanted
    ]
    sent = {(ending.about, ending.ends_at.isoformat()) for ending in found}
    if found and post_one(message_of(account, user, found)) is not Fate.SENT:
        sent = set()
    for about, end in wanted - sent:
        Reminder.objects.filter(account=account, user=user, about=about, ends_at=end).delete()


def message_of(account: Account, user: Any, found: Iterable[Ending]) -> EmailMultiAlternatives:
    """Return the mail that tells ``user`` of ``found``."""
    name = plain_name(account.name)
    lines = [line_of(account, user, ending) for ending in found]
    words = {"account": name, "person": plain_name(label_of(user)), "lines": lines}
    subject = f"Your access to {name} ends soon"
    message = EmailMultiAlternatives(
        subject,
        render_to_string("teams/mail/reminder.txt", words),
        to=[logins.address_of(user)],
    )
    message.attach_alternative(render_to_string("teams/mail/reminder.html", words), "text/html")
    # answering is for people: no out-of-office note is wanted
    message.extra_headers["Auto-Submitted"] = "auto-generated"
    return message


def line_of(account: Account, user: Any, ending: Ending) -> Line:
    """Return ``ending`` in words, every name that somebody chose made plain."""
    what, where = _what(account, ending)
    asked = " or ".join(plain_name(label_of(person)) for person in extenders(account, user, ending))
    return Line(what, where, ending.ends_at, asked)


def _what(account: Account, ending: Ending) -> tuple[str, str]:
    edition, membership = get(account.edition), ending.membership
    if membership is not None:
        where = plain_name(membership.subaccount.name if membership.subaccount else account.name)
        if ending.kind == "switch":
            return f"the permission {edition.toggle(ending.codename).label}", where
        spec = edition.find_role(membership.role)
        return f"the role {spec.label if spec else plain_name(membership.custom_role)}", where
    if ending.kind == "team":
        return f"your place in the team {plain_name(ending.obj)}", plain_name(account.name)
    if isinstance(ending.obj, Subaccount):
        return "guest access", plain_name(ending.obj.name)
    place = Subaccount.objects.filter(pk=ending.place).first()
    kind = ending.obj._meta.verbose_name
    return f"guest access to the {kind} {plain_name(ending.obj)}", plain_name(place or account.name)


def extenders(account: Account, user: Any, ending: Ending) -> list[Any]:
    """Return people whom ``user`` sees and who could let it last longer, nearest first; the owner
    always can, and is named where ``user`` sees nobody else who can."""
    membership = ending.membership
    if ending.kind == "team":
        return [account.owner]  # what a team would show is judged by the service alone
    place = ending.place if membership is None else membership.subaccount_id
    seen = set(selectors.people_of(user).values_list("pk", flat=True))
    found: list[Any] = []
    for giver, change in changers(user, account, TOP if place is None else place):
        person = giver.person
        if person.pk not in seen or person in found or change.standing.is_owner:
            continue
        if Offers(change).extending(ending, "extend this") is None:
            found.append(person)
            if len(found) == NAMED:
                break
    return found or [account.owner]
