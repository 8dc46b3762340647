"""Bulk verbs about people: suspend, reactivate and remove them where the actor manages them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_lazy as _

from permissions.admin import Effect, VerbForm
from permissions.audit import label_of
from permissions.errors import Invalid, NotFound, OutOfScope, ServiceError
from permissions.policy import TOP
from teams import selectors, services
from teams.admin import words
from teams.admin.desk import Desk
from teams.admin.forms import OfferedField, offer
from teams.admin.group_filters import offered_groups
from teams.admin.person_seats import toggles_on
from teams.admin.previews import PreviewedBulk
from teams.catalogue import CATALOGUE
from teams.models import Membership, Subaccount

EVERY = "every"
ACCOUNT = "account"
#: before the key of a group of subaccounts
GROUP = "group:"


class PlacesForm(VerbForm):
    """One place, a group of them, or every place the actor manages."""

    place = OfferedField(label="Where", initial=EVERY)

    def prepare(self, verb: Any) -> None:
        """Offer the places where somebody chosen has a role in the actor's hands."""
        found = [(EVERY, "Every place you manage"), *verb.places().items()]
        offer(self, "place", [*found, *verb.groups().items()])


@dataclass(slots=True)
class Plan:
    """The memberships of one person that a bulk verb touches, and what stands against it."""

    touched: list[Membership] = field(default_factory=list)
    refused: list[Membership] = field(default_factory=list)
    kept: list[Membership] = field(default_factory=list)
    idle: list[Membership] = field(default_factory=list)
    problem: str = ""


class PeopleVerb(PreviewedBulk):
    """Does the same to the memberships of many people, at one place or wherever one manages."""

    form_class = PlacesForm
    act: str
    past: str
    idle_note: str

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.verdicts: dict[int, ServiceError | None] = {}
        self._inside: dict[str, set[str]] = {}

    def noun(self, count: int) -> str:
        """Count people."""
        return "person" if count == 1 else "people"

    def refusal(self) -> str:
        """Keep it out of the menu of whoever manages people nowhere."""
        return (
            ""
            if manages_people(self.desk)
            else f"You cannot {self.act} anybody: you manage nobody."
        )

    def applies(self, membership: Membership) -> bool:
        """Say whether there is anything to do about this membership."""
        return True

    def verdict(self, membership: Membership) -> ServiceError | None:
        """Return what the service would raise, asked once a request."""
        if membership.pk not in self.verdicts:
            self.verdicts[membership.pk] = self.judge(membership)
        return self.verdicts[membership.pk]

    def judge(self, membership: Membership) -> ServiceError | None:
        """Ask the service's gate."""
        who = label_of(membership.user)
        return self.desk.offers.verdict(membership, f"{self.act} {who}")

    @abstractmethod
    def service(self, membership: Membership) -> None:
        """Do it to one membership."""

    @abstractmethod
    def line(self, role: str, place: str, extras: str) -> str:
        """Say what happens to one role."""

    # what is chosen

    def places(self) -> dict[str, str]:
        """Return the places, by key, where somebody chosen has a role in the actor's hands."""
        self.desk.glance.look_up([person.pk for person in self.rows])
        found: dict[str, str] = {}
        for person in self.rows:
            for membership in person.seen:
                key = place_key(membership)
                if key not in found and not isinstance(self.verdict(membership), OutOfScope):
                    at_account = key == ACCOUNT
                    label = f"Roles on {self.desk.account.name} itself"
                    found[key] = label if at_account else words.place_label(self.desk, membership)
        return dict(sorted(found.items(), key=lambda item: (item[0] == ACCOUNT, item[1].lower())))

    def groups(self) -> dict[str, str]:
        """Return the groups, by key, that hold one of these places."""
        found = set(self.places())
        return {
            f"{GROUP}{key}": f"Subaccounts in the group {name}"
            for key, name in self.desk.once(offered_groups)
            if found & self.inside(f"{GROUP}{key}")
        }

    def inside(self, place: str) -> set[str]:
        """Return the keys of the places that a choice stands for, but for every one there is."""
        if not place.startswith(GROUP):
            return {place}
        if place not in self._inside:
            key = place.removeprefix(GROUP)
            offered = key in dict(self.desk.once(offered_groups))
            rows = selectors.in_group(self.desk.user, key) if offered else Subaccount.objects.none()
            self._inside[place] = {str(pk) for pk in rows.values_list("pk", flat=True)}
        return self._inside[place]

    def is_meant(self, place: str, key: str) -> bool:
        """Say whether the chosen ``place`` is the place ``key``, or one of several with it."""
        return place == EVERY or key in self.inside(place)

    def plan(self, person: Any, place: str) -> Plan:
        """Return what would be done to ``person`` at ``place``."""
        plan = Plan()
        if person.pk == self.desk.account.owner_id:
            plan.problem = f"Owns {self.desk.account.name}: nobody can {self.act} the owner."
        elif person.pk == self.actor.pk:
            plan.problem = "This is you: nobody changes their own rights."
        for membership in person.seen:
            if not self.is_meant(place, place_key(membership)):
                continue
            error = self.verdict(membership)
            if isinstance(error, OutOfScope) and (place == EVERY or place.startswith(GROUP)):
                plan.kept.append(membership)
            elif error is not None:
                plan.refused.append(membership)
                plan.problem = plan.problem or error.message
            elif not self.applies(membership):
                plan.idle.append(membership)
            else:
                plan.touched.append(membership)
        if not plan.touched and not plan.problem:
            where = "" if place == EVERY else " there"
            nothing = self.idle_note if plan.idle else "Has no role{where} that you manage."
            plan.problem = nothing.format(where=where)
        return plan

    def effects(self, data: Mapping[str, Any]) -> list[Effect]:
        """Say for each person which roles are touched, and which stay because of others."""
        place = data["place"]
        if place != EVERY and place not in {**self.places(), **self.groups()}:
            raise NotFound("There is no such place among those you may choose.")
        self.desk.glance.look_up([person.pk for person in self.rows])
        return [self._effect(person, self.plan(person, place)) for person in self.rows]

    def _effect(self, person: Any, plan: Plan) -> Effect:
        lines = [self._line(membership) for membership in plan.touched]
        if plan.kept:
            kept = [
                f"{words.role_label(self.desk, m)} of {words.place_label(self.desk, m)}"
                for m in plan.kept
            ]
            lines.append(f"Not touched, because you do not manage it: {words.listed(kept)}.")
        return Effect(person, label_of(person), lines, plan.problem)

    def _line(self, membership: Membership) -> str:
        extras = toggles_on(self.desk, [membership])
        if membership.is_primary_contact:
            extras.append("being the primary contact")
        return self.line(
            words.role_label(self.desk, membership),
            words.place_label(self.desk, membership),
            words.listed(extras),
        )

    def run_row(self, row: Any, data: Mapping[str, Any]) -> None:
        """Do it to each role; what was refused on the page is left to the service to refuse."""
        plan = self.plan(row, data["place"])
        touched = [*plan.touched, *plan.refused] or plan.kept
        if not touched:
            raise Invalid(f"{label_of(row)}: {plan.problem}", code="NOTHING_TO_DO")
        for membership in touched:
            self.service(membership)

    def done(self) -> str:
        """Name who it was, up to three people."""
        names = [label_of(person) for person in self.rows]
        who = words.listed(names) if len(names) <= 3 else self.counted()
        return f"{who} {'was' if len(names) == 1 else 'were'} {self.past}."


