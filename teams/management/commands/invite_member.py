"""Ask somebody to come."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandParser
from django.utils import timezone

from permissions.errors import AlreadyUsed
from permissions.management.base import UsageError
from teams import services
from teams.editions import get
from teams.management.acts import (
    ActCommand,
    Doer,
    Outcome,
    add_account,
    add_end,
    add_place,
    add_reach,
    already,
    end_of,
    find_role,
    named,
    until,
)
from teams.models import Invitation, Role
from teams.services.invitation_mail import link_of


class Command(ActCommand):
    """The service of the console, for whoever ``--actor`` names."""

    help = (
        "Invite ADDRESS in the name of ACTOR. The mail is sent by a worker. Exits with 0 if the "
        "same is offered already."
    )
    formats = ("text", "json")
    not_for_platform = (
        "The platform gives nobody access inside an account: ask its owner to invite them."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add whom, and what is offered."""
        parser.add_argument("address")
        add_account(parser)
        parser.add_argument(
            "--role", required=True, help="its codename, or the name of a custom role"
        )
        add_place(parser)
        add_reach(parser)
        parser.add_argument(
            "--toggle",
            action="append",
            default=[],
            help="the codename of a toggle to switch on; may be repeated",
        )
        parser.add_argument(
            "--team", action="append", default=[], help="the name of a team; may be repeated"
        )
        add_end(parser)
        parser.add_argument(
            "--print-link",
            action="store_true",
            help="print a link to hand over as well; it opens for a login with that address only",
        )
        super().add_arguments(parser)

    def act(self, doer: Doer, options: dict[str, Any]) -> Outcome:
        """Invite, or find the same invitation pending."""
        account = doer.account(options["account"])
        offer = {
            "account": account,
            "subaccount": doer.place(account, options),
            "role": find_role(account, options["role"]),
            "managed": doer.reach(account, options),
            "all_subaccounts": options["all_subaccounts"],
            "toggles": options["toggle"],
            "teams": doer.teams(account, options["team"]),
            "ends_at": end_of(options),
        }
        try:
            made = services.invite_member(actor=doer.actor, address=options["address"], **offer)
        except AlreadyUsed:
            there = _same(options["address"], offer)
            if there is None:
                raise
            said = f"{_said(there)} is offered already."
            details, link = self._details(there, options)
            return already(said, account, *details, data=_data(there, link))
        details, link = self._details(made, options)
        return Outcome("invite", "Invited", _said(made), account, details, _data(made, link))

    def _details(
        self, invitation: Invitation, options: dict[str, Any]
    ) -> tuple[tuple[str, ...], str | None]:
        """Return what else is said, and the link if it was asked for and there is one."""
        day = f"{timezone.localtime(invitation.expires_at):%d %b %Y}"
        said = [f"It can be accepted until {day}. The mail goes out by a worker: see db_worker."]
        link = None
        if options["print_link"] and not options["dry_run"]:
            try:
                link = link_of(invitation)
            except ImproperlyConfigured as error:
                raise UsageError(str(error)) from None
            said.append(f"For a login with the address {invitation.address} only: {link}")
        return tuple(said), link


def _same(address: str, offer: dict[str, Any]) -> Invitation | None:
    """Return the pending invitation that offers just that; the actor may offer it by now."""
    custom = offer["role"] if isinstance(offer["role"], Role) else None
    rows = Invitation.objects.filter(
        account=offer["account"],
        address=address.strip().lower(),
        subaccount=offer["subaccount"],
        role="" if custom else offer["role"],
        custom_role=custom,
        all_subaccounts=offer["all_subaccounts"],
        ends_at=offer["ends_at"],
        status=Invitation.Status.PENDING,
    )
    found = rows.select_related("account", "subaccount", "custom_role").first()
    if found is None or not found.is_open:
        return None
    asked = (
        sorted(offer["toggles"]),
        {place.pk for place in offer["managed"]},
        {team.pk for team in offer["teams"]},
    )
    has = (
        sorted(found.toggles),
        set(found.reach_keys),
        set(found.into.values_list("team_id", flat=True)),
    )
    return found if asked == has else None


def _role(invitation: Invitation) -> str:
    spec = get(invitation.account.edition).find_role(invitation.role)
    return str(spec.label if spec else invitation.custom_role)


def _said(invitation: Invitation) -> str:
    place = named(invitation.account, invitation.subaccount)
    end = until(invitation.ends_at)
    return f"{invitation.address} to {place} as {_role(invitation)}{end}"


def _data(invitation: Invitation, link: str | None) -> dict[str, Any]:
    place = invitation.subaccount
    found = {
        "address": invitation.address,
        "account": invitation.account.slug,
        "subaccount": place.slug if place else None,
        "role": invitation.role or str(invitation.custom_role),
        "toggles": list(invitation.toggles),
        "ends_at": invitation.ends_at,
        "expires_at": invitation.expires_at,
    }
    return found if link is None else found | {"link": link}
