"""How printed documents look: an A4 page, its fonts, and the pieces they are put together from.

The same content gives the same bytes. Every text is shown as it is: nothing in a name is taken for
markup, so that nothing can be formatted, linked or loaded by it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from copy import deepcopy
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from django.utils.translation import get_language
from django.utils.translation import gettext as _
from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, KeepTogether, Paragraph, SimpleDocTemplate, Table

FONTS = Path(__file__).parent / "fonts"
#: Latin, Cyrillic and Greek; see fonts/LICENSE
REGULAR, BOLD = "DejaVuSans", "DejaVuSans-Bold"

INK, FAINT, RULE, SHADE = (HexColor(c) for c in ("#1c2430", "#5b6675", "#c9d0d9", "#f1f3f6"))
MARGIN = 20 * mm
WIDTH = A4[0] - 2 * MARGIN

TEXT = ParagraphStyle("text", fontName=REGULAR, fontSize=9, leading=12.5, textColor=INK)
STRONG = ParagraphStyle("strong", TEXT, fontName=BOLD)
SMALL = ParagraphStyle("small", TEXT, fontSize=7.5, leading=10.5, textColor=FAINT)
LABEL = ParagraphStyle("label", SMALL, leading=12.5)
TITLE = ParagraphStyle("title", STRONG, fontSize=18, leading=23)
AMOUNT = ParagraphStyle("amount", TEXT, alignment=TA_RIGHT)
STRONG_AMOUNT = ParagraphStyle("strong_amount", STRONG, alignment=TA_RIGHT)
HEAD = ParagraphStyle("head", SMALL, fontName=BOLD)
AMOUNT_HEAD = ParagraphStyle("amount_head", HEAD, alignment=TA_RIGHT)

#: so many rows of a group are not torn apart by the end of a page
MOST_KEPT = 12
#: what platypus leaves free around everything, beside the margins
PADDING = 6
#: a cell without the padding that platypus gives
_BARE = [(f"{side}PADDING", (0, 0), (-1, -1), 0) for side in ("LEFT", "RIGHT", "TOP", "BOTTOM")]


@cache
def load_fonts() -> None:
    """Make the fonts known, once a process."""
    for name in (REGULAR, BOLD):
        pdfmetrics.registerFont(TTFont(name, FONTS / f"{name}.ttf"))


def text(value: object, style: ParagraphStyle = TEXT) -> Paragraph:
    """Return ``value`` as it is: what looks like markup is shown, not obeyed."""
    return Paragraph(escape(str(value)), style)


def is_told_as_it_is(value: object) -> bool:
    """Say whether the fonts have every character of ``value``, and it is read from left to right:
    nothing here turns Arabic or Hebrew around, or joins its letters."""
    known = pdfmetrics.getFont(REGULAR).face.charToGlyph
    return all(
        ord(char) in known and unicodedata.bidirectional(char) not in ("R", "AL")
        for char in str(value)
        if not char.isspace()
    )


def lines(values: Iterable[object], style: ParagraphStyle = TEXT) -> list[Paragraph]:
    """Return a paragraph for each of ``values`` that is not empty."""
    return [text(value, style) for value in values if value]


def columns(*cells: Any, widths: Sequence[float]) -> Table:
    """Return ``cells`` (flowables, or lists of them) next to each other; ``widths`` are shares."""
    whole = sum(widths)
    return Table(
        [list(cells)],
        colWidths=[WIDTH * width / whole for width in widths],
        style=[*_BARE, ("VALIGN", (0, 0), (-1, -1), "TOP")],
    )


def facts(rows: Iterable[tuple[str, object]], *, width: float) -> Table:
    """Return what is what: a label and a value a row, without those that have no value."""
    cells = [[text(label, LABEL), text(value, TEXT)] for label, value in rows if value]
    return Table(
        cells,
        colWidths=[width * 0.42, width * 0.58],
        style=[*_BARE, ("VALIGN", (0, 0), (-1, -1), "TOP")],
    )


def grid(
    head: Sequence[Paragraph],
    rows: Sequence[Sequence[Any]],
    *,
    widths: Sequence[float],
    groups: Iterable[tuple[int, int]] = (),
) -> Table:
    """Return a table whose head is repeated on every page.

    ``groups`` say which row (from 0) heads how many after it: it is shaded, and on one page with
    them, or with the first if they are many.
    """
    whole = sum(widths)
    style: list[Any] = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 4),
        ("RIGHTPADDING", (0, 0), (-1, -1), 4),
        ("TOPPADDING", (0, 0), (-1, -1), 3),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 4),
        ("LINEBELOW", (0, 0), (-1, 0), 0.8, INK),
        ("LINEBELOW", (0, 1), (-1, -1), 0.4, RULE),
    ]
    for group, count in groups:
        row = group + 1
        kept = row + (count if count <= MOST_KEPT else 1)
        style += [
            ("BACKGROUND", (0, row), (-1, row), SHADE),
            ("SPAN", (0, row), (-2, row)),
            ("NOSPLIT", (0, row), (-1, kept)),
        ]
    return Table(
        [list(head), *map(list, rows)],
        colWidths=[WIDTH * width / whole for width in widths],
        repeatRows=1,
        style=style,
    )


def totals(rows: Sequence[tuple[str, str]]) -> Table:
    """Return amounts that add up, at the right: the last is what they come to."""
    width = WIDTH * 0.45
    last = len(rows) - 1
    cells = [
        [
            text(label, STRONG if n == last else TEXT),
            text(amount, STRONG_AMOUNT if n == last else AMOUNT),
        ]
        for n, (label, amount) in enumerate(rows)
    ]
    return Table(
        cells,
        colWidths=[width * 0.55, width * 0.45],
        hAlign="RIGHT",
        style=[
            ("LEFTPADDING", (0, 0), (-1, -1), 4),
            ("RIGHTPADDING", (0, 0), (-1, -1), 4),
            ("TOPPADDING", (0, 0), (-1, -1), 2),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
            ("LINEABOVE", (0, last), (-1, last), 0.8, INK),
        ],
    )


def together(*flowables: Flowable) -> KeepTogether:
    """Return ``flowables`` on one page."""
    return KeepTogether(list(flowables))


def document(story: Sequence[Flowable], *, title: str, author: str, foot: str) -> bytes:
    """Return ``story`` as a PDF with ``foot`` and "Page 2 of 3" at the end of every page."""
    # once to count the pages, which takes the flowables apart, and once to write them
    whole = _template(BytesIO(), title, author)
    whole.build(deepcopy(list(story)))
    into = BytesIO()

    def foots(canvas: Canvas, page: SimpleDocTemplate) -> None:
        _draw_foot(canvas, foot, page.page, whole.page)

    written = _template(into, title, author)
    written.build(list(story), onFirstPage=foots, onLaterPages=foots)
    return into.getvalue()


def _template(into: BytesIO, title: str, author: str) -> SimpleDocTemplate:
    return SimpleDocTemplate(
        into,
        pagesize=A4,
        leftMargin=MARGIN - PADDING,
        rightMargin=MARGIN - PADDING,
        topMargin=18 * mm,
        bottomMargin=24 * mm,
        title=title,
        author=author,
        subject=title,
        creator=author,
        lang=get_language() or "en",
        invariant=1,
    )


def _draw_foot(canvas: Canvas, foot: str, number: int, count: int) -> None:
    canvas.setStrokeColor(RULE)
    canvas.setLineWidth(0.4)
    canvas.line(MARGIN, 17 * mm, A4[0] - MARGIN, 17 * mm)
    canvas.setFillColor(FAINT)
    canvas.setFont(REGULAR, 7.5)
    said = _("Page %(number)d of %(count)d") % {"number": number, "count": count}
    canvas.drawRightString(A4[0] - MARGIN, 12.5 * mm, said)
    room = WIDTH - pdfmetrics.stringWidth(said, REGULAR, 7.5) - 6 * mm
    canvas.drawString(MARGIN, 12.5 * mm, _fitting(foot, room))


def _fitting(line: str, room: float) -> str:
    """Return as much of ``line`` as there is room for."""
    if pdfmetrics.stringWidth(line, REGULAR, 7.5) <= room:
        return line
    while line and pdfmetrics.stringWidth(f"{line}…", REGULAR, 7.5) > room:
        line = line[:-1]
    return f"{line}…"
