"""Which events of an account's record somebody asks for; what they may know is asked apart."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.utils.timezone import is_naive

from permissions.audit import CHANNELS
from permissions.errors import Invalid
from permissions.models import AuditEvent
from teams.models import Membership, Subaccount

_ACTION = re.compile(r"[a-z_.]{0,60}")


@dataclass(frozen=True, slots=True)
class EventFilters:
    """A choice of events; what is None or empty chooses all.

    From ``since`` on and before ``until``, both aware; by or about the login with the key
    ``person``; in or about the subaccount with the key ``subaccount``; whose action begins with
    ``action``, such as ``role.``; that came by ``channel``. Raises Invalid (NAIVE, DATES, ACTION,
    CHANNEL, NOT_A_KEY).
    """

    since: datetime | None = None
    until: datetime | None = None
    person: Any = None
    subaccount: int | None = None
    action: str = ""
    channel: str = ""

    def __post_init__(self) -> None:
        """Refuse what makes no sense, in words."""
        if any(at is not None and is_naive(at) for at in (self.since, self.until)):
            raise Invalid("A date needs a time zone.", code="NAIVE")
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise Invalid("The first date must be before the last one.", code="DATES")
        if not _ACTION.fullmatch(self.action):
            raise Invalid(
                "An action is lower-case letters and dots, such as “role.” or “member.added”.",
                code="ACTION",
            )
        if self.channel and self.channel not in CHANNELS:
            raise Invalid(
                f"There is no way {self.channel!r}; choose one of {', '.join(CHANNELS)}.",
                code="CHANNEL",
            )
        if self.subaccount is not None and not isinstance(self.subaccount, int):
            raise Invalid("A subaccount is chosen by its key, a number.", code="NOT_A_KEY")

    def __bool__(self) -> bool:
        """Say whether this leaves anything out."""
        return any(getattr(self, one.name) not in (None, "") for one in fields(self))

    def apply(self, events: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        """Return those of ``events``, of one account, that are asked for; in their order."""
        if self.since is not None:
            events = events.filter(at__gte=self.since)
        if self.until is not None:
            events = events.filter(at__lt=self.until)
        if self.person is not None:
            events = events.filter(_by_or_about(self.person))
        if self.subaccount is not None:
            events = events.filter(_in_or_about(self.subaccount))
        if self.action:
            events = events.filter(action__startswith=self.action)
        if self.channel:
            events = events.filter(channel=self.channel)
        return events


def _by_or_about(person: Any) -> Q:
    """Return the events by or about a login. Those that name nobody are found by the seats that
    the login has now."""
    key = str(person)
    label = Membership._meta.label_lower
    seats = Membership.objects.filter(user=person).values_list("pk", flat=True)
    login = f"{get_user_model()._meta.label_lower}:{key}"
    return (
        Q(actor_ref=login)
        | Q(subject_ref=login)
        | Q(data__user=key)
        | Q(data__before__user=key)
        | Q(data__after__user=key)
        | Q(data__owner=key)
        | Q(action="contact.changed", data__before=key)
        | Q(action="contact.changed", data__after=key)
        | Q(subject_ref__in=[f"{label}:{seat}" for seat in seats])
    )


def _in_or_about(subaccount: int) -> Q:
    """Return the events about a subaccount, or whose data says that they happened there."""
    return (
        Q(subject_ref=f"{Subaccount._meta.label_lower}:{subaccount}")
        | Q(data__subaccount=subaccount)
        | Q(data__before__subaccount=subaccount)
        | Q(data__after__subaccount=subaccount)
    )
