"""``send_reminders``: everybody is told by mail, once, what of theirs ends soon."""

from __future__ import annotations

import smtplib
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import transaction
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from permissions import grants
from teams import services
from teams.factories import MailingListFactory
from teams.models import Membership, Reminder, TeamMembership
from teams.services import reminders
from tests.commands.helpers import run
from tests.mailing import OUTBOX, deliver_by
from tests.services.world import stored, world

pytestmark = pytest.mark.django_db


def soon(days: float = 3) -> Any:
    return timezone.now() + timedelta(days=days)


def work() -> list[Any]:
    """Let a worker do what is enqueued, and return the mails it sent."""
    before = len(mail.outbox)
    for row in DBTaskResult.objects.ready():
        row.claim("test")
        row.task.func(*row.args_kwargs["args"])
        row.set_successful(None)
    return mail.outbox[before:]


def told(*arguments: str) -> list[Any]:
    """Run the command and the worker; return the mails."""
    done = run("send_reminders", *arguments)
    assert (done.code, done.error) == (0, "")
    return work()


def test_one_mail_says_all_that_ends_where_when_and_whom_to_ask() -> None:
    w = world("emma_corporate", name="Harbor")
    end = datetime(2030, 1, 7, 23, 59, tzinfo=timezone.get_current_timezone())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.utils.timezone.now", lambda: end - timedelta(days=5))
        full = w.member("full", toggles=("export_contacts",), ends_at=end)
        full.subaccount_toggles.update(ends_at=end - timedelta(days=1))
        listed = MailingListFactory(subaccount=w.south, name="News", created_by=w.owner)
        services.give_guest_access(
            actor=w.owner,
            user=full.user,
            obj=listed,
            permissions=["access_audience"],
            ends_at=end,
        )
        (message,) = told()
    assert message.to == [full.user.email]
    assert message.subject == "Your access to Harbor ends soon"
    owner = w.owner.get_full_name()
    zone = f"{end:%Z}"
    for text in (
        f"The permission Export contacts in North\n  ends on 6 January 2030, 23:59 {zone}",
        f"The role Full in North\n  ends on 7 January 2030, 23:59 {zone}",
        "Guest access to the mailing list News in South",
        f"To keep it, ask {owner}.",
    ):
        assert text in message.body
    (html, kind) = message.alternatives[0]
    assert kind == "text/html"
    assert html.count("<li>") == message.body.count("* ") == 3
    assert message.extra_headers["Auto-Submitted"] == "auto-generated"


def test_teams_are_told_of_too() -> None:
    w = world("sailthru")
    person = w.member("marketer_admin").user
    team = w.team()
    TeamMembership.objects.create(team=team, user=person, ends_at=soon())
    (message,) = told()
    assert f"Your place in the team {team.name}" in message.body


def test_nobody_is_told_twice_and_another_end_is_told_anew() -> None:
    w = world("emma_corporate")
    full = w.member("full", ends_at=soon())
    assert run("send_reminders").out.endswith("\n1 person is told.\n")
    assert len(work()) == 1
    assert told() == []
    services.set_end(actor=w.owner, membership=full, ends_at=soon(5))
    assert len(told()) == 1
    assert told() == []
    services.set_end(actor=w.owner, membership=full, ends_at=soon(20))
    assert told() == []
    assert Reminder.objects.count() == 2


def test_what_is_far_off_over_or_asleep_is_not_told() -> None:
    w = world("emma_corporate")
    w.member("full", ends_at=soon(8))
    w.member("full", ends_at=soon(-1))
    w.member("full")
    w.member("full", ends_at=soon(), status="suspended")
    w.member("full", w.west, ends_at=soon())  # archived
    gone = w.member("full", ends_at=soon()).user
    gone.is_active = False
    gone.save()
    over = w.member("full", toggles=("export_contacts",), ends_at=soon(-1))
    over.subaccount_toggles.update(ends_at=soon())
    nameless = w.member("full", ends_at=soon()).user
    nameless.email = ""
    nameless.save()
    guest = w.member("full")
    services.give_guest_access(
        actor=w.owner, user=guest.user, obj=w.south, permissions=["access_audience"], ends_at=soon()
    )
    Membership.objects.filter(pk=guest.pk).update(status="suspended")
    assert told() == []
    assert not Reminder.objects.exists()
    Membership.objects.filter(pk=guest.pk).update(status="active")
    assert len(told()) == 1


def test_a_place_in_a_team_of_somebody_suspended_is_not_told() -> None:
    w = world("sailthru")
    seat = w.member("marketer_admin", status="suspended")
    TeamMembership.objects.create(team=w.team(), user=seat.user, ends_at=soon())
    assert told() == []


