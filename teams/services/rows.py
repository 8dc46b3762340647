"""The rows of a template or campaign, one change at a time, and rows kept for later use.

Who may change the thing itself may change its rows, as far as locks let them: ``judge_rows`` says
what a change needs besides, and the transaction is rolled back without it. Rows are found by key
under the lock, so what two people do to different rows both counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from permissions.errors import Invalid, NotFound
from permissions.resources import registry
from teams import flow
from teams.catalogue import ACCESS_CONTENT, CHANGE_LOCKED_CONTENTS, SAVE_ROWS
from teams.models import Campaign, MessageTemplate, SavedRow
from teams.services.archive import remove
from teams.services.base import service
from teams.services.content import (
    ROWS_LIMIT,
    Row,
    clean_html,
    clean_text_part,
    free_position,
    judge_rows,
    new_row,
)
from teams.services.inputs import expect
from teams.services.items import Work, at_work, clean_name, free_slug, refuse_put_away

Content = TypeVar("Content", MessageTemplate, Campaign)


@contextmanager
def _editing(actor: Any, content: Content, act: str) -> Iterator[Work[Content]]:
    """Yield the work on a template, or on a campaign that is a draft still.

    Raises what ``at_work`` raises, and Invalid: WRONG_TYPE, ARCHIVED, NOT_A_DRAFT.
    """
    with at_work(
        actor, _expect_rows(content), registry.of(content).actions["change"], act=act
    ) as work:
        refuse_put_away(work.obj)
        if isinstance(work.obj, Campaign):
            flow.refuse_settled(work.obj)
        yield work


def _expect_rows(content: Any) -> Any:
    if not isinstance(content, MessageTemplate | Campaign):
        raise Invalid("Only templates and campaigns are made of rows.", code="WRONG_TYPE")
    return content


def write_rows(work: Work[Content], after: Sequence[Row], what: str, **data: Any) -> None:
    """Store clean rows, if the actor may make them of those there are. Raises OutOfScope."""
    before = work.obj.rows
    for permission in judge_rows(before, after, work.allows):
        work.require(permission)
    work.obj.rows = list(after)
    work.obj.save(update_fields=["rows"])
    work.record(f"{work.obj._meta.model_name}.changed", work.obj, what=what, **data)


def find_row(rows: Sequence[Row], key: Any) -> int:
    """Return where the row ``key`` stands. Raises NotFound."""
    for index, row in enumerate(rows):
        if row["key"] == key:
            return index
    raise NotFound("There is no such row any more.")


def _put(work: Work[Content], row: Row, position: int | None, what: str) -> Row:
    rows: list[Row] = list(work.obj.rows)
    if len(rows) >= ROWS_LIMIT:
        raise Invalid(f"There are {ROWS_LIMIT} rows already; no more fit.", code="TOO_MANY")
    place: int = free_position(rows) if position is None else clean_position(position, len(rows))
    write_rows(work, [*rows[:place], row, *rows[place:]], what, row=row["key"])
    return row


def clean_position(position: Any, last: int) -> int:
    """Return ``position`` if there is such a place. Raises Invalid (WRONG_POSITION)."""
    if isinstance(position, bool) or not isinstance(position, int) or not 0 <= position <= last:
        raise Invalid(f"A row goes to a place from 0 to {last}.", code="WRONG_POSITION")
    return position


@service
def add_row(*, actor: Any, content: Content, html: str, position: int | None = None) -> Row:
    """Put a new row into a template or draft: at ``position`` from 0, or at the end.

    Raises Refused, or Invalid: TOO_MANY, WRONG_POSITION, EMPTY, and what ``clean_html`` raises.
    """
    with _editing(actor, content, f"add a row to {content}") as work:
        return _put(work, new_row(html), position, "row added")


@service
def insert_saved_row(
    *, actor: Any, content: Content, saved: SavedRow, position: int | None = None
) -> Row:
    """Put a copy of a saved row of the same subaccount into a template or draft."""
    saved = expect(saved, SavedRow, "The saved row")
    with _editing(actor, content, f"add a row to {content}") as work:
        if saved.subaccount_id != work.subaccount.pk:
            raise NotFound("There is no such saved row.")
        work.require(ACCESS_CONTENT, saved)
        return _put(work, new_row(saved.html), position, "saved row added")


@service
def change_row(*, actor: Any, content: Content, key: str, html: str) -> Row:
    """Write other contents into a row; locked ones need ``change_locked_contents``."""
    with _editing(actor, content, f"edit a row of {content}") as work:
        rows: list[Row] = list(work.obj.rows)
        index = find_row(rows, key)
        clean = clean_html(html)
        if not clean.strip():
            raise Invalid("The row would be empty. Remove it instead.", code="EMPTY")
        rows[index] = {**rows[index], "html": clean}
        write_rows(work, rows, "row edited", row=key)
        return rows[index]


@service
def move_row(*, actor: Any, content: Content, key: str, position: int) -> None:
    """Move a row to ``position`` from 0; across a locked one needs ``change_locked_rows``."""
    with _editing(actor, content, f"move a row of {content}") as work:
        rows: list[Row] = list(work.obj.rows)
        index = find_row(rows, key)
        place = clean_position(position, len(rows) - 1)
        rows.insert(place, rows.pop(index))
        write_rows(work, rows, "row moved", row=key, position=place)


@service
def remove_row(*, actor: Any, content: Content, key: str) -> None:
    """Take a row out; a locked one, or one with locked contents, needs the right to edit those."""
    with _editing(actor, content, f"remove a row of {content}") as work:
        rows: list[Row] = list(work.obj.rows)
        del rows[find_row(rows, key)]
        write_rows(work, rows, "row removed", row=key)


@service
def lock_row(
    *, actor: Any, content: Content, key: str, row_locked: bool, contents_locked: bool
) -> Row:
    """Say whether a row may be moved and removed, and whether its contents may be edited, by
    whoever has no right of their own to do so. Needs ``lock_rows_and_contents``."""
    with _editing(actor, content, f"lock a row of {content}") as work:
        rows: list[Row] = list(work.obj.rows)
        index = find_row(rows, key)
        rows[index] = {
            **rows[index],
            "row_locked": _clean_lock(row_locked),
            "contents_locked": _clean_lock(contents_locked),
        }
        locks = {"row_locked": row_locked, "contents_locked": contents_locked}
        write_rows(work, rows, "locks changed", row=key, locks=locks)
        return rows[index]


def _clean_lock(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Invalid("A lock is on or off, True or False.", code="WRONG_TYPE")
    return value


@service
def change_text(*, actor: Any, content: Content, text: str) -> None:
    """Write the text part of the mail; an empty one is made from the rows.

    It stands in for all rows, so that where contents are locked it needs
    ``change_locked_contents``. Raises Refused, or Invalid as ``clean_text_part`` does.
    """
    with _editing(actor, content, f"edit the text part of {content}") as work:
        if any(row["contents_locked"] for row in work.obj.rows):
            work.require(CHANGE_LOCKED_CONTENTS)
        work.obj.text = clean_text_part(text)
        work.obj.save(update_fields=["text"])
        work.record(f"{work.obj._meta.model_name}.changed", work.obj, what="text part edited")


# kept for later


@service
def save_row(*, actor: Any, content: Content, key: str, name: str) -> SavedRow:
    """Keep a copy of a row for other templates and campaigns of the subaccount.

    Needs sight of where it stands and ``save_rows``. Raises Refused, NotFound, or Invalid.
    """
    content = _expect_rows(content)
    view = registry.of(content).actions["view"]
    with at_work(actor, content, view, act=f"save a row of {content}") as work:
        work.require(SAVE_ROWS, work.subaccount)
        rows: list[Row] = list(work.obj.rows)
        html = rows[find_row(rows, key)]["html"]
        return put_saved_row(work, clean_name(work, SavedRow, name), html)


def put_saved_row(work: Work[Any], name: str, html: str) -> SavedRow:
    """Keep clean ``html`` in the subaccount of ``work`` under a free ``name``; who may do that has
    been asked."""
    saved = SavedRow.objects.create(
        account=work.account,
        subaccount=work.subaccount,
        slug=free_slug(work, SavedRow, name),
        name=name,
        html=html,
        created_by=work.actor,
    )
    work.record("savedrow.created", saved, name=name)
    return saved


@service
def delete_saved_row(*, actor: Any, saved: SavedRow) -> None:
    """Remove a saved row; what was made from it stays. Needs ``save_rows``."""
    saved = expect(saved, SavedRow, "The saved row")
    with at_work(actor, saved, ACCESS_CONTENT, SAVE_ROWS, act=f"delete {saved}") as work:
        remove(work, work.obj, event="deleted")
