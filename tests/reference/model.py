"""The rules once more, in plain sets, to hold the engine against.

Nothing is shared with the product: what a role holds is read from ``tests/truth/*.csv``, who may do
what from ``tests/truth/README.md``. Everything has a name: people, accounts, places (subaccounts),
posts (memberships), teams, things (lists, templates, campaigns). An *atom* is (permission,
condition, place).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace

from tests.reference.terms import (
    ANY,
    CONTACT,
    FORMER,
    GUESTS,
    INVALID,
    LATER,
    LIMITED,
    MOST_PLACES,
    OFFER_VALID,
    OWNER,
    PEERS,
    REFUSED,
    ROLES,
    SAILTHRU,
    TOGGLED_BY,
    TOP,
    VALID,
    VIEW,
    VOID,
    Account,
    Atom,
    Invite,
    Offer,
    Place,
    Post,
    Reach,
    Thing,
    Verdict,
    beyond,
    rights,
    table,
)

#: what every custom role gives
ANYBODYS = {"access_insights"}


def is_longer(model: Model, post: str, about: dict) -> bool:
    """Say whether a post would last longer than it does."""
    old, new = model.posts[post].ends, about["ends"]
    return old is not None and (new is None or new > old)


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
    invites: dict[str, Invite] = field(default_factory=dict)
    groups: dict[str, tuple[str, str, frozenset[str]]] = field(default_factory=dict)  # account,
    # name and places
    offers: dict[str, Offer] = field(default_factory=dict)
    hour: int = 0  # what the clock says
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
        if not problems and verb in ("invite", "resend"):
            offered = after.of_post(after.invites[str(about["key"])].post)
            if beyond(self.reach_of(actor, account), offered):
                problems.add(REFUSED)
        if not problems and verb != "create_subaccount" and about.get("on", True):
            mine, post = self.reach_of(actor, account), about.get("post")
            for key in after.posts:
                # what is switched on again, or waked, is given anew
                anew = key == post and verb in ("toggle_permission", "set_active")
                anew |= key == post and verb == "set_end" and is_longer(self, key, about)
                if beyond(mine, after.spell_out(key, after.given(self, key, about, anew))):
                    problems.add(REFUSED)
            for person in {p.person for p in after.posts.values()} if post is None else ():
                had = self.reach_of(person, account, ANY)
                if beyond(mine, beyond(had, after.reach_of(person, account, ANY))):
                    problems.add(REFUSED)
        return problems, self if problems else after

    def given(self, before: Model, key: str, about: dict, anew: bool) -> set[Atom]:
        """Return what has been granted through a post: its role, or a toggle, new or wider.

        A grant that is new counts in full, whatever else gave the same: that may end tomorrow.
        """
        post, old = self.posts[key], before.posts.get(key)
        bare, toggle = replace(post, toggles=frozenset()), about.get("toggle")
        same = old and old.role == post.role and not (anew and not toggle)
        had = before.of_post(replace(old, toggles=frozenset())) if old and same else set()
        new = beyond(had, self.of_post(bare))
        for name in post.toggles:
            switched = self.of_post(replace(post, toggles=frozenset({name}))) - self.of_post(bare)
            kept = old is not None and name in old.toggles
            if kept and not (anew and toggle in (None, name)):
                alone = before.of_post(replace(old, toggles=frozenset({name})))
                switched = beyond(alone, switched)
            new |= switched
        return new

    def spell_out(self, key: str, new: set[Atom]) -> set[Atom]:
        """Return ``new`` with what it comes to on the things the person's teams share."""
        person = self.posts[key].person
        seen = {k for k in self.things if self.sees(person, k, free=False)}
        return new | {(p, c, k) for k in seen for p, c, at in new if at == self.things[k].place}

    # what people hold

    def standing(self, person: str, account: str, stake: str = "") -> list[Post]:
        """Return the person's active posts there; the post ``stake`` counts even if suspended."""
        posts = [
            p
            for key, p in self.posts.items()
            if (p.active and not self.is_over(p)) or stake in (key, ANY)
        ]
        if self.accounts[account].owner == person:
            posts.append(Post(person, account, OWNER, reach=None))
        return [post for post in posts if (post.person, post.account) == (person, account)]

    def is_over(self, post: Post) -> bool:
        return post.ends is not None and post.ends <= self.hour

    def inside(self, account: str) -> set[str]:
        return {key for key, place in self.places.items() if place.account == account}

    def spread(self, post: Post) -> set[str]:
        """Return everywhere a post counts."""
        if post.place is not None:
            return {post.place}
        if post.reach is None:
            return {TOP, LATER, *self.inside(post.account)}
        return {TOP, *self.reached(post)}

    def reached(self, post: Post) -> set[str]:
        """Return the places a post reaches by name, or because they are in a group it reaches."""
        return set(post.reach or ()).union(*(self.groups[group][2] for group in post.groups))

    def atoms(self, person: str, account: str, stake: str = "", now: bool = False) -> set[Atom]:
        """Return what a person holds there; ``now``: after ceilings, conditions being true."""
        tenant, posts = self.accounts[account], self.standing(person, account, stake)
        held = set()
        for post in posts:
            held |= {
                (p, "" if now else c, at)
                for p, c, at in self.of_post(post)
                if not now or self.is_met(c, post, at)
            }
        inside = self.inside(account)
        if now:
            inside = {at for at in inside if not self.places[at].archived}
            gone = {"assign_team_resources"} if tenant.teams == "off" else set()
            held = {(p, c, at) for p, c, at in held if at in inside | {TOP} and p not in gone}
        inside |= {key for key, thing in self.things.items() if thing.place in inside}
        if posts:
            held |= {(p, "", at) for who, at, p in self.guests if who == person and at in inside}
        return held

    def of_post(self, post: Post) -> set[Atom]:
        """Return what a post amounts to everywhere it counts."""
        tenant, held = self.accounts[post.account], set()
        for at in self.spread(post):
            home = at in self.places and self.places[at].home
            kind = at if at == TOP else "home" if home else "client"
            cells = rights(tenant.edition, post, tenant.roles.get(post.role), kind)
            held |= {(p, c, at) for p, c in cells.items()}
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
            return post.reach is None or (bool(active) and active <= self.reached(post))
        if condition == "single_bill":
            client = at in self.places and not self.places[at].home
            return tenant.single_bill and not (client and self.places[at].direct)
        return tenant.reseller if condition == "reseller" else True

    def sees(self, person: str, key: str, stake: str = "", free: bool = True) -> bool:
        """Say whether teams leave a thing visible, and all it uses; ``free``: or need not."""
        place = self.things[key].place
        account = self.places[place].account
        limited = LIMITED[self.accounts[account].teams]
        mine = {t for who, t in self.in_team if who == person and self.teams[t][0] == account}
        for part in (key, *self.things[key].uses):
            given = {team for team, thing in self.shares if thing == part}
            # what no team has is its creator's, and everything they made is who has no team
            own = self.things[part].creator == person and not (given and mine)
            if self.things[part].kind in limited and not (given & mine or own):
                every = ("assign_team_resources", "", place)
                return free and every in self.atoms(person, account, stake)
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

    def above(self, post: Post, role: str, places: set[str]) -> bool:
        """Say whether the actor may touch what somebody has, or is about to get, at ``places``.

        Somebody suspended is no easier prey.
        """
        person, account, edition = post.person, post.account, self.accounts[post.account].edition
        if person in (self.actor, self.accounts[account].owner):
            return False
        if edition == SAILTHRU:
            theirs = {a for a in self.atoms(person, account, ANY) if a[2] in places}
            return not beyond(self.atoms(self.actor, account), theirs)
        for at in places:
            mine = self.rank(self.actor, account, at)
            theirs = self.rank(person, account, at, ANY, role)
            peer = PEERS.get(("", *ROLES[edition])[theirs], "")
            if mine < theirs or (mine == theirs and not self.may(peer, at)):
                return False
        return True

    def may(self, permission: str, at: str) -> bool:
        return (permission, "", at) in self.atoms(self.actor, self.account)

    def gate(self, post: Post, role: str = "", rank: str = "") -> bool:
        """Say whether the actor may change such a post; ``role``: the one that would be given,
        ``rank``: one that is at stake."""
        needed, places = {"manage_members"}, self.spread(post)
        asked = places - {TOP}  # managing members is asked of places, managers of the account
        if self.accounts[post.account].edition == SAILTHRU:
            needed |= {"manage_roles"} if role else set()
        elif post.place is None:
            needed, places, asked = {"manage_managers"}, {TOP}, {TOP}
        holds = all(self.may(p, at) for p in needed for at in asked)
        return holds and self.above(post, role or rank, places)

    def fits(self, post: Post) -> bool:
        """Say whether there is such a role, at that level, with that reach."""
        tenant, role = self.accounts[post.account], post.role
        home = {p for p in self.inside(post.account) if self.places[p].home}
        if post.groups and (tenant.edition in (CONTACT, SAILTHRU) or post.reach is None):
            return False
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

    def add_member(self, key: str, new: Post, consented: bool = True) -> Verdict:
        if ({new.place} - {None} | (new.reach or set())) - self.inside(self.account):
            return False, True
        # nobody is brought into an account without having agreed
        stranger = not consented and not self.standing(new.person, self.account, ANY)
        stranger |= self.is_taken_up(new.person) or self.is_over(new)
        adds_up = self.accounts[self.account].edition in (CONTACT, SAILTHRU)
        there = [p for p in self.standing(new.person, self.account, ANY) if p.place == new.place]
        wrong = any(not adds_up or p.role == new.role for p in there)
        wrong |= self.accounts[self.account].owner == new.person
        named = {new.place} if new.place else new.reach or set()
        wrong |= not self.fits(new) or any(self.places[p].archived for p in named)
        may = self.gate(new, new.role)
        self.posts[key] = new
        self.end_guest_access(new.person)
        return may, wrong or stranger

    def seated(self) -> set[str]:
        """Return who has a seat; also whoever is suspended, but nobody whose access is over."""
        posts = [p for p in self.posts.values() if p.account == self.account]
        lasting = {p.person for p in posts if not self.is_over(p)}
        return lasting | {self.accounts[self.account].owner}

    def is_taken_up(self, person: str) -> bool:
        """Say whether no seat is left for one more person."""
        limit, people = self.accounts[self.account].seats, self.seated()
        waiting = {i.post.person for i in self.pending(self.account) if i.expires > self.hour}
        taken = people | waiting - {person}
        return limit is not None and person not in people and len(taken) >= limit

    def pending(self, account: str) -> list[Invite]:
        found = [i for i in self.invites.values() if i.post.account == account]
        return [i for i in found if i.state == "pending"]

    def offer(self, key: str, post: Post, teams: frozenset[str]) -> Verdict:
        """Judge an offer, as if it were given to somebody who has nothing yet; and note it."""
        nobody, edition = replace(post, person=""), self.accounts[post.account].edition
        places = {post.place} - {None} | (post.reach or set())
        foreign = places - self.inside(self.account)
        foreign |= {t for t in teams if self.teams[t][0] != self.account}
        if foreign:
            return False, True
        wrong = not self.fits(post) or any(self.places[p].archived for p in places)
        wrong |= self.is_over(post) or self.is_taken_up(post.person)
        wrong |= not post.toggles <= table(edition).admitted(post.role)
        may = self.gate(nobody, post.role)
        named = TOGGLED_BY.get(edition, {}).get(post.role, set()) | {OWNER}
        mine, there = self.standing(self.actor, self.account), post.place or TOP
        may &= not post.toggles or any(p.role in named and there in self.spread(p) for p in mine)
        if teams:
            wrong |= self.accounts[self.account].teams == "off"
            inside = self.spread(post) & set(self.places)
            may &= all(self.may("manage_teams", at) for at in inside)
            for team, thing in self.shares:
                if team in teams and self.things[thing].place in inside:
                    may &= self.sees(self.actor, thing)
        expires = self.hour + VALID if post.ends is None else min(self.hour + VALID, post.ends)
        self.invites[key] = Invite(post, teams, self.actor, expires)
        return may, wrong

    def is_same_seat(self, one: Post, other: Post) -> bool:
        adds_up = self.accounts[one.account].edition in (CONTACT, SAILTHRU)
        alike = (one.person, one.account, one.place) == (other.person, other.account, other.place)
        return alike and (one.role == other.role or not adds_up)

    def invite(self, key: str, new: Post, teams: frozenset[str]) -> Verdict:
        wrong = any(self.is_same_seat(new, p) for p in self.posts.values())
        for other, known in self.invites.items():
            if known.state == "pending" and self.is_same_seat(new, known.post):
                wrong |= known.expires > self.hour
                self.invites[other] = replace(known, state="withdrawn")
        may, bad = self.offer(key, new, teams)
        return may, wrong or bad

    def resend(self, key: str) -> Verdict:
        known = self.invites[key]
        may, wrong = self.offer(key, known.post, known.teams)
        return may, wrong or known.state != "pending"

    def withdraw(self, key: str) -> Verdict:
        known = self.invites[key]
        self.invites[key] = replace(known, state="withdrawn")
        may = self.gate(replace(known.post, person=""), rank=known.post.role)
        return may, known.state != "pending"

    def accept(self, key: str, person: str, new: str) -> tuple[set, Model, Model]:
        """Return why the link does nothing for ``person`` (none: it does), and what then is: after
        it was accepted, and after it was found void."""
        known = self.invites[key]
        if known.state != "pending" or known.expires <= self.hour:
            return {INVALID}, self, self
        if known.post.person != person:
            return {REFUSED}, self, self
        void = copy.deepcopy(self)
        void.invites[key] = replace(known, state="void")
        inviter, account = known.inviter, known.post.account
        if not self.standing(inviter, account):
            return {VOID}, self, void
        bare = replace(known.post, toggles=frozenset())
        switches = [{"post": new, "toggle": t, "on": True} for t in sorted(known.post.toggles)]
        teams = sorted(t for t in known.teams if (person, t) not in self.in_team)
        steps = [
            ("add_member", {"key": new, "new": bare}),
            *(("toggle_permission", about) for about in switches),
            *(("set_in_team", {"team": t, "person": person, "on": True}) for t in teams),
        ]
        after = self
        for verb, about in steps:
            problems, after = after.attempt(verb, inviter, account, **about)
            if problems:
                return {VOID if p == REFUSED else p for p in problems}, self, void
        after = copy.deepcopy(after)
        after.invites[key] = replace(known, state="accepted")
        return set(), after, void

    def set_end(self, post: str, ends: int | None) -> Verdict:
        old = self.posts[post]
        longer = is_longer(self, post, {"ends": ends})
        wrong = ends == old.ends or (ends is not None and ends <= self.hour)
        if longer:
            wrong |= old.place is not None and self.places[old.place].archived
            wrong |= self.is_taken_up(old.person)
        return self.alter(post, wrong, old.role if longer else "", ends=ends)

    def leave(self, post: str) -> Verdict:
        gone = self.posts[post]
        self.go(post)
        return True, gone.person != self.actor

    def leave_account(self) -> Verdict:
        owns = self.accounts[self.account].owner == self.actor
        me = (self.actor, self.account)
        for post in [key for key, p in self.posts.items() if (p.person, p.account) == me]:
            self.go(post)
        return not owns, False

    def end_guest_access(self, person: str) -> None:
        """Guests are those without a role there."""
        posts = self.standing(person, self.account, ANY)
        own = {at for post in posts for at in self.spread(post)}
        own |= {key for key, thing in self.things.items() if thing.place in own}
        self.guests = {g for g in self.guests if g[0] != person or g[1] not in own}

    def remove_member(self, post: str) -> Verdict:
        may = self.gate(self.posts[post])
        self.go(post)
        return may, False

    def go(self, post: str) -> None:
        """Take a post away, and all that has no meaning without one."""
        gone, inside = self.posts[post], self.inside(self.account)
        del self.posts[post]
        if not self.standing(gone.person, self.account, ANY):
            inside |= {key for key, thing in self.things.items() if thing.place in inside}
            self.guests = {g for g in self.guests if g[0] != gone.person or g[1] not in inside}
            teams = {team for team, (account, _) in self.teams.items() if account == self.account}
            self.in_team -= {(gone.person, team) for team in teams}
            for key, invite in self.invites.items():
                if invite.inviter == gone.person and invite in self.pending(self.account):
                    self.invites[key] = replace(invite, state="withdrawn")
        self.close_the_door(gone.person)

    def close_the_door(self, person: str) -> None:
        """Whoever works there no more is not asked to come, unless they are asked anew."""
        if self.accounts[self.account].owner == person:
            return
        if not self.standing(person, self.account):
            self.refuse_entry(person)
            for key, offer in self.offers.items():
                if (offer.heir, offer.account, offer.state) == (person, self.account, "pending"):
                    self.offers[key] = replace(offer, state="withdrawn")

    def refuse_entry(self, person: str) -> None:
        """Withdraw what somebody is invited to."""
        for key, invite in self.invites.items():
            if invite.post.person == person and invite in self.pending(self.account):
                self.invites[key] = replace(invite, state="withdrawn")

    def alter(self, post: str, wrong: bool, gives: str = "", **fields: object) -> Verdict:
        may = self.gate(self.posts[post], gives)
        self.posts[post] = replace(self.posts[post], **fields)
        return may, wrong or not self.fits(self.posts[post])

    def set_active(self, post: str, on: bool) -> Verdict:
        old = self.posts[post]
        verdict = self.alter(post, old.active == on, old.role if on else "", active=on)
        if not on:
            self.close_the_door(old.person)
        return verdict

    def change_role(self, post: str, role: str) -> Verdict:
        old = self.posts[post]
        same = (old.person, old.account, old.place, role)
        taken = same in {(p.person, p.account, p.place, p.role) for p in self.posts.values()}
        truth = table(self.accounts[self.account].edition)
        taken |= old.place is not None and self.places[old.place].archived
        toggles = {t for t in old.toggles if truth.covers(role, t) == truth.covers(old.role, t)}
        return self.alter(post, taken, role, role=role, toggles=frozenset(toggles))

    def set_manager_reach(
        self, post: str, reach: Reach, groups: frozenset[str] = frozenset()
    ) -> Verdict:
        foreign = (reach or set()) - self.inside(self.account)
        foreign |= {group for group in groups if self.groups[group][0] != self.account}
        if foreign:
            return False, True
        wrong = self.posts[post].place is not None
        fresh = (reach or set()) - (self.posts[post].reach or set())
        wrong |= any(self.places[at].archived for at in fresh)
        verdict = self.alter(post, wrong, reach=reach, groups=groups)
        self.end_guest_access(self.posts[post].person)
        return verdict

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
        may = all(self.gate(self.posts[key]) for key in touched)
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
        wrong = self.accounts[self.account].teams == "off"
        wrong |= (self.account, name) in self.teams.values()
        self.teams[key] = (self.account, name)
        return any(p == "manage_teams" for p, _, _ in self.atoms(self.actor, self.account)), wrong

    def set_in_team(self, team: str, person: str, on: bool) -> Verdict:
        works = {at for _, _, at in self.atoms(person, self.account, ANY)} - {TOP}
        shared = {at for at in works if self.may("manage_teams", at)}
        may = bool(shared) and self.above(Post(person, self.account, ""), "", shared)
        wrong = not works or ((person, team) in self.in_team) == on
        wrong |= self.accounts[self.account].teams == "off"
        self.in_team ^= {(person, team)}
        return may, wrong

    def set_shared(self, team: str, thing: str, on: bool) -> Verdict:
        kind = self.things[thing].kind
        may = {("assign_team_resources", thing), (VIEW[kind], thing)} <= self.held(self.actor)
        wrong = kind == "campaigns" or self.things[thing].place not in self.inside(self.account)
        wrong |= ((team, thing) in self.shares) == on
        wrong |= self.places[self.things[thing].place].archived
        wrong |= self.accounts[self.account].teams == "off"
        self.shares ^= {(team, thing)}
        return may, wrong

    # groups of places

    def set_group(self, key: str, name: str, places: frozenset[str]) -> Verdict:
        """Make a group, or say what is in one there is."""
        old = self.groups.get(key)
        had = old[2] if old else frozenset()
        if places - self.inside(self.account):
            return False, True
        wrong = any(self.places[at].home for at in places)
        wrong |= places == had if old else name in self.names_of_groups()
        settings = all(self.may("manage_subaccount_settings", at) for at in had | places)
        may = self.may("manage_account_settings", TOP) and settings
        reaching = [k for k, p in self.posts.items() if key in p.groups]
        may &= all(self.gate(self.posts[k]) for k in reaching)
        self.groups[key] = (self.account, old[1] if old else name, places)
        may &= all(self.gate(self.posts[k]) for k in reaching)
        for k in reaching if places - had else ():
            self.end_guest_access(self.posts[k].person)
        return may, wrong

    def names_of_groups(self) -> set[str]:
        return {name for account, name, _ in self.groups.values() if account == self.account}

    def delete_group(self, group: str) -> Verdict:
        _, _, had = self.groups[group]
        settings = all(self.may("manage_subaccount_settings", at) for at in had)
        wrong = any(group in post.groups for post in self.posts.values())
        if not wrong:
            del self.groups[group]
        return self.may("manage_account_settings", TOP) and settings, wrong

    # custom roles

    def having(self, role: str) -> tuple[list[Post], list[Post]]:
        """Return who has a role, in whatever state, and what would be had of pending offers."""
        here = [p for p in self.posts.values() if (p.account, p.role) == (self.account, role)]
        return here, [i.post for i in self.pending(self.account) if i.post.role == role]

    def counts_at(self, role: str) -> set[str]:
        return set().union(*(self.spread(post) for some in self.having(role) for post in some))

    def composing(self) -> set[str]:
        """Return where the actor may give roles."""
        return {at for p, _, at in self.atoms(self.actor, self.account) if p == "manage_roles"}

    def may_compose(self, permissions: set[str]) -> bool:
        """Say whether the actor could give all of these somewhere."""
        where, of_account = self.composing(), table(SAILTHRU).of_account
        return all(
            self.may(p, TOP) if p in of_account else any(self.may(p, at) for at in where)
            for p in permissions
        )

    def create_role(self, key: str, name: str, ticks: frozenset[str]) -> Verdict:
        tenant = self.accounts[self.account]
        wrong = tenant.edition != SAILTHRU or name in {*tenant.roles, *ROLES[SAILTHRU]}
        wrong |= not self.are_ticks(ticks)
        may = bool(self.composing()) and self.may_compose(table(SAILTHRU).ticked(ticks) - ANYBODYS)
        tenant.roles[name] = ticks
        return may, wrong

    def are_ticks(self, ticks: frozenset[str]) -> bool:
        """Say whether a role may be made of these: each with the menu it lies under, and none
        that everybody has anyway."""
        truth = table(SAILTHRU)
        known = truth.ticks - ANYBODYS
        return ticks <= known and all(truth.needs.get(p, p) in ticks for p in ticks)

    def edit_role(self, role: str, ticks: frozenset[str]) -> Verdict:
        tenant, truth = self.accounts[self.account], table(SAILTHRU)
        if role not in tenant.roles:
            return False, True
        old, places = tenant.roles[role], self.counts_at(role)
        added = truth.ticked(ticks) - truth.ticked(old)
        may = bool(self.composing()) and places - {TOP} <= self.composing()
        may &= self.may_compose(added) and self.may_touch(role)
        may &= self.may_spread(role, added)
        tenant.roles[role] = ticks
        return may, ticks == old or not self.are_ticks(ticks)

    def may_touch(self, role: str) -> bool:
        """Say whether the actor is above everybody who has the role, and none of them."""
        have, offered = self.having(role)
        if self.actor in {post.person for post in (*have, *offered)}:
            return False
        return all(self.above(post, "", self.spread(post)) for post in have)

    def may_spread(self, role: str, added: set[str]) -> bool:
        """Say whether the actor could give ``added`` wherever a role counts; nor may it come to
        count on something that teams show one of its holders and hide from the actor."""
        of_account, places = table(SAILTHRU).of_account, self.counts_at(role)
        fitting = {(p, at) for p in added for at in places if (p in of_account) == (at == TOP)}
        if not all(self.may(p, at) for p, at in fitting):
            return False
        have, _ = self.having(role)
        people = {post.person for post in have}
        touched = {at for _, at in fitting}
        limited = LIMITED[self.accounts[self.account].teams]
        for key, thing in self.things.items():
            free = thing.kind not in limited or self.may("assign_team_resources", thing.place)
            if thing.place not in touched or free:
                continue
            teams = {team for who, team in self.in_team if who in people}
            theirs = thing.creator in people or any((team, key) in self.shares for team in teams)
            if theirs and not self.sees(self.actor, key, free=False):
                return False
        return True

    def delete_role(self, role: str, to: str | None) -> Verdict:
        tenant = self.accounts[self.account]
        if role not in tenant.roles:
            return False, True
        have, offered = self.having(role)
        may = bool(self.composing()) and self.counts_at(role) - {TOP} <= self.composing()
        wrong = to == role
        if have or offered:
            if to is None or to not in {*tenant.roles, *ROLES[SAILTHRU]}:
                return may, True
            wrong |= to == "marketer_limited" and tenant.teams == "off"
            may &= all(self.may("manage_members", at) for at in self.counts_at(role) - {TOP})
            ticks = tenant.roles.get(to)
            truth = table(SAILTHRU)
            gives = truth.ticked(ticks) if ticks is not None else truth.held(to)
            may &= self.may_touch(role) and self.may_spread(role, gives)
            wrong |= self.reassign(role, to)
        del tenant.roles[role]
        return may, wrong

    def reassign(self, role: str, to: str) -> bool:
        """Give everybody another role instead; say whether two of theirs could not be one."""
        wrong = False
        for key, post in list(self.posts.items()):
            if (post.account, post.role) != (self.account, role):
                continue
            other = [
                p for p in self.posts.values() if replace(p, role=role) == post and p.role == to
            ]
            clash = [
                p
                for p in self.posts.values()
                if (p.person, p.account, p.place, p.role)
                == (post.person, post.account, post.place, to)
            ]
            if other:
                del self.posts[key]
            else:
                wrong |= bool(clash)
                self.posts[key] = replace(post, role=to)
        for key, invite in self.invites.items():
            post = invite.post
            if (post.account, post.role, invite.state) != (self.account, role, "pending"):
                continue
            new = replace(post, role=to, toggles=frozenset())
            taken = any(
                (i.post.person, i.post.place, i.post.role) == (post.person, post.place, to)
                for i in self.pending(self.account)
            )
            self.invites[key] = (
                replace(invite, state="withdrawn") if taken else replace(invite, post=new)
            )
        return wrong

    # teams as a whole

    def set_team_mode(self, mode: str) -> Verdict:
        tenant = self.accounts[self.account]
        everywhere = self.inside(self.account) | {LATER}
        may = self.may("manage_account_settings", TOP) and all(
            self.may(p, at) for p in ("manage_teams", "assign_team_resources") for at in everywhere
        )
        needing = {
            p.role for some in map(self.having, ["marketer_limited"]) for x in some for p in x
        }
        wrong = tenant.edition != SAILTHRU or (mode == "off" and bool(needing))
        tenant.teams = mode
        return may, wrong

    def archive_team(self, team: str, to: str | None) -> Verdict:
        if to is not None and self.teams[to][0] != self.account:
            return False, True
        wrong = self.accounts[self.account].teams == "off" or to == team
        may = any(p == "manage_teams" for p, _, _ in self.atoms(self.actor, self.account))
        people = {person for person, where in self.in_team if where == team}
        for person in people - {self.accounts[self.account].owner}:
            works = {at for _, _, at in self.atoms(person, self.account, ANY)} - {TOP}
            shared = {at for at in works if self.may("manage_teams", at)}
            may &= bool(shared) and self.above(Post(person, self.account, ""), "", shared)
        for thing in {thing for where, thing in self.shares if where == team}:
            at, view = self.things[thing].place, VIEW[self.things[thing].kind]
            may &= self.may("assign_team_resources", at) and self.may(view, at)
        self.in_team = {
            (person, to if where == team else where)
            for person, where in self.in_team
            if to is not None or where != team
        }
        self.shares = {
            (to if where == team else where, thing)
            for where, thing in self.shares
            if to is not None or where != team
        }
        for key, invite in self.invites.items():
            if team in invite.teams and invite.state == "pending":
                rest = invite.teams - {team} | ({to} if to else set())
                self.invites[key] = replace(invite, teams=frozenset(rest))
        del self.teams[team]
        return may, wrong

    # who owns the account

    def offer_account(self, key: str, heir: str, leaves: bool) -> Verdict:
        owner = self.accounts[self.account].owner
        waiting = [
            k for k, o in self.offers.items() if o.account == self.account and o.state == "pending"
        ]
        wrong = heir == owner or not self.standing(heir, self.account)
        for other in waiting:
            known = self.offers[other]
            wrong |= known.owner == owner and known.expires > self.hour
            self.offers[other] = replace(known, state="withdrawn")
        expires = self.hour + OFFER_VALID
        self.offers[key] = Offer(self.account, owner, heir, leaves, expires)
        return self.actor == owner, wrong

    def settle_offer(self, offer: str, state: str) -> Verdict:
        known, owner = self.offers[offer], self.accounts[self.account].owner
        wrong = known.state != "pending" or known.expires <= self.hour
        self.offers[offer] = replace(known, state=state)
        if state == "declined":  # an offer to somebody else looks like none
            return True, wrong or known.heir != self.actor
        return self.actor == owner, wrong

    def take_over(self, offer: str, person: str, new: str) -> tuple[set, Model]:
        """Return why ``person`` does not become the owner by an offer, and what is so then."""
        known = self.offers[offer]
        after = copy.deepcopy(self)
        tenant = after.accounts[known.account]
        open_still = known.state == "pending" and known.expires > self.hour
        works = [p for p in self.standing(person, known.account) if p.role != OWNER]
        if known.heir != person or not open_still or tenant.owner != known.owner or not works:
            return {INVALID}, self
        after.actor, after.account = person, known.account
        for key, post in list(after.posts.items()):
            if (post.person, post.account) == (person, known.account):
                del after.posts[key]
        inside = after.inside(known.account)
        inside |= {key for key, thing in after.things.items() if thing.place in inside}
        after.guests = {g for g in after.guests if g[0] != person or g[1] not in inside}
        teams = {team for team, (account, _) in after.teams.items() if account == known.account}
        after.in_team -= {(person, team) for team in teams}
        tenant.owner = person
        after.refuse_entry(person)
        after.offers[offer] = replace(known, state="accepted")
        if known.leaves:
            after.in_team -= {(known.owner, team) for team in teams}
            for key, invite in after.invites.items():
                if invite.inviter == known.owner and invite in after.pending(known.account):
                    after.invites[key] = replace(invite, state="withdrawn")
            after.close_the_door(known.owner)
        else:
            role = FORMER[tenant.edition]
            after.posts[new] = Post(known.owner, known.account, role, None, None)
        return set(), after
