"""Verbs about what is written in a draft."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from permissions import access
from permissions.admin import VerbForm
from teams import flow, services
from teams.admin import mailing
from teams.admin.forms import NameForm, OfferedField, chosen_from, offer
from teams.admin.work import CreateWork, WorkVerb, lacks
from teams.catalogue import (
    CREATE_CAMPAIGNS,
)
from teams.models import Campaign
from teams.services.content import judge_rows

NO_LIST = "No list yet"


class CreateCampaign(CreateWork):
    """Begin an empty draft."""

    name = "create"
    label = _("Add campaign")
    permission = CREATE_CAMPAIGNS
    noun = "campaign"
    form_class = NameForm

    def consequence(self) -> Sequence[str]:
        """Say what comes next."""
        return ("The new campaign is an empty draft; audience and content follow on its page.",)

    def make(self, data: Mapping[str, Any]) -> Any:
        """Create it."""
        return services.create_campaign(actor=self.actor, subaccount=self.part, name=data["name"])


class DraftVerb(WorkVerb):
    """A verb about what is written in a draft."""

    permission = CREATE_CAMPAIGNS
    obj: Campaign

    def obstacle(self) -> str:
        """Refuse for what is no draft any more."""
        if self.obj.status in flow.EDITABLE:
            return ""
        return f"{self.obj} is {self.obj.get_status_display().lower()}: only a draft is edited."


def _line(label: str, help_text: str = "") -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=help_text,
        strip=False,
        required=False,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
    )


class EditForm(VerbForm):
    """Subject and sender, as free as the service leaves them."""

    subject = _line("Subject", "{{first_name}} and other fields of a contact are filled in.")
    sender_name = _line("Sender", "The name people see, for example Northwind Coffee.")
    sender_email = _line("Sender's address")
    reply_to = _line("Replies go to", "Leave empty for the sender's address.")

    def prepare(self, verb: Any) -> None:
        """Begin with what it has."""
        for name, field in self.fields.items():
            field.initial = getattr(verb.obj, name)


class EditCampaign(DraftVerb):
    """Write subject and sender."""

    name = "edit"
    label = _("Edit subject and sender…")
    act = "edit"
    group = "letter"
    form_class = EditForm

    def title(self) -> str:
        """Return the heading."""
        return f"Edit {self.obj}"

    def button(self) -> str:
        """Return what the button says."""
        return "Save subject and sender"

    def run(self, data: Mapping[str, Any]) -> str:
        """Write them."""
        names = ("subject", "sender_name", "sender_email", "reply_to")
        values = {name: data[name] for name in names}
        services.edit_campaign(actor=self.actor, campaign=self.obj, **values)
        return f"{self.obj} was changed."


class AudienceForm(VerbForm):
    """A list, and if wanted a segment."""

    mailing_list = OfferedField(label="Mailing list", required=False)
    segment = OfferedField(
        label="Segment",
        required=False,
        help_text="Only contacts of the list that are in the segment get it.",
    )

    def prepare(self, verb: Any) -> None:
        """Offer what the actor sees, and begin with what is chosen."""
        campaign = verb.obj
        lists = mailing.lists_for(verb.actor, campaign)
        known = {found.pk: mailing.list_label(campaign, found) for found in lists}
        offer(self, "mailing_list", [("", NO_LIST), *((str(k), v) for k, v in known.items())])
        found = mailing.segments_for(verb.actor, campaign)
        segments = [(str(s.pk), mailing.segment_label(campaign, s, known)) for s in found]
        offer(self, "segment", [("", "The whole list"), *segments])
        self.fields["mailing_list"].initial = str(campaign.mailing_list_id or "")
        kept = campaign.segment_id if campaign.segment_id in {s.pk for s in found} else ""
        self.fields["segment"].initial = str(kept or "")


class ChooseAudience(DraftVerb):
    """Say whom it goes to."""

    name = "audience"
    label = _("Choose audience…")
    act = "choose the audience of"
    group = "letter"
    form_class = AudienceForm

    def title(self) -> str:
        """Return the heading."""
        return f"Choose the audience of {self.obj}"

    def consequence(self) -> Sequence[str]:
        """Say when it counts."""
        return ("Who is on it when the campaign is scheduled gets it, if subscribed by then.",)

    def button(self) -> str:
        """Return what the button says."""
        return "Save audience"

    def run(self, data: Mapping[str, Any]) -> str:
        """Choose it."""
        lists = mailing.lists_for(self.actor, self.obj)
        segments = mailing.segments_for(self.actor, self.obj)
        chosen = chosen_from(lists, [data["mailing_list"]], "mailing list")
        part = chosen_from(segments, [data["segment"]], "segment")
        services.set_audience(
            actor=self.actor,
            campaign=self.obj,
            mailing_list=chosen[0] if chosen else None,
            segment=part[0] if part else None,
        )
        if not chosen:
            return f"{self.obj} has no audience."
        label = mailing.list_label(self.obj, chosen[0])
        return f"{self.obj} goes to {label if label == chosen[0].name else label.lower()}."


class TemplateForm(VerbForm):
    """A template of the same subaccount."""

    template = OfferedField(label="Template")

    def prepare(self, verb: Any) -> None:
        """Offer what the actor sees."""
        found = mailing.templates_for(verb.actor, verb.obj)
        offer(self, "template", [(str(t.pk), t.name) for t in found])


class UseTemplate(DraftVerb):
    """Begin the content anew from a template."""

    name = "template"
    label = _("Use a template…")
    act = "choose the template of"
    group = "content"
    form_class = TemplateForm

    def obstacle(self) -> str:
        """Refuse where there is none."""
        if reason := super().obstacle():
            return reason
        if not mailing.templates_for(self.actor, self.obj).exists():
            return f"There is no template in {self.obj.subaccount.name} that you may use."
        missing = judge_rows(self.obj.rows, [], lambda p: access.allows(self.actor, p, self.obj))
        if missing:
            return lacks(missing[0], f"replace locked rows of {self.obj}", self.obj.subaccount.name)
        return ""

    def title(self) -> str:
        """Return the heading."""
        return f"Use a template for {self.obj}"

    def consequence(self) -> Sequence[str]:
        """Say what is lost."""
        lines = ["Its rows are copied. What is done to the template later changes nothing here."]
        if self.obj.rows or self.obj.text:
            lines.insert(0, f"What stands in {self.obj} now is replaced.")
        return lines

    def button(self) -> str:
        """Return what the button says."""
        return "Use template"

    def run(self, data: Mapping[str, Any]) -> str:
        """Copy it."""
        rows = mailing.templates_for(self.actor, self.obj)
        template = chosen_from(rows, [data["template"]], "template")[0]
        services.use_template(actor=self.actor, campaign=self.obj, template=template)
        return f"{self.obj} begins with {template} now."
