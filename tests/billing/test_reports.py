"""The month's report: what its lines come to, what each reader is told, and how it is read."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import openpyxl
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from billing.factories import InvoiceFactory, UsageDayFactory
from billing.models import Invoice, InvoiceLine, Meter, MeteredDay
from billing.money import rounded
from billing.report_text import csv_of, json_of
from billing.reports import Report, month_of, report_of
from billing.spreadsheet import write_xlsx
from permissions.errors import Invalid, NotFound, OutOfScope
from teams.factories import SubaccountFactory, UserFactory
from tests.services.world import World, world

pytestmark = [pytest.mark.django_db, pytest.mark.once]

OCTOBER = date(2026, 10, 1)


def invoiced(
    w: World, payer: Any, number: int, lines: list[Any], *, rate: int = 0, code: str = "EUR"
) -> Invoice:
    """Store an issued invoice for October with ``lines`` (subaccount, meter, amount)."""
    subtotal = sum((amount for _place, _meter, amount in lines), Decimal(0))
    tax = rounded(subtotal * rate / 100, code)
    draft: Invoice = InvoiceFactory(
        account=w.account, subaccount=payer, month=OCTOBER, status=Invoice.Status.DRAFT,
        number=None, label="", issued_on=None, due_on=None, currency=code, subtotal=subtotal,
        tax_rate=rate, tax=tax, total=subtotal + tax,
    )  # fmt: skip
    draft.lines.all().delete()
    InvoiceLine.objects.bulk_create(
        InvoiceLine(
            account=w.account, invoice=draft, position=at, subaccount=place,
            place=place.name if place else "", meter=meter, description=f"Plan Secret {meter}",
            quantity=Decimal(at), amount=amount, starts_on=OCTOBER,
            ends_on=OCTOBER + timedelta(days=31),
        )
        for at, (place, meter, amount) in enumerate(lines, start=1)
    )  # fmt: skip
    draft.status, draft.number = Invoice.Status.OPEN, number
    draft.label = f"{w.account.slug.upper()}-{number:05d}"
    draft.issued_on, draft.due_on = date(2026, 11, 2), date(2026, 11, 16)
    draft.save()
    return draft


def october(w: World) -> tuple[Invoice, Invoice]:
    """Store a month: the account pays for itself and North, South pays for itself."""
    for place, contacts in ((w.north, 1200), (w.south, 30)):
        for day in range(3):
            UsageDayFactory(
                subaccount=place, day=OCTOBER + timedelta(days=day), contacts=contacts + day,
                sends=10 * day,
            )  # fmt: skip
    for day in range(3):
        MeteredDay.objects.create(
            account=w.account, day=OCTOBER + timedelta(days=day), seats=4 + day
        )
    own = [(None, Meter.BASE, Decimal("99.99")), (None, Meter.SEATS, Decimal(5))]
    north = [(w.north, Meter.CONTACTS, Decimal("2.01")), (w.north, Meter.SENDS, Decimal("0.5"))]
    first = invoiced(w, None, 1, [*own, *north], rate=21)
    second = invoiced(w, w.south, 2, [(w.south, Meter.CONTACTS, Decimal("10.10"))])
    InvoiceFactory(  # a draft is nobody's yet, and September is another month
        account=w.account, subaccount=w.north, month=OCTOBER, status=Invoice.Status.DRAFT,
        number=None, label="", issued_on=None, due_on=None,
    )  # fmt: skip
    InvoiceFactory(account=w.account, month=date(2026, 9, 1), number=9)
    return first, second


def workbook(report: Report) -> Any:
    """Return the report's workbook as openpyxl reads it: formulas, and what stands beside them."""
    file = io.BytesIO()
    write_xlsx(report, file)
    file.seek(0)
    formulas = openpyxl.load_workbook(file)
    file.seek(0)
    return formulas, openpyxl.load_workbook(file, data_only=True)


