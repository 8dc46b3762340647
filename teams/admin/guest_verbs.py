"""Guests of one object, on the object's own page, and how their access is taken away."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from permissions import grants
from permissions.audit import label_of
from permissions.resources import registry
from teams import selectors, services
from teams.admin import words
from teams.admin.desk import Desk
from teams.admin.previews import PreviewedVerb
from teams.catalogue import CATALOGUE
from teams.models import Membership, Subaccount


@dataclass(slots=True)
class Visitor:
    """A guest of one object, and what they were given on it."""

    person: Any
    labels: list[str] = field(default_factory=list)
    ends_at: datetime | None = None


def visitors(desk: Desk, obj: Any) -> dict[Any, Visitor]:
    """Return the guests of ``obj`` by key, to a reader who sees the people of its place.

    Only people of the account: nobody else's name is said, whatever is stored.
    """
    resource = registry.of(obj)
    _root, place = resource.locate(obj)
    if place not in selectors.people_places(desk.profile, desk.account.pk):
        return {}
    own = Membership.objects.filter(account=desk.account)
    rows = grants.grants_on(obj).filter(user__in=own.values("user"))
    if grants.is_direct(rows.model):
        rows = rows.filter(grants.active(timezone.now()))
    if isinstance(obj, Subaccount):
        rows = rows.filter(membership=None)  # toggles of members live in the same table
    found: dict[Any, Visitor] = {}
    for row in rows.order_by("permission__name"):
        if row.permission.codename in resource.guest:
            guest = found.setdefault(row.user_id, Visitor(row.user))
            guest.labels.append(str(CATALOGUE[row.permission.codename].label))
            guest.ends_at = getattr(row, "ends_at", None)
    return found


class WithdrawHere(PreviewedVerb):
    """Take somebody's guest access to this one thing away."""

    name = "withdraw"
    label = _("Withdraw…")
    is_part = True
    part_type = Visitor
    part: Visitor
    is_danger = True

    def find(self, key: str) -> Any:
        """Return the guest that ``key`` names, if the reader sees the people there."""
        guests = visitors(self.desk, self.obj)
        return next((guest for pk, guest in guests.items() if str(pk) == key), None)

    def touched(self) -> Collection[Any] | None:
        """Return the guest."""
        return {self.part.person.pk}

    def key(self) -> str:
        """Return how the address names the guest."""
        return str(self.part.person.pk)

    def refusal(self) -> str:
        """Refuse whatever the service would."""
        _root, place = registry.of(self.obj).locate(self.obj)
        return self.desk.offers.guest_refusal(
            self.part.person, place, f"withdraw guest access to {self.obj}"
        )

    def title(self) -> str:
        """Return the heading."""
        return f"Withdraw guest access to {self.obj} from {label_of(self.part.person)}"

    def consequence(self) -> Sequence[str]:
        """Say what is lost, and what is not."""
        name = label_of(self.part.person)
        return (
            f"{name} no longer holds {words.listed(self.part.labels)} on {self.obj} as a guest. It "
            "takes effect at their next click.",
            f"Nothing else of {name} changes, and guest access can be given again.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return "Withdraw guest access"

    def run(self, data: Mapping[str, Any]) -> str:
        """Withdraw it."""
        services.withdraw_guest_access(actor=self.actor, user=self.part.person, obj=self.obj)
        return f"{label_of(self.part.person)} no longer has guest access to {self.obj}."
