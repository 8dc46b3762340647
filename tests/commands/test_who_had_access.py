"""What ``who_had_access`` and ``snapshot_access`` print, and what ``check_integrity`` finds."""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from permissions.models import AuditEvent
from teams import past, services
from teams.factories import UserFactory
from teams.models import Membership
from teams.moments import past_moment
from teams.past import Answer, Finding
from teams.services.snapshots import snapshot
from tests.commands.helpers import run
from tests.services.world import World, stored, world

pytestmark = pytest.mark.django_db


@pytest.fixture
def w() -> World:
    w = world("emma_hq")
    w.member("author")
    return w


def ask(w: World, **options: Any) -> Any:
    asked = {"as_of": timezone.now().isoformat(), "account": w.account.slug}
    return run("who_had_access", **{**asked, "actor": w.owner.username, **options})


def added(w: World, **person: Any) -> Membership:
    """Return a role in North that the owner gave, which stands in the record."""
    return services.add_member(
        actor=w.owner,
        account=w.account,
        user=UserFactory(**person),
        role="full",
        subaccount=w.north,
        consented=True,
    )


def test_the_record_is_begun_once_and_then_asked(w: World) -> None:
    slug = w.account.slug
    assert ask(w).error.startswith("NO_RECORD: The record of")
    assert run("snapshot_access", account=slug).out == f"{slug}: The record begins now.\n"
    assert run("snapshot_access", all=True, format="json").json == {"written": []}
    assert run("snapshot_access").code == run("snapshot_access", account=slug, all=True).code == 2
    row = added(w)
    before = stored()
    name = row.user.get_full_name()
    lines = ask(w, permission="send_campaigns", subaccount="north", format="csv").rows
    assert lines[0] == ["account", "person", "place", "permission", "through"]
    assert [slug, name, "North", "send_campaigns", "Role Full"] in lines
    told = ask(w, format="json", person=row.user.username).json
    assert {line["person"] for line in told["lines"]} == {name}
    assert "second factor" in told["note"]
    assert "not in the record" in ask(w, person=row.user.username).out
    since = AuditEvent.objects.get(action="account.snapshot").at.isoformat()
    changed = ask(w, since=since, format="csv", permission="send_campaigns").rows
    assert changed == [
        ["change", *lines[0]],
        ["gained", slug, name, "North", "send_campaigns", "Role Full"],
    ]
    assert ask(w, person="nobody").out.startswith("Nobody had any such access.")
    assert stored() == before


class Watched(io.StringIO):
    """Notes, whenever something is printed, how much is worked out by then."""

    def __init__(self, worked_out: list[int]) -> None:
        super().__init__()
        self.worked_out, self.seen = worked_out, list[int]()

    def write(self, text: str) -> int:
        self.seen.append(sum(self.worked_out))
        return super().write(text)


@pytest.mark.once
@pytest.mark.parametrize(("fmt", "before"), [("text", 0), ("csv", 1), ("json", 1)])
@pytest.mark.parametrize("compared", [False, True])
def test_it_is_printed_as_it_is_worked_out(
    w: World, monkeypatch: pytest.MonkeyPatch, fmt: str, before: int, compared: bool
) -> None:
    """No more is held than what one part of the people had; ``before`` lines are none of theirs."""
    snapshot(w.account)
    since = timezone.now().isoformat() if compared else None
    for _ in range(3):
        added(w)
    monkeypatch.setattr(past, "_CHUNK", 1)
    worked_out: list[int] = []
    plain = Answer.of

    def of(answer: Answer, people: Any) -> list[Finding]:
        found = plain(answer, people)
        worked_out.append(len(found))
        return found

    monkeypatch.setattr(Answer, "of", of)
    out = Watched(worked_out)
    now, slug = timezone.now().isoformat(), w.account.slug
    asked = {"as_of": now, "since": since, "account": slug, "actor": w.owner.username}
    call_command("who_had_access", **asked, format=fmt, stdout=out)

    everything = sum(worked_out)
    held = [seen - done for done, seen in enumerate(out.seen[before:][:everything])]
    assert sum(1 for found in worked_out if found) >= 3
    assert held[0] == next(filter(None, worked_out)), "the first line waits for nobody else"
    assert max(held) <= max(worked_out) < everything
    assert len(out.getvalue().splitlines()) >= everything


def test_text_says_who_what_where_and_through_what(w: World) -> None:
    snapshot(w.account)
    since = timezone.now().isoformat()
    name, slug = added(w).user.get_full_name(), w.account.slug
    line = f"{name}: send_campaigns in North ({slug}), Role Full"

    assert ask(w, permission="send_campaigns").out.splitlines().count(line) == 1
    first, empty, end = ask(w, permission="send_campaigns", since=since).out.splitlines()
    assert (first, empty, end[:6]) == (f"gained: {line}", "", "As of ")
    assert ask(w, since=since, person=w.owner.username).out.startswith("Nothing changed.\n")