def evaluated(sheet: Any, cell: Any) -> Decimal:
    """Return what a cell comes to; a formula by adding up the cells that it names."""
    if cell.data_type != "f":
        return Decimal(str(cell.value or 0))
    name, span = re.fullmatch(r"=(SUM|MAX)\(([A-Z]+\d+:[A-Z]+\d+)\)", cell.value).groups()  # type: ignore[union-attr]
    found = [evaluated(sheet, one) for row in sheet[span] for one in row]
    return max(found) if name == "MAX" else sum(found, Decimal(0))


def formulas_of(report: Report) -> Iterator[tuple[Any, Decimal, Decimal]]:
    """Yield (cell, what it comes to, what is written beside it) of every formula."""
    formulas, values = workbook(report)
    for sheet in formulas:
        for row in sheet.iter_rows():
            for cell in row:
                if cell.data_type == "f":
                    beside = values[sheet.title][cell.coordinate].value
                    yield cell, evaluated(sheet, cell), Decimal(str(beside))


def total_below(report: Report, sheet: str, heading: str) -> Decimal:
    """Return what the last cell of the column with that heading comes to."""
    formulas, _values = workbook(report)
    found = formulas[sheet]
    start = next(c for row in found.iter_rows() for c in row if c.value == heading)
    column = [row[0] for row in found.iter_rows(
        min_col=start.column, max_col=start.column, min_row=start.row + 1
    )]  # fmt: skip
    end = next((at for at, cell in enumerate(column) if cell.value is None), len(column))
    return evaluated(found, column[end - 1])


def rows_of(report: Report) -> list[dict[str, str]]:
    """Return what the CSV holds."""
    return list(csv.DictReader(io.StringIO("".join(csv_of(report)))))


#: to look for a smaller example takes minutes, and these are small
PHASES = (Phase.explicit, Phase.generate)
AMOUNTS = st.integers(0, 10**9)
METERS = st.sampled_from(list(Meter))


@settings(
    max_examples=8, phases=PHASES, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    code=st.sampled_from(["EUR", "JPY", "KWD"]),
    rate=st.integers(0, 30),
    drawn=st.lists(st.tuples(st.integers(0, 3), METERS, AMOUNTS, st.booleans()), max_size=8),
    used=st.lists(
        st.tuples(st.integers(1, 3), st.integers(0, 10**9), st.integers(0, 10**6)), max_size=4
    ),
)
def test_lines_invoices_and_spreadsheet_have_the_same_total(
    db: Any, code: str, rate: int, drawn: Any, used: Any
) -> None:
    w = world("emma_hq")
    scale = {"EUR": -2, "JPY": 0, "KWD": -3}[code]
    places = [None, w.north, w.south, w.west]
    for at, (place, contacts, sends) in enumerate(used):
        UsageDayFactory(
            subaccount=places[place], day=OCTOBER + timedelta(days=at), contacts=contacts,
            sends=sends,
        )  # fmt: skip
    invoices: dict[Any, list[Any]] = {}
    for place, meter, units, direct in drawn:
        line = (places[place], meter, Decimal(units).scaleb(scale))
        invoices.setdefault(places[place] if direct else None, []).append(line)
    stored = [
        invoiced(w, payer, number, lines, rate=rate, code=code)
        for number, (payer, lines) in enumerate(invoices.items(), start=1)
    ]
    report = report_of(w.owner, w.account, OCTOBER)
    subtotal = sum((i.subtotal for i in stored), Decimal(0))
    total = sum((i.total for i in stored), Decimal(0))
    assert sum((s.amount for s in report.sections()), Decimal(0)) == subtotal
    assert sum((bill.total for bill in report.bills), Decimal(0)) == total
    for cell, comes_to, beside in formulas_of(report):
        assert comes_to == beside, (cell.parent.title, cell.coordinate)
    if stored:
        assert total_below(report, "Summary", "Amount") == subtotal
        assert total_below(report, "Summary", "Total with tax") == total
        assert sum((Decimal(row["Amount"]) for row in rows_of(report)), Decimal(0)) == total
    in_json = json_of(report)["sections"]
    assert (
        sum((Decimal(line["amount"]) for s in in_json for line in s["lines"]), Decimal(0))
        == subtotal
    )


