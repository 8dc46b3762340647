"""Random histories of two accounts, the engine and the reference model side by side.

After every step the engine must answer like the model, for everybody, everywhere; and whatever the
model says, nobody may have come by something that the person acting did not hold.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache
from typing import Any, ClassVar

import hypothesis
import pytest
from django.db import connection, models, transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from permissions import access, audit, resources
from permissions.errors import Invalid, Refused
from permissions.models import AuditEvent
from permissions.policy import TOP
from teams import models as tables
from teams import replay, services
from teams.services.invitation_mail import token_of
from tests.reference import replayed
from tests.reference.terms import (
    GUESTS,
    INVALID,
    LIMITED,
    REFUSED,
    ROLES,
    SAILTHRU,
    VIEW,
    VOID,
    Post,
    table,
)
from tests.reference.world import EVERYWHERE, MODELS, PEOPLE, SPARE, SPARES, World, build

#: every table a service writes, with the way from a row to its account
TENANT_TABLES = {
    tables.Account: "pk",
    tables.Subaccount: "account",
    tables.Role: "account",
    tables.Membership: "account",
    tables.ManagedSubaccount: "account",
    tables.AccountUserGrant: "content_object",
    tables.SubaccountUserGrant: "content_object__account",
    tables.MailingListUserGrant: "content_object__account",
    tables.MessageTemplateUserGrant: "content_object__account",
    tables.CampaignUserGrant: "content_object__account",
    tables.MailingListGroupGrant: "content_object__account",
    tables.MessageTemplateGroupGrant: "content_object__account",
    tables.Invitation: "account",
    tables.InvitedSubaccount: "account",
    tables.InvitedTeam: "account",
    tables.SubaccountGroup: "account",
    tables.GroupedSubaccount: "account",
    tables.ManagedGroup: "account",
    tables.OwnershipTransfer: "account",
    tables.Team: "account",
    tables.TeamMembership: "team__account",
    tables.MailingList: "account",
    tables.MessageTemplate: "account",
    tables.Campaign: "account",
}
OWNERS = ("owner", "rival")
GUEST_TABLES = {
    tables.Subaccount: tables.SubaccountUserGrant,
    tables.MailingList: tables.MailingListUserGrant,
    tables.MessageTemplate: tables.MessageTemplateUserGrant,
    tables.Campaign: tables.CampaignUserGrant,
}
#: what teams show and hide
SHARED = ("lists", "templates")
#: every time these are tried, their preview is too
NEW = (
    services.accept_ownership,
    services.archive_team,
    services.delete_role,
    services.edit_role,
    services.set_subaccount_group,
    services.set_team_mode,
)
Held = dict[str, set[tuple[str, str]]]  # by person: permission and account, place or thing

#: those that the rules about changing rights look at
RULED_BY = {
    "manage_members",
    "manage_managers",
    "manage_administrators",
    "manage_roles",
    "manage_teams",
    "assign_team_resources",
    "create_subaccounts",
    "archive_subaccounts",
    "manage_subaccount_settings",
}
ON_THINGS = GUESTS["place"] | {"assign_team_resources", "rename_lists", "send_campaigns"}

#: what restoring, archiving and creating change for people is not a grant
NOT_GRANTS = {"set_archived", "create_subaccount"}
#: taking a thing from a team, or its creator, may show it to the creator: what no team has is
#: theirs, and somebody without any team sees what they made
SHOWS_CREATORS = {"set_in_team", "set_shared", "archive_team"}


@cache
def statements(account: int) -> dict[str, tuple[str, tuple[Any, ...]]]:
    """Return the statements that read all that is stored of an account; composed once."""
    found = {
        model._meta.label: model._default_manager.filter(**{path: account}).order_by("pk")
        for model, path in TENANT_TABLES.items()
    }
    root = f"{tables.Account._meta.label_lower}:{account}"
    found["audit"] = AuditEvent.objects.filter(root=root).order_by("sequence").only("digest")
    return {label: rows.query.sql_with_params() for label, rows in found.items()}


def rows_of(account: tables.Account) -> dict[str, list[Any]]:
    """Return all that is stored of an account."""
    stored = {}
    with connection.cursor() as cursor:
        for label, (sql, params) in statements(account.pk).items():
            cursor.execute(sql, params)
            stored[label] = cursor.fetchall()
    return stored


def kinds_of_permission(edition: str) -> list[list[str]]:
    """Return the permissions of an edition, those with equal cells in all columns together."""
    truth, kinds = table(edition), {}
    for permission, toggle in truth.toggle.items():
        cells = tuple(column.get(permission) for column in truth.cells.values())
        follows = truth.follows.get(permission) if edition == SAILTHRU else ""
        alike = (permission in truth.of_account, toggle, cells, follows, permission in truth.ticks)
        kinds.setdefault(alike if edition == SAILTHRU else alike[:3], []).append(permission)
    return list(kinds.values())


class Tenants(RuleBasedStateMachine):
    """What people do to each other in two accounts."""

    world: ClassVar[World]
    steps: ClassVar[list[str]]
    counted: ClassVar[list[int]]
    replayed: ClassVar[list[int]]

    def __init__(self) -> None:
        super().__init__()
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        self.world = copy.copy(self.world)
        self.world.roles = dict(self.world.roles)
        self.model = self.world.model
        self.rows = dict(self.world.rows)
        self.count = 0
        self.kinds = kinds_of_permission(self.world.edition)
        self.began, self.real_now = timezone.now(), timezone.now
        self.links: dict[str, list[str]] = {}
        self.stored = {key: rows_of(self.rows[key]) for key in self.model.accounts}
        self.states = {key: replay.state_now(self.rows[key]) for key in self.model.accounts}
        self.remembered: list[tuple[Any, replayed.Plain]] = []
        try:
            self.set_clock(0)
            self.held = self.compare()
        except BaseException:
            self.roll_back()
            raise

    def teardown(self) -> None:
        """Check what is only true of a whole history."""
        try:
            connection.check_constraints()
            assert list(audit.verify()) == []
            self.check_remembered()
        finally:
            self.roll_back()

    def roll_back(self) -> None:
        """Leave nothing behind."""
        timezone.now = self.real_now
        transaction.set_rollback(True)
        self.transaction.__exit__(None, None, None)

    # the clock

    def set_clock(self, hour: int) -> None:
        """Let it be ``hour`` hours after the beginning, for the engine and for the model."""
        now = self.time_of(hour)
        timezone.now = lambda: now
        self.model = copy.copy(self.model)
        self.model.hour = hour

    def time_of(self, hour: int | None) -> Any:
        return None if hour is None else self.began + timedelta(hours=hour)

    def let_pass(self, hours: int) -> None:
        """Let time pass, which ends what ends by itself and gives nobody anything."""
        before, over = self.held, self.model.is_over
        ended = [post for post in self.model.posts.values() if over(post)]
        self.set_clock(self.model.hour + hours)
        if ended != [post for post in self.model.posts.values() if self.model.is_over(post)]:
            self.held = self.compare(f"{hours} hours later")
            for person in PEOPLE:
                assert self.held[person] <= before[person], f"time gave {person} something"

    # one step

    def step(
        self,
        data: st.DataObject,
        verb: str,
        account: str,
        call: Callable[..., Any],
        subjects: dict[str, Any],
        **about: Any,
    ) -> None:
        """Let somebody do something, in the engine and in the model, an hour after the last."""
        self.let_pass(1)
        actor = self.choose_actor(data, verb, account, about)
        problems, after = self.model.attempt(verb, actor, account, **about)
        story = f"{actor}: {call.__name__} in {account} {about}"
        told = self.preview(call, {"actor": self.rows[actor], **subjects}, account)
        result, outcome = None, set()
        try:
            result = call(actor=self.rows[actor], **subjects)
        except Refused as refusal:
            outcome, story = {REFUSED}, f"{story}: {refusal.code} {refusal}"
        except Invalid as refusal:
            outcome, story = {INVALID}, f"{story}: {refusal.code} {refusal}"
        hypothesis.note(story)
        assert bool(outcome) == bool(problems), (
            f"{story}; the model expects {problems or 'success'}"
        )
        assert outcome <= problems, f"{story}; the model expects {problems}"
        self.steps.append(verb if not outcome else f"{verb} {min(outcome)}")
        self.count += 1
        if outcome:
            after = self.model
        elif "key" in about and result is not None:
            self.rows[about["key"]] = result
        before, self.model = self.model, after
        self.check_stored(account, bool(outcome), story)
        # after a refusal what is stored is as it was, and few questions will do
        held, self.held = self.held, self.compare(story, few=bool(outcome))
        if told is not None:
            assert bool(outcome) is isinstance(told, str), f"{story}: a preview says {told}"
        if not outcome:
            self.check_told(told, verb, account, held, story)
            self.check_recorded(story)
            self.check_gains(verb, about, actor, held, story)
            for key in set(before.posts) - set(after.posts):
                del self.rows[key]

    # what a preview says

    def preview(self, call: Callable[..., Any], named: dict[str, Any], account: str) -> Any:
        """Return what a call would do to everybody, or its refusal; None where none is asked."""
        if self.count % 2 and call not in NEW:
            return None
        try:
            return services.preview(call, **named)
        except (Refused, Invalid) as refusal:
            return refusal.code

    def check_told(self, told: Any, verb: str, account: str, held: Held, story: str) -> None:
        """What a preview announced is what happened, for everybody, everywhere."""
        if told is None or verb == "create_subaccount":  # of a place that was not there yet
            return
        self.counted.append(len(told.differences))
        people = {self.rows[person].pk: person for person in PEOPLE}
        places = {
            self.rows[key].pk: key for key, p in self.model.places.items() if p.account == account
        }
        places[TOP] = account
        things = {
            (resources.registry.of(self.rows[key]).label, str(self.rows[key].pk)): key
            for key, thing in self.model.things.items()
            if thing.kind in SHARED
        }
        for which, on, was, becomes in (
            ("gained", "gained_on", held, self.held),
            ("lost", "lost_on", self.held, held),
        ):
            said: Held = {person: set() for person in PEOPLE}
            seen: Held = {person: set() for person in PEOPLE}
            for pk, one in told.differences.items():
                said[people[pk]] = {
                    (permission, key)
                    for permission, scope in getattr(one.at, which).items()
                    for place, key in places.items()
                    if place in scope
                }
                seen[people[pk]] = {
                    (permission, things[key])
                    for permission, key in getattr(one, on)
                    if key in things and permission == VIEW[self.model.things[things[key]].kind]
                }
            for person in PEOPLE:
                moved = becomes[person] - was[person]
                at_places = {(p, key) for p, key in moved if key not in self.model.things}
                assert said[person] == at_places, f"{story}: {which} by {person}"
                follows = {
                    (p, key)
                    for p, key in moved
                    if key in self.model.things
                    and self.model.things[key].kind in SHARED
                    and p == VIEW[self.model.things[key].kind]
                    and (p, self.model.things[key].place) not in at_places
                }
                assert seen[person] == follows, f"{story}: {which} to see by {person}"

    def choose_actor(self, data: st.DataObject, verb: str, account: str, about: Any) -> str:
        """Draw somebody who may, if there is anybody, or who nearly may, or anybody at all."""
        how = data.draw(st.sampled_from(["may", "may", "nearly may", "anybody"]), label="by")
        reasons = {p: self.model.attempt(verb, p, account, **about)[0] for p in PEOPLE}
        # the owner may nearly everything, which says little
        able = [p for p, problems in reasons.items() if not problems and p not in OWNERS]
        if how == "may":
            people = able or [p for p in OWNERS if not reasons[p]]
        elif how == "nearly may":
            # the narrow refusals: of somebody who looks after people there, but not so far
            powers = {"manage_members", "manage_managers", "manage_teams"}
            refused = [p for p, problems in reasons.items() if problems == {REFUSED}]
            inside = self.model.inside(account) | {account}
            people = [
                p for p in refused if any(h[0] in powers and h[1] in inside for h in self.held[p])
            ]
        else:
            people = list(PEOPLE)
        return data.draw(st.sampled_from(people or list(PEOPLE)), label="actor")

    # what must hold after each

    def check_stored(self, account: str, refused: bool, story: str) -> None:
        """A refused act changes nothing, any other leaves a trace; neither touches the rival."""
        before, self.stored = self.stored, {k: rows_of(self.rows[k]) for k in self.model.accounts}
        for key, now in self.stored.items():
            if refused or key != account:
                assert now == before[key], f"{story}: wrote to {key}"
            else:
                assert len(now["audit"]) > len(before[key]["audit"]), f"{story}: left no trace"
            owner = self.rows[self.model.accounts[key].owner]
            assert tables.Account.objects.get(pk=self.rows[key].pk).owner == owner, story
            assert not tables.Membership.objects.filter(account=self.rows[key], user=owner), story

    def check_replayed(self, story: str) -> None:
        """What the record comes to is what is stored: the same facts about everybody."""
        states = self.states.values()
        new = sum(replayed.catch_up(state, self.rows[key]) for key, state in self.states.items())
        self.replayed.append(new)
        people, now = [self.rows[person].pk for person in PEOPLE], timezone.now()
        found = replayed.live(people, now)
        assert replayed.said(states, people, now) == found, f"{story}: replayed"
        if self.count % REMEMBER == 0:
            self.remembered.append((now, found))
            for key, state in self.states.items():
                unlike = list(state.unlike(replay.stored(self.rows[key])))
                assert unlike == [], f"{story}: {key} replayed"
                assert replay.State.from_json(state.as_json()) == state, story
            asleep = replayed.live(people, now, recorded=True)
            assert replayed.said(states, people, now, recorded=True) == asleep, story
            by_record, by_rows = replayed.shown(states, people, now)
            assert by_record == by_rows, f"{story}: what teams show, replayed"

    def check_remembered(self) -> None:
        """The record still says of earlier moments what was stored then."""
        people = [self.rows[person].pk for person in PEOPLE]
        for moment, found in self.remembered:
            states = [replay.state_at(self.rows[key], moment) for key in self.states]
            assert replayed.said(states, people, moment) == found, f"as of {moment}"

    def check_recorded(self, story: str) -> None:
        """What sleeps now, and shows in nobody's rights, is recorded like the model has it."""
        self.check_replayed(story)
        people = {self.rows[person].pk: person for person in PEOPLE}
        objects = {(type(self.rows[key]), self.rows[key].pk): key for _, key in self.objects()}
        guests = {
            (people[user], objects[model, key], permission)
            for model, grants in GUEST_TABLES.items()
            for user, key, permission in grants.objects.filter(
                **({"membership": None} if model is tables.Subaccount else {})
            ).values_list("user", "content_object", "permission__codename")
        }
        assert guests == self.model.guests, f"{story}: guest access"
        teams = {self.rows[key].pk: key for key in self.model.teams}
        in_team = tables.TeamMembership.objects.values_list("user", "team")
        recorded = {(people[user], teams[team]) for user, team in in_team}
        assert recorded == self.model.in_team, f"{story}: teams"
        self.check_invited(people, story)
        kept = {
            (self.rows[account].pk, name): sorted(ticks)
            for account, tenant in self.model.accounts.items()
            for name, ticks in tenant.roles.items()
        }
        roles = tables.Role.objects.values_list("account", "name", "permissions")
        assert {(a, name): sorted(ticks) for a, name, ticks in roles} == kept, f"{story}: roles"
        offers = tables.OwnershipTransfer.objects.values_list("pk", "status")
        known = {self.rows[key].pk: offer.state for key, offer in self.model.offers.items()}
        assert dict(offers) == known, f"{story}: offers of an account"
        modes = dict(tables.Account.objects.values_list("pk", "team_mode"))
        assert modes == {self.rows[k].pk: a.teams for k, a in self.model.accounts.items()}, story

    def check_invited(self, people: dict[Any, str], story: str) -> None:
        """What is offered, by whom and until when, is what the model has: as would be held."""
        names = {self.rows[key].pk: key for key in self.model.invites}
        found = {}
        for row in tables.Invitation.objects.select_related("custom_role"):
            role = row.custom_role.name if row.custom_role else row.role
            found[names[row.pk]] = (row.status, role, row.address, row.toggles)
            assert (row.accepted_by_id is not None) == (row.status == "accepted"), story
            known = self.model.invites[names[row.pk]]
            if row.status == "pending":
                assert people[row.invited_by_id] == known.inviter, f"{story}: who invites"
                assert row.expires_at == self.time_of(known.expires), f"{story}: until when"
        assert found == {
            key: (i.state, i.post.role, self.address(i.post.person), sorted(i.post.toggles))
            for key, i in self.model.invites.items()
        }, f"{story}: invitations"

    def address(self, person: str) -> str:
        return str(self.rows[person].email).lower()

    def check_gains(self, verb: str, about: Any, actor: str, held: Held, story: str) -> None:
        """Nobody gains what the actor did not hold, and the actor gains nothing."""
        if verb in NOT_GRANTS or (verb in SHOWS_CREATORS and not about.get("on")):
            return
        for person in PEOPLE:
            gained = self.held[person] - held[person]
            if verb == "set_team_mode":  # what teams are assigned with is a ceiling, lifted
                gained = {(p, key) for p, key in gained if p != "assign_team_resources"}
            assert gained <= held[actor], f"{story}: gave {person} {gained - held[actor]}"
            assert person != actor or not gained, f"{story}: raised themselves by {gained}"

    def compare(self, story: str = "at the beginning", *, few: bool = False) -> Held:
        """Ask the engine what the model knows; return what people hold."""
        questions = list(self.questions(few=few))
        asked = {(permission, key) for permission, key, _ in questions}
        held = self.held if few else {person: self.model.held(person) for person in PEOPLE}
        with access.unit_of_work():
            for person in PEOPLE:
                user, known = self.rows[person], held[person] & asked
                actual = {(p, key) for p, key, row in questions if access.can(user, p, row)}
                assert actual == known, (
                    f"{story}: of {person} the engine says {sorted(actual - known)}, "
                    f"the model {sorted(known - actual)}"
                )
                if not few:
                    self.check_visible(person, held[person], story)
        return held

    def questions(self, *, few: bool) -> Iterator[tuple[str, str, models.Model]]:
        """Yield (permission, name, row) of what is asked of everybody after this step.

        Of permissions that are alike in all columns another one each time; of places that are
        alike one; and one permission that makes no sense there.
        """
        of_account = table(self.world.edition).of_account
        turn = {kind[self.count % len(kind)] for kind in self.kinds} | RULED_BY
        other = sorted(turn)[self.count % len(turn)]
        on_things = sorted(ON_THINGS)[self.count % 2 :: 2]
        for kind, key in self.objects():
            if SPARE in key and not key.endswith(str(self.count % SPARES)):
                continue
            if few:
                yield other, key, self.rows[key]
                continue
            asked = {"account": turn & of_account, "place": turn - of_account}.get(kind, on_things)
            for permission in {*asked, other}:
                yield permission, key, self.rows[key]

    def objects(self) -> Iterator[tuple[str, str]]:
        """Yield (kind, name) of everything that permissions are asked on."""
        for key in self.model.accounts:
            yield "account", key
        for key in self.model.places:
            yield "place", key
        for key, thing in self.model.things.items():
            yield thing.kind, key

    def check_visible(self, person: str, expected: set[tuple[str, str]], story: str) -> None:
        """``visible`` lists what ``can`` allows: two kinds of object in turn, by one permission."""
        for turn in (self.count, self.count + 1):
            kind = list(MODELS)[turn % len(MODELS)]
            asked = sorted(ON_THINGS if kind in VIEW else RULED_BY)
            permission = asked[(turn // len(MODELS)) % len(asked)]
            names = {self.rows[key].pk: key for k, key in self.objects() if k == kind}
            rows = access.visible(
                MODELS[kind]._default_manager.all(), self.rows[person], permission
            )
            listed = {names.get(pk, pk) for pk in rows.values_list("pk", flat=True)}
            wanted = {key for p, key in expected if p == permission and key in names.values()}
            assert listed == wanted, f"{story}: {person} lists {kind} by {permission}"

    # what to draw from

    def post(self, data: st.DataObject, *places: str) -> str:
        """Draw a membership, of one of ``places`` if any are given."""
        posts = self.model.posts
        known = [k for k, p in posts.items() if not places or p.place in places]
        return data.draw(st.sampled_from(sorted(known)), label="membership")

    def place(self, data: st.DataObject, account: str = "") -> str:
        keys = [k for k, p in self.model.places.items() if account in ("", p.account)]
        return data.draw(st.sampled_from(keys), label="place")

    def role(self, data: st.DataObject) -> str:
        known = [*ROLES[self.world.edition], *self.world.roles]
        return data.draw(st.sampled_from(known), label="role")

    def reaches(self, account: str) -> list[Any]:
        inside = sorted(self.model.inside(account) - {"A/west"})
        found = [EVERYWHERE, frozenset(inside[:1]), frozenset(inside[:2]), frozenset(inside[-1:])]
        return [*found, frozenset({"A/partner"} & set(inside)), frozenset({"B/north"})]

    def subjects(
        self, data: st.DataObject, verb: str, account: str, possible: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """Draw what is done: mostly something that makes sense, which the owner could do."""
        owner, sensible = self.model.accounts[account].owner, []
        if data.draw(st.integers(0, 5), label="sensibly"):
            sensible = [
                about
                for about in possible
                if INVALID not in self.model.attempt(verb, owner, account, **about)[0]
            ]
        return data.draw(st.sampled_from(sensible or possible), label="what")

    def new_key(self, what: str) -> str:
        return f"{what} {self.count}"

    # what people do

    @rule(data=st.data())
    def add_member(self, data: st.DataObject) -> None:
        account = data.draw(st.sampled_from(["A", "A", "A", "B"]), label="account")
        role, key = self.role(data), self.new_key("post")
        people = data.draw(st.permutations(PEOPLE), label="people")[:3]
        where = [(None, reach) for reach in self.reaches(account)]
        where += [(place, frozenset()) for place in self.model.places]
        possible = [
            {"key": key, "new": Post(person, account, role, place, reach)}
            for place, reach in where
            for person in people
        ]
        post = self.subjects(data, "add_member", account, possible)["new"]
        consented = data.draw(st.integers(0, 4), label="consented") > 0
        subjects = {
            "consented": consented,
            "account": self.rows[account],
            "user": self.rows[post.person],
            "role": self.world.role(role),
            "subaccount": self.rows[post.place] if post.place else None,
            "managed": [self.rows[p] for p in sorted(post.reach or ())],
            "all_subaccounts": post.reach is EVERYWHERE,
        }
        about = {"key": key, "new": post, "consented": consented}
        self.step(data, "add_member", account, services.add_member, subjects, **about)

    def on_post(
        self, data: st.DataObject, verb: str, call: Callable[..., Any], post: str, **extra: Any
    ) -> None:
        """Let somebody act on a membership; ``extra`` are (engine's, model's) values by name."""
        subjects = {name: pair[0] for name, pair in extra.items() if pair[0] is not None}
        about = {name: pair[1] for name, pair in extra.items() if pair[1] is not None}
        subjects["membership"] = self.rows[post]
        self.step(data, verb, self.model.posts[post].account, call, subjects, post=post, **about)

    # who comes, who goes, and when

    @rule(hours=st.sampled_from([2, 30, 200, 400]))
    def pass_time(self, hours: int) -> None:
        self.let_pass(hours)
        self.steps.append("pass_time")

    def ends(self, data: st.DataObject) -> int | None:
        later = st.sampled_from([None, None, 20, 100, 500])
        hours = data.draw(later, label="ends in hours")
        # the step itself takes an hour
        return None if hours is None else self.model.hour + 1 + hours

    @rule(data=st.data())
    def invite(self, data: st.DataObject) -> None:
        account = data.draw(st.sampled_from(["A", "A", "A", "B"]), label="account")
        role, key, ends = self.role(data), self.new_key("invite"), self.ends(data)
        admitted = sorted(table(self.world.edition).admitted(role))
        few = st.sets(st.sampled_from(admitted), max_size=2) if admitted else st.just(set())
        toggles = frozenset(data.draw(few, label="toggles"))
        known = sorted(self.model.teams) if self.world.edition == SAILTHRU and ends is None else []
        some = st.sets(st.sampled_from(known), max_size=1) if known else st.just(set())
        teams = frozenset(data.draw(some, label="teams"))
        people = data.draw(st.permutations(PEOPLE), label="people")[:3]
        where = [(None, reach) for reach in self.reaches(account)]
        where += [(place, frozenset()) for place in self.model.places]
        possible = [
            {"key": key, "new": Post(person, account, role, at, reach, toggles, ends=ends)}
            | {"teams": teams}
            for at, reach in where
            for person in people
        ]
        post = self.subjects(data, "invite", account, possible)["new"]
        subjects = {
            "account": self.rows[account],
            "address": self.address(post.person),
            "role": self.world.role(role),
            "subaccount": self.rows[post.place] if post.place else None,
            "managed": [self.rows[p] for p in sorted(post.reach or ())],
            "all_subaccounts": post.reach is EVERYWHERE,
            "toggles": sorted(toggles),
            "teams": [self.rows[team] for team in sorted(teams)],
            "ends_at": self.time_of(ends),
        }
        about = {"key": key, "new": post, "teams": teams}
        self.step(data, "invite", account, services.invite_member, subjects, **about)
        if key in self.model.invites:
            self.keep_link(key)

    @rule(data=st.data())
    def invite_and_accept(self, data: st.DataObject) -> None:
        """The way it mostly goes, which chance alone would seldom find."""
        self.invite(data)
        if any(invite.state == "pending" for invite in self.model.invites.values()):
            self.accept(data, right=1, stale=1)

    def keep_link(self, key: str) -> None:
        row = tables.Invitation.objects.get(pk=self.rows[key].pk)
        self.links.setdefault(key, []).append(token_of(row, mailed=True))

    def invited(self, data: st.DataObject) -> str:
        """Draw an invitation, mostly one that waits."""
        waiting = [k for k, i in self.model.invites.items() if i.state == "pending"]
        mostly = waiting if data.draw(st.integers(0, 5)) else []
        return data.draw(st.sampled_from(mostly or sorted(self.model.invites)), label="invitation")

    @precondition(lambda self: self.model.invites)
    @rule(data=st.data(), again=st.booleans())
    def resend_or_withdraw(self, data: st.DataObject, again: bool) -> None:
        key = self.invited(data)
        account, nonce = self.model.invites[key].post.account, self.nonce(key)
        subjects = {"invitation": self.rows[key]}
        verb = "resend" if again else "withdraw"
        call = services.resend_invitation if again else services.withdraw_invitation
        self.step(data, verb, account, call, subjects, key=key)
        if again and nonce != self.nonce(key):
            self.keep_link(key)

    def nonce(self, key: str) -> str:
        return tables.Invitation.objects.get(pk=self.rows[key].pk).nonce

    @precondition(lambda self: self.model.invites)
    @rule(data=st.data(), right=st.integers(0, 4), stale=st.integers(0, 5))
    def accept(self, data: st.DataObject, right: int, stale: int) -> None:
        """Whoever was invited accepts, or somebody else who has the link, or with an old one."""
        self.let_pass(1)
        key, new = self.invited(data), self.new_key("post")
        known, links = self.model.invites[key], self.links[key]
        person = known.post.person if right else data.draw(st.sampled_from(PEOPLE), label="by")
        problems, after, void = self.model.accept(key, person, new)
        token = links[-1]
        if not stale and len(links) > 1:
            token, problems = links[0], {INVALID}
        story, outcome, made = f"{person}: accept {known}", set(), None
        try:
            made = services.accept_invitation(actor=self.rows[person], token=token)
        except Refused as refusal:
            outcome, story = {REFUSED}, f"{story}: {refusal.code} {refusal}"
        except Invalid as refusal:
            outcome = {VOID if refusal.code == "VOID" else INVALID}
            story = f"{story}: {refusal.code} {refusal}"
        hypothesis.note(story)
        assert bool(outcome) == bool(problems), f"{story}; the model expects {problems}"
        assert outcome <= problems, f"{story}; the model expects {problems}"
        self.steps.append("accept" if not outcome else f"accept {min(outcome)}")
        self.count += 1
        account = known.post.account
        if VOID in outcome:
            after = void
        elif outcome:
            after = self.model
        else:
            self.rows[new] = made
        self.model = after
        self.check_stored(account, bool(outcome - {VOID}), story)
        held, self.held = self.held, self.compare(story, few=bool(outcome - {VOID}))
        self.check_recorded(story)
        for someone in PEOPLE:
            gained = self.held[someone] - held[someone]
            assert not gained or (someone == person and not outcome), f"{story}: {someone}"
            assert gained <= held[known.inviter], f"{story}: gave {gained - held[known.inviter]}"
            assert not gained or someone != known.inviter, f"{story}: raised themselves"

    @precondition(lambda self: self.model.posts)
    @rule(data=st.data())
    def set_end(self, data: st.DataObject) -> None:
        ends = self.ends(data)
        extra = {"ends": ends}
        post = self.post(data)
        subjects = {"membership": self.rows[post], "ends_at": self.time_of(ends)}
        account = self.model.posts[post].account
        self.step(data, "set_end", account, services.set_end, subjects, post=post, **extra)

    @precondition(lambda self: self.model.posts)
    @rule(data=st.data(), wholly=st.booleans())
    def leave(self, data: st.DataObject, wholly: bool) -> None:
        post = self.post(data)
        account = self.model.posts[post].account
        if wholly:
            subjects = {"account": self.rows[account]}
            self.step(data, "leave_account", account, services.leave_account, subjects)
        else:
            self.on_post(data, "leave", services.leave, post)

    @precondition(lambda self: self.model.posts)
    @rule(data=st.data())
    def remove_member(self, data: st.DataObject) -> None:
        self.on_post(data, "remove_member", services.remove_member, self.post(data))

    @precondition(lambda self: self.model.posts)
    @rule(data=st.data(), on=st.booleans())
    def suspend_or_reactivate(self, data: st.DataObject, on: bool) -> None:
        posts = [k for k, p in self.model.posts.items() if p.active != on]
        post = data.draw(st.sampled_from(sorted(posts)), label="post") if posts else self.post(data)
        call = services.reactivate_member if on else services.suspend_member
        self.on_post(data, "set_active", call, post, on=(None, on))

    @precondition(lambda self: self.model.posts)
    @rule(data=st.data())
    def change_role(self, data: st.DataObject) -> None:
        post, known = self.post(data), [*ROLES[self.world.edition], *self.world.roles]
        account = self.model.posts[post].account
        possible = [{"post": post, "role": role} for role in known]
        role = self.subjects(data, "change_role", account, possible)["role"]
        given = (self.world.role(role), role)
        self.on_post(data, "change_role", services.change_role, post, role=given)

    @precondition(lambda self: any(p.place is None for p in self.model.posts.values()))
    @rule(data=st.data())
    def set_manager_reach(self, data: st.DataObject) -> None:
        post = self.post(data, *([None] if data.draw(st.integers(0, 7)) else []))
        account = self.model.posts[post].account
        possible = [{"post": post, "reach": reach} for reach in self.reaches(account)]
        reach = self.subjects(data, "set_manager_reach", account, possible)["reach"]
        subjects = {
            "membership": self.rows[post],
            "subaccounts": [self.rows[p] for p in sorted(reach or ())],
            "all_subaccounts": reach is EVERYWHERE,
        }
        self.step(
            data,
            "set_manager_reach",
            account,
            services.set_manager_reach,
            subjects,
            post=post,
            reach=reach,
        )

    @precondition(lambda self: self.model.posts and any(table(self.world.edition).toggle.values()))
    @rule(data=st.data(), on=st.sampled_from([True, True, False]))
    def toggle_permission(self, data: st.DataObject, on: bool) -> None:
        truth, post = table(self.world.edition), self.post(data)
        admitted = sorted(truth.admitted(self.model.posts[post].role))
        if not admitted or not data.draw(st.integers(0, 4)):
            admitted = sorted(set(truth.toggle.values()) - {""})
        toggle = data.draw(st.sampled_from(admitted), label="toggle")
        extra = {"toggle": (toggle, toggle), "on": (on, on)}
        self.on_post(data, "toggle_permission", services.toggle_permission, post, **extra)

    @precondition(lambda self: self.world.edition == "emma_enterprise" or self.count % 9 == 0)
    @precondition(lambda self: any(p.place == "A/north" for p in self.model.posts.values()))
    @rule(data=st.data(), nobody=st.integers(0, 5))
    def set_primary_contact(self, data: st.DataObject, nobody: int) -> None:
        place = data.draw(st.sampled_from(["A/north", "A/north", "A/south", "B/north"]))
        here = {p.place for p in self.model.posts.values()} & {place, "A/north"}
        post = self.post(data, *here) if nobody else None
        subjects = {
            "subaccount": self.rows[place],
            "membership": self.rows[post] if post else None,
        }
        account = self.model.places[place].account
        call = services.set_primary_contact
        self.step(data, "set_primary_contact", account, call, subjects, at=place, post=post)

    @rule(data=st.data())
    def create_subaccount(self, data: st.DataObject) -> None:
        account = data.draw(st.sampled_from(["A", "A", "B"]), label="account")
        name = data.draw(st.sampled_from([f"new {self.count}", "north"]), label="name")
        # short names stay when names change, so the model, which knows names only, needs new ones
        subjects = {"account": self.rows[account], "name": name, "slug": f"place-{self.count}"}
        key = self.new_key(f"{account}/place")
        call = services.create_subaccount
        self.step(data, "create_subaccount", account, call, subjects, key=key, name=name)

    @rule(data=st.data())
    def rename_subaccount(self, data: st.DataObject) -> None:
        place = self.place(data)
        name = data.draw(st.sampled_from([f"renamed {self.count}", "south"]), label="name")
        subjects = {"subaccount": self.rows[place], "name": name}
        account, call = self.model.places[place].account, services.rename_subaccount
        self.step(data, "rename_subaccount", account, call, subjects, at=place, name=name)

    @rule(data=st.data(), on=st.booleans())
    def archive_or_restore(self, data: st.DataObject, on: bool) -> None:
        place = self.place(data)
        call = services.archive_subaccount if on else services.restore_subaccount
        subjects = {"subaccount": self.rows[place]}
        account = self.model.places[place].account
        self.step(data, "set_archived", account, call, subjects, at=place, on=on)

    @rule(data=st.data(), on=st.sampled_from([True, True, False]))
    def guest_access(self, data: st.DataObject, on: bool) -> None:
        place = self.place(data)
        keys = [place, *(k for k, thing in self.model.things.items() if thing.place == place)]
        if not on and self.model.guests:
            keys = sorted({to for _, to, _ in self.model.guests})
        to = data.draw(st.sampled_from(keys), label="to")
        place = self.model.things[to].place if to in self.model.things else to
        kind = self.model.things[to].kind if to in self.model.things else "place"
        choice = st.sets(st.sampled_from(sorted(GUESTS[kind])), min_size=1)
        chosen = data.draw(choice, label="permissions")
        if not data.draw(st.integers(0, 9), label="with what no guest may have"):
            chosen = {*chosen, "send_campaigns"}
        account, about = self.model.places[place].account, {"permissions": chosen, "on": on}
        possible = [{"person": person, "to": to, **about} for person in PEOPLE]
        about = self.subjects(data, "set_guest", account, possible)
        subjects = {
            "user": self.rows[about["person"]],
            "obj": self.rows[to],
            "permissions": sorted(chosen),
        }
        call = services.give_guest_access if on else services.withdraw_guest_access
        self.step(data, "set_guest", account, call, subjects, **about)

    @precondition(lambda self: self.world.edition == SAILTHRU or self.count % 9 == 0)
    @rule(data=st.data())
    def create_team(self, data: st.DataObject) -> None:
        account = data.draw(st.sampled_from(["A", "B"]), label="account")
        name = data.draw(st.sampled_from([f"team {self.count}", "red"]), label="name")
        subjects, key = {"account": self.rows[account], "name": name}, self.new_key("team")
        self.step(data, "create_team", account, services.create_team, subjects, key=key, name=name)

    @precondition(lambda self: self.model.teams)
    @rule(data=st.data(), on=st.sampled_from([True, True, False]))
    def join_or_leave_team(self, data: st.DataObject, on: bool) -> None:
        team = data.draw(st.sampled_from(sorted(self.model.teams)), label="team")
        account = self.model.teams[team][0]
        possible = [{"team": team, "person": person, "on": on} for person in PEOPLE]
        about = self.subjects(data, "set_in_team", account, possible)
        subjects = {"team": self.rows[team], "user": self.rows[about["person"]]}
        call = services.add_to_team if on else services.remove_from_team
        self.step(data, "set_in_team", account, call, subjects, **about)

    @precondition(lambda self: self.model.teams)
    @rule(data=st.data(), on=st.sampled_from([True, True, False]))
    def share_or_unshare(self, data: st.DataObject, on: bool) -> None:
        team = data.draw(st.sampled_from(sorted(self.model.teams)), label="team")
        account = self.model.teams[team][0]
        possible = [{"team": team, "thing": thing, "on": on} for thing in self.model.things]
        about = self.subjects(data, "set_shared", account, possible)
        subjects = {"team": self.rows[team], "obj": self.rows[about["thing"]]}
        call = services.share_with_team if on else services.unshare_with_team
        self.step(data, "set_shared", account, call, subjects, **about)

    # groups, roles, teams as a whole, and who owns the account

    @precondition(lambda self: self.world.edition != SAILTHRU or self.count % 9 == 0)
    @rule(data=st.data(), new=st.booleans())
    def set_group(self, data: st.DataObject, new: bool) -> None:
        account = data.draw(st.sampled_from(["A", "A", "A", "B"]), label="account")
        mine = sorted(k for k, group in self.model.groups.items() if group[0] == account)
        inside = sorted(self.model.inside(account))
        names = [f"group {self.count}", "group 1"]
        places = [frozenset(inside[:n]) for n in range(4)] + [frozenset({"B/north"})]
        if new or not mine:
            key, call = self.new_key("group"), services.create_subaccount_group
            possible = [{"key": key, "name": n, "places": p} for n in names for p in places]
            about = self.subjects(data, "set_group", account, possible)
            subjects = {"account": self.rows[account], "name": about["name"]}
        else:
            key, call = (
                data.draw(st.sampled_from(mine), label="group"),
                services.set_subaccount_group,
            )
            possible = [{"key": key, "name": "", "places": p} for p in places]
            about = self.subjects(data, "set_group", account, possible)
            subjects = {"group": self.rows[key]}
        subjects["subaccounts"] = [self.rows[p] for p in sorted(about["places"])]
        self.step(data, "set_group", account, call, subjects, **about)

    @precondition(lambda self: self.model.groups)
    @rule(data=st.data())
    def delete_group(self, data: st.DataObject) -> None:
        group = data.draw(st.sampled_from(sorted(self.model.groups)), label="group")
        account, call = self.model.groups[group][0], services.delete_subaccount_group
        self.step(data, "delete_group", account, call, {"group": self.rows[group]}, group=group)

    @precondition(lambda self: self.model.groups)
    @precondition(lambda self: any(p.place is None for p in self.model.posts.values()))
    @rule(data=st.data())
    def manage_group(self, data: st.DataObject) -> None:
        post = self.post(data, None)
        account = self.model.posts[post].account
        some = st.sets(st.sampled_from(sorted(self.model.groups)), max_size=2)
        groups = frozenset(data.draw(some, label="groups"))
        possible = [
            {"post": post, "reach": reach, "groups": groups} for reach in self.reaches(account)
        ]
        about = self.subjects(data, "set_manager_reach", account, possible)
        subjects = {
            "membership": self.rows[post],
            "subaccounts": [self.rows[p] for p in sorted(about["reach"] or ())],
            "all_subaccounts": about["reach"] is EVERYWHERE,
            "groups": [self.rows[g] for g in sorted(groups)],
        }
        self.step(data, "set_manager_reach", account, services.set_manager_reach, subjects, **about)

    def ticks(self, data: st.DataObject, role: str = "") -> frozenset[str]:
        """Draw what a role may be made of, mostly with the menus it needs."""
        truth, old = table(SAILTHRU), self.model.accounts["A"].roles.get(role, frozenset())
        few = data.draw(st.sets(st.sampled_from(sorted(truth.ticks)), max_size=3), label="ticks")
        found = old ^ few
        if data.draw(st.integers(0, 5)):
            found |= {truth.needs[p] for p in found if p in truth.needs}
        return frozenset(found)

    @precondition(lambda self: self.world.edition == SAILTHRU or self.count % 9 == 0)
    @rule(data=st.data())
    def create_role(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from([f"role {self.count}", "Keeper"]), label="name")
        key, ticks = self.new_key("role"), self.ticks(data)
        subjects = {"account": self.rows["A"], "name": name, "permissions": sorted(ticks)}
        about = {"key": key, "name": name, "ticks": ticks}
        self.step(data, "create_role", "A", services.create_role, subjects, **about)
        if key in self.rows:
            self.world.roles[name] = self.rows[key]

    @precondition(lambda self: self.model.accounts["A"].roles)
    @rule(data=st.data())
    def edit_role(self, data: st.DataObject) -> None:
        roles = sorted(self.model.accounts["A"].roles)
        role = data.draw(st.sampled_from(roles), label="role")
        ticks = self.ticks(data, role)
        subjects = {"role": self.world.roles[role], "permissions": sorted(ticks)}
        about = {"role": role, "ticks": ticks}
        self.step(data, "edit_role", "A", services.edit_role, subjects, **about)

    @precondition(lambda self: self.model.accounts["A"].roles)
    @rule(data=st.data())
    def delete_role(self, data: st.DataObject) -> None:
        roles = sorted(self.model.accounts["A"].roles)
        role = data.draw(st.sampled_from(roles), label="role")
        possible = [{"role": role, "to": to} for to in (None, *ROLES[SAILTHRU], *roles)]
        about = self.subjects(data, "delete_role", "A", possible)
        to = self.world.role(about["to"]) if about["to"] else None
        subjects = {"role": self.world.roles[role], "replacement": to}
        self.step(data, "delete_role", "A", services.delete_role, subjects, **about)
        if role not in self.model.accounts["A"].roles:
            del self.world.roles[role]

    @precondition(lambda self: self.world.edition == SAILTHRU or self.count % 9 == 0)
    @rule(data=st.data())
    def set_team_mode(self, data: st.DataObject) -> None:
        others = sorted({*LIMITED} - {self.model.accounts["A"].teams})
        possible = [{"mode": mode} for mode in others]
        about = self.subjects(data, "set_team_mode", "A", possible)
        subjects = {"account": self.rows["A"], **about}
        self.step(data, "set_team_mode", "A", services.set_team_mode, subjects, **about)

    @precondition(lambda self: self.model.teams)
    @rule(data=st.data())
    def archive_team(self, data: st.DataObject) -> None:
        teams = sorted(self.model.teams)
        team = data.draw(st.sampled_from(teams), label="team")
        account = self.model.teams[team][0]
        possible = [{"team": team, "to": to} for to in (None, *teams)]
        about = self.subjects(data, "archive_team", account, possible)
        subjects = {"team": self.rows[team], "replacement": self.rows.get(about["to"])}
        self.step(data, "archive_team", account, services.archive_team, subjects, **about)

    @rule(data=st.data(), leaves=st.booleans())
    def offer_account(self, data: st.DataObject, leaves: bool) -> None:
        account = data.draw(st.sampled_from(["A", "A", "A", "B"]), label="account")
        key = self.new_key("offer")
        possible = [{"key": key, "heir": person, "leaves": leaves} for person in PEOPLE]
        about = self.subjects(data, "offer_account", account, possible)
        subjects = {
            "account": self.rows[account],
            "heir": self.rows[about["heir"]],
            "owner_leaves": leaves,
        }
        self.step(data, "offer_account", account, services.offer_ownership, subjects, **about)
        if key in self.model.offers and data.draw(st.integers(0, 2)):
            self.take_over(data, key)

    @precondition(lambda self: self.model.offers)
    @rule(data=st.data(), how=st.sampled_from(["accept", "accept", "withdrawn", "declined"]))
    def settle_offer(self, data: st.DataObject, how: str) -> None:
        waiting = [k for k, o in self.model.offers.items() if o.state == "pending"]
        mostly = waiting if data.draw(st.integers(0, 5)) else []
        key = data.draw(st.sampled_from(mostly or sorted(self.model.offers)), label="offer")
        if how == "accept":
            self.take_over(data, key)
            return
        account, subjects = self.model.offers[key].account, {"transfer": self.rows[key]}
        call = services.withdraw_transfer if how == "withdrawn" else services.decline_transfer
        self.step(data, "settle_offer", account, call, subjects, offer=key, state=how)

    def take_over(self, data: st.DataObject, key: str) -> None:
        """The heir accepts, or somebody else tries."""
        self.let_pass(1)
        known, new = self.model.offers[key], self.new_key("post")
        person = data.draw(st.sampled_from([known.heir, known.heir, *PEOPLE]), label="by")
        problems, after = self.model.take_over(key, person, new)
        named = {"actor": self.rows[person], "transfer": self.rows[key]}
        story = f"{person}: accept {known}"
        told = self.preview(services.accept_ownership, named, known.account)
        try:
            services.accept_ownership(**named)
        except (Refused, Invalid) as refusal:
            story = f"{story}: {refusal.code} {refusal}"
            assert problems, story
            assert isinstance(told, str), story
            self.steps.append("take_over invalid")
        else:
            assert not problems, f"{story}: the model expects {problems}"
            self.steps.append("take_over")
            if new in after.posts:
                self.rows[new] = tables.Membership.objects.get(
                    account=self.rows[known.account], user=self.rows[known.owner]
                )
        hypothesis.note(story)
        self.count += 1
        for gone in set(self.model.posts) - set(after.posts):
            del self.rows[gone]
        self.model = after
        self.check_stored(known.account, bool(problems), story)
        held, self.held = self.held, self.compare(story)
        if not problems:
            self.check_told(told, "take_over", known.account, held, story)
            self.check_recorded(story)
        for someone in PEOPLE:
            gained = self.held[someone] - held[someone]
            assert not gained or (someone == person and not problems), f"{story}: {someone}"
            assert gained <= held[known.owner], f"{story}: gained {gained - held[known.owner]}"


# PostgreSQL's server works on the same cores, which doubles the time of a step
EXAMPLES, STEPS = {"sqlite": 6}.get(connection.vendor, 3), 25
LONG_EXAMPLES, LONG_STEPS = 100, 40
#: after how many steps the whole state is compared, and kept in mind to be asked about at the end
REMEMBER = 6
WORLDS = {
    "constant_contact": {"edition": "constant_contact"},
    "emma_corporate": {"edition": "emma_corporate"},
    "emma_enterprise": {"edition": "emma_enterprise"},
    "emma_hq": {"edition": "emma_hq"},
    "sailthru": {"edition": SAILTHRU, "teams": "lists_and_templates"},
    "sailthru-lists": {"edition": SAILTHRU, "teams": "lists"},
    "sailthru-off": {"edition": SAILTHRU},
}
#: what the others add is decided in Python, over the same statements: ``make both`` tries
#: them on PostgreSQL too
ON_BOTH = ("emma_enterprise", "emma_hq", "sailthru")
TRIED = [pytest.param(name, marks=[] if name in ON_BOTH else [pytest.mark.once]) for name in WORLDS]


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize("name", TRIED)
def test_engine_agrees_with_reference_model_after_every_step(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    """Run random histories; ``HYPOTHESIS_PROFILE=long`` runs many more, and shortens a failing one.

    Shortening takes minutes, and the notes of a failure tell the story step by step anyway.
    """
    steps: list[str] = []
    told: list[int] = []
    events: list[int] = []
    about = {
        "world": build(**WORLDS[name]),
        "steps": steps,
        "counted": told,
        "replayed": events,
    }
    machine = type("Tenants", (Tenants,), about)
    is_long = settings.get_current_profile_name() == "long"
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=LONG_EXAMPLES if is_long else EXAMPLES,
            stateful_step_count=LONG_STEPS if is_long else STEPS,
            phases=settings.default.phases if is_long else [Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    record_property("previews held against what was done", len(told))
    record_property("state machine steps", len(steps))
    record_property("replayed states equal to the stored ones", len(events))
    record_property("events replayed", sum(events))
    record_property("of which changed something", sum(" " not in step for step in steps))
