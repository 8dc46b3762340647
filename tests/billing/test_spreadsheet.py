"""What customers call things stays text in a workbook and in CSV, and names its own sheet."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from billing.models import Meter
from billing.report_text import csv_of
from billing.reports import report_of
from billing.sheets import LONGEST_NAME, SheetNames, text_of
from billing.spreadsheet import SUMMARY, write_xlsx
from teams.factories import SubaccountFactory
from tests.billing.test_reports import OCTOBER, invoiced, workbook
from tests.services.world import world

pytestmark = pytest.mark.once

HOSTILE = (
    "=1+1",
    '=HYPERLINK("https://evil.example","x")',
    "+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "=cmd|' /C calc'!A0",
    "https://evil.example/",
    "internal:'North'!A1",
    "mailto:a@b.example",
    "12345",
    "{=1}",
    "_x000D_",
    "A\x07B\x1bC",
    "'quoted'",
)


def _bare(text: str) -> str:
    """Return ``text`` without carriage returns, for which workbooks have a way of writing."""
    return re.sub(r"_x000D_|\r|\n", "", text)


def test_names_stay_text(db: Any) -> None:
    w = world("emma_hq")
    places = [
        SubaccountFactory(account=w.account, slug=f"h{n}", name=name)
        for n, name in enumerate(HOSTILE)
    ]
    invoiced(w, None, 1, [(place, Meter.CONTACTS, Decimal(1)) for place in places])
    report = report_of(w.owner, w.account, OCTOBER)
    formulas, _values = workbook(report)
    cells = [c for sheet in formulas for row in sheet for c in row]
    written = {c.value for c in formulas[SUMMARY]["A"] if c.data_type == "s"}
    assert {_bare(text_of(name)) for name in HOSTILE} <= {_bare(text) for text in written}
    assert all(c.value.startswith(("=SUM(", "=MAX(")) for c in cells if c.data_type == "f")
    links = [c.hyperlink for c in cells if c.hyperlink is not None]
    assert len(links) == len(HOSTILE)
    assert not any(link.target for link in links)
    assert {link.location.rsplit("!", 1)[0].strip("'").replace("''", "'") for link in links} == set(
        formulas.sheetnames[1:]
    )
    rows = list(csv.reader(io.StringIO("".join(csv_of(report)), newline="")))[1:]
    for name in (row[0] for row in rows if row[0]):
        assert not name.startswith(("=", "+", "-", "@", "\t", "\r")), name
    assert "\x07" not in "".join(csv_of(report))
    file = io.BytesIO()
    write_xlsx(report, file)
    parts = zipfile.ZipFile(file)
    assert not any(b"evil.example" in parts.read(n) for n in parts.namelist() if "rels" in n)


def test_dates_and_numbers_are_real_and_headings_stay(db: Any) -> None:
    w = world("emma_hq")
    invoiced(w, None, 1, [(w.north, Meter.CONTACTS, Decimal("1234.5"))])
    _formulas, values = workbook(report_of(w.owner, w.account, OCTOBER))
    sheet = values["North"]
    assert sheet.freeze_panes == "A4"
    assert sheet.print_title_rows == "$1:$3"
    assert sheet["F4"].value.date() == date(2026, 10, 1)
    assert sheet["K4"].value == 1234.5
    assert '"EUR"' in sheet["K4"].number_format
    assert values.properties.title.startswith(w.account.name)


def test_the_format_of_money_has_the_decimals_of_its_currency(db: Any) -> None:
    for code, form in (("JPY", '#,##0 "JPY"'), ("KWD", '#,##0.000 "KWD"')):
        w = world("emma_hq")
        invoiced(w, None, 1, [(w.north, Meter.SENDS, Decimal(7))], code=code)
        formulas, _values = workbook(report_of(w.owner, w.account, OCTOBER))
        assert formulas["North"]["K4"].number_format == form


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("North", "North"),
        ("A/B\\C:D*E?F[G]", "A B C D E F G"),
        ("'quoted'", "quoted"),
        ("History", "History (2)"),
        ("summary", "summary (2)"),
        ("", "Subaccount"),
        ("''", "Subaccount"),
        ("\x00\x07", "Subaccount"),
        ("x" * 40, "x" * 31),
        ("😀" * 20, "😀" * 15),
        ("a" * 30 + "'b", "a" * 30),
    ],
)
def test_a_sheet_has_a_name_that_programs_take(text: str, name: str) -> None:
    assert SheetNames(SUMMARY).name(text) == name


def test_no_two_sheets_have_the_same_name() -> None:
    names = SheetNames(SUMMARY)
    given = [names.name(text) for text in ["North", "NORTH", "north", *["y" * 50] * 12, "ß", "SS"]]
    assert len({name.casefold() for name in given}) == len(given)
    assert max(map(len, given)) <= LONGEST_NAME
