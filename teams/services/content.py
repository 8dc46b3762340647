"""Content made of rows: what may stand in a row, who may change what of it, and what is sent.

Pure rules, for templates and for campaigns, which begin with a copy of their template's rows, locks
included. Rows are made by ``new_row``, and cleaned again by ``clean_rows`` where they are copied
from elsewhere; ``judge_rows`` says what a change needs besides the right to edit the thing itself.
"""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any, TypedDict

import nh3

from permissions.catalogue import Permission
from permissions.errors import Invalid
from teams.catalogue import CHANGE_LOCKED_CONTENTS, CHANGE_LOCKED_ROWS, LOCK_ROWS_AND_CONTENTS
from teams.services.plaintext import html_as_text


class Row(TypedDict):
    """One row; ``html`` is clean, ``key`` names the row for as long as it lives."""

    key: str
    html: str
    row_locked: bool
    contents_locked: bool


ROWS_LIMIT = 60
HTML_LIMIT = 50_000
TEXT_LIMIT = 100_000

#: what mail programs show alike. No form, no script, nothing that loads but images, and neither
#: class, id nor style: content must not dress up as the console when it is shown on its pages
# fmt: off
TAGS = frozenset({
    "a", "abbr", "b", "blockquote", "br", "center", "code", "del", "div", "em", "h1", "h2", "h3",
    "h4", "hr", "i", "img", "ins", "li", "ol", "p", "pre", "s", "small", "span", "strong", "sub",
    "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul",
})
# fmt: on
_CELL = frozenset({"align", "valign", "width", "height", "bgcolor", "colspan", "rowspan"})
ATTRIBUTES: dict[str, set[str]] = {
    "*": set(),
    "a": {"href", "title"},
    "img": {"src", "alt", "width", "height"},
    "table": {"align", "width", "bgcolor", "border", "cellpadding", "cellspacing"},
    "td": set(_CELL),
    "th": set(_CELL),
    "tr": {"align", "valign", "bgcolor"},
    "ol": {"start"},
    **{tag: {"align"} for tag in ("div", "h1", "h2", "h3", "h4", "p")},
}
#: addresses are whole: what is relative would lead into whatever shows it; nor is anything merged
_ADDRESSES = {
    ("a", "href"): re.compile(r"\s*(https?://|mailto:)", re.IGNORECASE),
    ("img", "src"): re.compile(r"\s*https://", re.IGNORECASE),
}
_KEY = re.compile(r"[a-z0-9]{1,32}")
#: {{first_name}}, or {{first_name|there}} with what stands in where there is no value
_FIELD = re.compile(r"\{\{\s*([A-Za-z][A-Za-z0-9_-]*)\s*(?:\|([^{}<>\"]*))?\}\}")
#: of clean HTML, where every value stands in double quotes
_IMAGE = re.compile(r'<img(?:[^">]|"[^"]*")*>')
_ALT = re.compile(r' alt="([^"]*)"')


# what may stand there


def clean_html(text: Any) -> str:
    """Return ``text`` with nothing in it but what mail may carry; cleaning again changes nothing.

    Raises Invalid: WRONG_TYPE, TOO_LONG, NOT_TEXT.
    """
    return _sanitised(_plain(text, "The row", HTML_LIMIT))


def clean_text_part(text: Any) -> str:
    """Return the plain part of a mail. Raises Invalid as ``clean_html`` does."""
    return _plain(text, "The text part", TEXT_LIMIT)


def new_row(html: Any, *, row_locked: bool = False, contents_locked: bool = False) -> Row:
    """Return a clean row with a key of its own. Raises Invalid: EMPTY if nothing is left of it."""
    clean = clean_html(html)
    if not clean.strip():
        raise Invalid("The row is empty. Write what stands in it.", code="EMPTY")
    key = uuid.uuid4().hex[:12]
    return Row(key=key, html=clean, row_locked=row_locked, contents_locked=contents_locked)


def clean_rows(rows: Any) -> list[Row]:
    """Return ``rows`` with clean contents.

    Raises Invalid: WRONG_TYPE for anything but a list of whole rows with keys of their own,
    TOO_MANY, and what ``clean_html`` raises.
    """
    if not isinstance(rows, list):
        raise Invalid(f"Rows must be a list, not {type(rows).__name__}.", code="WRONG_TYPE")
    if len(rows) > ROWS_LIMIT:
        raise Invalid(f"There are {len(rows)} rows; at most {ROWS_LIMIT} fit.", code="TOO_MANY")
    found = [_clean_row(row) for row in rows]
    if len({row["key"] for row in found}) < len(found):
        raise Invalid("Two rows have the same key. Reload the page.", code="WRONG_TYPE")
    return found


def _clean_row(row: Any) -> Row:
    if (
        not isinstance(row, dict)
        or set(row) != set(Row.__annotations__)
        or not isinstance(row["key"], str)
        or not _KEY.fullmatch(row["key"])
        or not isinstance(row["row_locked"], bool)
        or not isinstance(row["contents_locked"], bool)
    ):
        raise Invalid("A row is not as rows are. Reload the page.", code="WRONG_TYPE")
    return Row(
        key=row["key"],
        html=clean_html(row["html"]),
        row_locked=row["row_locked"],
        contents_locked=row["contents_locked"],
    )


