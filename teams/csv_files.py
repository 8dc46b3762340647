"""CSV as it comes from strangers and as it goes to spreadsheets.

Reading never holds more than one record, whatever is offered: a workbook, an archive, binary data,
a line without end and a file of a gigabyte are refused by their first bytes, by a limit or by
their size. Writing follows RFC 4180 and keeps spreadsheets from running a cell as a formula (ASVS
1.2.10); reading takes that guard off again, so that what was written comes back as it was.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from permissions.errors import Invalid

MEGABYTE = 1024 * 1024
BYTES_LIMIT = 64 * MEGABYTE
ROWS_LIMIT = 250_000
#: a row may span several lines; all are read, so all are counted
LINES_LIMIT = 2 * ROWS_LIMIT
#: lines without a cell that holds something, one after the other
GAP_LIMIT = 10_000
COLUMNS_LIMIT = 100
#: characters of one record, which may span lines inside quotation marks
RECORD_LIMIT = 64 * 1024
HEADING_LIMIT = 80

#: what the person may say the file is written in, when it is not UTF-8
WESTERN = "cp1252"
ENCODINGS = ("", WESTERN)

_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_FOREIGN = {
    b"PK\x03\x04": "a workbook or an archive",
    b"PK\x05\x06": "a workbook or an archive",
    b"\xd0\xcf\x11\xe0": "a workbook",
    b"\x1f\x8b": "an archive",
    b"BZh": "an archive",
    b"7z\xbc\xaf\x27\x1c": "an archive",
    b"\xfd7zXZ": "an archive",
    b"\x28\xb5\x2f\xfd": "an archive",
    b"Rar!": "an archive",
    b"%PDF": "a document",
    b"{\\rtf": "a document",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
}
_SEPARATORS = ",;\t|"
_NOT_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Record(NamedTuple):
    """One row of the file: the number of the line on which it begins, and its cells."""

    line: int
    cells: list[str]


class Sheet(NamedTuple):
    """An open file: the headings, and the rows below them as they are read."""

    headings: list[str]
    rows: Iterator[Record]


# reading


@contextmanager
def opened(raw: Any, encoding: str = "") -> Iterator[Sheet]:
    """Yield the CSV file in ``raw``, a binary file that can seek, from its beginning.

    ``encoding`` is one of ``ENCODINGS``; a byte order mark counts more. Raises Invalid, also while
    the rows are read: NOT_CSV, TOO_LARGE, TOO_LONG, TOO_MANY, ENCODING, EMPTY, COLUMNS.
    """
    if encoding not in ENCODINGS:
        raise Invalid("There is no such encoding. Choose one that is offered.", code="ENCODING")
    text = io.TextIOWrapper(raw, encoding=_encoding(raw, encoding), newline="")
    try:
        feed = _Feed(text)
        reader = csv.reader(feed, delimiter=_separator(feed.peek()), strict=True)
        yield Sheet(_headings(feed, reader), _rows(feed, reader))
    finally:
        text.detach()


def _encoding(raw: Any, said: str) -> str:
    raw.seek(0, io.SEEK_END)
    if raw.tell() > BYTES_LIMIT:
        raise Invalid(
            f"The file has more than {BYTES_LIMIT // MEGABYTE} MB. Split it into smaller ones.",
            code="TOO_LARGE",
        )
    raw.seek(0)
    head = raw.read(8)
    raw.seek(0)
    for mark, kind in _FOREIGN.items():
        if head.startswith(mark):
            raise Invalid(
                f"The file is {kind}, not CSV. Save it as CSV (UTF-8) and choose that file.",
                code="NOT_CSV",
            )
    if head.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")):
        raise Invalid("The file is UTF-32. Save it as CSV (UTF-8).", code="ENCODING")
    marked = next((name for mark, name in _MARKS.items() if head.startswith(mark)), "")
    return marked or said or "utf-8"


class _Feed:
    """The lines of a file, with an eye on how much one record takes."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self.text = text
        self.line = 0
        self.taken = 0
        self.waiting: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self.waiting.pop() if self.waiting else self._read()
        if not line:
            raise StopIteration
        self.line += 1
        if self.line > LINES_LIMIT:
            raise Invalid(
                f"The file has more than {LINES_LIMIT:,} lines. Split it into smaller ones.",
                code="TOO_MANY",
            )
        return line

    def peek(self) -> str:
        """Return the first line, which is then read again."""
        line = self._read()
        if not line:
            raise Invalid("The file is empty. Choose one with a heading line.", code="EMPTY")
        self.waiting.append(line)
        return line

    def begin(self) -> int:
        """Begin a record; return the number of its line."""
        self.taken = 0
        return self.line + 1

    def _read(self) -> str:
        here = self.line + 1
        try:
            line = self.text.readline(RECORD_LIMIT + 1)
        except UnicodeError:
            name = "UTF-8" if self.text.encoding.startswith("utf-8") else "what it says it is"
            raise Invalid(
                f"After line {self.line}, the file is not {name}. Save it as CSV (UTF-8); if it "
                "comes from an older spreadsheet, choose Western European.",
                code="ENCODING",
            ) from None
        self.taken += len(line)
        if self.taken > RECORD_LIMIT:
            raise Invalid(
                f"Line {here} has more than {RECORD_LIMIT:,} characters, or a quotation mark "
                "before it is never closed. Check that the file is CSV.",
                code="TOO_LONG",
            )
        if _NOT_TEXT.search(line):
            raise Invalid(
                f"Line {here} holds characters that are not text. Save the file as CSV (UTF-8).",
                code="NOT_CSV",
            )
        return line


