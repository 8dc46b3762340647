"""What a fact is: the columns that every kind of it has."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.db import models
from django.db.models import BigIntegerField, F, QuerySet, TextField, Value
from django.db.models.functions import Cast, JSONObject

#: what the rules and every page need to know of an account, so that nobody asks for it again
DETAILS = (
    "slug", "name", "edition", "owner_id", "accent", "masks_addresses",
    "team_mode", "single_bill", "reseller", "read_only_because",
    "seat_limit",
)  # fmt: skip

#: the columns after ``kind`` and ``person``, each with what it holds
COLUMNS: dict[str, type[models.Field[Any, Any]]] = {
    "root": BigIntegerField,
    "place": BigIntegerField,
    "ref": BigIntegerField,
    "label": TextField,
    "more": TextField,
}


class Row(NamedTuple):
    """One fact. What it says beyond its keys depends on ``kind`` and stands in ``more`` as JSON.

    ``root``, ``place`` and ``ref`` are keys, None where the kind has none; ``ref`` of a login is 1
    with a second factor. ``person`` is the key
    of whom it is about; None for what is true of an account, whoever asks. ``label`` is the name
    of the place, or of a guest's object the key as text.
    """

    kind: str
    person: Any
    root: Any
    place: Any
    ref: Any
    label: str | None
    more: str | None


def branch(queryset: QuerySet[Any], kind: str, person: str = "", **given: Any) -> QuerySet[Any]:
    """Bring ``queryset`` into the columns of ``Row``; a string names a field.

    The first branch of the union, about logins, gives every column its type. The others need no
    casts: a statement this long is read and planned each time, and what it does not say is free.
    """
    nothing = Value(None, TextField())
    columns = [
        F(given[name]) if isinstance(given.get(name), str) else given.get(name, nothing)
        for name in COLUMNS
    ]
    whom = F(person) if person else nothing
    return queryset.order_by().values_list(Value(kind, TextField()), whom, *columns)


def json_of(**facts: str | Cast) -> Cast:
    """Return the JSON object of these fields as text: databases differ in what else they return."""
    found = {name: F(path) if isinstance(path, str) else path for name, path in facts.items()}
    return Cast(JSONObject(**found), TextField())


def details_of(path: str = "", *, factors: bool) -> dict[str, str | Cast]:
    """Return what is read of an account; with ``factors``, of whom a second factor is asked."""
    found: dict[str, str | Cast] = {name: f"{path}{name}" for name in DETAILS}
    if factors:
        found["second_factor"] = Cast(F(f"{path}second_factor"), TextField())
    return found


@cache
def login_fields() -> tuple[models.Field[Any, Any], ...]:
    """Return the columns of a login that say who it is: text, numbers and flags, no password.

    What JSON has no value for (dates) is read when somebody asks for it.
    """
    plain = (
        models.CharField,
        models.TextField,
        models.BooleanField,
        models.IntegerField,
        models.UUIDField,
    )
    fields = get_user_model()._meta.concrete_fields
    return tuple(f for f in fields if isinstance(f, plain) and f.name != "password")
