"""What teams limit in an account: nothing, lists, or lists and templates."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from permissions.errors import Invalid
from permissions.policy import FUTURE, TOP, Atoms, Holding, PlaceId, Reach, Source, atoms
from permissions.policy.terms import ORDINARY
from teams import standings
from teams.catalogue import ASSIGN_TEAM_RESOURCES, CATALOGUE, MANAGE_ACCOUNT_SETTINGS, MANAGE_TEAMS
from teams.editions.spec import Edition
from teams.models import (
    Account,
    AccountUserGrant,
    Invitation,
    Membership,
    Role,
    SubaccountUserGrant,
)
from teams.models.account import TeamMode
from teams.rights import custom_bundle, role_bundle
from teams.services.base import changing, service
from teams.services.change import Change


@service
def set_team_mode(*, actor: Any, account: Account, mode: str) -> Account:
    """Say what teams limit; while they are off they limit nothing, and nothing is done with them.

    Needs ``manage_account_settings``, and ``manage_teams`` and ``assign_team_resources``
    everywhere. What is limited no more comes to be seen by whoever was limited: the actor must
    hold what they hold there. Refused as off while anybody has, in whatever state, or is invited
    to, a role that needs teams (the document: "only available if your account is teams-enabled").

    Raises Refused, or Invalid (NOT_IN_EDITION, UNKNOWN_MODE, ROLE_NEEDS_TEAMS).
    """
    act = "change what teams limit"
    with changing(actor, account, act=act) as change:
        if not change.edition.has_teams:
            raise Invalid(f"{change.edition.label} has no teams.", code="NOT_IN_EDITION")
        change.require(str(MANAGE_ACCOUNT_SETTINGS), frozenset({TOP}), act)
        everywhere = change.universe | {FUTURE}
        for permission in (MANAGE_TEAMS, ASSIGN_TEAM_RESOURCES):
            change.require(str(permission), everywhere, act)
        asked: Any = mode
        if not isinstance(asked, str) or asked not in TeamMode.values:
            known = ", ".join(TeamMode.values)
            raise Invalid(f"There is no such setting: choose one of {known}.", code="UNKNOWN_MODE")
        before = change.account.team_mode
        if mode == before:
            return change.account
        if mode == TeamMode.OFF:
            refuse_while_needed(change.account, change.edition)
        if standings.LIMITS[before] - standings.LIMITS[mode]:
            change.judge_atoms(_held_by_limited(change), act)
        change.account.team_mode = mode
        change.account.save(update_fields=["team_mode"])
        change.record("account.teams_set", change.account, before=before, after=mode)
    return change.account


def refuse_while_needed(account: Account, edition: Edition) -> None:
    """Refuse while somebody has a role that needs teams, or is invited to one. Raises Invalid."""
    needing = {role.codename: str(role.label) for role in edition.roles if role.needs_teams}
    held = Membership.objects.filter(account=account, role__in=needing)
    offered = Invitation.objects.filter(
        account=account, role__in=needing, status=Invitation.Status.PENDING
    )
    people, asked = held.values("user").distinct().count(), offered.count()
    if not people and not asked:
        return
    parts = [
        *([f"{people} {'person has' if people == 1 else 'people have'} it"] if people else []),
        *([f"{asked} {'is' if asked == 1 else 'are'} invited to it"] if asked else []),
    ]
    raise Invalid(
        f"{' and '.join(needing.values())} exists only while teams are switched on, and "
        f"{' and '.join(parts)}, suspended people included. Give them another role, or withdraw "
        "the invitations, first.",
        code="ROLE_NEEDS_TEAMS",
    )


def _held_by_limited(change: Change) -> Atoms:
    """Return what people whom teams limit hold in subaccounts: each role once, not each person.

    What has been toggled on, and guest access to a subaccount, counts wherever it is.
    """
    found: dict[tuple[str, str], set[PlaceId]] = defaultdict(set)
    for key, places in atoms(_limited_roles(change), change.root, change.universe).items():
        found[key] |= places - {TOP}
    here = SubaccountUserGrant.objects.filter(content_object__account=change.account)
    for permission, place in here.values_list("permission__codename", "content_object").distinct():
        found[permission, ""].add(place)
    above = AccountUserGrant.objects.filter(content_object=change.account)
    for permission in above.values_list("permission__codename", flat=True).distinct():
        if CATALOGUE[permission].level != TOP:
            found[permission, ""] |= change.universe | {FUTURE}
    return {key: frozenset(places) for key, places in found.items() if places}


def _limited_roles(change: Change) -> Iterator[Holding]:
    """Yield each role that somebody has somewhere and that teams limit; one on the account as if
    it reached every subaccount."""
    edition = change.edition
    roles = {role.pk: role for role in Role.objects.filter(account=change.account)}
    seats = Membership.objects.filter(account=change.account).order_by()
    held: Any = seats.values_list("subaccount", "role", "custom_role").distinct()
    for place, name, custom in held:
        if custom is None and edition.find_role(name) is None:
            continue  # a role the edition does not have (any more) gives nothing
        rights = (
            role_bundle(edition.codename, name)
            if custom is None
            else custom_bundle(edition.codename, json.dumps(roles[custom].permissions))
        )
        if str(ASSIGN_TEAM_RESOURCES) not in rights[ORDINARY]:
            places = None if place is None else frozenset({place})
            yield Holding(Source("role", name), rights, Reach(top=place is None, places=places))
