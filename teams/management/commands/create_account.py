"""Open an account."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from permissions.audit import label_of
from permissions.errors import AlreadyUsed, NotFound, Refused
from permissions.management.base import UsageError
from teams.editions import EDITIONS
from teams.management.acts import ActCommand, Doer, Outcome, already, find_login
from teams.models import Account
from teams.services.platform import NewOwner, create_account


class Command(ActCommand):
    """What only the platform does: an empty account of an edition, with its owner."""

    help = (
        "Open an empty account for an owner who has a login, or gets one. For the platform only: "
        "needs --as-platform and --reason. Exits with 0 if it is there already, with 2 if the "
        "short name is another one's."
    )
    formats = ("text", "json")

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what it is, and whose."""
        parser.add_argument("slug", help="its short name, such as emma-hq")
        parser.add_argument("--name", required=True)
        parser.add_argument("--edition", required=True, help=", ".join(EDITIONS))
        parser.add_argument("--owner", help="the user name or address of a login")
        parser.add_argument("--owner-address", help="the address of somebody who has no login yet")
        parser.add_argument("--owner-name", help='what they are called, such as "Ana Ruiz"')
        parser.add_argument("--seats", type=int, help="how many people may have a place in it")
        super().add_arguments(parser)

    def act(self, doer: Doer, options: dict[str, Any]) -> Outcome:
        """Open it, or find it open."""
        if not doer.is_platform:
            raise Refused(
                "Accounts are opened by the platform: use --as-platform with --reason.",
                code="PLATFORM_ONLY",
            )
        owner = _owner(options)
        try:
            account = create_account(
                slug=options["slug"],
                name=options["name"],
                edition=options["edition"],
                owner=owner,
                seat_limit=options["seats"],
                **doer.because,
            )
        except AlreadyUsed:
            there = Account.objects.select_related("owner").get(slug=options["slug"].strip())
            person = find_login(owner.address) if isinstance(owner, NewOwner) else owner
            if (there.edition, there.owner) != (options["edition"], person):
                raise
            said = f"{there.name} ({there.slug}) is there already. {label_of(person)} owns it."
            return already(said, there, data=_data(there))
        details: tuple[str, ...] = ()
        if isinstance(owner, NewOwner):
            details = (
                f"{label_of(account.owner)} signs in as {account.owner.get_username()}, after "
                'setting a password by way of "forgot password".',
            )
        label = EDITIONS[account.edition].label
        what = f"{account.name} ({account.slug}), {label}, owned by {label_of(account.owner)}"
        return Outcome("open", "Opened", what, account, details, _data(account))


def _owner(options: dict[str, Any]) -> Any:
    """Return the login, or whom one is made for."""
    named, address, name = options["owner"], options["owner_address"], options["owner_name"]
    if bool(named) == bool(address) or bool(address) != bool(name):
        raise UsageError("Name --owner, or --owner-address with --owner-name.")
    if address:
        first, _, last = name.strip().partition(" ")
        return NewOwner(address, first, last.strip())
    found = find_login(named)
    if found is None:
        raise NotFound(f"There is no login {named!r}. Use --owner-address to have one made.")
    return found


def _data(account: Account) -> dict[str, Any]:
    return {
        "account": account.slug,
        "name": account.name,
        "edition": account.edition,
        "owner": account.owner.get_username(),
        "seats": account.seat_limit,
    }
