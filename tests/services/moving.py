"""Files of contacts, made and carried through: shared by tests of imports and exports."""

from __future__ import annotations

import io
from typing import Any

from teams.models import Contact, ContactImport, CustomField, ListMembership, MailingList
from teams.services import import_work, imports

USUAL = {"Address": "email", "First name": "first_name", "Last name": "last_name"}


def upload(actor: Any, where: Any, text: str | bytes, **more: Any) -> ContactImport:
    """Upload ``text`` for a subaccount or a list."""
    raw = text.encode() if isinstance(text, str) else text
    target: dict[str, Any] = {"subaccount": where}
    if isinstance(where, MailingList):
        target = {"subaccount": where.subaccount, "mailing_list": where}
    return imports.upload_import(
        actor=actor, file=io.BytesIO(raw), **{"name": "people.csv", **target, **more}
    )


def start(actor: Any, job: ContactImport, **more: Any) -> ContactImport:
    """Start ``job`` with the columns that have a usual heading; run nothing yet."""
    headings = imports.preview(job).headings
    mapping = {heading: USUAL.get(heading, "") for heading in headings} | more.pop("mapping", {})
    return imports.start_import(actor=actor, contact_import=job, mapping=mapping, **more)


def bring_in(actor: Any, where: Any, text: str | bytes, **more: Any) -> ContactImport:
    """Upload, start and carry out; return how it ended."""
    job = start(actor, upload(actor, where, text), **more)
    import_work.run_import(job.pk)
    return ContactImport.objects.get(pk=job.pk)


def undo(actor: Any, job: ContactImport) -> ContactImport:
    """Undo an import to its end."""
    imports.undo_import(actor=actor, contact_import=job)
    import_work.run_import(job.pk)
    return ContactImport.objects.get(pk=job.pk)


def field(subaccount: Any, codename: str, kind: str = "text", **more: Any) -> CustomField:
    """Return a new custom field of ``subaccount``."""
    return CustomField.objects.create(
        account=subaccount.account,
        subaccount=subaccount,
        codename=codename,
        label=more.get("label", codename.title()),
        kind=kind,
    )


def put_on(mailing_list: MailingList, *contacts: Contact) -> None:
    """Put ``contacts`` on a list."""
    for contact in contacts:
        ListMembership.objects.create(
            subaccount=mailing_list.subaccount, contact=contact, mailing_list=mailing_list
        )


def addresses(subaccount: Any) -> set[str]:
    """Return every address there."""
    return set(Contact.objects.filter(subaccount=subaccount).values_list("email", flat=True))
