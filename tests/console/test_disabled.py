"""What cannot be done here says why: every disabled control has a sentence, every refused page a
section; and every panel says of everybody what ``who_can`` says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import pytest
from django.contrib.auth import get_user_model
from django.db import transaction
from django.test import Client
from django.urls import Resolver404, resolve, reverse

from permissions import access
from teams import who
from teams.catalogue import CATALOGUE
from teams.models import Membership, Subaccount
from tests.commands.helpers import Done, run

pytestmark = pytest.mark.once

PERSONAS = ("owner", "administrator", "author")
#: pages a persona looks at, found by following links from Home
PAGES = 12
NEVER_FOLLOWED = re.compile(r"logout|/accounts/|\.csv|export/|download|^#|^//|^http|^mailto")
NOT_FOLLOWED = re.compile(r"logout|/accounts/|\.csv|export|download|sign|\?|#|^//|^http")


class Controls(HTMLParser):
    """The links, the disabled controls, and the text of each element that has an id."""

    VOID = frozenset({"input", "br", "img", "hr", "meta", "link", "use", "path", "col", "source"})

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.disabled: list[dict[str, str]] = []
        self.texts: dict[str, str] = {}
        self.open: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if "disabled" in given or given.get("aria-disabled") == "true":
            self.disabled.append({"tag": tag, **given})
        if given.get("id"):
            self.texts.setdefault(given["id"], "")
        if tag not in self.VOID:
            self.open.append((tag, given.get("id", "")))

    def handle_endtag(self, tag: str) -> None:
        names = [name for name, _key in self.open]
        if tag in names:
            del self.open[len(names) - 1 - names[::-1].index(tag) :]

    def handle_data(self, data: str) -> None:
        for _tag, key in self.open:
            if key:
                self.texts[key] += data

    @property
    def silent(self) -> list[dict[str, str]]:
        """Return the disabled controls that no sentence and no link to one explains."""
        return [
            control
            for control in self.disabled
            if not any(self.texts.get(k, "").strip() for k in _described(control))
        ]


def _described(control: dict[str, str]) -> list[str]:
    return control.get("aria-describedby", "").split()


def read(answer: Any) -> Controls:
    found = Controls()
    found.feed(answer.content.decode())
    return found


def crawl(world: Any, who_: str, *more: str) -> tuple[int, int, list[Any]]:
    """Follow links as one persona; return how many pages, disabled controls, and silent ones."""
    client, waiting, seen = world.client(who_), ["/", *more], set()
    controls, silent = 0, []
    while waiting and len(seen) < PAGES:
        url = waiting.pop(0)
        if url in seen:
            continue
        seen.add(url)
        answer = client.get(url)
        if answer.status_code != 200 or "text/html" not in answer["Content-Type"]:
            continue
        page = read(answer)
        controls += len(page.disabled)
        silent += [(url, control) for control in page.silent]
        waiting += [link for link in page.links if not NOT_FOLLOWED.search(link)]
    return len(seen), controls, silent


@pytest.mark.parametrize("persona", PERSONAS)
def test_every_disabled_control_says_why(world: Any, persona: str) -> None:
    person = f"/auth/user/{world.people['full'].pk}/change/"
    pages, _controls, silent = crawl(world, persona, person)
    assert pages > 5
    assert silent == []


def test_there_are_disabled_controls_and_a_silent_one_is_found(world: Any) -> None:
    person = f"/auth/user/{world.people['full'].pk}/change/"
    _pages, controls, _silent = crawl(world, "administrator", person)
    assert controls
    page = Controls()
    page.feed('<button disabled aria-describedby="a">x</button><p id="a"> </p>')
    assert len(page.silent) == 1


#: who looks at every kind of page of the demo
LOOKING = (
    "constant_contact.account_owner", "constant_contact.account_manager",
    "emma_corporate.parent", "emma_corporate.administrator",
    "emma_enterprise.owner", "emma_enterprise.manager",
    "emma_hq.owner", "emma_hq.administrator",
    "sailthru.account_admin", "sailthru.marketer_admin",
)  # fmt: skip


@pytest.fixture(scope="module")
def seeded(django_db_setup: None, django_db_blocker: Any) -> Iterator[Done]:
    """Seed the demo once."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield run("seed_demo", force=True, format="json")
        transaction.set_rollback(True)