def _plain(value: Any, what: str, limit: int) -> str:
    if not isinstance(value, str):
        raise Invalid(f"{what} must be text, not {type(value).__name__}.", code="WRONG_TYPE")
    if len(value) > limit:
        raise Invalid(
            f"{what} has {len(value)} characters; at most {limit} are allowed.", code="TOO_LONG"
        )
    text = value.replace("\r\n", "\n").replace("\r", "\n")
    if any(unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t" for c in text):
        raise Invalid(f"{what} has control characters in it. Type it again.", code="NOT_TEXT")
    return text


def _sanitised(html: str, tags: frozenset[str] = TAGS) -> str:
    return nh3.clean(
        html,
        tags=set(tags),
        attributes={tag: found for tag, found in ATTRIBUTES.items() if tag in {"*", *tags}},
        attribute_filter=_whole_address,
        url_schemes={"http", "https", "mailto"},
    )


def _whole_address(tag: str, attribute: str, value: str) -> str | None:
    shape = _ADDRESSES.get((tag, attribute))
    if shape is None:
        return value
    # a merge field in it would tell whoever answers at the address who reads, without a click
    return value if shape.match(value) and "{{" not in value else None


# who may change what


def judge_rows(
    before: Sequence[Row], after: Sequence[Row], held: Callable[[Permission], bool]
) -> list[Permission]:
    """Return the permissions that are missing for making ``after`` of ``before``.

    A locked row stays where it is: it is not removed, keeps its side of every row that was there
    before, and stays first or last if it was. Locked contents stay as they are. What counts is how
    a row was locked before; locking and unlocking are a right of their own.
    """
    needed = {
        LOCK_ROWS_AND_CONTENTS: _changes_locks(before, after),
        CHANGE_LOCKED_ROWS: _moves_locked(before, after),
        CHANGE_LOCKED_CONTENTS: _changes_locked_contents(before, after),
    }
    return [
        permission for permission, is_asked in needed.items() if is_asked and not held(permission)
    ]


def _changes_locks(before: Sequence[Row], after: Sequence[Row]) -> bool:
    were = {row["key"]: (row["row_locked"], row["contents_locked"]) for row in before}
    unlocked = (False, False)
    return any(
        were.get(row["key"], unlocked) != (row["row_locked"], row["contents_locked"])
        for row in after
    )


def _moves_locked(before: Sequence[Row], after: Sequence[Row]) -> bool:
    now = {row["key"]: index for index, row in enumerate(after)}
    locked = {row["key"] for row in before if row["row_locked"]}
    if not locked <= set(now):
        return True
    if locked and _leaves_its_end(before, after, locked):
        return True
    kept = [row["key"] for row in before if row["key"] in now]
    return any(
        now[one] > now[other] and (one in locked or other in locked)
        for index, one in enumerate(kept)
        for other in kept[index + 1 :]
    )


def _leaves_its_end(before: Sequence[Row], after: Sequence[Row], locked: set[str]) -> bool:
    """Say whether a locked first or last row no longer is; a row all alone counts as the first."""
    first, last = before[0]["key"], before[-1]["key"]
    if first in locked and after[0]["key"] != first:
        return True
    return last in locked and last != first and after[-1]["key"] != last


def _changes_locked_contents(before: Sequence[Row], after: Sequence[Row]) -> bool:
    now = {row["key"]: row["html"] for row in after}
    # a row whose contents are locked is not removed either: that would change all of them
    return any(now.get(row["key"]) != row["html"] for row in before if row["contents_locked"])


def free_position(rows: Sequence[Row]) -> int:
    """Return where a new row goes that nobody placed: last, but above a locked last row."""
    return len(rows) - 1 if len(rows) > 1 and rows[-1]["row_locked"] else len(rows)


# what is sent and shown


def fields_in(rows: Sequence[Row], text: str = "") -> set[str]:
    """Return the names of all merge fields that stand in the content."""
    whole = "".join(row["html"] for row in rows) + text
    return {match[1] for match in _FIELD.finditer(whole)}


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return ``text`` with merge fields replaced: by the value, or what is given in its place.

    A field that ``values`` does not know stays as it was written. For plain text; see ``as_html``.
    """
    return _FIELD.sub(lambda match: _value(match, values), text)


def _value(match: re.Match[str], values: Mapping[str, str]) -> str:
    if match[1] not in values:
        return match[0]
    return values[match[1]] or (match[2] or "").strip()


def as_html(rows: Sequence[Row], values: Mapping[str, str] | None = None) -> str:
    """Return the body of a mail, one block a row; values are escaped, and fill in nothing else."""
    safe = {name: escape(value) for name, value in (values or {}).items()}
    return "\n".join(f"<div>{fill(row['html'], safe)}</div>" for row in rows)


def as_text(rows: Sequence[Row], text: str = "", values: Mapping[str, str] | None = None) -> str:
    """Return the plain part of a mail: ``text``, or what the rows say if that is empty."""
    whole = (
        text if text.strip() else "\n\n".join(filter(None, (html_as_text(r["html"]) for r in rows)))
    )
    return fill(whole, values or {})


def as_preview(html: str) -> str:
    """Return one row to show on a page: images as words, so that looking loads nothing."""

    def words(match: re.Match[str]) -> str:
        alt = _ALT.search(match[0])
        return f"<em>[Image{': ' + alt[1] if alt and alt[1] else ''}]</em>"

    return _sanitised(_IMAGE.sub(words, _sanitised(html)), TAGS - {"img"})
