"""Every way of asking gives one answer: check, list, count, shortcuts, who-can, report, console,
export, API, in random states.

A surface says of one person which objects of a model they hold a permission on. One more is one
more entry of ``SURFACES``; where a surface asks about reading alone, of ``READING``.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import transaction
from django.test import RequestFactory

from permissions import access, shortcuts
from permissions.errors import ServiceError
from permissions.resources import registry
from teams import keys, who
from teams import services as s
from teams.admin.desk import ACCOUNT_KEY
from teams.admin.site import console
from teams.catalogue import (
    ACCESS_AUDIENCE,
    ACCESS_CAMPAIGNS,
    CATALOGUE,
    EXPORT_CONTACTS,
    GENERATE_API_KEYS,
    VIEW_CONTACTS,
)
from teams.editions import get
from teams.factories import ContactFactory
from teams.models import Campaign, Contact, ListMembership, MailingList, Membership, Subaccount
from teams.report import Line, report
from tests.api.caller import caller
from tests.reference.test_statemachine import WORLDS
from tests.reference.world import PEOPLE, World, build

pytestmark = pytest.mark.django_db

#: permissions asked of each model in each state, besides those its own pages ask
ASKED, ASKED_DEEP = 1, 4
#: random changes between the beginning and a state
STEPS = 12


@dataclass
class State:
    """A world as it is now, with what some surfaces find once for everybody."""

    world: World
    can_by_object: dict[Any, dict[Any, set[str]]] = field(default_factory=dict)
    lines: dict[Any, list[Line]] = field(default_factory=dict)

    @property
    def people(self) -> list[Any]:
        """Return everybody, as they are stored."""
        return [self.world.rows[name] for name in PEOPLE]

    def look(self) -> None:
        """Ask what is asked once: everybody's access to each object, and the reports."""
        accounts = [type(self.world.rows[k]).objects.get(slug=k.lower()) for k in ("A", "B")]
        self.lines = {account.pk: list(report(account)) for account in accounts}
        self.can_by_object = {
            (resource.label, obj.pk): {one.person.pk: set(one.held) for one in who.access_of(obj)}
            for resource in registry
            for obj in resource.model._default_manager.all()
        }


Surface = Callable[[State, Any, str, Any], set[Any]]


def by_check(state: State, person: Any, permission: str, model: Any) -> set[Any]:
    return {o.pk for o in model._default_manager.all() if access.can(person, permission, o).allowed}


def by_list(state: State, person: Any, permission: str, model: Any) -> set[Any]:
    rows = access.visible(model._default_manager.all(), person, permission)
    found = list(rows.values_list("pk", flat=True))
    assert rows.count() == len(found) == len(set(found))
    return set(found)


def by_shortcut(state: State, person: Any, permission: str, model: Any) -> set[Any]:
    rows = shortcuts.get_objects_for_user(person, f"teams.{permission}", model)
    return set(rows.values_list("pk", flat=True))


def by_who_can(state: State, person: Any, permission: str, model: Any) -> set[Any]:
    label = registry.of(model).label
    return {
        pk
        for (kind, pk), people in state.can_by_object.items()
        if kind == label and permission in people.get(person.pk, ())
    }


def by_report(state: State, person: Any, permission: str, model: Any) -> set[Any]:
    """Read the lines; what teams hide of what is held is left to the profile."""
    resource, profile = registry.of(model), access.profile_of(person)
    found = set()
    for obj in model._default_manager.all():
        root, place = resource.locate(obj)
        lines = [
            line
            for line in state.lines[root]
            if line.login == person.username and line.permission == permission
        ]
        if _is_guest(lines, resource, obj) or (
            any(line.obj is None and place in line.scope for line in lines)
            and profile.sees(resource, obj, root, place)
        ):
            found.add(obj.pk)
    return found


def _is_guest(lines: list[Line], resource: Any, obj: Any) -> bool:
    """Say whether a line is about this object, or a list of it: whoever was let into a list reads
    its contacts."""
    keys = {(resource.label, str(obj.pk))}
    if resource.through:
        link = resource.link
        keys |= {(link.resource.label, str(pk)) for pk in link.linked(obj)}
    return any(line.obj in keys for line in lines)


