"""Verbs about webhooks: set up, edit, test, switch, renew, delete, send again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from permissions.admin import row_of
from permissions.policy import TOP
from teams import services, webhook_wire
from teams.admin.base import ConsoleVerb
from teams.admin.forms import NameForm, OfferedSet, offer
from teams.catalogue import MANAGE_ACCOUNT_SETTINGS
from teams.models import Webhook, WebhookDelivery
from teams.services.webhooks import LIMIT
from teams.webhook_areas import AREAS

State = WebhookDelivery.State


class WebhookForm(NameForm):
    """What it is called, where it is, and what it is told of."""

    url = forms.CharField(
        label="Address",
        strip=False,
        widget=forms.TextInput(attrs={"class": "vTextField", "inputmode": "url"}),
        help_text="Begins with https:// and is on the public internet.",
    )
    areas = OfferedSet(
        label="Told of", required=False, help_text="With nothing ticked, it is told of all of it."
    )

    def prepare(self, verb: Any) -> None:
        """Offer the areas, and begin with what it is."""
        super().prepare(verb)
        offer(self, "areas", [(area.codename, area.label) for area in AREAS.values()])
        if verb.obj is not None:
            self.fields["url"].initial = verb.obj.url
            self.fields["areas"].initial = verb.obj.areas


class WebhookVerb(ConsoleVerb):
    """A verb that takes the right to change the account's settings."""

    obj: Webhook
    act = ""

    def refusal(self) -> str:
        """Refuse without the right to."""
        if self.desk.holds(MANAGE_ACCOUNT_SETTINGS, TOP):
            return ""
        return (
            f"You cannot {self.act}: it needs Change account settings in "
            f"{self.desk.account.name}, which you do not hold."
        )

    def _while_on(self) -> str:
        if self.obj.disabled_at is not None:
            return f"{self.obj.name} is switched off. Switch it on first."
        return ""


def _yours(verb: WebhookVerb) -> list[str]:
    """Say whose knowledge it is told of from then on, where that changes."""
    if verb.obj.created_by == verb.actor:
        return []
    return ["You answer for it from then on: it is told what you may know, and no more."]


