"""Campaigns of the key's subaccount, from the draft to what came of them.

Sending is sending: schedule, send and unschedule ask for the right to send, whatever else a key
may do with a campaign.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from django.db.models import Count, QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from permissions import access
from permissions.errors import NotFound
from teams import services
from teams.api.base import Rows
from teams.api.description import ARCHIVED, operation, page_of
from teams.api.fields import Address, Body, Moment, Nothing, Number, Text, read
from teams.api.pagination import PARAMETERS
from teams.catalogue import ACCESS_CAMPAIGNS, ACCESS_RESPONSE, CREATE_CAMPAIGNS
from teams.models import Account, Campaign, Delivery, MailingList, MessageTemplate
from teams.services.base import T

LETTER = ("subject", "sender_name", "sender_email", "reply_to")


class ListName(serializers.Serializer):
    """The list a campaign goes to."""

    id = serializers.IntegerField()
    name = serializers.CharField()


class CampaignShape(serializers.Serializer):
    """A mailing. ``list`` is null without one, and where the key may not know which."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    short_name = serializers.CharField()
    status = serializers.ChoiceField(Campaign.Status.choices)
    subject = serializers.CharField(allow_blank=True)
    sender_name = serializers.CharField(allow_blank=True)
    sender_email = serializers.CharField(allow_blank=True)
    reply_to = serializers.CharField(allow_blank=True)
    list = ListName(allow_null=True)
    created_at = serializers.DateTimeField()
    scheduled_at = serializers.DateTimeField(allow_null=True)
    sent_at = serializers.DateTimeField(allow_null=True)
    archived_at = serializers.DateTimeField(allow_null=True)
    problem = serializers.CharField(allow_blank=True)


class FiguresShape(serializers.Serializer):
    """What became of a campaign's messages, by state, and how many left through one."""

    waiting = serializers.IntegerField()
    sending = serializers.IntegerField()
    sent = serializers.IntegerField()
    failed = serializers.IntegerField()
    skipped = serializers.IntegerField()
    unconfirmed = serializers.IntegerField()
    unsubscribed = serializers.IntegerField()


class WholeCampaignShape(CampaignShape):
    """A campaign with what came of it; ``figures`` is null without `access_response`."""

    figures = FiguresShape(allow_null=True)


class CampaignChange(Body):
    """What may be changed of a draft; what is not named stays."""

    name = Text(required=False, max_length=120)
    subject = Text(required=False, max_length=200, allow_blank=True)
    sender_name = Text(required=False, max_length=120, allow_blank=True)
    sender_email = Address(required=False, max_length=254, allow_blank=True)
    reply_to = Address(required=False, max_length=254, allow_blank=True)
    list = Number(required=False, allow_null=True, help_text="Null takes the audience away.")
    template = Number(required=False, help_text="Begins the content anew.")


class NewCampaign(CampaignChange):
    """A draft to make."""

    name = Text(max_length=120)


class Time(Body):
    """When to send."""

    at = Moment()


class CampaignRows(Rows):
    """The campaigns that the key may look at, as the console shows them."""

    def rows(self) -> QuerySet[Campaign]:
        """Return the campaigns."""
        self.require(ACCESS_CAMPAIGNS, act="look at campaigns")
        inside = Campaign.objects.filter(subaccount=self.subaccount)
        return access.visible(inside, self.actor, ACCESS_CAMPAIGNS)

    def prepared(self, page: list[Campaign]) -> Iterable[Campaign]:
        """Load the names of the lists that the key may know, with one query."""
        wanted = {row.mailing_list_id for row in page if row.mailing_list_id is not None}
        named = access.visible(
            MailingList.objects.filter(subaccount=self.subaccount, pk__in=wanted),
            self.actor,
            ACCESS_CAMPAIGNS,
        )
        self.lists = dict(named.values_list("pk", "name")) if wanted else {}
        return page

    def shown(self, row: Campaign) -> dict[str, Any]:
        """Return a campaign; ``prepared`` has seen it."""
        name = self.lists.get(row.mailing_list_id or 0)
        return {
            "id": row.pk,
            "name": row.name,
            "short_name": row.slug,
            "status": row.status,
            **{field: getattr(row, field) for field in LETTER},
            "list": None if name is None else {"id": row.mailing_list_id, "name": name},
            "created_at": row.created_at,
            "scheduled_at": row.scheduled_at,
            "sent_at": row.sent_at,
            "archived_at": row.archived_at,
            "problem": row.problem,
        }

    def figures(self, row: Campaign) -> dict[str, int] | None:
        """Return what came of it, to keys that may read results of it."""
        if not access.allows(self.actor, ACCESS_RESPONSE, row):
            return None
        counted = row.deliveries.values_list("status").annotate(
            n=Count("pk"), gone=Count("unsubscribed_at")
        )
        found = {status: (n, gone) for status, n, gone in counted.order_by()}
        return {
            **{state: found.get(state, (0, 0))[0] for state in Delivery.Status.values},
            "unsubscribed": sum(gone for _n, gone in found.values()),
        }

    def chosen_of(self, model: type[T], pk: int | None) -> T | None:
        """Return what is chosen for a campaign, as who creates campaigns sees it; None for none.

        Raises NotFound, alike for foreign, hidden and missing.
        """
        if pk is None:
            return None
        kind: Any = model
        inside = kind.objects.filter(subaccount=self.subaccount, pk=pk)
        found: T | None = access.visible(inside, self.actor, CREATE_CAMPAIGNS).first()
        if found is None:
            raise NotFound("There is no such thing here.")
        return found

    def write(self, row: Campaign, said: dict[str, Any]) -> None:
        """Change what is named of ``row``, each by its own service; the account is locked."""
        own = {"actor": self.actor, "campaign": row}
        letter = {field: said.get(field, getattr(row, field)) for field in LETTER}
        if any(letter[field] != getattr(row, field) for field in LETTER):
            services.edit_campaign(**own, **letter)
        if "list" in said and said["list"] != row.mailing_list_id:
            target = self.chosen_of(MailingList, said["list"])
            services.set_audience(**own, mailing_list=target)
        if "template" in said:
            template = self.chosen_of(MessageTemplate, said["template"])
            services.use_template(**own, template=template)


