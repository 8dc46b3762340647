"""What is printed: complete, the same every time, and nothing in a name is obeyed."""

from __future__ import annotations

import io
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from pypdf import PdfReader

from billing import selectors
from billing.factories import InvoiceFactory, PaymentFactory
from billing.models import CreditNote, Invoice, InvoiceLine, Meter
from billing.pdf import credit_note_pdf, invoice_pdf, statement_pdf
from billing.services import credit_invoice
from billing.statement import statement_of
from teams.factories import AccountFactory, SubaccountFactory

pytestmark = [pytest.mark.django_db, pytest.mark.once]

SELLER = {
    "name": "Console Ltd",
    "address": ["1 Example Street", "28001 Madrid"],
    "tax_id": "ES B12345678",
    "note": "Registered in Madrid.",
    "bank": ["IBAN ES91 2100 0418 4502 0005 1332"],
}
#: what would be bold, a picture, a link, another font or broken markup if it were obeyed
HOSTILE = (
    "<b>&</b>",
    "<img src='http://evil.example/x.png' width='9' height='9'/>",
    '<a href="http://evil.example/">click</a>',
    "<font color=red>&lt;",
    "</para><para>",
    "Fish & Chips <3",
    "%(total)s {0}",
)


def read(content: bytes) -> PdfReader:
    """Return the document, which is one."""
    assert content.startswith(b"%PDF-")
    return PdfReader(io.BytesIO(content))


def words(content: bytes) -> str:
    """Return what stands on all pages, on one line."""
    pages = [page.extract_text() for page in read(content).pages]
    return " ".join(" ".join(pages).split())


def invoice_of(lines: list[tuple[Any, str]], **given: Any) -> Invoice:
    """Return an open invoice with a line of 10.00 for each subaccount (or None) and description."""
    names = {place.pk: place.name for place, _ in lines if place}
    account = given.pop("account", None) or next(
        (place.account for place, _ in lines if place), None
    )
    draft = InvoiceFactory(
        account=account or AccountFactory(), status=Invoice.Status.DRAFT, seller=SELLER, **given
    )
    draft.lines.all().delete()
    InvoiceLine.objects.bulk_create(
        InvoiceLine(
            account=draft.account, invoice=draft, position=n, subaccount=place,
            place=names[place.pk] if place else "", meter=Meter.CONTACTS, description=text,
            quantity=1234, amount=10, starts_on=date(2026, 1, 1), ends_on=date(2026, 2, 1),
        )
        for n, (place, text) in enumerate(lines, 1)
    )  # fmt: skip
    draft.number, draft.label, draft.status = 7, "ACME-00007", Invoice.Status.OPEN
    draft.issued_on, draft.due_on = date(2026, 2, 3), date(2026, 2, 17)
    draft.save()
    return draft


def test_an_invoice_says_all_there_is() -> None:
    north = SubaccountFactory(name="Северный Ελλάδα Łódź")
    invoice = invoice_of(
        [(None, "Rate plan Growth"), (north, "Contacts at their peak")],
        billed_to={"name": "Søren & Co", "contact": "Ines", "address": ["Gata 1"], "tax_id": "X9"},
    )

    content = invoice_pdf(invoice)

    said = words(content)
    for text in (
        "Invoice ACME-00007", "Console Ltd", "1 Example Street", "ES B12345678", "Søren & Co",
        "Ines", "Gata 1", "X9", "3 Feb 2026", "17 Feb 2026", "January 2026", "Rate plan Growth",
        "Северный Ελλάδα Łódź", "1–31 Jan 2026", "1,234", "€10.00", "Subtotal €100.00",
        "VAT 21 % €21.00", "Total €121.00", "IBAN ES91", "Registered in Madrid.", "Page 1 of 1",
        "Please pay €121.00 by 17 Feb 2026 and name ACME-00007.",
    ):  # fmt: skip
        assert text in said, text
    document = read(content)
    assert document.metadata is not None
    assert (document.metadata.title, document.metadata.author) == (
        "Invoice ACME-00007", "Console Ltd",
    )  # fmt: skip
    assert document.trailer["/Root"]["/Lang"] == "en-gb"
    width, height = document.pages[0].mediabox[2:]
    assert (round(float(width)), round(float(height))) == (595, 842)


