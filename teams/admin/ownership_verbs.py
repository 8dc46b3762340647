"""Handing the account over, as its owner sees it: offering it, and taking the offer back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.utils.translation import gettext_lazy as _

from permissions.admin import VerbForm, row_of
from permissions.audit import label_of
from permissions.errors import Invalid, NotFound
from teams import effects, services
from teams.admin import words
from teams.admin.base import ConsoleVerb
from teams.admin.desk import Desk
from teams.admin.forms import OfferedField, offer
from teams.admin.previews import PreviewedVerb, ShownPreview, shown
from teams.differences import Preview
from teams.models import Account, OwnershipTransfer
from teams.services.heirs import pending_in, seats_of_heirs
from teams.services.ownership import VALID

#: so many people are offered as heirs; a longer list is no help to anybody
OFFERED = 500
#: what is gained is everything: the grave part first, the rest folded away


def open_offer(desk: Desk) -> OwnershipTransfer | None:
    """Return the offer of the chosen account that can still be accepted."""
    return next((row for row in pending_in(desk.account) if row.is_open), None)


def becomes(desk: Desk) -> str:
    """Return what a former owner is who stays, in words."""
    role = desk.edition.role(desk.edition.former_owner)
    rest = ", every optional permission off" if role.optional else ""
    return f"{role.label} of all current and future subaccounts{rest}"


class TransferForm(VerbForm):
    """To whom, what becomes of oneself, and the name of the account to show that one means it."""

    heir = OfferedField(label="New owner")
    leaves = forms.TypedChoiceField(
        label="You",
        choices=[("stay", ""), ("leave", "")],
        widget=forms.RadioSelect,
        initial="stay",
    )
    confirm = forms.CharField(
        label="Name of the account",
        widget=forms.TextInput(attrs={"autocomplete": "off", "class": "vTextField"}),
    )

    def prepare(self, verb: Any) -> None:
        """Offer the people who work there, those with a role on the account first."""
        found = verb.heirs()
        offer(self, "heir", found)
        if len(found) == OFFERED:
            self.fields["heir"].help_text = (
                f"The first {OFFERED} people. To name somebody else, use the command "
                "transfer_ownership."
            )
        leaves: Any = self.fields["leaves"]
        leaves.choices = [
            ("stay", f"Stay as {becomes(verb.desk)}"),
            ("leave", f"Leave {verb.obj.name}"),
        ]
        self.fields["confirm"].help_text = f"Type {verb.obj.name} to confirm."


class OwnershipVerb(ConsoleVerb):
    """A verb of the owner alone."""

    obj: Account

    def refusal(self) -> str:
        """Refuse anybody but an owner whose rights are awake."""
        if self.desk.acts_as_owner:
            return ""
        if self.desk.is_owner:
            return (
                f"You cannot hand {self.obj.name} over: an owner's rights sleep until you set up "
                "a second factor."
            )
        return f"You cannot hand {self.obj.name} over: only its owner may."


#: where the heir holds everything already, and the owner keeps it
ONLY_OWNERSHIP = (
    "Nobody gains or loses a permission: what moves is the ownership itself, which only its owner "
    "can hand on."
)


class TransferOwnership(OwnershipVerb, PreviewedVerb):
    """Offer the account to somebody who works in it."""

    name = "transfer"
    label = _("Transfer ownership…")
    form_class = TransferForm
    needs_recent = True
    is_danger = True

    def refusal(self) -> str:
        """Refuse while there is an offer, and where nobody could take it."""
        if reason := super().refusal():
            return reason
        if found := self.desk.once(open_offer):
            return f"It is offered to {label_of(found.heir)} already. Withdraw that first."
        if not seats_of_heirs(self.obj).exists():
            return (
                f"Nobody else works in {self.obj.name}. Add somebody before you hand it over to "
                "them."
            )
        return ""

    def heirs(self) -> list[tuple[str, str]]:
        """Return (value, label) of those it can be offered to, each with their highest place."""
        rows = seats_of_heirs(self.obj).select_related("user", "subaccount", "custom_role")
        by_name = words.by_name("user__")
        found: dict[Any, str] = {}
        for at_account in (True, False):
            for row in rows.filter(subaccount__isnull=at_account).order_by(*by_name, "pk"):
                if len(found) == OFFERED:
                    break
                role, place = words.role_label(self.desk, row), words.place_label(self.desk, row)
                found.setdefault(row.user_id, f"{label_of(row.user)}, {role} of {place}")
        return [(str(key), label) for key, label in found.items()]

    def title(self) -> str:
        """Return the heading."""
        return f"Transfer ownership of {self.obj.name}"

    def consequence(self) -> Sequence[str]:
        """Say what an offer does, and what accepting it will do."""
        return (
            f"Whoever you choose is told by mail and has {VALID.days} days to accept. Until then "
            "nothing changes, and you can withdraw the offer.",
            f"Once accepted, they own {self.obj.name} and hold everything in it; their roles "
            "there end. Only they can hand it back.",
            f"If you stay, you become {becomes(self.desk)}.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return "Offer ownership"

    def confirm_button(self, found: Preview) -> str:
        """Say the same under a preview: it is about two people."""
        return self.button()

    def preview(self, data: Mapping[str, Any]) -> ShownPreview | None:
        """Carry out the offer and its acceptance, take both back, and say what they did."""
        asked = self._asked(data)

        def accepted() -> None:
            transfer = services.offer_ownership(**asked)
            services.accept_ownership(actor=asked["heir"], transfer=transfer)

        people = {asked["heir"].pk, self.actor.pk}
        found = effects.trial(self.desk.account, accepted, people=people)
        return replace(
            shown(self.desk, found, button=self.confirm_button(found)),
            heading=f"When {label_of(asked['heir'])} accepts",
            effect="Nothing changes before that. It will stand in the audit.",
            notes=(ONLY_OWNERSHIP,) if not found else (),
        )

    def _asked(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the service is called with. Raises Invalid, or NotFound."""
        if data["confirm"] != self.obj.name:
            raise Invalid(f"Type {self.obj.name} to confirm.", code="NOT_CONFIRMED")
        people = get_user_model()._default_manager
        heirs = people.filter(pk__in=seats_of_heirs(self.obj).values("user_id"))
        heir = row_of(heirs, data["heir"])
        if heir is None:
            raise NotFound(f"Nobody like that works in {self.obj.name}.")
        return {
            "actor": self.actor,
            "account": self.obj,
            "heir": heir,
            "owner_leaves": data["leaves"] == "leave",
        }

    def run(self, data: Mapping[str, Any]) -> str:
        """Offer it."""
        made = services.offer_ownership(**self._asked(data))
        return f"{self.obj.name} is offered to {label_of(made.heir)}. You own it until they accept."


class WithdrawTransfer(OwnershipVerb):
    """Take the offer back."""

    name = "withdraw-transfer"
    label = _("Withdraw the offer…")

    def refusal(self) -> str:
        """Refuse where there is none."""
        return super().refusal() or (
            "" if self.desk.once(open_offer) else f"{self.obj.name} is not offered to anybody."
        )

    def title(self) -> str:
        """Return the heading."""
        return f"Withdraw the offer of {self.obj.name}"

    def consequence(self) -> Sequence[str]:
        """Say whose it was."""
        found = self.desk.once(open_offer)
        who = label_of(found.heir) if found else "Nobody"
        return (f"{who} can no longer accept it. You stay the owner.",)

    def button(self) -> str:
        """Return what the button says."""
        return "Withdraw the offer"

    def run(self, data: Mapping[str, Any]) -> str:
        """Withdraw it."""
        found = self.desk.once(open_offer)
        if found is None:
            raise Invalid(f"{self.obj.name} is not offered to anybody any more.", code="SETTLED")
        services.withdraw_transfer(actor=self.actor, transfer=found)
        return f"The offer to {label_of(found.heir)} is withdrawn. You own {self.obj.name}."
