"""A small account with somebody in every role, and a rival whose every word is marked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from django.test import Client

from teams.factories import (
    AccountFactory,
    CampaignFactory,
    MailingListFactory,
    MembershipFactory,
    MessageTemplateFactory,
    SavedRowFactory,
    SubaccountFactory,
    TeamFactory,
    UserFactory,
)
from teams.models import Account, Campaign, Membership, Result, Subaccount

MARKER = "Xanadu"


@dataclass
class World:
    """One account: people by role, subaccounts by name, and the rival's rows."""

    account: Account
    people: dict[str, Any]
    places: dict[str, Subaccount]
    seats: dict[str, Membership]
    rows: dict[str, Any]
    rival: dict[str, Any] = field(default_factory=dict)

    def client(self, who: str) -> Client:
        """Return a browser signed in as ``who``."""
        client = Client()
        client.force_login(self.people[who])
        return client


def build(edition: str = "emma_hq", owner: str = "owner") -> World:
    """Build the account and its rival."""
    boss = UserFactory(username=f"{edition}.{owner}", first_name="Maria", last_name="Lopez")
    account = AccountFactory(edition=edition, owner=boss, name="Harbor", slug="harbor")
    places = {
        name: SubaccountFactory(account=account, slug=name, name=name.capitalize())
        for name in ("north", "south", "east")
    }
    people, seats = {"owner": boss}, {}
    spec = account.edition
    for role in ("administrator", "full", "editor", "author", "response_only"):
        if spec == "emma_enterprise" and role == "administrator":
            continue
        people[role] = UserFactory(username=f"p.{role}", first_name=role.title(), last_name="One")
        seats[role] = MembershipFactory(
            account=account, subaccount=places["north"], user=people[role], role=role
        )
    people["manager"] = UserFactory(username="p.manager", first_name="Tom", last_name="Becker")
    seats["manager"] = MembershipFactory(
        account=account, user=people["manager"], role="manager", reaching=[places["north"]]
    )
    rows = _fill(places["north"], "")
    world = World(account, people, places, seats, rows)
    world.rival = _rival(edition)
    return world


def _fill(place: Subaccount, mark: str) -> dict[str, Any]:
    mailing_list = MailingListFactory(subaccount=place, name=f"{mark}Newsletter", slug="news")
    template = MessageTemplateFactory(
        subaccount=place, name=f"{mark}Monthly", slug="monthly", rows=rows_of(mark)
    )
    saved = SavedRowFactory(subaccount=place, name=f"{mark}Opening", slug="opening")
    campaign = CampaignFactory(
        subaccount=place,
        name=f"{mark}Spring sale",
        slug="spring",
        mailing_list=mailing_list,
        template=template,
    )
    sent = CampaignFactory(
        subaccount=place,
        name=f"{mark}Winter news",
        slug="winter",
        mailing_list=mailing_list,
        status=Campaign.Status.SENT,
    )
    return {
        "mailinglist": mailing_list,
        "messagetemplate": template,
        "savedrow": saved,
        "campaign": campaign,
        "result": Result.objects.get(pk=sent.pk),
    }


def rows_of(mark: str) -> list[dict[str, Any]]:
    """Return a locked head, a free row, and a foot whose contents are locked."""
    return [
        {
            "key": key,
            "html": f"<p>{mark}{text}</p>",
            "row_locked": key == "head",
            "contents_locked": key == "foot",
        }
        for key, text in (("head", "Harbor"), ("hello", "Dear {{first_name}}"), ("foot", "Imprint"))
    ]


def _rival(edition: str) -> dict[str, Any]:
    owner = UserFactory(
        username=f"{MARKER}.owner", first_name=MARKER, last_name=MARKER, email=f"a@{MARKER}.example"
    )
    account = AccountFactory(edition=edition, owner=owner, name=f"{MARKER} Ltd", slug="rival")
    place = SubaccountFactory(account=account, slug="north", name=f"{MARKER} North")
    member = UserFactory(username=f"{MARKER}.member", first_name=MARKER, last_name="Two")
    seat = MembershipFactory(account=account, subaccount=place, user=member, role="full")
    return {
        "owner": owner,
        "account": account,
        "subaccount": place,
        "user": member,
        "membership": seat,
        **_fill(place, MARKER),
    }


@pytest.fixture
def world(db: Any) -> World:
    """Return an account of Emma HQ."""
    return build()


@pytest.fixture
def lasting_world(transactional_db: Any) -> World:
    """Return the same outside any transaction, where refusals are recorded."""
    return build()


@pytest.fixture
def enterprise(db: Any) -> World:
    """Return an account of Emma Enterprise."""
    return build("emma_enterprise")


@pytest.fixture
def sailthru(db: Any) -> dict[str, Any]:
    """Return an account of Sailthru with a team and two people."""
    boss = UserFactory(username="s.owner")
    account = AccountFactory(
        edition="sailthru",
        owner=boss,
        name="Retail",
        slug="retail",
        team_mode="lists_and_templates",
    )
    place = SubaccountFactory(account=account, slug="north", name="North")
    member = UserFactory(username="s.marketer", first_name="Ana", last_name="Ruiz")
    seat = MembershipFactory(
        account=account, subaccount=place, user=member, role="marketer_admin", exclusive=False
    )
    return {
        "owner": boss,
        "account": account,
        "place": place,
        "member": member,
        "seat": seat,
        "team": TeamFactory(account=account, name="Loyalty"),
        **_fill(place, ""),
    }
