"""The state of an account as its tables have it now: a bounded number of queries."""

from __future__ import annotations

from typing import Any

from django.contrib.contenttypes.models import ContentType

from permissions import grants
from permissions.audit import ref_of
from permissions.models import AuditHead
from permissions.resources import Resource, registry
from teams.facts import DETAILS
from teams.models import (
    Account,
    AccountUserGrant,
    GroupedSubaccount,
    ManagedGroup,
    ManagedSubaccount,
    Membership,
    Role,
    Subaccount,
    SubaccountGroup,
    SubaccountUserGrant,
    Team,
    TeamMembership,
)
from teams.replay.state import Crew, Custom, Guest, Place, Seat, State, Thing, moment
from teams.replay.versions import built_in

#: what of an account's columns a state keeps; its owner besides, as text
KEPT = (*(name for name in DETAILS if name != "owner_id"), "second_factor")


def stored(account: Account) -> State:
    """Return what is stored of ``account`` now, as of the last event that is recorded.

    Whoever needs both to belong together holds the account's lock.
    """
    row = Account.objects.values(*KEPT, "owner_id").get(pk=account.pk)
    owner = str(row.pop("owner_id"))
    head = AuditHead.objects.filter(root=ref_of(account)).first()
    state = State(
        sequence=head.sequence if head else 0,
        key=account.pk,
        account={**row, "owner": owner},
        built_in=built_in(row["edition"]),
    )
    for place in Subaccount.objects.filter(account=account):
        state.places[place.pk] = Place(
            place.name,
            home=place.is_home,
            direct=place.billed_directly,
            archived=place.is_archived,
            off=place.features_off,
        )
    for role in Role.objects.filter(account=account):
        state.roles[role.pk] = Custom(role.name, role.permissions)
    for key in SubaccountGroup.objects.filter(account=account).values_list("pk", flat=True):
        state.groups[key] = set()
    for inside in GroupedSubaccount.objects.filter(account=account):
        state.groups[inside.group_id].add(inside.subaccount_id)
    _add_seats(state, account)
    _add_teams(state, account)
    for resource in registry:
        if resource.place_path is not None:
            _add_guests(state, account, resource)
    return state


def is_ours(resource: Resource) -> bool:
    """Say whether the record says of each such thing that it was made, and by whom: of a host's
    own nobody tells us."""
    return resource.model._meta.app_label == Account._meta.app_label


def _add_seats(state: State, account: Account) -> None:
    for row in Membership.objects.filter(account=account):
        state.seats[row.pk] = Seat(
            user=str(row.user_id),
            subaccount=row.subaccount_id,
            role=row.role,
            custom=row.custom_role_id,
            every=row.all_subaccounts,
            contact=row.is_primary_contact,
            active=row.status == Membership.Status.ACTIVE,
            ends_at=moment(row.ends_at),
        )
    for reach in ManagedSubaccount.objects.filter(membership__account=account):
        state.seats[reach.membership_id].managed.add(reach.subaccount_id)
    for managed in ManagedGroup.objects.filter(membership__account=account):
        state.seats[managed.membership_id].groups.add(managed.group_id)
    for table in (AccountUserGrant, SubaccountUserGrant):
        given = table._default_manager.filter(membership__account=account)
        for key, name, end in given.values_list("membership_id", "permission__codename", "ends_at"):
            state.seats[key].toggles[name] = moment(end)


def _add_teams(state: State, account: Account) -> None:
    teams = list(Team.objects.filter(account=account, archived_at=None))
    for team in teams:
        state.teams[team.pk] = Crew(team.name, team.group_id)
    for row in TeamMembership.objects.filter(team__in=teams):
        state.teams[row.team_id].people[str(row.user_id)] = moment(row.ends_at)
    of_group = {team.group_id: team.pk for team in teams}
    for resource in registry:
        if not resource.limited:
            continue
        if is_ours(resource):
            mine = resource.model._default_manager.filter(**{resource.root_path: account.pk})
            columns = ("pk", str(resource.place_path), f"{resource.created_by}_id")
            for key, place, creator in mine.values_list(*columns):
                by = None if creator is None else str(creator)
                state.things[resource.label, str(key)] = Thing(place, by)
        for group, key in grants.shares(resource.model, of_group):
            state.teams[of_group[group]].things.add((resource.label, str(key)))


def _add_guests(state: State, account: Account, resource: Resource) -> None:
    """Add what people were given on single things of one kind."""
    if not resource.guest:
        return
    table, place_path = grants.user_table(resource.model), str(resource.place_path)
    rows: Any = table._default_manager.all()
    given: Any
    if grants.is_direct(table):
        rows = rows.filter(**{f"content_object__{resource.root_path}": account.pk})
        if resource.model is Subaccount:
            rows = rows.filter(membership=None)
        given = rows.values_list(
            "user_id",
            "content_object_id",
            f"content_object__{place_path}",
            "permission__codename",
            "ends_at",
        )
    else:
        rows = rows.filter(content_type=ContentType.objects.get_for_model(resource.model))
        found = list(rows.values_list("user_id", "object_pk", "permission__codename"))
        inside = resource.model._default_manager.filter(
            pk__in={key for _, key, _ in found}, **{resource.root_path: account.pk}
        )
        place_of = {str(key): place for key, place in inside.values_list("pk", place_path)}
        given = [(u, key, place_of[key], name, None) for u, key, name in found if key in place_of]
    for user, key, place, name, end in given:
        guest = state.guests.setdefault((str(user), (resource.label, str(key))), Guest(place))
        guest.permissions[name] = moment(end)
