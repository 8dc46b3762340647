"""Which fields a subaccount's contacts have: create, rename, delete.

Whoever works in the audience shapes it, as with lists: no edition has a right of its own for this.
To delete a field deletes part of every contact, so it takes the right to delete contacts too, and
sight of all of them.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Func, JSONField
from django.utils.text import slugify

from permissions.errors import Invalid
from teams.catalogue import ACCESS_AUDIENCE, DELETE_CONTACTS, VIEW_CONTACTS
from teams.models import Contact, CustomField, Segment, Subaccount
from teams.services.base import service
from teams.services.contacts import sees_all
from teams.services.inputs import clean_text, expect, same_name
from teams.services.items import Work, at_work
from teams.services.rules import CODENAME, rules_of

MOST_FIELDS = 40
LABEL_LIMIT = 80
CODENAME_LIMIT = 40


@service
def create_field(*, actor: Any, subaccount: Subaccount, label: Any, kind: Any) -> CustomField:
    """Give the contacts of ``subaccount`` one more field, empty in all of them.

    Raises Refused, or Invalid: ALREADY_USED, TOO_MANY, WRONG_TYPE for an unknown kind.
    """
    place = expect(subaccount, Subaccount, "The subaccount")
    with at_work(actor, place, ACCESS_AUDIENCE, act="create a contact field") as work:
        if kind not in CustomField.Kind.values:
            kinds = ", ".join(str(label) for label in CustomField.Kind.labels)
            raise Invalid(f"Choose one of the types: {kinds}.", code="WRONG_TYPE")
        name = _clean_label(work, label)
        rows = CustomField.objects.filter(subaccount=work.subaccount)
        taken = set(rows.values_list("codename", flat=True))
        if len(taken) >= MOST_FIELDS:
            raise Invalid(
                f"{work.subaccount.name} has {MOST_FIELDS} fields, as many as fit. Delete one.",
                code="TOO_MANY",
            )
        field = CustomField.objects.create(
            account=work.account,
            subaccount=work.subaccount,
            codename=_free_codename(name, taken),
            label=name,
            kind=kind,
        )
        work.record("field.created", field, codename=field.codename, kind=kind)
    return field


@service
def rename_field(*, actor: Any, field: CustomField, label: Any) -> CustomField:
    """Give a field another name; values and rules stay. Raises Refused, or Invalid."""
    field = expect(field, CustomField, "The field")
    with at_work(actor, field, ACCESS_AUDIENCE, act="rename this field") as work:
        name = _clean_label(work, label, but=work.obj.pk)
        if name != work.obj.label:
            before, work.obj.label = work.obj.label, name
            work.obj.save(update_fields=["label"])
            work.record("field.renamed", work.obj, before=before, after=name)
    return work.obj


@service
def delete_field(*, actor: Any, field: CustomField) -> int:
    """Delete a field, and its value in every contact; return how many had one.

    Needs ``access_audience``, ``delete_contacts`` and sight of all contacts of the subaccount.
    Raises Refused, or Invalid (IN_USE) while a segment, archived or not, has a rule about it.
    """
    act = "delete this field"
    field = expect(field, CustomField, "The field")
    with at_work(actor, field, ACCESS_AUDIENCE, DELETE_CONTACTS, act=act) as work:
        if not sees_all(work.profile, work.account.pk, work.subaccount.pk):
            raise work.refusal(
                VIEW_CONTACTS,
                "every contact of {place} loses its value, and you do not see all of them",
            )
        found = work.obj
        if is_used(found):
            raise Invalid(
                f"{found.label} is used by a rule of a segment. Change or purge the segment first.",
                code="IN_USE",
            )
        rows = Contact.objects.filter(subaccount=work.subaccount, fields__has_key=found.codename)
        cleared = rows.update(fields=_Without("fields", key=found.codename))
        key, codename = found.pk, found.codename
        found.delete()
        found.pk = key  # the event names what is gone
        work.record("field.deleted", found, codename=codename, contacts=cleared)
    return cleared


def is_used(field: CustomField) -> bool:
    """Say whether a rule of a segment, archived or not, is about ``field``."""
    stored = Segment.objects.filter(subaccount=field.subaccount_id).values_list("rules", flat=True)
    read = (rules_of(rules) for rules in stored)
    return any(r.codename == field.codename for rules in read if rules for r in rules.rules)


def _clean_label(work: Work[Any], label: Any, *, but: Any = None) -> str:
    text = clean_text(label, "The name", limit=LABEL_LIMIT)
    rows = CustomField.objects.filter(subaccount=work.subaccount)
    for key, other in rows.values_list("pk", "label"):
        if same_name(text, other) and key != but:
            raise Invalid(
                "There is a field of that name already. Choose another name.", code="ALREADY_USED"
            )
    return text


def _free_codename(label: str, taken: set[str]) -> str:
    """Return a short name that begins with a letter: JSON takes digits alone as a position."""
    base = slugify(label).replace("-", "_").strip("_")
    base = base if CODENAME.match(base[:1]) else f"field_{base}".strip("_")
    base = base[: CODENAME_LIMIT - 4]
    return next(
        name
        for name in (base, *(f"{base}_{n}" for n in range(2, MOST_FIELDS + 3)))
        if name not in taken
    )


class _Without(Func):
    """A JSON object without one of its keys."""

    output_field = JSONField()

    def __init__(self, field: str, *, key: str) -> None:
        super().__init__(field)
        self.key = key

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **extra: Any) -> Any:
        """Compile for SQLite."""
        lhs, params = compiler.compile(self.source_expressions[0])
        return f"JSON_REMOVE({lhs}, %s)", [*params, f'$."{self.key}"']

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> tuple[str, list[Any]]:
        """Compile for PostgreSQL."""
        lhs, params = compiler.compile(self.source_expressions[0])
        return f"({lhs} - %s)", [*params, self.key]
