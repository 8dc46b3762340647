"""The rules once more, in plain sets, to hold the engine against.

Nothing is shared with the product: what a role holds is read from ``tests/truth/*.csv``, who may do
what from ``tests/truth/README.md``. Everything has a name: people, accounts, places (subaccounts),
posts (memberships), teams, things (lists, templates, campaigns). An *atom* is (permission,
condition, place).
"""

from __future__ import annotations

import copy
import csv
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

TOP, LATER = "(the account itself)", "(every future place)"
ANY = "(any, suspended or not)"
REFUSED, INVALID = "refused", "invalid"
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
    guests: set[tuple[str, str, str]] = field(default_factory=set)  # person, where, permission
    actor: str = ""  # who is acting,
    account: str = ""  # and in which account

    def attempt(self, verb: str, actor: str, account: str, **about: object) -> tuple[set, Model]:
        """Return all reasons why ``actor`` may not do that (none: they may), and the new state."""
        if not self.standing(actor, account):
            return {INVALID}, self  # a foreign account looks like a missing one
        after = copy.deepcopy(self)
        after.actor, after.account = actor, account
        may, wrong = getattr(after, verb)(**about)
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
        posts = [p for key, p in self.posts.items() if p.active or stake in (key, ANY)]
        if self.accounts[account].owner == person:
            posts.append(Post(person, account, OWNER, reach=None))
        return [post for post in posts if (post.person, post.account) == (person, account)]

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
                home = at in self.places and self.places[at].home
                kind = at if at == TOP else "home" if home else "client"
                for p, c in rights(tenant.edition, post, tenant.roles.get(post.role), kind).items():
                    if not now or self.is_met(c, post, at):
                        held.add((p, "" if now else c, at))
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
        for key, thing in self.things.items():
            there = {(p, c, key) for p, c, at in held if at == thing.place}
            held |= there if there and self.sees(person, key, stake) else set()
        return held

    def is_met(self, condition: str, post: Post, at: str) -> bool:
        tenant = self.accounts[post.account]
        if condition == "all_subaccounts":
            active = {p for p in self.inside(post.account) if not self.places[p].archived}
            return post.reach is None or (bool(active) and active <= post.reach)
        if condition == "single_bill":
            client = at in self.places and not self.places[at].home
            return tenant.single_bill and not (client and self.places[at].direct)
        return tenant.reseller if condition == "reseller" else True

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
                free = ("assign_team_resources", "", place)
                return free in self.atoms(person, account, stake)
        return True

    def held(self, person: str) -> set[tuple[str, str]]:
        """Return (permission, account, place or thing) for everything a person may do now."""
        return {
            (p, account if at == TOP else at)
            for account in self.accounts
            for p, _, at in self.reach_of(person, account, now=True)
        }

    # who may do what to whom

    def rank(self, person: str, account: str, at: str, stake: str = "", role: str = "") -> int:
        """Return the highest rank somebody has at a place, or ``role`` would have."""
        order = ("", *ROLES[self.accounts[account].edition], OWNER)
        posts = [p for p in self.standing(person, account, stake) if at in self.spread(p)]
        return max(order.index(r) if r in order else 0 for r in (role, *(p.role for p in posts)))

    def above(self, post: Post, role: str, stake: str, places: set[str]) -> bool:
        """Say whether the actor may touch what somebody has, or is about to get, at ``places``."""
        person, account, edition = post.person, post.account, self.accounts[post.account].edition
        if person in (self.actor, self.accounts[account].owner):
            return False
        if edition == SAILTHRU:
            theirs = {a for a in self.atoms(person, account, stake) if a[2] in places}
            return not beyond(self.atoms(self.actor, account), theirs)
        for at in places:
            mine = self.rank(self.actor, account, at)
            theirs = self.rank(person, account, at, stake, role)
            peer = PEERS.get(("", *ROLES[edition])[theirs], "")
            if mine < theirs or (mine == theirs and not self.may(peer, at)):
                return False
        return True

    def may(self, permission: str, at: str) -> bool:
        return (permission, "", at) in self.atoms(self.actor, self.account)

    def gate(self, post: Post, role: str = "", stake: str = "") -> bool:
        """Say whether the actor may change such a post; ``role``: the one that would be given."""
        needed, places = {"manage_members"}, self.spread(post)
        asked = places - {TOP}  # managing members is asked of places, managers of the account
        if self.accounts[post.account].edition == SAILTHRU:
            needed |= {"manage_roles"} if role else set()
        elif post.place is None:
            needed, places, asked = {"manage_managers"}, {TOP}, {TOP}
        holds = all(self.may(p, at) for p in needed for at in asked)
        return holds and self.above(post, role, stake, places)

    def fits(self, post: Post) -> bool:
        """Say whether there is such a role, at that level, with that reach."""
        tenant, role = self.accounts[post.account], post.role
        home = {p for p in self.inside(post.account) if self.places[p].home}
        at_home = post.place is None and bool(post.reach) and post.reach == home
        inside = post.place is not None and post.place not in home and post.reach == frozenset()
        everywhere = post.place is None and post.reach is None
        if tenant.edition == SAILTHRU:
            # Marketer Limited does not exist while teams are off
            gone = {"marketer_limited"} if tenant.teams == "off" else set()
            known = {*tenant.roles, *ROLES[SAILTHRU]} - gone
            return role in known and (inside or everywhere)
        if tenant.edition == CONTACT:
            return everywhere if role == "partner_manager" else at_home or inside
        return post.place is None if role == "manager" else role in ROLES[tenant.edition] and inside

    # what people do; each changes the state, whether or not it may be

    def add_member(self, key: str, new: Post) -> Verdict:
        if ({new.place} - {None} | (new.reach or set())) - self.inside(self.account):
            return False, True
        adds_up = self.accounts[self.account].edition in (CONTACT, SAILTHRU)
        there = [p for p in self.standing(new.person, self.account, ANY) if p.place == new.place]
        wrong = any(not adds_up or p.role == new.role for p in there)
        wrong |= self.accounts[self.account].owner == new.person
        named = {new.place} if new.place else new.reach or set()
        wrong |= not self.fits(new) or any(self.places[p].archived for p in named)
        may = self.gate(new, new.role)
        self.posts[key] = new
        return may, wrong

    def remove_member(self, post: str) -> Verdict:
        gone, inside = self.posts[post], self.inside(self.account)
        may = self.gate(gone, stake=post)
        del self.posts[post]
        if not self.standing(gone.person, self.account, ANY):
            inside |= {key for key, thing in self.things.items() if thing.place in inside}
            self.guests = {g for g in self.guests if g[0] != gone.person or g[1] not in inside}
            teams = {team for team, (account, _) in self.teams.items() if account == self.account}
            self.in_team -= {(gone.person, team) for team in teams}
        return may, False

    def alter(self, post: str, wrong: bool, gives: str = "", **fields: object) -> Verdict:
        may = self.gate(self.posts[post], gives, post)
        self.posts[post] = replace(self.posts[post], **fields)
        return may, wrong or not self.fits(self.posts[post])

    def set_active(self, post: str, on: bool) -> Verdict:
        old = self.posts[post]
        return self.alter(post, old.active == on, old.role if on else "", active=on)

    def change_role(self, post: str, role: str) -> Verdict:
        old = self.posts[post]
        same = (old.person, old.account, old.place, role)
        taken = same in {(p.person, p.account, p.place, p.role) for p in self.posts.values()}
        toggles = old.toggles & table(self.accounts[self.account].edition).admitted(role)
        return self.alter(post, taken, role, role=role, toggles=toggles)

    def set_manager_reach(self, post: str, reach: Reach) -> Verdict:
        foreign = (reach or set()) - self.inside(self.account)
        wrong = bool(foreign) or self.posts[post].place is not None
        return self.alter(post, wrong, reach=reach)

    def toggle_permission(self, post: str, toggle: str, on: bool) -> Verdict:
        old, edition = self.posts[post], self.accounts[self.account].edition
        wrong = toggle not in table(edition).admitted(old.role)
        wrong |= on and old.place is not None and self.places[old.place].archived
        toggles = old.toggles | {toggle} if on else old.toggles - {toggle}
        may, wrong = self.alter(post, wrong, toggles=toggles)
        named = TOGGLED_BY.get(edition, {}).get(old.role, set()) | {OWNER}
        mine, there = self.standing(self.actor, self.account), old.place or TOP
        entitled = any(p.role in named and there in self.spread(p) for p in mine)
        return may and (entitled or not on), wrong

    def set_primary_contact(self, at: str, post: str | None) -> Verdict:
        old = {k for k, p in self.posts.items() if p.place == at and p.contact}
        touched = old | ({post} if post else set())
        may = all(self.gate(self.posts[key], stake=key) for key in touched)
        wrong = self.accounts[self.account].edition != "emma_enterprise" or not touched
        wrong |= self.places[at].archived or any(self.posts[k].place != at for k in touched)
        for key in touched:
            self.posts[key] = replace(self.posts[key], contact=key == post)
        return may, wrong or post in old

    def create_subaccount(self, key: str, name: str) -> Verdict:
        may = self.may("create_subaccounts", TOP)
        wrong = name in self.names() or self.is_full()
        self.places[key] = Place(self.account, name)
        for number, post in self.posts.items():
            mine = (post.person, post.account, post.active) == (self.actor, self.account, True)
            if mine and post.place is None and post.reach is not None:
                # whoever creates it manages it from then on
                self.posts[number] = replace(post, reach=post.reach | {key})
        return may, wrong

    def names(self, *but: str) -> set[str]:
        return {self.places[p].name for p in self.inside(self.account) - {*but}}

    def is_full(self) -> bool:
        active = [p for p in self.inside(self.account) if not self.places[p].archived]
        return len(active) >= MOST_PLACES.get(self.accounts[self.account].edition, len(active) + 1)

    def rename_subaccount(self, at: str, name: str) -> Verdict:
        wrong = self.places[at].archived or name in self.names(at)
        self.places[at].name = name
        return self.may("manage_subaccount_settings", at), wrong

    def set_archived(self, at: str, on: bool) -> Verdict:
        may = self.may("archive_subaccounts", TOP) and self.may("manage_subaccount_settings", at)
        place = self.places[at]
        wrong = place.home or place.archived == on or (not on and self.is_full())
        place.archived = on
        return may, wrong

    def set_guest(self, person: str, to: str, permissions: set[str], on: bool) -> Verdict:
        thing = self.things.get(to) or Thing("place", to)
        given = {(person, to, p) for p in permissions}
        may = self.gate(Post(person, self.account, "", thing.place))
        wrong = not permissions or not permissions <= GUESTS[thing.kind]
        if not on:
            wrong |= not given & self.guests
            self.guests -= given
            return may, wrong
        may &= {(p, to) for p in permissions} <= self.held(self.actor)
        posts = self.standing(person, self.account)
        has_role = any(thing.place in self.spread(post) for post in posts)
        has_role |= any((p.person, p.place) == (person, thing.place) for p in self.posts.values())
        self.guests |= given
        return may, wrong or has_role or not posts or self.places[thing.place].archived

    def create_team(self, key: str, name: str) -> Verdict:
        wrong = self.accounts[self.account].edition != SAILTHRU
        wrong |= (self.account, name) in self.teams.values()
        self.teams[key] = (self.account, name)
        return any(p == "manage_teams" for p, _, _ in self.atoms(self.actor, self.account)), wrong

    def set_in_team(self, team: str, person: str, on: bool) -> Verdict:
        works = {at for _, _, at in self.atoms(person, self.account)} - {TOP}
        shared = {at for at in works if self.may("manage_teams", at)}
        may = bool(shared) and self.above(Post(person, self.account, ""), "", "", shared)
        wrong = not works or ((person, team) in self.in_team) == on
        self.in_team ^= {(person, team)}
        return may, wrong

    def set_shared(self, team: str, thing: str, on: bool) -> Verdict:
        kind = self.things[thing].kind
        may = {("assign_team_resources", thing), (VIEW[kind], thing)} <= self.held(self.actor)
        wrong = kind == "campaigns" or self.things[thing].place not in self.inside(self.account)
        wrong |= ((team, thing) in self.shares) == on
        self.shares ^= {(team, thing)}
        return may, wrong
