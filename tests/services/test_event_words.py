"""The record in words: a sentence for every action, and what was before and after."""

from __future__ import annotations

import ast
import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from billing.models import Payment
from permissions.audit import REFUSED, timeline
from permissions.models import AuditEvent
from teams import event_areas, services
from teams.catalogue import ACCESS_AUDIENCE, RENAME_LISTS
from teams.event_areas import HistoryFilters, area_of
from teams.event_sentences import is_told
from teams.event_sight import Reader
from teams.event_words import Words
from teams.models import Archivable, ContactImport, ReviewLine
from teams.services.change import root_key
from tests.services.world import World, world

#: what the actions are whose name is put together, by the text of it in the source
COMPOSED = {
    "campaign.{done}": {
        *("campaign.scheduled", "campaign.rescheduled", "campaign.released"),
        *("campaign.unscheduled", "campaign.stopped"),
    },
    "contact_import.{status}": {
        f"contact_import.{status}"
        for status in (
            ContactImport.Status.DONE,
            ContactImport.Status.FAILED,
            ContactImport.Status.UNDONE,
        )
    },
    "{work.obj._meta.model_name}.changed": {"messagetemplate.changed", "campaign.changed"},
    "{item._meta.model_name}.archived": {
        f"{model._meta.model_name}.archived" for model in Archivable.__subclasses__()
    },
    "{item._meta.model_name}.restored": {
        f"{model._meta.model_name}.restored" for model in Archivable.__subclasses__()
    },
    "{kind}.{event}": {
        *(f"{model._meta.model_name}.purged" for model in Archivable.__subclasses__()),
        *("mailinglist.deleted", "savedrow.deleted", "campaign.deleted", "segment.deleted"),
    },
    "payment.{status}": {
        f"payment.{status}" for status in (Payment.Status.FAILED, Payment.Status.CANCELLED)
    },
    "review.line_{line.decision}": {
        f"review.line_{decision}" for decision in set(ReviewLine.Decision) - {"open"}
    },
}


def recorded() -> tuple[set[str], set[str]]:
    """Return the actions that services record: named in full, and put together."""
    named, composed = set(), set()
    for node in nodes():
        if isinstance(node, ast.Constant) and is_action(node.value):
            named.add(node.value)
        elif isinstance(node, ast.Call) and is_record(node):
            composed |= {
                ast.unparse(part)[2:-1]
                for part in (*node.args, *(keyword.value for keyword in node.keywords))
                if isinstance(part, ast.JoinedStr) and "." in ast.unparse(part)
            }
    return named, {text for text in composed if " " not in text}


@cache
def nodes() -> tuple[ast.AST, ...]:
    """Return all that stands in the modules of services, and where events are written."""
    paths = [
        path
        for package in ("permissions", "teams", "billing")
        for path in (Path(settings.BASE_DIR) / package).rglob("*.py")
        if "services" in path.parts or "audit" in path.name or "audit" in path.parts
    ]
    return tuple(node for path in paths for node in ast.walk(ast.parse(path.read_text())))


def is_record(call: ast.Call) -> bool:
    """Say whether ``call`` writes an event."""
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    return name in ("record", "_record")


def is_action(text: Any) -> bool:
    """Say whether ``text`` is how an action of ours is called."""
    found = re.fullmatch(r"([a-z_]+)\.[a-z_]*[a-z]", text) if isinstance(text, str) else None
    return found is not None and found[1] in KINDS


KINDS = {
    *("account", "audit", "billing_details", "campaign", "contact", "contact_export", "content"),
    *("contact_import", "end", "features", "field", "group", "guest", "history"),
    *("invitation", "invoice"),
    *("key", "mailinglist", "member", "membership", "messagetemplate", "ownership", "payment"),
    *("permission", "rate_plan", "reach", "review", "role", "savedrow", "second_factor"),
    *("segment", "subaccount", "team", "toggle", "webhook", "write"),
}


