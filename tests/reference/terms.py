"""What the reference model is made of: the truth tables as they are, and plain records."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

TOP, LATER = "(the account itself)", "(every future place)"
ANY = "(any, suspended or not)"
REFUSED, INVALID, VOID = "refused", "invalid", "void"
Atom = tuple[str, str, str]
Reach = frozenset[str] | None  # None: all current and future places
Verdict = tuple[bool, bool]  # whether the actor may, and whether the request is wrong as such

SAILTHRU, CONTACT = "sailthru", "constant_contact"
OWNER = "(owner)"
OWNERS = {CONTACT: "account_owner", "emma_corporate": "parent"}
FULL = ("response_only", "author", "editor", "full")
#: roles from the lowest to the highest; Sailthru has no ranks, so there the order says nothing
ROLES = {
    CONTACT: ("campaign_creator", "account_manager", "partner_manager"),
    "emma_corporate": (*FULL, "administrator", "manager"),
    "emma_enterprise": (*FULL, "manager"),
    "emma_hq": (*FULL, "administrator", "manager"),
    SAILTHRU: ("reports_only", "marketer_limited", "marketer_admin", "account_admin"),
}
PEERS = {"manager": "manage_managers", "administrator": "manage_administrators"}
#: who, besides the owner, may switch on the toggles of a role
BOSSES, ABOVE = {"manager"}, {"manager", "administrator"}
TOGGLED_BY: dict[str, dict[str, set[str]]] = {
    "emma_corporate": dict.fromkeys(PEERS, BOSSES) | dict.fromkeys(FULL[2:], ABOVE),
    "emma_enterprise": dict.fromkeys(FULL, BOSSES),
    "emma_hq": dict.fromkeys(FULL[2:], ABOVE),
}
VALID, OFFER_VALID = 15 * 24, 7 * 24  # hours
#: what an owner becomes who hands the account over and stays
FORMER = dict.fromkeys(ROLES, "manager") | {CONTACT: "partner_manager", SAILTHRU: "account_admin"}
MOST_PLACES = {"emma_corporate": 10}
LIMITED = {"off": set(), "lists": {"lists"}, "lists_and_templates": {"lists", "templates"}}
VIEW = {"lists": "access_audience", "templates": "access_content", "campaigns": "access_campaigns"}
GUESTS = {
    "lists": {"access_audience", "view_contacts", "add_contacts"},
    "templates": {"access_content"},
    "campaigns": {"access_campaigns", "create_campaigns", "access_response"},
}
GUESTS["place"] = set().union(*GUESTS.values())


ON_LISTS = ("rename_lists", "delete_lists", "change_list_type", "export_pii")


class Table:
    """One edition's truth table."""

    def __init__(self, edition: str) -> None:
        path = Path(__file__).parents[1] / "truth" / f"{edition}.csv"
        with path.open(newline="", encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
        columns = list(lines[0])[4:-3]  # the roles stand between "scope" and "toggle"
        self.cells = {c: {line["permission"]: line[c] for line in lines} for c in columns}
        self.of_account = {line["permission"] for line in lines if line["scope"] == "account"}
        self.toggle = {line["permission"]: line["toggle"] for line in lines}
        present = [line["permission"] for line in lines if line["note"] != "absent"]
        self.cells.setdefault(OWNERS.get(edition, "owner"), dict.fromkeys(present, "yes"))
        # custom roles: what can be ticked, under which menu it lies, what follows from what
        notes = {line["permission"]: line["note"] for line in lines}
        self.ticks = {line["permission"] for line in lines if line["row"]}
        menus = {line["activity"]: line["permission"] for line in lines}
        self.under = {p: menus[n[6:]] for p, n in notes.items() if n.startswith("under ")}
        # what else a role is not composed without: decided, the document does not say
        self.needs = self.under | {p: "access_audience" for p in ON_LISTS if p in self.ticks}
        self.follows = {p: n[8:] for p, n in notes.items() if n.startswith("follows ")}

    def ticked(self, ticks: frozenset[str]) -> set[str]:
        """Return what a custom role holds."""
        held = (ticks & self.ticks) | {"access_insights"}
        held = {p for p in held if self.under.get(p, p) in held}
        return held | {p for p, leaders in self.follows.items() if held >= {*leaders.split(" & ")}}

    def held(self, role: str) -> set[str]:
        """Return what a built-in role holds by itself, on whichever condition."""
        return {p for p, cell in self.cells[role].items() if cell == "yes" or cell[:3] == "if:"}

    def covers(self, role: str, toggle: str) -> set[str]:
        """Return what a toggle switches on for a role."""
        cells = self.cells.get(role, {})
        return {p for p, cell in cells.items() if cell == "opt" and self.toggle[p] == toggle}

    def admitted(self, role: str) -> frozenset[str]:
        """Return the toggles a role admits."""
        cells = self.cells.get(role, {})
        return frozenset(self.toggle[p] for p, cell in cells.items() if cell == "opt")


table = cache(Table)


@dataclass
class Account:
    edition: str
    owner: str
    teams: str = "off"
    single_bill: bool = False
    reseller: bool = False
    roles: dict[str, frozenset[str]] = field(default_factory=dict)  # custom ones, what is ticked
    seats: int | None = None


@dataclass
class Place:
    account: str
    name: str
    home: bool = False
    archived: bool = False
    direct: bool = False


@dataclass(frozen=True)
class Post:
    person: str
    account: str
    role: str
    place: str | None = None  # None: at account level, where ``reach`` says how far
    reach: Reach = frozenset()
    toggles: frozenset[str] = frozenset()
    contact: bool = False
    active: bool = True
    ends: int | None = None  # at which hour
    groups: frozenset[str] = frozenset()  # of places, which it reaches besides


@dataclass(frozen=True)
class Offer:
    """An account that its owner offers to somebody."""

    account: str
    owner: str
    heir: str
    leaves: bool
    expires: int
    state: str = "pending"


@dataclass(frozen=True)
class Invite:
    post: Post  # what whoever the address belongs to would have
    teams: frozenset[str]
    inviter: str
    expires: int
    state: str = "pending"


@dataclass
class Thing:
    kind: str
    place: str
    creator: str = ""
    uses: tuple[str, ...] = ()  # a campaign: its list and its template


@cache
def rights(edition: str, post: Post, ticks: frozenset[str] | None, at: str) -> dict[str, str]:
    """Return what a post holds, and on which condition: on the account, "home" or a "client"."""
    truth, name = table(edition), OWNERS.get(edition, "owner") if post.role == OWNER else post.role
    if ticks is not None:
        cells = dict.fromkeys(truth.ticked(ticks), "yes")
    elif name == "partner_manager":
        cells = truth.cells[f"{name}@client" if at == "client" else f"{name}@partner"]
    else:
        contact = f"{name}+primary_contact" if post.contact else name
        cells = truth.cells.get(contact, truth.cells[name])
    on = {permission for permission, toggle in truth.toggle.items() if toggle in post.toggles}
    return {
        p: cell.partition(":")[2]
        for p, cell in cells.items()
        if (p in truth.of_account) == (at == TOP)
        and (cell == "yes" or cell.startswith("if:") or (cell == "opt" and p in on))
    }


def beyond(held: set[Atom], wanted: set[Atom]) -> set[Atom]:
    """Return what of ``wanted`` is not covered; what is held outright covers any condition."""
    return {(p, c, at) for p, c, at in wanted - held if (p, "", at) not in held}
