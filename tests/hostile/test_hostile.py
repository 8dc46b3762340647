"""Every model, every person, every attack: nothing foreign, and missing is missing."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from billing.models import BillingDetails, ContentItem, Invoice, RatePlan
from teams.models import Account, Role, Team, Webhook
from tests.hostile.arena import FAR, INSIDE, MARK, SITES, VEIL, Arena, Probe, admins
from tests.hostile.attacks import assault, pages

pytestmark = pytest.mark.django_db

#: what an account has as a whole
BILLED = (BillingDetails, ContentItem, Invoice, RatePlan)
MODELS = [(site, admin.model._meta.model_name) for site, admin in admins()]
#: the workshop has nothing that depends on the person beyond what these differ in
AT_THE_WORKSHOP = ("owner", "manager", "response_only", "guest", "marketer_limited")
CASES = [
    pytest.param(edition, who, id=f"{edition}-{who}")
    for edition, people in INSIDE.items()
    for who in people
]
#: whose reach differs most: ``make test`` sends them, on SQLite; ``make hostile`` everybody, to
#: both databases, the owner of emma_hq once more in tests/hostile/test_completeness.py
SENT = {
    "emma_hq": ("administrator",),
    "sailthru": ("marketer_limited",),
}
#: of which no team hides anything: who is limited to teams tries what the administrator does
WITHOUT_TEAMS = (
    *("accessreview", "apikey", "billingdetails", "invoice", "rateplan", "reviewline"),
    *("subaccountgroup", "webhook"),
)


def _mark(edition: str, who: str, model: str) -> pytest.MarkDecorator:
    again = edition == "sailthru" and model in WITHOUT_TEAMS
    return pytest.mark.once if who in SENT[edition] and not again else pytest.mark.deep


TRIALS = [
    pytest.param(edition, who, site, model, marks=_mark(edition, who, model))
    for edition, people in INSIDE.items()
    for who in people
    for site, model in MODELS
    if site == "console" or who in AT_THE_WORKSHOP
]
OUTSIDE = ("exmember", pytest.param("nobody", marks=pytest.mark.deep))


@pytest.mark.parametrize("arena", INSIDE, indirect=True)
def test_there_is_something_that_could_leak(arena: Arena) -> None:
    for model, trio in arena.trios.items():
        assert trio.own.pk < FAR < trio.foreign.pk
        assert MARK in str(vars(trio.foreign))
        # there is no second account, and what has no place is hidden from nobody inside
        assert VEIL in str(vars(trio.hidden)) or model in (
            *(Account, Role, Team, Webhook),
            *BILLED,
        )


@pytest.mark.parametrize("arena", INSIDE, indirect=True)
def test_the_checksum_sees_every_row_of_the_rival(arena: Arena) -> None:
    before = arena.digest()
    for row in arena.foreign.values():
        words = (
            *("address", "name", "first_name", "label", "original_name", "problem", "status"),
            "reason",
        )
        rows = type(row)._default_manager.filter(pk=row.pk)
        word = next(word for word in words if hasattr(row, word))
        given: Any = "suspended"
        if isinstance(row, Invoice):  # of what was issued nothing else changes
            word, given = "settled_at", timezone.now()
        assert rows.update(**{word: given}) == 1
        assert arena.digest() != before, row
        rows.update(**{word: getattr(row, word)})
        assert arena.digest() == before


@pytest.mark.parametrize(
    ("shared_arena", "who", "site", "model"), TRIALS, indirect=["shared_arena"]
)
def test_a_hostile_tenant_gets_nothing(
    shared_arena: Arena, who: str, site: str, model: str, record_property: Any
) -> None:
    admin = next(a for s, a in admins() if (s, a.opts.model_name) == (site, model))
    probe = assault(shared_arena, Probe(shared_arena, who), site, admin)
    record_property("hostile requests", probe.requests)
    record_property("hostile findings", len(probe.findings))
    assert probe.findings == []


@pytest.mark.parametrize(("shared_arena", "who"), CASES, indirect=["shared_arena"])
@pytest.mark.parametrize("site", SITES)
def test_pages_about_no_row_give_nothing(
    shared_arena: Arena, who: str, site: str, record_property: Any
) -> None:
    probe = Probe(shared_arena, who)
    pages(shared_arena, probe, site)
    record_property("hostile requests", probe.requests)
    assert probe.findings == []


@pytest.mark.once
@pytest.mark.parametrize("shared_arena", ["emma_hq"], indirect=True)
@pytest.mark.parametrize("who", OUTSIDE)
@pytest.mark.parametrize(("site", "model"), MODELS)
def test_who_belongs_to_no_account_is_sent_to_the_door(
    shared_arena: Arena, who: str, site: str, model: str, record_property: Any
) -> None:
    admin = next(a for s, a in admins() if (s, a.opts.model_name) == (site, model))
    probe = assault(
        shared_arena, Probe(shared_arena, who), site, admin, "identifiers", "lists", "actions"
    )
    record_property("hostile requests", probe.requests)
    assert probe.findings == []


@pytest.mark.once
@pytest.mark.parametrize("shared_arena", ["emma_hq"], indirect=True)
@pytest.mark.parametrize("who", OUTSIDE)
@pytest.mark.parametrize("site", SITES)
def test_who_belongs_to_no_account_finds_no_page_about_no_row(
    shared_arena: Arena, who: str, site: str, record_property: Any
) -> None:
    probe = Probe(shared_arena, who)
    pages(shared_arena, probe, site)
    record_property("hostile requests", probe.requests)
    assert probe.findings == []
