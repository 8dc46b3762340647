"""The billing rows of the truth tables over HTTP: everybody, with each toggle off and on.

Each page answers 200 or 403 as the table says, a place out of reach 404, and the sidebar leads
exactly where one may go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from teams.catalogue import PURCHASE_CONTENT
from tests.billing.rows import charged, month_ago, used
from tests.console.truth_billing import AREAS, HELD_THERE, PLACES, SHELF
from tests.console.truth_stage import Person, person_columns
from tests.engine.truth import EDITIONS, World, table, toggles

pytestmark = [pytest.mark.django_db, pytest.mark.once]

BILLING = {
    HELD_THERE,
    PURCHASE_CONTENT,
    *(p for permissions in AREAS.values() for p in permissions),
}
MENU = re.compile(r'<a [^>]*href="(/billing/[^"?#]*)"')
CASES = [(edition, "") for edition in EDITIONS] + [("constant_contact", "single_bill")]


def switches(edition: str, column: str) -> list[str]:
    """Return the toggles of ``column`` that a billing row depends on, and none."""
    named = {row.toggle for row in table(edition) if row.permission in BILLING}
    known = toggles(edition, column) if column in table(edition)[0].cells else ()
    return ["", *(toggle for toggle in known if toggle in named)]


def people(world: World) -> Iterator[Person]:
    """Yield somebody of each column, with each of its switches, one after the other."""
    for column in person_columns(world.edition):
        for on in switches(world.edition, column):
            yield Person(world, column, on=on)
        if column in ("campaign_creator", "account_manager"):
            yield Person(world, column, home=True)


def answers(person: Person) -> Iterator[tuple[str, int, int]]:
    """Yield each page, what the table says it answers, and what it answers."""
    client, world = person.client, person.world
    for url, permissions in AREAS.items():
        allowed = any(person.holds(permission, None) for permission in permissions)
        yield url, 200 if allowed else 403, client.get(url).status_code
    for place in world.places:
        url = f"{PLACES}{place.pk}/"
        lacking = 403 if place.pk in person.reach else 404
        allowed = person.holds(HELD_THERE, place)
        yield url, 200 if allowed else lacking, client.get(url).status_code


def menu(person: Person) -> tuple[set[str], set[str]]:
    """Return where the sidebar should lead, and where it leads."""
    client, world = person.client, person.world
    may = {u for u, needed in AREAS.items() if any(person.holds(p, None) for p in needed)}
    if any(person.holds(HELD_THERE, place) for place in world.places):
        may.add(PLACES)
    if any(person.holds(PURCHASE_CONTENT, place) for place in world.places):
        may.add(SHELF)
    sidebar = client.get("/access/").content.decode().partition('id="nav-sidebar"')[2]
    return may, set(MENU.findall(sidebar.partition("</nav>")[0]))


@pytest.mark.parametrize(("edition", "condition"), CASES)
def test_billing_is_open_to_whom_the_table_says(
    edition: str, condition: str, record_property: Any
) -> None:
    world = World(edition, true=condition)
    charged(world.account, month_ago(), {None: "9.00", world.north: "1.00", world.south: "2.00"})
    used(world.north, month_ago(), 5)
    wrong, cells = [], 0
    for person in people(world):
        who = f"{edition} {condition} {person.column} {person.on} {person.home or ''}"
        for url, expected, status in answers(person):
            cells += 1
            if status != expected:
                wrong.append(f"{who}: {url} answers {status}, not {expected}")
        may, shown = menu(person)
        cells += len(AREAS) + 1
        if may != shown:
            wrong.append(f"{who}: the sidebar leads to {sorted(shown)}, not to {sorted(may)}")
    record_property("truth cells of billing over HTTP", cells)
    assert cells > 30
    assert wrong == []
