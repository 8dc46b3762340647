"""What people may do, judged by the policy as services judge it, and what comes of it.

``Rules`` is ``teams.services`` in small: ``gate``, ``managing`` and ``judge`` are
``gates.gate``, ``Change.require_managing`` and ``Change.judge``, over facts instead of rows.
"""

# ruff: noqa: B023, SIM105 - what is defined in a loop is asked at once; a generator yields in try
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import Any

from permissions.policy import (
    FUTURE,
    TOP,
    Atoms,
    Holding,
    PlaceId,
    Reach,
    Refusal,
    Root,
    Source,
    Standing,
    added_atoms,
    atoms,
    covers,
    may_grant,
    may_manage,
    rank_at,
    sources_at,
)
from tests.search.world import (
    EVERY,
    SEND,
    Bounds,
    Edition,
    Fact,
    Facts,
    State,
    of_kind,
    owner_of,
    posts_of,
    ticks,
)

Places = frozenset[PlaceId]


class Refused(Exception):
    """Somebody may not do that, or there is no such thing to do."""


@dataclass(frozen=True)
class Act:
    """Something that somebody did: what the account became, and in whose name it was given."""

    verb: str
    actor: int
    account: int
    after: Facts
    giver: int

    def __str__(self) -> str:
        return f"person {self.actor} does {self.verb} in account {self.account}"


# facts as holdings


def reach_of(seat: Any) -> Reach:
    level, where = seat
    if level == "in":
        return Reach(top=False, places=frozenset({where}))
    return Reach(top=True, places=None if where == EVERY else where)


def _bundle(edition: Edition, permissions: Iterable[str]) -> dict[str, dict[str, str]]:
    held: dict[str, dict[str, str]] = {TOP: {}, "subaccount": {}}
    for permission in permissions:
        held[edition.levels[permission]][permission] = ""
    return held


@cache
def post_holdings(  # noqa: PLR0917 - cached by what it is given
    edition: Edition, ticked: frozenset[str] | None, person: int, seat: Any, role: str, on: Any
) -> tuple[Holding, ...]:
    """Return what a membership amounts to, as ``standings._membership_holdings``."""
    spec = edition.roles.get(role)
    rights = _bundle(edition, spec.holds if spec else ticked or ())
    reach, rank = reach_of(seat), spec.rank if spec else None
    key = (person, seat[0], seat[1] if seat[0] == "in" else "", role if edition.add_up else "")
    own = Holding(Source("role", role), rights, reach, rank=rank, key=("post", key, role))
    return own, *(
        Holding(Source("toggle", p), _bundle(edition, [p]), reach, key=("toggle", key, p))
        for p in sorted(on)
    )


@cache
def _owner_holding(edition: Edition) -> Holding:
    rights = _bundle(edition, edition.levels)
    return Holding(Source("owner", "owner"), rights, Reach(top=True, places=None), key="owner")


@lru_cache(maxsize=100_000)
def about(facts: Facts, person: int | None) -> Any:
    """Return the facts that what somebody has in an account follows from."""
    own = ("post", "guest", "own")
    return person, frozenset(
        fact for fact in facts if fact[0] == "role" or (fact[0] in own and fact[1] == person)
    )


