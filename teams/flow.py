"""How a campaign gets from draft to sent: every step there is, and the permission it needs.

Plain data: the services take each step by its name and take no other. What is archived keeps its
state and comes back in it, so that archiving is no step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from permissions.errors import Invalid
from teams.catalogue import SEND_CAMPAIGNS
from teams.models import Campaign

DRAFT, SCHEDULED, SENDING, SENT = (
    Campaign.Status.DRAFT,
    Campaign.Status.SCHEDULED,
    Campaign.Status.SENDING,
    Campaign.Status.SENT,
)


@dataclass(frozen=True, slots=True)
class Step:
    """One step: from which states to which.

    ``permission`` None means that no person takes it: only the worker does, for the person who
    scheduled the campaign and as long as they may send.
    """

    name: str
    before: tuple[str, ...]
    after: str
    permission: str | None


STEPS: Mapping[str, Step] = {
    step.name: step
    for step in (
        Step("schedule", (DRAFT,), SCHEDULED, SEND_CAMPAIGNS),
        Step("reschedule", (SCHEDULED,), SCHEDULED, SEND_CAMPAIGNS),
        Step("unschedule", (SCHEDULED,), DRAFT, SEND_CAMPAIGNS),
        # now: the worker begins as soon as it can
        Step("send", (DRAFT, SCHEDULED), SCHEDULED, SEND_CAMPAIGNS),
        Step("stop", (SENDING,), DRAFT, SEND_CAMPAIGNS),
        Step("begin", (SCHEDULED,), SENDING, None),
        Step("finish", (SENDING,), SENT, None),
        # whoever scheduled it may no longer send, the subaccount was archived, or it is too late
        Step("give back", (SCHEDULED, SENDING), DRAFT, None),
    )
}

#: the states in which a campaign may be written on; the only way back here is a step
EDITABLE = (DRAFT,)

_SO: Mapping[str, str] = {
    DRAFT: "is a draft",
    SCHEDULED: "is scheduled",
    SENDING: "is being sent",
    SENT: "was sent",
}
_TO_EDIT: Mapping[str, str] = {
    SCHEDULED: "Unschedule it first, or make a copy.",
    SENDING: "Stop it first, or make a copy.",
    SENT: "Make a copy to go on with.",
}


def allows(campaign: Campaign, name: str) -> bool:
    """Say whether the step ``name`` can be taken from where ``campaign`` is."""
    return not campaign.is_archived and campaign.status in STEPS[name].before


def take(campaign: Campaign, name: str) -> None:
    """Move ``campaign`` by the step ``name``, unsaved. Raises Invalid: ARCHIVED, WRONG_STATE."""
    refuse_archived(campaign)
    step = STEPS[name]
    if campaign.status not in step.before:
        raise Invalid(
            f"{campaign} {_SO[campaign.status]}, so that you cannot {name} it.", code="WRONG_STATE"
        )
    campaign.status = step.after


def refuse_archived(campaign: Campaign) -> None:
    """Raise Invalid (ARCHIVED) for what was put away."""
    if campaign.is_archived:
        raise Invalid(f"{campaign} is archived. Restore it first.", code="ARCHIVED")


def refuse_settled(campaign: Campaign) -> None:
    """Raise Invalid (NOT_A_DRAFT) unless ``campaign`` may be written on: only a draft may.

    Whoever may send edits no scheduled campaign either: then nobody has to prove that the change
    of one was approved by the other.
    """
    refuse_archived(campaign)
    if campaign.status not in EDITABLE:
        raise Invalid(
            f"{campaign} {_SO[campaign.status]}, so that nothing of it can be changed. "
            f"{_TO_EDIT[campaign.status]}",
            code="NOT_A_DRAFT",
        )