def test_the_owner_is_told_everything(db: Any) -> None:
    w = world("emma_hq")
    first, second = october(w)
    report = report_of(w.owner, w.account, OCTOBER)
    own, north, south = report.sections()
    assert [own.place, north.place, south.place] == [None, w.north.pk, w.south.pk]
    assert (own.seats, own.amount) == (6, Decimal("104.99"))
    assert (north.contacts, north.sends, north.active_days) == (1202, 30, 3)
    assert north.by_meter == {"Contacts": Decimal("2.01"), "Messages sent": Decimal("0.5")}
    assert (north.lines[0].invoice, north.lines[0].payer) == (first.label, w.account.name)
    assert north.lines[0].last_day == date(2026, 10, 31)
    assert "Plan Secret" in north.lines[0].description
    assert (south.lines[0].invoice, south.lines[0].payer) == (second.label, "South")
    assert [bill.total for bill in report.bills] == [first.total, second.total]


def test_who_reaches_some_subaccounts_reads_of_those_alone(db: Any) -> None:
    w = world("emma_hq")
    october(w)
    reader = w.manager(w.north, toggles=("billing_reports",)).user
    report = report_of(reader, w.account, OCTOBER)
    (north,) = report.sections()
    assert (north.place, north.amount) == (w.north.pk, Decimal("2.51"))
    assert report.bills == ()
    told = [str(cell.value) for sheet in workbook(report)[1] for row in sheet for cell in row]
    told += ["".join(csv_of(report)), str(json_of(report))]
    for secret in ("South", "99.99", "104.99", "10.1", "Plan Secret", "HARBOR", "Seats", "21"):
        assert [text for text in told if secret in text] == [], secret
    everything = w.manager(toggles=("billing_reports",)).user
    report = report_of(everything, w.account, OCTOBER)
    told = [str(cell.value) for sheet in workbook(report)[1] for row in sheet for cell in row]
    told += ["".join(csv_of(report)), str(json_of(report))]
    assert any("99.99" in text for text in told)
    for secret in ("Plan Secret", *Invoice.objects.exclude(label="").values_list("label")):
        assert [text for text in told if str(secret) in text] == [], secret


def test_without_the_right_there_is_no_report(db: Any) -> None:
    w = world("emma_hq")
    october(w)
    for reader in (w.manager().user, w.member("administrator").user):
        with pytest.raises(OutOfScope) as caught:
            report_of(reader, w.account, OCTOBER)
        assert [m.permission for m in caught.value.missing] == ["view_billing_reports"]
        assert w.account.name in caught.value.message
    with pytest.raises(NotFound):
        report_of(world("emma_hq").owner, w.account, OCTOBER)
    with pytest.raises(NotFound):
        report_of(UserFactory(), w.account, OCTOBER)


def test_invoices_in_several_currencies_have_no_report(db: Any) -> None:
    w = world("emma_hq")
    invoiced(w, None, 1, [(None, Meter.BASE, Decimal(1))])
    invoiced(w, w.north, 2, [(w.north, Meter.CONTACTS, Decimal(1))], code="USD")
    with pytest.raises(Invalid) as caught:
        report_of(w.owner, w.account, OCTOBER)
    assert caught.value.code == "SEVERAL_CURRENCIES"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026",
        "2026-13",
        "2026-1",
        "0000-01",
        "9999-12",
        "2026-10-01",
        " 2026-10",
        "٢٠٢٦-10",
        None,
    ],
)
def test_what_is_no_month_is_refused(text: Any) -> None:
    with pytest.raises(Invalid) as caught:
        month_of(text)
    assert caught.value.code == "UNKNOWN_MONTH"


def test_the_queries_of_a_report_do_not_grow(db: Any) -> None:
    w = world("emma_hq")
    october(w)

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            list(report_of(w.owner, w.account, OCTOBER).sections())
        return len(queries)

    before = cost()
    for number in range(3, 8):
        place = SubaccountFactory(account=w.account)
        UsageDayFactory(subaccount=place, day=OCTOBER)
        invoiced(w, place, number, [(place, Meter.SENDS, Decimal(1))])
    assert cost() == before
