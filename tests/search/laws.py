"""What must hold of every state and every act, in plain sets: nothing of the policy is used.

Numbers are those of the security properties. By induction over acts, ``coverage`` and ``grants``
give every atom a finite chain of recorded grants from the owner without a cycle (1): whatever an
act adds, its giver held before. Likewise what no single act of one of a set of people adds to what
they hold together, no sequence of their acts does (4).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import combinations
from typing import Any

from permissions.policy import FUTURE, TOP
from tests.search.rules import Act
from tests.search.world import (
    EVERY,
    SEND,
    Bounds,
    Edition,
    Facts,
    State,
    of_kind,
    owner_of,
    posts_of,
    ticks,
)

Atom = tuple[str, Any]
Atoms = frozenset[Atom]

#: what takes what somebody else issued
TAKING = ("accept", "take over, the former owner stays", "take over, the former owner goes")


@cache
def spread(seat: Any, places: tuple[Any, ...]) -> frozenset[Any]:
    """Return every place where a seat counts."""
    level, where = seat
    if level == "in":
        return frozenset({where})
    return frozenset({TOP, *((*places, FUTURE) if where == EVERY else where)})


@cache
def spelled(  # noqa: PLR0917 - cached by what it is given
    edition: Edition, ticked: Any, seat: Any, role: str, on: Any, places: tuple[Any, ...]
) -> Atoms:
    """Return every atom of a membership."""
    spec = edition.roles.get(role)
    held = (spec.holds if spec else ticked or frozenset()) | on
    return frozenset(
        (permission, place)
        for permission in held
        for place in spread(seat, places)
        if (edition.levels[permission] == TOP) == (place == TOP)
    )


class Laws:
    """The laws, within these bounds."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.eff = lru_cache(maxsize=200_000)(self._eff)

    # what people hold

    def of_seat(self, facts: Facts, account: int, seat: Any, role: str, on: Any) -> Atoms:
        edition, places = self.bounds.editions[account], self.bounds.places_of(account)
        return spelled(edition, ticks(facts, role), seat, role, on, places)

    def _eff(self, facts: Facts, account: int, person: int, *, recorded: bool = False) -> Atoms:
        """Return what somebody holds now; ``recorded``: also what is suspended.

        Guest access counts from when it is given, also while its person's roles sleep.
        """
        if owner_of(facts) == person:
            edition, places = self.bounds.editions[account], self.bounds.places_of(account)
            everything = frozenset(edition.levels)
            return spelled(edition, everything, ("top", EVERY), "", frozenset(), places)
        found = {(SEND, fact[2]) for fact in of_kind(facts, "guest") if fact[1] == person}
        for post in posts_of(facts, person):
            if recorded or post[4]:
                found |= self.of_seat(facts, account, post[2], post[3], post[5])
        return frozenset(found)

    def rank(self, facts: Facts, account: int, person: int, place: Any, *, recorded: bool) -> int:
        roles, names = self.bounds.editions[account].roles, self.bounds.places_of(account)
        return max(
            (
                roles[post[3]].rank or 0
                for post in posts_of(facts, person)
                if (recorded or post[4]) and post[3] in roles and place in spread(post[2], names)
            ),
            default=0,
        )

    # the laws

    def broken_by(self, state: State, act: Act) -> Iterator[str]:
        """Yield the laws that ``act`` breaks in ``state``."""
        before, after, account = state[act.account], act.after, act.account
        yield from self.one_owner(after)
        giver = self.eff(before, account, act.giver)
        handed_over = act.verb in TAKING[1:]
        owner, changed = owner_of(before), before ^ after
        who = [*range(self.bounds.people)]
        if not any(fact[0] in ("own", "role") for fact in changed):
            # nobody else can hold anything new
            who = sorted({fact[1] for fact in changed if fact[0] in ("post", "guest")})
        for recorded in (False, True):
            had = {p: self.eff(before, account, p, recorded=recorded) for p in who}
            has = {p: self.eff(after, account, p, recorded=recorded) for p in who}
            more = {person: new for person in who if (new := has[person] - had[person])}
            for person, new in more.items():
                if not new <= giver:
                    yield f"coverage (2): person {person} got what {act.giver} does not hold"
                if person == act.actor != owner and act.verb not in TAKING:
                    yield f"no self-escalation (3): person {person} got more"
            if more and not handed_over and owner not in (act.actor, act.giver):
                yield from self.no_collusion(before, act, more, recorded=recorded)
        if not handed_over:
            yield from self.grants(before, act, giver)
            yield from self.touches(before, act, giver)

    def one_owner(self, facts: Facts) -> Iterator[str]:
        owners = [fact[1] for fact in of_kind(facts, "own")]
        if len(owners) != 1:
            yield f"one owner (11): there are {len(owners)}"
        elif any(fact[0] in ("post", "guest", "offer") and fact[1] == owners[0] for fact in facts):
            yield "one owner (11): the owner has a role besides"

    def no_collusion(
        self, before: Facts, act: Act, more: dict[int, Atoms], *, recorded: bool
    ) -> Iterator[str]:
        """Ask of every set of people other than the owner in which this was done and given."""
        party = {act.actor, act.giver}
        others = [p for p in range(self.bounds.people) if p not in (*party, owner_of(before))]
        for count in range(len(others) + 1):
            for rest in combinations(others, count):
                people = [*party, *rest]
                held = (self.eff(before, act.account, p, recorded=recorded) for p in people)
                new = frozenset().union(*(more.get(p, frozenset()) for p in people))
                if not new <= frozenset().union(*held):
                    yield f"no collusion (4): {people} hold more together"

    def grants(self, before: Facts, act: Act, giver: Atoms) -> Iterator[str]:
        """Ask of every recorded grant that is new or wider: whatever else gives the same may end.

        An invitation is a grant of what it would give to whoever accepts it.
        """
        after, account = act.after, act.account
        edited = {fact[1] for fact in of_kind(before, "role") if fact not in after}
        for fact in after:
            kind = fact[0]
            if fact in before and not (edited & set(fact[3:5])):
                continue
            if kind == "post":
                gives = self.of_seat(after, account, *fact[2:4], fact[5])
                same = [
                    old
                    for old in posts_of(before, fact[1])
                    if old[3] == fact[3] and old[2][0] == fact[2][0] and old[4] >= fact[4]
                    and (old[2][0] == "top" or old[2] == fact[2])
                ]  # fmt: skip
                gave = [self.of_seat(before, account, *old[2:4], old[5]) for old in same]
                what = "role"
            elif kind == "guest":
                gives, what = frozenset({(SEND, fact[2])}), "guest access"
                gave = [gives] if fact in before else []
            elif kind == "invite":
                gives, what = self.of_seat(after, account, *fact[3:5], frozenset()), "invitation"
                old = self.of_seat(before, account, *fact[3:5], frozenset())
                gave = [old] if fact in before else []
            else:
                continue
            new = gives - frozenset().union(*gave)
            if not new <= giver:
                yield f"justification (1): the {what} of {fact[1]} gives what its giver lacks"
            is_own = kind != "invite" and fact[1] == act.actor and act.verb not in TAKING
            if (new or not gave) and is_own and owner_of(before) != act.actor:
                yield f"no self-escalation (3): person {act.actor} gave themselves a grant"

    def touches(self, before: Facts, act: Act, giver: Atoms) -> Iterator[str]:
        """Ask of everybody whose grants are changed whether that person is below the giver (5)."""
        after, owner = act.after, owner_of(before)
        if owner == act.giver:
            return
        edited = {fact[1] for fact in of_kind(before, "role") if fact not in after}
        for fact in before | after if edited else before ^ after:
            kind, person = fact[0], fact[1]
            if fact in before and fact in after and not (edited & set(fact[3:5])):
                continue
            if kind == "post":
                seat, role = fact[2:4]
            elif kind == "guest":
                seat, role = ("in", fact[2]), ""
            elif kind == "invite":
                person, (seat, role) = None, fact[3:5]
            else:
                continue
            if person == act.actor or self.cleared(before, act, fact):
                continue
            if person == owner:
                yield "rank (5): somebody touched the owner"
            elif not self.is_below(before, act, person, seat, role=role, giver=giver):
                yield f"rank (5): {act.giver} touched {person}, who is not below them at {seat}"

    def cleared(self, before: Facts, act: Act, fact: Any) -> bool:
        """Say whether ``fact`` was no more than cleared away: an invitation or guest access that
        ends with the place of whom it belongs to, or that was accepted."""
        if fact in act.after or fact[0] == "post":
            return False
        gone = {old[1] for old in of_kind(before, "post") if old not in act.after}
        return act.verb == "accept" or bool(gone & set(fact[1:3]))

    def is_below(
        self, before: Facts, act: Act, person: int | None, seat: Any, *, role: str, giver: Atoms
    ) -> bool:
        """Say whether the giver is above all that is at stake, at every place it counts."""
        account = act.account
        edition, names = self.bounds.editions[account], self.bounds.places_of(account)
        places = spread(seat, names)
        if not edition.ranked:
            if person is None:
                return True
            theirs = self.eff(before, account, person, recorded=True)
            return {atom for atom in theirs if atom[1] in places} <= giver
        if TOP in places:  # what somebody has on the account is the business of who is above there
            places = frozenset({TOP})
        for place in places:
            own = self.rank(before, account, act.giver, place, recorded=False)
            theirs = edition.roles[role].rank or 0 if role else 0
            if person is not None:
                theirs = max(theirs, self.rank(before, account, person, place, recorded=True))
            peers = {r.peer for r in edition.roles.values() if r.rank == theirs and r.peer}
            equal = bool(peers) and all((peer, place) in giver for peer in peers)
            if not (own > theirs or (own == theirs and equal)):
                return False
        return True