def test_a_name_is_no_formula_in_csv(w: World) -> None:
    snapshot(w.account)
    added(w, first_name="=HYPERLINK(1)", last_name="")
    printed = ask(w, permission="send_campaigns", format="csv").out

    assert '"\'=HYPERLINK(1)"' in printed
    assert '"=HYPERLINK(1)"' not in printed


def test_an_account_without_a_record_is_refused_before_the_first_line(w: World) -> None:
    snapshot(w.account)
    assert ask(w, account=None).code == 0
    other = world("emma_hq", slug="zz-later")
    type(other.account).objects.filter(pk=other.account.pk).update(owner=w.owner)
    for fmt in ("text", "csv", "json"):
        done = ask(w, account=None, format=fmt)
        assert (done.code, done.out, done.error[:10]) == (2, "", "NO_RECORD:")


def test_the_platform_says_why_and_the_tenant_reads_it(w: World) -> None:
    snapshot(w.account)
    found = ask(w, actor=None, as_platform=True, reason="A complaint", format="csv")
    assert len(found.rows) > 20
    event = AuditEvent.objects.latest("pk")
    assert (event.action, event.actor_ref) == ("history.read", "platform")
    assert event.data["reason"] == "A complaint"
    assert ask(w, actor=None, as_platform=True).code == 2
    assert ask(w, actor=None, as_platform=True, reason="Why", account=None).code == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"as_of": "yesterday"}, "NOT_A_DATE: 'yesterday' is no date."),
        ({"as_of": "2026-13-01"}, "NOT_A_DATE"),
        ({"as_of": "9999-12-31"}, "NOT_A_DATE"),
        ({"as_of": "2999-01-01"}, "FUTURE"),
        ({"since": "2999-01-01"}, "FUTURE"),
        ({"as_of": "2020-01-01", "since": "2020-01-01"}, "--since must be earlier"),
        ({"actor": None}, "Say who looks"),
        ({"actor": "nobody"}, "There is no login"),
        ({"reason": "Because"}, "go with --as-platform"),
        ({"permission": "fly"}, "UNKNOWN_PERMISSION"),
        ({"account": None, "subaccount": "north"}, "goes with --account"),
        ({"account": "other"}, "There is no account 'other'"),
        ({"subaccount": "moon"}, "There is no subaccount 'moon'"),
    ],
)
def test_wrong_calls_get_a_sentence(w: World, options: dict[str, Any], said: str) -> None:
    snapshot(w.account)
    done = ask(w, **options)
    assert done.code in (1, 2)
    assert said in done.error
    assert done.out == ""


def test_a_member_who_sees_nobody_is_refused(w: World) -> None:
    snapshot(w.account)
    author = Membership.objects.get(account=w.account).user.username
    for options in ({"actor": author}, {"actor": author, "account": None}):
        done = ask(w, **options)
        assert (done.code, done.error[:12]) == (1, "OUT_OF_SCOPE")


def test_a_date_is_the_end_of_that_day_where_the_project_is(settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    with timezone.override("Europe/Berlin"):
        at = past_moment("2026-03-29")  # the day with an hour less
        assert timezone.localtime(at).isoformat() == "2026-03-29T23:59:59.999999+02:00"
        assert past_moment("2026-03-29T12:00") == datetime.fromisoformat("2026-03-29T12:00+02:00")
        today = past_moment(timezone.localdate().isoformat())
        assert timezone.now() - today < timedelta(minutes=1)


def test_what_is_stored_otherwise_than_recorded_is_found(w: World) -> None:
    row = w.member("full", toggles=("export_contacts",))
    snapshot(w.account)
    assert run("check_integrity", format="json").json == []
    Membership.objects.filter(pk=row.pk).update(status="suspended")
    (found,) = run("check_integrity", format="json").json
    assert found["rule"] == "record_says_what_is_stored"
    assert found["subject"] == f"teams.account:{w.account.pk}"
    assert found["detail"].startswith(f"seats {row.pk}: recorded ")
    assert '"active": true' in found["detail"].partition("stored")[0]
    Membership.objects.filter(pk=row.pk).delete()
    (found,) = run("check_integrity", format="json").json
    assert found["detail"].endswith("stored nothing")
    for _ in range(6):
        w.member("author")
    found = run("check_integrity", format="json").json
    assert [line["detail"][:5] for line in found] == ["seats"] * 5 + ["and 2"]


def test_what_nobody_reads_to_its_end_is_not_called_whole(w: World) -> None:
    snapshot(w.account)

    class Closed(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError(32, "Broken pipe")

    asked = {"as_of": timezone.now().isoformat(), "account": w.account.slug}
    with pytest.raises(CommandError) as stopped:
        call_command("who_had_access", **asked, actor=w.owner.username, stdout=Closed())
    assert stopped.value.returncode == 1
    assert "(Broken pipe); what was printed is not all of it." in str(stopped.value)
