"""Handing an account over: offered by its owner, accepted by whoever is to own it next.

Nothing changes until it is accepted. Then all of it does in one transaction, so that an account
has exactly one owner at any moment. This is the only module that writes ``Account.owner``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.utils import timezone

from permissions.audit import label_of
from permissions.errors import AlreadyUsed, Invalid, NotFound, OwnerRequired
from teams.models import Account, Membership, OwnershipTransfer
from teams.services import departures, ownership_mail
from teams.services.base import changing, in_person, service
from teams.services.change import Change, Entry
from teams.services.gates import clean_flag
from teams.services.heirs import check_heir, described, pending_in, settle, withdraw
from teams.services.inputs import expect, expect_user
from teams.services.invitations import withdraw_to
from teams.services.seating import described as described_seat
from teams.services.seating import end_guest_access, find_seat, sit_down

#: how long an offer can be accepted: heir and owner know each other and agree within days, and
#: the whole account should not lie on the table for longer
VALID = timedelta(days=7)


@service
def offer_ownership(
    *, actor: Any, account: Account, heir: Any, owner_leaves: bool = False
) -> OwnershipTransfer:
    """Offer ``account`` to ``heir``, who works in it; nothing changes until they accept.

    ``owner_leaves`` says what becomes of the owner then: they leave, or stay with the role that
    the edition gives a former owner. Raises OwnerRequired for anybody but an owner whose rights
    are awake, AlreadyUsed while another offer is open, or Invalid (OWNER, NOT_A_MEMBER,
    NEEDS_FACTOR, INACTIVE, OPERATOR, WRONG_TYPE).
    """
    heir = expect(heir, get_user_model(), "The heir")
    owner_leaves = clean_flag(owner_leaves, "owner_leaves")
    with changing(actor, account, act="hand the account over") as change:
        _require_owner(change, f"hand {change.account.name} over")
        check_heir(change.account, expect_user(heir, "The heir"))
        _make_room(change)
        transfer = OwnershipTransfer.objects.create(
            account=change.account,
            owner=change.actor,
            heir=heir,
            owner_leaves=owner_leaves,
            expires_at=timezone.now() + VALID,
        )
        change.record(
            "ownership.offered",
            change.account,
            **described(transfer),
            before=None,
            after=transfer.status,
        )
        ownership_mail.enqueue(transfer)
    return transfer


@service
def withdraw_transfer(*, actor: Any, transfer: OwnershipTransfer) -> None:
    """Take an offer back. Raises OwnerRequired, or Invalid (SETTLED, EXPIRED)."""
    stored = _stored(transfer)
    with changing(actor, stored.account, act="withdraw the offer") as change:
        _require_owner(change, f"withdraw the offer of {change.account.name}")
        withdraw(change, _open(stored))


@service
def decline_transfer(*, actor: Any, transfer: OwnershipTransfer) -> None:
    """Say no to an offer made to oneself. Raises NotFound if it was made to somebody else, or
    Invalid (SETTLED, EXPIRED)."""
    stored = _offered_to(actor, transfer)
    with changing(actor, stored.account, act="decline the offer") as change:
        in_person("decline the offer", change.account)
        stored = _open(stored)
        before = stored.status
        settle(stored, OwnershipTransfer.Status.DECLINED)
        change.record(
            "ownership.declined",
            change.account,
            **described(stored),
            before=before,
            after=stored.status,
        )
        ownership_mail.enqueue(stored)


@service
def accept_ownership(*, actor: Any, transfer: OwnershipTransfer) -> Account:
    """Become the owner of what was offered to oneself; return the account as it is then.

    It is judged as a grant of whoever offered it, like an accepted invitation: by what they hold
    at this moment. The heir's roles, teams and guest access give way, an owner has none. Raises
    NotFound if it was offered to somebody else, or Invalid: SETTLED, EXPIRED; INACTIVE or
    OWNER_ASLEEP while the owner's login or rights sleep, with which the offer waits; NOT_A_MEMBER,
    NEEDS_FACTOR.
    """
    heir = expect_user(actor, "The actor")
    stored = _offered_to(heir, transfer)
    Account.objects.select_for_update(no_key=True).get(pk=stored.account_id)
    stored = _open(stored)
    owner = _awake(stored.owner)
    act = f"hand {stored.account.name} over"
    in_person(act, stored.account)
    with changing(owner, stored.account, owner, heir, act=act) as change:
        _require_owner_of(change, stored)
        check_heir(change.account, heir)
        entry = Entry(heir, change.account)
        settle(stored, OwnershipTransfer.Status.ACCEPTED)
        _empty_seats(entry, heir)
        change.account.owner = heir
        change.account.save(update_fields=["owner"])
        entry.record(
            "ownership.transferred",
            change.account,
            **described(stored),
            name=label_of(owner),
            before={"owner": str(owner.pk), "person": label_of(owner)},
            after={"owner": str(heir.pk), "person": label_of(heir)},
        )
        withdraw_to(entry, heir, "owns the account now")
        if stored.owner_leaves:
            departures.depart(entry, owner)
        else:
            _stay(change, entry, owner)
        ownership_mail.enqueue(stored)
    return change.account


def _empty_seats(entry: Entry, heir: Any) -> None:
    """Take away what ``heir`` has here, each as an event; invitations they sent stay theirs."""
    because = "owns the account now"
    rows = Membership.objects.filter(account=entry.account, user=heir).order_by("pk")
    for row in rows.select_related("account", "user", "subaccount", "custom_role"):
        entry.record("member.removed", row, before=described_seat(row), because=because)
        row.delete()
    departures.withdraw_extras(entry, heir, because)


def _stay(change: Change, entry: Entry, owner: Any) -> None:
    """Give the former owner the role of the edition, every toggle off.

    No seat is asked for: they had one, and the heir's is free.
    """
    role = change.edition.former_owner
    seat = find_seat(change, role=role, subaccount=None, managed=(), all_subaccounts=True)
    sit_down(entry, owner, seat)
    end_guest_access(change, owner)


# what is asked on the way


def _require_owner(change: Change, act: str) -> None:
    """Refuse anybody but the owner, and an owner whose rights sleep."""
    in_person(act, change.account)
    if change.standing.acts_as_owner:
        return
    why = "only its owner may."
    if change.standing.is_owner:
        why = "an owner's rights sleep until you set up a second factor."
    error = OwnerRequired(f"You cannot {act}: {why}")
    error.account = change.account
    raise error


def _require_owner_of(change: Change, transfer: OwnershipTransfer) -> None:
    """Refuse, to the heir, what its giver does not own any more, or does while their rights
    sleep."""
    if not change.standing.is_owner:
        raise _settled()
    if not change.standing.acts_as_owner:
        raise Invalid(
            f"{label_of(transfer.owner)} needs a second factor before this offer counts. It "
            "waits until then.",
            code="OWNER_ASLEEP",
        )


def _awake(owner: Any) -> Any:
    """Return the owner who offered it, if their login is that of somebody who may own."""
    if not owner.is_active or owner.is_staff or owner.is_superuser:
        raise Invalid(
            f"The login of {label_of(owner)}, who offered it, is switched off. The offer counts "
            "again when it is switched on.",
            code="INACTIVE",
        )
    return owner


def _make_room(change: Change) -> None:
    """Refuse a second offer; one that has expired, or was made by an earlier owner, gives way."""
    for row in pending_in(change.account):
        if row.is_open and row.owner_id == change.actor.pk:
            raise AlreadyUsed(
                f"{change.account.name} is offered to {label_of(row.heir)} already. Withdraw that "
                "first."
            )
        withdraw(change, row, because="it had expired")


def _stored(transfer: Any) -> OwnershipTransfer:
    return expect(transfer, OwnershipTransfer, "The offer", "account", "owner", "heir")


def _offered_to(actor: Any, transfer: Any) -> OwnershipTransfer:
    stored = _stored(transfer)
    if stored.heir_id != getattr(actor, "pk", None):
        raise NotFound("There is no such offer to you.")
    return stored


def _open(transfer: OwnershipTransfer) -> OwnershipTransfer:
    """Return the offer as it is now, with its account locked. Raises Invalid."""
    found = _stored(transfer)
    if found.status != OwnershipTransfer.Status.PENDING:
        raise _settled()
    if not found.is_open:
        raise Invalid("This offer has expired. Ask for a new one.", code="EXPIRED")
    return found


def _settled() -> Invalid:
    return Invalid("This offer does not count any more. Ask for a new one.", code="SETTLED")