def _separator(line: str) -> str:
    """Return what separates the cells of the heading line: what is in it most often."""
    bare = re.sub(r'"[^"]*"?', "", line)
    return max(_SEPARATORS, key=bare.count)


def _records(feed: _Feed, reader: Any) -> Iterator[Record]:
    full = feed.line
    while True:
        line = feed.begin()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise Invalid(
                f"Line {line} cannot be read ({error}). Check its quotation marks.", code="NOT_CSV"
            ) from None
        if any(cell.strip() for cell in cells):
            full = feed.line
            yield Record(line, cells)
        elif feed.line - full > GAP_LIMIT:
            raise Invalid(
                f"After line {full:,} there are more than {GAP_LIMIT:,} empty lines. Remove them.",
                code="TOO_MANY",
            )


def _headings(feed: _Feed, reader: Any) -> list[str]:
    first = next(_records(feed, reader), None)
    if first is None:
        raise Invalid("The file is empty. Choose one with a heading line.", code="EMPTY")
    if len(first.cells) > COLUMNS_LIMIT:
        raise Invalid(
            f"The file has {len(first.cells):,} columns; at most {COLUMNS_LIMIT} are allowed.",
            code="COLUMNS",
        )
    found = [_heading(cell) or f"Column {at}" for at, cell in enumerate(first.cells, start=1)]
    twice = next((one for one in found if found.count(one) > 1), None)
    if twice is not None:
        raise Invalid(f"Two columns have the heading “{twice}”. Give each its own.", code="COLUMNS")
    return found


def _heading(cell: str) -> str:
    text = "".join(char if char.isprintable() else " " for char in unguarded(cell))
    return " ".join(text.split())[:HEADING_LIMIT].strip()


def _rows(feed: _Feed, reader: Any) -> Iterator[Record]:
    for count, record in enumerate(_records(feed, reader), start=1):
        if count > ROWS_LIMIT:
            raise Invalid(
                f"The file has more than {ROWS_LIMIT:,} rows. Split it into smaller ones.",
                code="TOO_MANY",
            )
        yield record


# writing


def written(cells: Iterable[object]) -> str:
    """Return one line of CSV: every cell in quotation marks, and none that could be a formula."""
    line = io.StringIO()
    writer = csv.writer(line, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow([guarded(str(cell)) for cell in cells])
    return line.getvalue()


_FORMULA = "=+-@\u2212"
_QUOTATION = "\"'`´‘’‚“”„«»"


def guarded(text: str) -> str:
    """Return ``text`` with a single quote before it if a spreadsheet might take it for a formula.

    ASVS 1.2.10: if it begins with ``= + - @``, a tab or NUL; we count a line break, the wide forms
    of these signs, and all of them behind spaces, quotation marks and invisible characters too.
    """
    return f"'{text}" if _is_formula(text) else text


def unguarded(text: str) -> str:
    """Return ``text`` without the single quote that ``guarded`` put there, and no other."""
    return text[1:] if text.startswith("'") and _is_formula(text[1:]) else text


def _is_formula(text: str) -> bool:
    if text.startswith(("\t", "\r", "\n", "\0")):
        return True
    for char in text:
        if char.isspace() or char in _QUOTATION or unicodedata.category(char) in ("Cf", "Cc"):
            continue
        return unicodedata.normalize("NFKC", char)[:1] in _FORMULA
    return False
