"""Each event says how it came: by which door, with which others, on whose behalf, and no secret."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django_tasks_db.models import DBTaskResult

from permissions import audit
from permissions.middleware import AuditMiddleware
from permissions.models import AuditEvent
from teams import keys, services
from teams.catalogue import MANAGE_SUBACCOUNT_SETTINGS
from teams.factories import ContactFactory
from teams.models import ApiKey
from teams.services import exports
from tests.commands.helpers import run
from tests.services.world import World, world

pytestmark = pytest.mark.django_db
ID = re.compile(r"[0-9a-f]{32}")


@pytest.fixture
def w(db: Any) -> World:
    return world("emma_hq")


def came(action: str) -> list[tuple[str, str, str]]:
    """Return how the events of that kind came."""
    rows = AuditEvent.objects.filter(action=action).order_by("pk")
    return list(rows.values_list("channel", "request_id", "via_label"))


def rename(w: World, name: str) -> None:
    services.rename_subaccount(actor=w.owner, subaccount=w.north, name=name)


def test_change_from_the_console_bears_the_answers_own_identifier(w: World) -> None:
    client = Client()
    client.force_login(w.owner)
    url = f"/teams/subaccount/{w.north.pk}/act/rename/"
    answers = [
        client.post(url, {"name": name}, headers={"x-request-id": "ab" * 16})
        for name in ("East", "Far East")
    ]

    ids = [answer.headers["X-Request-ID"] for answer in answers]
    assert came("subaccount.renamed") == [("console", one, "") for one in ids]
    assert len({*ids, "ab" * 16}) == 3, "none is taken over from outside"
    assert all(ID.fullmatch(one) for one in ids)


def test_refused_page_names_the_code_and_the_request(w: World) -> None:
    client = Client()
    client.force_login(w.owner)
    answer = client.get(f"/teams/subaccount/{w.west.pk}/act/rename/")  # is archived

    assert answer.status_code == 403
    page = answer.content.decode()
    assert f"<code>{answer.headers['X-Request-ID']}</code>" in page
    assert "Reference " in page


def through(middleware: type[AuditMiddleware], *acts: Callable[[], object]) -> str:
    def answer(request: Any) -> HttpResponse:
        for act in acts:
            act()
        return HttpResponse()

    return middleware(answer)(RequestFactory().get("/"))["X-Request-ID"]


def test_events_of_one_request_share_an_identifier_and_those_of_two_do_not(w: World) -> None:
    one = through(AuditMiddleware, lambda: rename(w, "East"), lambda: rename(w, "West End"))
    two = through(AuditMiddleware, lambda: rename(w, "North"))

    assert came("subaccount.renamed") == [("console", one, "")] * 2 + [("console", two, "")]
    assert one != two
    assert audit.current() == audit.Coming()


def test_host_names_its_own_channel(w: World) -> None:
    class HostMiddleware(AuditMiddleware):
        channel = audit.HOST

    one = through(HostMiddleware, lambda: rename(w, "East"))

    assert came("subaccount.renamed") == [("host", one, "")]


def test_nothing_is_said_where_nobody_said(w: World) -> None:
    rename(w, "East")

    assert came("subaccount.renamed") == [("", "", "")]


def test_command_is_a_channel_and_each_run_has_an_identifier(w: World) -> None:
    for name in ("East", "Far East"):
        done = run(
            "create_subaccount",
            *(name, "--account", w.account.slug, "--actor", w.owner.get_username()),
        )
        assert done.code == 0, done.error

    (first, one, _), (second, two, _) = came("subaccount.created")
    assert (first, second) == ("command", "command")
    assert ID.fullmatch(one)
    assert ID.fullmatch(two)
    assert one != two


def test_task_is_a_workers_and_part_of_the_request_that_asked_for_it(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "SMALL", -1)
    ContactFactory(subaccount=w.north)
    one = through(
        AuditMiddleware, lambda: services.export_contacts(actor=w.owner, subaccount=w.north)
    )
    row = DBTaskResult.objects.get(task_path__endswith="carry_out_export")
    row.task.func(*row.args_kwargs["args"], **row.args_kwargs["kwargs"])

    assert came("contact_export.started") == [("console", one, "")]
    assert came("contact_export.done") == [("worker", one, "")]
    kept = DBTaskResult.objects.values_list("args_kwargs", flat=True)
    assert {task["kwargs"].get("request_id") for task in kept} >= {one}


def test_task_that_nobody_asked_for_has_an_identifier_of_its_own(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "SMALL", -1)
    ContactFactory(subaccount=w.north)
    job = services.export_contacts(actor=w.owner, subaccount=w.north).job
    exports.carry_out_export.call(job.pk)

    ((channel, one, via),) = came("contact_export.done")
    assert (channel, via) == ("worker", "")
    assert ID.fullmatch(one)


def test_key_acts_on_its_creators_behalf_within_the_request(w: World) -> None:
    made = keys.issue()
    key = ApiKey.objects.create(
        account=w.account,
        subaccount=w.north,
        name="Newsroom",
        prefix=made.prefix,
        digest=made.digest,
        scopes=[MANAGE_SUBACCOUNT_SETTINGS],
        created_by=w.owner,
    )

    def act() -> None:
        with keys.acting(key):
            rename(w, "East")
        rename(w, "West End")

    one = through(AuditMiddleware, act)

    assert came("subaccount.renamed") == [("api", one, str(key)), ("console", one, "")]
    event = AuditEvent.objects.get(channel="api")
    assert (event.actor_ref, event.via_ref) == (audit.ref_of(w.owner), audit.ref_of(key))
    said = json.dumps(list(AuditEvent.objects.values()), default=str)
    assert made.text not in said
    assert made.text.split("_", 2)[2] not in said
    assert made.digest not in said


def test_how_it_came_is_part_of_what_is_hashed(w: World) -> None:
    through(AuditMiddleware, lambda: rename(w, "East"))
    audit.unlock("default")
    for change in ({"channel": "command"}, {"request_id": "0" * 32}, {"via_label": "Somebody"}):
        event = AuditEvent.objects.get(action="subaccount.renamed")
        AuditEvent.objects.filter(pk=event.pk).update(**change)
        assert [flaw.sequence for flaw in audit.verify()] == [event.sequence]
        names = ("channel", "request_id", "via_label")
        before = {name: getattr(event, name) for name in names}
        AuditEvent.objects.filter(pk=event.pk).update(**before)
    audit.lock_down("default")
    assert list(audit.verify()) == []


def test_unknown_channel_is_refused() -> None:
    with pytest.raises(ValueError, match="no channel"), audit.coming("telepathy"):
        pass