SURFACES: dict[str, Surface] = {
    "check": by_check,
    "list and count": by_list,
    "get_objects_for_user": by_shortcut,
    "who_can": by_who_can,
    "access_report": by_report,
}


def by_console(state: State, person: Any, permission: str, model: Any) -> set[Any]:
    """Return the rows of the changelist in each of the person's accounts."""
    found: set[Any] = set()
    for admin, request in _desks(person, model):
        found |= set(admin.get_queryset(request).values_list("pk", flat=True))
    return found


def by_autocomplete(state: State, person: Any, permission: str, model: Any) -> set[Any]:
    found: set[Any] = set()
    for admin, request in _desks(person, model):
        rows, _more = admin.get_search_results(request, admin.get_queryset(request), "")
        found |= set(rows.values_list("pk", flat=True))
    return found


def _desks(person: Any, model: Any) -> list[tuple[Any, Any]]:
    found = []
    for key in access.profile_of(person).tenants:
        request: Any = RequestFactory().get("/")
        request.user, request.session = person, {ACCOUNT_KEY: key}
        found.append((console.get_model_admin(model), request))
    return found


#: surfaces that ask about reading alone: of models with a page of the console
READING: dict[str, Surface] = {"changelist": by_console, "autocomplete": by_autocomplete}


def readable() -> list[tuple[Any, str]]:
    """Return the models whose list in the console shows what one permission opens."""
    found = []
    for resource in registry:
        if console.is_registered(resource.model):
            permission = getattr(console.get_model_admin(resource.model), "view_permission", "")
            if permission:
                found.append((resource.model, permission))
    return found


# random states


def change(world: World, chance: random.Random) -> str:
    """Let somebody do something; return what, or the code of the refusal."""
    rows = world.rows
    actor = rows[chance.choice(["owner", "owner", "owner", "ann", "ben", "rival"])]
    account = rows["A"]
    # in one order, or the same chance would lead elsewhere on another database
    places = list(account.subaccounts.order_by("pk"))
    seats = list(Membership.objects.filter(account=account).order_by("pk"))
    place, seat, user = chance.choice(places), chance.choice(seats), rows[chance.choice(PEOPLE)]
    roles = [role.codename for role in get(account.edition).roles]
    spec = get(account.edition).find_role(seat.role)
    resource = chance.choice([r for r in registry if r.guest])
    things: list[Any] = list(resource.model._default_manager.order_by("pk"))
    verbs: list[Callable[[], Any]] = [
        lambda: s.add_member(
            consented=True, actor=actor, account=account, user=user,
            role=chance.choice(roles), subaccount=place,
        ),
        lambda: s.suspend_member(actor=actor, membership=seat),
        lambda: s.toggle_permission(
            actor=actor, membership=seat, on=chance.random() < 0.7,
            toggle=chance.choice(sorted(spec.optional) if spec and spec.optional else ["none"]),
        ),
        lambda: s.give_guest_access(
            actor=actor, user=user, obj=chance.choice(things),
            permissions=[chance.choice(sorted(resource.guest))],
        ),
        lambda: s.archive_subaccount(actor=actor, subaccount=place),
        lambda: s.set_features(
            actor=actor, subaccount=place, off=chance.sample(["exports", "automation", "pages"], 2)
        ),
    ]  # fmt: skip
    verb = chance.choice(verbs)
    try:
        with transaction.atomic():
            verb()
    except (ServiceError, KeyError) as refusal:
        return getattr(refusal, "code", "KEY")
    return "done"


def state_of(name: str, chance: random.Random) -> tuple[State, int]:
    """Return a random state of the world ``name``, and how many changes led there."""
    world = build(**WORLDS[name])
    for place in ("A/north", "A/south", "B/north"):
        for number in range(2):
            contact = ContactFactory(subaccount=world.rows[place])
            lists = list(MailingList.objects.filter(subaccount=world.rows[place]).order_by("pk"))
            if number and lists:
                ListMembership.objects.create(
                    subaccount=world.rows[place], contact=contact, mailing_list=lists[0]
                )
    done = sum(change(world, chance) == "done" for _ in range(STEPS))
    state = State(world)
    state.look()
    return state, done


