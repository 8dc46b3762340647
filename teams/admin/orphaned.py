"""Grants whose giver no longer holds them: how they are shown, and how they are withdrawn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from permissions import access
from permissions.admin import BulkVerb, Effect
from permissions.admin.bulk import LIMIT
from permissions.audit import label_of
from permissions.errors import Invalid
from permissions.resources import registry
from teams import services
from teams.admin import words
from teams.admin.base import ConsoleVerb
from teams.admin.desk import Desk, desk_of
from teams.admin.people_verbs import manages_people
from teams.admin.persons import open_people
from teams.admin.previews import PreviewedVerb
from teams.admin.site import console
from teams.catalogue import CATALOGUE
from teams.orphans import Orphan, loaded, orphans_seen

#: on one page
SHOWN = 50
#: permissions named before "and 5 more"
NAMED = 3
#: what hangs on a role is withdrawn before it
ORDER = ("team", "guest", "switch", "role")


def orphaned(desk: Desk) -> list[Orphan]:
    """Return the grants the reader sees whose giver no longer holds them; none for whoever manages
    nobody. Keys only: see ``teams.orphans.loaded``."""
    return orphans_seen(desk.user, desk.account) if manages_people(desk) else []


def orphaned_of(desk: Desk, person: Any) -> list[Orphan]:
    """Return those of ``person``, with their rows."""
    if person.pk == desk.user.pk or not manages_people(desk):
        return []
    return loaded(orphans_seen(desk.user, desk.account, person=person))


def what(desk: Desk, one: Orphan) -> str:
    """Name what was given, to follow "the"; an object the reader may not open is not named."""
    if one.kind == "role":
        return f"role {words.role_label(desk, one.membership)}"
    if one.kind == "switch":
        return str(desk.edition.toggle(one.codename).label)
    if one.kind == "team":
        return f"place in {one.obj}"
    view = registry.of(one.obj).actions.get("view")
    if one.place == one.obj.pk and one.obj.pk in desk.place_names:
        return f"guest access to {one.obj}"
    if view is None or access.allows(desk.user, view, one.obj):
        return f"guest access to {one.obj}"
    return f"guest access to a {one.obj._meta.verbose_name} you do not see"


def where(desk: Desk, one: Orphan) -> str:
    """Name where it counts."""
    if one.membership is not None:
        return words.place_label(desk, one.membership)
    if one.kind == "team":
        return desk.account.name
    return desk.place_names.get(one.place, "a subaccount")


def giver(desk: Desk, one: Orphan, named: Collection[Any]) -> str:
    """Name whoever gave it, if the reader may know them."""
    if one.giver is None:
        return "Nobody on record"
    if one.giver.pk == desk.user.pk:
        return "You"
    return label_of(one.giver) if one.giver.pk in named else "Somebody you do not see"


def lacking(one: Orphan) -> str:
    """Say what of it the giver does not hold."""
    if one.is_gone:
        return "has no active place here"
    labels = [str(CATALOGUE[permission].label) for permission in one.permissions]
    more = len(labels) - NAMED
    return (
        f"does not hold {words.listed([*labels[:NAMED], *([f'{more} more'] if more > 0 else [])])}"
    )


def note(desk: Desk, one: Orphan, named: Collection[Any]) -> str:
    """Say who gave it and why that counts no more, as one sentence."""
    who = giver(desk, one, named)
    if one.giver is None:
        return "Whoever gave this is not known any more."
    verb = lacking(one)
    if who == "You":
        verb = verb.replace("does not hold", "do not hold")
    return (
        f"Given by {who[0].lower() + who[1:] if who.startswith('Somebody') else who}, who {verb}."
    )


def orphans_note(desk: Desk) -> SafeString:
    """Return the link to the page, for whoever may open it."""
    if not manages_people(desk):
        return mark_safe("")
    url = reverse(f"{console.name}:orphans")
    return format_html(' <a href="{}">Grants whose giver no longer holds them</a>.', url)


@dataclass(frozen=True, slots=True)
class Mark:
    """What the page of a person says beside what they were given."""

    note: str
    verbs: Sequence[Any]


def marks(request: HttpRequest, model_admin: Any, person: Any) -> dict[tuple[Any, ...], Mark]:
    """Return what to say beside the roles, switches, guest access and teams of ``person``."""
    desk = desk_of(request)
    found = orphaned_of(desk, person)
    named = open_people(desk, {one.giver.pk for one in found if one.giver is not None})
    marked: dict[tuple[Any, ...], Mark] = {}
    for one in found:
        about = (
            (one.kind, one.membership.pk, one.codename)
            if one.membership is not None
            else (one.kind, one.target, one.obj.pk)
        )
        marked[about] = Mark(note(desk, one, named), model_admin.offered(request, person, one))
    return marked


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the page."""

    person: str
    avatar: Any
    url: str
    what: str
    where: str
    giver: str
    why: str
    at: Any
    verbs: Sequence[Any]


