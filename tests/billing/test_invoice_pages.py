"""Invoices, statements and spreadsheets in the console: who gets what, and how it is handed out."""

from __future__ import annotations

import io
from typing import Any

import openpyxl
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing.factories import InvoiceFactory, PaymentFactory
from billing.models import CreditNote, Invoice, Payment
from tests.billing.test_reports import OCTOBER, october
from tests.services.world import world

pytestmark = [pytest.mark.django_db, pytest.mark.once]

LIST = "/billing/invoice/"
REPORT = "/billing/report/"
#: keys that name nothing, as an address carries them
NOTHING = ("999999", "01", "abc", "%2B1", "1e3", "9" * 30)


def browser(user: Any) -> Client:
    """Return a browser of somebody who is signed in."""
    client = Client()
    client.force_login(user)
    return client


def addresses(key: Any) -> list[str]:
    """Return every address of an invoice."""
    return [
        f"{LIST}{key}/change/",
        f"{LIST}{key}/delete/",
        f"{LIST}{key}/act/pay/",
        f"{LIST}{key}/act/ask/1/",
        f"{LIST}{key}/act/cancel_payment/1/",
        f"/billing/invoices/{key}/pdf/",
        f"/billing/credit-notes/{key}/pdf/",
    ]


def seen(answer: Any) -> tuple[int, bytes]:
    """Return what an answer says."""
    return answer.status_code, answer.content


def test_a_manager_without_the_right_gets_one_refusal_everywhere(db: Any) -> None:
    """BI1: whatever the address names; the activity report only if it is toggled on."""
    w = world("emma_hq")
    first, _second = october(w)
    foreign, _ = october(world("emma_hq"))
    manager = w.manager(w.north)
    client = browser(manager.user)
    urls = [LIST, "/billing/statement/", "/billing/statement/pdf/", REPORT]
    urls += [f"{REPORT}?month=2026-10&format={kind}" for kind in ("xlsx", "csv")]
    for url in urls:
        assert client.get(url).status_code == 403, url
    for index, _url in enumerate(addresses(1)):
        answers = [client.get(addresses(k)[index]) for k in (first.pk, foreign.pk, *NOTHING)]
        is_part = addresses(1)[index].endswith("/1/")  # a payment that is not there for them
        assert {a.status_code for a in answers} == {404 if is_part else 403}, addresses(1)[index]
        assert is_part or b"View invoices" in answers[0].content
    lookup = "app_label=billing&model_name=payment&field_name=invoice"
    assert client.get(f"/autocomplete/?{lookup}&term=0").status_code == 403
    home = client.get("/").content
    assert [url for url in urls if url.encode() in home] == []  # no entry leads to a refusal
    toggled = browser(w.manager(w.north, toggles=("billing_reports",)).user)
    assert toggled.get(f"{REPORT}?month=2026-10&format=csv").status_code == 200
    assert toggled.get(LIST).status_code == 403
    assert REPORT.encode() in toggled.get("/").content


def test_foreign_missing_malformed_and_draft_are_one_answer(db: Any) -> None:
    w, rival = world("emma_hq"), world("emma_hq")
    first, _ = october(w)
    foreign, _ = october(rival)
    draft = Invoice.objects.get(account=w.account, status=Invoice.Status.DRAFT)
    for number in range(1, 12):  # so that a key of one of these is that of no invoice of ours
        note = credited(foreign, number)
    client = browser(w.owner)
    for index, url in enumerate(addresses(first.pk)):
        asks = (client.get, client.post) if "pdf" not in url else (client.get,)
        for ask in asks:
            missing = seen(ask(addresses(999999)[index]))
            assert missing[0] == 404, url
            other = note.pk if "credit" in url else draft.pk
            for key in (foreign.pk, other, *NOTHING):
                assert ask(addresses(key)[index]).status_code == 404, addresses(key)[index]
    for payer in (w.north.pk, rival.south.pk, "999999", "abc", "01"):
        assert client.get(f"/billing/statement/?payer={payer}").status_code == 404, payer
        assert client.get(f"/billing/statement/pdf/?payer={payer}").status_code == 404, payer
    for query in ("month=2026-13", "month=", "format=csv", "month=2026-10&format=exe"):
        assert client.get(f"{REPORT}?{query}").status_code == 404, query


def credited(invoice: Invoice, number: int = 1) -> CreditNote:
    """Store a credit note about ``invoice``."""
    note: CreditNote = CreditNote.objects.create(
        account=invoice.account, invoice=invoice, number=number, label=f"X-C{number:05d}",
        reason="Wrong month", subtotal=1, tax=0, total=1, issued_on=invoice.issued_on,
    )  # fmt: skip
    return note


