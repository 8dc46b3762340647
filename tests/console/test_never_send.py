"""Who may write but not send causes no send: by no service, form, import, command or task.

Everything there is to try is found by looking: every service, every verb of every page. What was
settled before by somebody who may send goes out as it was settled: to nobody else, in no other
words.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from permissions.errors import ServiceError
from teams import services
from teams.admin import console
from teams.catalogue import CREATE_CAMPAIGNS, SEND_CAMPAIGNS
from teams.editions import EDITIONS
from teams.factories import MessageTemplateFactory, SegmentFactory
from teams.models import Campaign, Contact, Delivery, MailingList, MessageTemplate
from teams.services import delivery
from teams.services.content import new_row
from tests.commands.helpers import run
from tests.services.mailing import mailing_list, now, ready, subscriber
from tests.services.world import World, holds, world

pytestmark = [pytest.mark.slow, pytest.mark.once, pytest.mark.django_db]

EVIL = "evil@elsewhere.example"
WRITERS = [
    (edition.codename, role.codename)
    for edition in EDITIONS.values()
    for role in edition.roles
    if CREATE_CAMPAIGNS in role.holds and SEND_CAMPAIGNS not in role.holds
]
#: one of each kind: ``make test`` tries them, ``make hostile`` all
TRIED = {
    ("constant_contact", "campaign_creator"),
    ("emma_corporate", "editor"),
    ("emma_hq", "author"),
}


class Scene:
    """A draft, a scheduled and a sent campaign, and somebody who may write them only."""

    def __init__(self, edition: str, role: str) -> None:
        self.w: World = world(edition, team_mode="off")
        self.account_level = not EDITIONS[edition].role(role).subaccount_level
        self.person = (
            self.w.manager(role=role) if self.account_level else self.w.member(role)
        ).user
        on = mailing_list(self.w.north)
        self.settled = [subscriber(on, first_name=name) for name in ("Vera", "Otto")]
        self.other = mailing_list(self.w.north)
        self.contact = subscriber(self.other, email=EVIL)
        self.template = MessageTemplateFactory(
            subaccount=self.w.north, rows=[new_row("<p>Evil words</p>")]
        )
        self.segment = SegmentFactory(subaccount=self.w.north, mailing_list=on)
        self.draft, self.scheduled, self.sent = (
            ready(self.w.north, count=0, mailing_list=on) for _ in range(3)
        )
        self.campaigns = [self.draft, self.scheduled, self.sent]
        services.schedule_campaign(
            actor=self.w.owner, campaign=self.scheduled, at=timezone.now() + timedelta(days=1)
        )
        services.send_campaign(actor=self.w.owner, campaign=self.sent)
        delivery.work_off(self.sent.pk)
        mail.outbox.clear()
        assert not holds(self.person, SEND_CAMPAIGNS, self.draft)
        assert holds(self.person, CREATE_CAMPAIGNS, self.draft)
        self.before = self.state()

    def state(self) -> list[Any]:
        """Return all that decides about sending, of every campaign there is."""
        rows = Campaign.objects.exclude(status=Campaign.Status.DRAFT).order_by("pk")
        content = rows.values_list(
            "pk",
            "status",
            "subject",
            "rows",
            "text",
            "sender_email",
            "scheduled_at",
            "scheduled_by",
        )
        deliveries = Delivery.objects.order_by("pk").values_list("campaign", "email", "values")
        return [list(content), list(deliveries)]

    def check(self, what: str) -> None:
        """Fail if anything was sent to anybody but the person, or has come closer to it."""
        strangers = [m.to for m in mail.outbox if m.recipients() != [self.person.email]]
        assert strangers == [], what
        assert self.state() == self.before, what

    def arguments(self, campaign: Campaign) -> dict[str, Any]:
        """Return something for every argument that a service may have."""
        soon = timezone.now() + timedelta(seconds=1)
        return {
            "actor": self.person,
            "account": self.w.account,
            "subaccount": self.w.north,
            "campaign": campaign,
            "content": campaign,
            "obj": campaign,
            "mailing_list": self.other,
            "segment": self.segment,
            "template": self.template,
            "contact": self.contact,
            "where": campaign.mailing_list,
            "at": soon,
            "name": "Mine",
            "subject": "Evil",
            "sender_name": "Evil",
            "sender_email": EVIL,
            "reply_to": EVIL,
            "html": "<p>Evil words</p>",
            "text": "Evil words",
            "key": campaign.rows[0]["key"],
            "position": 0,
            "email": "new@elsewhere.example",
            "rules": {"match": "all", "rules": []},
            "confirm": campaign.name,
            "kind": "secondary",
        }


def by_services(scene: Scene) -> None:
    """Call every service with whatever it takes, on every campaign and on what they are made of."""
    for name, campaign in itertools.product(services.__all__, scene.campaigns):
        function: Callable[..., Any] = getattr(services, name)
        offered = scene.arguments(campaign)
        wanted = set(inspect.signature(function).parameters)
        targets = (campaign, campaign.mailing_list, scene.template, scene.segment)
        for target in targets if wanted & {"obj", "content"} else targets[:1]:
            given = {**offered, "obj": target, "content": target}
            with suppress(ServiceError):
                function(**{key: given.get(key) for key in wanted})
        scene.check(f"{name} of {campaign.status}")


def by_forms(scene: Scene) -> None:
    """Forge a request to every verb of every page, as if it had been offered."""
    client = Client()
    client.force_login(scene.person)
    keys = {
        Campaign: [c.pk for c in scene.campaigns],
        MailingList: [scene.draft.mailing_list_id, scene.other.pk],
        MessageTemplate: [scene.template.pk],
        Contact: [scene.contact.pk],
    }
    data = {
        **{k: v for k, v in scene.arguments(scene.draft).items() if isinstance(v, str | int)},
        "mailing_list": scene.other.pk,
        "segment": scene.segment.pk,
        "template": scene.template.pk,
        "subaccount": scene.w.north.pk,
        "at": (timezone.now() + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M"),
        "status": "sending",
        "scheduled_at_0": "2020-01-01",
        "scheduled_by": scene.w.owner.pk,
        "action": "send",
        "_selected_action": scene.scheduled.pk,
        "_save": "1",
    }
    for model, model_admin in console._registry.items():
        meta = model._meta
        base = reverse(f"console:{meta.app_label}_{meta.model_name}_changelist")
        urls = [base, f"{base}add/"]
        for verb in model_admin.verbs:  # type: ignore[attr-defined]
            if verb.on_list:
                urls += [f"{base}act/{verb.name}/", f"{base}act/{verb.name}/{scene.w.north.pk}/"]
            for key in keys.get(model, []):
                urls += [f"{base}{key}/act/{verb.name}/"]
        for key in keys.get(model, []):
            urls += [f"{base}{key}/change/", f"{base}{key}/delete/"]
            urls += [f"{base}{key}/act/{name}/" for name in ("begin", "finish", "sending")]
        for url in urls:
            answer = client.post(url, data)
            assert answer.status_code < 500, url
        scene.check(base)


def by_command(scene: Scene) -> None:
    """Run the command in the person's own name, and let anybody resume."""
    account = scene.w.account.slug
    for campaign in scene.campaigns:
        named = ["--account", account, "--campaign", f"north/{campaign.slug}"]
        actor = ["--actor", scene.person.username]
        for more in ([], ["--at", "2030-01-01T00:00"], ["--dry-run"]):
            assert run("send_campaign", *named, *actor, *more).code in (1, 2)
            scene.check(f"send_campaign {more}")
        run("send_campaign", *named, "--resume")
        scene.check("send_campaign --resume")
    run("send_campaign", "--resume")
    scene.check("send_campaign --resume")


