"""The mails about invoices: to whom, what they say, and that they say it once and nothing else."""

from __future__ import annotations

import smtplib
from datetime import date, timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import transaction
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from billing import selectors
from billing.factories import BillingDetailsFactory, InvoiceFactory
from billing.models import Invoice
from billing.services import dunning, notices
from billing.services.notices import Kind
from tests.mailing import OUTBOX, deliver_by
from tests.services.world import World, world

pytestmark = pytest.mark.django_db


def work() -> list[Any]:
    """Let a worker do what is enqueued, and return the mails it sent."""
    before = len(mail.outbox)
    for row in DBTaskResult.objects.ready():
        row.claim("test")
        row.task.func(*row.args_kwargs["args"])
        row.set_successful(None)
    return mail.outbox[before:]


def late(w: World, days: int, **extra: Any) -> Invoice:
    due = selectors.today() - timedelta(days=days)
    return InvoiceFactory(account=w.account, issued_on=due, due_on=due, **extra)


def dunned() -> list[Any]:
    """Take what is due today, and return the mails."""
    list(dunning.run())
    return work()


def texts(message: Any) -> tuple[str, str, str]:
    return message.subject, message.body, message.alternatives[0][0]


def test_an_invoice_is_told_to_the_billing_contact_and_else_to_the_owner() -> None:
    w = world("constant_contact", name="Harbor")
    invoice = InvoiceFactory(account=w.account, due_on=date(2026, 2, 15), label="HARBOR-00007")
    direct = InvoiceFactory(account=w.account, subaccount=w.north)
    notices.tell_issued(invoice)
    (message,) = work()
    assert message.to == [w.owner.email]
    assert message.subject == "Invoice HARBOR-00007 of Harbor"
    for words in (
        f"Hello {w.owner.get_full_name()},",
        "here is invoice HARBOR-00007 of Harbor for January 2026: €121.00.",
        "Please pay €121.00 by 15 February 2026.",
    ):
        assert words in message.body
    html, kind = message.alternatives[0]
    assert kind == "text/html"
    assert "<b>HARBOR-00007</b>" in html
    assert message.attachments == []
    assert message.extra_headers["Auto-Submitted"] == "auto-generated"

    BillingDetailsFactory(account=w.account)
    BillingDetailsFactory(
        account=w.account,
        subaccount=w.north,
        contact_name="",
        contact_address="north@payer.example",
        name="North Ltd",
    )
    for row in (invoice, direct):
        notices.tell_issued(row)
    ours, theirs = work()
    assert (ours.to, theirs.to) == (["accounts@payer.example"], ["north@payer.example"])
    assert "Hello Ines Accountant," in ours.body
    assert "Hello North Ltd," in theirs.body
    assert f"invoice {direct.label} of North for" in theirs.body


def test_each_step_tells_those_it_concerns_what_comes_next() -> None:
    w = world("emma_corporate", name="Harbor")
    BillingDetailsFactory(account=w.account)
    contact, owner = ["accounts@payer.example"], [w.owner.email]
    invoice = late(w, 1)
    (message,) = dunned()
    assert message.to == contact
    assert message.subject == f"Invoice {invoice.label} of Harbor is overdue"
    assert "€121.00 of it is still to be paid." in message.body
    assert "nothing can be changed" not in message.body

    list(dunning.run(on=selectors.today() + timedelta(days=13)))
    found = work()
    assert [m.to for m in found] == [contact, owner]
    on = selectors.today() + timedelta(days=29)
    promise = f"nothing can be changed in Harbor from {on.day} {on:%B %Y} on, until it is."
    assert all("This is the last reminder." in m.body and promise in m.body for m in found)

    list(dunning.run(on=on))
    found = work()
    assert [m.to for m in found] == [contact, owner]
    assert found[0].subject == "Harbor is read-only until its invoices are paid"
    assert f"€121.00 is overdue:\n\n* invoice {invoice.label}\n" in found[0].body

    invoice.status, invoice.paid = "paid", invoice.total
    invoice.save()
    dunning.refresh(w.account)
    found = work()
    assert [m.to for m in found] == [contact, owner]
    assert found[0].subject == "Harbor can be changed again"
    assert dunned() == []


