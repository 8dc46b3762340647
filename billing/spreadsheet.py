"""A month's report as a workbook and as CSV.

Written by XlsxWriter and not by openpyxl: it writes a formula together with its value, so that a
preview or a program that does not calculate shows the totals too. Text stays text: nothing that a
customer calls something becomes a formula, a link or a number, in either file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, BinaryIO, NamedTuple

from django.utils import timezone
from xlsxwriter import Workbook
from xlsxwriter.utility import quote_sheetname, xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from billing.models import Meter
from billing.money import rounded
from billing.reports import Bill, Line, Report, Section
from teams import csv_files

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SUMMARY = "Summary"
#: the parts of a workbook are XML, which has no such characters
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_NOT_IN_NAMES = re.compile(r"[\[\]:*?/\\\t\r\n]")
#: UTF-16 code units, as Excel counts
LONGEST_NAME = 31
#: the rows of a sheet: its title, an empty one, the headings, and what follows
TITLE, HEADINGS, FIRST = 0, 2, 3
#: where the lines of a subaccount begin, beside its days
BESIDE = 5

DAY = "yyyy-mm-dd"
TEXT = {"align": "left", "indent": 1}
COUNT = "#,##0"


def text_of(value: object) -> str:
    """Return ``value`` as text without the characters that a workbook cannot hold."""
    return _NOT_XML.sub("", str(value))


class SheetNames:
    """Gives each sheet a name that spreadsheet programs take, and no two the same one.

    At most 31 characters, none of ``[]:*?/\\``, no apostrophe at either end, not "History", and
    different from the others in more than case.
    """

    def __init__(self, *taken: str) -> None:
        self.taken = {name.casefold() for name in ("History", *taken)}

    def name(self, text: str) -> str:
        """Return the name of the sheet about ``text``."""
        wanted = " ".join(_NOT_IN_NAMES.sub(" ", text_of(text)).split()).strip("' ")
        wanted = wanted or "Subaccount"
        found, count = _shortened(wanted), 1
        while found.casefold() in self.taken:
            count += 1
            ending = f" ({count})"
            found = _shortened(wanted, len(ending)) + ending
        self.taken.add(found.casefold())
        return found


def _shortened(text: str, less: int = 0) -> str:
    """Return as much of ``text`` as a name holds, ``less`` characters left over."""
    while len(text.encode("utf-16-le")) // 2 > LONGEST_NAME - less:
        text = text[:-1]
    return text.rstrip("' ")


class Column(NamedTuple):
    """A column of a table: its heading, width and format; ``total`` is the function below it."""

    heading: str
    width: int
    style: str = ""
    total: str = ""


class Row(NamedTuple):
    """What the summary says of one sheet."""

    sheet: str
    section: Section


class _Book:
    """A workbook about one report."""

    def __init__(self, report: Report, file: BinaryIO) -> None:
        self.report = report
        options = {
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        }
        self.book = Workbook(file, options)
        point = f".{'0' * report.places_after_point}" if report.places_after_point else ""
        money = f"#,##0{point}" + (f' "{report.currency}"' if report.currency else "")
        self.styles: dict[str, Any] = {
            "": self.book.add_format(TEXT),
            "title": self.book.add_format({"bold": True, "font_size": 14}),
            "note": self.book.add_format({"italic": True, "font_color": "#555555"}),
            "link": self.book.add_format({"font_color": "#0B57A4", "underline": 1}),
        }
        for name, number in (("day", DAY), ("count", COUNT), ("money", money), ("rate", "0.00##")):
            align = {"align": "left"} if name == "day" else {}
            self.styles[name] = self.book.add_format({"num_format": number, **align})
            total = {"num_format": number, "bold": True, "top": 1}
            self.styles[f"{name} total"] = self.book.add_format(total)
        self.styles[" total"] = self.book.add_format({"bold": True, "top": 1})
        heading = {"bold": True, "bottom": 1, "text_wrap": True, "valign": "bottom"}
        for side, more in (("left", {}), ("text", TEXT), ("right", {"align": "right"})):
            self.styles[side] = self.book.add_format({**heading, **more})

    # one table

    def sheet(self, name: str, heading: str) -> Worksheet:
        """Return a new sheet: its title, frozen headings that every printed page repeats."""
        sheet: Worksheet = self.book.add_worksheet(name)
        sheet.write_string(TITLE, 0, text_of(heading), self.styles["title"])
        sheet.freeze_panes(FIRST, 0)
        sheet.repeat_rows(TITLE, HEADINGS)
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        sheet.set_footer("&L&F&C&A&R&P / &N")
        return sheet

    def headings(
        self, sheet: Worksheet, columns: Sequence[Column], *, row: int = HEADINGS, first: int = 0
    ) -> None:
        """Write the headings of a table whose first column is ``first``."""
        for at, column in enumerate(columns, start=first):
            side = {"": "text", "day": "left"}.get(column.style, "right")
            sheet.write_string(row, at, column.heading, self.styles[side])
            if row == HEADINGS:
                sheet.set_column(at, at, column.width)

    def rows(
        self,
        sheet: Worksheet,
        columns: Sequence[Column],
        rows: Iterable[Sequence[Any]],
        *,
        row: int = FIRST,
        first: int = 0,
        label: str = "Total",
    ) -> int:
        """Write the rows of a table and its totals below; return the row after those."""
        begins, sums = row, [Decimal(0)] * len(columns)
        for cells in rows:
            for at, (cell, column) in enumerate(zip(cells, columns, strict=True)):
                self.cell(sheet, row, first + at, cell, column.style)
                if column.total == "SUM":
                    sums[at] += Decimal(cell)
                elif column.total:
                    sums[at] = max(sums[at], Decimal(cell))
            row += 1
        sheet.write_string(row, first, label, self.styles[" total"])
        for at, column in enumerate(columns[1:], start=1):
            style = self.styles[f"{column.style} total"]
            if column.total and row > begins:
                top = xl_rowcol_to_cell(begins, first + at)
                bottom = xl_rowcol_to_cell(row - 1, first + at)
                formula = f"={column.total}({top}:{bottom})"
                sheet.write_formula(row, first + at, formula, style, _number(sums[at]))
            else:
                sheet.write_blank(row, first + at, None, style)
        return row + 1

    def cell(self, sheet: Worksheet, row: int, at: int, value: Any, style: str) -> None:
        """Write one value as what it is."""
        if isinstance(value, _Sum):
            sheet.write_formula(row, at, value.formula, self.styles[style], _number(value))
        elif isinstance(value, Row):
            link = f"internal:{quote_sheetname(value.sheet)}!A1"
            name = "The account" if value.section.place is None else value.section.name
            sheet.write_url(row, at, link, self.styles["link"], text_of(name))
        elif isinstance(value, date):
            sheet.write_datetime(row, at, value, self.styles[style])
        elif isinstance(value, int | Decimal):
            sheet.write_number(row, at, _number(value), self.styles[style])
        else:
            sheet.write_string(row, at, text_of(value), self.styles[style])

    # the sheets

    def write(self) -> None:
        """Write all sheets and close the workbook."""
        report = self.report
        self.book.set_properties(
            {
                "title": text_of(report.title),
                "subject": f"Use and charges of {report.month_name}",
                "company": text_of(report.account.name),
                "created": timezone.now().replace(tzinfo=None),
            }
        )
        summary = self.sheet(SUMMARY, report.title)
        names = SheetNames(SUMMARY)
        self.summary(summary, [self.section(names, found) for found in report.sections()])
        summary.activate()
        self.book.close()

    def section(self, names: SheetNames, section: Section) -> Row:
        """Write the sheet of one subaccount, or of the account itself."""
        report = self.report
        is_own = section.place is None
        row = Row(names.name("Account" if is_own else section.name), section)
        sheet = self.sheet(row.sheet, f"{section.name}: {report.month_name}")
        if is_own:
            columns = [Column("Day", 12, "day"), Column("Seats taken", 12, "count", "MAX")]
            days: Iterator[Sequence[Any]] = ((day.day, day.seats) for day in section.days)
        else:
            columns = [
                Column("Day", 12, "day"),
                Column("Contacts", 12, "count", "MAX"),
                Column("Messages sent", 12, "count", "SUM"),
                Column("Active (1 = yes)", 12, "count", "SUM"),
            ]
            days = ((d.day, d.contacts, d.sends, int(d.is_active)) for d in section.days)
        self.headings(sheet, columns)
        self.rows(sheet, columns, days, label="Month")
        first = BESIDE if not is_own else 3
        sheet.set_column(first - 1, first - 1, 3)
        charged = self.line_columns()
        self.headings(sheet, charged, first=first)
        self.rows(sheet, charged, map(self.line_cells, section.lines), first=first)
        return row

    def line_columns(self) -> list[Column]:
        """Return the columns of a table of lines."""
        found = [Column("From", 12, "day"), Column("To", 12, "day"), Column("Charge", 20)]
        if self.report.tells_plan:
            found.append(Column("For", 36))
        found += [Column("Quantity", 12, "count"), Column("Amount", 16, "money", "SUM")]
        found.append(Column("Paid by", 24))
        if self.report.tells_invoices:
            found.append(Column("Invoice", 20))
        return found

    def line_cells(self, line: Line) -> list[Any]:
        """Return the cells of one line."""
        found: list[Any] = [line.starts_on, line.last_day, line.meter]
        if self.report.tells_plan:
            found.append(line.description)
        found += [line.quantity, self.money(line.amount), line.payer]
        if self.report.tells_invoices:
            found.append(line.invoice)
        return found

    def money(self, amount: Decimal) -> Decimal:
        """Return ``amount`` with as many decimals as its currency has."""
        return rounded(amount, self.report.currency) if self.report.currency else amount

    def summary(self, sheet: Worksheet, rows: Sequence[Row]) -> None:
        """Write one line for each sheet, and the invoices below for who sees all of it."""
        report = self.report
        meters = [m for m in Meter if report.is_whole or m not in (Meter.BASE, Meter.SEATS)]
        columns = [
            Column("Subaccount", 32),
            Column("Contacts at the peak", 26, "count", "SUM"),  # invoice numbers stand below
            Column("Messages sent", 12, "count", "SUM"),
            Column("Active days", 12, "count", "SUM"),
            *(Column(f"{meter.label}: amount", 19, "money", "SUM") for meter in meters),
            Column("Amount", 16, "money", "SUM"),
        ]
        if not report.currency:
            note = f"No invoice has been issued for {report.month_name} yet: there are no amounts."
            sheet.write_string(TITLE + 1, 0, note, self.styles["note"])
        self.headings(sheet, columns)
        last = len(columns) - 1

        def cells() -> Iterator[list[Any]]:
            for at, row in enumerate(rows, start=FIRST):
                use, by_meter = row.section, row.section.by_meter
                span = f"{xl_rowcol_to_cell(at, 4)}:{xl_rowcol_to_cell(at, last - 1)}"
                yield [
                    row,
                    use.contacts,
                    use.sends,
                    use.active_days,
                    *(self.money(by_meter.get(str(meter.label), Decimal(0))) for meter in meters),
                    _Sum(self.money(use.amount), f"=SUM({span})"),
                ]

        end = self.rows(sheet, columns, cells())
        if report.bills:
            self.bills(sheet, end + 2, report.bills)

    def bills(self, sheet: Worksheet, row: int, bills: Sequence[Bill]) -> None:
        """Write what each payer was asked for, tax included."""
        columns = [
            Column("Invoice for", 32),
            Column("Number", 12),
            Column("Tax", 12),
            Column("Tax rate in percent", 12, "rate"),
            Column("Subtotal", 16, "money", "SUM"),
            Column("Tax amount", 16, "money", "SUM"),
            Column("Total with tax", 16, "money", "SUM"),
        ]
        self.headings(sheet, columns, row=row)

        def cells() -> Iterator[list[Any]]:
            for at, bill in enumerate(bills, start=row + 1):
                span = f"{xl_rowcol_to_cell(at, 4)}:{xl_rowcol_to_cell(at, 5)}"
                yield [
                    bill.payer,
                    bill.invoice,
                    bill.tax_label,
                    bill.tax_rate,
                    self.money(bill.subtotal),
                    self.money(bill.tax),
                    _Sum(self.money(bill.total), f"=SUM({span})"),
                ]

        self.rows(sheet, columns, cells(), row=row + 1)


class _Sum(Decimal):
    """A number that a formula works out."""

    formula: str

    def __new__(cls, value: Decimal, formula: str) -> _Sum:
        """Return ``value`` with the formula that gives it."""
        found = super().__new__(cls, value)
        found.formula = formula
        return found


def _number(value: int | Decimal) -> float | int:
    """Return what a cell holds: it knows floats only, and keeps fifteen digits of them."""
    return float(value) if value != int(value) else int(value)


def write_xlsx(report: Report, file: BinaryIO) -> None:
    """Write the workbook of ``report`` into ``file``: a summary, and a sheet a subaccount."""
    _Book(report, file).write()


def csv_of(report: Report) -> Iterator[str]:
    """Yield the lines of ``report`` as CSV, one line of text at a time.

    Whoever sees all of the account finds the tax of each invoice below, so that the amounts add up
    to what the invoices come to.
    """
    headings = ["Subaccount", "From", "To", "Charge"]
    headings += ["For"] if report.tells_plan else []
    headings += ["Quantity", "Amount", "Currency", "Paid by"]
    headings += ["Invoice"] if report.tells_invoices else []
    yield csv_files.written(headings)
    for section in report.sections():
        name = "" if section.place is None else section.name
        for line in section.lines:
            yield _csv_line(report, name, line)
    last = report.last_day
    for bill in report.bills:
        if bill.tax:
            label = bill.tax_label or "Tax"
            row = Line(
                report.month, last, label, label, Decimal(1), bill.tax, bill.payer, bill.invoice
            )
            yield _csv_line(report, "", row)


def _csv_line(report: Report, name: str, line: Line) -> str:
    cells: list[object] = [name, line.starts_on.isoformat(), line.last_day.isoformat(), line.meter]
    cells += [line.description] if report.tells_plan else []
    amount = rounded(line.amount, report.currency)
    cells += [f"{line.quantity.normalize():f}", amount, report.currency, line.payer]
    cells += [line.invoice] if report.tells_invoices else []
    return csv_files.written(map(text_of, cells))


def json_of(report: Report) -> dict[str, Any]:
    """Return ``report`` for programs: amounts as text, so that nobody takes them for floats."""

    def line_of(line: Line) -> dict[str, Any]:
        found: dict[str, Any] = {
            "from": line.starts_on,
            "to": line.last_day,
            "charge": line.meter,
            "quantity": f"{line.quantity.normalize():f}",
            "amount": str(rounded(line.amount, report.currency)),
            "paid_by": line.payer,
        }
        found |= {"for": line.description} if report.tells_plan else {}
        return found | ({"invoice": line.invoice} if report.tells_invoices else {})

    def section_of(section: Section) -> dict[str, Any]:
        return {
            "subaccount": None if section.place is None else section.name,
            "contacts": section.contacts,
            "sends": section.sends,
            "active_days": section.active_days,
            **({"seats": section.seats} if section.place is None else {}),
            "lines": [line_of(line) for line in section.lines],
        }

    def bill_of(bill: Bill) -> dict[str, Any]:
        amounts = {"subtotal": bill.subtotal, "tax": bill.tax, "total": bill.total}
        return {
            "paid_by": bill.payer,
            **({"invoice": bill.invoice} if report.tells_invoices else {}),
            **{name: str(rounded(amount, report.currency)) for name, amount in amounts.items()},
        }

    return {
        "account": report.account.slug,
        "month": f"{report.month:%Y-%m}",
        "currency": report.currency,
        "is_whole": report.is_whole,
        "sections": [section_of(section) for section in report.sections()],
        "invoices": [bill_of(bill) for bill in report.bills],
    }


def file_name(report: Report, ending: str) -> str:
    """Return what the file is called: "emma-hq-2026-10.xlsx"."""
    return f"{report.account.slug}-{report.month:%Y-%m}.{ending}"