def page_context(request: HttpRequest) -> dict[str, Any]:
    """Return what the page shows; the people it may be withdrawn from in one go, by key."""
    desk = desk_of(request)
    found = orphaned(desk)
    page = Paginator(found, SHOWN).get_page(request.GET.get("page"))
    rows = loaded(page)
    people = {one.person.pk for one in rows}
    named = open_people(desk, people | {one.giver.pk for one in rows if one.giver is not None})
    desk.glance.look_up(people)
    meta = get_user_model()._meta
    everybody = dict.fromkeys(one.person for one in found)
    chosen = open_people(desk, everybody)
    return {
        "title": "Grants whose giver no longer holds them",
        "subtitle": f"In {desk.account.name}, as far as you see the people and places.",
        "rows": [_row(request, one, named) for one in rows],
        "page": page,
        "withdrawn_from": [key for key in everybody if key in chosen][:LIMIT],
        "people_url": reverse(f"{console.name}:{meta.app_label}_{meta.model_name}_changelist"),
    }


def _row(request: HttpRequest, one: Orphan, named: Collection[Any]) -> Row:
    desk, meta = desk_of(request), get_user_model()._meta
    is_open = one.person.pk in named
    name = f"{console.name}:{meta.app_label}_{meta.model_name}_change"
    people: Any = console._registry[get_user_model()]
    text = what(desk, one)
    known = one.giver is not None
    return Row(
        person=label_of(one.person),
        avatar=words.avatar(one.person),
        url=reverse(name, args=[one.person.pk]) if is_open else "",
        what=text[0].upper() + text[1:],
        where=where(desk, one),
        giver=giver(desk, one, named),
        why=f"Gave it and {lacking(one)}" if known else "Whoever gave it is no longer known",
        at=words.when(one.at, "Not recorded"),
        verbs=people.offered(request, one.person, one) if is_open else (),
    )


# withdrawing


def withdraw(actor: Any, one: Orphan) -> None:
    """Take one grant away, by the service that takes such a grant away."""
    match one.kind:
        case "role":
            services.remove_member(actor=actor, membership=one.membership)
        case "switch":
            services.toggle_permission(
                actor=actor, membership=one.membership, toggle=one.codename, on=False
            )
        case "guest":
            services.withdraw_guest_access(
                actor=actor, user=one.person, obj=one.obj, permissions=one.permissions
            )
        case _:
            services.remove_from_team(actor=actor, team=one.obj, user=one.person)


def refusal_of(desk: Desk, one: Orphan) -> str:
    """Return why that service would refuse; empty if it would not."""
    if one.membership is not None:
        return desk.offers.refusal(one.membership)
    if one.kind == "guest":
        act = f"withdraw the {what(desk, one)}"
        return desk.offers.guest_refusal(one.person, one.place, act)
    return desk.offers.team_refusal(one.person)


