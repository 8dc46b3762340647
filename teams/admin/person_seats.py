"""The places and roles of one person, with what is switched on with each."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.utils import timezone

from teams.admin import words
from teams.admin.desk import Chip, Desk, role_spec
from teams.admin.switchers import why_locked
from teams.catalogue import CATALOGUE
from teams.models import AccountUserGrant, Membership, SubaccountUserGrant


def with_toggles(memberships: QuerySet[Membership]) -> QuerySet[Membership]:
    """Load what is switched on with each membership, in one query a table."""
    return memberships.prefetch_related(
        *(
            Prefetch(name, queryset=table._default_manager.select_related("permission"))
            for name, table in (
                ("account_toggles", AccountUserGrant),
                ("subaccount_toggles", SubaccountUserGrant),
            )
        )
    )


def toggles_on(desk: Desk, memberships: Iterable[Membership]) -> list[str]:
    """Return the labels of the toggles that are on, each once."""
    labels: dict[str, None] = {}
    for membership in memberships:
        spec = role_spec(desk.edition, membership.role)
        if spec is None:
            continue
        for row in working_toggles(membership):
            toggle = spec.toggle_of(row.permission.codename)
            if toggle:
                labels[str(desk.edition.toggle(toggle).label)] = None
    return list(labels)


def working_toggles(membership: Membership) -> list[Any]:
    """Return the grants of what is switched on with ``membership`` and has not ended."""
    now = timezone.now()
    rows = (*membership.account_toggles.all(), *membership.subaccount_toggles.all())
    return [row for row in rows if row.ends_at is None or row.ends_at > now]


@dataclass(slots=True)
class SwitchRow:
    """One switch as the page shows it; ``given`` is a grant by which it is on, or was."""

    codename: str
    label: str
    note: str
    is_on: bool
    is_locked: bool
    membership: Membership
    given: Any = None
    verbs: list[Any] = field(default_factory=list)

    @property
    def key(self) -> str:
        """Return how an address names it."""
        return f"{self.membership.pk}-{self.codename}"


@dataclass(slots=True)
class Seat:
    """One place and role of a person, with what may be done about it; ``note`` is a warning."""

    membership: Membership
    place: str
    chip: Chip
    state: str
    since: Any
    ends: Any
    verbs: list[Any] = field(default_factory=list)
    switches: list[SwitchRow] = field(default_factory=list)
    switch_verb: Any = None
    note: str = ""


def switch_rows(desk: Desk, membership: Membership) -> list[SwitchRow]:
    """Return the switches of one membership: those the role admits, and those others have."""
    spec = role_spec(desk.edition, membership.role)
    if spec is None:
        return []
    rows = (*membership.account_toggles.all(), *membership.subaccount_toggles.all())
    working = working_toggles(membership)
    on = {row.permission.codename for row in working}
    at_account = membership.is_account_level
    refusal = desk.offers.verdict(membership, "change this")
    found = []
    for toggle in desk.edition.toggles:
        able = [
            role
            for role in desk.edition.roles
            if toggle.codename in role.optional
            and (role.account_level if at_account else role.subaccount_level)
        ]
        if not able:
            continue
        if spec not in able:
            names = words.listed([str(role.label) for role in able])
            reason = (
                f"The role {spec.label} cannot be given this. It can be switched on for {names}."
            )
            label = str(toggle.label)
            found.append(SwitchRow(toggle.codename, label, reason, False, True, membership))
            continue
        permissions = spec.optional[toggle.codename]
        error = None if on & permissions else desk.offers.feature_refusal(membership, permissions)
        error = error or refusal or desk.offers.switch_verdict(membership, spec, toggle, on)
        locked = why_locked(desk, membership, spec, toggle, error) if error else ""
        given = [row for row in rows if row.permission.codename in permissions]
        row = given[0] if given else None
        found.append(
            SwitchRow(
                toggle.codename,
                str(toggle.label),
                _switch_note(membership, permissions, row, locked),
                row in working,
                bool(locked),
                membership,
                row,
            )
        )
    return found


def _switch_note(
    membership: Membership, permissions: Collection[str], given: Any, locked: str
) -> str:
    """Say what a switch covers, since and until when it is on, and why it stays as it is."""
    note = f"Covers {words.listed([str(CATALOGUE[p].label) for p in sorted(permissions)])}."
    if given is None:
        return locked or note
    note += f" On since {words.short_date(given.granted_at)}."
    end, role_end = given.ends_at, membership.ends_at
    if end is not None and end <= timezone.now():
        note += f" Ended {words.short_date(end)}."
    elif end is not None and role_end is not None and role_end < end:
        note += f" Ends with the role on {words.short_date(role_end)}, before its own end."
    elif end is not None:
        note += f" Ends {words.short_date(end)}."
    return f"{note} {locked}" if locked else note


def seats(
    desk: Desk, memberships: Iterable[Membership], model_admin: Any, person: Any
) -> list[Seat]:
    """Return the places and roles of ``person``; without ``model_admin`` nothing is offered."""
    found = []
    for membership in memberships:
        seat = Seat(
            membership=membership,
            place=words.place_label(desk, membership),
            chip=words.role_chip(desk, membership),
            state=words.state_chip(words.state(membership.user, [membership], desk.account)),
            since=words.when(membership.added_at),
            ends=words.when(membership.ends_at, "No end"),
            switches=switch_rows(desk, membership),
        )
        if model_admin is not None:
            for row in seat.switches:
                if row.given is not None:
                    row.verbs = model_admin.offered(desk.request, person, row)
            offered = model_admin.offered(desk.request, person, membership)
            seat.verbs = [verb for verb in offered if verb.name != "switch"]
            seat.switch_verb = next((verb for verb in offered if verb.name == "switch"), None)
        found.append(seat)
    return found
