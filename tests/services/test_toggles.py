"""Optional permissions: which role admits which toggle, and who switches it.

What each role admits is read from the truth tables, not from the edition's declaration.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from permissions import access
from permissions.errors import OutOfScope, RankTooHigh
from permissions.models import AuditEvent
from teams import services
from teams.editions import get
from teams.models import AccountUserGrant, Membership, SubaccountUserGrant
from tests.services.world import EDITIONS, ELSEWHERE, EMMA, World, holds, missing, refused, world

pytestmark = pytest.mark.django_db

TRUTH = Path(__file__).parents[1] / "truth"

#: "Who toggles": edition -> the role that is toggled -> by whom; "manager*" holds manage_managers
MAY_TOGGLE = {
    "emma_corporate": {
        "manager": {"owner", "manager*"},
        "administrator": {"owner", "manager", "manager*"},
        "full": {"owner", "manager", "manager*", "administrator"},
        "editor": {"owner", "manager", "manager*", "administrator"},
    },
    "emma_enterprise": {
        "manager": {"owner"},
        "full": {"owner", "manager"},
        "editor": {"owner", "manager"},
        "author": {"owner", "manager"},
        "response_only": {"owner", "manager"},
    },
    "emma_hq": {
        "manager": {"owner"},
        "full": {"owner", "manager", "administrator"},
        "editor": {"owner", "manager", "administrator"},
    },
}


@cache
def admitted(edition: str) -> dict[tuple[str, str], frozenset[str]]:
    """Return, for every role and toggle of the truth table, the permissions it switches."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    with (TRUTH / f"{edition}.csv").open(newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            for role in get(edition).roles:
                if line.get(role.codename) == "opt":
                    found[role.codename, line["toggle"]].add(line["permission"])
    return {key: frozenset(value) for key, value in found.items()}


@cache
def toggles(edition: str) -> tuple[str, ...]:
    return tuple(sorted({toggle for _, toggle in admitted(edition)}))


def cases(*, is_admitted: bool) -> list[tuple[str, str, str]]:
    return [
        (edition, role.codename, toggle)
        for edition in EDITIONS
        for role in get(edition).roles
        for toggle in toggles(edition)
        if ((role.codename, toggle) in admitted(edition)) is is_admitted
    ]


def somebody(w: World, role: str, **extra: Any) -> Membership:
    """Return a new person with ``role``, at account level if that is where it is held."""
    spec = w.edition.role(role)
    if not spec.subaccount_level:
        return w.manager(w.north, role=role, **extra)
    return w.member(role, **extra)


def switch(actor: Any, membership: Membership, toggle: Any, on: bool = True, **extra: Any) -> Any:
    return services.toggle_permission(
        actor=actor, membership=membership, toggle=toggle, on=on, **extra
    )


def held(w: World, user: Any, edition: str) -> set[str]:
    """Return every permission of ``edition`` that ``user`` holds on the account or in north."""
    with access.unit_of_work():  # one profile for all of them
        return {
            str(p)
            for p in get(edition).permissions
            if holds(user, p, w.account if p.level == "account" else w.north)
        }


def test_the_tables_know_these_toggles() -> None:
    assert {edition: len(admitted(edition)) for edition in EDITIONS} == {
        "constant_contact": 0,
        "emma_corporate": 11,
        "emma_enterprise": 10,
        "emma_hq": 6,
        "sailthru": 0,
    }
    assert {e: set(toggles(e)) for e in EMMA} == {
        e: {t.codename for t in get(e).toggles} for e in EMMA
    }


@pytest.mark.parametrize(("edition", "role", "toggle"), cases(is_admitted=True))
def test_toggle_switches_exactly_its_permissions(edition: str, role: str, toggle: str) -> None:
    w = world(edition)
    membership = somebody(w, role)
    before = held(w, membership.user, edition)

    switch(w.owner, membership, toggle)
    during = held(w, membership.user, edition)
    switch(w.owner, membership, toggle, on=False)

    assert during - before == admitted(edition)[role, toggle]
    assert held(w, membership.user, edition) == before
    assert not AccountUserGrant.objects.filter(membership=membership).exists()
    assert not SubaccountUserGrant.objects.filter(membership=membership).exists()


