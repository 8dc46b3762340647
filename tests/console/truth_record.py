"""One page or act of the console, as the truth tables are held against it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from teams.models import Subaccount
from tests.console.truth_stage import EVERYWHERE, REACHES, THERE, Need, Stage

Place = Subaccount | None
Way = tuple[Need, ...]

EMMA = ("emma_corporate", "emma_enterprise", "emma_hq")
ALL = (*EMMA, "constant_contact", "sailthru")

# where a record is tried
PLACES, EVERY_PLACE, FIRST = "both places", "both places and the home", "the first place"
WHOLE, ARCHIVED = "the account", "the archived place"

PEOPLE, SUBACCOUNTS = "/auth/user/", "/teams/subaccount/"


@dataclass(frozen=True, kw_only=True)
class Surface:
    """One page or act of the console.

    ``ways`` are what the tables must say for it to be there; ``unlike`` replaces them in single
    editions; in editions that are not among ``editions`` nobody has it, and where there is no such
    thing to try it on it is not tried (``tried_in``). An area names the page it
    is entered from (``menu``); an act says what is posted and how one sees that it was done.
    """

    name: str
    at: str
    url: Callable[[Stage, Any], str]
    ways: tuple[Way, ...]
    unlike: Mapping[str, tuple[Way, ...]] = field(default_factory=dict)
    editions: tuple[str, ...] = ALL
    tried_in: tuple[str, ...] = ALL
    menu: str = ""
    data: Callable[[Stage, Any], dict[str, Any]] = lambda stage, place: {}
    done: Callable[[Stage, Any], bool] | None = None
    answers: int = 302
    why: str = ""

    def ways_in(self, edition: str) -> tuple[Way, ...]:
        """Return what is needed in ``edition``; no way at all where it is not known."""
        if edition not in self.editions:
            return ()
        return self.unlike.get(edition, self.ways)

    def permissions_in(self, edition: str) -> set[str]:
        """Return every permission it asks for in ``edition``."""
        needed = {what for way in self.ways_in(edition) for what, _where in way}
        return {str(what) for what in needed if not what.startswith("(")}

    @property
    def permissions(self) -> set[str]:
        """Return every permission it asks for in some edition."""
        return set().union(*(self.permissions_in(edition) for edition in self.editions))

    @property
    def depends_on_reach(self) -> bool:
        """Say whether it matters how far a role reaches, and not only whether."""
        return any(
            where in (THERE, EVERYWHERE) or what == REACHES
            for way in self.ways
            for what, where in way
        )

    @property
    def verb(self) -> tuple[str, str]:
        """Return the admin and the verb an act is, told by its name; empty for a page."""
        model, _, verb = self.name.partition(": ")
        return model, verb.partition(",")[0]

    def allowed(self, stage: Stage, place: Place) -> bool:
        """Say whether the tables give it to the person on ``stage``."""
        return any(
            all(stage.said(need, place) for need in way) for way in self.ways_in(stage.edition)
        )

    def targets(self, stage: Stage) -> list[Place]:
        """Return where it is tried; one place stands for both to whoever reaches both alike."""
        if stage.edition not in self.tried_in:
            return []
        both = stage.places[:1] if stage.person.everywhere else stage.places
        return {
            PLACES: lambda: [*both],
            EVERY_PLACE: lambda: [*both, *stage.everything[2:]],
            FIRST: lambda: stage.places[:1],
            WHOLE: lambda: [None],
            ARCHIVED: lambda: [stage.archived],
        }[self.at]()


def needs(*found: Need) -> tuple[Way, ...]:
    """Return the one way that has all of these needs."""
    return (found,)


# pages


def changelist(kind: str) -> Callable[[Stage, Any], str]:
    return lambda stage, place: f"/teams/{kind}/"


def thing(kind: str, rest: str = "change/") -> Callable[[Stage, Any], str]:
    return lambda stage, place: f"/teams/{kind}/{stage.get(kind, place).pk}/{rest}"


def person(name: str, rest: str = "change/") -> Callable[[Stage, Any], str]:
    return lambda stage, place: f"{PEOPLE}{stage.get(name, place).user.pk}/{rest}"


def subaccount(rest: str = "change/") -> Callable[[Stage, Any], str]:
    return lambda stage, place: f"{SUBACCOUNTS}{place.pk}/{rest}"
