"""Who may write but not send causes no send: by no service, form, import, command or task.

Everything there is to try is found by looking: every service, every verb of every page. What was
settled before by somebody who may send goes out as it was settled: to nobody else, in no other
words.
"""

from __future__ import annotations

import inspect
import io
import itertools
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from permissions.errors import ServiceError
from teams import services
from teams.admin import console
from teams.catalogue import ADD_CONTACTS, CREATE_CAMPAIGNS, CREATE_SEGMENTS, SEND_CAMPAIGNS
from teams.editions import EDITIONS
from teams.factories import MessageTemplateFactory, SegmentFactory
from teams.models import (
    Campaign,
    Contact,
    ContactImport,
    Delivery,
    MailingList,
    MessageTemplate,
    Segment,
)
from teams.services import delivery, import_work
from teams.services.content import new_row
from tests.commands.helpers import run
from tests.services.mailing import SENDER, mailing_list, ready, subscriber
from tests.services.moving import start, upload
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


#: what is put into the scheduled campaign's own list and segment
PEOPLE = f"Address,First name\n{EVIL},Eva\nnew@elsewhere.example,Newt\n"
EVERYBODY = {"match": "all", "rules": [{"field": "first_name", "test": "is_filled", "value": ""}]}
NAMES = ("Otto", "Vera")
ONLY_THESE = {
    "match": "any",
    "rules": [{"field": "first_name", "test": "is", "value": name} for name in NAMES],
}
#: what every one of them does at least once, so that the attempts are attempts
DONE_BY_ALL = {
    *("add_row", "change_row", "change_text", "create_campaign", "duplicate_campaign"),
    *("edit_campaign", "move_row", "remove_row", "rename_campaign", "set_audience", "use_template"),
}
#: and what whoever holds the permission does
DONE_WITH = {
    ADD_CONTACTS: {"add_contact", "edit_contact", "put_on_list", "start_import", "upload_import"},
    CREATE_SEGMENTS: {"create_segment", "edit_segment"},
}
SENT_BY_ALL = {"campaign/edit", "campaign/audience", "campaign/template", "campaign/create"}
SENT_WITH = {
    ADD_CONTACTS: {"contact/put", "contact/edit", "mailinglist/import", "contactimport/upload"},
    CREATE_SEGMENTS: {"segment/edit"},
}


