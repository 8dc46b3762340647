"""What becomes of one row of a file: somebody is invited, or given what they lack, or refused."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format

from permissions.audit import label_of
from permissions.errors import AlreadyUsed
from teams.models import Invitation, Membership, Team, TeamMembership
from teams.services.invitations import offer
from teams.services.newcomer_rows import Asked, Intake, listed
from teams.services.people import add_member
from teams.services.sharing import add_to_team
from teams.services.toggles import toggle_permission


class Kind(StrEnum):
    """What becomes of a row."""

    INVITED = "invited"
    ADDED = "added"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


def give(intake: Intake, asked: Asked) -> tuple[Kind, str]:
    """Do what a row asks for; return what became of it, and the sentence about it. Raises Refused,
    or Invalid where the person or the address has something else there."""
    person = intake.person(asked.address)
    return _invite(intake, asked) if person is None else _add(intake, asked, person)


# somebody who is not here, as far as the actor sees


def _invite(intake: Intake, asked: Asked) -> tuple[Kind, str]:
    try:
        offer(
            intake.change,
            address=asked.address,
            toggles=asked.toggles,
            teams=asked.teams,
            **asked.seat,
        )
    except AlreadyUsed:  # said only to those who may invite there
        _refuse_other_offer(intake, asked)
        return Kind.UNCHANGED, "Is invited already, to just that."
    return Kind.INVITED, f"Is invited as {_words(intake, asked)}."


def _refuse_other_offer(intake: Intake, asked: Asked) -> None:
    """Refuse unless what is offered to the address at that place is the very same."""
    rows = Invitation.objects.filter(
        account=intake.account,
        address=asked.address,
        subaccount=asked.subaccount,
        status=Invitation.Status.PENDING,
    )
    if intake.edition.roles_add_up:
        rows = rows.filter(role=asked.codename, custom_role=asked.custom)
    found = rows.get()
    differs = {
        "as something else": (found.role, found.custom_role) != (asked.codename, asked.custom),
        "to other subaccounts": not _is_same_reach(asked, found),
        "with other switches": set(found.toggles) != set(asked.toggles),
        "to other teams": set(found.teams.all()) != set(asked.teams),
        "until another time": found.ends_at != asked.ends_at,
    }
    if how := [words for words, is_other in differs.items() if is_other]:
        raise AlreadyUsed(
            f"Is invited already, {listed(how)}. Withdraw that invitation first.", code="DIFFERS"
        )


def _is_same_reach(asked: Asked, row: Invitation | Membership) -> bool:
    wanted = {place.pk for place in asked.managed}
    return row.all_subaccounts == asked.all_subaccounts and set(row.reach_keys) == wanted


# somebody who is here already


def _add(intake: Intake, asked: Asked, person: Any) -> tuple[Kind, str]:
    name = label_of(person)
    there = intake.memberships(person, asked)
    if there:
        membership = there[0]
        _refuse_other_role(asked, membership)
    else:
        membership = add_member(
            actor=intake.actor, account=intake.account, user=person, **asked.seat
        )
    toggles = [toggle for toggle in asked.toggles if not _is_on(membership, toggle, intake)]
    for toggle in toggles:
        toggle_permission(actor=intake.actor, membership=membership, toggle=toggle, on=True)
    teams = _teams_to_join(asked, person)
    for team in teams:
        add_to_team(actor=intake.actor, team=team, user=person, ends_at=asked.ends_at)
    if not there:
        return Kind.ADDED, f"{name} becomes {_words(intake, asked)}."
    if toggles or teams:
        given = [str(intake.edition.toggle(toggle).label) for toggle in toggles]
        given += [f"a place in the team {team.name}" for team in teams]
        return (
            Kind.ADDED,
            f"{name} is {asked.role_label} there already and is given {listed(given)}.",
        )
    return Kind.UNCHANGED, f"{name} has that already."


def _refuse_other_role(asked: Asked, membership: Membership) -> None:
    """Refuse unless the role that is there is the very same: an import changes none."""
    name = label_of(membership.user)
    if (membership.role, membership.custom_role) != (asked.codename, asked.custom):
        raise AlreadyUsed(
            f"{name} has another role there already, and a file changes no role. Change it on "
            "their page.",
            code="DIFFERS",
        )
    has_ended = membership.ends_at is not None and membership.ends_at <= timezone.now()
    if membership.status != Membership.Status.ACTIVE or has_ended:
        state = "has ended" if has_ended else "is suspended"
        raise AlreadyUsed(
            f"{name} is {asked.role_label} there, but that {state}. Wake it on their page.",
            code="ASLEEP",
        )
    differs = {
        "for other subaccounts": not _is_same_reach(asked, membership),
        "until another time": membership.ends_at != asked.ends_at,
    }
    if how := [words for words, is_other in differs.items() if is_other]:
        raise AlreadyUsed(
            f"{name} is {asked.role_label} there already, {listed(how)}, and a file changes no "
            "role. Change it on their page.",
            code="DIFFERS",
        )


def _teams_to_join(asked: Asked, person: Any) -> list[Team]:
    """Return the teams that ``person`` is not in. Raises AlreadyUsed for one in which they were."""
    rows = TeamMembership.objects.filter(user=person, team__in=asked.teams)
    ends = dict(rows.values_list("team_id", "ends_at"))
    for team in asked.teams:
        end = ends.get(team.pk)
        if end is not None and end <= timezone.now():
            raise AlreadyUsed(
                f"The place of {label_of(person)} in {team.name} has ended. Extend it instead.",
                code="ASLEEP",
            )
    return [team for team in asked.teams if team.pk not in ends]


def _is_on(membership: Membership, toggle: str, intake: Intake) -> bool:
    spec = intake.edition.find_role(membership.role)
    wanted = spec.optional.get(toggle, frozenset()) if spec else frozenset()
    table: Any = (
        membership.account_toggles if membership.is_account_level else membership.subaccount_toggles
    )
    now = timezone.now()
    on = {
        row.permission.codename
        for row in table.select_related("permission")
        if row.ends_at is None or row.ends_at > now
    }
    return bool(wanted) and wanted <= on


def _words(intake: Intake, asked: Asked) -> str:
    """Return what is asked for: role, place, reach, switches, teams and end."""
    place = asked.subaccount or intake.account
    words = [f"{asked.role_label} of {place.name}"]
    if asked.all_subaccounts:
        words.append("for all current and future subaccounts")
    elif asked.managed:
        words.append(f"for {listed(one.name for one in asked.managed)}")
    if asked.toggles:
        labels = (intake.edition.toggle(toggle).label for toggle in asked.toggles)
        words.append(f"with {listed(labels)}")
    if asked.teams:
        word = "team" if len(asked.teams) == 1 else "teams"
        words.append(f"in the {word} {listed(team.name for team in asked.teams)}")
    if asked.ends_at:
        local = timezone.localtime(asked.ends_at, timezone.get_default_timezone())
        words.append(f"until {date_format(local, 'j F Y, H:i')}")
    return ", ".join(words)