class Campaigns(CampaignRows):
    """All campaigns."""

    query: ClassVar[tuple[str, ...]] = ("status", "archived", *PARAMETERS)

    @operation(
        "campaigns_list",
        "List campaigns",
        "Campaigns",
        page_of(CampaignShape, "Campaign"),
        is_list=True,
        query=[OpenApiParameter("status", str, enum=Campaign.Status.values), ARCHIVED],
    )
    def get(self, request: Request) -> Response:
        """Answer a page of campaigns."""
        rows = self.put_away(self.rows())
        status = self.chosen("status", Campaign.Status.values)
        return self.listed(rows if status is None else rows.filter(status=status))

    @operation(
        "campaigns_create",
        "Make a draft",
        "Campaigns",
        CampaignShape,
        status=201,
        body=NewCampaign,
        changes=True,
        is_new=True,
        example={"name": "Spring sale", "subject": "Spring is here", "list": 1},
    )
    def post(self, request: Request) -> Response:
        """Make a draft."""
        said = read(NewCampaign, request)

        def act() -> Response:
            made = services.create_campaign(
                actor=self.actor, subaccount=self.subaccount, name=said["name"]
            )
            self.write(made, said)
            return self.answer(made, 201)

        return self.once("create_campaign", act)


class OneCampaign(CampaignRows):
    """One campaign."""

    @operation(
        "campaigns_get", "Show a campaign and what came of it", "Campaigns", WholeCampaignShape
    )
    def get(self, request: Request, pk: int) -> Response:
        """Answer one campaign."""
        (row,) = self.prepared([self.found(pk)])
        return Response({**self.shown(row), "figures": self.figures(row)})

    @operation(
        "campaigns_change",
        "Change a draft",
        "Campaigns",
        CampaignShape,
        body=CampaignChange,
        changes=True,
        example={"subject": "Spring is nearly over"},
        note="All of it is done or nothing. What is so already is left alone.",
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Change what is named."""
        said = read(CampaignChange, request)

        def act() -> Response:
            # before it is read: what is not named is written as it stands
            Account.objects.select_for_update(no_key=True).get(pk=self.account.pk)
            row = self.found(pk)
            if said.get("name", row.name) != row.name:
                services.rename_campaign(actor=self.actor, campaign=row, name=said["name"])
            self.write(row, said)
            return self.answer(row)

        return self.once("edit_campaign", act)


class CampaignStep(CampaignRows):
    """One step of a campaign on its way."""

    def step(self, verb: str, pk: int, **more: Any) -> Response:
        """Carry out the service ``verb``."""

        def act() -> Response:
            row = self.found(pk)
            getattr(services, verb)(actor=self.actor, campaign=row, **more)
            return self.answer(row)

        return self.once(verb, act)


class Schedule(CampaignStep):
    """Settles who gets a campaign, and when."""

    @operation(
        "campaigns_schedule",
        "Schedule a campaign",
        "Campaigns",
        CampaignShape,
        body=Time,
        changes=True,
        is_new=True,
        example={"at": "2026-11-22T09:30:00Z"},
        note="Settles who gets it and what it says. One that is scheduled gets another time.",
    )
    def post(self, request: Request, pk: int) -> Response:
        """Schedule it."""
        return self.step("schedule_campaign", pk, at=read(Time, request)["at"])


class Send(CampaignStep):
    """Has a campaign sent now."""

    @operation(
        "campaigns_send",
        "Send a campaign now",
        "Campaigns",
        CampaignShape,
        body=Nothing,
        changes=True,
        is_new=True,
    )
    def post(self, request: Request, pk: int) -> Response:
        """Send it."""
        read(Nothing, request)
        return self.step("send_campaign", pk)


class Unschedule(CampaignStep):
    """Makes a draft of a scheduled campaign again."""

    @operation(
        "campaigns_unschedule",
        "Unschedule a campaign",
        "Campaigns",
        CampaignShape,
        body=Nothing,
        changes=True,
        is_new=True,
    )
    def post(self, request: Request, pk: int) -> Response:
        """Take it back."""
        read(Nothing, request)
        return self.step("unschedule_campaign", pk)
