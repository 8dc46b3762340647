"""The verbs that invite: an address, a role in a place, and what goes with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from permissions.errors import Invalid, Refused
from teams import selectors, services
from teams.admin.adding import ACCOUNT, adding_of, key_of
from teams.admin.desk import Desk
from teams.admin.forms import OfferedSet, chosen_from, offer, role_of
from teams.admin.place_verbs import AddForm, Placing, reach_of
from teams.limits import Countable
from teams.models import Subaccount
from teams.services.invitations import valid_for
from teams.services.seating import no_seat, seats_taken


class InviteForm(AddForm):
    """An address, one of the roles that may be given there, switches, teams, and an end."""

    address = forms.CharField(
        label="Address",
        widget=forms.EmailInput(attrs={"class": "vTextField", "autocomplete": "off"}),
        help_text="The mail goes there, and only whoever reads it can accept.",
    )
    toggles = OfferedSet(label="Optional permissions", required=False)
    teams = OfferedSet(label="Teams", required=False)
    field_order = ("address", "role", "reach", "managed", "toggles", "teams", "ends_at")

    def prepare(self, verb: Any) -> None:
        """Offer what the services would let the actor offer there."""
        super().prepare(verb)
        desk, place = verb.desk, verb.subaccount
        roles = [value for value, _label in desk.offers.roles(subaccount=place)]
        for name, choices in (
            ("toggles", desk.offers.switches(subaccount=place, roles=roles)),
            ("teams", desk.offers.teams(subaccount=place, roles=roles)),
        ):
            offer(self, name, choices)
            if not choices:
                del self.fields[name]


class Invite(Placing):
    """Ask somebody to come: the place first, then whom, and as what."""

    name = "invite"
    label = _("Invite…")
    on_list = True
    form_class = InviteForm

    def prompt(self) -> str:
        """Return the heading of the first page."""
        return "Where should the person work?"

    def options(self) -> Sequence[tuple[str, str, str]]:
        """Return the places where the actor may give a role."""
        return [
            (ACCOUNT, self.desk.account.name, "A role that reaches several subaccounts")
            if place is None
            else (str(place.pk), place.name, "")
            for place in adding_of(self.desk).places
        ]

    def refusal(self) -> str:
        """Refuse where there is no role to give, and while no seat is free."""
        places = {key_of(place) for place in adding_of(self.desk).places}
        if not places:
            return "You cannot invite anybody: there is no place where you may give a role."
        if self.part is not None and (self.subaccount and self.subaccount.pk) not in places:
            return f"You cannot invite to {self.place_name}: there is no role you may give."
        return seats_refusal(self.desk)

    def title(self) -> str:
        """Return the heading."""
        return f"Invite to {self.place_name}"

    def consequence(self) -> Sequence[str]:
        """Say what the addressee gets, and when."""
        return (
            "A mail with a link goes to the address. Whoever accepts holds the role, and what you "
            f"switch on, in {self.place_name} from then on, as long as you could still give it "
            "then.",
            f"The link can be used once, within {valid_for().days} days. You can withdraw it until "
            "then. Roles and switches you may not give are left out.",
            *seats_line(self.desk),
        )

    def button(self) -> str:
        """Return what the button says."""
        return "Send invitation"

    def run(self, data: Mapping[str, Any]) -> str:
        """Invite; what the service refuses is said in the form, which keeps what was typed."""
        account = self.desk.account
        reach = reach_of(self, data) if self.subaccount is None else {}
        own_teams = selectors.teams_of(account)
        try:
            made = services.invite_member(
                actor=self.actor,
                account=account,
                address=data["address"],
                role=role_of(account, data["role"]),
                subaccount=self.subaccount,
                toggles=data.get("toggles") or (),
                teams=chosen_from(own_teams, data.get("teams") or (), "team"),
                ends_at=data["ends_at"],
                **reach,
            )
        except Refused as refusal:
            raise Invalid(refusal.message, code=refusal.code) from refusal
        return f"An invitation is on its way to {made}."


class InviteHere(Invite):
    """Ask somebody to come to this subaccount."""

    on_list = False
    choose = False

    @property
    def subaccount(self) -> Subaccount:
        """Return the subaccount the page is about."""
        return cast("Subaccount", self.obj)

    @property
    def place_name(self) -> str:
        """Return its name."""
        return self.subaccount.name

    def refusal(self) -> str:
        """Refuse where there is no role to give, and while no seat is free."""
        if self.obj.is_archived:
            return f"{self.obj.name} is archived. Restore it first."
        if self.obj.is_home:
            return f"People of {self.obj.name} are invited to the account, on the People page."
        if not self.desk.offers.roles(subaccount=self.obj):
            return f"You cannot invite to {self.obj.name}: there is no role you may give."
        return seats_refusal(self.desk)


def seats_refusal(desk: Desk) -> str:
    """Return that nobody at all can be invited for want of a seat; empty otherwise.

    Whoever is invited already takes a seat, and can be invited to one more place.
    """
    limit = desk.offers.limit(Countable.SEATS)
    if limit is None:
        return ""
    people, pending = desk.once(_taken)
    if people + pending < limit.value + bool(pending):
        return ""
    return f"You cannot invite anybody: {no_seat(desk.account, limit, people + pending)}"


def seats_line(desk: Desk) -> list[str]:
    """Return how many seats are left, where they are limited."""
    limit = desk.offers.limit(Countable.SEATS)
    if limit is None:
        return []
    free = limit.value - sum(desk.once(_taken))
    whence = f"{limit.value} that {limit.because} allows"
    if free > 0:
        left = "1 seat is" if free == 1 else f"{free} seats are"
        return [f"{left} left of the {whence}, pending invitations counted."]
    return [
        f"All seats of the {whence} are taken, pending invitations counted: only somebody who is "
        "invited already can be invited to one more place."
    ]


def _taken(desk: Desk) -> tuple[int, int]:
    return seats_taken(desk.account)