def by_task(scene: Scene) -> None:
    """Put the worker's tasks into the queue, as nobody can, and do them."""
    for campaign in scene.campaigns:
        for task in (delivery.deliver_campaign, delivery.look_after_campaign):
            task.enqueue(campaign=campaign.pk)
            task.func(campaign=campaign.pk)
            scene.check(f"{task.name} of {campaign.status}")


@pytest.mark.parametrize(
    ("edition", "role"),
    [pytest.param(*who, marks=[] if who in TRIED else pytest.mark.deep) for who in WRITERS],
)
@pytest.mark.parametrize("path", [by_services, by_forms, by_command, by_task])
def test_who_may_write_only_causes_no_send(
    edition: str, role: str, path: Callable[[Scene], None]
) -> None:
    scene = Scene(edition, role)
    path(scene)
    # the hour comes: what goes out is what was settled, to whom it was settled
    mail.outbox.clear()
    Campaign.objects.filter(scheduled_at__gt=timezone.now()).update(scheduled_at=timezone.now())
    for campaign in Campaign.objects.all():
        delivery.work_off(campaign.pk)
    found = now(scene.scheduled)
    if found.archived_at is None and path is not by_services:
        assert sorted(m.to[0] for m in mail.outbox) == sorted(c.email for c in scene.settled)
    assert {m.to[0] for m in mail.outbox} <= {c.email for c in scene.settled}
    assert not [m for m in mail.outbox if "Evil" in m.subject + str(m.body) + m.from_email]


def test_the_roles_that_write_only_are_those_of_the_documents() -> None:
    assert set(WRITERS) == {
        ("constant_contact", "campaign_creator"),
        ("emma_corporate", "editor"),
        ("emma_corporate", "author"),
        ("emma_enterprise", "editor"),
        ("emma_enterprise", "author"),
        ("emma_hq", "editor"),
        ("emma_hq", "author"),
    }
