"""A month's report as a workbook: a summary, and a sheet a subaccount.

Written by XlsxWriter and not by openpyxl: it writes a formula together with its value, so that a
preview or a program that does not calculate shows the totals too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, BinaryIO

from django.utils import timezone
from xlsxwriter.utility import xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from billing.models import Meter
from billing.money import rounded
from billing.reports import Bill, Line, Report, Section
from billing.sheets import FIRST, TITLE, Column, Row, SheetNames, Sum, Tables, text_of

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SUMMARY = "Summary"
#: where the lines of a subaccount begin, beside its days
BESIDE = 5


class _Book(Tables):
    """A workbook about one report."""

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
                    Sum(self.money(use.amount), f"=SUM({span})"),
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
                    Sum(self.money(bill.total), f"=SUM({span})"),
                ]

        self.rows(sheet, columns, cells(), row=row + 1)


def write_xlsx(report: Report, file: BinaryIO) -> None:
    """Write the workbook of ``report`` into ``file``: a summary, and a sheet a subaccount."""
    _Book(report, file).write()


def file_name(report: Report, ending: str) -> str:
    """Return what the file is called: "emma-hq-2026-10.xlsx"."""
    return f"{report.account.slug}-{report.month:%Y-%m}.{ending}"
