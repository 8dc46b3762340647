"""Every model, every person, every attack: nothing foreign, and missing is missing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.hostile.arena import INSIDE, SITES, Arena, Probe, admins
from tests.hostile.attacks import assault, pages

MODELS = [(site, admin.model._meta.model_name) for site, admin in admins()]
CASES = [
    pytest.param(edition, who, id=f"{edition}-{who}")
    for edition, people in INSIDE.items()
    for who in people
]
OUTSIDE = ("exmember", "nobody")


@pytest.mark.parametrize(("arena", "who"), CASES, indirect=["arena"])
@pytest.mark.parametrize(("site", "model"), MODELS)
def test_a_hostile_tenant_gets_nothing(
    arena: Arena, who: str, site: str, model: str, record_property: Any
) -> None:
    admin = next(a for s, a in admins() if (s, a.opts.model_name) == (site, model))
    probe = assault(arena, Probe(arena, who), site, admin)
    record_property("hostile requests", probe.requests)
    record_property("hostile findings", len(probe.findings))
    assert probe.findings == []


@pytest.mark.parametrize(("arena", "who"), CASES, indirect=["arena"])
@pytest.mark.parametrize("site", SITES)
def test_pages_about_no_row_give_nothing(
    arena: Arena, who: str, site: str, record_property: Any
) -> None:
    probe = Probe(arena, who)
    pages(arena, probe, site)
    record_property("hostile requests", probe.requests)
    assert probe.findings == []


@pytest.mark.parametrize("who", OUTSIDE)
@pytest.mark.parametrize(("site", "model"), MODELS)
def test_who_belongs_to_no_account_is_sent_to_the_door(
    arena: Arena, who: str, site: str, model: str, record_property: Any
) -> None:
    admin = next(a for s, a in admins() if (s, a.opts.model_name) == (site, model))
    probe = assault(arena, Probe(arena, who), site, admin, "identifiers", "lists", "actions")
    pages(arena, probe, site)
    record_property("hostile requests", probe.requests)
    assert probe.findings == []