@pytest.mark.once
def test_every_action_has_a_sentence_of_its_own_and_a_kind() -> None:
    named, composed = recorded()
    assert composed <= set(COMPOSED)
    found = named.union(*(COMPOSED[text] for text in composed))
    assert len(found) > 110
    assert {"member.added", "toggle.pruned", "payment.failed", "subaccount.archived"} <= found
    assert {action for action in found if not is_told(action)} == set()
    assert {action for action in found if not area_of(action)} == set()
    assert not is_told("somebody.elses")
    assert not is_told("member.changed_by_somebody")


@pytest.mark.once
def test_no_record_is_of_a_kind_that_is_not_looked_at() -> None:
    firsts = [
        node.args[0]
        for node in nodes()
        if isinstance(node, ast.Call) and is_record(node) and node.args
    ]
    texts = {first.value for first in firsts if isinstance(first, ast.Constant)}
    assert len(texts) > 80
    assert {text for text in texts if not is_action(text)} == set()


@pytest.fixture
def w(db: Any) -> World:
    return world("emma_hq")


def newest(w: World, action: str) -> AuditEvent:
    return timeline(root_key(w.account)).filter(action=action)[0]


def told(w: World, action: str, who: Any = None) -> list[tuple[str, str, str]]:
    """Return the lines about the newest event of ``action``, to the owner or to ``who``."""
    event = newest(w, action)
    words = Words.to(Reader.of(who or w.owner, w.account), [event])
    return [tuple(line) for line in words.changes(event)]


def test_before_and_after_of_what_people_hold(w: World) -> None:
    seat = w.member("editor", w.north)
    services.change_role(actor=w.owner, membership=seat, role="full")
    assert told(w, "role.changed") == [("Role", "Editor", "Full")]
    services.toggle_permission(actor=w.owner, membership=seat, toggle="export_contacts", on=True)
    assert told(w, "permission.toggled") == [("Export contacts", "Off", "On")]
    until = datetime(2050, 5, 1, 12, tzinfo=UTC)
    services.set_end(actor=w.owner, membership=seat, ends_at=until)
    shown = timezone.localtime(until).strftime("%-d %b %Y, %H:%M")
    assert told(w, "end.changed") == [("Access ends", "No end", shown)]
    services.suspend_member(actor=w.owner, membership=seat)
    assert told(w, "member.suspended") == [("State", "Active", "Suspended")]
    services.remove_member(actor=w.owner, membership=seat)
    assert told(w, "member.removed") == [
        ("Role", "Full", "Nothing"),
        ("Where", w.north.name, "Nothing"),
        ("Optional permissions", "Export contacts", "Nothing"),
        ("State", "Suspended", "Nothing"),
        ("Access ends", shown, "Nothing"),
    ]


def test_before_and_after_of_what_is_set_up(w: World) -> None:
    services.rename_subaccount(actor=w.owner, subaccount=w.north, name="Far north")
    assert told(w, "subaccount.renamed") == [("Name", "North", "Far north")]
    services.set_features(actor=w.owner, subaccount=w.north, off=["exports"])
    assert told(w, "features.changed") == [("Switched off", "Nothing", "Exports")]
    services.set_address_masking(actor=w.owner, account=w.account, on=True)
    assert told(w, "account.masked") == [("Addresses on pages", "Shown", "Masked")]
    group = services.create_subaccount_group(
        actor=w.owner, account=w.account, name="Coast", subaccounts=[w.north]
    )
    services.set_subaccount_group(actor=w.owner, group=group, subaccounts=[w.south])
    assert told(w, "group.changed") == [("Subaccounts", "Far north", w.south.name)]