class Scene:
    """A draft, a scheduled and a sent campaign, and somebody who may write them only."""

    def __init__(self, edition: str, role: str) -> None:
        self.w: World = world(edition, team_mode="off")
        self.account_level = not EDITIONS[edition].role(role).subaccount_level
        self.person = (
            self.w.manager(role=role) if self.account_level else self.w.member(role)
        ).user
        self.on = on = mailing_list(self.w.north)
        self.settled = [subscriber(on, first_name=name) for name in NAMES]
        subscriber(on, first_name="Sven")  # of the list, and not of the segment
        self.other = mailing_list(self.w.north)
        self.contact = subscriber(self.other, email=EVIL, first_name="Eve")
        self.template = MessageTemplateFactory(
            subaccount=self.w.north, rows=[new_row("<p>Evil words</p>")]
        )
        self.segment = SegmentFactory(
            subaccount=self.w.north, mailing_list=on, name="Part", rules=ONLY_THESE
        )
        self.draft, self.scheduled, self.sent = (
            ready(self.w.north, count=0, mailing_list=on, segment=self.segment) for _ in range(3)
        )
        self.campaigns = [self.draft, self.scheduled, self.sent]
        services.schedule_campaign(
            actor=self.w.owner, campaign=self.scheduled, at=timezone.now() + timedelta(days=1)
        )
        services.send_campaign(actor=self.w.owner, campaign=self.sent)
        delivery.work_off(self.sent.pk)
        self.words = {m.to[0]: (m.subject, m.body.split("Unsub")[0]) for m in mail.outbox}
        assert set(self.words) == {c.email for c in self.settled}
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

    def let_the_hour_come(self, what: str) -> None:
        """Fail unless what was settled goes out: to those who still want it, in those words."""
        mail.outbox.clear()
        rows = Contact.objects.filter(pk__in=[c.pk for c in self.settled], archived_at=None)
        wanted = rows.filter(status=Contact.Status.SUBSCRIBED, email__in=self.words)
        expected = sorted(wanted.values_list("email", flat=True))
        Campaign.objects.filter(scheduled_at__gt=timezone.now()).update(scheduled_at=timezone.now())
        for campaign in Campaign.objects.all():
            delivery.work_off(campaign.pk)
        assert sorted(m.to[0] for m in mail.outbox) == expected, what
        for message in mail.outbox:
            said = (message.subject, message.body.split("Unsub")[0])
            assert said == self.words[message.to[0]], what
            assert SENDER in message.from_email, what

    def attempt(self, what: str, act: Callable[[], bool]) -> bool:
        """Do ``act`` and look what comes of it at once and at the hour; take it all back.

        ``act`` says whether it did anything.
        """
        with transaction.atomic():
            is_done = act()
            self.check(what)
            if is_done:
                self.let_the_hour_come(what)
            transaction.set_rollback(True)
        mail.outbox.clear()
        return is_done

    def expected(self, by_all: set[str], by_holders: dict[str, set[str]]) -> set[str]:
        """Return what this person must have done."""
        held = [done for name, done in by_holders.items() if holds(self.person, name, self.w.north)]
        return by_all.union(*held)

    def arguments(self, uploaded: ContactImport) -> dict[str, list[Any]]:
        """Return what may be given for every argument that a service has."""
        people = [self.contact, self.settled[0]]
        contents = [*self.campaigns, self.template]
        return {
            "actor": [self.person],
            "account": [self.w.account],
            "subaccount": [self.w.north],
            "campaign": self.campaigns,
            "content": contents,
            "obj": [*contents, self.on, self.other, self.segment, *people],
            "mailing_list": [self.on, self.other],
            "segment": [self.segment],
            "template": [self.template],
            "contact": people,
            "contact_import": [uploaded],
            "mapping": [{"Address": "email", "First name": "first_name"}],
            "where": [self.on, self.w.north],
            "user": [self.person],
            "permissions": [[SEND_CAMPAIGNS]],
            "at": [timezone.now() + timedelta(seconds=1)],
            "name": ["Mine"],
            "label": ["Mine"],
            "subject": ["Evil"],
            "sender_name": ["Evil"],
            "sender_email": [EVIL],
            "reply_to": [EVIL],
            "html": ["<p>Evil words</p>"],
            "text": ["Evil words"],
            "key": [""],
            "position": [0],
            "email": ["new@elsewhere.example"],
            "first_name": ["Evil"],
            "rules": [EVERYBODY],
            "file": [None],
            "status": ["unsubscribed"],
            "confirm": [self.draft.name],
            "kind": ["secondary", "text"],
        }


def carry_out(actor: Any, found: Any) -> None:
    """Start an import that waits for it, and do what the worker does."""
    if not isinstance(found, ContactImport):
        return
    if found.status == ContactImport.Status.PREVIEW:
        start(actor, found)
    import_work.run_import(found.pk)
    assert ContactImport.objects.get(pk=found.pk).created


def by_services(scene: Scene) -> None:
    """Call every service with whatever fits, on every campaign and on what they are made of."""
    adds = holds(scene.person, ADD_CONTACTS, scene.w.north)
    uploaded = upload(scene.person if adds else scene.w.owner, scene.on, PEOPLE)
    offered, done = scene.arguments(uploaded), set()
    for name in services.__all__:
        function: Callable[..., Any] = getattr(services, name)
        wanted = inspect.signature(function).parameters.values()
        keys = [p.name for p in wanted if p.name in offered or p.default is p.empty]
        for values in itertools.product(*(offered.get(key, [None]) for key in keys)):
            given = dict(zip(keys, values, strict=True))
            if "key" in given and "content" in given:  # of a row; an API key is none of these
                given["key"] = given["content"].rows[0]["key"]
            if "file" in given:
                given["file"] = io.BytesIO(PEOPLE.encode())

            def call(function: Any = function, given: Any = given) -> bool:
                try:
                    found = function(**given)
                except ServiceError:
                    return False
                carry_out(scene.person, found)
                return True

            if scene.attempt(f"{name} {given}", call):
                done.add(name)
    assert scene.expected(DONE_BY_ALL, DONE_WITH) - done == set()


