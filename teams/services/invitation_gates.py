"""Who may offer what: an invitation is judged when it is offered, as if it were given."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from permissions.errors import Invalid
from permissions.policy import TOP, Holding, Reach, Source, atoms
from permissions.policy.delegate import Code, Refusal
from teams.catalogue import MANAGE_TEAMS
from teams.models import Invitation, Team
from teams.rights import toggle_bundle
from teams.services.change import Change
from teams.services.gates import gate, places_of
from teams.services.seating import Seat, find_seat
from teams.services.sharing import require_teams, shown_to_team
from teams.services.toggles import admitted, require_named


def gate_invitation(change: Change, invitation: Invitation, act: str) -> None:
    """Refuse unless the actor may change who has the role that is offered there."""
    reach = [invitation.subaccount_id] if invitation.subaccount_id else invitation.reach_keys
    level = invitation.is_account_level
    places = places_of(level, change, reach, invitation.all_subaccounts)
    needed = change.edition.changes_account if level else change.edition.changes_subaccount
    for permission in sorted(needed):
        change.require(permission, places, act)
    spec = change.edition.find_role(invitation.role)
    rank = (spec.rank or 0) if spec else 0
    change.require_managing(None, places | {TOP} if level else places, act, rank=rank)


def seat_of(change: Change, invitation: Invitation) -> Seat:
    """Return the seat that is offered, if the account still has it.

    Its places were named by whoever offered it: a refusal does not name them to others.
    """
    asked, reach = change.asked, list(invitation.managed.all())
    if any(place.is_archived for place in reach):
        raise Invalid("A subaccount it reaches is archived. Restore it first.", code="ARCHIVED")
    seat = find_seat(
        change,
        role=invitation.custom_role or invitation.role,
        subaccount=invitation.subaccount,
        managed=reach,
        all_subaccounts=invitation.all_subaccounts,
    )
    change.asked = asked
    return seat


def offered(change: Change, seat: Seat, toggles: Iterable[str]) -> list[Holding]:
    """Return what whoever accepts would hold by the role and the switches, as far as the role
    still admits them."""
    spec = seat.chosen.spec
    labels = {t.codename: str(t.label) for t in change.edition.toggles}
    switched = [
        Holding(Source("toggle", toggle, labels[toggle]), toggle_bundle(permission), seat.extent())
        for toggle in toggles
        for permission in (spec.optional.get(toggle, ()) if spec else ())
    ]
    return [seat.holding(change), *switched]


def gate_seat(change: Change, seat: Seat, act: str) -> None:
    """Refuse unless the actor may give that role at that place to somebody new."""
    places = seat.places(change)
    level = seat.is_account_level
    gate(change, None, account_level=level, places=places, act=act, chosen=seat.chosen)


def judge_offer(change: Change, seat: Seat, toggles: list[str], into: list[Team], act: str) -> None:
    """Refuse unless the actor could give all of it to somebody who has nothing here yet."""
    for toggle in toggles:
        spec, label = admitted(change, seat.chosen.codename, seat.chosen.custom, toggle)
        at = TOP if seat.subaccount is None else seat.subaccount.pk
        require_named(change, at, spec, f"switch on {label}")
    _judge_holdings(change, seat, toggles, act)
    if into:
        reach = seat.extent()
        gate_offered_teams(change, reach, act)
        for team in into:
            judge_offered_team(change, reach, team, act)


def _judge_holdings(change: Change, seat: Seat, toggles: Iterable[str], act: str) -> None:
    holdings = offered(change, seat, toggles)
    change.judge_atoms(atoms(holdings, change.root, change.universe), act)


def check_offered_team(change: Change, invitation: Invitation, team: Team, act: str) -> None:
    """Refuse unless the actor could offer ``team`` along with all that ``invitation`` offers."""
    seat = seat_of(change, invitation)
    _judge_holdings(change, seat, invitation.toggles, act)
    reach = seat.extent()
    gate_offered_teams(change, reach, act)
    judge_offered_team(change, reach, team, act)


def gate_offered_teams(change: Change, reach: Reach, act: str) -> None:
    """Refuse unless the actor may put people into teams wherever ``reach`` is."""
    require_teams(change)
    change.require(MANAGE_TEAMS, _team_places(change, reach), act)


def _team_places(change: Change, reach: Reach) -> frozenset[Any]:
    return frozenset(change.universe if reach.places is None else reach.places)


def judge_offered_team(change: Change, reach: Reach, team: Team, act: str) -> None:
    """Refuse if the team sees what is hidden from the actor, where the seat is."""
    places = _team_places(change, reach)
    for resource, obj in shown_to_team(team):
        _root, place = resource.locate(obj)
        hidden = obj.pk not in change.profile.shared(resource)
        if place in places and hidden and change.is_limited(resource, place):
            view = (str(resource.actions["view"]), "")
            change.refuse(Refusal(Code.OUT_OF_SCOPE, {view: frozenset({place})}), act)