def test_a_role_gains_and_loses_permissions_by_their_labels(db: Any) -> None:
    w = world("sailthru")
    role = services.create_role(
        actor=w.owner, account=w.account, name="Cleaner", permissions=[ACCESS_AUDIENCE]
    )
    services.edit_role(
        actor=w.owner, role=role, name="Renamer", permissions=[ACCESS_AUDIENCE, RENAME_LISTS]
    )
    assert told(w, "role.edited") == [
        ("Name", "Cleaner", "Renamer"),
        ("Permissions added", "", str(RENAME_LISTS.label)),
    ]
    services.edit_role(actor=w.owner, role=role, permissions=[ACCESS_AUDIENCE])
    assert told(w, "role.edited") == [
        ("Permissions taken away", "", str(RENAME_LISTS.label)),
    ]


def test_places_that_the_reader_does_not_see_are_not_named(w: World) -> None:
    manager = w.manager(w.north)
    other = w.manager(w.north)
    services.set_manager_reach(
        actor=w.owner, membership=other, subaccounts=[w.north, w.south], all_subaccounts=False
    )
    event = newest(w, "reach.changed")
    words = Words.to(Reader.of(manager.user, w.account), [event])
    assert [tuple(line) for line in words.changes(event)] == [
        ("Where", w.north.name, f"{w.north.name} and others")
    ]
    assert w.south.name not in words.sentence(event)
    mine = Words.to(Reader.of(w.owner, w.account), [event]).changes(event)
    assert mine == [("Where", w.north.name, f"{w.north.name} and {w.south.name}")]


def made(action: str, **data: Any) -> AuditEvent:
    subject = data.pop("subject", "teams.subaccount:0")
    return AuditEvent(
        action=action, data=data, subject_ref=subject, subject_label="Label", actor_ref="x:1"
    )


def test_keys_reviews_and_webhooks_are_known_to_whoever_runs_them(w: World) -> None:
    """Of events that other services record, by their data alone."""
    seat = w.manager(w.north)
    reader = Reader.of(seat.user, w.account)
    here, there = {"subaccount": w.north.pk}, {"subaccount": w.south.pk}
    assert reader.knows(made("review.started", **here))
    assert reader.knows(made("review.line_withdrawn", **here))
    guest = {"kind": "guest", **here}
    assert reader.knows(made("review.line_confirmed", ref="teams.subaccountusergrant:1", **guest))
    for hidden in (
        made("review.line_confirmed", ref="teams.mailinglistusergrant:1", **guest),
        made("review.line_confirmed", kind="invitation", ref="teams.invitation:0", **here),
        made("review.line_confirmed", kind="key", **there),
        made("review.line_confirmed", kind="team", subaccount=None),
        made("review.started", **there),
        made("review.started", subaccount=None),
        made("review.finished"),
        made("key.created", **there),
        made("key.revoked"),
        made("webhook.created"),
        made("audit.exported"),
        made("audit.pruned"),
        made(REFUSED),
        made("somebody.elses", **here),
    ):
        assert not reader.knows(hidden), hidden
    owner = Reader.of(w.owner, w.account)
    assert owner.knows(made("key.created", **there))
    assert owner.knows(made("audit.pruned"))


def test_who_generates_keys_in_a_subaccount_knows_of_its_keys(w: World) -> None:
    seat = w.member("administrator", w.north)
    reader = Reader.of(seat.user, w.account)
    holds = reader.holds("generate_api_keys", w.north.pk)
    assert reader.knows(made("key.created", subaccount=w.north.pk)) is holds
    assert not reader.knows(made("key.created", subaccount=w.south.pk))


@pytest.mark.once
def test_a_kind_of_change_is_found_as_it_is_told(db: Any) -> None:
    """What ``area_of`` says of an action is what the filter finds of it."""
    named, composed = recorded()
    actions = sorted(named.union(*(COMPOSED[text] for text in composed)))
    at = timezone.now()
    AuditEvent.objects.bulk_create(
        [
            AuditEvent(root="r", sequence=n, at=at, action=action, digest=str(n))
            for n, action in enumerate(actions)
        ]
    )
    events = AuditEvent.objects.filter(root="r")
    for area in event_areas.areas():
        found = HistoryFilters(area=area).apply(events).values_list("action", flat=True)
        assert set(found) == {action for action in actions if area_of(action) == area}, area
