"""Campaigns, what is written and what is sent, as ``truth_surfaces`` records them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from permissions.models import AuditEvent
from teams.catalogue import (
    ACCESS_CAMPAIGNS,
    CHANGE_PUBLISHED_CAMPAIGNS,
    CREATE_CAMPAIGNS,
    DELETE_CAMPAIGNS,
    SEND_CAMPAIGNS,
    SHARE_CAMPAIGNS,
    TEST_CAMPAIGNS,
)
from teams.models import Campaign
from tests.console.truth_record import PLACES, Surface, needs
from tests.console.truth_stage import HERE, THERE, Stage

CAMPAIGNS = "/teams/campaign/"


def _on(name: str, rest: str) -> Callable[[Stage, Any], str]:
    return lambda stage, place: f"{CAMPAIGNS}{stage.get(name, place).pk}/act/{rest}/"


def _campaign(stage: Stage, name: str, place: Any) -> Campaign | None:
    return Campaign.objects.filter(pk=stage.get(name, place).pk).first()


def _is(key: str, /, **values: Any) -> Callable[[Stage, Any], bool]:
    """Say that a campaign is there with these values."""
    return lambda stage, place: Campaign.objects.filter(
        pk=stage.get(key, place).pk, **values
    ).exists()


def _is_new(name: str, *, there: bool = False) -> Callable[[Stage, Any], bool]:
    """Say that a campaign of that name is in the place, or in the other one."""

    def done(stage: Stage, place: Any) -> bool:
        where = stage.other(place) if there else place
        return Campaign.objects.filter(subaccount=where, name=name).exists()

    return done


def _tested(stage: Stage, place: Any) -> bool:
    subject = f"teams.campaign:{stage.get('draft', place).pk}"
    return AuditEvent.objects.filter(action="campaign.tested", subject_ref=subject).exists()


def _in_days(days: int) -> datetime:
    return timezone.now() + timedelta(days=days)


def _at(days: int) -> dict[str, Any]:
    return {"at": _in_days(days).strftime("%Y-%m-%dT%H:%M")}


WRITES = needs((ACCESS_CAMPAIGNS, HERE), (CREATE_CAMPAIGNS, HERE))
SENDS = needs((ACCESS_CAMPAIGNS, HERE), (SEND_CAMPAIGNS, HERE))

ON_CAMPAIGNS = (
    Surface(
        name="campaign: create",
        at=PLACES,
        url=lambda stage, place: f"{CAMPAIGNS}act/create/{place.pk}/",
        ways=WRITES,
        data=lambda stage, place: {"name": "Fresh"},
        done=_is_new("Fresh"),
    ),
    Surface(
        name="campaign: edit",
        at=PLACES,
        url=_on("draft", "edit"),
        ways=WRITES,
        data=lambda stage, place: {"subject": "Fresh"},
        done=_is("draft", subject="Fresh"),
    ),
    Surface(
        name="campaign: audience",
        at=PLACES,
        url=_on("draft", "audience"),
        ways=WRITES,
        done=_is("draft", mailing_list=None),
        why="taken away, for whoever works on campaigns need not see any list",
    ),
    Surface(
        name="campaign: template",
        at=PLACES,
        url=_on("draft", "template"),
        ways=WRITES,
        data=lambda stage, place: {"template": stage.get("messagetemplate", place).pk},
        done=_is("draft", template__isnull=False),
    ),
    Surface(
        name="campaign: add-row",
        at=PLACES,
        url=_on("draft", "add-row"),
        ways=WRITES,
        data=lambda stage, place: {"html": "<p>Fresh</p>", "position": "1"},
        done=lambda stage, place: len(stage_rows(stage, place)) == 2,
    ),
    Surface(
        name="campaign: text",
        at=PLACES,
        url=_on("draft", "text"),
        ways=WRITES,
        data=lambda stage, place: {"text": "Fresh"},
        done=_is("draft", text="Fresh"),
    ),
    Surface(
        name="campaign: rename",
        at=PLACES,
        url=_on("draft", "rename"),
        ways=WRITES,
        data=lambda stage, place: {"name": "Fresh"},
        done=_is("draft", name="Fresh"),
    ),
    Surface(
        name="campaign: rename, after sending",
        at=PLACES,
        url=_on("result", "rename"),
        ways=needs((ACCESS_CAMPAIGNS, HERE), (CHANGE_PUBLISHED_CAMPAIGNS, HERE)),
        data=lambda stage, place: {"name": "Fresh"},
        done=_is("result", name="Fresh"),
    ),
    Surface(
        name="campaign: copy",
        at=PLACES,
        url=_on("result", "copy"),
        ways=WRITES,
        data=lambda stage, place: {"name": "Fresh"},
        done=_is_new("Fresh"),
    ),
    Surface(
        name="campaign: share",
        at=PLACES,
        url=_on("draft", "share"),
        ways=needs((ACCESS_CAMPAIGNS, HERE), (SHARE_CAMPAIGNS, HERE), (SHARE_CAMPAIGNS, THERE)),
        data=lambda stage, place: {"subaccount": stage.other(place).pk, "name": "Fresh"},
        done=_is_new("Fresh", there=True),
    ),
    Surface(
        name="campaign: delete",
        at=PLACES,
        url=_on("draft", "delete"),
        ways=needs((ACCESS_CAMPAIGNS, HERE), (DELETE_CAMPAIGNS, HERE)),
        done=lambda stage, place: _campaign(stage, "draft", place) is None,
    ),
    Surface(
        name="campaign: test",
        at=PLACES,
        url=_on("draft", "test"),
        ways=needs((ACCESS_CAMPAIGNS, HERE), (TEST_CAMPAIGNS, HERE)),
        done=_tested,
    ),
    Surface(
        name="campaign: send",
        at=PLACES,
        url=_on("draft", "send"),
        ways=SENDS,
        done=_is("draft", status="scheduled"),
        why="the worker does the rest",
    ),
    Surface(
        name="campaign: schedule",
        at=PLACES,
        url=_on("draft", "schedule"),
        ways=SENDS,
        data=lambda stage, place: _at(30),
        done=_is("draft", status="scheduled"),
    ),
    Surface(
        name="campaign: reschedule",
        at=PLACES,
        url=_on("scheduled", "reschedule"),
        ways=SENDS,
        data=lambda stage, place: _at(30),
        done=_is("scheduled", scheduled_at__gt=_in_days(20)),
    ),
    Surface(
        name="campaign: unschedule",
        at=PLACES,
        url=_on("scheduled", "unschedule"),
        ways=SENDS,
        done=_is("scheduled", status="draft"),
    ),
)


def stage_rows(stage: Stage, place: Any) -> list[Any]:
    """Return the rows of the draft as they are now."""
    found = _campaign(stage, "draft", place)
    return [] if found is None else found.rows


#: verbs of campaigns that no record tries, and why
UNTRIED: Mapping[tuple[str, str], str] = {
    ("campaign", "stop"): "asks what unschedule asks, of what a worker is sending",
    **{
        ("campaign", verb): "asks what campaign: add-row asks, and of locks what a template's does"
        for verb in (
            *("insert-row", "edit-row", "move-up", "move-down"),
            *("lock-row", "save-row", "remove-row"),
        )
    },
}
