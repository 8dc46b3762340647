"""What the search speaks of: two small editions, and the facts about one account.

Everything recorded is a fact, a tuple that begins with its kind, and an account is a set of them:

- ``("own", person)``
- ``("post", person, seat, role, active, toggles)``: a membership
- ``("guest", person, place)``: guest access, to see what SEND stands for
- ``("invite", address, inviter, seat, role)``: an address is that of the person
- ``("offer", heir)``: the account, by its owner
- ``("role", name, permissions)``: a custom role

A seat is ``("in", place)`` or ``("top", reach)``, reach being places or EVERY.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import permutations, product
from typing import Any

from permissions.policy import TOP

Fact = tuple[Any, ...]
Facts = frozenset[Fact]
#: the accounts there are, each with its facts
State = tuple[Facts, ...]

EVERY = "every"
PEOPLE, ROLES, EXPORT, SEND = "manage_people", "give_roles", "export", "send"
ALL_FOUR = (PEOPLE, ROLES, EXPORT, SEND)


@dataclass(frozen=True)
class Role:
    """A built-in role: as ``teams.editions.spec.RoleSpec``, without conditions."""

    holds: frozenset[str]
    rank: int | None = None
    at_top: bool = False
    inside: bool = False
    peer: str = ""
    optional: frozenset[str] = frozenset()
    toggled_by: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Edition:
    """A role system: as ``teams.editions.spec.Edition``, as far as rights depend on it."""

    levels: Mapping[str, str]
    roles: Mapping[str, Role]
    highest: str  # what a former owner becomes
    changes_top: frozenset[str]
    changes_inside: frozenset[str]
    gives_roles: frozenset[str] = frozenset()
    add_up: bool = False
    custom: tuple[str, ...] = ()
    reaches: tuple[str, ...] = (EVERY,)  # or SOME, one place each
    __hash__ = object.__hash__

    @property
    def ranked(self) -> bool:
        return any(role.rank is not None for role in self.roles.values())


P = frozenset

#: after Emma Corporate and HQ: a manager may lack what an administrator has, administrators are
#: peers, managers are only to who holds ROLES
RANKED = Edition(
    levels={ROLES: TOP, PEOPLE: "subaccount", EXPORT: "subaccount", SEND: "subaccount"},
    roles={
        "manager": Role(
            holds=P({PEOPLE, SEND}),
            rank=80,
            at_top=True,
            peer=ROLES,
            optional=P({EXPORT, ROLES}),
            toggled_by=P({"owner", "manager"}),
        ),
        "administrator": Role(holds=P({PEOPLE, EXPORT, SEND}), rank=60, inside=True, peer=PEOPLE),
        "full": Role(
            holds=P({SEND}),
            rank=40,
            inside=True,
            optional=P({EXPORT}),
            toggled_by=P({"owner", "manager", "administrator"}),
        ),
    },
    highest="manager",
    changes_top=P({ROLES}),
    changes_inside=P({PEOPLE}),
    reaches=(EVERY, "some"),
)

#: after Sailthru: no ranks, custom roles, roles that add up
RANKLESS = Edition(
    levels=dict.fromkeys(ALL_FOUR, "subaccount"),
    roles={"admin": Role(holds=P(ALL_FOUR), at_top=True, inside=True)},
    highest="admin",
    changes_top=P({PEOPLE}),
    changes_inside=P({PEOPLE}),
    gives_roles=P({ROLES}),
    add_up=True,
    custom=("custom",),
)


@cache
def _places(account: int, count: int) -> tuple[tuple[int, int], ...]:
    return tuple((account, number) for number in range(count))


@dataclass(frozen=True)
class Bounds:
    """What is searched: the accounts' editions, their places, people, and how much is recorded.

    ``facts`` is the most there may be at a time in all accounts together, posts, toggles that are
    on, guests, invitations and offers each counting as one.
    """

    editions: tuple[Edition, ...]
    places: tuple[int, ...]  # how many each account has
    people: int
    facts: int
    start: State = ()

    def places_of(self, account: int) -> tuple[tuple[int, int], ...]:
        """Return the names of an account's places, which no other account has."""
        return _places(account, self.places[account])

    def first(self) -> State:
        """Return where all begins: every account has an owner, and custom roles without rights,
        unless ``start`` says otherwise."""
        return self.start or tuple(
            frozenset({("own", number), *(("role", name, P()) for name in edition.custom)})
            for number, edition in enumerate(self.editions)
        )


def weight(state: State) -> int:
    """Return how much is recorded, as ``Bounds.facts`` counts it."""
    return sum(
        1 + (len(fact[5]) if fact[0] == "post" else 0)
        for facts in state
        for fact in facts
        if fact[0] not in ("own", "role")
    )


def of_kind(facts: Facts, kind: str) -> list[Fact]:
    return [fact for fact in facts if fact[0] == kind]


def owner_of(facts: Facts) -> int:
    for fact in facts:
        if fact[0] == "own":
            return int(fact[1])
    raise LookupError("nobody owns this account")


def posts_of(facts: Facts, person: int) -> list[Fact]:
    return [fact for fact in facts if fact[0] == "post" and fact[1] == person]


def ticks(facts: Facts, role: str) -> frozenset[str] | None:
    """Return what a custom role holds; None for a built-in one."""
    return next((fact[2] for fact in facts if fact[0] == "role" and fact[1] == role), None)


# people who are alike, and places


@cache
def renamings(people: int, places: tuple[int, ...]) -> tuple[tuple[Any, ...], ...]:
    """Return every way to name people and, within their account, places anew."""
    names = [
        [dict(zip(range(count), order, strict=True)) for order in permutations(range(count))]
        for count in places
    ]
    return tuple(product(permutations(range(people)), product(*names)))


def canonical(state: State, bounds: Bounds) -> Any:
    """Return the same for states that differ in names only, and differently for all others."""
    return min(_renamed(state, people, places) for people, places in _fitting(state, bounds))


def _fitting(state: State, bounds: Bounds) -> Iterator[Any]:
    """Leave out the renamings that do not bring the owners first: the smallest is not among them.

    There is always one that does: owners are renamed 0, 1, … in the order of the accounts.
    """
    owners: list[int] = []
    for facts in state:
        if owner_of(facts) not in owners:
            owners.append(owner_of(facts))
    for people, places in renamings(bounds.people, bounds.places):
        if all(people[owner] == number for number, owner in enumerate(owners)):
            yield people, places


def _renamed(state: State, people: Any, places: Any) -> Any:
    return tuple(
        tuple(sorted(_fact(fact, people, places[account]) for fact in facts))
        for account, facts in enumerate(state)
    )


def _fact(fact: Fact, people: Any, places: Any) -> Any:
    kind = fact[0]
    if kind == "role":
        return (kind, fact[1], tuple(sorted(fact[2])))
    if kind == "guest":
        return (kind, people[fact[1]], places[fact[2][1]])
    if kind == "post":
        _kind, person, seat, role, active, toggles = fact
        return (kind, people[person], _seat(seat, places), role, active, tuple(sorted(toggles)))
    if kind == "invite":
        return (kind, people[fact[1]], people[fact[2]], _seat(fact[3], places), fact[4])
    return (kind, people[fact[1]])


def _seat(seat: Any, places: Any) -> tuple[Any, ...]:
    level, where = seat
    if level == "in":
        return (level, (places[where[1]],))
    return (level, (-1,) if where == EVERY else tuple(sorted(places[place[1]] for place in where)))
