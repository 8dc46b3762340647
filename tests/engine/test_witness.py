"""Every decision carries its witness, and an independent checker bears it out, or catches a lie."""

from __future__ import annotations

import ast
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from permissions import access
from permissions.access import DEPENDS, Decision, Lack
from permissions.policy import Denial, Source
from teams import provider, sampling, services, witness
from teams.catalogue import CATALOGUE
from teams.factories import MailingListFactory, UserFactory
from teams.models import Account, Membership, SubaccountUserGrant
from tests.commands.helpers import run
from tests.engine import truth
from tests.services.test_who import varied
from tests.services.world import EDITIONS, World, world
from tests.signing_in import GroupLogins, enrol, signing_in_with

pytestmark = pytest.mark.django_db

#: decisions looked at in each world; a look takes ten milliseconds
LOOKS = 40
MOST_LINES = 100


def code_of(module: Any) -> tuple[int, set[str]]:
    """Return how many lines of code there are in a module besides its imports, and what it
    imports."""
    text = Path(str(module.__file__)).read_text()
    tree = ast.parse(text)
    aside: set[int] = set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            source = getattr(node, "module", None)
            names |= {f"{source}.{one.name}" if source else one.name for one in node.names}
            aside |= set(range(node.lineno, (node.end_lineno or 0) + 1))
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            aside |= set(range(node.lineno, (node.end_lineno or 0) + 1))
    lines = enumerate(text.splitlines(), 1)
    return sum(bool(line.strip()) and number not in aside for number, line in lines), names


@pytest.mark.once
def test_the_checker_is_short_and_shares_no_code_with_what_decides() -> None:
    lines, imports = code_of(witness)
    deciding = ("permissions.policy", "permissions.profile", "teams.provider", "teams.standings")
    facts = ("teams.facts", "teams.fact_columns", "teams.fact_branches", "teams.sight")
    assert lines <= MOST_LINES
    assert [name for name in imports if name.startswith((*deciding, *facts))] == []


def judged(cases: list[tuple[Any, str, Any]]) -> list[Any]:
    """Return what the checker holds against the decisions of ``cases``."""
    found = []
    with access.unit_of_work():
        for user, permission, obj in cases:
            decision = access.can(user, permission, obj)
            if said := witness.flaw(user, permission, obj, decision):
                found.append((user, permission, obj, decision, said))
    return found


