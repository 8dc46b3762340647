"""The people who are measured, each with the filter one would write for them by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Model, Q, QuerySet

from permissions import access
from teams.catalogue import ACCESS_AUDIENCE, ACCESS_CAMPAIGNS
from teams.models import Campaign, MailingList
from tests.bench.plan import (
    ALL_ACCESS,
    GUEST,
    MAIN,
    MANAGER_20,
    MANAGER_500,
    MEMBER_1,
    MEMBER_3,
    NAMES,
    OWNER,
    PRESS,
    STRANGER,
    TEAM_LIMITED,
    TEAM_WIDE,
    Plan,
)

#: sees everything there is: for comparison, not for having
UNFILTERED = Q()


@dataclass(frozen=True)
class Persona:
    """Somebody who looks at a list.

    ``ideal`` is the filter of somebody who knows this person's identifiers by heart; ``by_ids``
    the same with every subaccount's written out, where that differs. ``scope`` counts the
    subaccounts.
    """

    key: int
    user: Any
    scope: int
    ideal: Q
    by_ids: Q
    model: type[Model] = MailingList
    permission: str = ACCESS_AUDIENCE

    @property
    def name(self) -> str:
        """Return what tables call this person."""
        what = "" if self.model is MailingList else f", {self.model._meta.verbose_name_plural}"
        return NAMES[self.key] + what

    def rows(self) -> QuerySet[Any]:
        """Return every row there is."""
        return self.model._default_manager.all()

    def ours(self) -> QuerySet[Any]:
        """Return the rows as the product filters them."""
        return access.visible(self.rows(), self.user, self.permission)

    def by_hand(self, condition: Q | None = None) -> QuerySet[Any]:
        """Return the rows filtered by hand."""
        return self.rows().filter(self.ideal if condition is None else condition)


def page(rows: QuerySet[Any], size: int) -> list[Any]:
    """Return the newest ``size`` rows."""
    return list(rows.order_by("-pk")[:size])


def personas(plan: Plan) -> list[Persona]:
    """Return everybody who is measured, with filters made from the plan alone."""
    users = get_user_model()._default_manager.in_bulk(NAMES)
    main, archived = plan.active(MAIN), sorted(plan.archived)
    everything = Q(account=MAIN) & ~Q(subaccount__in=archived) if archived else Q(account=MAIN)
    every_id = Q(subaccount__in=main)
    found = [
        Persona(key, users[key], len(main), everything, every_id) for key in (OWNER, ALL_ACCESS)
    ]
    for key in (MANAGER_500, MANAGER_20, MEMBER_3, MEMBER_1):
        places = sorted(_places(plan, key))
        condition = Q(subaccount__in=places)
        found.append(Persona(key, users[key], len(places), condition, condition))
    found.append(_guest(plan, users[GUEST]))
    nothing = Q(subaccount__in=[])
    found.append(Persona(STRANGER, users[STRANGER], 0, nothing, nothing))
    for key in (TEAM_WIDE, TEAM_LIMITED):
        found += _limited(plan, users[key], key)
    return found


def _places(plan: Plan, key: int) -> set[int]:
    return {
        place
        for seat in plan.seats
        if seat.person == key
        for place in (seat.reach or (seat.place,))
        if place is not None
    }


def _guest(plan: Plan, user: Any) -> Persona:
    places = _places(plan, GUEST) | {
        place for person, place in plan.guest_places if person == GUEST
    }
    lists = [n for person, n in plan.guest_lists if person == GUEST]
    condition = Q(subaccount__in=sorted(places)) | Q(pk__in=lists)
    return Persona(GUEST, user, len(places), condition, condition)


def _limited(plan: Plan, user: Any, key: int) -> list[Persona]:
    places = plan.active(PRESS) if key == TEAM_WIDE else sorted(_places(plan, key))
    where = Q(account=PRESS) if key == TEAM_WIDE else Q(subaccount__in=places)
    seen = sorted(plan.seen_by_teams(key))
    lists = where & Q(pk__in=seen)
    # no template is shared with anybody
    campaigns = (
        where & (Q(mailing_list__in=seen) | Q(mailing_list__isnull=True)) & Q(template__isnull=True)
    )
    return [
        Persona(key, user, len(places), lists, lists),
        Persona(key, user, len(places), campaigns, campaigns, Campaign, ACCESS_CAMPAIGNS),
    ]


def check(found: list[Persona]) -> None:
    """Raise AssertionError unless each filter by hand finds the same rows as the product."""
    for persona in found:
        with access.unit_of_work():
            ours = persona.ours().count()
        by_hand = [persona.by_hand(q).count() for q in (persona.ideal, persona.by_ids)]
        if by_hand != [ours, ours]:
            raise AssertionError(f"{persona.name}: {ours} rows, by hand {by_hand}")
