"""Lists, templates with their rows, and the archive, as ``truth_surfaces`` records them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from teams.catalogue import (
    ACCESS_AUDIENCE,
    ACCESS_CAMPAIGNS,
    ACCESS_CONTENT,
    CHANGE_LIST_TYPE,
    CHANGE_LOCKED_CONTENTS,
    CHANGE_LOCKED_ROWS,
    DELETE_CAMPAIGNS,
    DELETE_LISTS,
    LOCK_ROWS_AND_CONTENTS,
    PURGE_ARCHIVED,
    RENAME_LISTS,
    SAVE_ROWS,
)
from teams.models import SavedRow
from tests.console.truth_record import (
    EVERY_PLACE,
    PLACES,
    WHOLE,
    Surface,
    changelist,
    needs,
    thing,
)
from tests.console.truth_stage import ANYWHERE, HERE, Stage

TEMPLATE = "messagetemplate"


def _now(name: str) -> Callable[[Stage, Any], Any]:
    """Return what is stored now of what stands ready under ``name``; None if it is gone."""

    def found(stage: Stage, place: Any) -> Any:
        obj = stage.get(name, place)
        return type(obj)._default_manager.filter(pk=obj.pk).first()

    return found


def _is(what: str, **values: Any) -> Callable[[Stage, Any], bool]:
    def done(stage: Stage, place: Any) -> bool:
        obj = _now(what)(stage, place)
        return obj is not None and all(getattr(obj, k) == v for k, v in values.items())

    return done


def _gone(name: str) -> Callable[[Stage, Any], bool]:
    return lambda stage, place: _now(name)(stage, place) is None


def _added(name: str) -> Callable[[Stage, Any], bool]:
    """Say whether something called Fresh, of the kind of ``name``, is there."""
    return lambda stage, place: (
        type(stage.get(name, place))
        ._default_manager.filter(subaccount=place, name="Fresh")
        .exists()
    )


def _rows(test: Callable[[list[Any]], bool]) -> Callable[[Stage, Any], bool]:
    return lambda stage, place: test(_now(TEMPLATE)(stage, place).rows)


def _keys(*keys: str) -> Callable[[Stage, Any], bool]:
    return _rows(lambda rows: [row["key"] for row in rows] == list(keys))


def _says(key: str) -> Callable[[Stage, Any], bool]:
    return _rows(lambda rows: any(r["key"] == key and r["html"] == "<p>new</p>" for r in rows))


def _row(verb: str, key: str) -> Callable[[Stage, Any], str]:
    return thing(TEMPLATE, f"act/{verb}/{key}/")


def _create(kind: str) -> Callable[[Stage, Any], str]:
    return lambda stage, place: f"/teams/{kind}/act/create/{place.pk}/"


PAGES = (
    Surface(
        name="savedrow list",
        at=WHOLE,
        url=changelist("savedrow"),
        menu="/",
        ways=needs((ACCESS_CONTENT, ANYWHERE)),
    ),
    Surface(
        name="savedrow page",
        at=EVERY_PLACE,
        url=thing("savedrow"),
        menu="/teams/savedrow/",
        ways=needs((ACCESS_CONTENT, HERE)),
    ),
)

LISTS = (
    Surface(
        name="mailinglist: create",
        at=EVERY_PLACE,
        url=_create("mailinglist"),
        ways=needs((ACCESS_AUDIENCE, HERE)),
        data=lambda stage, place: {"name": "Fresh", "kind": "primary"},
        done=_added("mailinglist"),
    ),
    Surface(
        name="mailinglist: rename",
        at=EVERY_PLACE,
        url=thing("mailinglist", "act/rename/"),
        ways=needs((ACCESS_AUDIENCE, HERE), (RENAME_LISTS, HERE)),
        data=lambda stage, place: {"name": "Fresh"},
        done=_is("mailinglist", name="Fresh"),
    ),
    Surface(
        name="mailinglist: type",
        at=PLACES,
        url=thing("mailinglist", "act/type/"),
        ways=needs((ACCESS_AUDIENCE, HERE), (CHANGE_LIST_TYPE, HERE)),
        data=lambda stage, place: {"kind": "secondary"},
        done=_is("mailinglist", kind="secondary"),
    ),
    Surface(
        name="mailinglist: delete",
        at=PLACES,
        url=lambda stage, place: (
            f"/teams/mailinglist/{stage.get('empty_list', place).pk}/act/delete/"
        ),
        ways=needs((ACCESS_AUDIENCE, HERE), (DELETE_LISTS, HERE)),
        done=_gone("empty_list"),
    ),
)

#: what is archived, restored and purged, by what seeing it and deleting it needs
KINDS = (
    ("mailinglist", (ACCESS_AUDIENCE, DELETE_LISTS)),
    (TEMPLATE, (ACCESS_CONTENT, ACCESS_CONTENT)),
    ("campaign", (ACCESS_CAMPAIGNS, DELETE_CAMPAIGNS)),
)


def _old(kind: str, rest: str) -> Callable[[Stage, Any], str]:
    return lambda stage, place: f"/teams/{kind}/{stage.get(f'old_{kind}', place).pk}/{rest}"


ARCHIVE = (
    *(
        Surface(
            name=f"{kind}: archive",
            at=PLACES,
            url=thing(kind, "act/archive/"),
            ways=needs((view, HERE), (delete, HERE)),
            done=lambda stage, place, kind=kind: _now(kind)(stage, place).is_archived,
        )
        for kind, (view, delete) in KINDS
    ),
    *(
        Surface(
            name=f"{kind}: restore",
            at=PLACES,
            url=_old(kind, "act/restore/"),
            ways=needs((view, HERE), (delete, HERE)),
            done=_is(f"old_{kind}", archived_at=None),
        )
        for kind, (view, delete) in KINDS
    ),
    *(
        Surface(
            name=f"{kind}: purge",
            at=EVERY_PLACE,
            url=_old(kind, "act/purge/"),
            ways=needs((view, HERE), (PURGE_ARCHIVED, HERE)),
            data=lambda stage, place, kind=kind: {"confirm": stage.get(f"old_{kind}", place).name},
            done=_gone(f"old_{kind}"),
        )
        for kind, (view, _delete) in KINDS
    ),
)

CONTENT = needs((ACCESS_CONTENT, HERE))
#: the rows of the template are first, free, locked, fixed, last; only two are locked
TEMPLATES = (
    Surface(
        name="messagetemplate: create",
        at=EVERY_PLACE,
        url=_create(TEMPLATE),
        ways=CONTENT,
        data=lambda stage, place: {"name": "Fresh"},
        done=_added(TEMPLATE),
    ),
    Surface(
        name="messagetemplate: rename",
        at=PLACES,
        url=thing(TEMPLATE, "act/rename/"),
        ways=CONTENT,
        data=lambda stage, place: {"name": "Fresh"},
        done=_is(TEMPLATE, name="Fresh"),
    ),
    Surface(
        name="messagetemplate: text, which stands in for locked contents",
        at=EVERY_PLACE,
        url=thing(TEMPLATE, "act/text/"),
        ways=needs((ACCESS_CONTENT, HERE), (CHANGE_LOCKED_CONTENTS, HERE)),
        data=lambda stage, place: {"text": "Hello"},
        done=_is(TEMPLATE, text="Hello"),
    ),
    Surface(
        name="messagetemplate: add-row",
        at=EVERY_PLACE,
        url=thing(TEMPLATE, "act/add-row/"),
        ways=CONTENT,
        data=lambda stage, place: {"html": "<p>new</p>", "position": "0"},
        done=_rows(lambda rows: rows[0]["html"] == "<p>new</p>"),
    ),
    Surface(
        name="messagetemplate: insert-row",
        at=PLACES,
        url=thing(TEMPLATE, "act/insert-row/"),
        ways=CONTENT,
        data=lambda stage, place: {
            "saved": stage.get("savedrow", place).pk,
            "position": "5",
        },
        done=_rows(lambda rows: len(rows) == 6),
    ),
    Surface(
        name="messagetemplate: edit-row",
        at=PLACES,
        url=_row("edit-row", "free"),
        ways=CONTENT,
        data=lambda stage, place: {"html": "<p>new</p>"},
        done=_says("free"),
    ),
    Surface(
        name="messagetemplate: edit-row, locked contents",
        at=EVERY_PLACE,
        url=_row("edit-row", "fixed"),
        ways=needs((ACCESS_CONTENT, HERE), (CHANGE_LOCKED_CONTENTS, HERE)),
        data=lambda stage, place: {"html": "<p>new</p>"},
        done=_says("fixed"),
    ),
    Surface(
        name="messagetemplate: move-up",
        at=PLACES,
        url=_row("move-up", "free"),
        ways=CONTENT,
        done=_keys("free", "first", "locked", "fixed", "last"),
    ),
    Surface(
        name="messagetemplate: move-up, a locked row",
        at=EVERY_PLACE,
        url=_row("move-up", "locked"),
        ways=needs((ACCESS_CONTENT, HERE), (CHANGE_LOCKED_ROWS, HERE)),
        done=_keys("first", "locked", "free", "fixed", "last"),
    ),
    Surface(
        name="messagetemplate: move-down",
        at=PLACES,
        url=_row("move-down", "fixed"),
        ways=CONTENT,
        done=_keys("first", "free", "locked", "last", "fixed"),
        why="locked contents move with their row",
    ),
    Surface(
        name="messagetemplate: remove-row",
        at=PLACES,
        url=_row("remove-row", "free"),
        ways=CONTENT,
        done=_keys("first", "locked", "fixed", "last"),
    ),
    Surface(
        name="messagetemplate: remove-row, locked",
        at=PLACES,
        url=_row("remove-row", "locked"),
        ways=needs((ACCESS_CONTENT, HERE), (CHANGE_LOCKED_ROWS, HERE)),
        done=_keys("first", "free", "fixed", "last"),
    ),
    Surface(
        name="messagetemplate: lock-row",
        at=EVERY_PLACE,
        url=_row("lock-row", "free"),
        ways=needs((ACCESS_CONTENT, HERE), (LOCK_ROWS_AND_CONTENTS, HERE)),
        data=lambda stage, place: {"locks": ["row"]},
        done=_rows(lambda rows: rows[1]["row_locked"]),
    ),
    Surface(
        name="messagetemplate: save-row",
        at=EVERY_PLACE,
        url=_row("save-row", "locked"),
        ways=needs((ACCESS_CONTENT, HERE), (SAVE_ROWS, HERE)),
        data=lambda stage, place: {"name": "Fresh"},
        done=lambda stage, place: SavedRow.objects.filter(subaccount=place, name="Fresh").exists(),
    ),
    Surface(
        name="savedrow: delete",
        at=EVERY_PLACE,
        url=thing("savedrow", "act/delete/"),
        ways=needs((ACCESS_CONTENT, HERE), (SAVE_ROWS, HERE)),
        done=_gone("savedrow"),
    ),
)

ON_CONTENT = (*LISTS, *ARCHIVE, *TEMPLATES)
