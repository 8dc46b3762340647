"""What one account's record comes to: plain data, which a signed checkpoint keeps as JSON.

People are named as events name them, by the key of their login as text. Moments are kept to the
millisecond, as events are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

#: the layout of ``State.as_json``; another one is refused rather than read wrongly
VERSION = 1

End = datetime | None
#: a thing one may be given: the label of its model, and its key as text
ThingKey = tuple[str, str]


def moment(value: Any) -> End:
    """Return a moment as events keep it, of one or of the text of one; None for none."""
    if value is None:
        return None
    found = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return found.astimezone(UTC).replace(microsecond=found.microsecond // 1000 * 1000)


def _text(end: End) -> str | None:
    return None if end is None else end.isoformat()


@dataclass(slots=True)
class Place:
    """A subaccount. ``off`` names its features that are switched off, with blanks between."""

    name: str
    home: bool = False
    direct: bool = False
    archived: bool = False
    off: str = ""


@dataclass(slots=True)
class Custom:
    """A role the account made for itself."""

    name: str
    permissions: Any


@dataclass(slots=True)
class Seat:
    """A membership. ``toggles`` are the optional permissions that are on, each until its end."""

    user: str
    subaccount: int | None
    role: str = ""
    custom: int | None = None
    every: bool = False
    managed: set[int] = field(default_factory=set)
    groups: set[int] = field(default_factory=set)
    contact: bool = False
    active: bool = True
    ends_at: End = None
    toggles: dict[str, End] = field(default_factory=dict)


@dataclass(slots=True)
class Crew:
    """A team: its people, each until their end, and what it was given. ``group`` is the key of its
    Django group; None where the record is older than that being written down."""

    name: str
    group: int | None
    people: dict[str, End] = field(default_factory=dict)
    things: set[ThingKey] = field(default_factory=set)


@dataclass(slots=True)
class Thing:
    """A list or template: teams may limit who sees it, and it may be its creator's."""

    place: int | None
    creator: str | None


@dataclass(slots=True)
class Guest:
    """What one person was given on one thing: each permission until its end."""

    place: int | None
    permissions: dict[str, End] = field(default_factory=dict)


