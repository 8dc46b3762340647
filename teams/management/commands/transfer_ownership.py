"""Hand an account over to somebody who works in it, or answer such an offer."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from permissions.audit import label_of
from permissions.errors import AlreadyUsed, NotFound, OwnerRequired
from permissions.management.base import UsageError
from teams import services
from teams.editions import get
from teams.management.acts import ActCommand, Doer, Outcome, add_account, already
from teams.models import Account, OwnershipTransfer
from teams.services.heirs import pending_in

ANSWERS = ("accept", "decline", "withdraw")


class Command(ActCommand):
    """The services of the console, for whoever ``--actor`` names: the owner, or the heir."""

    help = (
        "Offer the account to PERSON in the name of its owner; nothing changes until PERSON "
        "accepts. With --accept or --decline, answer the offer in the name of whom it was made "
        "to; with --withdraw, take it back. Exits with 0 if the same is offered already."
    )
    not_for_platform = (
        "The platform gives nobody access inside an account, least of all the account itself: its "
        "owner offers it, and the heir accepts."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add to whom, and how an offer is answered."""
        parser.add_argument(
            "person", nargs="?", help="to whom: a user name, or an address that is confirmed"
        )
        add_account(parser)
        parser.add_argument(
            "--leave", action="store_true", help="the owner leaves the account once it is accepted"
        )
        answer = parser.add_mutually_exclusive_group()
        answer.add_argument("--accept", action="store_true", help="accept what is offered to ACTOR")
        answer.add_argument("--decline", action="store_true", help="decline it")
        answer.add_argument("--withdraw", action="store_true", help="take back what ACTOR offers")
        super().add_arguments(parser)

    def act(self, doer: Doer, options: dict[str, Any]) -> Outcome:
        """Offer it, or answer."""
        account = doer.account(options["account"])
        answer = next((name for name in ANSWERS if options[name]), "")
        if answer and (options["person"] or options["leave"]):
            raise UsageError(f"--{answer} goes with neither a PERSON nor --leave.")
        if answer:
            return self._answer(answer, doer, account)
        if not options["person"]:
            raise UsageError("Name the PERSON to whom the account is offered.")
        return self._offer(doer, account, options)

    def _offer(self, doer: Doer, account: Account, options: dict[str, Any]) -> Outcome:
        heir, leaves = doer.person(options["person"]), options["leave"]
        try:
            made = services.offer_ownership(
                actor=doer.actor, account=account, heir=heir, owner_leaves=leaves
            )
        except AlreadyUsed:
            there = pending_in(account).filter(heir=heir, owner_leaves=leaves).first()
            if there is None:
                raise
            said = f"{account.name} is offered to {label_of(heir)} already."
            return already(said, account, *_details(there))
        what = f"{account.name} to {label_of(heir)}"
        return Outcome("offer", "Offered", what, account, _details(made))

    def _answer(self, answer: str, doer: Doer, account: Account) -> Outcome:
        transfer = self._pending(answer, doer, account)
        named = {"actor": doer.actor, "transfer": transfer}
        heir = label_of(transfer.heir)
        if answer == "withdraw":
            services.withdraw_transfer(**named)
            what = f"the offer of {account.name} to {heir}"
            return Outcome("withdraw", "Withdrew", what, account)
        if answer == "decline":
            services.decline_transfer(**named)
            what = f"to own {account.name}: {label_of(transfer.owner)} stays the owner"
            return Outcome("decline", "Declined", what, account)
        made = services.accept_ownership(**named)
        what = f"{account.name} over to {heir}, who owns it"
        return Outcome("hand", "Handed", what, made, (_fate(transfer),))

    def _pending(self, answer: str, doer: Doer, account: Account) -> OwnershipTransfer:
        """Return the offer, to those of the two who may answer so."""
        found = pending_in(account).first()
        if answer == "withdraw" and account.owner_id != doer.actor.pk:
            error = OwnerRequired(
                f"You cannot withdraw the offer of {account.name}: only its owner may."
            )
            error.account = account
            raise error
        if found is None or (answer != "withdraw" and found.heir_id != doer.actor.pk):
            whom = "anybody" if answer == "withdraw" else "you"
            raise NotFound(f"{account.name} is not offered to {whom}.")
        return found


def _details(transfer: OwnershipTransfer) -> tuple[str, ...]:
    day = f"{timezone.localtime(transfer.expires_at):%d %b %Y}"
    return (
        f"They can accept until {day}; nothing changes before. The mail goes out by a worker: see "
        "db_worker.",
        f"Once accepted: {_fate(transfer)}",
    )


def _fate(transfer: OwnershipTransfer) -> str:
    """Return what becomes of the former owner."""
    who = label_of(transfer.owner)
    if transfer.owner_leaves:
        return f"{who} leaves {transfer.account.name}."
    edition = get(transfer.account.edition)
    label = edition.role(edition.former_owner).label
    return f"{who} becomes {label} of all current and future subaccounts."