def test_the_owner_sees_the_list_the_page_and_the_files(db: Any) -> None:
    w = world("emma_hq")
    first, second = october(w)
    note = credited(first)
    client = browser(w.owner)
    found = client.get(LIST).content.decode()
    assert (first.label in found, second.label in found, "€130.08" in found) == (True,) * 3
    only = client.get(f"{LIST}?payer={w.south.pk}").content.decode()
    assert (first.label in only, second.label in only) == (False, True)
    assert first.label in client.get(f"{LIST}?q={first.label}&year=2026&state=overdue").text
    assert first.label not in client.get(f"{LIST}?state=paid").text
    assert first.label not in client.get(f"{LIST}?state=nonsense").text
    page = client.get(f"{LIST}{first.pk}/change/").content.decode()
    for text in ("Plan Secret base", "North", "€2.51", "VAT 21", note.label, "How to pay"):
        assert text in page, text
    assert "Plan Secret" not in client.get(f"{LIST}{second.pk}/change/").text.replace(
        "Plan Secret contacts", ""
    )
    for url, name in (
        (f"/billing/invoices/{first.pk}/pdf/", first.label),
        (f"/billing/credit-notes/{note.pk}/pdf/", note.label),
        ("/billing/statement/pdf/", f"statement-{w.account.slug}"),
        (f"/billing/statement/pdf/?payer={w.south.pk}", f"statement-{w.account.slug}-south"),
    ):
        answer = client.get(url)
        assert answer.content.startswith(b"%PDF-"), url
        assert answer["Content-Disposition"] == f'attachment; filename="{name}.pdf"'
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert {"no-store", "private"} <= set(answer["Cache-Control"].split(", "))
        assert client.head(url).status_code == 200
        assert client.post(url).status_code == 405
    assert "€130.08" in client.get("/billing/statement/").text


def test_a_month_is_handed_out_as_a_workbook_and_csv(db: Any) -> None:
    w = world("emma_hq")
    october(w)
    client = browser(w.owner)
    assert "October 2026" in client.get(REPORT).text
    for kind in ("xlsx", "csv"):
        url = f"{REPORT}?month=2026-10&format={kind}"
        answer = client.get(url)
        name = f"{w.account.slug}-2026-10.{kind}"
        assert answer["Content-Disposition"] == f'attachment; filename="{name}"'
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert {"no-store", "private"} <= set(answer["Cache-Control"].split(", "))
        content = b"".join(answer.streaming_content)
        if kind == "xlsx":
            names = openpyxl.load_workbook(io.BytesIO(content)).sheetnames
            assert names == ["Summary", "Account", "North", "South"]
        else:
            assert content.count(b"\r\n") == 1 + 5 + 1  # headings, lines, one tax
        head = client.head(url)
        assert (head.status_code, b"".join(head.streaming_content)) == (200, b"")


def test_paying_says_where_to_and_needs_its_own_right(db: Any, settings: Any) -> None:
    settings.STRIPE_SECRET_KEY, settings.STRIPE_WEBHOOK_SECRET = "sk_test_x", "whsec_x"
    w = world("constant_contact")
    invoice = InvoiceFactory(account=w.account, month=OCTOBER)
    pending = PaymentFactory(invoice=invoice, gateway="stripe", redirect_url="https://pay.example/")
    client = browser(w.owner)
    page = client.get(f"{LIST}{invoice.pk}/change/").text
    assert 'href="https://pay.example/"' in page
    pay = f"{LIST}{invoice.pk}/act/pay/"
    assert invoice.label in client.get(pay).text
    said = client.post(pay, {"gateway": "bank"}, follow=True).text
    assert "Nothing was paid yet." in said
    assert Payment.objects.get() == pending
    foreign = PaymentFactory(invoice=InvoiceFactory())
    cancel = f"{LIST}{invoice.pk}/act/cancel_payment/"
    assert client.get(f"{cancel}{foreign.pk}/").status_code == 404
    assert client.get(f"{cancel}{pending.pk}/").status_code == 200
    settled = InvoiceFactory(account=w.account, status=Invoice.Status.PAID, paid=121)
    answer = client.get(f"{LIST}{settled.pk}/act/pay/")
    assert (answer.status_code, b"Nothing is owed" in answer.content) == (403, True)


def test_with_a_bank_alone_the_invoice_says_how_and_nothing_is_begun(db: Any) -> None:
    w = world("constant_contact")
    invoice = InvoiceFactory(account=w.account, month=OCTOBER)
    client = browser(w.owner)
    page = client.get(f"{LIST}{invoice.pk}/change/").text
    assert ("How to pay" in page, "act/pay/" in page) == (True, False)
    answer = client.get(f"{LIST}{invoice.pk}/act/pay/")
    assert (answer.status_code, "at your own bank" in answer.text) == (403, True)


def test_who_may_look_but_not_pay_is_not_asked_to(db: Any, settings: Any) -> None:
    settings.STRIPE_SECRET_KEY, settings.STRIPE_WEBHOOK_SECRET = "sk_test_x", "whsec_x"
    w = world("constant_contact", single_bill=True)
    invoice = InvoiceFactory(account=w.account, month=OCTOBER)
    PaymentFactory(invoice=invoice, gateway="stripe", redirect_url="https://pay.example/")
    client = browser(w.manager(w.home, role="account_manager").user)
    page = client.get(f"{LIST}{invoice.pk}/change/")
    assert page.status_code == 200
    assert "pay.example" not in page.text
    assert "act/pay" not in page.text
    assert "How to pay" not in page.text
    for ask in (client.get, client.post):
        answer = ask(f"{LIST}{invoice.pk}/act/pay/")
        assert (answer.status_code, "Pay invoices" in answer.text) == (403, True)


def test_the_queries_of_the_list_do_not_grow(db: Any) -> None:
    w = world("emma_hq")
    october(w)
    client = browser(w.owner)

    def cost(url: str) -> int:
        client.get(url)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(url).status_code == 200
        return len(queries)

    urls = (LIST, f"{LIST}?payer={w.south.pk}&state=open", "/billing/statement/", REPORT)
    before = [cost(url) for url in urls]
    for number in range(3, 8):
        InvoiceFactory(account=w.account, month=OCTOBER.replace(month=number), number=number)
    assert [cost(url) for url in urls] == before
    assert before[0] == 7, before  # five, and one for each filter that offers what there is
