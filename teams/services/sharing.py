"""Teams: who is in one, and what is shared with it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.contrib.auth.models import Group
from django.db import models

from permissions import grants
from permissions.audit import label_of
from permissions.errors import AlreadyUsed, Invalid, NotFound
from permissions.policy import FUTURE, PlaceId, sources_at
from permissions.policy.delegate import Code, Refusal
from permissions.resources import Resource, registry
from teams import selectors
from teams.catalogue import ASSIGN_TEAM_RESOURCES, MANAGE_TEAMS
from teams.models import Account, Subaccount, Team, TeamMembership
from teams.models.account import TeamMode
from teams.services.base import changing, service
from teams.services.change import Change
from teams.services.gates import clean_end, new_end, refuse_archived
from teams.services.inputs import clean_text, expect, expect_user, same_name
from teams.services.team_sight import creators_of, judge_sight, seen_by, seen_without

NAME_LIMIT = 80


def require_teams(change: Change) -> None:
    """Refuse where there are no teams, or they are switched off. Raises Invalid."""
    if not change.edition.has_teams:
        raise Invalid(f"{change.edition.label} has no teams.", code="NOT_IN_EDITION")
    if change.account.team_mode == TeamMode.OFF:
        # who would see what through a team cannot be judged while nothing is limited
        raise Invalid(
            f"Teams are switched off in {change.account.name}. Switch them on first.",
            code="TEAMS_OFF",
        )


def stored_team(team: Any) -> Team:
    """Return ``team`` as it is now. Raises NotFound if it is gone."""
    found = (
        Team.objects.select_related("account", "group")
        .filter(pk=expect(team, Team, "The team").pk)
        .first()
    )
    if found is None:
        raise NotFound("There is no such team any more.")
    return found


def refuse_archived_team(team: Team) -> None:
    """Refuse a team that is archived, as stored now that the account is locked. Raises Invalid."""
    if Team.objects.filter(pk=team.pk, archived_at__isnull=False).exists():
        raise Invalid(
            f"{team.name} is archived, and empty for good. Choose another team, or create one.",
            code="ARCHIVED",
        )


@service
def create_team(*, actor: Any, account: Account, name: str) -> Team:
    """Create an empty team, which gives nobody anything yet."""
    act = "create a team"
    with changing(actor, account, act=act) as change:
        require_teams(change)
        require_somewhere(change, act)
        name = _free_name(change, name)
        group = Group.objects.create(name=f"team:{uuid.uuid4()}")
        team = Team.objects.create(account=change.account, name=name, group=group)
        change.record("team.created", team, name=name, group=group.pk)
    return team


@service
def rename_team(*, actor: Any, team: Team, name: str) -> Team:
    """Give ``team`` another name: of whoever manages teams where each of its people works.

    Raises Refused, AlreadyUsed or Invalid (ARCHIVED).
    """
    team = stored_team(team)
    act = f"rename {team.name}"
    with changing(actor, team.account, act=act) as change:
        require_teams(change)
        refuse_archived_team(team)
        require_somewhere(change, act)
        for row in team.memberships.select_related("user"):
            # who manages teams elsewhere does not mislead those who work with this one
            if reached := _reached(change, row.user):
                _managed_part(change, reached, act)
        before, team.name = team.name, _free_name(change, name, team)
        if team.name != before:
            team.save(update_fields=["name"])
            change.record("team.renamed", team, before=before, after=team.name)
    return team


def require_somewhere(change: Change, act: str) -> None:
    """Refuse unless the actor manages teams anywhere."""
    if not _places_with(change, MANAGE_TEAMS):
        missing = {(str(MANAGE_TEAMS), ""): change.universe or frozenset({FUTURE})}
        change.refuse(Refusal(Code.OUT_OF_SCOPE, missing), act)


def _free_name(change: Change, name: Any, own: Team | None = None) -> str:
    wanted: str = clean_text(name, "The name", limit=NAME_LIMIT)
    taken = selectors.teams_of(change.account)
    taken = taken.exclude(pk=own.pk) if own else taken
    if any(same_name(wanted, other) for other in taken.values_list("name", flat=True)):
        raise AlreadyUsed(f"There is a team {wanted} already. Choose another name.")
    return wanted


def _places_with(change: Change, permission: str) -> frozenset[PlaceId]:
    return frozenset(
        place
        for place in change.universe | {FUTURE}
        if sources_at(change.standing, change.root, permission, place)
    )


def shown_to_team(team: Team) -> Iterator[tuple[Resource, models.Model]]:
    """Yield every list and template that ``team`` was given, with its resource."""
    for resource in registry:
        if resource.limited:
            keys = grants.shared_keys(resource.model, [team.group_id])
            for obj in resource.model._default_manager.filter(pk__in=keys):
                yield resource, obj


def gate_team(change: Change, user: Any, act: str) -> None:
    """Refuse unless the actor may put ``user`` into teams, somewhere the person works."""
    reached = _reached(change, user)
    if not reached:
        raise Invalid(
            f"{label_of(user)} has no place in {change.account.name}.", code="NOT_A_MEMBER"
        )
    change.require_managing(user, _managed_part(change, reached, act), act)


def _reached(change: Change, user: Any) -> frozenset[PlaceId]:
    return frozenset(
        place
        for holding in change.recorded_of(user).holdings
        for place in change.universe | {FUTURE}
        if place in holding.reach
    )


def _managed_part(change: Change, reached: frozenset[PlaceId], act: str) -> frozenset[PlaceId]:
    shared = reached & _places_with(change, MANAGE_TEAMS)
    if not shared:
        change.refuse(Refusal(Code.OUT_OF_SCOPE, {(str(MANAGE_TEAMS), ""): reached}), act)
    return shared


@service
def add_to_team(
    *, actor: Any, team: Team, user: Any, ends_at: datetime | None = None
) -> TeamMembership:
    """Put ``user`` into ``team``: a grant of everything they may then do with what it is given.

    Raises Refused (nobody adds themselves), AlreadyUsed or Invalid.
    """
    team = stored_team(team)
    user = expect_user(user, "The person")
    act = f"put {label_of(user)} into {team.name}"
    with changing(actor, team.account, user, act=act) as change:
        require_teams(change)
        refuse_archived_team(team)
        gate_team(change, user, act)
        if TeamMembership.objects.filter(team=team, user=user).exists():
            raise AlreadyUsed(f"{label_of(user)} is in {team.name} already.")
        before = seen_by([user.pk])
        row = TeamMembership.objects.create(
            team=team, user=user, ends_at=clean_end(ends_at), added_by=change.actor
        )
        judge_sight(change, before, act)
        change.record(
            "team.joined", team, user=str(user.pk), person=label_of(user), ends_at=row.ends_at
        )
    return row


@service
def set_team_end(*, actor: Any, team: Team, user: Any, ends_at: datetime | None) -> TeamMembership:
    """Say when the place of ``user`` in ``team`` ends (None: not by itself).

    A later end, or none, is putting them into the team for the time it adds, also where it has
    ended already. Raises Refused, NotFound if they are not in it, or Invalid (ENDED, ALREADY_SO).
    """
    team = stored_team(team)
    user = expect_user(user, "The person")
    act = f"change when the place of {label_of(user)} in {team.name} ends"
    with changing(actor, team.account, user, act=act) as change:
        require_teams(change)
        refuse_archived_team(team)
        gate_team(change, user, act)
        row = TeamMembership.objects.filter(team=team, user=user).first()
        if row is None:
            raise NotFound(f"{label_of(user)} is not in {team.name}.")
        before = row.ends_at
        row.ends_at, is_longer = new_end(ends_at, before)
        if is_longer:
            judge_sight(change, seen_without([row]), act)
        row.save(update_fields=["ends_at"])
        change.record(
            "team.end_changed",
            team,
            user=str(user.pk),
            person=label_of(user),
            before=before,
            after=row.ends_at,
        )
    return row


@service
def remove_from_team(*, actor: Any, team: Team, user: Any) -> None:
    """Take ``user`` out of ``team``. Raises NotFound if they are not in it."""
    team = stored_team(team)
    act = f"take {label_of(user)} out of {team.name}"
    with changing(actor, team.account, user, act=act) as change:
        require_teams(change)
        refuse_archived_team(team)
        gate_team(change, user, act)
        count, _ = TeamMembership.objects.filter(team=team, user=user).delete()
        if not count:
            raise NotFound(f"{label_of(user)} is not in {team.name}.")
        change.record("team.left", team, user=str(user.pk), person=label_of(user))


def _shareable(obj: Any) -> tuple[Resource, models.Model]:
    """Return an object teams can limit as stored, with its resource. Raises Invalid."""
    if not isinstance(obj, models.Model) or type(obj) not in registry or obj.pk is None:
        raise Invalid("Only a stored list or template is shared with a team.", code="WRONG_TYPE")
    resource = registry.of(obj)
    if not resource.limited:
        raise Invalid(f"A {obj._meta.verbose_name} is not shared with teams.", code="NOT_SHAREABLE")
    return resource, expect(obj, type(obj), "The object")


def _require_sharing(change: Change, resource: Resource, obj: models.Model, act: str) -> None:
    root, place = resource.locate(obj)
    if root != change.account.pk:
        raise NotFound("There is no such thing in the team's account.")
    change.asked |= {place}
    refuse_archived(Subaccount.objects.get(pk=place))
    for permission in (ASSIGN_TEAM_RESOURCES, resource.actions["view"]):
        if not change.profile.decide(permission, resource, obj).allowed:
            missing = {(str(permission), ""): frozenset({place})}
            change.refuse(Refusal(Code.OUT_OF_SCOPE, missing), act)


@service
def share_with_team(*, actor: Any, team: Team, obj: models.Model) -> None:
    """Let ``team`` see a list or template: a grant to everybody in it who could not before."""
    team = stored_team(team)
    resource, obj = _shareable(obj)
    act = f"share {obj} with {team.name}"
    with changing(actor, team.account, act=act) as change:
        require_teams(change)
        refuse_archived_team(team)
        _require_sharing(change, resource, obj, act)
        if grants.groups_on(obj).filter(group=team.group).exists():
            raise AlreadyUsed(f"{team.name} sees {obj} already.")
        before = seen_by(team.memberships.values_list("user_id", flat=True))
        grants.give(
            permission=resource.actions["view"],
            obj=obj,
            group=team.group,
            granted_by=change.actor,
        )
        judge_sight(change, before, act)
        change.record("team.given", obj, team=team.pk, name=team.name)


@service
def unshare_with_team(*, actor: Any, team: Team, obj: models.Model) -> None:
    """Hide a list or template from ``team`` again. Raises NotFound if it was not shared.

    What no team is left for is its creator's: a grant to them.
    """
    team = stored_team(team)
    resource, obj = _shareable(obj)
    act = f"stop sharing {obj} with {team.name}"
    with changing(actor, team.account, act=act) as change:
        require_teams(change)
        refuse_archived_team(team)
        _require_sharing(change, resource, obj, act)
        before = seen_by(creators_of(resource, [obj.pk]))
        if not grants.withdraw(permission=resource.actions["view"], obj=obj, group=team.group):
            raise NotFound(f"{team.name} does not see {obj}.")
        judge_sight(change, before, act)
        change.record("team.withdrawn", obj, team=team.pk, name=team.name)
