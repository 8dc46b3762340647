"""Verbs that send: tests to oneself, and the campaign itself for whoever may."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from permissions.admin import VerbForm
from teams import flow, services
from teams.admin import mailing, words
from teams.admin.work import WorkVerb
from teams.catalogue import SEND_CAMPAIGNS, TEST_CAMPAIGNS
from teams.models import Campaign
from teams.services import sending
from teams.services.segments import tells_addresses

MOMENT = "%Y-%m-%dT%H:%M"


class SendTest(WorkVerb):
    """Send it to oneself."""

    name = "test"
    label = _("Send me a test…")
    act = "send a test of"
    permission = TEST_CAMPAIGNS
    obj: Campaign

    def address(self) -> str:
        """Return the actor's own address."""
        return str(getattr(self.actor, self.actor.get_email_field_name(), "") or "")

    def obstacle(self) -> str:
        """Refuse while there is nothing to look at, or nowhere to send it."""
        if not self.obj.subject.strip() or not (self.obj.rows or self.obj.text.strip()):
            return f"{self.obj} has no subject or no content yet."
        return "" if self.address() else "Your login has no address to send a test to."

    def title(self) -> str:
        """Return the heading."""
        return f"Send yourself a test of {self.obj}"

    def consequence(self) -> Sequence[str]:
        """Say where it goes."""
        return (
            f"It goes to {self.address()} and to nobody else, with sample values filled in.",
            "Nothing is recorded as sent, and no contact gets anything.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return "Send test"

    def run(self, data: Mapping[str, Any]) -> str:
        """Send it."""
        address = services.send_test(actor=self.actor, campaign=self.obj)
        return f"A test of {self.obj} was sent to {address}."


class SeenField(forms.CharField):
    """A mark of what the page shows, carried along by the form.

    Shown again it says what is shown then, not what was posted.
    """

    widget = forms.HiddenInput

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Return the mark of what is shown now."""
        return initial


class SendForm(VerbForm):
    """What the sender was shown."""

    seen = SeenField(required=False)

    def prepare(self, verb: Any) -> None:
        """Mark what is shown."""
        self.fields["seen"].initial = sending.fingerprint(verb.obj)


class SendingVerb(WorkVerb):
    """A verb that takes a step of ``flow``; ``step`` names it."""

    permission = SEND_CAMPAIGNS
    step = ""
    obj: Campaign

    def obstacle(self) -> str:
        """Refuse where the step cannot be taken, or something is missing."""
        if not flow.allows(self.obj, self.step):
            return f"{self.obj} is {self.obj.get_status_display().lower()} already."
        if self.obj.status == Campaign.Status.DRAFT:
            segment = self.obj.segment
            if segment and tells_addresses(self.desk.account, self.desk.profile, segment):
                return "Its segment is about addresses, which you see masked. Choose another."
            return next((error.message for error in sending.obstacles(self.obj)), "")
        return ""

    def who(self) -> list[str]:
        """Return what goes out and who gets it, in words."""
        sender = f"{self.obj.sender_name} <{self.obj.sender_email}>"
        return [f"“{self.obj.subject}” goes out, from {sender}.", *self.whom()]

    def gone(self) -> list[str]:
        """Return what has gone out already, in words; nothing if nothing has."""
        found = mailing.progress(self.obj)
        if found is None or not found.tried:
            return []
        return [
            f"It was tried for {mailing.counted(found.tried, 'contact')} before. They do not get "
            "it again, whether it was sent, failed, was skipped or is unconfirmed."
        ]

    def whom(self) -> list[str]:
        """Return who gets it, in words."""
        if self.obj.status != Campaign.Status.DRAFT:
            found = mailing.progress(self.obj)
            count = mailing.counted(found.total - found.settled if found else 0, "contact")
            return [f"It goes to the {count} that were settled when it was scheduled."]
        whom = mailing.audience_text(self.obj)
        size = mailing.size_text(self.desk, self.obj)
        return [
            f"It goes to everybody subscribed on {whom}{size}.",
            *self.gone(),
            "Who gets it, and what it says, is settled now: later changes of the list, a segment "
            "or a template change nothing.",
        ]


class ScheduleForm(SendForm):
    """A day and a time."""

    at = forms.DateTimeField(
        label="When",
        input_formats=[MOMENT, "%Y-%m-%d %H:%M"],
        widget=forms.DateTimeInput(
            attrs={"type": "datetime-local", "class": "vTextField"}, format=MOMENT
        ),
    )

    def prepare(self, verb: Any) -> None:
        """Begin with the time it has, and say which zone is meant."""
        super().prepare(verb)
        self.fields["at"].initial = verb.obj.scheduled_at
        self.fields["at"].help_text = f"Time zone: {timezone.get_current_timezone_name()}."


class Schedule(SendingVerb):
    """Have it sent at a time."""

    name = "schedule"
    label = _("Schedule…")
    act = "schedule"
    step = "schedule"
    form_class = ScheduleForm

    def title(self) -> str:
        """Return the heading."""
        return f"Schedule {self.obj}"

    def consequence(self) -> Sequence[str]:
        """Say who gets it, and on whose behalf."""
        return (
            *self.who(),
            "It goes out in your name: should you lose the right to send, it becomes a draft.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return "Schedule campaign"

    def run(self, data: Mapping[str, Any]) -> str:
        """Schedule it."""
        made = services.schedule_campaign(
            actor=self.actor, campaign=self.obj, at=data["at"], seen=data["seen"] or None
        )
        return f"{made} is scheduled for {words.short_date(made.scheduled_at or data['at'])}."


class Reschedule(Schedule):
    """Choose another time."""

    name = "reschedule"
    label = _("Change time…")
    act = "reschedule"
    step = "reschedule"

    def title(self) -> str:
        """Return the heading."""
        return f"Send {self.obj} at another time"

    def button(self) -> str:
        """Return what the button says."""
        return "Change time"


class Unschedule(SendingVerb):
    """Take it back."""

    name = "unschedule"
    label = _("Unschedule…")
    act = "unschedule"
    step = "unschedule"

    def title(self) -> str:
        """Return the heading."""
        return f"Unschedule {self.obj}"

    def consequence(self) -> Sequence[str]:
        """Say what becomes of it."""
        return (f"{self.obj} becomes a draft again.", *self.gone())

    def button(self) -> str:
        """Return what the button says."""
        return "Make it a draft"

    def run(self, data: Mapping[str, Any]) -> str:
        """Take it back."""
        services.unschedule_campaign(actor=self.actor, campaign=self.obj)
        return f"{self.obj} is a draft again."


class Stop(SendingVerb):
    """End the sending midway."""

    name = "stop"
    label = _("Stop sending…")
    act = "stop"
    step = "stop"
    is_danger = True

    def title(self) -> str:
        """Return the heading."""
        return f"Stop sending {self.obj}"

    def consequence(self) -> Sequence[str]:
        """Say what becomes of it, and of what has gone out."""
        return (
            f"{self.obj} becomes a draft again, and nobody else gets it. One message may be on its "
            "way still.",
            *self.gone(),
        )

    def button(self) -> str:
        """Return what the button says."""
        return "Stop sending"

    def run(self, data: Mapping[str, Any]) -> str:
        """Stop it."""
        services.stop_campaign(actor=self.actor, campaign=self.obj)
        return f"{self.obj} was stopped and is a draft again."


class SendNow(SendingVerb):
    """Have it sent now."""

    name = "send"
    label = _("Send now…")
    is_primary = True
    act = "send"
    step = "send"
    form_class = SendForm

    def title(self) -> str:
        """Return the heading."""
        return f"Send {self.obj} now"

    def consequence(self) -> Sequence[str]:
        """Say that it cannot be taken back."""
        return (*self.who(), "What has gone out cannot be taken back.")

    def button(self) -> str:
        """Return what the button says."""
        return "Send campaign now"

    def run(self, data: Mapping[str, Any]) -> str:
        """Send it."""
        made = services.send_campaign(
            actor=self.actor, campaign=self.obj, seen=data["seen"] or None
        )
        return f"{made} is being sent."


SENDING_VERBS = (SendNow, Schedule, Reschedule, Unschedule, Stop)
