"""Asking somebody to come: a role offered to an address, taken by whoever the address belongs to.

What is offered is judged when it is offered, as if it were given; ``joining`` gives it when it is
accepted, in the name of whoever offered it. So an offer is never worth more than the right behind
it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from permissions import audit
from permissions.audit import label_of
from permissions.errors import AlreadyUsed, Invalid, NotFound
from permissions.policy import TOP, Holding, Reach, Source, atoms
from permissions.policy.delegate import Code, Refusal
from teams import logins, selectors
from teams.catalogue import MANAGE_TEAMS
from teams.models import (
    Account,
    Invitation,
    InvitedSubaccount,
    InvitedTeam,
    Subaccount,
    SubaccountGroup,
    Team,
)
from teams.models.invitation import new_nonce
from teams.rights import toggle_bundle
from teams.services import invitation_mail
from teams.services.base import Change, Entry, changing, root_key, service
from teams.services.gates import RoleLike, clean_end, clean_list, gate, places_of
from teams.services.inputs import expect
from teams.services.seating import Seat, check_seats, find_seat
from teams.services.senders import clean_address
from teams.services.sharing import refuse_archived_team, require_teams, shown_to_team
from teams.services.toggles import admitted, require_named

#: how many mails with invitations an account sends within an hour, how many of them to one
#: address, and how long until one is sent again
PER_HOUR = 200
PER_ADDRESS = 10
PAUSE = timedelta(minutes=2)
#: the events that come with a mail
MAILED = ("invitation.sent", "invitation.resent", "invitation.mailed")


def valid_for() -> timedelta:
    """Return how long an invitation can be accepted: the setting INVITATION_DAYS, or 15 days."""
    return timedelta(days=getattr(settings, "INVITATION_DAYS", 15))


def _expiry(ends_at: datetime | None) -> datetime:
    """Return when an invitation sent now expires: not after the access that it offers."""
    expires = timezone.now() + valid_for()
    return expires if ends_at is None else min(expires, ends_at)


@service
def invite_member(
    *,
    actor: Any,
    account: Account,
    address: str,
    role: RoleLike,
    subaccount: Subaccount | None = None,
    managed: Iterable[Subaccount] = (),
    all_subaccounts: bool = False,
    groups: Iterable[SubaccountGroup] = (),
    toggles: Iterable[str] = (),
    teams: Iterable[Team] = (),
    ends_at: datetime | None = None,
) -> Invitation:
    """Offer a role, with ``toggles`` switched on and a place in ``teams``, to ``address``.

    The mail goes out by itself. As ``add_member``, ``toggle_permission`` and ``add_to_team``, it
    raises Refused, or Invalid (NOT_AN_ADDRESS, ALREADY_USED, LIMIT_REACHED, TOO_MANY, …); also
    NO_GROUPS for ``groups``: what is in one may change before anybody accepts.
    """
    if clean_list(groups, "groups"):
        raise Invalid(
            "An invitation names subaccounts, not groups of them. Choose the subaccounts, or give "
            "the group once it is accepted.",
            code="NO_GROUPS",
        )
    with changing(actor, account, act="invite this person") as change:
        return offer(
            change,
            address=address,
            role=role,
            subaccount=subaccount,
            managed=managed,
            all_subaccounts=all_subaccounts,
            toggles=toggles,
            teams=teams,
            ends_at=ends_at,
        )


def offer(
    change: Change,
    *,
    address: str,
    role: RoleLike,
    subaccount: Subaccount | None,
    managed: Iterable[Subaccount],
    all_subaccounts: bool,
    toggles: Iterable[str],
    teams: Iterable[Team],
    ends_at: datetime | None,
) -> Invitation:
    """Do what ``invite_member`` does, as a part of ``change``."""
    address = clean_address(address, "The address").lower()
    if not address:
        raise Invalid("Say whom you invite: the address is empty.", code="EMPTY")
    act = f"invite {address}"
    seat = find_seat(
        change,
        role=role,
        subaccount=subaccount,
        managed=managed,
        all_subaccounts=all_subaccounts,
    )
    switched, into = _clean_toggles(toggles), _own_teams(change, teams)
    ends_at = clean_end(ends_at)
    _gate_seat(change, seat, act)
    _refuse_known(change, address, seat)
    _judge_offer(change, seat, switched, into, act)
    _make_room(change, address, seat)
    check_seats(change.account, address=address)
    throttle(change.account, address)
    invitation = Invitation.objects.create(
        account=change.account,
        address=address,
        subaccount=seat.subaccount,
        role=seat.chosen.codename,
        custom_role=seat.chosen.custom,
        all_subaccounts=seat.all_subaccounts,
        toggles=switched,
        ends_at=ends_at,
        exclusive=not change.edition.roles_add_up,
        invited_by=change.actor,
        expires_at=_expiry(ends_at),
        sent_at=timezone.now(),
    )
    own = {"invitation": invitation, "account": change.account}
    InvitedSubaccount.objects.bulk_create(
        InvitedSubaccount(subaccount=place, **own) for place in seat.reach
    )
    InvitedTeam.objects.bulk_create(InvitedTeam(team=team, **own) for team in into)
    change.record("invitation.sent", invitation, **described(invitation))
    invitation_mail.enqueue(invitation)
    return invitation


@service
def resend_invitation(*, actor: Any, invitation: Invitation) -> Invitation:
    """Send it anew, in the name of ``actor``: earlier links no longer count.

    Judged as a new one. Raises Refused, or Invalid (SETTLED, TOO_MANY, …).
    """
    stored = _stored(invitation)
    act = f"send the invitation of {stored.address} again"
    with changing(actor, stored.account, act=act) as change:
        stored = _pending(stored)
        check_resend(change, stored, act)
        stored.nonce, stored.invited_by = new_nonce(), change.actor
        stored.sent_at = timezone.now()
        stored.expires_at = _expiry(stored.ends_at)
        stored.save(update_fields=["nonce", "invited_by", "sent_at", "expires_at"])
        change.record("invitation.resent", stored, **described(stored))
        invitation_mail.enqueue(stored)
    return stored


def check_resend(change: Change, invitation: Invitation, act: str) -> None:
    """Refuse unless the actor could offer all of it anew, now."""
    seat = seat_of(change, invitation)
    _gate_seat(change, seat, act)
    _judge_offer(change, seat, list(invitation.toggles), list(invitation.teams.all()), act)
    clean_end(invitation.ends_at)
    check_seats(change.account, address=invitation.address)
    space_out(invitation)
    throttle(change.account, invitation.address)


@service
def withdraw_invitation(*, actor: Any, invitation: Invitation) -> None:
    """Take an offer back: its links no longer count. Raises Refused, or Invalid (SETTLED)."""
    stored = _stored(invitation)
    act = f"withdraw the invitation of {stored.address}"
    with changing(actor, stored.account, act=act) as change:
        stored = _pending(stored)
        gate_invitation(change, stored, act)
        settle(stored, Invitation.Status.WITHDRAWN)
        change.record("invitation.withdrawn", stored, **described(stored))


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


def withdraw_from(change: Entry, person: Any) -> None:
    """Withdraw what ``person``, who has left, offered to others here."""
    _withdraw_all(change, Q(invited_by=person), f"{label_of(person)} left the account")


def withdraw_to(change: Entry, person: Any, because: str = "has no active role any more") -> None:
    """Withdraw what is offered to ``person``, who works here no more: whoever sends somebody away,
    for good or for a while, does not leave a door open. Or who needs no offer any more."""
    own = str(getattr(person, type(person).get_email_field_name(), "") or "").lower()
    _withdraw_all(change, Q(address=own), f"{label_of(person)} {because}")


def _withdraw_all(change: Entry, which: Q, because: str) -> None:
    rows = Invitation.objects.filter(account=change.account, status=Invitation.Status.PENDING)
    for row in rows.filter(which):
        settle(row, Invitation.Status.WITHDRAWN)
        change.record("invitation.withdrawn", row, **described(row), because=because)


# what is asked on the way


def described(invitation: Invitation) -> dict[str, Any]:
    """Return what the audit keeps of an invitation: enough to rebuild what it offers."""
    return {
        "invitation": invitation.pk,
        "address": invitation.address,
        "subaccount": invitation.subaccount_id,
        "role": invitation.role,
        "custom_role": invitation.custom_role_id,
        "all_subaccounts": invitation.all_subaccounts,
        "managed": sorted(invitation.reach_keys),
        "toggles": list(invitation.toggles),
        "teams": sorted(invitation.into.values_list("team_id", flat=True)),
        "ends_at": invitation.ends_at,
        "expires_at": invitation.expires_at,
    }


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


def _gate_seat(change: Change, seat: Seat, act: str) -> None:
    places = seat.places(change)
    level = seat.is_account_level
    gate(change, None, account_level=level, places=places, act=act, chosen=seat.chosen)


def _judge_offer(
    change: Change, seat: Seat, toggles: list[str], into: list[Team], act: str
) -> None:
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


def _refuse_known(change: Change, address: str, seat: Seat) -> None:
    """Refuse, to an actor who sees them, somebody who has a role there already.

    A stranger's address takes the same work as that of nobody.
    """
    person = logins.current().find(address)
    seen = selectors.memberships_of(change.actor).filter(
        account=change.account, subaccount=seat.subaccount, user=person or change.actor
    )
    if change.edition.roles_add_up:
        seen = seen.filter(role=seat.chosen.codename, custom_role=seat.chosen.custom)
    if seen.exists() and person is not None:
        place = seat.subaccount.name if seat.subaccount else change.account.name
        raise AlreadyUsed(
            f"{label_of(person)} has a role in {place} already. Change that one instead."
        )


def _make_room(change: Change, address: str, seat: Seat) -> None:
    """Refuse a second offer of the same seat; one that has expired gives way."""
    rows = Invitation.objects.filter(
        account=change.account,
        address=address,
        subaccount=seat.subaccount,
        status=Invitation.Status.PENDING,
    )
    if change.edition.roles_add_up:
        rows = rows.filter(role=seat.chosen.codename, custom_role=seat.chosen.custom)
    for row in rows:
        if row.is_open:
            place = seat.subaccount.name if seat.subaccount else change.account.name
            raise AlreadyUsed(
                f"{address} is invited to {place} already. Send that again, or withdraw it first."
            )
        settle(row, Invitation.Status.WITHDRAWN)
        change.record("invitation.withdrawn", row, **described(row), because="it had expired")


def left_this_hour(account: Account) -> int:
    """Return how many invitations ``account`` may still send within this hour."""
    return max(0, _per_hour() - len(_mailed_this_hour(account)))


def _per_hour() -> int:
    return int(getattr(settings, "INVITATIONS_PER_HOUR", PER_HOUR))


def throttle(account: Account, address: str) -> None:
    """Refuse more mail than people send by hand, from an account or to one address.

    Mails are counted in the audit, which nobody empties: an invitation says only when it was sent
    last. Raises Invalid (TOO_MANY).
    """
    sent = _mailed_this_hour(account)
    if len(sent) >= _per_hour():
        raise Invalid(
            f"{account.name} has sent {_per_hour()} invitations within an hour. Go on in an hour.",
            code="TOO_MANY",
        )
    if sent.count(address) >= PER_ADDRESS:
        raise Invalid(
            f"{address} has had {PER_ADDRESS} invitations within an hour. Go on in an hour.",
            code="TOO_MANY",
        )


def _mailed_this_hour(account: Account) -> list[str]:
    """Return the addresses ``account`` has invited within an hour, once for each mail."""
    since = timezone.now() - timedelta(hours=1)
    events = audit.timeline(root_key(account)).filter(at__gt=since, action__in=MAILED)
    return list(events.values_list("data__address", flat=True))


def space_out(invitation: Invitation) -> None:
    """Refuse another mail to an address that has just had this one. Raises Invalid (TOO_MANY)."""
    if invitation.sent_at is not None and invitation.sent_at > timezone.now() - PAUSE:
        raise Invalid(
            "This invitation was sent a moment ago. Wait two minutes, then send it again.",
            code="TOO_MANY",
        )


def _clean_toggles(toggles: Any) -> list[str]:
    found = clean_list(toggles, "toggles")
    if not all(isinstance(toggle, str) for toggle in found) or len(set(found)) != len(found):
        raise Invalid("Name each toggle once, by its codename.", code="WRONG_TYPE")
    return sorted(found)


def _own_teams(change: Change, teams: Any) -> list[Team]:
    found = [expect(team, Team, "A team") for team in clean_list(teams, "teams")]
    if any(team.account_id != change.account.pk for team in found):
        raise NotFound("There is no such team in this account.")
    for team in found:
        refuse_archived_team(team)
    return list({team.pk: team for team in found}.values())


def _stored(invitation: Any) -> Invitation:
    follow = ("account", "subaccount", "custom_role")
    return expect(invitation, Invitation, "The invitation", *follow)


def _pending(invitation: Invitation) -> Invitation:
    """Return it as it is now that the account is locked. Raises Invalid if it is settled."""
    found = _stored(invitation)
    if found.status != Invitation.Status.PENDING:
        raise Invalid(
            f"The invitation of {found.address} is {found.get_status_display().lower()} already.",
            code="SETTLED",
        )
    return found


def settle(invitation: Invitation, status: str, *, by: Any = None) -> None:
    """Mark what became of an invitation."""
    invitation.status, invitation.settled_at = status, timezone.now()
    invitation.accepted_by = by
    invitation.save(update_fields=["status", "settled_at", "accepted_by"])
