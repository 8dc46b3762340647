"""A host's own edition: what could not work is said when the project starts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from teams.catalogue import MANAGE_MANAGERS
from teams.editions import EDITIONS, emma_hq, register, sailthru
from teams.editions.spec import CustomRoles, flaws

pytestmark = pytest.mark.once


def test_the_published_ones_are_sound() -> None:
    assert not [(name, flaw) for name, one in EDITIONS.items() for flaw in flaws(one)]


def custom(tickable: set[Any]) -> CustomRoles:
    return CustomRoles(tickable=frozenset(tickable), always=frozenset(), follows={})


def test_what_could_not_work_is_named() -> None:
    base, hq = sailthru.EDITION, emma_hq.EDITION
    role = base.roles[0]
    ranked = hq.roles[0]
    wrong = {
        "codename": replace(base, codename="Shop!"),
        "no role": replace(base, roles=(), columns=()),
        "same codename": replace(base, roles=(*base.roles, role)),
        "held nowhere": replace(
            base, roles=(replace(role, account_level=False, subaccount_level=False),), columns=()
        ),
        "reaches nothing": replace(base, roles=(replace(role, reaches=frozenset()),), columns=()),
        "does not have": replace(
            base, roles=(replace(role, holds=role.holds | {MANAGE_MANAGERS}),), columns=()
        ),
        "declare it in toggles": replace(hq, toggles=()),
        "which is no role": replace(
            hq, roles=(replace(ranked, toggled_by=frozenset({"ghost"})),), columns=()
        ),
        "rank": replace(hq, roles=(*hq.roles, replace(ranked, codename="other", rank=None))),
        "custom roles may hold": replace(base, custom_roles=custom({MANAGE_MANAGERS})),
        "have no rank": replace(hq, custom_roles=custom(set())),
        "is needed to change people": replace(base, gives_roles=frozenset({MANAGE_MANAGERS})),
        "which there is not": replace(base, roles=base.roles[:1]),
    }
    for words, edition in wrong.items():
        found = list(flaws(edition))
        assert any(words in flaw for flaw in found), (words, found)
        assert all(flaw.endswith(".") for flaw in found)


def test_one_codename_one_edition() -> None:
    register(sailthru.EDITION)  # the same again harms nothing
    with pytest.raises(ImproperlyConfigured, match="already; give this one another codename"):
        register(replace(sailthru.EDITION, label="Another"))
    with pytest.raises(ImproperlyConfigured, match="its codename"):
        register(replace(sailthru.EDITION, codename="Shop"))
    assert "Shop" not in EDITIONS
