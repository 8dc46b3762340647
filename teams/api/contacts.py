"""Contacts of the key's subaccount; their addresses as far as the key may take them out.

Without ``export_pii`` an address is its MD5, and no name or field says one, as in exported files;
where pages mask addresses, to keys without ``export_contacts`` it is nothing.
There is no search and no order by anything personal, for nobody: a filter would tell what a mask
hides.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from permissions import access
from permissions.errors import Invalid, NotFound
from teams import services
from teams.addresses import LEFT_OUT, holds_address
from teams.api.base import Rows, key_of
from teams.api.description import ARCHIVED, operation, page_of
from teams.api.fields import Address, Body, Nothing, Number, Text, read
from teams.api.pagination import PARAMETERS
from teams.catalogue import ACCESS_AUDIENCE, EXPORT_CONTACTS, VIEW_CONTACTS
from teams.models import Contact, MailingList
from teams.services.export_rows import hashed
from teams.services.fields import as_text
from teams.services.masking import masks


class ContactShape(serializers.Serializer):
    """A subscriber."""

    id = serializers.IntegerField()
    address = serializers.CharField(allow_null=True, help_text="Null without `export_pii`.")
    address_md5 = serializers.CharField(
        allow_null=True,
        help_text=(
            "Of the trimmed, lower-cased address. Null where the account masks addresses and the "
            "key has neither `export_pii` nor `export_contacts`."
        ),
    )
    first_name = serializers.CharField(allow_blank=True)
    last_name = serializers.CharField(allow_blank=True)
    custom = serializers.DictField(help_text="The subaccount's own fields, by short name.")
    status = serializers.ChoiceField(Contact.Status.choices)
    unsubscribed_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    archived_at = serializers.DateTimeField(allow_null=True)


class Value(serializers.JSONField):
    """One value of a contact's own field: text, true or false, or null for none."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the value."""
        if not isinstance(data, str | bool):
            self.fail("invalid")
        return data


class ContactChange(Body):
    """What may be changed of a contact; what is not named stays, each own field too."""

    address = Address(required=False, max_length=254)
    first_name = Text(required=False, max_length=80, allow_blank=True)
    last_name = Text(required=False, max_length=80, allow_blank=True)
    custom = serializers.DictField(child=Value(allow_null=True), required=False)


class NewContact(ContactChange):
    """A contact to add, to a list or to the subaccount."""

    address = Address(max_length=254)
    list = Number(required=False)


class ContactRows(Rows):
    """The contacts that the key may look at, as the console shows them."""

    names_contacts = True

    def rows(self) -> QuerySet[Contact]:
        """Return the contacts."""
        self.require(VIEW_CONTACTS, act="look at contacts")
        inside = Contact.objects.filter(subaccount=self.subaccount)
        return access.visible(inside, self.actor, VIEW_CONTACTS)

    @property
    def tells_hashes(self) -> bool:
        """Say whether this key gets the hashes of addresses: as the pages and files of its creator.

        Whoever has a hash can try an address on it, and masks tell nobody whether one is there.
        """
        is_masked = masks(self.account, self.profile, self.subaccount.pk)
        return not is_masked or self.holds(EXPORT_CONTACTS)

    def shown(self, row: Contact) -> dict[str, Any]:
        """Return a contact."""
        return {
            "id": row.pk,
            "address": None if self.is_hashed else row.email,
            "address_md5": hashed(row.email) if self.tells_hashes else None,
            "first_name": self._open(row, row.first_name),
            "last_name": self._open(row, row.last_name),
            "custom": {name: self._open(row, value) for name, value in row.fields.items()},
            "status": row.status,
            "unsubscribed_at": row.unsubscribed_at,
            "created_at": row.created_at,
            "archived_at": row.archived_at,
        }

    def _open(self, row: Contact, value: Any) -> Any:
        hides = self.is_hashed and holds_address(as_text(value), row.email)
        return LEFT_OUT if hides else value

    def list_of(self, pk: int | None) -> MailingList:
        """Return a list that the key sees. Raises NotFound, alike for foreign and missing."""
        inside = MailingList.objects.filter(subaccount=self.subaccount)
        seen = access.visible(inside, self.actor, ACCESS_AUDIENCE)
        found = seen.filter(pk=pk).first() if pk is not None else None
        if found is None:
            raise NotFound("There is no such list.")
        return found

    def refuse_masks(self, said: dict[str, Any]) -> None:
        """Refuse to write what stands in place of something this key was not shown."""
        written = (said.get("first_name"), said.get("last_name"), *said.get("custom", {}).values())
        if LEFT_OUT in written:
            raise Invalid(
                f"{LEFT_OUT} stands for what this key is not shown. Leave that field out to keep "
                "what is there.",
                code="LEFT_OUT",
            )


