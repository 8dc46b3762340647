"""What of the audit somebody may know.

The owner reads everything, others what concerns places whose people they see, and everybody what
was done to themselves. In doubt an event is left out, and refusals are for the owner alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from permissions import access
from permissions.models import AuditEvent
from permissions.policy import TOP
from permissions.profile import Profile
from teams import selectors
from teams.catalogue import GENERATE_API_KEYS, MANAGE_MANAGERS, MANAGE_TEAMS
from teams.models import Account, Subaccount

#: events whose data says in which subaccount, or on the account, somebody's role changed
ABOUT_ROLES = frozenset(
    {
        "member.added",
        "member.left",
        "member.removed",
        "member.suspended",
        "member.reactivated",
        "membership.pruned",
        "end.changed",
        "toggle.end_changed",
        "toggle.pruned",
        "role.changed",
        "reach.changed",
        "permission.toggled",
    }
)
#: events whose subject is the subaccount they concern
ABOUT_PLACES = frozenset(
    {
        "contact.changed",
        "guest.given",
        "guest.withdrawn",
        "guest.end_changed",
        "guest.pruned",
        "subaccount.created",
        "subaccount.renamed",
        "subaccount.archived",
        "subaccount.restored",
        "features.changed",
    }
)
#: events about API keys, whose data says to which subaccount
ABOUT_KEYS = frozenset({"key.created", "key.rotated", "key.revoked", "key.pruned"})
ABOUT_TEAMS = frozenset({"team.joined", "team.left", "team.end_changed", "team.pruned"})


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who reads the record of one account, with what they hold now."""

    user: Any
    account: Account
    profile: Profile

    @classmethod
    def of(cls, user: Any, account: Account) -> Reader:
        """Return ``user`` as a reader of the record of ``account``."""
        return cls(user, account, access.profile_of(user))

    @property
    def acts_as_owner(self) -> bool:
        """Say whether this is the owner, with an owner's rights."""
        tenant = self.profile.tenants.get(self.account.pk)
        return tenant is not None and tenant.standing.acts_as_owner

    def knows(self, event: AuditEvent) -> bool:
        """Say whether the reader may know of ``event``, one of this account's."""
        if self.account.pk not in self.profile.tenants:
            return False  # has no place here any more
        if self.acts_as_owner:
            return True
        own = str(self.user.pk)
        if event.action in ABOUT_ROLES:
            data = _described(event)
            return data.get("user") == own or self._sees(data)
        if event.action in ABOUT_PLACES:
            kind, _, key = event.subject_ref.partition(":")
            if kind != Subaccount._meta.label_lower:
                return False  # a list or a campaign, which the reader may not see
            mine = event.data.get("user") == own
            return mine or self._sees({"subaccount": int(key) if key.isdecimal() else None})
        if event.action in ABOUT_KEYS:
            place = event.data.get("subaccount")
            return place in self.profile.scope(self.account.pk, GENERATE_API_KEYS)
        if event.action in ABOUT_TEAMS:
            mine = event.data.get("user") == own
            return mine or bool(self.profile.scope(self.account.pk, MANAGE_TEAMS))
        return False

    def _sees(self, data: Mapping[str, Any]) -> bool:
        """Say whether the reader sees people where it happened; if it does not say, it is
        hidden."""
        if "subaccount" not in data:
            return False
        place = data["subaccount"]
        if place is None:
            return TOP in self.profile.scope(self.account.pk, MANAGE_MANAGERS)
        return place in selectors.people_places(self.profile, self.account.pk)


def _described(event: AuditEvent) -> Mapping[str, Any]:
    """Return what the event says of the membership it is about, as it was afterwards or before."""
    parts = (event.data.get("after"), event.data.get("before"))
    return next((part for part in parts if isinstance(part, dict)), event.data)
