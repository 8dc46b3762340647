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

from permissions.audit import label_of
from permissions.errors import AlreadyUsed, Invalid, NotFound
from teams import logins, selectors
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
from teams.services import invitation_mail
from teams.services.base import changing, service
from teams.services.change import Change, Entry
from teams.services.gates import RoleLike, clean_end, clean_list
from teams.services.inputs import expect
from teams.services.invitation_gates import gate_invitation, gate_seat, judge_offer, seat_of
from teams.services.invitation_limits import space_out, throttle
from teams.services.seating import Seat, check_seats, find_seat
from teams.services.senders import clean_address
from teams.services.sharing import refuse_archived_team


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
    gate_seat(change, seat, act)
    _refuse_known(change, address, seat)
    judge_offer(change, seat, switched, into, act)
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
    gate_seat(change, seat, act)
    judge_offer(change, seat, list(invitation.toggles), list(invitation.teams.all()), act)
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