def test_who_could_extend_it_is_named_if_the_person_sees_them() -> None:
    w = world("sailthru")
    person = w.member(w.custom("access_settings", "manage_members"), ends_at=soon())
    rules = w.edition.custom_roles
    assert rules is not None
    everything = w.custom(*rules.tickable)
    boss, _elsewhere = w.member(everything), w.member(everything, w.south)
    w.member(w.custom("access_settings", "manage_members"))  # gives no roles

    def asked(seat: Membership) -> list[Any]:
        (ending,) = reminders.due(w.account, seat.user)
        return reminders.extenders(w.account, seat.user, ending)

    assert asked(person) == [boss.user]
    blind = w.member("reports_only", ends_at=soon())
    assert asked(blind) == [w.owner]  # sees nobody else


class Broken(EmailBackend):
    """A server that answers as told to."""

    error: Exception = OSError()

    def send_messages(self, messages: Any) -> int:
        raise self.error


@pytest.mark.parametrize(
    "error", [OSError(), smtplib.SMTPRecipientsRefused({"x": (451, b"later")})], ids=repr
)
def test_a_mail_that_fails_is_tried_again(settings: Any, error: Exception) -> None:
    w = world("emma_corporate")
    w.member("full", ends_at=soon())
    deliver_by(settings, f"{__name__}.Broken")
    Broken.error = error
    assert told() == []
    assert not Reminder.objects.exists()
    deliver_by(settings, OUTBOX)
    assert len(told()) == 1
    assert told() == []


def test_what_is_no_longer_so_when_the_mail_is_written_is_not_said() -> None:
    w = world("emma_corporate")
    full, kept = w.member("full", ends_at=soon()), w.member("editor", w.south, ends_at=soon())
    run("send_reminders")
    services.suspend_member(actor=w.owner, membership=full)
    assert [m.to for m in work()] == [[kept.user.email]]
    services.reactivate_member(actor=w.owner, membership=full)
    assert [m.to for m in told()] == [[full.user.email]]


def test_told_and_enqueued_are_one() -> None:
    w = world("emma_corporate")
    full = w.member("full", ends_at=soon())
    with transaction.atomic():
        assert len(reminders.remind(w.account, full.user)) == 1
        transaction.set_rollback(True)
    assert not Reminder.objects.exists()
    assert work() == []
    assert len(told()) == 1


def test_a_dry_run_says_who_would_be_told_and_tells_nobody() -> None:
    w, other = world("emma_corporate", name="Harbor"), world("emma_corporate", name="Other")
    full = w.member("full", ends_at=soon())
    other.member("full", ends_at=soon())
    before = stored()
    done = run("send_reminders", "--dry-run", "--account", w.account.slug)
    name = full.user.get_username()
    assert done.out == (
        f"Would tell {name} that 1 thing in Harbor will end.\n1 person would be told.\n"
    )
    assert stored() == before
    assert work() == []
    assert [m.to for m in told("--account", w.account.slug)] == [[full.user.email]]
    assert run("send_reminders", "--account", "nowhere").code == 2


def test_names_in_the_mail_lead_nowhere() -> None:
    w = world("emma_corporate", name="Win at https://evil.example/x")
    w.north.name = "www.evil.example <b>now</b>"
    w.north.save()
    w.member("full", ends_at=soon())
    (message,) = told()
    for text in (message.subject, message.body, message.alternatives[0][0]):
        assert "evil.example" not in text
        assert "<b>now" not in text


def test_ends_of_one_thing_are_told_of_by_what_lasts_them() -> None:
    """A switch of two permissions is one line, and everything has a name of its own."""
    w = world("emma_corporate")
    full = w.member("full", toggles=("export_contacts",), ends_at=soon())
    full.subaccount_toggles.update(ends_at=soon())
    grants.grants_on(w.south)
    found = reminders.due(w.account, full.user)
    assert sorted(e.about for e in found) == [
        f"membership:{full.pk}",
        f"switch:{full.pk}:export_contacts",
    ]


def test_the_mail_goes_where_the_login_model_keeps_addresses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    member = world("emma_hq").member("editor", ends_at=soon())
    model = type(member.user)
    monkeypatch.setattr(model, "EMAIL_FIELD", "last_name")
    model.objects.update(email="", last_name="")
    assert told() == []
    model.objects.filter(pk=member.user.pk).update(last_name="kim@host.example")
    assert [message.to for message in told()] == [["kim@host.example"]]
