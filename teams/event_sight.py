"""What of the audit somebody may know.

The owner reads everything, others what stands on pages they may open, and everybody what was done
to themselves. In doubt an event is left out, and refusals are for the owner alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Q, QuerySet

from permissions import access
from permissions.models import AuditEvent
from permissions.policy import TOP
from permissions.profile import Profile
from teams import selectors
from teams.catalogue import (
    GENERATE_API_KEYS,
    MANAGE_ACCOUNT_SETTINGS,
    MANAGE_MANAGERS,
    MANAGE_TEAMS,
    MANAGE_THEME,
)
from teams.models import Account, ReviewLine, Subaccount, SubaccountUserGrant


@dataclass(frozen=True)
class Reader:
    """Somebody who reads the record of one account, with what they hold now."""

    user: Any
    account: Account
    profile: Profile

    @classmethod
    def of(cls, user: Any, account: Account) -> Reader:
        """Return ``user`` as a reader of the record of ``account``."""
        return cls(user, account, access.profile_of(user))

    @cached_property
    def acts_as_owner(self) -> bool:
        """Say whether this is the owner, with an owner's rights."""
        tenant = self.profile.tenants.get(self.account.pk)
        return tenant is not None and tenant.standing.acts_as_owner

    def candidates(self, events: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        """Leave out what the reader cannot know, whatever it is about; ``knows`` has the say."""
        if self.acts_as_owner:
            return events
        known = Q(action__in=sorted(_RULES))
        for beginning in _BEGINNINGS:
            known |= Q(action__startswith=beginning)
        return events.filter(known)

    def knows(self, event: AuditEvent) -> bool:
        """Say whether the reader may know of ``event``, one of this account's.

        Asks the database at most once in a reader's life, whatever the events.
        """
        if self.acts_as_owner:
            return True
        rule = _rule_of(event.action)
        is_here = self.account.pk in self.profile.tenants
        return rule is not None and is_here and rule(self, event)

    @property
    def key(self) -> str:
        """Return how events name the reader."""
        return str(self.user.pk)

    @cached_property
    def sees_anybody(self) -> bool:
        """Say whether there are people in the account whom the reader sees."""
        key = self.account.pk
        return bool(selectors.people_places(self.profile, key)) or selectors.sees_account_people(
            self.profile, key
        )

    @cached_property
    def invitations(self) -> frozenset[Any]:
        """Return the keys of the invitations that the reader may see."""
        rows = selectors.invitations_of(self.user).filter(account=self.account)
        return frozenset(rows.values_list("pk", flat=True))

    def holds(self, permission: str, place: Any = TOP) -> bool:
        """Say whether the reader holds ``permission`` at ``place``."""
        return place in self.profile.scope(self.account.pk, permission)

    def sees_people_in(self, data: Mapping[str, Any]) -> bool:
        """Say whether the reader sees people where it happened; if it does not say, no."""
        if "subaccount" not in data:
            return False
        place = data["subaccount"]
        if place is None:
            return self.holds(MANAGE_MANAGERS)
        return place in selectors.people_places(self.profile, self.account.pk)

    def works_in(self, places: Iterable[Any]) -> bool:
        """Say whether the reader's roles reach all of ``places``."""
        reaches = [h.reach for h in self.profile.tenants[self.account.pk].standing.holdings]
        return all(any(place in reach for reach in reaches) for place in places)


def described(event: AuditEvent) -> Mapping[str, Any]:
    """Return what the event says of the membership it is about, as it was afterwards or before."""
    parts = (event.data.get("after"), event.data.get("before"))
    return next((part for part in parts if isinstance(part, dict)), event.data)


# who may know which events: whoever may open the page where it stands


def _role(reader: Reader, event: AuditEvent) -> bool:
    """Somebody's role changed, in a subaccount or on the account, as the data says."""
    data = described(event)
    return data.get("user") == reader.key or reader.sees_people_in(data)


def _place(reader: Reader, event: AuditEvent) -> bool:
    """It is about the subaccount that is its subject."""
    kind, _, key = event.subject_ref.partition(":")
    if kind != Subaccount._meta.label_lower or not key.isdecimal():
        return False
    return reader.sees_people_in({"subaccount": int(key)})


def _guest(reader: Reader, event: AuditEvent) -> bool:
    """Somebody's guest access changed; of what is no subaccount only they are told themselves."""
    return event.data.get("user") == reader.key or _place(reader, event)


def _contact(reader: Reader, event: AuditEvent) -> bool:
    mine = reader.key in (event.data.get("before"), event.data.get("after"))
    return mine or _place(reader, event)


def _crew(reader: Reader, event: AuditEvent) -> bool:
    """Somebody came into a team, or left it."""
    return event.data.get("user") == reader.key or _team(reader, event)


def _team(reader: Reader, _event: AuditEvent) -> bool:
    return bool(reader.profile.scope(reader.account.pk, MANAGE_TEAMS))


def _group(reader: Reader, event: AuditEvent) -> bool:
    """It is about a group; what is in it is told to whoever works in all of that."""
    found: set[Any] = set()
    for name in ("subaccounts", "before", "after"):
        part = event.data.get(name)
        found.update(part if isinstance(part, list) else ())
    return reader.holds(MANAGE_ACCOUNT_SETTINGS) and reader.works_in(found)


def _custom_role(reader: Reader, _event: AuditEvent) -> bool:
    """It is about a custom role: everybody may open those, but not everybody knows who acts."""
    return reader.sees_anybody


def _invitation(reader: Reader, event: AuditEvent) -> bool:
    mine = event.data.get("user") == reader.key
    return mine or event.data.get("invitation") in reader.invitations


def _ownership(reader: Reader, event: AuditEvent) -> bool:
    """The account was offered, or given: between two people."""
    return reader.key in (event.data.get("owner"), event.data.get("heir"))


def _owner(reader: Reader, event: AuditEvent) -> bool:
    """There is another owner: whoever sees the people of the account sees who it is."""
    seen = selectors.sees_account_people(reader.profile, reader.account.pk)
    return seen or _ownership(reader, event)


def _settings(reader: Reader, _event: AuditEvent) -> bool:
    return reader.holds(MANAGE_ACCOUNT_SETTINGS)


def _theme(reader: Reader, event: AuditEvent) -> bool:
    return reader.holds(MANAGE_THEME) or _settings(reader, event)


def _everybody(_reader: Reader, _event: AuditEvent) -> bool:
    """Every page of the account says so."""
    return True


def _api_key(reader: Reader, event: AuditEvent) -> bool:
    place = event.data.get("subaccount")
    return place is not None and reader.holds(GENERATE_API_KEYS, place)


def _review(reader: Reader, event: AuditEvent) -> bool:
    """A review went on, of a subaccount or of the whole account; what a line was about is told in
    the words of who started it, to whoever may open the page where such a thing stands."""
    table, _, key = str(event.data.get("ref")).rpartition(":")
    match event.data.get("kind"):
        case ReviewLine.Kind.INVITATION:
            return key.isdecimal() and int(key) in reader.invitations
        case ReviewLine.Kind.KEY:
            return _api_key(reader, event)
        case ReviewLine.Kind.TEAM:
            return _team(reader, event) and reader.sees_people_in(event.data)
        case ReviewLine.Kind.GUEST:  # it may name a list or a template
            if table != SubaccountUserGrant._meta.label_lower:
                return False
    return reader.sees_people_in(event.data)


_Rule = Callable[[Reader, AuditEvent], bool]
_BY_RULE: Mapping[_Rule, tuple[str, ...]] = {
    _role: (
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
    ),
    _place: (
        "subaccount.created",
        "subaccount.renamed",
        "subaccount.archived",
        "subaccount.restored",
        "features.changed",
    ),
    _guest: ("guest.given", "guest.withdrawn", "guest.end_changed", "guest.pruned"),
    _contact: ("contact.changed",),
    _crew: ("team.joined", "team.left", "team.end_changed", "team.pruned"),
    _team: ("team.created", "team.renamed", "team.archived"),
    _group: ("group.created", "group.renamed", "group.changed", "group.deleted"),
    _custom_role: ("role.created", "role.edited", "role.deleted"),
    _invitation: (
        "invitation.sent",
        "invitation.resent",
        "invitation.mailed",
        "invitation.changed",
        "invitation.accepted",
        "invitation.withdrawn",
        "invitation.voided",
    ),
    _ownership: ("ownership.offered", "ownership.withdrawn", "ownership.declined"),
    _owner: ("ownership.transferred",),
    _settings: ("account.masked", "account.teams_set", "second_factor.changed"),
    _theme: ("account.themed",),
    _everybody: ("account.read_only", "account.writable"),
    _api_key: ("key.created", "key.pruned", "key.revoked", "key.rotated"),
}
_RULES: Mapping[str, _Rule] = {
    action: rule for rule, actions in _BY_RULE.items() for action in actions
}
#: and whatever happens to a webhook, or in a review
_BEGINNINGS: Mapping[str, _Rule] = {"webhook.": _settings, "review.": _review}


def _rule_of(action: str) -> _Rule | None:
    begun = (rule for beginning, rule in _BEGINNINGS.items() if action.startswith(beginning))
    return _RULES.get(action) or next(begun, None)
