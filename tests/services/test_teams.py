"""Teams: who is in one, what is shared with it, and who may say so."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from permissions.models import AuditEvent
from teams import services
from teams.factories import (
    CampaignFactory,
    ContactFactory,
    MailingListFactory,
    MessageTemplateFactory,
    UserFactory,
)
from teams.models import MailingList, TeamMembership
from teams.models.account import TeamMode
from tests.services.world import EDITIONS, ELSEWHERE, World, holds, missing, refused, world

pytestmark = pytest.mark.django_db

PEOPLE = ("access_settings", "manage_members")
TEAMS = (*PEOPLE, "manage_teams")


def make_list(w: World, **extra: Any) -> MailingList:
    return MailingListFactory(**{"subaccount": w.north, "created_by": w.owner, **extra})


def join(actor: Any, team: Any, user: Any, **extra: Any) -> TeamMembership:
    return services.add_to_team(actor=actor, team=team, user=user, **extra)


def share(actor: Any, team: Any, obj: Any) -> None:
    services.share_with_team(actor=actor, team=team, obj=obj)


def unshare(actor: Any, team: Any, obj: Any) -> None:
    services.unshare_with_team(actor=actor, team=team, obj=obj)


# make


def test_create_team() -> None:
    w = world("sailthru")
    actor = w.member(w.custom("access_settings", "manage_teams"))

    team = services.create_team(actor=actor.user, account=w.account, name=" Loyalty ")

    assert (team.name, team.account) == ("Loyalty", w.account)
    assert team.group.name.startswith("team:")
    assert not team.memberships.exists()
    assert AuditEvent.objects.get(root=f"teams.account:{w.account.pk}").action == "team.created"
    for name in ("Loyalty", "LOYALTY"):
        with refused("ALREADY_USED"):
            services.create_team(actor=w.owner, account=w.account, name=name)


def test_create_team_needs_manage_teams_somewhere() -> None:
    w = world("sailthru")
    actor = w.member(w.custom(*PEOPLE, "manage_roles"))
    with refused("OUT_OF_SCOPE") as caught:
        services.create_team(actor=actor.user, account=w.account, name="Mine")
    assert {p for p, _ in missing(caught)} == {"manage_teams"}
    rival = world("sailthru")
    with refused("NOT_FOUND"):
        services.create_team(actor=rival.owner, account=w.account, name="Mine")


@pytest.mark.parametrize("edition", sorted(set(EDITIONS) - {"sailthru"}))
def test_other_editions_have_no_teams(edition: str) -> None:
    w = world(edition)
    member = w.member(next(r.codename for r in w.edition.roles if r.subaccount_level))
    team, mailing_list = w.team(), make_list(w)
    for act in (
        lambda: services.create_team(actor=w.owner, account=w.account, name="x"),
        lambda: join(w.owner, team, member.user),
        lambda: services.remove_from_team(actor=w.owner, team=team, user=member.user),
        lambda: share(w.owner, team, mailing_list),
        lambda: unshare(w.owner, team, mailing_list),
    ):
        with refused("NOT_IN_EDITION"):
            act()


# who is in it


def test_join_and_leave() -> None:
    w = world("sailthru")
    limited, team, mailing_list = w.member("marketer_limited"), w.team(), make_list(w)
    share(w.owner, team, mailing_list)
    assert not holds(limited.user, "access_audience", mailing_list)

    join(w.owner, team, limited.user)
    assert holds(limited.user, "access_audience", mailing_list)
    assert not limited.user.groups.exists()
    with refused("ALREADY_USED"):
        join(w.owner, team, limited.user)
    services.remove_from_team(actor=w.owner, team=team, user=limited.user)

    assert not holds(limited.user, "access_audience", mailing_list)
    with refused("NOT_FOUND"):
        services.remove_from_team(actor=w.owner, team=team, user=limited.user)


def test_membership_of_a_team_ends_by_itself() -> None:
    w = world("sailthru")
    limited, team, mailing_list = w.member("marketer_limited"), w.team(), make_list(w)
    share(w.owner, team, mailing_list)
    row = join(w.owner, team, limited.user, ends_at=timezone.now() + timedelta(days=1))
    assert holds(limited.user, "access_audience", mailing_list)

    TeamMembership.objects.filter(pk=row.pk).update(ends_at=timezone.now())

    assert not holds(limited.user, "access_audience", mailing_list)


def test_nobody_puts_themselves_into_a_team() -> None:
    w = world("sailthru")
    admin, team = w.member("account_admin"), w.team()
    with refused("OWN_RIGHTS"):
        join(admin.user, team, admin.user)
    with refused("OWN_RIGHTS"):
        services.remove_from_team(actor=admin.user, team=team, user=admin.user)


def test_team_is_for_people_of_the_account() -> None:
    w, rival = world("sailthru"), world("sailthru")
    team = w.team()
    for person in (UserFactory(), rival.member("marketer_limited").user):
        with refused("NOT_A_MEMBER"):
            join(w.owner, team, person)


def test_joining_needs_manage_teams_where_the_person_works() -> None:
    w = world("sailthru")
    team, target = w.team(), w.member("reports_only")
    south = w.member(w.custom(*TEAMS), w.south)
    people = w.member(w.custom(*PEOPLE, "manage_roles"))
    for actor, place in ((south.user, ELSEWHERE), (people.user, "North")):
        for act in (
            lambda actor=actor: join(actor, team, target.user),
            lambda actor=actor: services.remove_from_team(actor=actor, team=team, user=target.user),
        ):
            with refused("OUT_OF_SCOPE") as caught:
                act()
            assert missing(caught) == {("manage_teams", place)}
    join(w.member(w.custom(*TEAMS)).user, team, target.user)


def test_who_holds_more_is_not_put_into_teams_by_who_holds_less() -> None:
    w = world("sailthru")
    actor, target, team = w.member(w.custom(*TEAMS)), w.member("marketer_limited"), w.team()
    with refused("RANK_TOO_HIGH") as caught:
        join(actor.user, team, target.user)
    assert ("send_campaigns", "North") in missing(caught)


def test_joining_is_a_grant_of_what_the_team_sees() -> None:
    """Who does not see a list lets nobody else see it by way of a team."""
    w = world("sailthru")
    ticks = (*TEAMS, "access_audience", "delete_lists")
    actor, target = w.member(w.custom(*ticks)), w.member(w.custom("access_audience"))
    shown, hidden = make_list(w), make_list(w)
    own, other = w.team(actor.user), w.team()
    share(w.owner, own, shown)
    share(w.owner, other, hidden)

    join(actor.user, own, target.user)
    assert holds(target.user, "access_audience", shown)
    with refused("OUT_OF_SCOPE") as caught:
        join(actor.user, other, target.user)
    assert missing(caught) == {("access_audience", "North")}
    assert not holds(target.user, "access_audience", hidden)


def test_joining_is_judged_for_somebody_suspended_as_for_anybody() -> None:
    """What they are given while they sleep is theirs when they wake."""
    w = world("sailthru")
    actor = w.member(w.custom(*TEAMS, "access_audience", "delete_lists"))
    target = w.member(w.custom("access_audience"), status="suspended")
    hidden, team = make_list(w), w.team()
    share(w.owner, team, hidden)

    with refused("OUT_OF_SCOPE") as caught:
        join(actor.user, team, target.user)
    assert missing(caught) == {("access_audience", "North")}
    join(w.owner, team, target.user)
    services.reactivate_member(actor=w.owner, membership=target)
    assert holds(target.user, "access_audience", hidden)


def test_nothing_is_done_with_teams_while_they_are_off() -> None:
    """Nobody could judge who comes to see what."""
    w = world("sailthru", team_mode=TeamMode.OFF)
    member, team, mailing_list = w.member("reports_only"), w.team(), make_list(w)
    for act in (
        lambda: services.create_team(actor=w.owner, account=w.account, name="x"),
        lambda: join(w.owner, team, member.user),
        lambda: services.remove_from_team(actor=w.owner, team=team, user=member.user),
        lambda: share(w.owner, team, mailing_list),
        lambda: unshare(w.owner, team, mailing_list),
    ):
        with refused("TEAMS_OFF"):
            act()


# what is shared with it


def test_share_and_unshare() -> None:
    w = world("sailthru")
    limited = w.member("marketer_limited")
    team = w.team(limited.user)
    mailing_list, template = make_list(w), MessageTemplateFactory(subaccount=w.north)
    campaign = CampaignFactory(subaccount=w.north, mailing_list=mailing_list, template=template)
    for obj in (mailing_list, template):
        assert not holds(limited.user, "access_campaigns", campaign)
        share(w.owner, team, obj)
        with refused("ALREADY_USED"):
            share(w.owner, team, obj)
    assert holds(limited.user, "access_campaigns", campaign)

    unshare(w.owner, team, template)

    assert not holds(limited.user, "access_campaigns", campaign)
    assert not holds(limited.user, "access_content", template)
    assert holds(limited.user, "access_audience", mailing_list)
    with refused("NOT_FOUND"):
        unshare(w.owner, team, template)


def test_teams_for_lists_leave_templates_alone() -> None:
    w = world("sailthru", team_mode=TeamMode.LISTS)
    limited = w.member("marketer_limited")
    mailing_list, template = make_list(w), MessageTemplateFactory(subaccount=w.north)

    assert not holds(limited.user, "access_audience", mailing_list)
    assert holds(limited.user, "access_content", template)


def test_who_assigns_sees_everything() -> None:
    w = world("sailthru")
    marketer = w.member("marketer_admin")
    mailing_list, team = make_list(w), w.team()

    assert holds(marketer.user, "access_audience", mailing_list)
    share(marketer.user, team, mailing_list)


def test_team_of_another_account_changes_nothing_here() -> None:
    """A rival who adds somebody to a team of theirs must not change what that person sees here."""
    w, rival = world("sailthru"), world("sailthru")
    limited = w.member("marketer_limited")
    mailing_list = make_list(w, created_by=limited.user)
    share(w.owner, w.team(), mailing_list)  # a team the creator is not in; they are in none
    assert holds(limited.user, "access_audience", mailing_list)

    rival.member("reports_only", user=limited.user)
    join(rival.owner, rival.team(), limited.user)

    assert holds(limited.user, "access_audience", mailing_list)
    w.team(limited.user)  # one of this account does count
    assert not holds(limited.user, "access_audience", mailing_list)


def test_creator_sees_what_is_nobodys() -> None:
    w = world("sailthru")
    limited = w.member("marketer_limited")
    mailing_list = make_list(w, created_by=limited.user)
    assert holds(limited.user, "access_audience", mailing_list)

    w.team(limited.user)  # an unassigned one stays its creator's
    assert holds(limited.user, "access_audience", mailing_list)
    share(w.owner, w.team(), mailing_list)

    assert not holds(limited.user, "access_audience", mailing_list)


def test_sharing_needs_assign_team_resources_and_the_menu() -> None:
    w = world("sailthru")
    team, mailing_list = w.team(), make_list(w)
    limited = w.member("marketer_limited")
    assigning = w.member(w.custom("assign_team_resources"))
    south = w.member("marketer_admin", w.south)
    for actor, lacking, place in (
        (limited.user, "assign_team_resources", "North"),
        (south.user, "assign_team_resources", "North"),
        (assigning.user, "access_audience", "North"),
    ):
        for act in (share, unshare):
            with refused("OUT_OF_SCOPE") as caught:
                act(actor, team, mailing_list)
            assert missing(caught) == {(lacking, place)}


def test_sharing_is_a_grant_to_everybody_in_the_team() -> None:
    w = world("sailthru")
    actor = w.member(w.custom("assign_team_resources", "access_audience"))
    mailing_list = make_list(w)
    modest, strong = w.member(w.custom("access_audience")), w.member("marketer_limited")

    mixed = w.team(modest.user, strong.user)

    share(actor.user, w.team(modest.user), mailing_list)
    with refused("OUT_OF_SCOPE") as caught:
        share(actor.user, mixed, mailing_list)
    assert ("send_campaigns", "North") in missing(caught)
    assert ("access_audience", "North") not in missing(caught)


def test_only_lists_and_templates_are_shared() -> None:
    w = world("sailthru")
    team = w.team()
    for obj, code in (
        (CampaignFactory(subaccount=w.north), "NOT_SHAREABLE"),
        (ContactFactory(subaccount=w.north), "NOT_SHAREABLE"),
        (w.north, "NOT_SHAREABLE"),
        (w.account, "NOT_SHAREABLE"),
        (w.owner, "WRONG_TYPE"),
    ):
        with refused(code):
            share(w.owner, team, obj)
        with refused(code):
            unshare(w.owner, team, obj)


def test_teams_and_things_of_another_account_are_not_found() -> None:
    w, rival = world("sailthru"), world("sailthru")
    ours, theirs = w.team(), rival.team()
    our_list, their_list = make_list(w), make_list(rival)
    member = w.member("marketer_limited")
    for act in (
        lambda: share(w.owner, ours, their_list),
        lambda: share(w.owner, theirs, our_list),
        lambda: share(w.owner, theirs, their_list),
        lambda: unshare(w.owner, ours, their_list),
        lambda: unshare(w.owner, theirs, their_list),
        lambda: join(w.owner, theirs, member.user),
        lambda: services.remove_from_team(actor=w.owner, team=theirs, user=member.user),
    ):
        with refused("NOT_FOUND"):
            act()


def test_a_deleted_team_is_not_found() -> None:
    w = world("sailthru")
    team, member = w.team(), w.member("marketer_limited")
    type(team).objects.filter(pk=team.pk).delete()
    Group.objects.filter(pk=team.group_id).delete()
    with refused("NOT_FOUND"):
        join(w.owner, team, member.user)
