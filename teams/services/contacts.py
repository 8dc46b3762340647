"""Contacts: add, edit, put on lists, take off them, unsubscribe.

An address is there once in a subaccount, whatever the case of its letters. A contact that the
actor sees comes onto a list as it is when its address is added again. One that they do not see
comes nowhere: else whoever guesses an address would read the name and fields that go with it, and
could edit the contact. The refusal tells one bit, that the address is known here, which cannot be
kept from somebody who adds it, and nothing else; it is recorded as any refusal. Only who sees
every contact of the subaccount gives one another address; and where addresses are masked nobody
who sees the mask does either, nor adds one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models.functions import Lower
from django.db.models.lookups import Exact
from django.utils import timezone

from permissions.audit import ref_of
from permissions.errors import Invalid, NotFound, OutOfScope
from permissions.profile import Profile
from permissions.resources import registry
from teams.addresses import in_ascii
from teams.catalogue import ADD_CONTACTS, ASSIGN_TEAM_RESOURCES, VIEW_CONTACTS
from teams.models import Contact, ListMembership, MailingList, Subaccount
from teams.services.base import service
from teams.services.fields import clean_fields, clean_line, fields_of
from teams.services.inputs import expect
from teams.services.items import Work, at_work, refuse_put_away
from teams.services.masking import require_addresses
from teams.services.suppression import state_of, suppress, suppressed

NAME_LIMIT = 80
ADDRESS_LIMIT = 254
NAMES = {"first_name": "The first name", "last_name": "The last name"}
#: the one thing that is said of a contact whom the actor does not see
CANNOT_ADD = "This address cannot be added here. Ask somebody who sees all contacts."


def _expect(contact: Any) -> Contact:
    return expect(contact, Contact, "The contact")


def sees_all(profile: Profile, root: Any, place: Any) -> bool:
    """Say whether the person sees every contact of the subaccount ``place`` of account ``root``."""
    lists = registry.of(MailingList)
    return place in profile.scope(root, VIEW_CONTACTS) and not profile.is_limited(
        lists, root, place
    )


def clean_address(value: Any) -> str:
    """Return an address as it is stored: trimmed, its domain in small letters and ASCII (IDNA), for
    one may be written two ways and would be two contacts.

    Raises Invalid (WRONG_TYPE, NOT_TEXT, TOO_LONG, NOT_AN_ADDRESS), not repeating what was typed.
    """
    text = clean_line(value, "The address", limit=ADDRESS_LIMIT)
    try:
        validate_email(text)
        written = in_ascii(text)
        written.encode("ascii")  # two letters beyond it count as s and k, and their case as nothing
        validate_email(written)
    except (ValidationError, UnicodeError):
        raise Invalid(
            "The address must be an e-mail address such as ana@example.com.", code="NOT_AN_ADDRESS"
        ) from None
    return clean_line(written, "The address", limit=ADDRESS_LIMIT)


@service
def add_contact(
    *,
    actor: Any,
    where: Subaccount | MailingList,
    email: Any,
    first_name: Any = "",
    last_name: Any = "",
    fields: Mapping[str, Any] | None = None,
) -> Contact:
    """Add a contact to a subaccount, or to one of its lists, which a guest of a list must name and
    whoever sees some lists only.

    A contact with that address comes onto the list as it is, brought back if it had been put away,
    still unsubscribed if it was, as is one who unsubscribed and was purged. Raises Refused
    (CANNOT_ADD if there is one that the actor does not see), or Invalid: LIST_NEEDED, ARCHIVED,
    ALREADY_USED, what ``clean_address`` and ``clean_fields`` raise.
    """
    if not isinstance(where, Subaccount | MailingList):
        raise Invalid("Name a subaccount or a list to add to.", code="WRONG_TYPE")
    with at_work(actor, where, ADD_CONTACTS, act="add a contact") as work:
        mailing_list = work.obj if isinstance(work.obj, MailingList) else None
        if mailing_list is not None:
            refuse_put_away(mailing_list)
        elif work.profile.is_limited(registry.of(MailingList), work.account.pk, work.subaccount.pk):
            raise Invalid(
                "Choose a list: you see the contacts of your teams' lists only.",
                code="LIST_NEEDED",
            )
        require_addresses(work)
        address = clean_address(email)
        made = {
            "first_name": clean_line(first_name, NAMES["first_name"], limit=NAME_LIMIT),
            "last_name": clean_line(last_name, NAMES["last_name"], limit=NAME_LIMIT),
            "fields": clean_fields(fields_of(work.subaccount), {} if fields is None else fields),
        }
        contact = _found(work.subaccount, address)
        if contact is None:
            left_at = suppressed(work.subaccount, [address]).get(address.lower())
            contact = Contact.objects.create(
                account=work.account,
                subaccount=work.subaccount,
                email=address,
                **made,
                **state_of(left_at),
            )
            work.record("contact.added", contact, fields=sorted(made["fields"]))
        else:
            _bring_back(work, contact, mailing_list)
        if mailing_list is not None:
            _join(work, contact, mailing_list)
    return contact


def _found(subaccount: Subaccount, address: str) -> Contact | None:
    # by the expression that the unique index is made of
    same = Exact(Lower("email"), address.lower())
    return Contact.objects.filter(same, subaccount=subaccount).first()


def _bring_back(work: Work[Any], contact: Contact, mailing_list: MailingList | None) -> None:
    """Restore a contact that is added again; refuse one that is there already, or not seen."""
    if not work.allows(VIEW_CONTACTS, contact):
        refusal = OutOfScope(CANNOT_ADD, code="CANNOT_ADD")
        refusal.account = work.account
        raise refusal
    if contact.is_archived:
        contact.archived_at = None
        contact.save(update_fields=["archived_at"])
        work.record("contact.restored", contact)
    elif mailing_list is None or is_on(contact, mailing_list):
        here = work.subaccount.name if mailing_list is None else mailing_list.name
        raise Invalid(
            f"{contact} has this address in {here} already. Edit that contact instead.",
            code="ALREADY_USED",
        )


def is_on(contact: Contact, mailing_list: MailingList) -> bool:
    """Say whether ``contact`` is on ``mailing_list``."""
    return ListMembership.objects.filter(contact=contact, mailing_list=mailing_list).exists()


def _join(work: Work[Any], contact: Contact, mailing_list: MailingList) -> None:
    _row, is_new = ListMembership.objects.get_or_create(
        contact=contact, mailing_list=mailing_list, defaults={"subaccount": work.subaccount}
    )
    if is_new:
        work.record("contact.listed", contact, list=ref_of(mailing_list))


@service
def edit_contact(
    *,
    actor: Any,
    contact: Contact,
    email: Any = None,
    first_name: Any = None,
    last_name: Any = None,
    fields: Mapping[str, Any] | None = None,
) -> Contact:
    """Change what is known of a contact; None leaves it, and so does a field that is not named.

    Needs ``view_contacts`` and ``add_contacts`` (no edition has a right to change that is not one
    to add); another address needs sight of every contact of the subaccount, unmasked. Raises
    Refused, or Invalid: ARCHIVED, ALREADY_USED and what cleaning raises.
    """
    act = "edit this contact"
    with at_work(actor, _expect(contact), VIEW_CONTACTS, ADD_CONTACTS, act=act) as work:
        found = work.obj
        refuse_put_away(found)
        new: dict[str, Any] = {}
        for name, value in (("first_name", first_name), ("last_name", last_name)):
            if value is not None:
                new[name] = clean_line(value, NAMES[name], limit=NAME_LIMIT)
        if fields is not None:
            known = fields_of(work.subaccount)
            kept = {k: v for k, v in found.fields.items() if k not in fields}
            new["fields"] = kept | clean_fields(known, fields)
        if email is not None:
            new["email"] = _other_address(work, email)
            new |= _state_with(found, new["email"])
        changed = sorted(name for name, value in new.items() if getattr(found, name) != value)
        if changed:
            for name in changed:
                setattr(found, name, new[name])
            found.save(update_fields=changed)
            work.record("contact.edited", found, changed=changed)
    return found


def _state_with(contact: Contact, address: str) -> dict[str, Any]:
    """Return the state that comes with another address; remember the old one if it left."""
    if address.lower() == contact.email.lower():
        return {}
    suppress(contact)
    if contact.status == Contact.Status.UNSUBSCRIBED:
        return {}
    return state_of(suppressed(contact.subaccount_id, [address]).get(address.lower()))


def _other_address(work: Work[Contact], email: Any) -> str:
    """Return the address, if the actor may give it: where it is taken, the error tells of whom."""
    work.act = "change the address of this contact"
    require_addresses(work)
    address = clean_address(email)
    if address == work.obj.email:
        return address
    if not sees_all(work.profile, work.account.pk, work.subaccount.pk):
        raise work.refusal(
            ASSIGN_TEAM_RESOURCES,
            "you see some contacts of {place} only, and the address may be another's. Add the new "
            "address as a contact instead",
        )
    other = _found(work.subaccount, address)
    if other is not None and other.pk != work.obj.pk:
        raise Invalid(
            f"{other} has this address already. An address is there once in a subaccount.",
            code="ALREADY_USED",
        )
    return address


@service
def put_on_list(*, actor: Any, contact: Contact, mailing_list: MailingList) -> Contact:
    """Put a contact on a list of its subaccount.

    Needs ``view_contacts`` on the contact and ``add_contacts`` on the list. Raises Refused, or
    Invalid: ARCHIVED, ALREADY_SO.
    """
    with at_work(actor, _expect(contact), VIEW_CONTACTS, act="put a contact on this list") as work:
        target = _own_list(work, mailing_list)
        refuse_put_away(work.obj)
        refuse_put_away(target)
        if is_on(work.obj, target):
            raise Invalid(f"{work.obj} is on {target} already.", code="ALREADY_SO")
        _join(work, work.obj, target)
    return work.obj


@service
def take_off_list(*, actor: Any, contact: Contact, mailing_list: MailingList) -> Contact:
    """Take a contact off a list, by the same rights. Raises Refused, or Invalid (ALREADY_SO)."""
    with at_work(
        actor, _expect(contact), VIEW_CONTACTS, act="take a contact off this list"
    ) as work:
        target = _own_list(work, mailing_list)
        gone, _rows = ListMembership.objects.filter(contact=work.obj, mailing_list=target).delete()
        if not gone:
            raise Invalid(f"{work.obj} is not on {target}.", code="ALREADY_SO")
        work.record("contact.unlisted", work.obj, list=ref_of(target))
    return work.obj


def _own_list(work: Work[Contact], mailing_list: Any) -> MailingList:
    """Return the list as it is stored, if it is one of the contact's subaccount the actor sees."""
    target = expect(mailing_list, MailingList, "The list")
    if target.subaccount_id != work.subaccount.pk:
        raise NotFound("There is no such mailing list.")
    work.require(ADD_CONTACTS, target)
    return target


@service
def set_subscription(*, actor: Any, contact: Contact, status: Any) -> Contact:
    """Mark a contact as unsubscribed, because they asked for it: no campaign goes to them again.

    Needs ``view_contacts`` and ``add_contacts``. Raises Refused, or Invalid: WRONG_TYPE,
    ALREADY_SO, and ONLY_THE_CONTACT for the way back, which is theirs alone.
    """
    act = "change the subscription of this contact"
    with at_work(actor, _expect(contact), VIEW_CONTACTS, ADD_CONTACTS, act=act) as work:
        found = work.obj
        if status not in Contact.Status.values:
            raise Invalid("A contact is either subscribed or unsubscribed.", code="WRONG_TYPE")
        if status == found.status:
            raise Invalid(f"{found} is {status} already.", code="ALREADY_SO")
        if status == Contact.Status.SUBSCRIBED:
            raise Invalid(
                f"{found} unsubscribed. Only they themselves can subscribe again, by the link in a "
                "message they got.",
                code="ONLY_THE_CONTACT",
            )
        found.status = Contact.Status.UNSUBSCRIBED
        found.unsubscribed_at = timezone.now()
        found.save(update_fields=["status", "unsubscribed_at"])
        work.record("contact.unsubscribed", found)
    return found
