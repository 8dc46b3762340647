"""A team is put away: its people and its things go to another team, or nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from permissions import grants
from permissions.audit import label_of
from permissions.errors import Invalid, NotFound, ServiceError
from permissions.policy import PlaceId
from permissions.resources import Resource, registry
from teams import logins
from teams.catalogue import ASSIGN_TEAM_RESOURCES
from teams.models import Invitation, InvitedTeam, Team, TeamMembership
from teams.services.base import changing, service
from teams.services.change import Change
from teams.services.invitation_gates import check_offered_team
from teams.services.invitations import described
from teams.services.sharing import (
    gate_team,
    refuse_archived_team,
    require_somewhere,
    require_teams,
    stored_team,
)
from teams.services.team_sight import creators_of, judge_sight, seen_by, seen_without

Things = list[tuple[Resource, Mapping[Any, PlaceId]]]


@service
def archive_team(*, actor: Any, team: Team, replacement: Team | None = None) -> Team:
    """Empty ``team`` and put it away for good; its name is free again.

    Its people, each until the end they had, and the lists and templates it was given go to
    ``replacement``, or nowhere. That is a grant to whoever comes to see something: the people of
    the replacement, those who move, and the creators of what is nobody's then. Somebody who is in
    both stays until the later end. Pending invitations into it lead to ``replacement`` where the
    actor could offer that team to whom they go to; others lose the team.

    Raises Refused, NotFound or Invalid (ARCHIVED, SAME_TEAM).
    """
    team = stored_team(team)
    into = None if replacement is None else stored_team(replacement)
    act = f"archive {team.name}"
    with changing(actor, team.account, act=act) as change:
        require_teams(change)
        refuse_archived_team(team)
        _check_replacement(team, into)
        require_somewhere(change, act)
        moved = list(team.memberships.select_related("user"))
        things = _things_of(change, team)
        for row in moved:
            if row.user_id != change.account.owner_id:  # who sees everything, in a team or not
                gate_team(change, row.user, act)
        for resource, keys in things:
            _require_moving(change, resource, frozenset(keys.values()), act)
        before = _seen_before(team, into, things)
        _move_people(change, moved, into)
        for resource, _keys in things:
            to = into.group if into else None
            grants.hand_over(resource.model, group=team.group, to=to, granted_by=change.actor)
        judge_sight(change, before, act)
        team.archived_at = timezone.now()
        team.save(update_fields=["archived_at"])
        change.record(
            "team.archived",
            team,
            name=team.name,
            replacement=into.pk if into else None,
            people={str(row.user_id): label_of(row.user) for row in moved},
            things={r.label: sorted(map(str, keys)) for r, keys in things if keys},
        )
        _move_invitations(change, team, into, act)
    return team


def _check_replacement(team: Team, into: Team | None) -> None:
    if into is None:
        return
    if into.account_id != team.account_id:
        raise NotFound("There is no such team in this account.")
    if into.pk == team.pk:
        raise Invalid(
            f"{team.name} cannot take its own place. Choose another team, or none.",
            code="SAME_TEAM",
        )
    refuse_archived_team(into)


def _things_of(change: Change, team: Team) -> Things:
    """Return the places of all that ``team`` was given, by key, for each resource."""
    found: Things = []
    for resource in registry:
        if resource.limited:
            rows = resource.model._default_manager.filter(
                pk__in=grants.shared_keys(resource.model, [team.group_id]),
                **{resource.root_path: change.account.pk},
            )
            found.append((resource, dict(rows.values_list("pk", str(resource.place_path)))))
    return found


def _require_moving(
    change: Change, resource: Resource, places: frozenset[PlaceId], act: str
) -> None:
    """Refuse unless the actor may share what is there; an archived subaccount stands in no way.

    What somebody refused may not know of is not named.
    """
    for permission in (ASSIGN_TEAM_RESOURCES, resource.actions["view"]):
        change.require(str(permission), places, act, named=False)


def _seen_before(team: Team, into: Team | None, things: Things) -> Mapping[Any, Any]:
    """Return what everybody concerned sees before; whoever is in both teams as if they were only
    in the one where they stay longer, for they come to see the rest for the time between."""
    rows = {row.user_id: row for row in team.memberships.all()}
    others = {row.user_id: row for row in into.memberships.all()} if into else {}
    made = {key for resource, keys in things for key in creators_of(resource, keys.keys())}
    found = dict(seen_by({*rows, *others, *made}))
    shorter = [
        min(rows[key], others[key], key=_end_of)
        for key in rows.keys() & others.keys()
        if rows[key].ends_at != others[key].ends_at
    ]
    return found | dict(seen_without(shorter))


def _end_of(row: TeamMembership) -> tuple[bool, Any]:
    return (row.ends_at is None, row.ends_at or timezone.now())


def _move_people(change: Change, moved: list[TeamMembership], into: Team | None) -> None:
    staying = {row.user_id: row for row in into.memberships.all()} if into else {}
    for row in moved:
        there = staying.get(row.user_id)
        if there is not None and _end_of(row) > _end_of(there):
            there.ends_at = row.ends_at
            there.save(update_fields=["ends_at"])
    TeamMembership.objects.filter(pk__in=[row.pk for row in moved]).delete()
    if into is not None:
        TeamMembership.objects.bulk_create(
            TeamMembership(team=into, user=row.user, ends_at=row.ends_at, added_by=change.actor)
            for row in moved
            if row.user_id not in staying
        )


def _move_invitations(change: Change, team: Team, into: Team | None, act: str) -> None:
    """Let pending invitations lead to ``into``, or lose the team: whoever sent one answers for it
    when it is accepted, but did not choose ``into``."""
    pending = Invitation.objects.filter(
        account=change.account, status=Invitation.Status.PENDING, into__team=team
    )
    for invitation in pending:
        invitation.into.filter(team=team).delete()
        if into is not None and _may_offer(change, invitation, into, act):
            InvitedTeam.objects.get_or_create(
                invitation=invitation, team=into, defaults={"account": change.account}
            )
        change.record(
            "invitation.changed",
            invitation,
            **described(invitation),
            because=f"{team.name} was archived",
        )


def _may_offer(change: Change, invitation: Invitation, into: Team, act: str) -> bool:
    """Say whether the actor could put ``into`` into an invitation of somebody else's."""
    if logins.current().owned_among({invitation.address}, {change.actor.pk}):
        return False  # nobody puts themselves into a team
    try:
        check_offered_team(change, invitation, into, act)
    except ServiceError:
        return False
    return True
