"""Verbs about invitations: send them again, take them back."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from permissions.admin import BulkVerb, Effect
from teams import services
from teams.admin import words
from teams.admin.base import ConsoleVerb
from teams.admin.persons import changes_people
from teams.models import Invitation
from teams.services.invitations import valid_for


class InvitationVerb(ConsoleVerb):
    """A verb about one invitation that is still pending."""

    obj: Invitation

    def refusal(self) -> str:
        """Refuse what is settled."""
        return settled(self.obj)


def settled(invitation: Invitation) -> str:
    """Return that nothing can be done about it any more; empty while it is pending."""
    if invitation.status == Invitation.Status.PENDING:
        return ""
    state = str(invitation.get_status_display()).lower()
    return f"The invitation of {invitation} is {state} already."


class Resend(InvitationVerb):
    """Send it anew, with a new link."""

    name = "resend"
    label = _("Send again…")

    def refusal(self) -> str:
        """Refuse what the service would."""
        return super().refusal() or self.desk.offers.resend_refusal(self.obj)

    def title(self) -> str:
        """Return the heading."""
        return f"Send the invitation of {self.obj} again"

    def consequence(self) -> Sequence[str]:
        """Say what becomes of the links there are."""
        return resent_lines()

    def button(self) -> str:
        """Return what the button says."""
        return "Send again"

    def run(self, data: Mapping[str, Any]) -> str:
        """Send it."""
        services.resend_invitation(actor=self.actor, invitation=self.obj)
        return f"A new mail is on its way to {self.obj}."


def resent_lines() -> Sequence[str]:
    """Return what sending again does."""
    return (
        f"A new link goes out and can be used for {valid_for().days} days. Earlier links, copied "
        "ones too, no longer count.",
        "It is offered in your name from then on: when it is accepted, your right to give the role "
        "is asked.",
    )


class Withdraw(InvitationVerb):
    """Take it back."""

    name = "withdraw"
    label = _("Withdraw…")
    is_danger = True

    def title(self) -> str:
        """Return the heading."""
        return f"Withdraw the invitation of {self.obj}"

    def consequence(self) -> Sequence[str]:
        """Say what becomes of the links there are."""
        return ("Its links no longer count. Nobody is told.", "You can invite the address again.")

    def button(self) -> str:
        """Return what the button says."""
        return "Withdraw invitation"

    def run(self, data: Mapping[str, Any]) -> str:
        """Withdraw it."""
        services.withdraw_invitation(actor=self.actor, invitation=self.obj)
        return f"The invitation of {self.obj} was withdrawn."


class InvitationsVerb(BulkVerb, ConsoleVerb):
    """Does the same to many invitations."""

    past: str

    def refusal(self) -> str:
        """Keep it out of the menu of whoever changes nobody's roles."""
        return "" if changes_people(self.desk) else "You cannot invite anybody."

    @abstractmethod
    def problem(self, invitation: Invitation) -> str:
        """Return what stands against it; empty if nothing does."""

    def effects(self, data: Mapping[str, Any]) -> list[Effect]:
        """Say for each what is offered, and what stands against it."""
        return [
            Effect(
                row,
                str(row),
                [f"{words.role_label(self.desk, row)}: {words.place_label(self.desk, row)}."],
                self.problem(row),
            )
            for row in self.rows
        ]

    def done(self) -> str:
        """Say how many."""
        return f"{self.counted()} {'was' if len(self.rows) == 1 else 'were'} {self.past}."


class ResendMany(InvitationsVerb):
    """Send many anew."""

    name = "resend"
    label = _("Send again…")
    is_danger = False
    past = "sent again"

    def consequence(self) -> Sequence[str]:
        """Say what becomes of the links there are."""
        return resent_lines()

    def problem(self, invitation: Invitation) -> str:
        """Ask what the service would."""
        return settled(invitation) or self.desk.offers.resend_refusal(invitation)

    def run_row(self, row: Any, data: Mapping[str, Any]) -> None:
        """Send one."""
        services.resend_invitation(actor=self.actor, invitation=row)


class WithdrawMany(InvitationsVerb):
    """Take many back."""

    name = "withdraw"
    label = _("Withdraw…")
    past = "withdrawn"

    def consequence(self) -> Sequence[str]:
        """Say what becomes of the links there are."""
        return ("Their links no longer count. Nobody is told.",)

    def problem(self, invitation: Invitation) -> str:
        """Refuse what is settled."""
        return settled(invitation)

    def run_row(self, row: Any, data: Mapping[str, Any]) -> None:
        """Withdraw one."""
        services.withdraw_invitation(actor=self.actor, invitation=row)


VERBS = (Resend, Withdraw)
BULK_VERBS = (ResendMany, WithdrawMany)