class WithdrawOrphan(PreviewedVerb):
    """Take away one grant whose giver no longer holds it."""

    name = "withdraw-grant"
    label = _("Withdraw…")
    is_part = True
    part_type = Orphan
    part: Orphan
    is_danger = True

    def find(self, key: str) -> Any:
        """Return the grant, while it is listed."""
        return next((one for one in orphaned_of(self.desk, self.obj) if one.key == key), None)

    def key(self) -> str:
        """Return how the address names it."""
        return self.part.key

    def touched(self) -> Collection[Any]:
        """Return the one person."""
        return {self.obj.pk}

    def refusal(self) -> str:
        """Refuse whatever the service would."""
        return refusal_of(self.desk, self.part)

    def title(self) -> str:
        """Return the heading."""
        return f"Withdraw the {what(self.desk, self.part)} from {label_of(self.obj)}"

    def consequence(self) -> Sequence[str]:
        """Say why it is listed, what goes, and what to do to keep it."""
        people = {self.part.giver.pk} if self.part.giver is not None else set()
        lines = [note(self.desk, self.part, open_people(self.desk, people))]
        if self.part.kind == "role":
            lines.append(
                f"{label_of(self.obj)} loses the role in {where(self.desk, self.part)} and its "
                "optional permissions there. This cannot be undone. To leave them a lesser role, "
                "change the role instead."
            )
        return lines

    def button(self) -> str:
        """Return what the button says."""
        return "Withdraw it"

    def run(self, data: Mapping[str, Any]) -> str:
        """Withdraw it."""
        text = what(self.desk, self.part)
        withdraw(self.actor, self.part)
        return f"{label_of(self.obj)} no longer has the {text}."


class WithdrawOrphans(BulkVerb, ConsoleVerb):
    """Take away every such grant of the people chosen."""

    name = "withdraw"
    label = _("Withdraw grants without a giver…")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.found: dict[Any, list[Orphan]] | None = None

    def noun(self, count: int) -> str:
        """Count people."""
        return "person" if count == 1 else "people"

    def title(self) -> str:
        """Return the heading."""
        return f"Withdraw grants without a giver from {self.counted()}"

    def refusal(self) -> str:
        """Keep it out of the menu of whoever manages people nowhere."""
        return (
            "" if manages_people(self.desk) else "You cannot withdraw anything: you manage nobody."
        )

    def consequence(self) -> Sequence[str]:
        """Say what is withdrawn."""
        return (
            "What is listed below is taken away: whoever gave it does not hold it any more. "
            "Roles that are withdrawn cannot be brought back.",
        )

    def listed(self) -> Mapping[Any, list[Orphan]]:
        """Return what is listed of each of the people chosen, what hangs on a role first."""
        if self.found is None:
            chosen = {person.pk for person in self.rows}
            own = [one for one in orphaned(self.desk) if one.person in chosen]
            self.found = defaultdict(list)
            for one in sorted(loaded(own), key=lambda one: ORDER.index(one.kind)):
                self.found[one.person.pk].append(one)
        return self.found

    def effects(self, data: Mapping[str, Any]) -> list[Effect]:
        """Say for each person what is withdrawn, and why not."""
        self.desk.glance.look_up([person.pk for person in self.rows])
        found = []
        for person in self.rows:
            own = self.listed().get(person.pk, [])
            lines = [f"{where(self.desk, one)}: the {what(self.desk, one)}." for one in own]
            refused = (reason for one in own if (reason := refusal_of(self.desk, one)))
            problem = next(refused, "") if own else "Whoever gave what they have still holds it."
            found.append(Effect(person, label_of(person), lines, problem))
        return found

    def run_row(self, row: Any, data: Mapping[str, Any]) -> None:
        """Withdraw each; what the page refused is left to the service to refuse."""
        own = self.listed().get(row.pk, [])
        if not own:
            raise Invalid("Whoever gave what they have still holds it.", code="NOTHING_TO_DO")
        for one in own:
            withdraw(self.actor, one)

    def done(self) -> str:
        """Say what was done."""
        return f"Grants without a giver were withdrawn from {self.counted()}."