@pytest.mark.parametrize(("edition", "role", "toggle"), cases(is_admitted=False))
def test_toggle_the_role_does_not_admit_is_refused_even_to_the_owner(
    edition: str, role: str, toggle: str
) -> None:
    w = world(edition)
    membership = somebody(w, role)
    for on in (True, False):
        with refused("NOT_TOGGLEABLE") as caught:
            switch(w.owner, membership, toggle, on=on)
    assert str(w.edition.toggle(toggle).label) in caught.value.message


@pytest.mark.parametrize("edition", ["constant_contact", "sailthru"])
def test_editions_without_toggles_know_none(edition: str) -> None:
    w = world(edition)
    for role in w.edition.roles:
        membership = (
            w.member(role.codename) if role.subaccount_level else w.manager(role=role.codename)
        )
        with refused("UNKNOWN_TOGGLE"):
            switch(w.owner, membership, "export_contacts")


def test_custom_roles_admit_no_toggle() -> None:
    w = world("sailthru")
    membership = w.member(w.custom("access_settings"))
    with refused("UNKNOWN_TOGGLE"):
        switch(w.owner, membership, "export_contacts")


# who switches


def actor_of(w: World, kind: str) -> Any:
    """Return somebody of that kind with every toggle on; ``manager`` lacks managers."""
    if kind == "owner":
        return w.owner
    role = kind.removesuffix("*")
    every = [t for r, t in admitted(w.account.edition) if r == role]
    if kind == "manager" and "managers" in every:
        every.remove("managers")
    return somebody(w, role, toggles=tuple(sorted(every))).user


ACTORS = [
    (edition, actor)
    for edition in EMMA
    for actor in (
        "owner",
        *(r.codename for r in get(edition).roles),
        *(("manager*",) if edition == "emma_corporate" else ()),
    )
]


@pytest.mark.parametrize(("edition", "kind"), ACTORS)
def test_who_switches_whose_toggles(edition: str, kind: str) -> None:
    w = world(edition)
    actor = actor_of(w, kind)
    seen = {}
    for role in MAY_TOGGLE[edition]:
        target = somebody(w, role)
        for toggle in sorted(t for r, t in admitted(edition) if r == role):
            if kind in MAY_TOGGLE[edition][role]:
                if (kind, toggle) == ("manager", "managers"):
                    continue  # does not hold it
                switch(actor, target, toggle)
                seen[role, toggle] = True
            else:
                is_peer = kind == role == "administrator"
                with refused("RANK_TOO_HIGH" if is_peer else "OUT_OF_SCOPE"):
                    switch(actor, target, toggle)
                with pytest.raises(RankTooHigh if is_peer else OutOfScope):
                    switch(actor, target, toggle, on=False)
                seen[role, toggle] = False
    assert {r for (r, _), may in seen.items() if may} == {
        role for role, who in MAY_TOGGLE[edition].items() if kind in who
    }


def test_on_only_within_what_the_toggler_holds_off_by_whoever_manages() -> None:
    w = world("emma_corporate")
    manager = w.manager(w.north)
    administrator, full = w.member("administrator"), w.member("full")
    for membership, toggle, lacking in (
        (full, "export_contacts", {"export_contacts", "export_pii", "run_partner_exports"}),
        (full, "share_campaigns", {"share_campaigns"}),
        (administrator, "share_campaigns", {"share_campaigns"}),
    ):
        with refused("OUT_OF_SCOPE") as caught:
            switch(manager.user, membership, toggle)
        assert missing(caught) == {(p, "North") for p in lacking}
        switch(w.owner, membership, toggle)
        switch(manager.user, membership, toggle, on=False)
        assert not any(holds(membership.user, p, w.north) for p in lacking)


def test_the_account_is_covered_by_the_account_only() -> None:
    """A manager holding managers switches an account toggle only if they hold it themselves."""
    w = world("emma_corporate")
    actor = w.manager(w.north, toggles=("managers", "billing"))
    target = w.manager(w.north)
    switch(actor.user, target, "billing")
    with refused("OUT_OF_SCOPE") as caught:
        switch(actor.user, target, "sso")
    assert missing(caught) == {("manage_sso", w.account.name)}


