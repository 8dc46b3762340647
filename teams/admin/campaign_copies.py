"""Verbs about a campaign as a whole: its name, copies of it, its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from teams import selectors, services
from teams.admin.desk import Place
from teams.admin.forms import NameForm, OfferedField, chosen_from, offer
from teams.admin.work import WorkVerb, lacks
from teams.catalogue import (
    CHANGE_PUBLISHED_CAMPAIGNS,
    CREATE_CAMPAIGNS,
    DELETE_CAMPAIGNS,
    SHARE_CAMPAIGNS,
)
from teams.models import Campaign
from teams.services.campaigns import copy_name


class RenameCampaign(WorkVerb):
    """Give it another name: a draft, or what was sent."""

    name = "rename"
    label = _("Rename…")
    act = "rename"
    form_class = NameForm
    obj: Campaign

    def needed(self) -> str:
        """Ask for the right to change after sending once it is sent."""
        is_sent = self.obj.status == Campaign.Status.SENT
        return CHANGE_PUBLISHED_CAMPAIGNS if is_sent else CREATE_CAMPAIGNS

    def obstacle(self) -> str:
        """Refuse while it is on its way."""
        if self.obj.status in Campaign.ON_ITS_WAY:
            return f"{self.obj} is on its way: it is not renamed now."
        return ""

    def title(self) -> str:
        """Return the heading."""
        return f"Rename {self.obj}"

    def consequence(self) -> Sequence[str]:
        """Say what stays."""
        if self.obj.status == Campaign.Status.SENT:
            return ("Only the name changes, which contacts never saw. What was sent stays.",)
        return (f"Only the name changes. The short name stays {self.obj.slug}.",)

    def button(self) -> str:
        """Return what the button says."""
        return "Rename campaign"

    def run(self, data: Mapping[str, Any]) -> str:
        """Rename it."""
        before = self.obj.name
        made = services.rename_campaign(actor=self.actor, campaign=self.obj, name=data["name"])
        return f"{before} is called {made} now."


class CopyForm(NameForm):
    """What the copy is called."""

    def prepare(self, verb: Any) -> None:
        """Propose a name."""
        self.fields["name"].initial = copy_name(verb.obj.name)


class CopyCampaign(WorkVerb):
    """Make a draft of the same."""

    name = "copy"
    label = _("Copy…")
    act = "copy"
    permission = CREATE_CAMPAIGNS
    on_archived = True
    form_class = CopyForm
    made: Any = None

    def obstacle(self) -> str:
        """Refuse whoever may create nothing else in the subaccount: a guest of this one."""
        place = self.obj.subaccount
        if self.desk.holds(CREATE_CAMPAIGNS, place.pk):
            return ""
        return lacks(CREATE_CAMPAIGNS, f"{self.act} {self.obj}", place.name)

    def title(self) -> str:
        """Return the heading."""
        return f"Copy {self.obj}"

    def consequence(self) -> Sequence[str]:
        """Say what goes along."""
        return ("The copy is a draft with the same audience, sender and content.",)

    def button(self) -> str:
        """Return what the button says."""
        return "Make a copy"

    def run(self, data: Mapping[str, Any]) -> str:
        """Copy it."""
        made = services.duplicate_campaign(actor=self.actor, campaign=self.obj, name=data["name"])
        self.made = made
        return f"{made} is a copy of {self.obj}."

    def next_url(self) -> str:
        """Go to the copy."""
        if self.made is not None:
            self.obj = self.made
        return self.back_url()


class ShareForm(NameForm):
    """Another subaccount, and the name there."""

    subaccount = OfferedField(label="Subaccount")
    field_order = ("subaccount", "name")

    def prepare(self, verb: Any) -> None:
        """Offer where the actor may share."""
        super().prepare(verb)
        offer(self, "subaccount", [(str(place.pk), place.name) for place in verb.places()])


class ShareCampaign(WorkVerb):
    """Put a copy into another subaccount."""

    name = "share"
    label = _("Share with a subaccount…")
    act = "share"
    permission = SHARE_CAMPAIGNS
    on_archived = True
    form_class = ShareForm

    def places(self) -> list[Place]:
        """Return the other subaccounts in which the actor may share."""
        return [
            place
            for place in self.desk.active
            if place.pk != self.obj.subaccount_id and self.desk.holds(SHARE_CAMPAIGNS, place.pk)
        ]

    def obstacle(self) -> str:
        """Refuse where there is no other place."""
        return "" if self.places() else "There is no other subaccount in which you may share."

    def title(self) -> str:
        """Return the heading."""
        return f"Share {self.obj} with another subaccount"

    def consequence(self) -> Sequence[str]:
        """Say what goes along and what does not."""
        return (
            "A draft with the same subject and content is made there.",
            "Audience, sender and template stay here: they are this client's own.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return "Share campaign"

    def run(self, data: Mapping[str, Any]) -> str:
        """Share it."""
        own = selectors.subaccounts_of(self.actor).filter(account=self.desk.account)
        place = chosen_from(own, [data["subaccount"]], "subaccount")[0]
        made = services.share_campaign(
            actor=self.actor, campaign=self.obj, subaccount=place, name=data["name"]
        )
        return f"{made} is a draft in {place} now."


class DeleteCampaign(WorkVerb):
    """Remove a draft for good."""

    name = "delete"
    label = _("Delete…")
    act = "delete"
    permission = DELETE_CAMPAIGNS
    on_archived = True
    is_danger = True
    obj: Campaign

    def obstacle(self) -> str:
        """Refuse for what is on its way, and for what was sent."""
        if self.obj.status in Campaign.ON_ITS_WAY:
            return f"{self.obj} is on its way. Unschedule or stop it first."
        if self.obj.status == Campaign.Status.SENT or self.obj.deliveries.exists():
            return f"{self.obj} was sent. Archive it instead."
        return ""

    def title(self) -> str:
        """Return the heading."""
        return f"Delete {self.obj}"

    def consequence(self) -> Sequence[str]:
        """Say that it is for good."""
        return (f"{self.obj} is removed for good. This cannot be undone; to archive keeps it.",)

    def run(self, data: Mapping[str, Any]) -> str:
        """Delete it."""
        label = str(self.obj)
        services.delete_campaign(actor=self.actor, campaign=self.obj)
        return f"{label} was deleted."
