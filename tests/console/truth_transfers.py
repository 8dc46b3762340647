"""Files of contacts in and out, as ``truth_surfaces`` records them.

A job is seen by whoever asked for it alone: the stage holds some of the person's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from teams.catalogue import ACCESS_AUDIENCE, ADD_CONTACTS, EXPORT_CONTACTS
from teams.models import ContactExport, ContactImport
from tests.console.truth_record import EVERY_PLACE, PLACES, WHOLE, Surface, changelist, needs, thing
from tests.console.truth_stage import ANYWHERE, HERE, Stage

OWN = (("contactimport", ADD_CONTACTS), ("contactexport", EXPORT_CONTACTS))

PAGES = (
    *(
        Surface(
            name=f"{kind} list",
            at=WHOLE,
            url=changelist(kind),
            menu="/",
            ways=needs((permission, ANYWHERE)),
        )
        for kind, permission in OWN
    ),
    *(
        Surface(
            name=f"{kind} page",
            at=EVERY_PLACE,
            url=thing(kind),
            menu=f"/teams/{kind}/",
            ways=needs((permission, HERE)),
        )
        for kind, permission in OWN
    ),
)


def _file() -> Any:
    return SimpleUploadedFile("new.csv", b"Address\nnew@readers.example\n")


def _uploaded(stage: Stage, place: Any) -> bool:
    return ContactImport.objects.filter(subaccount=place, original_name="new.csv").exists()


def _exported(stage: Stage, place: Any) -> bool:
    known = stage.get("contactexport", place).pk
    return ContactExport.objects.filter(subaccount=place, status="done", pk__gt=known).exists()


def _import_is(name: str, status: str) -> Callable[[Stage, Any], bool]:
    return lambda stage, place: (
        ContactImport.objects.get(pk=stage.get(name, place).pk).status == status
    )


def _gone(name: str) -> Callable[[Stage, Any], bool]:
    def done(stage: Stage, place: Any) -> bool:
        row = stage.get(name, place)
        return not type(row)._default_manager.filter(pk=row.pk).exists()

    return done


def _own(name: str, kind: str, verb: str) -> Callable[[Stage, Any], str]:
    return lambda stage, place: f"/teams/{kind}/{stage.get(name, place).pk}/act/{verb}/"


ON_FILES = (
    Surface(
        name="contactimport: upload",
        at=PLACES,
        url=lambda stage, place: f"/teams/contactimport/act/upload/{place.pk}/",
        ways=needs((ADD_CONTACTS, HERE)),
        data=lambda stage, place: {
            "file": _file(),
            "mailing_list": stage.get("mailinglist", place).pk,
        },
        done=_uploaded,
        why="onto a list, as whoever teams limit must",
    ),
    Surface(
        name="contactimport: start",
        at=PLACES,
        url=_own("contactimport", "contactimport", "start"),
        ways=needs((ADD_CONTACTS, HERE)),
        data=lambda stage, place: {"column_0": "email"},
        done=_import_is("contactimport", "waiting"),
    ),
    Surface(
        name="contactimport: discard",
        at=PLACES,
        url=_own("contactimport", "contactimport", "discard"),
        ways=needs((ADD_CONTACTS, HERE)),
        done=_gone("contactimport"),
    ),
    Surface(
        name="contactimport: undo",
        at=PLACES,
        url=_own("imported", "contactimport", "undo"),
        ways=needs((ADD_CONTACTS, HERE)),
        done=_import_is("imported", "undoing"),
    ),
    Surface(
        name="contactexport: export",
        at=PLACES,
        url=lambda stage, place: f"/teams/contactexport/act/export/{place.pk}/",
        ways=needs((EXPORT_CONTACTS, HERE)),
        data=lambda stage, place: {"what": ""},
        done=_exported,
        answers=200,
        why="a small one is the answer itself; of addresses in it, see test_transfers.py",
    ),
    Surface(
        name="contactexport: remove",
        at=PLACES,
        url=_own("contactexport", "contactexport", "remove"),
        ways=needs((EXPORT_CONTACTS, HERE)),
        done=_gone("contactexport"),
    ),
    Surface(
        name="mailinglist: import",
        at=PLACES,
        url=thing("mailinglist", "act/import/"),
        ways=needs((ACCESS_AUDIENCE, HERE), (ADD_CONTACTS, HERE)),
        data=lambda stage, place: {"file": _file()},
        done=_uploaded,
    ),
    Surface(
        name="mailinglist: export",
        at=PLACES,
        url=thing("mailinglist", "act/export/"),
        ways=needs((ACCESS_AUDIENCE, HERE), (EXPORT_CONTACTS, HERE)),
        done=_exported,
        answers=200,
    ),
)

#: verbs of files that no record tries, and why
UNTRIED: Mapping[tuple[str, str], str] = {
    (kind, "continue"): "offered for a job that stands still, see test_transfers.py"
    for kind, _permission in OWN
}
