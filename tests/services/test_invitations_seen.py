"""Who sees which invitation: whoever may withdraw it, by the same rule."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from permissions import access
from permissions.errors import Refused
from teams import selectors
from teams.editions.spec import ALL, AT_HOME, SOME
from teams.factories import InvitationFactory, RoleFactory, UserFactory
from teams.models import Invitation
from teams.services.change import Change
from teams.services.invitation_gates import gate_invitation
from tests.services.world import EDITIONS, World, world

pytestmark = pytest.mark.django_db


def every_invitation(found: World) -> list[Invitation]:
    """Return one invitation to each role, at each place and with each reach it may have."""
    made = []
    own = {"account": found.account}
    named: list[dict[str, Any]] = [{"role": role.codename} for role in found.edition.roles]
    if found.edition.custom_roles is not None:
        named.append({"role": "", "custom_role": RoleFactory(account=found.account)})
    for role in named:
        spec = found.edition.find_role(role["role"])
        if spec is None or spec.subaccount_level:
            places = [found.north, found.south, found.west, *filter(None, [found.home])]
            made += [InvitationFactory(subaccount=place, **role, **own) for place in places]
        reaches = spec.reaches if spec else frozenset({ALL})
        if ALL in reaches:
            made.append(InvitationFactory(subaccount=None, all_subaccounts=True, **role, **own))
        if SOME in reaches:
            for reach in ([], [found.north], [found.south, found.west]):
                made.append(InvitationFactory(subaccount=None, reaching=reach, **role, **own))
        if AT_HOME in reaches:
            made.append(InvitationFactory(subaccount=None, reaching=[found.home], **role, **own))
    return made


def everybody(found: World) -> list[Any]:
    """Return the owner and somebody of each role, at each place, with and without switches."""
    people = [found.owner]
    for role in found.edition.roles:
        switches = [(), tuple(role.optional)] if role.optional else [()]
        for toggles in switches:
            if role.subaccount_level:
                places = [found.north, *filter(None, [found.home])]
                people += [
                    found.member(role.codename, place, toggles=toggles).user for place in places
                ]
            if ALL in role.reaches:
                people.append(found.manager(role=role.codename, toggles=toggles).user)
            if SOME in role.reaches:
                people.append(found.manager(found.north, role=role.codename, toggles=toggles).user)
                west = found.manager(found.north, found.west, role=role.codename, toggles=toggles)
                people.append(west.user)
            if AT_HOME in role.reaches and found.home:
                people.append(found.manager(found.home, role=role.codename, toggles=toggles).user)
    return people


def may_withdraw(change: Change | None, invitation: Invitation) -> bool:
    if change is None:
        return False
    try:
        gate_invitation(change, invitation, "withdraw this invitation")
    except Refused:
        return False
    return True


@pytest.mark.parametrize("edition", EDITIONS)
def test_an_invitation_is_seen_by_whoever_may_withdraw_it(
    edition: str, record_property: Any
) -> None:
    found, rival = world(edition), world(edition)
    invitations = every_invitation(found)
    every_invitation(rival)
    people = [*everybody(found), *everybody(rival), UserFactory()]
    if edition == "sailthru":
        people.append(found.member(found.custom("manage_members")).user)
        people.append(found.manager(role=found.custom("manage_members", "manage_roles")).user)
    seen_by_somebody = 0
    for person in people:
        change = Change.open(person, found.account, access.profile_of(person))
        allowed = {i.pk for i in invitations if may_withdraw(change, i)}
        seen = selectors.invitations_of(person).filter(account=found.account)
        assert set(seen.values_list("pk", flat=True)) == allowed, person
        seen_by_somebody += len(allowed)
    assert 0 < seen_by_somebody < len(people) * len(invitations)
    record_property("invitations asked for", len(people) * len(invitations))


def test_nobody_without_a_place_sees_an_invitation() -> None:
    found = world("emma_hq")
    InvitationFactory(account=found.account, subaccount=found.north, role="editor")
    seat = found.member("administrator")
    assert selectors.invitations_of(seat.user).count() == 1
    type(seat).objects.filter(pk=seat.pk).update(ends_at=timezone.now())
    assert not selectors.invitations_of(seat.user).exists()
