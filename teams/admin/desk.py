"""What every page knows about the person in front of it, loaded once a request."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, TypeVar, cast

from django.core.exceptions import PermissionDenied
from django.db import router
from django.db.models import QuerySet
from django.http import HttpRequest

from permissions import access
from permissions.audit import label_of
from permissions.policy import TOP, Holding, PlaceId, Source
from permissions.profile import Profile, Tenant
from teams import logins, selectors
from teams.editions import get
from teams.editions.spec import Edition, RoleSpec
from teams.models import Account
from teams.services.glance import Glance
from teams.services.offers import Offers

T = TypeVar("T")

ACCOUNT_KEY = "console_account"
PLACE_KEY = "console_place"


class Place(NamedTuple):
    """One subaccount the person works in."""

    pk: int
    name: str
    is_archived: bool
    is_home: bool


class Chip(NamedTuple):
    """A role as a page shows it; ``kind`` chooses the colour, the label says it."""

    label: str
    kind: str


@dataclass
class Desk:
    """One person at the console, in the account they have chosen."""

    request: HttpRequest
    _answers: dict[Any, Any] = field(default_factory=dict)

    def once(self, question: Callable[[Desk], T]) -> T:
        """Return ``question(self)``, asked once a request, however often a page wants it."""
        if question not in self._answers:
            self._answers[question] = question(self)
        found: T = self._answers[question]
        return found

    @cached_property
    def user(self) -> Any:
        """Return the person."""
        return self.request.user

    @cached_property
    def profile(self) -> Profile:
        """Return what the person holds."""
        return access.profile_of(self.user)

    @cached_property
    def accounts(self) -> list[Account]:
        """Return the accounts the person belongs to, by name.

        Made of what the profile brings along: other fields are loaded when they are asked for.
        """
        found = [_account(key, tenant.details) for key, tenant in self.profile.tenants.items()]
        return sorted(found, key=lambda account: (account.name.casefold(), account.pk))

    @cached_property
    def account(self) -> Account:
        """Return the chosen account: what the session says if it is one of theirs, or the first."""
        chosen = self.request.session.get(ACCOUNT_KEY)
        return next((a for a in self.accounts if a.pk == chosen), self.accounts[0])

    @cached_property
    def edition(self) -> Edition:
        """Return the rules of the account."""
        return get(self.account.edition)

    @cached_property
    def tenant(self) -> Tenant:
        """Return the person's standing in the account."""
        return self.profile.tenants[self.account.pk]

    @property
    def is_owner(self) -> bool:
        """Say whether the person owns the account."""
        return self.tenant.standing.is_owner

    @property
    def acts_as_owner(self) -> bool:
        """Say whether the person owns the account and their rights as such do not sleep."""
        return self.tenant.standing.acts_as_owner

    @cached_property
    def asleep(self) -> frozenset[str]:
        """Return the permissions of which something sleeps, here, for want of a second factor."""
        return frozenset(
            permission
            for holding in self.tenant.standing.asleep
            for given in holding.rights.values()
            for permission in given
        )

    @property
    def factor_url(self) -> str:
        """Return where the project lets one set up a second factor; empty for nowhere."""
        return logins.current().factor_url()

    @cached_property
    def place(self) -> Place | None:
        """Return the one subaccount to which the person narrowed every list, or None for all."""
        chosen = self.request.session.get(PLACE_KEY)
        if chosen is None:
            return None
        return next(iter(self._places(selectors.subaccounts_of(self.user).filter(pk=chosen))), None)

    def find_places(self, text: str) -> QuerySet[Any]:
        """Return the active subaccounts the person works in whose name holds ``text``, by name."""
        rows = selectors.subaccounts_of(self.user).filter(account=self.account, archived_at=None)
        return rows.filter(name__icontains=text).order_by("name", "pk")

    def _places(self, rows: QuerySet[Any]) -> Iterator[Place]:
        rows = rows.filter(account=self.account).order_by("name")
        for pk, name, archived, home in rows.values_list("pk", "name", "archived_at", "is_home"):
            yield Place(pk, name, archived is not None, home)

    @cached_property
    def places(self) -> list[Place]:
        """Return the subaccounts the person works in, archived ones they may restore included."""
        return list(self._places(selectors.subaccounts_of(self.user)))

    @cached_property
    def place_names(self) -> dict[Any, str]:
        """Return the names of the subaccounts the person may see, by key."""
        return {place.pk: place.name for place in self.places}

    @cached_property
    def group_names(self) -> dict[Any, str]:
        """Return the names of the groups the person may see, by key."""
        rows = selectors.groups_of(self.user).filter(account=self.account)
        return dict(rows.values_list("pk", "name"))

    @cached_property
    def active(self) -> list[Place]:
        """Return the subaccounts that are not archived."""
        return [place for place in self.places if not place.is_archived]

    @cached_property
    def glance(self) -> Glance:
        """Return the change the person would make here."""
        change = Glance.open(self.user, self.account, self.profile)
        if change is None:  # somebody without holdings does not enter the console
            raise PermissionDenied
        return cast(Glance, change)

    @cached_property
    def offers(self) -> Offers:
        """Return what the services would let the person do here."""
        return Offers(self.glance)

    @property
    def works_at_account(self) -> bool:
        """Say whether the person owns the account or has a role at its level."""
        return any(
            h.reach.top for h in self.tenant.standing.holdings if h.source.kind in ("owner", "role")
        )

    def holds(self, permission: str, place: PlaceId | None = None) -> bool:
        """Say whether the person holds ``permission`` at ``place``, or anywhere in the account."""
        scope = self.profile.scope(self.account.pk, permission)
        return bool(scope) if place is None else place in scope

    def label(self, permission_area: str, otherwise: Any) -> str:
        """Return what the edition calls an area."""
        return str(self.edition.area_labels.get(permission_area, otherwise))

    @cached_property
    def chip(self) -> Chip:
        """Return the person's highest role here: in the chosen subaccount, or in the account."""
        if self.is_owner:
            return Chip(str(self.edition.owner_label), "owner")
        best = highest(self.tenant, self.place.pk if self.place else None)
        return chip_of(self.edition, best) if best else Chip("Guest", "plain")

    @property
    def logo(self) -> str:
        """Return the letters on the account's tile."""
        return initials(self.account.name)

    @property
    def user_name(self) -> str:
        """Return what the person is called."""
        return label_of(self.user)

    @property
    def user_initials(self) -> str:
        """Return the letters that stand for the person."""
        return initials(self.user_name)

    @cached_property
    def reach(self) -> frozenset[PlaceId] | None:
        """Return the active subaccounts the person reaches; None for all of the account's."""
        reached: frozenset[PlaceId] = frozenset()
        for holding in self.tenant.standing.holdings:
            if holding.reach.places is None:
                return None
            reached |= holding.reach.places
        return reached - self.tenant.root.archived

    @property
    def may_switch(self) -> bool:
        """Say whether there is another account or subaccount to look at."""
        return len(self.accounts) > 1 or self.reach is None or len(self.reach) > 1

    @property
    def where(self) -> str:
        """Return where the person works, in words."""
        if self.reach is None:
            return "All subaccounts"
        if len(self.reach) == 1:
            (only,) = self.reach
            return self.tenant.labels.get(only, "1 subaccount")
        return f"{len(self.reach)} subaccounts"


