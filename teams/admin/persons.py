"""What the pages about one person show."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Prefetch, Q, QuerySet
from django.utils import timezone

from permissions import access, grants
from permissions.lookups import any_of
from permissions.policy import TOP, Scope
from teams import effective, selectors
from teams.admin import words
from teams.admin.desk import Chip, Desk, role_spec
from teams.admin.known import known_of
from teams.admin.switchers import why_locked
from teams.catalogue import CATALOGUE, MANAGE_TEAMS
from teams.models import REACH, AccountUserGrant, Membership, SubaccountUserGrant, TeamMembership

TABS = 8


def sees_people(desk: Desk) -> bool:
    """Say whether there is a People page for this person in the chosen account."""
    key = desk.account.pk
    return bool(selectors.people_places(desk.profile, key)) or selectors.sees_account_people(
        desk.profile, key
    )


def changes_people(desk: Desk) -> bool:
    """Say whether there is any place where this person may change who holds what; no query."""
    edition, key = desk.edition, desk.account.pk
    at_account = edition.changes_account
    if all(CATALOGUE[p].level == TOP and desk.holds(p, TOP) for p in at_account):
        return True
    found = Scope(everywhere=True)
    for permission in edition.changes_subaccount:
        found = access.intersection(found, desk.profile.scope(key, permission))
    return bool(found)


def seen_memberships(desk: Desk) -> QuerySet[Membership]:
    """Return the memberships of the chosen account that this person may see."""
    return (
        selectors.memberships_of(desk.user)
        .filter(account=desk.account)
        .select_related("subaccount", "custom_role", "added_by", "user")
        .prefetch_related(*REACH)
        .order_by("subaccount__name", "pk")
    )


def people_in(desk: Desk) -> QuerySet[Any]:
    """Return the people of the chosen account that this person may see, themselves included."""
    rows = selectors.memberships_of(desk.user).filter(account=desk.account)
    people = Q(pk=desk.user.pk) | Q(pk__in=rows.values("user_id"))
    if selectors.sees_account_people(desk.profile, desk.account.pk):
        people |= Q(pk=desk.account.owner_id)
    return get_user_model()._default_manager.filter(people)


def open_people(desk: Desk, people: Collection[Any]) -> set[Any]:
    """Return which of these keys of people the reader sees on the People page."""
    return set(people_in(desk).filter(any_of("pk", people)).values_list("pk", flat=True))


def with_places(desk: Desk, people: QuerySet[Any]) -> QuerySet[Any]:
    """Load, for each of ``people``, the memberships that may be seen, into ``seen``."""
    rows = with_toggles(seen_memberships(desk))
    return people.prefetch_related(Prefetch("memberships", queryset=rows, to_attr="seen"))


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


# guest access and teams


@dataclass(slots=True)
class Guest:
    """What a guest was given on one object."""

    key: str
    obj: Any
    name: str
    kind: str
    labels: list[str]
    ends: Any
    ends_at: datetime | None = None
    place: Any = None


def guest_rows(desk: Desk, person: Any) -> list[Guest]:
    """Return the guest access of ``person`` in subaccounts whose people the reader sees."""
    scope = selectors.people_places(desk.profile, desk.account.pk)
    own = person.pk == desk.user.pk
    found: dict[tuple[str, Any], Guest] = {}
    for resource, given in selectors.guest_grants():
        rows = given.filter(
            grants.active(timezone.now()),
            user=person,
            **{f"content_object__{resource.root_path}": desk.account.pk},
        )
        for row in rows.select_related("content_object", "permission"):
            obj = row.content_object
            _root, place = resource.locate(obj)
            if not own and place not in scope:
                continue
            key = (resource.label, obj.pk)
            if key not in found:
                view = resource.actions.get("view")
                named = own or view is None or access.allows(desk.user, view, obj)
                kind = str(obj._meta.verbose_name)
                name = str(obj) if named else f"A {kind} you do not see"
                ends = words.when(row.ends_at, "No end")
                found[key] = Guest(
                    f"{resource.label}:{obj.pk}", obj, name, kind, [], ends, row.ends_at, place
                )
            if row.permission.codename in resource.guest:
                found[key].labels.append(str(CATALOGUE[row.permission.codename].label))
    return list(found.values())


def team_rows(desk: Desk, person: Any) -> list[TeamMembership]:
    """Return the teams of ``person``, to themselves and to whoever manages teams."""
    if not desk.edition.has_teams:
        return []
    if person.pk != desk.user.pk and not desk.holds(MANAGE_TEAMS):
        return []
    rows = TeamMembership.objects.filter(user=person, team__account=desk.account)
    return list(rows.select_related("team").order_by("team__name"))


def sleeps_here(desk: Desk, person: Any) -> bool:
    """Say whether something of ``person`` sleeps in the account for want of a second factor."""
    tenant = access.profile_of(person).tenants.get(desk.account.pk)
    return tenant is not None and bool(tenant.standing.asleep)


# effective permissions


def tabs(desk: Desk, person: Any, memberships: Iterable[Membership]) -> list[tuple[str, str]]:
    """Return (key, label) of the places where ``person`` may be looked at by the reader."""
    found: dict[str, str] = {}
    at_account = person.pk == desk.account.owner_id
    everywhere = at_account
    own: set[Any] = set()
    for membership in memberships:
        if membership.is_account_level:
            at_account = True
            everywhere = everywhere or membership.all_subaccounts
            own.update(membership.reach_keys)
        else:
            own.add(membership.subaccount_id)
    guests = access.profile_of(person).tenants.get(desk.account.pk)
    if guests is not None:
        for holding in guests.standing.holdings:
            if holding.source.kind == "guest" and holding.reach.places:
                own.update(holding.reach.places)
    for place in desk.active:
        if everywhere or place.pk in own:
            found[str(place.pk)] = place.name
    if at_account:
        found[TOP] = "The account"
    return list(found.items())


def effective_context(
    desk: Desk, person: Any, memberships: Iterable[Membership], wanted: str
) -> dict[str, Any]:
    """Return what ``person`` may do at the chosen place, by area."""
    choices = tabs(desk, person, memberships)
    keys = [key for key, _label in choices]
    chosen = wanted if wanted in keys else (keys[0] if keys else "")
    if not chosen:
        return {"tabs": [], "groups": [], "held": 0, "asked": 0}
    place: Any = TOP if chosen == TOP else int(chosen)
    sees = known_of(desk, person, memberships, place)
    groups = effective.effective(person, desk.account, place, knows=sees.knows)
    return {
        "tabs": choices,
        "use_select": len(choices) > TABS,
        "chosen": chosen,
        "chosen_label": dict(choices)[chosen],
        "groups": groups,
        "held": sum(group.held for group in groups),
        "asked": sum(len(group.lines) for group in groups),
    }