class Contacts(ContactRows):
    """All contacts, or those on a list."""

    query: ClassVar[tuple[str, ...]] = ("list", "status", "archived", *PARAMETERS)

    @operation(
        "contacts_list",
        "List contacts",
        "Contacts",
        page_of(ContactShape, "Contact"),
        is_list=True,
        query=[
            OpenApiParameter("list", int, description="The `id` of a list: only those on it."),
            OpenApiParameter("status", str, enum=Contact.Status.values),
            ARCHIVED,
        ],
    )
    def get(self, request: Request) -> Response:
        """Answer a page of contacts."""
        rows = self.put_away(self.rows())
        if (status := self.chosen("status", Contact.Status.values)) is not None:
            rows = rows.filter(status=status)
        if (text := request.query_params.get("list")) is not None:
            rows = rows.filter(lists=self.list_of(key_of(text)))
        return self.listed(rows)

    @operation(
        "contacts_create",
        "Add a contact",
        "Contacts",
        ContactShape,
        status=201,
        body=NewContact,
        changes=True,
        is_new=True,
        example={"address": "ana@example.com", "first_name": "Ana", "list": 1},
        note="One who is there already comes onto the list as they are.",
    )
    def post(self, request: Request) -> Response:
        """Add a contact."""
        said = read(NewContact, request)

        def act() -> Response:
            self.refuse_masks(said)
            where = self.list_of(said["list"]) if "list" in said else self.subaccount
            made = services.add_contact(
                actor=self.actor,
                where=where,
                email=said["address"],
                first_name=said.get("first_name", ""),
                last_name=said.get("last_name", ""),
                fields=said.get("custom"),
            )
            return self.answer(made, 201)

        return self.once("add_contact", act)


class OneContact(ContactRows):
    """One contact."""

    @operation("contacts_get", "Show a contact", "Contacts", ContactShape)
    def get(self, request: Request, pk: int) -> Response:
        """Answer one contact."""
        return Response(self.shown(self.found(pk)))

    @operation(
        "contacts_change",
        "Change what is known of a contact",
        "Contacts",
        ContactShape,
        body=ContactChange,
        changes=True,
        example={"first_name": "Ana", "custom": {"city": "Madrid"}},
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Change what is named."""
        said = read(ContactChange, request)

        def act() -> Response:
            self.refuse_masks(said)
            row = self.found(pk)
            services.edit_contact(
                actor=self.actor,
                contact=row,
                email=said.get("address"),
                first_name=said.get("first_name"),
                last_name=said.get("last_name"),
                fields=said.get("custom"),
            )
            return self.answer(row)

        return self.once("edit_contact", act)


class Unsubscribe(ContactRows):
    """Marks a contact as unsubscribed."""

    @operation(
        "contacts_unsubscribe",
        "Unsubscribe a contact, because they asked for it",
        "Contacts",
        ContactShape,
        body=Nothing,
        changes=True,
        is_new=True,
        note="Only they themselves can subscribe again.",
    )
    def post(self, request: Request, pk: int) -> Response:
        """Unsubscribe them."""
        read(Nothing, request)

        def act() -> Response:
            row = self.found(pk)
            state = Contact.Status.UNSUBSCRIBED
            services.set_subscription(actor=self.actor, contact=row, status=state)
            return self.answer(row)

        return self.once("set_subscription", act)
