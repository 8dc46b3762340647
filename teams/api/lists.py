"""Mailing lists of the key's subaccount."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from permissions import access
from teams import services
from teams.api.base import Rows
from teams.api.description import ARCHIVED, operation, page_of
from teams.api.fields import Body, Choice, Text, read
from teams.api.pagination import PARAMETERS
from teams.catalogue import ACCESS_AUDIENCE
from teams.models import MailingList


class ListShape(serializers.Serializer):
    """A mailing list."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    short_name = serializers.CharField()
    type = serializers.ChoiceField(MailingList.Kind.choices)
    created_at = serializers.DateTimeField()
    archived_at = serializers.DateTimeField(allow_null=True)


class NewList(Body):
    """A list to make."""

    name = Text(max_length=120)
    type = Choice(MailingList.Kind.choices, required=False)


class ListChange(Body):
    """What may be changed of a list; what is not named stays."""

    name = Text(required=False, max_length=120)
    type = Choice(MailingList.Kind.choices, required=False)


class ListRows(Rows):
    """The lists that the key may look at, as the console shows them."""

    def rows(self) -> QuerySet[MailingList]:
        """Return the lists."""
        self.require(ACCESS_AUDIENCE, act="look at lists")
        inside = MailingList.objects.filter(subaccount=self.subaccount)
        return access.visible(inside, self.actor, ACCESS_AUDIENCE)

    def shown(self, row: MailingList) -> dict[str, Any]:
        """Return a list."""
        return {
            "id": row.pk,
            "name": row.name,
            "short_name": row.slug,
            "type": row.kind,
            "created_at": row.created_at,
            "archived_at": row.archived_at,
        }


class Lists(ListRows):
    """All lists."""

    query: ClassVar[tuple[str, ...]] = ("archived", *PARAMETERS)

    @operation(
        "lists_list",
        "List mailing lists",
        "Lists",
        page_of(ListShape, "List"),
        is_list=True,
        query=[ARCHIVED],
    )
    def get(self, request: Request) -> Response:
        """Answer a page of lists."""
        return self.listed(self.put_away(self.rows()))

    @operation(
        "lists_create",
        "Make a mailing list",
        "Lists",
        ListShape,
        status=201,
        body=NewList,
        changes=True,
        is_new=True,
        example={"name": "Newsletter"},
    )
    def post(self, request: Request) -> Response:
        """Make a list."""
        said = read(NewList, request)

        def act() -> Response:
            made = services.create_list(
                actor=self.actor,
                subaccount=self.subaccount,
                name=said["name"],
                kind=said.get("type", MailingList.Kind.PRIMARY),
            )
            return self.answer(made, 201)

        return self.once("create_list", act)


class List(ListRows):
    """One list."""

    @operation("lists_get", "Show a mailing list", "Lists", ListShape)
    def get(self, request: Request, pk: int) -> Response:
        """Answer one list."""
        return Response(self.shown(self.found(pk)))

    @operation(
        "lists_change",
        "Change the name or the type of a mailing list",
        "Lists",
        ListShape,
        body=ListChange,
        changes=True,
        example={"name": "Weekly newsletter"},
        note="All of it is done or nothing. What is so already is left alone.",
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Change what is named."""
        said = read(ListChange, request)

        def act() -> Response:
            row = self.found(pk)
            if said.get("name", row.name) != row.name:
                services.rename_list(actor=self.actor, mailing_list=row, name=said["name"])
            if said.get("type", row.kind) != row.kind:
                services.change_list_type(actor=self.actor, mailing_list=row, kind=said["type"])
            return self.answer(row)

        return self.once("change_list", act)

    @operation(
        "lists_archive",
        "Archive a mailing list",
        "Lists",
        None,
        status=204,
        changes=True,
        note="It keeps its contacts and can be restored in the console; nothing is deleted.",
    )
    def delete(self, request: Request, pk: int) -> Response:
        """Put the list away."""

        def act() -> Response:
            services.archive_item(actor=self.actor, obj=self.found(pk))
            return Response(status=204)

        return self.once("archive_item", act)
