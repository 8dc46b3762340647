"""Tables in a workbook: what a sheet is called, and its title, headings, cells and totals.

Text stays text: nothing that a customer calls something becomes a formula, a link or a number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, BinaryIO, NamedTuple

from xlsxwriter import Workbook
from xlsxwriter.utility import quote_sheetname, xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from billing.reports import Report, Section

#: the parts of a workbook are XML, which has no such characters
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_NOT_IN_NAMES = re.compile(r"[\[\]:*?/\\\t\r\n]")
#: UTF-16 code units, as Excel counts
LONGEST_NAME = 31
#: the rows of a sheet: its title, an empty one, the headings, and what follows
TITLE, HEADINGS, FIRST = 0, 2, 3

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


class Sum(Decimal):
    """A number that a formula works out."""

    formula: str

    def __new__(cls, value: Decimal, formula: str) -> Sum:
        """Return ``value`` with the formula that gives it."""
        found = super().__new__(cls, value)
        found.formula = formula
        return found


def number_of(value: int | Decimal) -> float | int:
    """Return what a cell holds: it knows floats only, and keeps fifteen digits of them."""
    return float(value) if value != int(value) else int(value)


class Tables:
    """A workbook about one report, as far as any of its tables is concerned."""

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
                sheet.write_formula(row, first + at, formula, style, number_of(sums[at]))
            else:
                sheet.write_blank(row, first + at, None, style)
        return row + 1

    def cell(self, sheet: Worksheet, row: int, at: int, value: Any, style: str) -> None:
        """Write one value as what it is."""
        if isinstance(value, Sum):
            sheet.write_formula(row, at, value.formula, self.styles[style], number_of(value))
        elif isinstance(value, Row):
            link = f"internal:{quote_sheetname(value.sheet)}!A1"
            name = "The account" if value.section.place is None else value.section.name
            sheet.write_url(row, at, link, self.styles["link"], text_of(name))
        elif isinstance(value, date):
            sheet.write_datetime(row, at, value, self.styles[style])
        elif isinstance(value, int | Decimal):
            sheet.write_number(row, at, number_of(value), self.styles[style])
        else:
            sheet.write_string(row, at, text_of(value), self.styles[style])