def compared(name: str, seed: int, often: int = ASKED) -> tuple[int, int]:
    """Compare every surface in one random state; return how many answers, and the changes."""
    chance = random.Random(f"{name} {seed}")
    state, done = state_of(name, chance)
    permissions = sorted(get(state.world.edition).permissions)
    cases = 0
    reading = readable()
    for person in state.people:
        with access.unit_of_work():
            for resource in registry:
                asked = {*chance.sample(permissions, often), *list(resource.actions.values())[:1]}
                for permission in sorted(asked):
                    answers = {
                        surface: ask(state, person, permission, resource.model)
                        for surface, ask in SURFACES.items()
                    }
                    assert all(found == answers["check"] for found in answers.values()), (
                        seed, person.username, permission, resource.label, answers,
                    )  # fmt: skip
                    cases += len(answers)
            for model, permission in reading:
                want = by_check(state, person, permission, model)
                for surface, ask in READING.items():
                    found = ask(state, person, permission, model)
                    assert found == want, (seed, person.username, surface, model)
                    cases += 1
            cases += exported(state, person)
        cases += called(person, state.world.rows["A/north"])
    return cases, done


#: what the API lists, by what
LISTED = {
    "lists/": (MailingList, ACCESS_AUDIENCE),
    "contacts/": (Contact, VIEW_CONTACTS),
    "campaigns/": (Campaign, ACCESS_CAMPAIGNS),
}


def called(person: Any, place: Subaccount) -> int:
    """A key of somebody's with all scopes lists what they may look at there, if they hold that in
    the place and not as a guest of single things; return how many lists were asked for."""
    mine = caller(place, person, scopes=[p for p in CATALOGUE if p != GENERATE_API_KEYS])
    dead = keys.why_dead(mine.key)
    for path, (model, permission) in LISTED.items():
        status = mine.get(path).status_code
        if dead:
            assert status in (401, 403), (person.username, path, dead)
        elif place.pk not in access.profile_of(person).scope(place.account_id, permission):
            assert status == 403, (person.username, path)
        else:
            rows: Any = model._default_manager.filter(subaccount=place, archived_at=None)
            want = {o.pk for o in rows if access.can(person, permission, o).allowed}
            assert mine.ids(path) == want, (person.username, path)
    return len(LISTED)


def exported(state: State, person: Any) -> int:
    """What somebody takes out of a place is what they hold the right to take out; return how many
    exports were made or refused."""
    cases = 0
    for place in Subaccount.objects.filter(slug="north"):
        inside = Contact.objects.filter(subaccount=place, archived_at=None)
        want = {o.pk for o in inside if access.can(person, EXPORT_CONTACTS, o).allowed}
        try:
            with transaction.atomic():
                content = s.export_contacts(actor=person, subaccount=place).content
                transaction.set_rollback(True)  # its record would be one more object to ask about
        except ServiceError:
            assert not access.can(person, EXPORT_CONTACTS, place).allowed
            assert want == set()
        else:
            assert content is not None
            rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
            assert len(rows) - 1 == len(want), (person.username, place, rows)
        cases += 1
    return cases


@pytest.mark.parametrize("name", [name for name in WORLDS if "-" not in name])
def test_every_surface_gives_one_answer(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    cases, done = compared(name, 0)
    assert done
    assert cases > 300
    record_property("answers of surfaces compared", cases)


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(1, 9))
@pytest.mark.parametrize("name", WORLDS)
def test_every_surface_gives_one_answer_in_many_states(
    name: str, seed: int, record_property: Callable[[str, object], None]
) -> None:
    cases, _done = compared(name, seed, ASKED_DEEP)
    record_property("answers of surfaces compared", cases)


@pytest.mark.once
def test_every_guarded_permission_is_one_of_the_catalogue() -> None:
    assert {p for resource in registry for p in resource.actions.values()} <= set(CATALOGUE)