@pytest.mark.parametrize("edition", EDITIONS)
def test_decisions_about_people_of_every_kind_are_borne_out(edition: str) -> None:
    _w, objects = varied(edition)
    people = list(get_user_model()._default_manager.order_by("pk"))
    chance = random.Random(edition)
    with access.unit_of_work():
        cases = [(u, str(p), o) for u in people for p in CATALOGUE for o in objects]
        chance.shuffle(cases)
        yes = [case for case in cases[:1500] if access.can(*case).allowed][: LOOKS // 2]
    assert len(yes) == LOOKS // 2
    assert judged([*yes, *cases[:LOOKS]]) == []


@pytest.mark.parametrize("condition", ["", "single_bill", "reseller"])
def test_decisions_on_a_condition_are_borne_out(condition: str) -> None:
    w = truth.World("constant_contact", true=condition)
    manager = w.add("partner_manager@client")
    assert manager is not None
    held_so = [row for row in truth.table(w.edition) if "if:" in "".join(row.cells.values())]
    users = (w.account.owner, manager.user)
    places = (w.account, w.north, w.home)
    assert judged([(u, r.permission, o) for u in users for r in held_so for o in places]) == []


@pytest.mark.parametrize("classes", [["everybody"], ["owners"], ["managers", "export"]])
def test_decisions_about_whoever_sleeps_are_borne_out(classes: list[str]) -> None:
    w = world("emma_hq")
    Account.objects.filter(pk=w.account.pk).update(second_factor=classes)
    users = (w.owner, w.manager().user, w.member("full", toggles=("export_contacts",)).user)
    names = ("send_campaigns", "export_contacts", "manage_members")
    with signing_in_with(GroupLogins()):
        assert judged([(u, p, w.north) for u in users for p in names]) == []
        reasons = {access.can(u, p, w.north).reason for u in users for p in names}
        assert Denial.SECOND_FACTOR in reasons
        for user in users:
            enrol(user)
        assert judged([(u, p, w.north) for u in users for p in names]) == []


def test_ceilings_are_borne_out() -> None:
    w = world("emma_hq")
    user = w.member("full").user
    services.set_features(actor=w.owner, subaccount=w.north, off=["automation"])
    asked = [
        ("access_automation", w.north),
        ("access_campaigns", w.west),
        ("manage_teams", w.north),
    ]
    assert judged([(u, p, o) for u in (w.owner, user, UserFactory()) for p, o in asked]) == []
    Account.objects.filter(pk=w.account.pk).update(read_only_because="unpaid")
    assert judged([(w.owner, "send_campaigns", w.north), (user, "view_contacts", w.north)]) == []


def test_a_witness_points_at_the_recorded_row() -> None:
    w = world("emma_hq")
    seat = w.member("full", toggles=("export_contacts",))
    switch = SubaccountUserGrant.objects.get(
        membership=seat, permission__codename="export_contacts"
    )
    other = w.member("author", w.south)
    services.give_guest_access(
        actor=w.owner, user=other.user, obj=w.north, permissions=["access_audience"]
    )
    found = {
        (user, permission): [s.row for s in access.can(user, permission, w.north).sources]
        for user, permission in (
            (w.owner, "export_contacts"),
            (seat.user, "export_contacts"),
            (seat.user, "send_campaigns"),
            (other.user, "access_audience"),
        )
    }
    guest = SubaccountUserGrant.objects.get(user=other.user)
    assert found == {
        (w.owner, "export_contacts"): [("teams.account", w.account.pk)],
        (seat.user, "export_contacts"): [("teams.subaccountusergrant", switch.pk)],
        (seat.user, "send_campaigns"): [("teams.membership", seat.pk)],
        (other.user, "access_audience"): [("teams.subaccountusergrant", guest.pk)],
    }


def test_what_is_missing_is_named_with_what_it_depends_on() -> None:
    w = world("emma_hq")
    user = w.member("author").user
    (lack,) = access.can(user, "export_contacts", w.north).missing
    assert lack == Lack("export_contacts", w.account.pk, w.north.pk, "role")
    assert set(DEPENDS) == set(Denial)


def lies(w: World) -> dict[str, tuple[Any, str, Any, Decision]]:
    """Return decisions that are not true, each with the question."""
    seat, author = w.member("full", toggles=("export_contacts",)), w.member("author")
    over = w.member("full", ends_at=timezone.now() - timezone.timedelta(days=1))
    elsewhere = w.member("full", w.south)
    row, owned = ("teams.membership", seat.pk), ("teams.account", w.account.pk)

    def source(kind: str, table: str, key: Any) -> Source:
        return Source(kind, "full", "Full", ("membership", key), (table, key))

    def yes(kind: str, table: str, key: Any) -> Decision:
        return Decision(True, "allowed", sources=(source(kind, table, key),))

    def no(denial: Denial, permission: str, depends: str = "", detail: str = "") -> Decision:
        lack = Lack(permission, w.account.pk, w.north.pk, depends or DEPENDS[denial], detail)
        return Decision(False, denial, missing=(lack,), detail=detail)

    seats, switch = (
        "teams.membership",
        SubaccountUserGrant.objects.get(membership=seat, permission__codename="export_contacts"),
    )
    ask, export = "send_campaigns", "export_contacts"
    return {
        "nothing named": (seat.user, ask, w.north, Decision(True, "allowed")),
        "somebody else's row": (author.user, ask, w.north, yes("role", *row)),
        "a row that ended": (over.user, ask, w.north, yes("role", seats, over.pk)),
        "a row of another place": (
            elsewhere.user, ask, w.north, yes("role", seats, elsewhere.pk),
        ),
        "a row that gives other things": (
            author.user, ask, w.north, yes("role", seats, author.pk),
        ),
        "a row that is not there": (seat.user, ask, w.north, yes("role", seats, 10**6)),
        "a switch for something else": (
            seat.user, ask, w.north, yes("toggle", "teams.subaccountusergrant", switch.pk),
        ),
        "an owner who is not": (seat.user, ask, w.north, yes("owner", *owned)),
        "in an archive": (w.owner, ask, w.west, yes("owner", *owned)),
        "one true, one not": (
            seat.user, ask, w.north,
            replace(
                yes("role", *row),
                sources=(source("role", *row), source("role", seats, author.pk)),
            ),
        ),
        "not held, and it is": (seat.user, ask, w.north, no(Denial.NOT_HELD, ask)),
        "a stranger who is none": (author.user, ask, w.north, no(Denial.STRANGER, ask)),
        "an archive that is none": (author.user, ask, w.north, no(Denial.ARCHIVED, ask)),
        "a ceiling that is none": (
            author.user, export, w.north, no(Denial.WITHHELD, export, detail="teams_off"),
        ),
        "a condition there is not": (
            author.user, export, w.north, no(Denial.CONDITION, export, detail="single_bill"),
        ),
        "teams that limit nothing": (seat.user, ask, w.north, no(Denial.NOT_VISIBLE, ask)),
        "asleep, and awake": (author.user, export, w.north, no(Denial.SECOND_FACTOR, export)),
        "missing is another permission": (author.user, export, w.north, no(Denial.NOT_HELD, ask)),
        "missing depends on something else": (
            author.user, export, w.north, no(Denial.NOT_HELD, export, "team"),
        ),
        "unknown, and it is known": (author.user, export, w.north, no(Denial.UNKNOWN, export)),
    }  # fmt: skip


def test_planted_lies_are_caught() -> None:
    told = {name: witness.flaw(*lie) for name, lie in lies(world("emma_hq")).items()}
    assert len(told) == 20
    assert [name for name, said in told.items() if not said] == []


class Generous:
    """Facts that hold everybody to be the owner of the first account there is."""

    def load_profile(self, user: Any) -> Any:
        """Return the profile of somebody else."""
        owner = Account.objects.order_by("pk").first()
        return provider.load_profile(owner.owner) if owner else provider.load_profile(user)

    def candidates(self, obj: Any) -> Any:
        """Return nobody."""
        return get_user_model()._default_manager.none()


def test_a_sample_of_what_is_decided_is_looked_at() -> None:
    w = world("emma_hq")
    for role in ("author", "editor", "full"):
        w.member(role)
    assert list(sampling.untrue(25, 7)) == []
    access.use(Generous())  # type: ignore[arg-type]
    try:
        planted = list(sampling.untrue(25, 7))
        done = run("check_integrity", "--sample=25", "--seed=7", format="json")
    finally:
        access.use(provider)
    assert planted
    assert done.code == 1
    assert {found["rule"] for found in done.json} == {"decisions_have_witnesses"}
    assert len(done.json) == len(planted)


@pytest.mark.parametrize("goes", ["who asks", "what is asked about"])
def test_what_goes_while_it_is_looked_at_is_no_untruth(
    goes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """People leave and throw away in production, between a decision and the look at its rows."""
    w = world("sailthru")
    member = w.member("marketer_limited")
    mailing_list = MailingListFactory(subaccount=w.north, created_by=member.user)
    asked = [(member.user, "access_audience", mailing_list)] * 2
    monkeypatch.setattr(sampling, "questions", lambda *_: asked)
    decide, gone = access.can, member if goes == "who asks" else mailing_list
    assert decide(*asked[0]).allowed

    def decide_and_lose(*question: Any) -> Decision:
        found = decide(*question)
        type(gone)._default_manager.filter(pk=gone.pk).delete()
        return found

    monkeypatch.setattr(access, "can", decide_and_lose)
    assert list(sampling.untrue(2)) == []


def test_a_sample_asks_of_nothing_that_went_since_it_was_counted() -> None:
    class Late(random.Random):
        def randrange(self, start: int, *_rest: Any) -> int:
            """Name the last of so many, of which one has gone."""
            return start

    world("sailthru")
    assert list(sampling.questions(4, Late(1))) == []


def test_the_same_seed_asks_the_same() -> None:
    w = world("sailthru")
    w.member(w.edition.roles[0].codename)
    first, again, other = (list(sampling.questions(20, random.Random(seed))) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert len(first) == 20


def test_an_empty_database_has_nothing_to_look_at() -> None:
    assert Membership.objects.count() == 0
    assert list(sampling.untrue(5)) == []
    assert run("check_integrity", "--sample=-1").code == 2
