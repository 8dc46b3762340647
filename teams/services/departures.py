"""Going: taken away, switched off for a while, or left by oneself."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone

from permissions import grants
from permissions.audit import label_of
from permissions.errors import Invalid, NotFound, OwnerRequired
from permissions.policy import FUTURE
from teams import logins
from teams.models import Account, Membership
from teams.services import heirs
from teams.services.base import changing, in_person, service
from teams.services.change import Change, Entry
from teams.services.gates import about, choose_role, gate_membership, stored_membership
from teams.services.inputs import expect
from teams.services.invitations import withdraw_from, withdraw_to
from teams.services.seating import described


@service
def remove_member(*, actor: Any, membership: Membership) -> None:
    """Take a membership away, with its toggles; repeating it is an error (NOT_FOUND).

    Guest access, teams and pending invitations of somebody who is left without any place in the
    account go too, so that they start from nothing should they come back; what they created stays.
    Whoever has no account left is signed out everywhere.
    """
    stored = stored_membership(membership)
    act = f"remove {label_of(stored.user)}"
    with changing(actor, stored.account, stored.user, act=act) as change:
        stored = stored_membership(membership)
        gate_membership(change, stored, act)
        change.record("member.removed", stored, before=described(stored))
        take_away(change, stored)


@service
def leave(*, actor: Any, membership: Membership) -> None:
    """Give up a role of one's own. Raises NotFound if it is not one's own, or gone already."""
    stored = expect(membership, Membership, "The membership")
    if stored.user_id != getattr(actor, "pk", None):
        raise NotFound("You have no such role.")
    with changing(actor, stored.account, act="leave", while_read_only=True) as change:
        in_person("leave", change.account)
        stored = stored_membership(membership)
        change.record("member.left", stored, before=described(stored))
        take_away(change, stored)


@service
def leave_account(*, actor: Any, account: Account) -> None:
    """Give up every role one has in ``account``, suspended ones too. The owner cannot leave.

    Raises OwnerRequired, or NotFound for somebody who has nothing there.
    """
    account = expect(account, Account, "The account")
    with changing(actor, account, act=f"leave {account.name}", while_read_only=True) as change:
        in_person(f"leave {account.name}", change.account)
        if change.standing.is_owner:
            raise OwnerRequired(
                f"You own {account.name}. Hand it over to somebody else before you leave."
            )
        for row in Membership.objects.filter(account=change.account, user=change.actor):
            stored = stored_membership(row)
            change.record("member.left", stored, before=described(stored))
            take_away(change, stored)


def take_away(change: Entry, membership: Membership) -> None:
    """Delete a membership, and all that has no meaning without it."""
    user = membership.user
    membership.delete()
    depart(change, user)


def depart(change: Entry, user: Any) -> None:
    """Clear away what means nothing without a place here, as far as ``user`` has none left."""
    _clean_up_after(change, user)
    if change.actor is not None:  # what is merely cleared away sends nobody away
        close_the_door(change, user)
    heirs.withdraw_from_heir(change, user)
    end_sessions_unless_placed(user)


def close_the_door(change: Entry, user: Any) -> None:
    """Withdraw what is offered to ``user`` here, unless they still work in the account."""
    if change.account.owner_id != user.pk and not heirs.works_in(change.account, user):
        withdraw_to(change, user)


def end_sessions_unless_placed(user: Any) -> None:
    """Sign ``user`` out everywhere, after the transaction, if no account is left to them."""

    def settle() -> None:
        works = Membership.objects.filter(
            grants.active(timezone.now()), user=user, status=Membership.Status.ACTIVE
        )
        owns = Account.objects.filter(owner=user)
        if not works.exists() and not owns.exists():
            logins.current().end_sessions(user)

    transaction.on_commit(settle)


def _clean_up_after(change: Entry, user: Any) -> None:
    """Withdraw what is meaningless, and must not revive, once ``user`` has no place here."""
    if change.account.owner_id == user.pk:
        return  # an heir whose old role had ended
    if Membership.objects.filter(account=change.account, user=user).exists():
        return
    withdraw_extras(change, user, "left the account")
    withdraw_from(change, user)


def withdraw_extras(change: Entry, user: Any, because: str) -> None:
    """Take ``user`` out of every team of the account, and withdraw all guest access in it."""
    person = {"user": str(user.pk), "person": label_of(user), "because": because}
    for row in user.team_memberships.filter(team__account=change.account).select_related("team"):
        team = row.team
        row.delete()
        change.record("team.left", team, **person)
    for obj, permission in grants.withdraw_all(user=user, root=change.account):
        change.record("guest.withdrawn", obj, permissions=[permission], **person)


@service
def suspend_member(*, actor: Any, membership: Membership) -> Membership:
    """Switch a membership off, keeping it as it is. Raises Refused; Invalid if it is off."""
    stored = stored_membership(membership)
    act = f"suspend {label_of(stored.user)}"
    with changing(actor, stored.account, stored.user, act=act) as change:
        stored = stored_membership(membership)
        gate_membership(change, stored, act)
        return suspend(change, stored)


@service
def reactivate_member(*, actor: Any, membership: Membership) -> Membership:
    """Switch a suspended membership on again: a grant of all it holds, judged as one."""
    stored = stored_membership(membership)
    act = f"reactivate {label_of(stored.user)}"
    with changing(actor, stored.account, stored.user, act=act) as change:
        stored = stored_membership(membership)
        chosen = choose_role(
            change, stored.custom_role or stored.role, account_level=stored.is_account_level
        )
        gate_membership(change, stored, act, chosen)
        return _set_status(change, stored, Membership.Status.ACTIVE, "member.reactivated")


@service
def suspend_in_account(*, actor: Any, account: Account, user: Any) -> list[Membership]:
    """Switch off every role ``user`` has in ``account``, all or none; return those that were on.

    Only for who manages people everywhere, so that nobody learns of a role they do not see. Raises
    Refused, or Invalid (NOT_FOUND, ALREADY_SO, …).
    """
    user = expect(user, get_user_model(), "The person")
    act = f"suspend {label_of(user)} everywhere"
    with changing(actor, account, user, act=act) as change:
        rows = _all_of(change, user, act)
        active = [row for row in rows if row.status == Membership.Status.ACTIVE]
        for row in rows:
            gate_membership(change, row, act)
        if not active:
            raise Invalid(f"{label_of(user)} is suspended everywhere already.", code="ALREADY_SO")
        return [suspend(change, row) for row in active]


@service
def reactivate_in_account(*, actor: Any, account: Account, user: Any) -> list[Membership]:
    """Switch every suspended role of ``user`` in ``account`` on again, all or none; as above."""
    user = expect(user, get_user_model(), "The person")
    act = f"reactivate {label_of(user)} everywhere"
    with changing(actor, account, user, act=act) as change:
        rows = _all_of(change, user, act)
        asleep = [row for row in rows if row.status == Membership.Status.SUSPENDED]
        for row in asleep:
            role = row.custom_role or row.role
            chosen = choose_role(change, role, account_level=row.is_account_level)
            gate_membership(change, row, act, chosen)
        if not asleep:
            raise Invalid(f"{label_of(user)} is active everywhere already.", code="ALREADY_SO")
        return [
            _set_status(change, row, Membership.Status.ACTIVE, "member.reactivated")
            for row in asleep
        ]


@service
def remove_from_account(*, actor: Any, account: Account, user: Any) -> None:
    """Take every role of ``user`` in ``account`` away, and all that goes with the last; as above.

    Repeating it is an error (NOT_FOUND).
    """
    user = expect(user, get_user_model(), "The person")
    act = f"remove {label_of(user)} from the whole account"
    with changing(actor, account, user, act=act) as change:
        rows = _all_of(change, user, act)
        for row in rows:
            gate_membership(change, row, act)
        for row in rows:
            change.record("member.removed", row, before=described(row))
            take_away(change, row)


def _all_of(change: Change, user: Any, act: str) -> list[Membership]:
    """Return every role ``user`` has in the account, to who may know of all of them."""
    for permission in sorted(change.edition.changes_subaccount):
        change.require(permission, frozenset({FUTURE}), act)
    if change.account.owner_id == user.pk:
        error = OwnerRequired(f"You cannot {act}: nobody touches the owner's rights.")
        error.account = change.account
        raise error
    rows = Membership.objects.filter(account=change.account, user=user).order_by("pk")
    found = [stored_membership(row) for row in rows]
    if not found:
        raise NotFound(f"{label_of(user)} has no place in {change.account.name}.")
    return found


def suspend(change: Change, membership: Membership) -> Membership:
    """Switch off; whoever has nothing else is signed out everywhere, and what is offered to them
    here is withdrawn."""
    end_sessions_unless_placed(membership.user)
    off = _set_status(change, membership, Membership.Status.SUSPENDED, "member.suspended")
    close_the_door(change, membership.user)
    heirs.withdraw_from_heir(change, membership.user)
    return off


def _set_status(change: Change, membership: Membership, status: str, action: str) -> Membership:
    if membership.status == status:
        raise Invalid(f"{label_of(membership.user)} is {status} already.", code="ALREADY_SO")
    before = membership.status
    membership.status = status
    membership.save(update_fields=["status"])
    change.record(action, membership, before=before, after=status, **about(membership))
    return membership
