"""Contacts, their fields and segments, as ``truth_surfaces`` records them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from teams.catalogue import (
    ACCESS_AUDIENCE,
    ADD_CONTACTS,
    ASSIGN_TEAM_RESOURCES,
    CREATE_SEGMENTS,
    DELETE_CONTACTS,
    MANAGE_ACCOUNT_SETTINGS,
    PURGE_ARCHIVED,
    USE_AUDIENCE_BUILDER,
    VIEW_CONTACTS,
)
from teams.models import Account, Contact, CustomField, ListMembership, Segment
from tests.console.truth_record import (
    EVERY_PLACE,
    PLACES,
    WHOLE,
    Surface,
    changelist,
    needs,
    thing,
)
from tests.console.truth_stage import ACCOUNT, ANYWHERE, HERE, Stage

RULES = {"match": "all", "rules": [{"field": "first_name", "test": "is_filled", "value": ""}]}
KEEPS = needs((VIEW_CONTACTS, HERE), (ADD_CONTACTS, HERE))
KINDS = (
    ("contact", VIEW_CONTACTS),
    ("segment", ACCESS_AUDIENCE),
    ("customfield", ACCESS_AUDIENCE),
)
Done = Callable[[Stage, Any], bool]


def _in(kind: str, verb: str) -> Callable[[Stage, Any], str]:
    return lambda stage, place: f"/teams/{kind}/act/{verb}/{place.pk}/"


def _is(what: str, **values: Any) -> Done:
    def done(stage: Stage, place: Any) -> bool:
        obj = stage.get(what, place)
        return bool(type(obj)._default_manager.filter(pk=obj.pk, **values).exists())

    return done


def _gone(name: str) -> Done:
    return lambda stage, place: not _is(name)(stage, place)


def _on(mailing_list: str) -> Done:
    return lambda stage, place: ListMembership.objects.filter(
        contact=stage.get("contact", place), mailing_list=stage.get(mailing_list, place)
    ).exists()


PAGES = (
    *(
        Surface(
            name=f"{kind} list",
            at=WHOLE,
            url=changelist(kind),
            menu="/",
            ways=needs((permission, ANYWHERE)),
        )
        for kind, permission in KINDS
    ),
    *(
        Surface(
            name=f"{kind} page",
            at=EVERY_PLACE,
            url=thing(kind),
            menu=f"/teams/{kind}/",
            ways=needs((permission, HERE)),
        )
        for kind, permission in KINDS
    ),
    Surface(
        name="audience builder",
        at=EVERY_PLACE,
        url=_in("segment", "build"),
        ways=needs((ACCESS_AUDIENCE, ANYWHERE), (USE_AUDIENCE_BUILDER, HERE)),
    ),
)

CONTACTS = (
    Surface(
        name="contact: add",
        at=EVERY_PLACE,
        url=_in("contact", "add"),
        ways=needs((VIEW_CONTACTS, ANYWHERE), (ADD_CONTACTS, HERE)),
        data=lambda stage, place: {
            "mailing_list": stage.get("mailinglist", place).pk,
            "email": "fresh@readers.example",
        },
        done=lambda stage, place: Contact.objects.filter(
            subaccount=place, email="fresh@readers.example"
        ).exists(),
    ),
    Surface(
        name="contact: edit",
        at=EVERY_PLACE,
        url=thing("contact", "act/edit/"),
        ways=KEEPS,
        data=lambda stage, place: {
            "email": stage.get("contact", place).email,
            "first_name": "Fresh",
        },
        done=_is("contact", first_name="Fresh"),
    ),
    Surface(
        name="contact: put",
        at=PLACES,
        url=thing("contact", "act/put/"),
        ways=KEEPS,
        data=lambda stage, place: {"mailing_list": stage.get("spare_list", place).pk},
        done=_on("spare_list"),
    ),
    Surface(
        name="contact: take",
        at=PLACES,
        url=lambda stage, place: (
            f"{thing('contact', 'act/take/')(stage, place)}{stage.get('mailinglist', place).pk}/"
        ),
        ways=KEEPS,
        done=lambda stage, place: not _on("mailinglist")(stage, place),
    ),
    Surface(
        name="contact: unsubscribe",
        at=PLACES,
        url=thing("contact", "act/unsubscribe/"),
        ways=KEEPS,
        done=_is("contact", status="unsubscribed"),
    ),
)

SEGMENTS = (
    Surface(
        name="segment: create",
        at=EVERY_PLACE,
        url=_in("segment", "create"),
        ways=needs((ACCESS_AUDIENCE, ANYWHERE), (CREATE_SEGMENTS, HERE)),
        data=lambda stage, place: {"name": "Fresh", "rules": json.dumps(RULES)},
        done=lambda stage, place: Segment.objects.filter(subaccount=place, name="Fresh").exists(),
    ),
    Surface(
        name="segment: edit",
        at=EVERY_PLACE,
        url=thing("segment", "act/edit/"),
        ways=needs((ACCESS_AUDIENCE, HERE), (CREATE_SEGMENTS, HERE)),
        data=lambda stage, place: {"name": "Fresh", "rules": json.dumps(RULES)},
        done=_is("segment", name="Fresh", rules=RULES),
    ),
)

FIELDS = (
    Surface(
        name="customfield: create",
        at=PLACES,
        url=_in("customfield", "create"),
        ways=needs((ACCESS_AUDIENCE, HERE)),
        data=lambda stage, place: {"label": "Fresh", "kind": "date"},
        done=lambda stage, place: CustomField.objects.filter(
            subaccount=place, label="Fresh"
        ).exists(),
    ),
    Surface(
        name="customfield: rename",
        at=PLACES,
        url=thing("customfield", "act/rename/"),
        ways=needs((ACCESS_AUDIENCE, HERE)),
        data=lambda stage, place: {"label": "Fresh"},
        done=_is("customfield", label="Fresh"),
    ),
    Surface(
        name="customfield: delete",
        at=PLACES,
        url=thing("customfield", "act/delete/"),
        ways=needs((ACCESS_AUDIENCE, HERE), (DELETE_CONTACTS, HERE)),
        unlike={
            "sailthru": needs(
                (ACCESS_AUDIENCE, HERE), (DELETE_CONTACTS, HERE), (ASSIGN_TEAM_RESOURCES, HERE)
            )
        },
        done=_gone("customfield"),
        why="it takes sight of every contact, which teams leave to those who assign",
    ),
)

ARCHIVE = tuple(
    surface
    for kind, view, delete in (
        ("contact", VIEW_CONTACTS, DELETE_CONTACTS),
        ("segment", ACCESS_AUDIENCE, CREATE_SEGMENTS),
    )
    for surface in (
        Surface(
            name=f"{kind}: archive",
            at=PLACES,
            url=thing(kind, "act/archive/"),
            ways=needs((view, HERE), (delete, HERE)),
            done=_is(kind, archived_at__isnull=False),
        ),
        Surface(
            name=f"{kind}: restore",
            at=PLACES,
            url=lambda stage, place, kind=kind: (
                f"/teams/{kind}/{stage.get(f'old_{kind}', place).pk}/act/restore/"
            ),
            ways=needs((view, HERE), (delete, HERE)),
            done=_is(f"old_{kind}", archived_at=None),
        ),
        Surface(
            name=f"{kind}: purge",
            at=PLACES,
            url=lambda stage, place, kind=kind: (
                f"/teams/{kind}/{stage.get(f'old_{kind}', place).pk}/act/purge/"
            ),
            ways=needs((view, HERE), (PURGE_ARCHIVED, HERE)),
            data=lambda stage, place, kind=kind: {"confirm": str(stage.get(f"old_{kind}", place))},
            done=_gone(f"old_{kind}"),
        ),
    )
)

ON_THE_MASK = (
    Surface(
        name="account: masking",
        at=WHOLE,
        url=lambda stage, place: f"/teams/account/{stage.account.pk}/act/masking/",
        ways=needs((MANAGE_ACCOUNT_SETTINGS, ACCOUNT)),
        data=lambda stage, place: {"on": "on"},
        done=lambda stage, place: Account.objects.get(pk=stage.account.pk).masks_addresses,
    ),
)

ON_CONTACTS = (*CONTACTS, *SEGMENTS, *FIELDS, *ARCHIVE, *ON_THE_MASK)
