"""``start_review``, and what ``send_reminders`` says of reviews; the report as files."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from typing import Any

import pytest
from django.utils import timezone
from pypdf import PdfReader

from permissions.models import AuditEvent
from teams import review_files, services
from teams.models import AccessReview, Reminder, ReviewLine
from teams.review_files import file_of, formats
from teams.services.review_reminders import remind
from tests.commands.helpers import run
from tests.commands.test_send_reminders import told, work
from tests.services.world import World, world

pytestmark = [pytest.mark.django_db, pytest.mark.once]


def start(w: World, days: float = 2, **given: Any) -> AccessReview:
    due = timezone.now() + timedelta(days=days)
    return services.start_review(
        actor=w.owner, account=w.account, **{"name": "Spring", "due_at": due, **given}
    )


def named(w: World) -> tuple[str, ...]:
    return ("--account", w.account.slug, "--actor", w.owner.get_username(), "--name", "Spring")


def test_it_starts_one_as_the_console_does_and_says_how_many_lines() -> None:
    w = world("emma_hq")
    w.member("editor", toggles=("export_contacts",))
    w.member("editor", w.south)
    due = ("--due", "2030-03-31")

    dry = run("start_review", *named(w), *due, "--dry-run")
    assert (dry.code, AccessReview.objects.count()) == (0, 0)
    done = run("start_review", *named(w), *due, "--subaccount", "north")
    assert (done.code, done.error) == (0, "")
    assert "2 lines" in done.out
    review = AccessReview.objects.get()
    end = datetime(2030, 3, 31, 23, 59, 59, tzinfo=UTC)
    assert (review.subaccount, review.due_at) == (w.north, end)
    found = run("start_review", *named(w), *due, "--permission", "export_contacts")
    assert "1 line" in found.out


def test_it_refuses_what_the_console_refuses_and_what_is_called_wrongly() -> None:
    w = world("emma_hq")
    editor = w.member("editor").user
    given = ("--account", w.account.slug, "--name", "Mine", "--due", "2030-03-31")
    assert run("start_review", *given, "--actor", editor.get_username()).code == 1
    assert run("start_review", *named(w), "--due", "someday").code == 2
    assert run("start_review", *named(w), "--due", "2001-01-01").code == 2
    assert run("start_review", *given, "--as-platform", "--reason", "Curious").code != 0
    assert not AccessReview.objects.exists()


def test_whoever_can_decide_is_told_the_starter_first_once_in_three_days() -> None:
    w = world("emma_hq")
    administrator = w.member("administrator").user
    w.member("editor")
    w.member("editor", w.south)
    review = start(w)
    start(w, days=9, name="Far away")

    dry = run("send_reminders", "--dry-run")
    assert f"Would tell {w.owner.get_username()} that 3 lines" in dry.out
    mails = told()
    assert [m.to for m in mails] == [[w.owner.email], [administrator.email]]
    assert '3 lines of the access review "Spring"' in mails[0].body
    assert "1 line of the access review" in mails[1].body
    assert f"/teams/accessreview/{review.pk}/change/" in mails[0].body
    assert AuditEvent.objects.filter(action="review.reminded").count() == 1
    assert told() == []

    past = timezone.now() - timedelta(days=4)
    Reminder.objects.update(sent_at=past)
    AccessReview.objects.filter(pk=review.pk).update(due_at=timezone.now() - timedelta(days=1))
    again = told()
    assert len(again) == 2
    assert "It was due" in again[0].body


def test_nobody_is_told_of_what_is_decided_finished_or_read_only() -> None:
    w = world("emma_hq")
    w.member("editor")
    review = start(w)
    w.account.read_only_because = "unpaid"
    w.account.save()
    assert told() == []
    w.account.read_only_because = ""
    w.account.save()
    assert len(remind(review)) == 1
    services.confirm_line(actor=w.owner, line=review.lines.get())
    assert work() == []
    services.finish_review(actor=w.owner, review=review)
    assert remind(review) == []


def test_names_make_no_links_in_the_mail() -> None:
    w = world("emma_hq", name="https://evil.example <b>x</b>")
    w.member("editor")
    start(w, name="Look at www.evil.example")
    (mail,) = told()
    assert "https://evil.example" not in mail.body
    assert "<b>x</b>" not in str(mail.alternatives[0][0])


HOSTILE = "<b>&</b><img src='http://evil.example/x.png'/> =1+1 </para>"


def finished(lines: int) -> AccessReview:
    w = world("emma_hq", name=HOSTILE)
    first = w.member("editor")
    first.user.first_name = "Maximiliana Wolfeschlegelsteinhausenbergerdorff " * 2
    first.user.save()
    review = start(w, name=HOSTILE)
    kept = review.lines.get()
    ReviewLine.objects.bulk_create(
        ReviewLine(
            account=w.account,
            review=review,
            person_label=f"{HOSTILE} {n}",
            kind="role",
            ref=f"teams.membership:{10**6 + n}",
            what=f"Editor {'long ' * 30}",
            place="North" * 20,
            state=kept.state,
            position=n,
        )
        for n in range(1, lines)
    )
    services.withdraw_line(actor=w.owner, line=kept, reason="Left the company. " * 20)
    return services.finish_review(actor=w.owner, review=review, leave_open=True)


@pytest.mark.parametrize("lines", [3, 60])
def test_the_printed_report_is_the_same_file_and_obeys_no_name(lines: int) -> None:
    review = finished(lines)

    made = file_of(review, "pdf")

    assert made.content == file_of(AccessReview.objects.get(pk=review.pk), "pdf").content
    document = PdfReader(io.BytesIO(made.content))
    said = "".join(page.extract_text() for page in document.pages).replace("\n", "")
    assert HOSTILE.replace(" ", "") in said.replace(" ", "")
    assert review.digest in said.replace(" ", "")
    assert "Gone meanwhile" in said or lines == 1
    for number, page in enumerate(document.pages, 1):
        assert f"Page {number} of {len(document.pages)}" in page.extract_text()
        assert "/Annots" not in page
        assert not list(page.images)


@pytest.mark.once
@pytest.mark.parametrize(
    ("name", "printed"),
    [("Žofie Ωμέγα 😀", True), ("王小明", False), ("محمد", False), ("שלום", False)],
)
def test_a_name_that_cannot_be_printed_as_it_is_is_said_so(name: str, printed: bool) -> None:
    w = world("emma_hq")
    member = w.member("editor")
    member.user.first_name = name
    member.user.save()
    review = start(w)
    services.finish_review(actor=w.owner, review=review, leave_open=True)

    document = PdfReader(io.BytesIO(file_of(review, "pdf").content))

    said = "".join(page.extract_text() for page in document.pages)
    assert ("Read with care" in said) is not printed
    assert name in file_of(review, "csv").content.decode()


def test_without_reportlab_there_is_csv_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert formats() == ("csv", "pdf")
    monkeypatch.setattr(
        review_files, "find_spec", lambda name: None if name == "reportlab" else find_spec(name)
    )
    assert formats() == ("csv",)