class CreateWebhook(WebhookVerb):
    """Set one up."""

    name = "create"
    label = _("Add webhook")
    on_list = True
    is_primary = True
    needs_recent = True  # an open window sends nothing out
    form_class = WebhookForm
    act = "set up a webhook"

    def refusal(self) -> str:
        """Refuse without the right to, where none can be sent, and when there are enough."""
        if reason := super().refusal() or webhook_wire.why_not():
            return reason
        if self.desk.account.webhooks.count() >= LIMIT:
            return f"{self.desk.account.name} has {LIMIT} webhooks already. Delete one first."
        return ""

    def consequence(self) -> Sequence[str]:
        """Say what it is told."""
        return (
            "The address is told of changes of access as they happen: who did what, what it was "
            "before and after. It is told what you may know, as long as you may change the "
            "account's settings.",
            "Each message is signed; the secret to check it with is on the webhook's page.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return "Add webhook"

    def run(self, data: Mapping[str, Any]) -> str:
        """Set it up."""
        made = services.create_webhook(
            actor=self.actor,
            account=self.desk.account,
            name=data["name"],
            url=data["url"],
            areas=data["areas"],
        )
        return f"The webhook {made.name} was added. Send it a test from its page."


class EditWebhook(WebhookVerb):
    """Change name, address and what it is told of."""

    name = "edit"
    label = _("Edit…")
    needs_recent = True
    form_class = WebhookForm
    act = "edit this webhook"

    def title(self) -> str:
        """Return the heading."""
        return f"Edit the webhook {self.obj.name}"

    def consequence(self) -> Sequence[str]:
        """Say who answers for it then."""
        return ["The secret stays as it is.", *_yours(self)]

    def button(self) -> str:
        """Return what the button says."""
        return "Save webhook"

    def run(self, data: Mapping[str, Any]) -> str:
        """Save it."""
        made = services.edit_webhook(
            actor=self.actor,
            webhook=self.obj,
            name=data["name"],
            url=data["url"],
            areas=data["areas"],
        )
        return f"The webhook {made.name} was saved."


class TestWebhook(WebhookVerb):
    """Send a message that says nothing."""

    name = "test"
    label = _("Send a test…")
    is_primary = True
    act = "test this webhook"

    def refusal(self) -> str:
        """Refuse without the right to, and while it is off."""
        return super().refusal() or self._while_on()

    def title(self) -> str:
        """Return the heading."""
        return f"Send {self.obj.name} a test"

    def consequence(self) -> Sequence[str]:
        """Say what it says."""
        return ("The message is of the type webhook.tested, and signed like any other.",)

    def button(self) -> str:
        """Return what the button says."""
        return "Send a test"

    def run(self, data: Mapping[str, Any]) -> str:
        """Send it."""
        services.send_webhook_test(actor=self.actor, webhook=self.obj)
        return f"A test for {self.obj.name} is on its way. What became of it is in the log."


class SwitchOff(WebhookVerb):
    """Tell it nothing for a while."""

    name = "off"
    label = _("Switch off…")
    act = "switch this webhook off"

    def refusal(self) -> str:
        """Refuse without the right to, and if it is off."""
        off = f"{self.obj.name} is switched off already." if self.obj.disabled_at else ""
        return super().refusal() or off

    def title(self) -> str:
        """Return the heading."""
        return f"Switch the webhook {self.obj.name} off"

    def consequence(self) -> Sequence[str]:
        """Say what is lost."""
        return (
            "It is told nothing until it is switched on again; what waits for it is dropped.",
            "What happens meanwhile is in the audit, and is not told later.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return "Switch webhook off"

    def run(self, data: Mapping[str, Any]) -> str:
        """Switch it off."""
        services.switch_webhook(actor=self.actor, webhook=self.obj, on=False)
        return f"The webhook {self.obj.name} is switched off."


class SwitchOn(WebhookVerb):
    """Tell it again."""

    name = "on"
    label = _("Switch on…")
    is_primary = True
    needs_recent = True
    act = "switch this webhook on"

    def refusal(self) -> str:
        """Refuse without the right to, and if it is on."""
        on = "" if self.obj.disabled_at else f"{self.obj.name} is switched on already."
        return super().refusal() or on

    def title(self) -> str:
        """Return the heading."""
        return f"Switch the webhook {self.obj.name} on"

    def consequence(self) -> Sequence[str]:
        """Say what it is told then."""
        return ["It is told of what happens from now on.", *_yours(self)]

    def button(self) -> str:
        """Return what the button says."""
        return "Switch webhook on"

    def run(self, data: Mapping[str, Any]) -> str:
        """Switch it on."""
        services.switch_webhook(actor=self.actor, webhook=self.obj, on=True)
        return f"The webhook {self.obj.name} is switched on."


class RenewSecret(WebhookVerb):
    """Sign with another secret."""

    name = "renew"
    label = _("Renew secret…")
    act = "renew the secret of this webhook"

    def title(self) -> str:
        """Return the heading."""
        return f"Renew the secret of {self.obj.name}"

    def consequence(self) -> Sequence[str]:
        """Say what breaks."""
        return (
            "The old secret is worth nothing at once: until your system has the new one, it cannot "
            "check what it is told.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return "Renew secret"

    def run(self, data: Mapping[str, Any]) -> str:
        """Renew it."""
        services.renew_webhook_secret(actor=self.actor, webhook=self.obj)
        return f"{self.obj.name} has a new secret. Give it to your system."


class DeleteWebhook(WebhookVerb):
    """Delete it with its log."""

    name = "delete"
    label = _("Delete…")
    is_danger = True
    act = "delete this webhook"

    def title(self) -> str:
        """Return the heading."""
        return f"Delete the webhook {self.obj.name}"

    def consequence(self) -> Sequence[str]:
        """Say what goes with it."""
        return ("Its log goes too, and so does what waits for it. This cannot be undone.",)

    def button(self) -> str:
        """Return what the button says."""
        return "Delete webhook"

    def run(self, data: Mapping[str, Any]) -> str:
        """Delete it."""
        name = self.obj.name
        services.delete_webhook(actor=self.actor, webhook=self.obj)
        return f"The webhook {name} was deleted."


class SendAgain(WebhookVerb):
    """Send one message of the log once more."""

    name = "again"
    label = _("Send again…")
    is_part = True
    part_type = WebhookDelivery
    part: WebhookDelivery
    act = "send this message again"

    def find(self, key: str) -> WebhookDelivery | None:
        """Return the message of the log that ``key`` names."""
        found: WebhookDelivery | None = row_of(self.obj.deliveries.all(), key)
        return found

    def refusal(self) -> str:
        """Refuse without the right to, while it is off, and what is on its way."""
        if reason := super().refusal() or self._while_on():
            return reason
        return "It is on its way already." if self.part.state == State.WAITING else ""

    def title(self) -> str:
        """Return the heading."""
        return f"Send message {self.part.sequence} to {self.obj.name} again"

    def consequence(self) -> Sequence[str]:
        """Say how a receiver tells."""
        return ("It carries the same webhook-id, by which your system knows that it had it.",)

    def button(self) -> str:
        """Return what the button says."""
        return "Send again"

    def run(self, data: Mapping[str, Any]) -> str:
        """Send it."""
        services.send_webhook_again(actor=self.actor, delivery=self.part)
        return f"Message {self.part.sequence} is on its way again."


WEBHOOK_VERBS = (
    CreateWebhook,
    TestWebhook,
    SwitchOn,
    EditWebhook,
    RenewSecret,
    SwitchOff,
    DeleteWebhook,
    SendAgain,
)