class SuspendPeople(PeopleVerb):
    """Switch roles off, keeping them."""

    name = "suspend"
    label = _("Suspend…")
    act, past, idle_note = "suspend", "suspended", "Is suspended{where} already."

    def consequence(self) -> Sequence[str]:
        """Say what is lost and what stays."""
        return (
            "These people lose the roles below, with the optional permissions, at the next click.",
            "Everything is kept and comes back when the roles are reactivated.",
        )

    def line(self, role: str, place: str, extras: str) -> str:
        """Say what is lost."""
        return f"{place}: is no longer {role}{f', without {extras}' if extras else ''}."

    def applies(self, membership: Membership) -> bool:
        """Leave alone what is off."""
        return membership.status == Membership.Status.ACTIVE

    def service(self, membership: Membership) -> None:
        """Suspend."""
        services.suspend_member(actor=self.actor, membership=membership)


class ReactivatePeople(PeopleVerb):
    """Switch suspended roles on again."""

    name = "reactivate"
    label = _("Reactivate…")
    act, past, idle_note = "reactivate", "reactivated", "Is not suspended{where}."
    is_danger = False

    def consequence(self) -> Sequence[str]:
        """Say what comes back."""
        return ("These people hold the roles below again, with what was switched on for them.",)

    def line(self, role: str, place: str, extras: str) -> str:
        """Say what comes back."""
        return f"{place}: is {role} again{f', with {extras}' if extras else ''}."

    def applies(self, membership: Membership) -> bool:
        """Leave alone what is on."""
        return membership.status == Membership.Status.SUSPENDED

    def judge(self, membership: Membership) -> ServiceError | None:
        """Reactivating is a grant of all the role holds."""
        if not self.applies(membership):
            return super().judge(membership)
        return self.desk.offers.waking(membership, f"{self.act} {label_of(membership.user)}")

    def service(self, membership: Membership) -> None:
        """Reactivate."""
        services.reactivate_member(actor=self.actor, membership=membership)


class RemovePeople(PeopleVerb):
    """Take roles away for good."""

    name = "remove"
    label = _("Remove…")
    act, past, idle_note = "remove", "removed", "Is removed{where} already."

    def consequence(self) -> Sequence[str]:
        """Say what goes, and when the rest goes with it."""
        return (
            "These people lose the roles below for good. This cannot be undone; to suspend keeps "
            "everything.",
            "Whoever is left without any place loses guest access and teams in "
            f"{self.desk.account.name} too. Logins stay and belong to their people.",
        )

    def line(self, role: str, place: str, extras: str) -> str:
        """Say what is lost."""
        return f"{place}: loses {role}{f', {extras}' if extras else ''}."

    def service(self, membership: Membership) -> None:
        """Remove."""
        services.remove_member(actor=self.actor, membership=membership)


def place_key(membership: Membership) -> str:
    """Return how a form names where a membership counts."""
    return ACCOUNT if membership.subaccount_id is None else str(membership.subaccount_id)


def manages_people(desk: Desk) -> bool:
    """Say whether there is any place where this person may change who holds what; no query."""
    edition = desk.edition
    at_account = all(CATALOGUE[p].level == TOP for p in edition.changes_account)
    if at_account and all(desk.holds(p, TOP) for p in edition.changes_account):
        return True
    needed = edition.changes_subaccount
    return any(all(desk.holds(p, place.pk) for p in needed) for place in desk.places)


PEOPLE_VERBS = (SuspendPeople, ReactivatePeople, RemovePeople)