def test_the_same_invoice_is_the_same_file_whatever_became_of_it() -> None:
    invoice = invoice_of([(None, "Rate plan")])
    before = invoice_pdf(Invoice.objects.get(pk=invoice.pk))
    PaymentFactory(invoice=invoice, status="succeeded", amount=21)
    Invoice.objects.filter(pk=invoice.pk).update(paid=21)
    credit_invoice(reason="A mistake", invoice=invoice)

    assert invoice_pdf(Invoice.objects.get(pk=invoice.pk)) == before


def test_names_are_printed_and_not_obeyed() -> None:
    account = AccountFactory()
    places = [
        SubaccountFactory(account=account, name=name, slug=f"s{n}")
        for n, name in enumerate(HOSTILE)
    ]
    invoice = invoice_of(
        [(place, place.name) for place in places],
        billed_to={"name": HOSTILE[0], "contact": HOSTILE[1], "address": [HOSTILE[2]]},
        tax_label=HOSTILE[3],
    )
    note = credit_invoice(reason=f"{HOSTILE[1]} {HOSTILE[4]}", invoice=invoice)
    statement = statement_of(account)

    content = invoice_pdf(invoice)
    said = words(content).replace(" ", "")
    for name in HOSTILE:
        assert said.count(name.replace(" ", "")) >= 2, name
    for made in (content, credit_note_pdf(note), statement_pdf(account, None, statement)):
        for page in read(made).pages:
            assert "/Annots" not in page, "a name became a link"
            assert not list(page.images), "a name became a picture"
        # (in the catalogue of names there is nothing to open, run or fetch)
        assert not {"/OpenAction", "/AA", "/AcroForm", "/Names"} & set(read(made).trailer["/Root"])
    assert HOSTILE[1].replace(" ", "") in words(credit_note_pdf(note)).replace(" ", "")


def test_long_ones_go_on_and_number_their_pages() -> None:
    account = AccountFactory()
    places = [
        SubaccountFactory(account=account, name=f"Client {n} {'x' * 100}", slug=f"s{n}")
        for n in range(20)
    ]
    kinds = ("Contacts", "Messages", "Days", "Seats", "More")
    invoice = invoice_of([(place, f"{kind} {'y' * 190}") for place in places for kind in kinds])

    document = read(invoice_pdf(invoice))

    pages = [page.extract_text() for page in document.pages]
    assert len(pages) > 4
    for number, page in enumerate(pages, 1):
        assert f"Page {number} of {len(pages)}" in page
    for page in pages[:-1]:
        assert "What for" in page
        # no page begins in the middle of a subaccount
        assert page.index("Client") < page.index("Contacts")
    said = "".join(pages)
    assert all(f"Client {n} " in said for n in range(20))
    assert said.count("€10.00") == 100
    assert "Total" in pages[-1]


def test_drafts_and_invoices_over_nothing_ask_for_no_money() -> None:
    draft = InvoiceFactory(status="draft", seller=SELLER)
    said = words(invoice_pdf(draft))
    assert "Draft of an invoice" in said
    assert "This is a draft and not to be paid." in said
    assert "Please pay" not in said
    free = InvoiceFactory(
        subtotal=Decimal(0), tax=Decimal(0), total=Decimal(0), tax_rate=Decimal(0), status="paid"
    )
    said = words(invoice_pdf(free))
    assert "There is nothing to pay." in said
    assert "VAT" not in said


def test_credit_notes_and_statements_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selectors, "today", lambda: date(2026, 3, 1))
    acme = AccountFactory(name="Acme", slug="acme")  # so short that no number of it is broken
    invoice = invoice_of([(None, "Rate plan")], account=acme)
    note = credit_invoice(reason="Counted twice", invoice=invoice, amount=Decimal("12.10"))

    said = words(credit_note_pdf(CreditNote.objects.get(pk=note.pk)))
    for text in (
        f"Credit note {note.label}", "1 Mar 2026", "ACME-00007", "Counted twice",
        "Subtotal €10.00", "VAT 21 % €2.10", "Total €12.10", invoice.account.name,
    ):  # fmt: skip
        assert text in said, text

    account = invoice.account
    content = statement_pdf(account, None, statement_of(account))
    said = words(content)
    for text in (
        "Statement of account", "As of 1 Mar 2026", "3 Feb 2026 Invoice ACME-00007 €121.00",
        f"Credit note {note.label} €12.10 €108.90", "Balance €108.90", account.name,
    ):  # fmt: skip
        assert text in said, text
    assert "Nothing has been invoiced yet." in words(statement_pdf(AccountFactory(), None, []))
    metadata = read(content).metadata
    assert metadata is not None
    assert metadata.title == f"Statement of account: {account.name}"
