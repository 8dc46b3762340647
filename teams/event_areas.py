"""The kinds of change one looks for in the record: each action belongs to one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from permissions.audit import REFUSED
from permissions.catalogue import Label
from permissions.errors import Invalid
from permissions.models import AuditEvent
from teams.event_filters import EventFilters

#: (label, how actions of it begin), by how an address names it; the longest beginning counts
_AREAS: dict[str, tuple[Label, tuple[str, ...]]] = {
    "access": (
        "Access of people",
        (
            "member.",
            "membership.",
            "role.changed",
            "reach.",
            "end.",
            "permission.",
            "toggle.",
            "guest.",
            "invitation.",
        ),
    ),
    "roles": ("Custom roles", ("role.",)),
    "teams": ("Teams", ("team.", "account.teams_set")),
    "ownership": ("Ownership", ("ownership.", "account.created")),
    "settings": (
        "Settings and subaccounts",
        ("account.", "subaccount.", "group.", "features.", "second_factor.", "contact.changed"),
    ),
    "content": (
        "Lists, contacts and campaigns",
        (
            "mailinglist.",
            "contact.",
            "contact_import.",
            "contact_export.",
            "field.",
            "segment.",
            "messagetemplate.",
            "savedrow.",
            "campaign.",
        ),
    ),
    "keys": (
        "Keys, reviews, webhooks and the record",
        ("key.", "review.", "webhook.", "audit.", "history.", "account.snapshot"),
    ),
    "refused": ("Refused", (REFUSED,)),
}


def register(codename: str, label: Label, beginnings: tuple[str, ...]) -> None:
    """Add a kind of change of another application; called once, in ``AppConfig.ready``."""
    _AREAS[codename] = (label, beginnings)


def areas() -> Mapping[str, str]:
    """Return the labels of all kinds, by how an address names them."""
    return {codename: str(label) for codename, (label, _beginnings) in _AREAS.items()}


def area_of(action: str) -> str:
    """Return which kind ``action`` is; empty for one of somebody else's."""
    found = [
        (len(beginning), codename)
        for codename, (_label, beginnings) in _AREAS.items()
        for beginning in beginnings
        if action.startswith(beginning)
    ]
    return max(found, default=(0, ""))[1]


@dataclass(frozen=True)
class HistoryFilters(EventFilters):
    """A choice of events, by kind of change and by request besides. Raises Invalid (AREA)."""

    area: str = ""
    request: str = ""

    def __post_init__(self) -> None:
        """Refuse a kind that there is not."""
        EventFilters.__post_init__(self)
        if self.area and self.area not in _AREAS:
            known = ", ".join(_AREAS)
            raise Invalid(
                f"There is no kind of change {self.area!r}; choose one of {known}.", code="AREA"
            )

    def apply(self, events: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        """Return those of ``events`` that are asked for."""
        found = EventFilters.apply(self, events)
        if self.request:
            found = found.filter(request_id=self.request)
        if not self.area:
            return found
        own = _AREAS[self.area][1]
        longer = [
            other
            for codename, (_label, beginnings) in _AREAS.items()
            if codename != self.area
            for other in beginnings
            if any(other.startswith(one) and other != one for one in own)
        ]
        found = found.filter(_begins(own))
        return found.exclude(_begins(longer)) if longer else found


def _begins(beginnings: Any) -> Q:
    found = Q()
    for beginning in beginnings:
        found |= Q(action__startswith=beginning)
    return found


__all__ = ["HistoryFilters", "area_of", "areas", "register"]