def test_who_is_both_contact_and_owner_is_told_once_and_a_late_run_sends_one_reminder() -> None:
    w = world("constant_contact")
    BillingDetailsFactory(account=w.account, contact_address=w.owner.email.upper())
    late(w, 20)
    direct = late(w, 20, subaccount=w.north)
    ours, theirs = dunned()
    assert ours.subject.startswith("Last reminder: ")
    assert theirs.subject.startswith(f"Last reminder: invoice {direct.label}")
    assert "nothing can be changed" in ours.body
    assert "nothing can be changed" not in theirs.body


def test_what_is_not_so_any_more_when_the_mail_is_written_is_not_said() -> None:
    w = world("emma_corporate")
    issued, reminded = late(w, 0), late(w, 1, month=date(2026, 2, 1))
    notices.tell_issued(issued)
    list(dunning.run())
    notices.tell_standing(w.account, is_read_only=True)
    Invoice.objects.filter(pk=issued.pk).update(status="credited", credited=issued.total)
    Invoice.objects.filter(pk=reminded.pk).update(status="paid", paid=reminded.total)
    assert work() == []
    notices.tell_issued(reminded)
    (message,) = work()
    assert "Nothing is left to pay." in message.body
    with transaction.atomic():
        notices.tell_issued(reminded)
        transaction.set_rollback(True)
    assert work() == []
    w.owner.email = ""
    w.owner.save()
    notices.tell_issued(reminded)
    assert work() == []


def test_names_lead_nowhere_and_add_no_header() -> None:
    evil = "Win\r\nBcc: all@evil.example\nat https://evil.example/x <b>now</b>"
    w = world("constant_contact", name=evil)
    w.north.name = evil
    w.north.save()
    BillingDetailsFactory(account=w.account, contact_name=evil)
    invoices = [late(w, 14), late(w, 14, subaccount=w.north)]
    for invoice in invoices:
        notices.tell_issued(invoice)
    found = work() + dunned()
    found += [notices.message_of(Kind.WRITABLE, w.account.pk)]
    list(dunning.run(on=selectors.today() + timedelta(days=16)))
    found += [notices.message_of(Kind.READ_ONLY, w.account.pk)]
    assert len(found) == 7
    for message in found:
        wire = message.message()
        assert wire["Bcc"] is None
        assert "\n" not in message.subject
        for text in texts(message):
            assert "evil.example" not in text
            assert "<b>now" not in text


def test_an_address_that_cannot_be_written_to_stops_nothing() -> None:
    w = world("emma_corporate")
    BillingDetailsFactory(account=w.account, contact_address="a@b.example\nBcc: c@evil.example")
    late(w, 14)
    (message,) = dunned()
    assert message.to == [w.owner.email]
    assert not DBTaskResult.objects.ready().exists()


class Broken(EmailBackend):
    """A server that answers as told to."""

    error: Exception = OSError()

    def send_messages(self, messages: Any) -> int:
        raise self.error


@pytest.mark.parametrize(
    ("error", "is_tried_again"),
    [
        (smtplib.SMTPRecipientsRefused({"x": (451, b"later")}), True),
        (smtplib.SMTPRecipientsRefused({"x": (550, b"no")}), False),
        (OSError(), False),  # it may have been taken: nobody is written to twice
    ],
    ids=("later", "refused", "unknown"),
)
def test_a_mail_that_was_certainly_not_taken_is_tried_again(
    settings: Any, error: Exception, is_tried_again: bool
) -> None:
    w = world("emma_corporate")
    deliver_by(settings, f"{__name__}.Broken")
    Broken.error = error
    notices.tell_issued(late(w, 0))
    assert work() == []
    waiting = DBTaskResult.objects.filter(run_after__gt=timezone.now(), status="READY")
    assert waiting.count() == is_tried_again
    if is_tried_again:
        for _ in range(notices.MOST_ATTEMPTS):
            waiting.update(run_after=timezone.now())
            assert work() == []
        assert not waiting.exists()  # not for ever
        notices.post_notice.enqueue("issued", Invoice.objects.get().pk, False, 2)
        deliver_by(settings, OUTBOX)
        assert len(work()) == 1
        assert work() == []


def test_links_lead_to_the_console_and_are_left_out_where_there_is_none(settings: Any) -> None:
    settings.CONSOLE_ORIGIN = "https://console.example"
    assert notices.link("console:index") == "https://console.example/"
    assert notices.link("console:nowhere", 1) == ""
