"""The gates that every change of a membership passes, and what they read on the way.

Services ask them before they write; the console asks the same ones to know what to offer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from permissions.audit import label_of
from permissions.errors import Invalid, NotFound
from permissions.policy import FUTURE, TOP, PlaceId
from teams.catalogue import CATALOGUE
from teams.editions.spec import ALL, AT_HOME, SOME, RoleSpec
from teams.models import Membership, Role, Subaccount, SubaccountGroup
from teams.models.account import TeamMode
from teams.services.change import Change
from teams.services.inputs import expect

RoleLike = str | Role

#: no access is given until later than this
LAST_YEAR = 3000


@dataclass(frozen=True, slots=True)
class ChosenRole:
    """A role as a membership stores it, with what the rules need to know of it."""

    codename: str
    custom: Role | None
    label: str
    spec: RoleSpec | None

    @property
    def rank(self) -> int:
        """Return its rank, 0 where there are none."""
        return (self.spec.rank or 0) if self.spec else 0

    @property
    def reaches(self) -> frozenset[str]:
        """Return how far it may reach when held at account level."""
        return self.spec.reaches if self.spec else frozenset({ALL})


def choose_role(change: Change, role: Any, *, account_level: bool) -> ChosenRole:
    """Return the role, if this account has it and it may be held at that level."""
    if isinstance(role, Role):
        custom = expect(role, Role, "The role")
        if custom.account_id != change.account.pk or change.edition.custom_roles is None:
            raise NotFound("There is no such role in this account.")
        return ChosenRole("", custom, custom.name, None)
    known = {spec.codename: spec for spec in change.edition.roles}
    spec = known.get(role) if isinstance(role, str) else None
    if spec is None:
        raise Invalid(
            f"{change.edition.label} has no role {role!r}; choose one of {', '.join(known)}.",
            code="UNKNOWN_ROLE",
        )
    if spec.needs_teams and change.account.team_mode == TeamMode.OFF:
        raise Invalid(
            f"{spec.label} exists only while teams are switched on.", code="ROLE_NOT_AVAILABLE"
        )
    if not (spec.account_level if account_level else spec.subaccount_level):
        where = "in a subaccount" if account_level else "on the whole account"
        raise Invalid(f"{spec.label} is held {where} only.", code="WRONG_LEVEL")
    return ChosenRole(spec.codename, None, str(spec.label), spec)


def places_of(
    account_level: bool, change: Change, reach: Iterable[Any], every: bool
) -> frozenset[PlaceId]:
    """Return the places whose permission to manage people a membership needs.

    An edition whose permission is asked of the account (managers) is asked there; one without
    such a permission (Sailthru) is asked in every place the membership reaches.
    """
    if not account_level:
        return frozenset(reach)
    if all(CATALOGUE[p].level == TOP for p in change.edition.changes_account):
        return frozenset({TOP})
    return frozenset(change.universe | {FUTURE}) if every else frozenset(reach)


def gate(
    change: Change,
    target: Any,
    *,
    account_level: bool,
    places: frozenset[PlaceId],
    act: str,
    chosen: ChosenRole | None = None,
) -> None:
    """Refuse unless the actor may change memberships there and is above all that is at stake."""
    needed = change.edition.changes_account if account_level else change.edition.changes_subaccount
    if chosen is not None:
        needed |= change.edition.gives_roles
    for permission in sorted(needed):
        change.require(permission, places, act)
    touched = places | {TOP} if account_level else places
    change.require_managing(target, touched, act, rank=chosen.rank if chosen else 0)


def gate_membership(
    change: Change, membership: Membership, act: str, chosen: ChosenRole | None = None
) -> None:
    """Refuse unless the actor may change this membership, or give it the role ``chosen``."""
    reach = [membership.subaccount_id] if membership.subaccount_id else membership.reach_keys
    level = membership.is_account_level
    places = places_of(level, change, reach, membership.all_subaccounts)
    gate(change, membership.user, account_level=level, places=places, act=act, chosen=chosen)


def check_reach(
    change: Change,
    chosen: ChosenRole,
    subaccounts: Iterable[Any],
    every: Any,
    groups: Iterable[Any] = (),
) -> tuple[list[Subaccount], list[SubaccountGroup]]:
    """Return the subaccounts, and the groups of them, an account-level role may reach.

    Raises Invalid, or NotFound for what is not of this account.
    """
    found = own_subaccounts(change, subaccounts)
    grouped = {
        group.pk: group
        for group in (expect(g, SubaccountGroup, "A group") for g in clean_list(groups, "groups"))
    }
    if any(group.account_id != change.account.pk for group in grouped.values()):
        raise NotFound("There is no such group in this account.")
    if every and (found or grouped):
        raise Invalid("Choose either all subaccounts or some, not both.", code="REACH")
    home = [s for s in found.values() if s.is_home]
    if every:
        kind = ALL
    elif home and len(found) == 1 and not grouped and change.edition.has_home:
        kind = AT_HOME
    else:
        kind = SOME
    if kind not in chosen.reaches:
        may = {ALL: "all subaccounts", SOME: "chosen subaccounts", AT_HOME: "the own workspace"}
        allowed = " or ".join(may[k] for k in sorted(chosen.reaches)) or "nothing at this level"
        raise Invalid(f"{chosen.label} reaches {allowed}.", code="REACH")
    return list(found.values()), list(grouped.values())


def own_subaccounts(change: Change, subaccounts: Iterable[Any]) -> dict[Any, Subaccount]:
    """Return these subaccounts as stored, by key, if all are of this account. Raises NotFound."""
    asked = [expect(s, Subaccount, "A subaccount") for s in clean_list(subaccounts)]
    if any(s.account_id != change.account.pk for s in asked):
        raise NotFound("There is no such subaccount in this account.")
    return {s.pk: s for s in asked}


def clean_list(asked: Any, what: str = "subaccounts") -> list[Any]:
    """Return the ``what`` that somebody named as a list. Raises Invalid if it is none."""
    if isinstance(asked, str | type) or not isinstance(asked, Iterable):
        raise Invalid(f"Name the {what} as a list.", code="WRONG_TYPE")
    return list(asked)


def clean_flag(value: Any, what: str = "all_subaccounts") -> bool:
    """Return ``value`` if it is true or false. Raises Invalid for anything like it."""
    if not isinstance(value, bool):
        raise Invalid(f"{what} must be true or false.", code="WRONG_TYPE")
    return value


def refuse_archived(subaccount: Subaccount) -> None:
    if subaccount.is_archived:
        raise Invalid(f"{subaccount.name} is archived. Restore it first.", code="ARCHIVED")


def refuse_switched_off(change: Change, subaccount: Subaccount, permissions: Iterable[str]) -> None:
    """Refuse to give what a feature that is off lets nobody have in the subaccount. Raises Invalid.

    What was given before waits for the feature.
    """
    off = change.root.withheld_at
    if all(subaccount.pk in off.get(permission, ()) for permission in permissions):
        raise Invalid(
            f"A feature is switched off in {subaccount.name}, so nobody has this there.",
            code="FEATURE_OFF",
        )


def clean_end(ends_at: Any) -> datetime | None:
    if ends_at is None:
        return None
    if not isinstance(ends_at, datetime) or timezone.is_naive(ends_at):
        raise Invalid("The end must be a date and time with a time zone.", code="WRONG_TYPE")
    if ends_at.year >= LAST_YEAR:
        raise Invalid(f"The end lies beyond {LAST_YEAR}. Leave it out instead.", code="TOO_LONG")
    if ends_at <= timezone.now():
        raise Invalid("The end lies in the past. Choose a later one.", code="ENDED")
    return ends_at


def new_end(ends_at: Any, *now: datetime | None) -> tuple[datetime | None, bool]:
    """Return the end as it may be stored in place of ``now``, and whether it adds time to any.

    Raises Invalid (ENDED, TOO_LONG, WRONG_TYPE, or ALREADY_SO if nothing would change).
    """
    ends_at = clean_end(ends_at)
    if all(end == ends_at for end in now):
        raise Invalid("It ends then already. Choose another time.", code="ALREADY_SO")
    return ends_at, any(end and (ends_at is None or ends_at > end) for end in now)


def own_subaccount(change: Change, subaccount: Any) -> Subaccount:
    """Return the subaccount as stored, if it is of this account. Raises NotFound."""
    found = expect(subaccount, Subaccount, "The subaccount")
    if found.account_id != change.account.pk:
        raise NotFound("There is no such subaccount in this account.")
    return found


def stored_membership(membership: Any) -> Membership:
    """Return ``membership`` as it is now. Raises NotFound if it is gone."""
    follow = ("account", "user", "subaccount", "custom_role")
    return expect(membership, Membership, "The membership", *follow)


def about(membership: Membership) -> dict[str, Any]:
    """Return whom and which place an event about ``membership`` concerns, for the audit."""
    return {
        "user": str(membership.user_id),
        "person": label_of(membership.user),
        "subaccount": membership.subaccount_id,
    }
