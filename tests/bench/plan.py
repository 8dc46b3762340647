"""Who is where: the benchmark's people, subaccounts and lists, before they are written.

The same for every run of a size. What the hand-written filters need is known here, so that they
owe nothing to the code they are compared with.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from random import Random

from tests.bench.sizes import Size

MAIN, PRESS, FIRST_OTHER = 1, 2, 3
OTHER_PLACES = 5
MANY = 500
PAGE = 100
#: one in so many subaccounts is archived
ARCHIVED = 50
#: one in so many people of the Emma HQ account manages all of it, or some of it
MANAGES_ALL, MANAGES_SOME = 80, 160

# The people who are measured come first, the crowd after them.
(
    OWNER, ALL_ACCESS, MANAGER_500, MANAGER_20, MEMBER_3, MEMBER_1, GUEST, STRANGER,
    PRESS_OWNER, TEAM_WIDE, TEAM_LIMITED, OTHER_OWNER,
) = range(1, 13)  # fmt: skip
CROWD = 21

NAMES = {
    OWNER: "owner",
    ALL_ACCESS: "all-access manager",
    MANAGER_500: "manager of 500",
    MANAGER_20: "manager of 20",
    MEMBER_3: "member of 3",
    MEMBER_1: "member of 1",
    GUEST: "member of 1 and guest",
    STRANGER: "stranger",
    TEAM_WIDE: "team-limited, whole account",
    TEAM_LIMITED: "team-limited in 3",
}


@dataclass(frozen=True, slots=True)
class Seat:
    """A membership to write; ``role`` is a codename, or ``""`` for the custom role."""

    person: int
    account: int
    place: int | None
    role: str
    all: bool = False
    reach: tuple[int, ...] = ()
    toggled: bool = False


@dataclass
class Plan:
    """What there will be at one size. Keys are those of the rows; lists count from 1."""

    size: Size
    random: Random = field(default_factory=lambda: Random(500))
    accounts: int = 0
    account_of: list[int] = field(default_factory=lambda: [0])
    archived: set[int] = field(default_factory=set)
    #: the subaccount of list n at index n
    place_of: array[int] = field(default_factory=lambda: array("I", [0]))
    seats: list[Seat] = field(default_factory=list)
    #: team -> people, and team -> lists it sees; team n has group n
    team_people: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    team_lists: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    #: lists the team-limited people created themselves
    own_lists: dict[int, int] = field(default_factory=dict)
    guest_lists: list[tuple[int, int]] = field(default_factory=list)
    guest_places: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._settle()
        self._list()
        self._hire()
        self._team_up()
        self._invite()

    def _settle(self) -> None:
        size = self.size
        others = (FIRST_OTHER + n // OTHER_PLACES for n in range(size.others))
        self.account_of += [MAIN] * size.main + [PRESS] * size.press + list(others)
        self.accounts = max(self.account_of)
        self.archived = set(range(ARCHIVED, size.main + 1, ARCHIVED))

    def _list(self) -> None:
        # a few subaccounts have thousands of lists, most have some dozens, in no order
        weights = [1 / (1 + n % 40) for n in range(1, len(self.account_of))]
        self.random.shuffle(weights)
        totals = list(accumulate(weights))
        for _ in range(self.size.lists):
            self.place_of.append(1 + bisect_left(totals, self.random.random() * totals[-1]))

    @property
    def places(self) -> range:
        """Return every subaccount there is."""
        return range(1, len(self.account_of))

    def active(self, account: int) -> list[int]:
        """Return the subaccounts of ``account`` that are not archived."""
        return [p for p in self.places if self.account_of[p] == account and p not in self.archived]

    def lists_in(self, places: Iterable[int]) -> list[int]:
        """Return the lists in ``places``."""
        wanted = set(places)
        return [n for n in range(1, len(self.place_of)) if self.place_of[n] in wanted]

    def _middling(self, account: int) -> list[int]:
        """Return active subaccounts, first those that fill a page and hardly more."""
        count = dict.fromkeys(self.places, 0)
        for place in self.place_of[1:]:
            count[place] += 1
        return sorted(self.active(account), key=lambda p: (abs(count[p] - 1.2 * PAGE), p))

    # who works where

    def _hire(self) -> None:
        main, press = self._middling(MAIN), self._middling(PRESS)
        self.typical = main[0]
        sit = self.seats.append
        sit(Seat(ALL_ACCESS, MAIN, None, "manager", all=True))
        sit(Seat(MANAGER_500, MAIN, None, "manager", reach=tuple(sorted(main)[:MANY])))
        sit(Seat(MANAGER_20, MAIN, None, "manager", reach=tuple(main[3:23])))
        for place in main[:3]:
            sit(Seat(MEMBER_3, MAIN, place, "full"))
        for person in (MEMBER_1, GUEST):
            sit(Seat(person, MAIN, main[0], "full"))
        sit(Seat(TEAM_WIDE, PRESS, None, "marketer_limited", all=True))
        for place in press[:3]:
            sit(Seat(TEAM_LIMITED, PRESS, place, "marketer_limited"))
        self.seats += self._crowd()

    def _crowd(self) -> Iterator[Seat]:
        choose = self.random
        places = {account: self.active(account) for account in range(1, self.accounts + 1)}
        for person in range(CROWD, self.size.people + 1):
            match person % 10:
                case 0:
                    account = choose.choice(range(FIRST_OTHER, self.accounts + 1))
                    yield Seat(person, account, choose.choice(places[account]), "full")
                case 1:
                    yield from self._press_seats(person, places[PRESS])
                case _ if person % MANAGES_ALL == 2:
                    yield Seat(person, MAIN, None, "manager", all=True)
                case _ if person % MANAGES_SOME == 3:
                    some = choose.sample(places[MAIN], choose.randint(2, 10))
                    yield Seat(person, MAIN, None, "manager", reach=tuple(some))
                case _:
                    yield from self._member_seats(person, places[MAIN])

    def _press_seats(self, person: int, places: list[int]) -> Iterator[Seat]:
        role = self.random.choices(
            ["marketer_limited", "marketer_admin", "reports_only", ""], [6, 1, 1, 2]
        )[0]
        for place in self.random.sample(places, min(len(places), self.random.choice([1, 1, 2]))):
            yield Seat(person, PRESS, place, role)

    def _member_seats(self, person: int, places: list[int]) -> Iterator[Seat]:
        roles = ["full", "editor", "author", "response_only"]
        role = self.random.choices(roles, [3, 3, 3, 1])[0]
        for place in self.random.sample(places, self.random.choices([1, 2, 3], [7, 2, 1])[0]):
            toggled = role in ("full", "editor") and self.random.random() < 0.05
            yield Seat(person, MAIN, place, role, toggled=toggled)

    # who sees what besides

    def _team_up(self) -> None:
        press = self.active(PRESS)
        limited = sorted({s.person for s in self.seats if s.role == "marketer_limited"})
        crowd = [person for person in limited if person >= CROWD]
        teams = max(3, len(crowd) // 12)
        for person in crowd:
            self.team_people[1 + person % teams].add(person)
        for team in (1, 2):
            self.team_people[team] |= {TEAM_LIMITED, TEAM_WIDE}
        mine = {s.place for s in self.seats if s.person == TEAM_LIMITED}
        in_mine, in_press = self.lists_in(p for p in mine if p), self.lists_in(press)
        for team in range(1, teams + 1):
            self.team_lists[team] |= set(self.random.sample(in_press, min(8, len(in_press))))
        for team in (1, 2):  # enough for a page
            self.team_lists[team] |= set(self.random.sample(in_mine, min(80, len(in_mine) // 2)))
        unshared = set(in_mine).difference(*self.team_lists.values())
        for n, person in zip(sorted(unshared), (TEAM_LIMITED, TEAM_WIDE) * 2, strict=False):
            self.own_lists[n] = person

    def _invite(self) -> None:
        main = self.active(MAIN)
        in_main = self.lists_in(main[-5:])
        self.guest_lists += [(GUEST, n) for n in in_main[:3]]
        self.guest_places.append((GUEST, self._other_place(GUEST, main)))
        for person in range(CROWD + 4, self.size.people + 1, 200):
            self.guest_lists.append((person, self.random.choice(in_main)))

    def _other_place(self, person: int, places: list[int]) -> int:
        taken = {s.place for s in self.seats if s.person == person}
        return next(p for p in places if p not in taken)

    # what a person sees, worked out by hand

    def seen_by_teams(self, person: int) -> set[int]:
        """Return the lists that teams or authorship show to ``person``."""
        teams = [team for team, people in self.team_people.items() if person in people]
        own = {n for n, creator in self.own_lists.items() if creator == person}
        return own.union(*(self.team_lists[team] for team in teams))
