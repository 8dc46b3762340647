"""The rules once more, in plain sets, to hold the engine against.

Nothing is shared with the product: what a role holds is read from ``tests/truth/*.csv``, who may do
what from ``tests/truth/README.md`` and the decisions of the architecture. Clarity beats speed.

Everything has a name: people, accounts, places (subaccounts), posts (memberships), teams, things
(lists, templates, campaigns). An *atom* is (permission, condition, place).
"""

from __future__ import annotations

import copy
import csv
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

TOP, LATER = "(the account itself)", "(every future place)"
REFUSED, INVALID = "refused", "invalid"
Atom = tuple[str, str, str]
Reach = frozenset[str] | None  # None: all current and future places
Verdict = tuple[bool, bool]  # whether the actor may, and whether the request is wrong as such

NOT_COLUMNS = {"row", "activity", "permission", "scope", "toggle", "evidence", "note"}
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
ABOVE = {"manager", "administrator"}
TOGGLED_BY: dict[str, dict[str, set[str]]] = {
    "emma_corporate": dict.fromkeys(("manager", "administrator"), {"manager"})
    | dict.fromkeys(("full", "editor"), ABOVE),
    "emma_enterprise": dict.fromkeys(FULL, {"manager"}),
    "emma_hq": dict.fromkeys(("full", "editor"), ABOVE),
}
MOST_PLACES = {"emma_corporate": 10}
LIMITED = {"off": set(), "lists": {"lists"}, "lists_and_templates": {"lists", "templates"}}
VIEW = {"lists": "access_audience", "templates": "access_content", "campaigns": "access_campaigns"}
GUESTS = {
    "lists": {"access_audience", "view_contacts", "add_contacts"},
    "templates": {"access_content"},
    "campaigns": {"access_campaigns", "create_campaigns", "access_response"},
}
GUESTS["place"] = set().union(*GUESTS.values())


