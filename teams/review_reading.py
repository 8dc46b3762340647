"""The rows that a review goes through, read as things in words: what it is, where, until when.

A ``Reading`` is somebody's: it names no place and no thing that they may not know of.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db.models import F, QuerySet
from django.utils import timezone

from permissions import access, grants
from permissions.audit import label_of, ref_of
from permissions.lookups import any_of
from permissions.resources import Resource
from teams import selectors
from teams.catalogue import CATALOGUE
from teams.editions import get
from teams.editions.spec import Edition
from teams.models import (
    Account,
    AccountUserGrant,
    ApiKey,
    Invitation,
    Membership,
    ReviewLine,
    Subaccount,
    SubaccountUserGrant,
    TeamMembership,
)
from teams.models.membership import REACH
from teams.reviewed import Rows, Thing

Kind = ReviewLine.Kind
#: characters of a line's words
LIMIT = 200
#: places named before "and 5 more"
NAMED = 5
UNNAMED = "a place that is not named here"


class Reading:
    """Reads things of ``account`` as ``user`` may name them."""

    def __init__(self, account: Account, user: Any) -> None:
        self.account, self.user = account, user
        self.edition: Edition = get(account.edition)
        places = selectors.subaccounts_of(user).filter(account=account)
        self.names: dict[Any, str] = dict(places.values_list("pk", "name"))

    def things(self, rows: Rows) -> list[Thing]:
        """Return a thing for each of ``rows``; as many queries for one as for a thousand."""
        return [
            *self._roles(rows.memberships),
            *self._switches(rows.switched),
            *self._guests(rows.guests),
            *self._teams(rows.teams),
            *self._invitations(rows.invitations),
            *self._key_things(rows.keys),
        ]

    # one kind after the other

    def _roles(self, rows: QuerySet[Membership]) -> Iterator[Thing]:
        for row in _loaded(rows):
            state = {**_role_state(row), "on": row.status, "contact": row.is_primary_contact}
            note = " (suspended)" if row.status == Membership.Status.SUSPENDED else ""
            what = f"{self._role(row)}{note}{_until(row.ends_at)}"
            weight = self._weight(row)
            yield self._thing(Kind.ROLE, row, row.user, row, what, state=state, weight=weight)

    def _switches(self, rows: QuerySet[Membership]) -> Iterator[Thing]:
        members = {row.pk: row for row in _loaded(rows)} if self.edition.toggles else {}
        on: dict[tuple[Any, str], set[tuple[str, str]]] = defaultdict(set)
        for table in (AccountUserGrant, SubaccountUserGrant):
            given = table._default_manager.filter(
                grants.active(timezone.now()), any_of("membership_id", members)
            )
            for key, permission, end in given.values_list(
                "membership_id", "permission__codename", "ends_at"
            ):
                spec = self.edition.find_role(members[key].role)
                toggle = spec.toggle_of(permission) if spec is not None else None
                if toggle is not None:
                    on[key, toggle].add((permission, str(end)))
        for (key, toggle), permissions in on.items():
            row = members[key]
            state = {"permissions": sorted(permissions), **_reach_state(row)}
            yield self._thing(
                Kind.TOGGLE, row, row.user, row, str(self.edition.toggle(toggle).label),
                state=state, weight=self._weight(row) + len(permissions), permission=toggle,
            )  # fmt: skip

    def _guests(self, guests: Iterable[tuple[Resource, QuerySet[Any]]]) -> Iterator[Thing]:
        for resource, rows in guests:
            loaded = rows.select_related("user", "permission", "content_object").annotate(
                review_place=F(f"content_object__{resource.place_path}")
            )
            found = [row for row in loaded if row.permission.codename in resource.guest]
            named = self._opened(resource, [row.content_object for row in found])
            for row in found:
                obj, permission, place = (
                    row.content_object,
                    row.permission.codename,
                    row.review_place,
                )
                kind = obj._meta.verbose_name
                name = (
                    f"the {kind} {obj}" if obj.pk in named else f"a {kind} that is not named here"
                )
                what = f"Guest: {CATALOGUE[permission].label} on {name}"
                yield Thing(
                    kind=Kind.GUEST, ref=ref_of(row), permission=permission, person=row.user,
                    label=fit(label_of(row.user)), place=place, what=fit(what),
                    where=fit(self.names.get(place, UNNAMED)),
                    state=_digest({"object": obj.pk, "end": str(row.ends_at)}), weight=1, row=row,
                )  # fmt: skip

    def _opened(self, resource: Any, objects: Collection[Any]) -> set[Any]:
        """Return the keys of those of ``objects`` whose names the reader may know."""
        keys = {obj.pk for obj in objects}
        view = resource.actions.get("view")
        if resource.model is Subaccount:
            return keys & set(self.names)
        if view is None or not keys:
            return keys
        rows = resource.model._default_manager.filter(pk__in=keys)
        return set(access.visible(rows, self.user, view).values_list("pk", flat=True))

    def _teams(self, rows: QuerySet[TeamMembership]) -> Iterator[Thing]:
        for row in rows.select_related("user", "team"):
            what = f"In the team {row.team.name}{_until(row.ends_at)}"
            yield Thing(
                kind=Kind.TEAM, ref=ref_of(row), permission="", person=row.user,
                label=fit(label_of(row.user)), place=None, what=fit(what), where=self.account.name,
                state=_digest({"team": row.team_id, "end": str(row.ends_at)}), weight=0, row=row,
            )  # fmt: skip

    def _invitations(self, rows: QuerySet[Invitation]) -> Iterator[Thing]:
        labels = {toggle.codename: str(toggle.label) for toggle in self.edition.toggles}
        loaded = rows.select_related("subaccount", "custom_role", "account").prefetch_related(
            "reach", "into"
        )
        for row in loaded:
            on = [labels.get(toggle, toggle) for toggle in row.toggles]
            extras = f" with {', '.join(on)}" if on else ""
            what = f"Invited as {self._role(row)}{extras}"
            state = {
                **_role_state(row),
                "toggles": sorted(row.toggles),
                "teams": sorted(into.team_id for into in row.into.all()),
            }
            yield self._thing(
                Kind.INVITATION, row, None, row, what, state=state, weight=self._weight(row),
                label=row.address,
            )  # fmt: skip

    def _key_things(self, rows: QuerySet[ApiKey]) -> Iterator[Thing]:
        for row in rows.select_related("subaccount", "created_by", "account"):
            person = row.created_by
            what = f"API key {row.name} ({row.prefix}…), {_counted(len(row.scopes), 'scope')}"
            yield Thing(
                kind=Kind.KEY, ref=ref_of(row), permission="", person=person,
                label=fit(label_of(person)) if person else "Nobody any more",
                place=row.subaccount_id, what=fit(what + _until(row.expires_at)),
                where=fit(row.subaccount.name),
                state=_digest({"scopes": sorted(row.scopes), "end": str(row.expires_at)}),
                weight=len(row.scopes), row=row,
            )  # fmt: skip

    # words

    def _thing(
        self,
        kind: str,
        row: Any,
        person: Any,
        seat: Membership | Invitation,
        what: str,
        *,
        state: Mapping[str, Any],
        weight: int,
        permission: str = "",
        label: str = "",
    ) -> Thing:
        return Thing(
            kind=kind, ref=ref_of(row), permission=permission, person=person,
            label=fit(label or label_of(person)), place=seat.subaccount_id, what=fit(what),
            where=fit(self._where(seat)), state=_digest(state), weight=weight, row=row,
        )  # fmt: skip

    def _role(self, row: Membership | Invitation) -> str:
        spec = self.edition.find_role(row.role)
        return str(spec.label if spec else row.custom_role or row.role)

    def _where(self, row: Membership | Invitation) -> str:
        if row.subaccount is not None:
            return row.subaccount.name
        if row.all_subaccounts:
            return "All subaccounts"
        known = sorted(self.names[key] for key in row.reach_keys if key in self.names)
        shown, more = known[:NAMED], len(row.reach_keys) - len(known[:NAMED])
        rest = [f"{more} more"] if more and shown else []
        return ", ".join([*shown, *rest]) or _counted(len(row.reach_keys), "subaccount")

    def _weight(self, row: Membership | Invitation) -> int:
        """Return how privileged a role is: by level, then rank, then how much it holds."""
        spec = self.edition.find_role(row.role)
        rank = (spec.rank or 0) if spec else 0
        held = (
            len(spec.holds) if spec else len(row.custom_role.permissions if row.custom_role else ())
        )
        return (1_000_000 if row.subaccount_id is None else 0) + rank * 1_000 + held


def _loaded(rows: QuerySet[Membership]) -> QuerySet[Membership]:
    return rows.select_related("user", "account", "subaccount", "custom_role").prefetch_related(
        *REACH
    )


def _role_state(row: Any) -> dict[str, Any]:
    custom = row.custom_role
    return {
        "role": row.role,
        "custom": [custom.pk, sorted(custom.permissions)] if custom else None,
        "end": str(row.ends_at),
        **_reach_state(row),
    }


def _reach_state(row: Any) -> dict[str, Any]:
    reach = None if row.all_subaccounts else sorted(row.reach_keys)
    return {"place": row.subaccount_id, "reach": reach if row.subaccount_id is None else None}


def _digest(state: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def _until(end: datetime | None) -> str:
    return f", until {end:%Y-%m-%d}" if end else ""


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def fit(text: str) -> str:
    """Return ``text`` as it fits a line of a review."""
    return text if len(text) <= LIMIT else f"{text[: LIMIT - 1]}…"