def by_forms(scene: Scene) -> None:
    """Forge a request to every verb of every page, as if it had been offered."""
    client = Client()
    client.force_login(scene.person)
    keys = {
        Campaign: [c.pk for c in scene.campaigns],
        MailingList: [scene.on.pk, scene.other.pk],
        MessageTemplate: [scene.template.pk],
        Segment: [scene.segment.pk],
        Contact: [scene.contact.pk, scene.settled[0].pk],
    }
    data = {
        "name": "Mine",
        "subject": "Evil",
        "sender_name": "Evil",
        "sender_email": EVIL,
        "reply_to": EVIL,
        "html": "<p>Evil words</p>",
        "text": "Evil words",
        "key": scene.draft.rows[0]["key"],
        "position": 0,
        "email": "new@elsewhere.example",
        "first_name": "Evil",
        "rules": json.dumps(EVERYBODY),
        "confirm": scene.draft.name,
        "kind": "secondary",
        "mailing_list": scene.on.pk,
        "segment": scene.segment.pk,
        "template": scene.template.pk,
        "subaccount": scene.w.north.pk,
        "at": (timezone.now() + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M"),
        "status": "sending",
        "scheduled_at_0": "2020-01-01",
        "scheduled_by": scene.w.owner.pk,
        "action": "send",
        "_selected_action": scene.scheduled.pk,
        "_save": "1",
    }
    done = set()
    for model, model_admin in console._registry.items():
        meta = model._meta
        base = reverse(f"console:{meta.app_label}_{meta.model_name}_changelist")
        urls = [(base, ""), (f"{base}add/", "")]
        for verb in model_admin.verbs:  # type: ignore[attr-defined]
            if verb.on_list:
                urls += [(f"{base}act/{verb.name}/", verb.name)]
                urls += [(f"{base}act/{verb.name}/{scene.w.north.pk}/", verb.name)]
            for key in keys.get(model, []):
                urls += [(f"{base}{key}/act/{verb.name}/", verb.name)]
        for key in keys.get(model, []):
            urls += [(f"{base}{key}/change/", ""), (f"{base}{key}/delete/", "")]
            urls += [(f"{base}{key}/act/{name}/", name) for name in ("begin", "finish", "sending")]
        for url, name in urls:
            with_file = name in ("upload", "import")
            if scene.attempt(url, lambda url=url, f=with_file: posted(client, url, data, f)):
                done.add(f"{meta.model_name}/{name}")
    assert scene.expected(SENT_BY_ALL, SENT_WITH) - done == set()


def posted(client: Client, url: str, data: dict[str, Any], with_file: bool) -> bool:
    """Post ``data``, and carry a file that comes with it through to its end; say if it was done."""
    file = {"file": SimpleUploadedFile("p.csv", PEOPLE.encode(), "text/csv")} if with_file else {}
    answer = client.post(url, {**data, **file})
    assert answer.status_code < 500, url
    if answer.status_code != 302:
        return False
    if with_file and "/contactimport/" in answer["Location"]:
        columns = {"column_0": "email", "column_1": "first_name"}
        assert client.post(answer["Location"], columns).status_code == 302
        found = ContactImport.objects.latest("pk")
        import_work.run_import(found.pk)
        assert ContactImport.objects.get(pk=found.pk).created
    return True


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
    scene.let_the_hour_come("at the end")


def test_what_is_tried_holds_every_permission_that_leads_further() -> None:
    held = [EDITIONS[edition].role(role).holds for edition, role in sorted(TRIED)]
    assert {*DONE_WITH, *SENT_WITH} <= set().union(*held)


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