def test_toggle_reaches_what_the_membership_reaches() -> None:
    """A toggle of a peer who manages elsewhere too is more than one holds."""
    w = world("emma_corporate")
    actor = w.manager(w.north, toggles=("managers", "export_contacts"))
    wider = w.manager(w.north, w.south)
    with refused("OUT_OF_SCOPE") as caught:
        switch(actor.user, wider, "export_contacts")
    assert {place for _, place in missing(caught)} == {ELSEWHERE}


def test_enterprise_response_only_exports_without_the_tab() -> None:
    w = world("emma_enterprise")
    membership = w.member("response_only", toggles=("export_contacts",))

    assert holds(membership.user, "export_contacts", w.north)
    assert not holds(membership.user, "access_audience", w.north)


# until when, by whom


def test_toggle_ends_by_itself_and_may_be_prolonged() -> None:
    w = world("emma_hq")
    manager, full = w.manager(), w.member("full")
    switch(w.owner, full, "export_contacts", ends_at=timezone.now() + timedelta(hours=1))
    assert holds(full.user, "export_contacts", w.north)
    SubaccountUserGrant.objects.filter(membership=full).update(ends_at=timezone.now())
    assert not holds(full.user, "export_contacts", w.north)

    switch(manager.user, full, "export_contacts")

    rows = SubaccountUserGrant.objects.filter(membership=full)
    assert {(r.permission.codename, r.granted_by, r.ends_at) for r in rows} == {
        (p, manager.user, None) for p in ("export_contacts", "export_pii", "run_partner_exports")
    }
    assert holds(full.user, "export_contacts", w.north)


def test_toggle_off_that_is_off_changes_nothing() -> None:
    w = world("emma_hq")
    full = w.member("full")

    switch(w.owner, full, "export_contacts", on=False)

    event = AuditEvent.objects.get(root=f"teams.account:{w.account.pk}")
    assert (event.action, event.data["before"], event.data["after"]) == (
        "permission.toggled",
        False,
        False,
    )


def test_toggle_in_an_archived_subaccount_goes_off_only() -> None:
    w = world("emma_hq")
    full = w.member("full", w.west)
    with refused("ARCHIVED"):
        switch(w.owner, full, "export_contacts")
    switch(w.owner, full, "export_contacts", on=False)


def test_toggle_of_one_place_says_nothing_about_another() -> None:
    w = world("emma_hq")
    north = w.member("full", toggles=("export_contacts",))
    w.member("full", w.south, user=north.user)

    assert holds(north.user, "export_contacts", w.north)
    assert not holds(north.user, "export_contacts", w.south)


@pytest.mark.parametrize("on", [1, 0, "true", None])
def test_a_toggle_is_on_or_off(on: Any) -> None:
    w = world("emma_hq")
    full = w.member("full")
    with refused("WRONG_TYPE"):
        switch(w.owner, full, "export_contacts", on=on)


# several at once


def test_several_toggles_go_together_or_not_at_all() -> None:
    w = world("emma_corporate")
    manager, full = w.manager(w.north, toggles=("export_contacts",)), w.member("full")
    services.set_toggles(
        actor=w.owner,
        membership=full,
        switches={"export_contacts": True, "share_campaigns": True},
    )
    assert holds(full.user, "export_contacts", w.north)
    assert holds(full.user, "share_campaigns", w.north)

    services.set_toggles(
        actor=manager.user,
        membership=full,
        switches={"export_contacts": True, "share_campaigns": False},
    )
    for switches, code in (
        ({"export_contacts": False, "share_campaigns": True}, "OUT_OF_SCOPE"),
        ({"export_contacts": False, "billing": True}, "NOT_TOGGLEABLE"),
        ({"export_contacts": False, "no_such_toggle": True}, "UNKNOWN_TOGGLE"),
    ):
        with refused(code):
            services.set_toggles(actor=manager.user, membership=full, switches=switches)

    assert holds(full.user, "export_contacts", w.north)
    assert not holds(full.user, "share_campaigns", w.north)
