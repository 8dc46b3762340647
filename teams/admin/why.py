"""The aside of a person's page that says why they can or cannot do one thing in one place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.urls import reverse

from permissions.audit import label_of
from permissions.catalogue import Permission
from permissions.errors import Missing
from permissions.policy import TOP
from teams import effective, selectors
from teams.admin import words
from teams.admin.desk import Chip, Desk, chip_of
from teams.admin.known import known_of
from teams.admin.persons import open_people
from teams.admin.refusal import by_place
from teams.admin.site import console
from teams.catalogue import CATALOGUE
from teams.denials import denial_text
from teams.models import Membership, Subaccount
from teams.why import Step, Why, why

#: people named who could give what is missing
NAMED = 5


@dataclass(frozen=True, slots=True)
class Link:
    """One step of the chain in words."""

    before: str
    name: str
    after: str
    text: str
    chip: Chip | None = None
    at: Any = ""
    ends: Any = ""


@dataclass(slots=True)
class Aside:
    """What the aside shows."""

    permission: Permission
    where: str
    who: str
    allowed: bool
    until: Any = ""
    because: str = ""
    precondition: str = ""
    links: list[Link] = field(default_factory=list)
    also: list[str] = field(default_factory=list)
    stops: list[tuple[str, Any]] = field(default_factory=list)
    needs: list[str] = field(default_factory=list)
    givers: list[tuple[str, str]] = field(default_factory=list)
    ask_owner: str = ""
    others_url: str = ""


def why_context(
    desk: Desk, person: Any, memberships: Iterable[Membership], shown: dict[str, Any]
) -> dict[str, Any]:
    """Return the aside that ``?why=`` asks for, or a sentence about why there is none.

    ``shown`` is what the page shows under "What X can do": its places and lines are what may be
    asked about.
    """
    asked = desk.request.GET
    wanted, place = asked.get("why", ""), asked.get("place", "")
    line = asked.get("line", "") or wanted
    notes = []
    if place and place != shown.get("chosen", ""):
        notes.append("That place is not one to ask about here.")
    known = {str(item.permission) for group in shown["groups"] for item in group.lines}
    if wanted and wanted not in known:
        notes.append("There is no such permission to ask about here.")
    context: dict[str, Any] = {
        "asked_line": line if line in known else "",
        "open_area": _area_of(line, shown["groups"]),
        "why_notes": notes,
    }
    if wanted in known and not notes:
        context["why"] = _aside(desk, person, memberships, CATALOGUE[wanted], shown["chosen"])
    return context


def _area_of(line: str, groups: list[effective.Group]) -> str:
    """Return the label of the area to unfold: the one of the line asked about, or the first."""
    holding = (g.label for g in groups if line in {str(item.permission) for item in g.lines})
    return next(holding, groups[0].label if groups else "")


@dataclass(frozen=True, slots=True)
class WhyNot:
    """Why the reader lacks one permission in one place, or in several alike: the aside, what they
    hold instead, and where (address, name) it says who can."""

    aside: Aside
    roles: list[Chip]
    instead: list[str]
    places: list[str]
    others: list[tuple[str, str]]

    @property
    def where(self) -> str:
        """Return the places in words."""
        return words.listed(self.places)

    def is_like(self, other: WhyNot) -> bool:
        """Say whether all but the place is the same."""
        mine, theirs = (
            (one.aside.permission, one.aside.needs, one.aside.givers, one.aside.ask_owner,
             one.roles, one.instead)
            for one in (self, other)
        )  # fmt: skip
        return mine == theirs


#: so many missing permissions are explained on one page
EXPLAINED = 3


def why_not(desk: Desk, missing: Sequence[Missing]) -> list[WhyNot]:
    """Return why the reader lacks each of ``missing``, once for places where it is alike: nothing
    of places they do not see, and nothing of what they hold after all."""
    found: list[WhyNot] = []
    asked = [(key, line) for key, lines in by_place(desk, missing).items() for line in lines]
    mine = selectors.memberships_of(desk.user).filter(account=desk.account, user=desk.user)
    own = list(mine) if asked else []
    for key, line in asked[:EXPLAINED]:
        permission = CATALOGUE[line.permission]
        aside = _aside(desk, desk.user, own, permission, str(key))
        if aside.allowed:
            continue
        holdings = [h for h in desk.tenant.standing.holdings if key in h.reach]
        roles = [chip_of(desk.edition, h) for h in holdings if h.source.kind == "role"]
        area = permission.area.permissions
        instead = [str(p.label) for p in area if p.level == permission.level and desk.holds(p, key)]
        others = [(aside.others_url, aside.where)] if aside.others_url else []
        one = WhyNot(aside, roles, instead, [aside.where], others)
        alike = next((other for other in found if one.is_like(other)), None)
        if alike is None:
            found.append(one)
        else:
            alike.places.extend(one.places)
            alike.others.extend(one.others)
    return found


def _aside(
    desk: Desk, person: Any, memberships: Iterable[Membership], permission: Permission, chosen: str
) -> Aside:
    key: Any = TOP if chosen == TOP else int(chosen)
    subaccount = (
        None
        if key == TOP
        else Subaccount.objects.select_related("account").get(pk=key, account=desk.account)
    )
    sees = known_of(desk, person, memberships, key)
    found = why(person, permission, desk.account, subaccount, knows=sees.knows)
    own = person.pk == desk.user.pk
    aside = Aside(
        permission=permission,
        where=desk.account.name if subaccount is None else subaccount.name,
        who="You" if own else getattr(person, "first_name", "") or label_of(person),
        allowed=found.outcome.allowed,
        precondition=found.precondition,
    )
    if key in selectors.people_places(desk.profile, desk.account.pk):
        page = reverse(f"{console.name}:teams_subaccount_change", args=[key])
        aside.others_url = f"{page}?permission={permission}#access"
    if found.outcome.allowed:
        _say_allowed(desk, person, found, aside)
    else:
        _say_denied(desk, person, found, aside)
    return aside


def _say_allowed(desk: Desk, person: Any, found: Why, aside: Aside) -> None:
    if not found.sources:
        aside.because = "It comes from a role that you do not see."
        return
    aside.until = "" if found.ends_at is None else words.when(found.ends_at)
    aside.links = _links(desk, found.steps, aside.permission, person)
    aside.also = list(dict.fromkeys(effective.source_text(s) for s in found.sources[1:]))
    aside.stops = [
        (stop.text, "" if stop.at is None else words.when(stop.at)) for stop in found.stops
    ]


def _say_denied(desk: Desk, person: Any, found: Why, aside: Aside) -> None:
    aside.needs.append(denial_text(desk.edition, found.outcome, aside.permission))
    if found.switched_off:
        aside.needs.append(
            f"The role {found.switched_off} may be given this here, but it is switched off"
        )
    named = open_people(desk, [giver.person.pk for giver in found.givers])
    aside.givers = [
        ("You" if giver.person.pk == desk.user.pk else label_of(giver.person), giver.role)
        for giver in found.givers
        if giver.person.pk in named
    ][:NAMED]
    if found.givers and not aside.givers:
        aside.ask_owner = str(desk.edition.owner_label)


def _links(desk: Desk, steps: list[Step], permission: Permission, person: Any) -> list[Link]:
    """Return the steps in words; people and roles that the reader does not see are not named."""
    people = {p.pk for step in steps for p in (step.person, step.actor) if p is not None}
    named = open_people(desk, people)
    seats = set(
        selectors.memberships_of(desk.user)
        .filter(pk__in=[s.membership.pk for s in steps if s.membership is not None])
        .values_list("pk", flat=True)
    )
    owner = desk.account.owner_id

    def name(who: Any, *, first: bool = False) -> str:
        if who is None:
            return "Somebody"
        if who.pk == desk.user.pk:
            return "You" if first else "you"
        if who.pk in named or who.pk == person.pk:
            return label_of(who)
        return "The owner" if who.pk == owner else "Somebody you do not see"

    links = []
    for step in steps:
        actor, whom = name(step.actor, first=True), name(step.person)
        at = "" if step.at is None else words.when(step.at)
        ends = "" if step.ends_at is None else words.when(step.ends_at)
        match step.kind:
            case "owner":
                chip = Chip(step.label, "owner")
                own = step.person.pk == desk.user.pk
                holds = "You hold" if own else "Holds"
                text = f"{holds} everything in {desk.account.name}. The account was made"
                links.append(Link("", name(step.person, first=True), "", text, chip, at))
            case "role" if step.membership is not None:
                if step.membership.pk not in seats:
                    continue
                chip = words.role_chip(desk, step.membership)
                text = _of(desk, step.membership)
                links.append(Link(f"{actor} made", whom, "", text, chip, at, ends))
            case "toggle":
                text = f"For {whom} alone"
                links.append(Link(f"{actor} switched on", step.label, "", text, None, at, ends))
            case _:
                text = f"To {step.obj}" if step.obj is not None else ""
                links.append(Link(f"{actor} gave", whom, "guest access", text, None, at, ends))
    return links


def _of(desk: Desk, membership: Membership) -> str:
    place = words.place_label(desk, membership)
    if membership.subaccount is not None:
        return f"In {place}"
    return f"Of {place[0].lower()}{place[1:]}" if place[:1] == "A" else f"Of {place}"
