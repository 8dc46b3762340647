"""The report of a finished review as the files that are handed out; PDF where reportlab is."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple

from teams.models import AccessReview
from teams.review_report import csv_of

CSV, PDF = "csv", "pdf"
#: by name: reportlab is an extra
_PAPER = "teams.review_pdf"


class ReportFile(NamedTuple):
    """One file: what it is called, its type and its bytes."""

    name: str
    type: str
    content: bytes


def formats() -> tuple[str, ...]:
    """Return the formats there are here."""
    return (CSV, PDF) if find_spec("reportlab") is not None else (CSV,)


def file_of(review: AccessReview, form: str) -> ReportFile:
    """Return the report of ``review``, which is finished, in one of ``formats``."""
    name = f"access-review-{review.pk}.{form}"
    if form == PDF:
        return ReportFile(name, "application/pdf", import_module(_PAPER).pdf_of(review))
    return ReportFile(name, "text/csv; charset=utf-8", csv_of(review))
