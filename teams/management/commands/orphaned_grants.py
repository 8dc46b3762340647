"""List the grants whose giver does not hold any more what they gave."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from permissions.audit import label_of
from permissions.errors import NotFound
from permissions.management.base import OurCommand
from permissions.policy import FUTURE, TOP, PlaceId
from teams.catalogue import CATALOGUE
from teams.editions import get
from teams.explain import find_user, is_text
from teams.management.accounts import find_account
from teams.models import Account, Subaccount
from teams.orphans import Orphan, loaded, orphans_of

COLUMNS = ("person", "kind", "what", "where", "given_by", "given_at", "not_held_by_the_giver")


class Command(OurCommand):
    """Read only: what is listed is withdrawn in the console, or by the ordinary commands."""

    help = (
        "List the roles, optional permissions, guest access and places in teams of an account "
        "whose giver does not hold what they gave."
    )
    formats = ("text", "json", "csv")

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the account, and one person."""
        parser.add_argument("--account", required=True, help="its short name, such as emma-hq")
        parser.add_argument("--person", help="only what this user name was given")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print a line per grant."""
        slug = str(options["account"])
        account = find_account(slug) if is_text(slug) else None
        if account is None:
            raise NotFound(f"There is no account {slug!r}.")
        person = find_user(options["person"]) if options["person"] is not None else None
        found = loaded(orphans_of(account, person=person))
        if options["format"] == "text" and not found:
            self.stdout.write("Whoever gave what there is, still holds it.")
            return
        names = _names(account)
        self.table(COLUMNS, [_row(account, one, names) for one in found], options["format"])


def _names(account: Account) -> dict[PlaceId, str]:
    own = Subaccount.objects.filter(account=account).values_list("pk", "name")
    return {**dict(own), TOP: account.name, FUTURE: "future subaccounts"}


def _row(account: Account, one: Orphan, names: dict[PlaceId, str]) -> tuple[str, ...]:
    labels = [str(CATALOGUE[p].label) for p in one.permissions]
    return (
        one.person.get_username(),
        one.kind,
        _what(account, one),
        names.get(one.place if one.place is not None else TOP, ""),
        label_of(one.giver) if one.giver is not None else "nobody on record",
        one.at.isoformat() if one.at else "",
        ", ".join(labels) or "everything",
    )


def _what(account: Account, one: Orphan) -> str:
    """Name the role, the optional permission, the thing or the team."""
    edition = get(account.edition)
    if one.kind == "switch":
        return str(edition.toggle(one.codename).label)
    if one.kind == "role":
        spec = edition.find_role(one.membership.role)
        return str(spec.label if spec else one.membership.custom_role)
    return str(one.obj)