@dataclass(slots=True)
class State:
    """One account at one moment, after the event with number ``sequence``.

    ``account`` are its own columns; empty before the record begins. ``guests`` are by person and
    thing. ``built_in`` is the digest of what the built-in roles gave when the record began; empty
    where it does not say. What has ended is still there until it is cleared away: whoever asks
    judges the ends.
    """

    sequence: int = 0
    key: int = 0
    account: dict[str, Any] = field(default_factory=dict)
    places: dict[int, Place] = field(default_factory=dict)
    roles: dict[int, Custom] = field(default_factory=dict)
    groups: dict[int, set[int]] = field(default_factory=dict)
    seats: dict[int, Seat] = field(default_factory=dict)
    teams: dict[int, Crew] = field(default_factory=dict)
    things: dict[ThingKey, Thing] = field(default_factory=dict)
    guests: dict[tuple[str, ThingKey], Guest] = field(default_factory=dict)
    built_in: str = ""

    @property
    def began(self) -> bool:
        """Say whether the record has a beginning, so that what is here is all there was."""
        return bool(self.account)

    def people(self) -> set[str]:
        """Return everybody who has anything here, in whatever state."""
        found = {seat.user for seat in self.seats.values()} | {user for user, _ in self.guests}
        found.update(user for team in self.teams.values() for user in team.people)
        return found | ({self.account["owner"]} if self.began else set())

    def as_json(self) -> dict[str, Any]:
        """Return the whole state as plain JSON values, always in the same order."""
        return {
            "version": VERSION,
            "sequence": self.sequence,
            "key": self.key,
            "account": self.account,
            "built_in": self.built_in,
            "places": {
                str(key): [p.name, p.home, p.direct, p.archived, p.off]
                for key, p in sorted(self.places.items())
            },
            "roles": {str(key): [r.name, r.permissions] for key, r in sorted(self.roles.items())},
            "groups": {str(key): sorted(inside) for key, inside in sorted(self.groups.items())},
            "seats": {str(key): _seat_json(seat) for key, seat in sorted(self.seats.items())},
            "teams": {str(key): _team_json(team) for key, team in sorted(self.teams.items())},
            "things": [
                [label, key, thing.place, thing.creator]
                for (label, key), thing in sorted(self.things.items())
            ],
            "guests": [
                [user, label, key, guest.place, _ends_json(guest.permissions)]
                for (user, (label, key)), guest in sorted(self.guests.items())
            ],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> State:
        """Return the state that ``as_json`` wrote. Raises ValueError for another layout."""
        if data.get("version") != VERSION:
            raise ValueError(f"This state has the layout {data.get('version')!r}, not {VERSION}.")
        return cls(
            sequence=data["sequence"],
            key=data["key"],
            account=dict(data["account"]),
            built_in=data.get("built_in", ""),
            places={int(key): Place(*row) for key, row in data["places"].items()},
            roles={int(key): Custom(*row) for key, row in data["roles"].items()},
            groups={int(key): set(inside) for key, inside in data["groups"].items()},
            seats={int(key): _seat(row) for key, row in data["seats"].items()},
            teams={int(key): _team(row) for key, row in data["teams"].items()},
            things={(label, key): Thing(*row) for label, key, *row in data["things"]},
            guests={
                (user, (label, key)): Guest(place, _ends(given))
                for user, label, key, place, given in data["guests"]
            },
        )

    def unlike(self, other: State) -> Iterator[tuple[str, Any, Any]]:
        """Yield what differs, as (where, here, in ``other``); the number of the event aside, and
        what built-in roles give where one of the two does not say."""
        mine, theirs = self.as_json(), other.as_json()
        aside = {"version", "sequence"}
        if not (self.built_in and other.built_in):
            aside.add("built_in")
        for part in (name for name in mine if name not in aside):
            one, two = _keyed(mine[part]), _keyed(theirs[part])
            for key in sorted(one.keys() | two.keys()):
                if one.get(key) != two.get(key):
                    yield f"{part} {key}".strip(), one.get(key), two.get(key)


def _keyed(part: Any) -> dict[str, Any]:
    """Return a part of a state by what its rows are called."""
    if isinstance(part, dict):
        return part
    if isinstance(part, list):
        return {":".join(str(name) for name in row[:-2]): row[-2:] for row in part}
    return {"": part}


def _ends_json(ends: Mapping[str, End]) -> dict[str, str | None]:
    return {name: _text(end) for name, end in sorted(ends.items())}


def _ends(told: Mapping[str, Any]) -> dict[str, End]:
    return {name: moment(end) for name, end in told.items()}


def _seat_json(seat: Seat) -> dict[str, Any]:
    return {
        "user": seat.user,
        "subaccount": seat.subaccount,
        "role": seat.role,
        "custom": seat.custom,
        "every": seat.every,
        "managed": sorted(seat.managed),
        "groups": sorted(seat.groups),
        "contact": seat.contact,
        "active": seat.active,
        "ends_at": _text(seat.ends_at),
        "toggles": _ends_json(seat.toggles),
    }


def _seat(row: Mapping[str, Any]) -> Seat:
    return Seat(
        **{
            **row,
            "managed": set(row["managed"]),
            "groups": set(row["groups"]),
            "ends_at": moment(row["ends_at"]),
            "toggles": _ends(row["toggles"]),
        }
    )


def _team_json(team: Crew) -> dict[str, Any]:
    return {
        "name": team.name,
        "group": team.group,
        "people": _ends_json(team.people),
        "things": sorted(map(list, team.things)),
    }


def _team(row: Mapping[str, Any]) -> Crew:
    things = {(label, key) for label, key in row["things"]}
    return Crew(row["name"], row["group"], _ends(row["people"]), things)