class Rules:
    """The rules as they are; ``broken`` has some that are not."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.roots = [
            Root(key=number, levels=edition.levels)
            for number, edition in enumerate(bounds.editions)
        ]
        self.verdicts: dict[Any, bool] = {}

    # what the rules are, one by one: these are broken on purpose

    def may_manage(self, actor: Standing, target: Standing, **asked: Any) -> Refusal | None:
        return may_manage(actor, target, **asked)

    def may_grant(self, actor: Standing, added: Atoms, **asked: Any) -> Refusal | None:
        return may_grant(actor, added, **asked)

    def is_own(self, actor: Standing, person: int) -> bool:
        return actor.person == person and not actor.is_owner

    def standing(self, state: State, account: int, person: int) -> Standing:
        return self.standing_in(state[account], account, person)

    def about_actor(self, state: State, account: int, person: int) -> Any:
        """Return all that ``standing`` reads."""
        return about(state[account], person)

    def prey(self, facts: Facts, account: int, person: int) -> Standing:
        """Return what is asked of somebody who is to be managed: all that is recorded."""
        return self.standing_in(facts, account, person, recorded=True)

    def holders(self, posts: list[Fact]) -> list[Fact]:
        return posts

    def waiting(self, invitations: list[Fact]) -> list[Fact]:
        return invitations

    def asks_inviter(self) -> bool:
        return True

    # reading

    def standing_in(
        self, facts: Facts, account: int, person: int, *, recorded: bool = False
    ) -> Standing:
        edition = self.bounds.editions[account]
        if owner_of(facts) == person:
            return Standing(person, (_owner_holding(edition),), is_owner=True)
        posts = [post for post in posts_of(facts, person) if recorded or post[4]]
        holdings = [
            holding
            for _kind, _person, seat, role, _active, on in sorted(posts, key=repr)
            for holding in post_holdings(edition, ticks(facts, role), person, seat, role, on)
        ]
        if holdings:  # guest access is inert without an active membership
            holdings += [self.guest(account, fact) for fact in of_kind(facts, "guest")
                         if fact[1] == person]  # fmt: skip
        return Standing(person, tuple(holdings))

    def guest(self, account: int, fact: Fact) -> Holding:
        rights = _bundle(self.bounds.editions[account], [SEND])
        return Holding(Source("guest"), rights, reach_of(("in", fact[2])), key=fact)

    def look(self, facts: Facts, account: int, person: int) -> tuple[Any, Any]:
        """Return what is recorded, and what counts of it: as ``Change.look``."""
        counting = self.standing_in(facts, account, person).holdings
        awake = tuple(h for h in counting if h.source.kind != "guest")
        return self.standing_in(facts, account, person, recorded=True).holdings, awake


class Change:
    """One change in one account, by ``actor``: from what is asked to the verdict."""

    def __init__(self, rules: Rules, state: State, account: int, actor: int) -> None:
        self.rules, self.state, self.account, self.actor = rules, state, account, actor
        self.edition, self.root = rules.bounds.editions[account], rules.roots[account]
        self.before = state[account]
        self.standing = rules.standing(state, account, actor)
        self.universe = frozenset(rules.bounds.places_of(account))
        self.mine = (account, rules.about_actor(state, account, actor))

    def once(self, key: Any, judge: Callable[[], None]) -> None:
        """Judge what follows from ``mine`` and ``key`` alone, once a search."""
        verdicts, key = self.rules.verdicts, (self.mine, key)
        if key not in verdicts:
            verdicts[key] = _allowed(judge)
        if not verdicts[key]:
            raise Refused

    def require(self, permissions: Iterable[str], places: Places) -> None:
        for permission in permissions:
            for place in places:
                if not sources_at(self.standing, self.root, permission, place):
                    raise Refused

    def managing(self, target: int | None, places: Places, rank: int) -> None:
        standing = Standing(None)
        if target is not None:
            standing = self.rules.prey(self.before, self.account, target)
        theirs = max(rank, rank_at(standing.holdings, places))
        peers = {r.peer for r in self.edition.roles.values() if r.rank == theirs and r.peer}
        peer = bool(peers) and all(
            sources_at(self.standing, self.root, p, place) for p in peers for place in places
        )
        refusal = self.rules.may_manage(
            self.standing,
            standing,
            places=places,
            root=self.root,
            universe=self.universe,
            ranked=self.edition.ranked,
            rank=theirs,
            peer=peer,
        )
        if refusal is not None:
            raise Refused

    def gate(
        self, target: int | None, seat: Any, role: str | None = None, *, stake: str = ""
    ) -> None:
        """Refuse unless the actor may change memberships at ``seat``, or give ``role`` there.

        ``stake`` is a role that is only taken away.
        """
        key = ("gate", about(self.before, target), seat, role, stake)
        self.once(key, lambda: self._gate(target, seat, role, stake))

    def _gate(self, target: int | None, seat: Any, role: str | None, stake: str) -> None:
        edition, (level, where) = self.edition, seat
        if level == "in":
            places: Places = frozenset({where})
            needed, touched = edition.changes_inside, places
        else:
            if all(edition.levels[p] == TOP for p in edition.changes_top):
                places = frozenset({TOP})
            else:
                places = self.universe | {FUTURE} if where == EVERY else where
            needed, touched = edition.changes_top, places | {TOP}
        if role is not None:
            needed |= edition.gives_roles
        spec = edition.roles.get(role or stake)
        rank = (spec.rank or 0) if spec else 0
        self.require(needed, places)
        self.managing(target, touched, rank)

    def judge(self, after: Facts, *people: int) -> None:
        """Refuse if anybody gained what the actor does not hold."""
        for person in people:
            key = ("judge", about(self.before, person), about(after, person))
            self.once(key, partial(self._judge, after, person))

    def _judge(self, after: Facts, person: int) -> None:
        gained: dict[Any, Places] = {}
        looks = [self.rules.look(facts, self.account, person) for facts in (self.before, after)]
        for had, has in zip(*looks, strict=True):
            for key, places in added_atoms(had, has, self.root, self.universe).items():
                gained[key] = gained.get(key, frozenset()) | places
        if gained and self.rules.is_own(self.standing, person):
            raise Refused
        self.judge_atoms(gained)

    def judge_atoms(self, gained: Atoms) -> None:
        asked: Any = {"root": self.root, "universe": self.universe}
        if self.rules.may_grant(self.standing, gained, **asked) is not None:
            raise Refused

    def offered(self, facts: Facts, seat: Any, role: str) -> Atoms:
        held = post_holdings(self.edition, ticks(facts, role), -1, seat, role, frozenset())
        return atoms(held, self.root, self.universe)


# what comes of it


def without_needless(before: Facts, after: Facts, person: int) -> Facts:
    """Clear up as ``departures``: what ends when somebody has no place, or no active one."""
    posts, gone = posts_of(after, person), set()
    for fact in after:
        kind = fact[0]
        if kind == "guest" and fact[1] == person and not posts:
            gone.add(fact)
        if kind == "invite" and fact[2] == person and not posts and owner_of(after) != person:
            gone.add(fact)
        if kind == "invite" and fact[1] == person and not any(post[4] for post in posts):
            gone.add(fact)
    return after - gone


def without_guest(facts: Facts, person: int) -> Facts:
    """End guest access wherever ``person`` has a role, as ``seating.end_guest_access``."""
    reaches = [reach_of(post[2]) for post in posts_of(facts, person)]
    return frozenset(
        fact
        for fact in facts
        if not (
            fact[0] == "guest" and fact[1] == person and any(fact[2] in reach for reach in reaches)
        )
    )


def seats(bounds: Bounds, account: int) -> Iterator[tuple[Any, str]]:
    """Yield every role at every place where it may be held."""
    edition, places = bounds.editions[account], bounds.places_of(account)
    for name in (*edition.roles, *edition.custom):
        role = edition.roles.get(name)
        if role is None or role.inside:
            for place in places:
                yield ("in", place), name
        if role is None or role.at_top:
            yield ("top", EVERY), name
            if "some" in edition.reaches:
                for place in places:
                    yield ("top", frozenset({place})), name


def is_taken(edition: Edition, facts: Facts, person: int, seat: Any, role: str) -> bool:
    for post in posts_of(facts, person):
        same_place = post[2] == seat if seat[0] == "in" else post[2][0] == "top"
        if same_place and (not edition.add_up or post[3] == role):
            return True
    return False


def acts(rules: Rules, state: State) -> Iterator[Act]:
    """Yield every single thing that somebody may do now."""
    for account in range(len(state)):
        for actor in range(rules.bounds.people):
            change = Change(rules, state, account, actor)
            for verb in _ALONE:
                yield from verb(change)
            if change.standing.holdings:  # others look as if there was no such account
                for verb in _UPON_OTHERS:
                    yield from verb(change)


def _act(change: Change, verb: str, after: Facts, giver: int | None = None) -> Act:
    giver = change.actor if giver is None else giver
    return Act(verb, change.actor, change.account, after, giver)


def _allowed(asked: Any) -> bool:
    try:
        asked()
    except Refused:
        return False
    return True


def _give(change: Change, person: int, seat: Any, role: str) -> Facts:
    """Give somebody a role: as ``add_member``."""
    before = change.before
    if owner_of(before) == person or is_taken(change.edition, before, person, seat, role):
        raise Refused
    change.gate(person, seat, role)
    after = without_guest(before | {("post", person, seat, role, True, frozenset())}, person)
    change.judge(after, person)
    return after


def giving(change: Change) -> Iterator[Act]:
    """Give a role to somebody who has one here already, or invite who has none."""
    before, people = change.before, range(change.rules.bounds.people)
    for seat, role in seats(change.rules.bounds, change.account):
        for person in people:
            if posts_of(before, person):
                try:
                    yield _act(change, "give a role", _give(change, person, seat, role))
                except Refused:
                    pass

        def invite(seat: Any = seat, role: str = role) -> None:
            change.gate(None, seat, role)
            offered = ("offer", seat, role, ticks(before, role))
            change.once(offered, lambda: change.judge_atoms(change.offered(before, seat, role)))

        if _allowed(invite):
            for person in people:
                same = [i for i in of_kind(before, "invite") if (i[1], i[3]) == (person, seat)]
                known = is_taken(change.edition, before, person, seat, role)
                if not same and not known and person != change.actor:
                    invited = ("invite", person, change.actor, seat, role)
                    yield _act(change, "invite", before | {invited})


def changing(change: Change) -> Iterator[Act]:
    """Change, suspend, wake or take away a membership, or its toggles and reach."""
    before, edition = change.before, change.edition
    for post in of_kind(before, "post"):
        _kind, person, seat, role, active, on = post
        rest = before - {post}

        def carry(verb: str, now: Fact | None, given: str | None = None) -> Iterator[Act]:
            def ask() -> None:
                change.gate(person, seat, given)
                if now is not None:
                    change.judge(after, person)

            after = rest if now is None else without_guest(rest | {now}, person)
            after = without_needless(before, after, person) if verb in _ENDING else after
            if _allowed(ask):
                yield _act(change, verb, after)

        yield from carry("remove", None)
        if active:
            yield from carry("suspend", ("post", person, seat, role, False, on))
        else:
            yield from carry("reactivate", ("post", person, seat, role, True, on), role)
        for other, name in seats(change.rules.bounds, change.account):
            clash = edition.add_up and any(
                p[2] == seat and p[3] == name for p in posts_of(rest, person)
            )
            if other == seat and name != role and not clash:
                kept = frozenset(
                    p for p in on if name in edition.roles and p in edition.roles[name].optional
                )
                now = ("post", person, seat, name, active, kept)
                yield from carry("change the role", now, name)
            if name == role and seat[0] == other[0] == "top" and other != seat:
                yield from carry("change the reach", ("post", person, other, role, active, on))
        spec = edition.roles.get(role)
        for toggle in spec.optional if spec else ():
            if toggle in on:
                off = ("post", person, seat, role, active, on - {toggle})
                yield from carry("switch off", off)
                continue
            at = TOP if seat[0] == "top" else seat[1]
            named = {h.source.name for h in change.standing.holdings if at in h.reach}
            if spec is not None and named & spec.toggled_by:
                now = ("post", person, seat, role, active, on | {toggle})
                yield from carry("switch on", now)


_ENDING = frozenset({"remove", "suspend"})


def visiting(change: Change) -> Iterator[Act]:
    """Give guest access, and withdraw it."""
    before, bounds = change.before, change.rules.bounds
    for place in bounds.places_of(change.account):
        there = frozenset({place})
        for person in range(bounds.people):
            guest = ("guest", person, place)
            standing = change.rules.standing_in(before, change.account, person)

            def gate(person: int = person, there: Places = there) -> None:
                change.require(change.edition.changes_inside, there)
                change.managing(person, there, 0)

            if guest in before:
                if _allowed(gate):
                    yield _act(change, "withdraw guest access", before - {guest})
                continue
            posted = any(place in reach_of(post[2]) for post in posts_of(before, person))
            if not standing.holdings or standing.is_owner or posted:
                continue
            after = before | {guest}
            if _allowed(gate) and _allowed(lambda: change.judge(after, person)):
                yield _act(change, "give guest access", after)


def withdrawing(change: Change) -> Iterator[Act]:
    """Take an invitation back."""
    for fact in of_kind(change.before, "invite"):
        _kind, _address, _by, seat, role = fact
        if _allowed(partial(change.gate, None, seat, stake=role)):
            yield _act(change, "withdraw an invitation", change.before - {fact})


def editing(change: Change) -> Iterator[Act]:
    """Tick or untick one permission of a custom role: a change for everybody who has it.

    Those who are invited to it count as those who have it.
    """
    before = change.before
    for fact in of_kind(before, "role"):
        _kind, name, ticked = fact
        posts = sorted((p for p in of_kind(before, "post") if p[3] == name), key=repr)
        invited = [i for i in of_kind(before, "invite") if i[4] == name]
        holders, waiting = change.rules.holders(posts), change.rules.waiting(invited)
        for permission in change.edition.levels:
            now = ("role", name, ticked ^ {permission})
            after = before - {fact} | {now}

            def ask(after: Facts = after, permission: str = permission) -> None:
                if not any(
                    sources_at(change.standing, change.root, role_giver, place)
                    for role_giver in change.edition.gives_roles
                    for place in (*change.universe, FUTURE)
                ):
                    raise Refused
                for post in holders:
                    change.gate(post[1], post[2], name)
                change.judge(after, *dict.fromkeys(post[1] for post in holders))
                for _invite, _address, _by, seat, role in waiting:
                    change.gate(None, seat, role)
                    had, has = (change.offered(f, seat, role) for f in (before, after))
                    change.judge_atoms(covers(had, has))

            if _allowed(ask):
                yield _act(change, "edit a role", after)


def handing_over(change: Change) -> Iterator[Act]:
    """Offer the account to somebody who works in it, or take that back."""
    before = change.before
    if not change.standing.is_owner:
        return
    offers = of_kind(before, "offer")
    for offer in offers:
        yield _act(change, "withdraw the offer", before - {offer})
    if not offers:
        for person in range(change.rules.bounds.people):
            if any(post[4] for post in posts_of(before, person)):
                yield _act(change, "offer the account", before | {("offer", person)})


def leaving(change: Change) -> Iterator[Act]:
    """Give up a role of one's own, active or not."""
    for post in posts_of(change.before, change.actor):
        if change.standing.holdings:
            after = change.before - {post}
            yield _act(change, "leave", without_needless(change.before, after, change.actor))


