"""Teams off, for lists, for lists and templates: every page, number and picker follows."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from teams import services
from teams.admin import console
from teams.factories import (
    CampaignFactory,
    ContactFactory,
    MailingListFactory,
    MessageTemplateFactory,
    SegmentFactory,
)
from teams.models import Campaign, ListMembership, MailingList, MessageTemplate
from teams.models.account import TeamMode
from tests.services.world import World, world

pytestmark = pytest.mark.django_db

LISTS, BOTH = (TeamMode.LISTS,), (TeamMode.LISTS, TeamMode.LISTS_AND_TEMPLATES)
MODES = (TeamMode.OFF, *BOTH)
KINDS = (MailingList, MessageTemplate, Campaign)
#: what each kind has, and in which modes it is hidden from whoever shares no team with it
HIDDEN: dict[str, tuple[str, ...]] = {
    "shared list": (),
    "other list": BOTH,
    "shared template": (),
    "other template": BOTH[1:],
    "plain campaign": (),
    "shared campaign": (),
    "campaign to another list": BOTH,
    "campaign of another template": BOTH[1:],
    "archived other list": BOTH,
}


class Scene:
    """A person whose role is limited by teams, and things that their team sees or does not."""

    def __init__(self, mode: str) -> None:
        self.w: World = world("sailthru", team_mode=TeamMode.LISTS_AND_TEMPLATES)
        north = {"subaccount": self.w.north, "created_by": self.w.owner}
        role = self.w.custom(
            "access_audience", "access_content", "access_campaigns", "delete_lists"
        )
        self.user = self.w.member(role).user
        self.team = self.w.team(self.user)
        shared = MailingListFactory(name="shared list", **north)
        other = MailingListFactory(name="other list", **north)
        template = MessageTemplateFactory(name="shared template", **north)
        hidden = MessageTemplateFactory(name="other template", **north)
        self.things: dict[str, Any] = {
            "shared list": shared,
            "other list": other,
            "shared template": template,
            "other template": hidden,
            "plain campaign": CampaignFactory(name="plain campaign", **north),
            "shared campaign": CampaignFactory(
                name="shared campaign", mailing_list=shared, template=template, **north
            ),
            "campaign to another list": CampaignFactory(
                name="campaign to another list", mailing_list=other, **north
            ),
            "campaign of another template": CampaignFactory(
                name="campaign of another template", mailing_list=shared, template=hidden, **north
            ),
            "archived other list": MailingListFactory(
                name="archived other list", archived_at=timezone.now(), **north
            ),
        }
        SegmentFactory(subaccount=self.w.north, mailing_list=shared, name="segment of shared")
        for lists in ([shared], [other], [shared, other], []):
            contact = ContactFactory(subaccount=self.w.north)
            for found in lists:
                ListMembership.objects.create(
                    subaccount=self.w.north, contact=contact, mailing_list=found
                )
        for obj in (shared, template):
            services.share_with_team(actor=self.w.owner, team=self.team, obj=obj)
        type(self.w.account).objects.filter(pk=self.w.account.pk).update(team_mode=mode)
        self.client = Client()
        self.client.force_login(self.user)
        self.shown = {name for name, modes in HIDDEN.items() if mode not in modes}

    def of(self, kind: Any, *, archived: bool = False) -> set[str]:
        """Return the names of what the person may see of ``kind``."""
        return {
            name
            for name in self.shown
            if isinstance(self.things[name], kind) and name.startswith("archived") is archived
        }

    def get(self, url: str, **data: Any) -> Any:
        """Open a page."""
        return self.client.get(url, data)


@pytest.fixture(params=MODES)
def scene(request: Any) -> Scene:
    return Scene(request.param)


def address(kind: Any) -> str:
    return f"/teams/{kind._meta.model_name}/"


def rows(answer: Any) -> set[str]:
    assert answer.status_code == 200
    return {row.name for row in answer.context["cl"].result_list}


@pytest.mark.parametrize("kind", KINDS)
def test_lists_numbers_and_searches(scene: Scene, kind: Any) -> None:
    answer = scene.get(address(kind))
    assert rows(answer) == scene.of(kind)
    assert answer.context["cl"].result_count == len(scene.of(kind))
    archive = scene.get(address(kind), archived="yes")
    assert rows(archive) == scene.of(kind, archived=True)
    assert archive.context["cl"].result_count == len(scene.of(kind, archived=True))
    assert rows(scene.get(address(kind), q="other")) == {
        name for name in scene.of(kind) if "other" in name
    }


def test_facets_of_campaigns_count_what_is_seen(scene: Scene) -> None:
    count = len(scene.of(Campaign))
    assert f"Draft ({count})" in scene.get(address(Campaign)).content.decode()


def test_pages_and_verbs_are_there_or_missing(scene: Scene) -> None:
    for name, obj in scene.things.items():
        url = f"{address(type(obj))}{obj.pk}/"
        expected = 200 if name in scene.shown else 404
        assert scene.get(f"{url}change/").status_code == expected, name
        if expected == 404:
            for verb in ("archive", "restore", "purge", "rename", "guest", "add-row"):
                assert scene.client.post(f"{url}act/{verb}/").status_code == 404


def test_pages_name_no_more_than_that(scene: Scene) -> None:
    hidden = scene.things.keys() - scene.shown
    urls = ["/", "/access/", *map(address, KINDS)]
    urls += [f"{address(type(scene.things[n]))}{scene.things[n].pk}/change/" for n in scene.shown]
    for url in urls:
        page = scene.get(url).content.decode()
        assert not [name for name in hidden if name in page], url


def test_the_page_of_a_list_counts_and_names_what_is_seen(scene: Scene) -> None:
    page = scene.get(f"{address(MailingList)}{scene.things['shared list'].pk}/change/")
    facts = dict(page.context["facts"])
    used = {name for name in scene.of(Campaign) if name not in ("plain campaign",)}
    named = str(facts["Used by"])
    assert {name for name in used if f">{name}</a>" in named} == used - {"campaign to another list"}
    assert facts["Contacts"] == 2


def test_pickers_offer_what_is_seen_and_in_use(scene: Scene, rf: Any) -> None:
    request = rf.get("/")
    request.user, request.session = scene.user, {}
    for kind in KINDS:
        admin: Any = console._registry[kind]
        assert {row.name for row in admin.related_rows(request)} == scene.of(kind)


def test_many_at_once_take_only_what_is_seen(scene: Scene) -> None:
    lists = [scene.things[name] for name in ("shared list", "other list")]
    answer = scene.client.post(
        address(MailingList),
        {"action": "archive", "_selected_action": [row.pk for row in lists]},
    )
    assert answer.status_code == (200 if "other list" in scene.shown else 404)