def one_of_each_kind(client: Client) -> Iterator[tuple[str, Controls]]:
    """Follow links from Home, and yield one page of each address or verb there is."""
    waiting, seen = ["/"], set()
    while waiting:
        url = waiting.pop(0)
        try:
            found = resolve(url.partition("?")[0])
        except Resolver404:
            continue
        kind = found.url_name, found.kwargs.get("verb")
        if kind in seen:
            continue
        seen.add(kind)
        answer = client.get(url)
        if answer.status_code in (301, 302):
            waiting.insert(0, urljoin(url, answer["Location"]))
        elif answer.status_code == 200 and "text/html" in answer.get("Content-Type", ""):
            page = read(answer)
            waiting += [
                urljoin(url, link).partition("#")[0]
                for link in page.links
                if not NEVER_FOLLOWED.search(link)
            ]
            yield url, page


@pytest.mark.deep
@pytest.mark.parametrize("login", LOOKING)
def test_every_kind_of_page_of_the_demo_says_why(
    seeded: Done, db: None, login: str, record_property: Callable[[str, object], None]
) -> None:
    client = Client()
    client.force_login(get_user_model()._default_manager.get(username=login))
    pages, controls, silent = 0, 0, []
    for url, page in one_of_each_kind(client):
        pages, controls = pages + 1, controls + len(page.disabled)
        silent += [(url, control) for control in page.silent]
    assert silent == []
    assert pages > 25
    record_property("pages looked at", pages)
    record_property("disabled controls", controls)


def kinds(world: Any) -> list[Any]:
    """Return a subaccount, a list, a template and a campaign of it."""
    north = world.places["north"]
    things = (north.mailinglists, north.messagetemplates, north.campaigns)
    return [north, *(rows.first() for rows in things)]


def address(obj: Any) -> str:
    meta = obj._meta
    return reverse(f"console:{meta.app_label}_{meta.model_name}_change", args=[obj.pk])


@pytest.mark.parametrize("persona", PERSONAS)
def test_the_panel_of_each_kind_says_what_who_can_says(world: Any, persona: str) -> None:
    client, reader = world.client(persona), world.people[persona]
    shown = 0
    for obj in kinds(world):
        answer = client.get(address(obj))
        panel = answer.context.get("panel") if answer.status_code == 200 else None
        if panel is None:
            assert persona == "author"
            continue
        shown += 1
        asked = [str(p) for _label, group in panel["groups"] for p in group]
        everybody = {one.person.pk for one in who.access_of(obj, asked)}
        names = {row.name for row in panel["rows"]}
        if persona == "owner":
            assert len(panel["rows"]) == len(everybody)
        assert len(names) <= len(everybody)
        one = asked[0]
        narrowed = client.get(f"{address(obj)}?permission={one}").context["panel"]
        holders = who.who_can(one, obj)
        if persona == "owner":
            assert {row.name for row in narrowed["rows"]} == {
                holder.person.get_full_name() for holder in holders
            }
        assert len(narrowed["rows"]) <= len(holders)
    assert shown == 4 or not access.can(reader, "manage_members", world.places["north"]).allowed


def test_a_refused_page_says_why_one_cannot(world: Any) -> None:
    answer = _refusal(world, "author")
    text = " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())
    assert answer.status_code == 403
    assert "Why can I not: " in text
    assert "What you have there instead The role Author" in text
    assert "Who could give it" in text


def test_an_area_that_is_closed_says_so_too(world: Any) -> None:
    answer = world.client("author").get("/teams/mailinglist/")
    text = " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())
    assert answer.status_code == 403
    label, place = CATALOGUE["access_audience"].label, world.places["north"].name
    assert f"Would open it {label} in {place}" in text
    assert f"Why can I not: {label}" in text


def _refusal(world: Any, persona: str) -> Any:
    """Return the page of a verb that the persona may not use, on something they see."""
    campaign = world.places["north"].campaigns.first()
    return world.client(persona).post(address(campaign).replace("change/", "act/send/"))


def test_there_is_somebody_to_look_at(world: Any) -> None:
    assert Membership.objects.filter(subaccount=world.places["north"]).count() > 3
    assert Subaccount.objects.count() > 3
