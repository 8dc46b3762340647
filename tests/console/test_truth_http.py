"""The truth tables through the browser's protocol: every cell with a surface in the console.

Who holds a permission finds the page, the link that leads there, and the act does what it says;
who does not finds neither, and a forged request changes no row.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from django.urls import reverse

from billing.surfaces import ASKED as ASKED_BY_BILLING
from teams.admin import console
from teams.catalogue import CATALOGUE
from teams.surfaces import enforced_by
from tests.console import truth_billing
from tests.console.truth_stage import Person, Stage, person_columns
from tests.console.truth_surfaces import SURFACES, UNTRIED, Surface
from tests.engine.truth import CONDITIONS, EDITIONS, World, columns, table, toggles

pytestmark = [pytest.mark.django_db, pytest.mark.once]

REFUSED = (403, 404)
ALL_SUBACCOUNTS = "all_subaccounts"


#: what toggles open of billing: see tests/billing/test_truth_billing.py
CRAWLED = [s for s in SURFACES if s not in truth_billing.PAGES]


def try_surface(stage: Stage, surface: Surface) -> tuple[int, list[str]]:
    """Try ``surface`` wherever it may be; return how many cells, and what was wrong."""
    wrong, cells = [], 0
    for place in surface.targets(stage):
        url = surface.url(stage, place)
        allowed = surface.allowed(stage, place)
        who = f"{stage.edition} {stage.person.column}: {surface.name} at {place or 'account'}"
        found = _page(stage, surface, place, url, allowed)
        if surface.done is not None:
            found += _act(stage, surface, place, url, allowed)
        wrong += [f"{who} ({'yes' if allowed else 'no'}): {what}" for what in found]
        cells += 1
    return cells, wrong


def _page(stage: Stage, surface: Surface, place: Any, url: str, allowed: bool) -> list[str]:
    wrong = []
    if allowed:
        if url not in stage.links:
            wrong.append(f"nothing leads to {url}")
        if surface.menu and url not in stage.pages.get(surface.menu, (0, set()))[1]:
            wrong.append(f"{surface.menu} does not lead to {url}")
        status = stage.pages[url][0] if url in stage.pages else stage.get_page(url)[0]
        if status != 200:
            wrong.append(f"{url} answers {status}")
    else:
        if url in stage.links:
            wrong.append(f"something leads to {url}")
        if surface.done is not None and place not in (None, stage.places[0]):
            return wrong  # at the other place the forged request tells
        status = stage.get_page(url)[0]
        if status not in REFUSED:
            wrong.append(f"{url} answers {status}")
    return wrong


def _act(stage: Stage, surface: Surface, place: Any, url: str, allowed: bool) -> list[str]:
    assert surface.done is not None
    data = surface.data(stage, place)
    tried = stage.try_out(url, data, lambda: surface.done(stage, place))
    if allowed:
        assert not surface.done(stage, place), f"{surface.name} is done before it is tried"
        return [] if (tried.status, tried.done) == (surface.answers, True) else [f"POST: {tried}"]
    # what is no right but a wrong choice (nobody to choose, no teams in this edition) is said on
    # the form
    refused = tried.status in REFUSED or (tried.status == 200 and tried.says_why)
    return [] if refused and not tried.changed else [f"forged POST: {tried}"]


def try_all(stage: Stage, surfaces: Iterable[Surface]) -> int:
    """Try ``surfaces``; fail with everything that was wrong. Return how many cells were tried."""
    wrong, cells = [], 0
    stage.tried = {s.url(stage, place) for s in surfaces for place in s.targets(stage)}
    for surface in surfaces:
        count, found = try_surface(stage, surface)
        cells += count
        wrong += found
    wrong += [
        f"{stage.edition} {stage.person.column}: {url} is linked and answers {status}"
        for url, (status, _links) in stage.pages.items()
        if status != 200
    ]
    assert not wrong, "\n".join(wrong)
    return cells


PEOPLE = [
    (edition, column, home)
    for edition in EDITIONS
    for column in person_columns(edition)
    for home in (
        (False, True)
        if edition == "constant_contact" and column in ("campaign_creator", "account_manager")
        else (False,)
    )
]


OPTIONS = [
    (edition, column, toggle)
    for edition in EDITIONS
    for column in columns(edition)
    for toggle in toggles(edition, column)
]
MET = [
    (edition, column, home, condition)
    for edition, column, home in PEOPLE
    for condition in CONDITIONS
    if any(
        cell == f"if:{condition}"
        for row in table(edition)
        for name, cell in row.cells.items()
        if name.partition("@")[0] == column
    )
]


def my_access(person: Person) -> int:
    """Compare "My access" with the tables wherever the role counts; return how many cells."""
    wrong, cells = [], 0
    for place in person.own_places:
        said = person.lines(place)
        assert said
        for row in table(person.world.edition):
            holds, cells = person.holds(row.permission, place), cells + 1
            label = str(CATALOGUE[row.permission].label)
            if said.get(label, False) is not holds:
                wrong.append(
                    f"{person.column} at {place}: {row.permission} is {holds} in the table"
                )
    assert not wrong, "\n".join(wrong)
    return cells


#: one column in so many is tried at every surface, of each edition some: ``make truth`` tries all
SHARE = 4
SOME = [
    pytest.param(*person, marks=pytest.mark.deep) if n % SHARE else person
    for n, person in enumerate(PEOPLE)
]


@pytest.mark.parametrize(("edition", "column", "home"), SOME)
def test_every_surface(edition: str, column: str, home: bool, record_property: Any) -> None:
    stage = Stage(Person(World(edition), column, home=home))
    record_property("truth cells over HTTP", try_all(stage, SURFACES))
    record_property("truth cells on My access", my_access(stage.person))


@pytest.mark.parametrize(
    ("edition", "column", "home"), [person for n, person in enumerate(PEOPLE) if n % SHARE]
)
def test_every_cell_of_my_access(
    edition: str, column: str, home: bool, record_property: Any
) -> None:
    person = Person(World(edition), column, home=home)
    record_property("truth cells on My access", my_access(person))


@pytest.mark.parametrize(("edition", "column", "toggle"), OPTIONS)
def test_a_toggle_opens_its_surfaces(
    edition: str, column: str, toggle: str, record_property: Any
) -> None:
    person = Person(World(edition), column, on=toggle)
    record_property("truth cells on My access", my_access(person))
    switched = {
        row.permission
        for row in table(edition)
        if row.toggle == toggle and row.cells[column] == "opt"
    }
    surfaces = [s for s in CRAWLED if s.permissions_in(edition) & switched]
    if surfaces:
        record_property("truth cells over HTTP", try_all(Stage(person), surfaces))


@pytest.mark.parametrize(("edition", "column", "home", "condition"), MET)
def test_a_condition_that_is_met_counts(
    edition: str, column: str, home: bool, condition: str, record_property: Any
) -> None:
    person = Person(World(edition, true=condition), column, home=home)
    record_property("truth cells on My access", my_access(person))
    if condition == ALL_SUBACCOUNTS:  # the others open nothing but billing in the console
        far = [s for s in CRAWLED if s.depends_on_reach]
        record_property("truth cells over HTTP", try_all(Stage(person), far))


def opened_by(edition: str, condition: str) -> set[str]:
    """Return the permissions that anybody of ``edition`` holds only if ``condition`` is met."""
    rows = table(edition)
    return {row.permission for row in rows if f"if:{condition}" in row.cells.values()}


def test_conditions_other_than_reach_open_nothing_but_billing_in_the_console() -> None:
    asked = set().union(*(s.permissions for s in CRAWLED))
    for edition in EDITIONS:
        for condition in ("single_bill", "reseller"):
            assert not opened_by(edition, condition) & asked


# nothing is left out


def test_every_permission_of_the_console_has_a_surface_here() -> None:
    asked = {
        permission
        for permission, surfaces in enforced_by().items()
        if any(surface.startswith("console") for surface in surfaces)
    }
    assert asked
    assert asked <= set().union(*(s.permissions for s in SURFACES))


def test_every_permission_of_a_service_that_the_console_calls_has_a_surface_here() -> None:
    # who changes plans, details and payments is tried in tests/billing/test_surfaces.py
    billing = {surface for surfaces in ASKED_BY_BILLING.values() for surface in surfaces}
    asked = {
        permission
        for permission, surfaces in enforced_by().items()
        if any(surface.startswith("service") for surface in {*surfaces} - billing)
    }
    assert asked <= set().union(*(s.permissions for s in SURFACES))


def test_every_area_of_the_console_is_opened_here() -> None:
    own: Any = console._registry
    # custom roles have no line of their own in the sidebar: the page of all roles leads to them;
    # lines of reviews stand on the page of their review
    sections = [m for m, admin in own.items() if admin.menu_section]
    assert {m._meta.model_name for m in own.keys() - sections} == {"reviewline", "role"}
    menus = {f"/{m._meta.app_label}/{m._meta.model_name}/" for m in sections}
    menus |= {reverse(f"console:{name}") for name in console.entries}
    menus -= {"/history/"}  # open to everybody, who may know what differs: see test_history.py
    stage: Any = None  # the addresses of lists depend on nothing
    assert menus == {s.url(stage, None) for s in SURFACES if s.menu == "/"}


def test_every_verb_of_the_console_is_tried_here_or_excused() -> None:
    own: Any = console._registry
    verbs = {(m._meta.model_name, verb.name) for m, admin in own.items() for verb in admin.verbs}
    tried = {surface.verb for surface in SURFACES if surface.done is not None}
    assert tried <= verbs, "a record speaks of a verb that is gone"
    assert not tried & set(UNTRIED), "a verb is excused although it is tried"
    assert verbs == tried | set(UNTRIED)