def accepting(change: Change) -> Iterator[Act]:
    """Take what one was invited to: given in the inviter's name, by what they may give now."""
    for fact in of_kind(change.before, "invite"):
        _kind, address, inviter, seat, role = fact
        if address != change.actor:
            continue
        theirs = Change(change.rules, change.state, change.account, inviter)
        if not change.rules.asks_inviter():
            post = ("post", address, seat, role, True, frozenset())
            if not is_taken(change.edition, change.before, address, seat, role):
                yield _act(change, "accept", change.before - {fact} | {post}, giver=inviter)
            continue
        if not theirs.standing.holdings:
            continue
        try:
            after = _give(theirs, address, seat, role) - {fact}
        except Refused:
            continue
        yield _act(change, "accept", after, giver=inviter)


def taking_over(change: Change) -> Iterator[Act]:
    """Accept the account: the former owner stays with the highest role, or goes."""
    before, heir = change.before, change.actor
    if ("offer", heir) not in before or not any(post[4] for post in posts_of(before, heir)):
        return
    former = owner_of(before)
    gone = {f for f in before if f[0] in ("post", "guest") and f[1] == heir}
    gone |= {("offer", heir), ("own", former)}
    after = (before - gone) | {("own", heir)}
    stays = ("post", former, ("top", EVERY), change.edition.highest, True, frozenset())
    yield _act(change, "take over, the former owner stays", after | {stays}, giver=former)
    left = without_needless(before, after, former)
    yield _act(change, "take over, the former owner goes", left, giver=former)


_ALONE = (leaving, accepting, taking_over)
_UPON_OTHERS = (giving, changing, visiting, withdrawing, editing, handing_over)
