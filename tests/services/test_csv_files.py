"""What strangers offer as CSV: read, or refused with a clear sentence in bounded memory."""

from __future__ import annotations

import io
import tempfile
import tracemalloc
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from permissions.errors import Invalid
from teams import csv_files
from teams.csv_files import opened
from tests.services.world import is_sentence

pytestmark = pytest.mark.once

PEAK = 16 * csv_files.MEGABYTE


def read(raw: Any, encoding: str = "") -> tuple[list[str], list[list[str]]]:
    file = io.BytesIO(raw) if isinstance(raw, bytes) else raw
    with opened(file, encoding) as sheet:
        return sheet.headings, [record.cells for record in sheet.rows]


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        ("Name,Town\nÅsa,Malmö\n".encode(), ""),
        ("Name,Town\nÅsa,Malmö\n".encode("utf-8-sig"), ""),
        ("Name,Town\nÅsa,Malmö\n".encode("utf-16"), ""),
        (b"\xfe\xff" + "Name,Town\nÅsa,Malmö\n".encode("utf-16-be"), ""),
        ("Name,Town\nÅsa,Malmö\n".encode("cp1252"), "cp1252"),
        ("Name,Town\nÅsa,Malmö\n".encode("utf-8-sig"), "cp1252"),
        ("Name;Town\r\nÅsa;Malmö\r\n".encode(), ""),
        ("Name\tTown\rÅsa\tMalmö\r".encode(), ""),
        ("Name|Town\nÅsa|Malmö".encode(), ""),
        ('"Name";"Town"\n\n"Åsa";"Malmö"\n;\n'.encode(), ""),
        ('" Name ",Town\n"Åsa","Malmö"\n'.encode(), ""),
    ],
)
def test_usual_files_are_read(raw: bytes, encoding: str) -> None:
    assert read(raw, encoding) == (["Name", "Town"], [["Åsa", "Malmö"]])


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    with opened(io.BytesIO(b'a,b\n\n"1\n2",x\n3,y\n')) as sheet:
        assert [record.line for record in sheet.rows] == [3, 5]


def test_headings_without_text_are_numbered() -> None:
    assert read(b"a,,\x20\nx,y,z\n")[0] == ["a", "Column 2", "Column 3"]


def zipped(*names: str) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as file:
        for name in names:
            file.writestr(name, b"\0" * 20_000_000)
    return raw.getvalue()


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (lambda: zipped("bomb.csv"), "NOT_CSV"),
        (lambda: zipped("[Content_Types].xml", "xl/worksheets/sheet1.xml"), "NOT_CSV"),
        (lambda: b"PK\x05\x06" + b"\0" * 18, "NOT_CSV"),
        (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 500, "NOT_CSV"),
        (lambda: b"\x1f\x8b\x08" + b"\0" * 50, "NOT_CSV"),
        (lambda: b"%PDF-1.7\n", "NOT_CSV"),
        (lambda: b"a,b\nx\0,y\n", "NOT_CSV"),
        (lambda: b"a,b\n\x01\x02\x03,y\n", "NOT_CSV"),
        (lambda: b"\x7fELF\x02\x01\x01" + b"\0" * 100, "NOT_CSV"),
        (lambda: "a,b\nå,y\n".encode("utf-16-le"), "ENCODING"),
        (lambda: "a,b\nå,y\n".encode("utf-32"), "ENCODING"),
        (lambda: "a,b\nå,y\n".encode("cp1252"), "ENCODING"),
        (lambda: "a,b\nå,y\n".encode() + "å,y\n".encode("cp1252"), "ENCODING"),
        (lambda: "a,b\nå,y\n".encode("utf-16")[:-1], "ENCODING"),
        (lambda: b"", "EMPTY"),
        (lambda: b"\n\n\n", "EMPTY"),
        (lambda: b"\xef\xbb\xbf", "EMPTY"),
        (lambda: b"a,a\n1,2\n", "COLUMNS"),
        (lambda: b",".join([b"a"] * 101), "COLUMNS"),
        (lambda: b",".join([b"a"] * 1_000_000), "TOO_LONG"),
        (lambda: b'a,b\n"never closed' + b"x\n" * 100_000, "TOO_LONG"),
        (lambda: b'a,b\n"x"y,z\n', "NOT_CSV"),
        (lambda: b"a\n" + b"1\n" * (csv_files.ROWS_LIMIT + 1), "TOO_MANY"),
    ],
)
def test_what_is_no_csv_file_is_refused(raw: Callable[[], bytes], code: str) -> None:
    with pytest.raises(Invalid) as caught:
        read(raw())
    assert caught.value.code == code
    assert is_sentence(caught.value.message)


@pytest.mark.parametrize(
    "raw",
    [
        b"\n" * 4 * csv_files.MEGABYTE,
        b"a,b\n1,2\n" + b"\n" * 4 * csv_files.MEGABYTE,
        b"a,b\n" + b",\r\n" * csv_files.MEGABYTE,
        b"a,b\n" + b'"\n\n\n",x\n' * csv_files.MEGABYTE,
        b"a,b\n" + (b'"' + b"\n" * 60_000 + b'",\n') * 20,
    ],
    ids=["first", "later", "cells", "quoted", "empty cells"],
)
def test_empty_lines_are_counted_too(raw: bytes) -> None:
    with pytest.raises(Invalid) as caught:
        read(raw)
    assert caught.value.code == "TOO_MANY"
    assert is_sentence(caught.value.message)


@pytest.mark.parametrize("raw", [b"\n" * 20_000, b"a,b\n" + b"\n" * 20_000])
def test_looking_at_the_first_rows_ends_soon(raw: bytes) -> None:
    file = io.BytesIO(raw + b"x,y\n" * 400_000)
    with pytest.raises(Invalid, match="empty lines"), opened(file) as sheet:
        next(sheet.rows)
    assert file.tell() < csv_files.MEGABYTE


def test_some_empty_lines_are_passed_over() -> None:
    raw = b"\n" * 9_000 + b"a\n" + b"\n" * 9_000 + b"1\n" + b"\n" * 9_000
    assert read(raw) == (["a"], [["1"]])


def test_unknown_encoding_is_refused() -> None:
    with pytest.raises(Invalid) as caught:
        read(b"a\n1\n", "utf-7")
    assert caught.value.code == "ENCODING"


@pytest.mark.parametrize(
    ("size", "code"), [(1 << 30, "TOO_LARGE"), (60 * csv_files.MEGABYTE, "TOO_LONG")]
)
def test_one_endless_line_takes_no_memory(size: int, code: str) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"a,b\n")
        file.truncate(size)  # sparse: nothing but NUL, and none of it on disk
        if code == "TOO_LONG":
            file.seek(4)
            for _ in range(size // csv_files.MEGABYTE - 1):
                file.write(b"x" * csv_files.MEGABYTE)
        tracemalloc.start()
        with pytest.raises(Invalid) as caught:
            read(file)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert caught.value.code == code
    assert peak < PEAK
