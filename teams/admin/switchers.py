"""Why a switch is locked, and who can move it: the nearest person the services would let."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from permissions.audit import label_of
from permissions.errors import OwnRights, ServiceError
from permissions.profile import Profile
from teams import provider, selectors
from teams.admin import words
from teams.admin.desk import Desk, role_spec
from teams.editions.spec import RoleSpec, ToggleSpec
from teams.models import Membership
from teams.services.offers import Offers

#: so many people who might be asked are looked at, besides the owner
LOOKED_AT = 100


def why_locked(
    desk: Desk, membership: Membership, spec: RoleSpec, toggle: ToggleSpec, error: ServiceError
) -> str:
    """Return the reason in words, and who can help; the queries are the same for every switch."""
    if error.code == "FEATURE_OFF":
        return error.message
    who = switcher(desk, membership, spec, toggle)
    missing = getattr(error, "missing", ())
    lacked = [m for m in missing if m.permission in spec.optional[toggle.codename]]
    if isinstance(error, OwnRights) or membership.user_id == desk.user.pk:
        why = "Nobody changes their own rights."
    elif lacked:
        rest = f"; {who} does." if who else "."
        return f"You do not hold {toggle.label} in {words.listed(_places(lacked))}{rest}"
    else:
        _act, _, rest = error.message.partition(": ")
        why = rest[:1].upper() + rest[1:]
    return f"{why} {who} can switch this." if who else why


def _places(missing: list[Any]) -> list[str]:
    return list(dict.fromkeys(m.place for m in missing))


def switcher(desk: Desk, membership: Membership, spec: RoleSpec, toggle: ToggleSpec) -> str:
    """Return who may switch this on, nearest first: "Maria Lopez (owner)"; empty for nobody."""
    for person, label, offers in desk.once(_candidates):
        if person.pk in (desk.user.pk, membership.user_id):
            continue
        if offers.verdict(membership, "") or offers.switch_verdict(membership, spec, toggle, set()):
            continue
        return f"{label_of(person)} ({label[:1].lower()}{label[1:]})"
    return ""


def _candidates(desk: Desk) -> list[tuple[Any, str, Offers]]:
    """Return people of the account with a role that may switch something, and the owner last.

    Only roles that the reader sees are looked at: others are not theirs to know. Whoever has a
    role in one subaccount is nearer than whoever has one on the account; whether they may is
    for the services' gates to say.
    """
    account = desk.account
    able = frozenset[str]().union(*(role.toggled_by for role in desk.edition.roles))
    rows = (
        selectors.memberships_of(desk.user)
        .filter(
            Q(subaccount=None) | Q(subaccount__in=[place.pk for place in desk.places]),
            account=account,
            role__in=able,
        )
        .select_related("user")
        .order_by("pk")[:LOOKED_AT]
    )
    ranks = {role.codename: role.rank or 0 for role in desk.edition.roles}
    near = sorted(rows, key=lambda m: (m.is_account_level, ranks.get(m.role, 0), m.pk))
    people = {m.user_id: (m.user, m.role) for m in reversed(near)}
    held = provider.load_profiles({*people, account.owner_id})
    found: list[tuple[Any, str, Offers]] = []
    for pk in dict.fromkeys(m.user_id for m in near):
        person, role = people[pk]
        role_of = role_spec(desk.edition, role)
        if role_of is not None and account.pk in held[pk].tenants:
            found.append((person, str(role_of.label), _offers(desk, person, held[pk])))
    owner = held[account.owner_id]
    if account.pk in owner.tenants:
        label = str(desk.edition.owner_label)
        found.append((account.owner, label, _offers(desk, account.owner, owner)))
    return found


def _offers(desk: Desk, person: Any, profile: Profile) -> Offers:
    """Return what ``person`` may do here, without loading anything anew."""
    return Offers(desk.glance.seen_by(person, profile))