def _account(key: Any, details: Mapping[str, Any]) -> Account:
    """Make the account of what the profile brought along; the rest is loaded when asked for."""
    known = {"id": key, **details}
    # in the order of the model, which JSON from a database does not keep
    fields = [f.attname for f in Account._meta.concrete_fields if f.attname in known]
    values = [known[name] for name in fields]
    return Account.from_db(router.db_for_read(Account), fields, values)


def initials(text: str) -> str:
    """Return up to two letters that stand for a name."""
    words = [w for w in text.replace("&", " ").split() if w[:1].isalnum()]
    return "".join(w[0] for w in (words[:1] + words[-1:] if len(words) > 1 else words)).upper()


def highest(
    tenant: Tenant, place: Any = None, *, knows: Callable[[Source], bool] = lambda _source: True
) -> Holding | None:
    """Return the highest role somebody has in ``place``, or anywhere, of those that ``knows`` lets
    through; None for a guest."""
    roles = [
        holding
        for holding in tenant.standing.holdings
        if holding.source.kind == "role"
        and (place is None or place in holding.reach)
        and knows(holding.source)
    ]
    return max(roles, key=lambda h: (h.rank or 0, h.reach.top), default=None)


def chip_of(edition: Edition, holding: Holding) -> Chip:
    """Return the role behind ``holding`` as a page shows it."""
    spec = role_spec(edition, holding.source.name)
    return Chip(holding.source.label, role_kind(spec, at_account=holding.reach.top))


def role_spec(edition: Edition, codename: str) -> RoleSpec | None:
    """Return the built-in role, or None for a custom one."""
    return next((role for role in edition.roles if role.codename == codename), None)


def role_kind(spec: RoleSpec | None, *, at_account: bool) -> str:
    """Return how a role is coloured: manager, admin or plain."""
    if spec is None:
        return "plain"
    if "admin" in spec.codename:
        return "admin"
    return "manager" if at_account else "plain"


def desk_of(request: Any) -> Desk:
    """Return the desk of this request, made when first asked for."""
    desk: Desk | None = getattr(request, "_desk", None)
    if desk is None:
        desk = request._desk = Desk(request)
    return desk


def apart(request: Any) -> Any:
    """Return ``request`` with a desk of its own: what a trial reads is not remembered."""
    found = copy.copy(request)
    found._desk = None
    return found


__all__ = [
    "ACCOUNT_KEY",
    "PLACE_KEY",
    "TOP",
    "Chip",
    "Desk",
    "Place",
    "apart",
    "desk_of",
    "initials",
    "role_kind",
]