class Table:
    """One edition's truth table."""

    def __init__(self, edition: str) -> None:
        path = Path(__file__).parents[1] / "truth" / f"{edition}.csv"
        with path.open(newline="", encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
        columns = [name for name in lines[0] if name not in NOT_COLUMNS]
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
        self.follows = {p: n[8:] for p, n in notes.items() if n.startswith("follows ")}

    def ticked(self, ticks: frozenset[str]) -> set[str]:
        """Return what a custom role holds."""
        held = (ticks & self.ticks) | {"access_insights"}
        held = {p for p in held if self.under.get(p, p) in held}
        return held | {p for p, leaders in self.follows.items() if held >= {*leaders.split(" & ")}}

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


@dataclass
class Place:
    account: str
    name: str
    home: bool = False
    archived: bool = False
    direct: bool = False


@dataclass
class Post:
    person: str
    account: str
    role: str
    place: str | None = None  # None: at account level, where ``reach`` says how far
    reach: Reach = frozenset()
    toggles: frozenset[str] = frozenset()
    contact: bool = False
    active: bool = True


@dataclass
class Thing:
    kind: str
    place: str
    creator: str = ""
    uses: tuple[str, ...] = ()  # a campaign: its list and its template


@cache
def rights(
    edition: str,
    role: str,
    ticks: frozenset[str] | None,
    contact: bool,
    on: frozenset[str],
    at: str,
) -> dict[str, str]:
    """Return what a role holds, and on which condition: on the account, "home" or a "client"."""
    truth = table(edition)
    if ticks is not None:
        cells = dict.fromkeys(truth.ticked(ticks), "yes")
    elif role == "partner_manager":
        cells = truth.cells[f"{role}@client" if at == "client" else f"{role}@partner"]
    else:
        name = OWNERS.get(edition, "owner") if role == OWNER else role
        cells = truth.cells[name]
        if contact:
            cells = truth.cells.get(f"{name}+primary_contact", cells)
    return {
        permission: cell[3:] if cell.startswith("if:") else ""
        for permission, cell in cells.items()
        if (permission in truth.of_account) == (at == TOP)
        and (
            cell == "yes" or cell[:3] == "if:" or (cell == "opt" and truth.toggle[permission] in on)
        )
    }


def beyond(held: set[Atom], wanted: set[Atom]) -> set[Atom]:
    """Return what of ``wanted`` is not covered; what is held outright covers any condition."""
    return {(p, c, at) for p, c, at in wanted - held if (p, "", at) not in held}


@dataclass
class Model:
    """Who is what where, what follows from it, and what people may do about it."""

    accounts: dict[str, Account] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    posts: dict[str, Post] = field(default_factory=dict)
    things: dict[str, Thing] = field(default_factory=dict)
    teams: dict[str, tuple[str, str]] = field(default_factory=dict)  # account and name
    in_team: set[tuple[str, str]] = field(default_factory=set)  # person, team
    shares: set[tuple[str, str]] = field(default_factory=set)  # team, thing
    guests: set[tuple[str, str, str]] = field(
        default_factory=set
    )  # person, place/thing, permission

    def attempt(self, verb: str, actor: str, account: str, **about: object) -> tuple[set, Model]:
        """Return why ``actor`` may not do that (nothing: they may), and the state afterwards.

        Where an act is wrong in several ways, which of them is told first is left open.
        """
        if not self.standing(actor, account):
            return {INVALID}, self  # a foreign account looks like a missing one
        after = copy.deepcopy(self)
        may, wrong = getattr(after, verb)(actor, account, **about)
        problems = ({INVALID} if wrong else set()) | (set() if may else {REFUSED})
        if not problems and verb != "create_subaccount" and about.get("on", True):
            # a suspended post is judged as if it counted, or it would be widened in the dark
            stake = "" if verb == "set_active" else str(about.get("post", ""))
            mine = self.reach_of(actor, account)
            for person in {p.person for p in after.posts.values()}:
                had = self.reach_of(person, account, stake)
                if beyond(mine, beyond(had, after.reach_of(person, account, stake))):
                    problems.add(REFUSED)
        return problems, self if problems else after

    # what people hold

    def standing(self, person: str, account: str, stake: str = "") -> list[Post]:
        """Return the person's active posts there; the post ``stake`` counts even if suspended."""
        found = [
            post
            for key, post in self.posts.items()
            if (post.person, post.account) == (person, account) and (post.active or key == stake)
        ]
        if self.accounts[account].owner == person:
            found.append(Post(person, account, OWNER, reach=None))
        return found

    def inside(self, account: str) -> set[str]:
        return {key for key, place in self.places.items() if place.account == account}

    def spread(self, post: Post) -> set[str]:
        """Return everywhere a post counts."""
        if post.place is not None:
            return {post.place}
        return {TOP, *(self.inside(post.account) | {LATER} if post.reach is None else post.reach)}

    def atoms(self, person: str, account: str, stake: str = "", now: bool = False) -> set[Atom]:
        """Return what a person holds there; ``now``: after ceilings, conditions being true."""
        tenant, posts = self.accounts[account], self.standing(person, account, stake)
        held = set()
        for post in posts:
            for at in self.spread(post):
                kind = at if at == TOP else "client"
                if at in self.places and self.places[at].home:
                    kind = "home"
                custom = tenant.roles.get(post.role)
                about = (tenant.edition, post.role, custom, post.contact, post.toggles, kind)
                for permission, condition in rights(*about).items():
                    if not now or self.is_met(condition, post, at):
                        held.add((permission, "" if now else condition, at))
        inside = self.inside(account)
        if now:
            inside = {at for at in inside if not self.places[at].archived}
            gone = {"assign_team_resources"} if tenant.teams == "off" else set()
            held = {(p, c, at) for p, c, at in held if at in inside | {TOP} and p not in gone}
        inside |= {key for key, thing in self.things.items() if thing.place in inside}
        if posts:
            held |= {(p, "", at) for who, at, p in self.guests if who == person and at in inside}
        return held

    def reach_of(self, person: str, account: str, stake: str = "", now: bool = False) -> set[Atom]:
        """Return the atoms of a person, also those on the things that teams let them see."""
        held = self.atoms(person, account, stake, now)
        seen = {key: t.place for key, t in self.things.items() if self.sees(person, key, stake)}
        return held | {
            (p, c, key) for key, place in seen.items() for p, c, at in held if at == place
        }

    def is_met(self, condition: str, post: Post, at: str) -> bool:
        tenant = self.accounts[post.account]
        if condition == "all_subaccounts":
            active = {p for p in self.inside(post.account) if not self.places[p].archived}
            return post.reach is None or (bool(active) and active <= post.reach)
        if condition == "single_bill":
            client = at in self.places and not self.places[at].home
            return tenant.single_bill and not (client and self.places[at].direct)
        return tenant.reseller if condition == "reseller" else True

    def has(self, person: str, account: str, permission: str, at: str, stake: str = "") -> bool:
        return (permission, "", at) in self.atoms(person, account, stake)

    def sees(self, person: str, key: str, stake: str = "") -> bool:
        """Say whether teams leave a thing visible, and all it uses."""
        place = self.things[key].place
        account = self.places[place].account
        limited = LIMITED[self.accounts[account].teams]
        mine = {t for who, t in self.in_team if who == person and self.teams[t][0] == account}
        for part in (key, *self.things[key].uses):
            given = {team for team, thing in self.shares if thing == part}
            # what no team has is its creator's, and everything they made is who has no team
            own = self.things[part].creator == person and not (given and mine)
            if self.things[part].kind in limited and not (given & mine or own):
                return self.has(person, account, "assign_team_resources", place, stake)
        return True

    def held(self, person: str) -> set[tuple[str, str]]:
        """Return (permission, account, place or thing) for everything a person may do now."""
        return {
            (p, account if at == TOP else at)
            for account in self.accounts
            for p, _, at in self.reach_of(person, account, now=True)
        }

    # who may do what to whom

    def rank(self, account: str, role: str) -> int:
        order = ROLES[self.accounts[account].edition]
        return order.index(role) + 1 if role in order else len(order) + 1 if role == OWNER else 0

    def highest(self, person: str, account: str, at: str, stake: str = "") -> int:
        posts = [p for p in self.standing(person, account, stake) if at in self.spread(p)]
        return max((self.rank(account, post.role) for post in posts), default=0)

    def above(self, actor: str, post: Post, role: str, stake: str, places: set[str]) -> bool:
        """Say whether ``actor`` may touch what somebody has, or is about to get, at ``places``."""
        person, account, edition = post.person, post.account, self.accounts[post.account].edition
        if actor == person or self.accounts[account].owner == person:
            return False
        if edition == SAILTHRU:
            theirs = {a for a in self.atoms(person, account, stake) if a[2] in places}
            return not beyond(self.atoms(actor, account), theirs)
        for at in places:
            mine = self.highest(actor, account, at)
            theirs = max(self.highest(person, account, at, stake), self.rank(account, role))
            peer = PEERS.get(ROLES[edition][theirs - 1], "") if theirs else ""
            if mine < theirs or (mine == theirs and not self.has(actor, account, peer, at)):
                return False
        return True

    def gate(self, actor: str, post: Post, *, role: str = "", stake: str = "") -> bool:
        """Say whether ``actor`` may change such a post; ``role``: the one that would be given."""
        needed, places = {"manage_members"}, self.spread(post)
        if self.accounts[post.account].edition == SAILTHRU:
            needed |= {"manage_roles"} if role else set()
        elif post.place is None:
            needed, places = {"manage_managers"}, {TOP}
        mine = self.atoms(actor, post.account)
        # managing members is asked of places, managing managers of the account
        asked = {TOP} if needed == {"manage_managers"} else places - {TOP}
        holds = all((p, "", at) in mine for p in needed for at in asked)
        return holds and self.above(actor, post, role, stake, places)

    def fits(self, post: Post) -> bool:
        """Say whether there is such a role, at that level, with that reach."""
        tenant, role, home = self.accounts[post.account], post.role, set()
        home = {p for p in self.inside(post.account) if self.places[p].home}
        at_home = post.place is None and post.reach and post.reach == home
        inside = post.place is not None and post.place not in home and post.reach == frozenset()
        everywhere = post.place is None and post.reach is None
        if tenant.edition == SAILTHRU:
            there_is = role in tenant.roles or role in ROLES[SAILTHRU]
            off = role == "marketer_limited" and tenant.teams == "off"
            return there_is and not off and (inside or everywhere)
        if tenant.edition == CONTACT:
            return everywhere if role == "partner_manager" else at_home or inside
        return post.place is None if role == "manager" else role in ROLES[tenant.edition] and inside

    # what people do; each changes the state, whether or not it may be

    def add_member(self, actor: str, account: str, key: str, new: Post) -> Verdict:
        foreign = ({new.place} - {None} | (new.reach or set())) - self.inside(account)
        if foreign:
            return False, True
        adds_up = self.accounts[account].edition in (CONTACT, SAILTHRU)
        same = [p for p in self.posts.values() if p.person == new.person and p.account == account]
        taken = [p for p in same if p.place == new.place and (p.role == new.role or not adds_up)]
        archived = any(self.places[p].archived for p in self.spread(new) if p in self.places)
        wrong = taken or not self.fits(new) or (archived and new.reach is not None)
        may = self.gate(actor, new, role=new.role)
        self.posts[key] = copy.copy(new)
        return may, bool(wrong) or self.accounts[account].owner == new.person

    def remove_member(self, actor: str, account: str, post: str) -> Verdict:
        gone = self.posts[post]
        may = self.gate(actor, gone, stake=post)
        del self.posts[post]
        if not any((p.person, p.account) == (gone.person, account) for p in self.posts.values()):
            places = self.inside(account)
            keys = places | {k for k, thing in self.things.items() if thing.place in places}
            self.guests = {g for g in self.guests if g[0] != gone.person or g[1] not in keys}
            self.in_team = {
                (p, t) for p, t in self.in_team if p != gone.person or self.teams[t][0] != account
            }
        return may, False

    def set_active(self, actor: str, account: str, post: str, on: bool) -> Verdict:
        old = self.posts[post]
        may = self.gate(actor, old, role=old.role if on else "", stake=post)
        wrong, old.active = old.active == on, on
        return may, wrong

    def change_role(self, actor: str, account: str, post: str, role: str) -> Verdict:
        old = self.posts[post]
        may = self.gate(actor, old, role=role, stake=post)
        same = (old.person, account, old.place, role)
        taken = same in {(p.person, p.account, p.place, p.role) for p in self.posts.values()}
        old.role = role
        old.toggles &= table(self.accounts[account].edition).admitted(role)
        return may, taken or not self.fits(old)

    def set_manager_reach(self, actor: str, account: str, post: str, reach: Reach) -> Verdict:
        old = self.posts[post]
        may = self.gate(actor, old, stake=post)
        foreign = (reach or set()) - self.inside(account)
        old.reach = reach
        return may, bool(foreign) or old.place is not None or not self.fits(old)

    def toggle_permission(
        self, actor: str, account: str, post: str, toggle: str, on: bool
    ) -> Verdict:
        old, edition = self.posts[post], self.accounts[account].edition
        named = TOGGLED_BY.get(edition, {}).get(old.role, set()) | {OWNER}
        there = [
            p.role for p in self.standing(actor, account) if old.place or TOP in self.spread(p)
        ]
        may = self.gate(actor, old, stake=post) and (not on or bool(named & {*there}))
        wrong = toggle not in table(edition).admitted(old.role)
        wrong |= on and old.place is not None and self.places[old.place].archived
        old.toggles = old.toggles | {toggle} if on else old.toggles - {toggle}
        return may, wrong

    def set_primary_contact(self, actor: str, account: str, at: str, post: str | None) -> Verdict:
        old = {k for k, p in self.posts.items() if p.place == at and p.contact}
        touched = old | ({post} if post else set())
        may = all(self.gate(actor, self.posts[key], stake=key) for key in touched)
        wrong = self.accounts[account].edition != "emma_enterprise" or not touched or post in old
        wrong |= self.places[at].archived or any(self.posts[k].place != at for k in touched)
        for key in touched:
            self.posts[key].contact = key == post
        return may, wrong

    def create_subaccount(self, actor: str, account: str, key: str, name: str) -> Verdict:
        may = self.has(actor, account, "create_subaccounts", TOP)
        wrong = self.is_taken(account, key, name) or self.is_full(account)
        self.places[key] = Place(account, name)
        for post in self.standing(actor, account):
            if post.place is None and post.reach is not None:
                post.reach |= {key}  # whoever creates it manages it from then on
        return may, wrong

    def is_taken(self, account: str, key: str, name: str) -> bool:
        return name in {self.places[p].name for p in self.inside(account) - {key}}

    def is_full(self, account: str) -> bool:
        active = [p for p in self.inside(account) if not self.places[p].archived]
        most = MOST_PLACES.get(self.accounts[account].edition)
        return most is not None and len(active) >= most

    def rename_subaccount(self, actor: str, account: str, at: str, name: str) -> Verdict:
        wrong = self.places[at].archived or self.is_taken(account, at, name)
        self.places[at].name = name
        return self.has(actor, account, "manage_subaccount_settings", at), wrong

    def set_archived(self, actor: str, account: str, at: str, on: bool) -> Verdict:
        may = self.has(actor, account, "archive_subaccounts", TOP)
        may &= self.has(actor, account, "manage_subaccount_settings", at)
        place = self.places[at]
        wrong = place.home or place.archived == on or (not on and self.is_full(account))
        place.archived = on
        return may, wrong

    def set_guest(
        self, actor: str, account: str, person: str, to: str, permissions: set[str], on: bool
    ) -> Verdict:
        thing = self.things.get(to) or Thing("place", to)
        given = {(person, to, p) for p in permissions}
        may = self.gate(actor, Post(person, account, "", thing.place))
        wrong = not permissions or not permissions <= GUESTS[thing.kind]
        if not on:
            wrong |= not given & self.guests
            self.guests -= given
            return may, wrong
        may &= {(p, to) for p in permissions} <= self.held(actor)
        has_role = any(thing.place in self.spread(p) for p in self.standing(person, account))
        has_role |= any((p.person, p.place) == (person, thing.place) for p in self.posts.values())
        self.guests |= given
        wrong |= self.places[thing.place].archived or not self.standing(person, account)
        return may, wrong or has_role

    def create_team(self, actor: str, account: str, key: str, name: str) -> Verdict:
        wrong = (account, name) in self.teams.values()
        self.teams[key] = (account, name)
        may = "manage_teams" in {permission for permission, _, _ in self.atoms(actor, account)}
        return may, wrong or self.accounts[account].edition != SAILTHRU

    def set_in_team(self, actor: str, account: str, team: str, person: str, on: bool) -> Verdict:
        works = {at for _, _, at in self.atoms(person, account)} - {TOP}
        shared = {at for at in works if self.has(actor, account, "manage_teams", at)}
        may = bool(shared) and self.above(actor, Post(person, account, ""), "", "", shared)
        wrong = not works or ((person, team) in self.in_team) == on
        self.in_team ^= {(person, team)}
        return may, wrong

    def set_shared(self, actor: str, account: str, team: str, thing: str, on: bool) -> Verdict:
        kind = self.things[thing].kind
        may = {("assign_team_resources", thing), (VIEW[kind], thing)} <= self.held(actor)
        wrong = kind == "campaigns" or self.things[thing].place not in self.inside(account)
        wrong |= ((team, thing) in self.shares) == on
        self.shares ^= {(team, thing)}
        return may, wrong
