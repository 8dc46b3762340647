"""The report of a finished access review as PDF.

Needs reportlab, which is an extra: this module is loaded by name (``teams.review_files``). It is
made of the same rows as the CSV, and is the same file every time.
"""

from __future__ import annotations

from django.utils import translation
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Spacer

from teams.models import AccessReview
from teams.paper import (
    HEAD,
    SMALL,
    STRONG,
    TITLE,
    WIDTH,
    document,
    facts,
    grid,
    is_told_as_it_is,
    load_fonts,
    text,
)
from teams.review_report import HEADINGS, about, digest_of, moment, rows_of

_PERSON, _KIND, _WHAT, _WHERE, _LAST, _SAID, _WHY, _WHO, _WHEN = (
    HEADINGS.index(name)
    for name in (
        "Person", "Kind", "What", "Where", "Last sign-in", "Decision", "Reason", "Decided by",
        "Decided",
    )
)  # fmt: skip
#: what is said where a name is not printed as it is
UNTOLD = (
    "Some of it is written in characters that this document cannot print, or not in their order. "
    "The CSV has all of it as it is."
)


def pdf_of(review: AccessReview) -> bytes:
    """Return the report of ``review``, which is finished, as a PDF."""
    load_fonts()
    with translation.override("en"):
        return _document(review)


def _document(review: AccessReview) -> bytes:
    rows = list(rows_of(review))
    words = review.words
    known = [
        ("Account", words["account"]),
        ("About", about(review)),
        ("Started", f"{moment(review.started_at)} by {words['started_by']}"),
        ("Due", moment(review.due_at)),
        ("Finished", f"{moment(review.finished_at)} by {words.get('finished_by', '')}"),
        (words["owner_label"], f"{words['owner']}, whose rights nobody reviews"),
        ("Lines", _counts([row[_SAID] for row in rows[1:]])),
        ("SHA-256 of the CSV", digest_of(review)),
    ]
    shown = [*(value for _label, value in known), *(cell for row in rows for cell in row)]
    if not all(map(is_told_as_it_is, shown)):
        known.append(("Read with care", UNTOLD))
    head = [text(name, HEAD) for name in ("Person", "What they had", "Decision")]
    cells = [
        [
            [
                text(row[_PERSON], STRONG),
                *_lines(f"Last sign-in {row[_LAST]}" if row[_LAST] else ""),
            ],
            [text(row[_WHAT]), *_lines(f"{row[_KIND]}: {row[_WHERE]}")],
            [
                text(row[_SAID], STRONG),
                *_lines(row[_WHY]),
                *_lines(f"{row[_WHO]}, {row[_WHEN]}" if row[_WHO] else ""),
            ],
        ]
        for row in rows[1:]
    ]
    story: list[Flowable] = [
        text(review.name, TITLE),
        Spacer(0, 6 * mm),
        facts(known, width=WIDTH),
        Spacer(0, 8 * mm),
        grid(head, cells, widths=(52, 66, 52)),
    ]
    foot = f"Access review · {words['account']} · {review.name}"
    return document(
        story, title=f"Access review: {review.name}", author=words["account"], foot=foot
    )


def _lines(said: str) -> list[Flowable]:
    return [text(said, SMALL)] if said else []


def _counts(said: list[str]) -> str:
    counted = {word: said.count(word) for word in dict.fromkeys(said)}
    return ", ".join(f"{count} {word.lower()}" for word, count in counted.items())
