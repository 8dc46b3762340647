"""Teams: who is in one, what is shared with it, and who may say so."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from permissions import grants
from permissions.models import AuditEvent
from teams import editions, services
from teams.catalogue import (
    ACCESS_CONTENT,
    ASSIGN_TEAM_RESOURCES,
    MANAGE_ACCOUNT_SETTINGS,
    MANAGE_TEAMS,
)
from teams.factories import (
    CampaignFactory,
    ContactFactory,
    MailingListFactory,
    MessageTemplateFactory,
    UserFactory,
)
from teams.models import Invitation, MailingList, TeamMembership
from teams.models.account import TeamMode
from teams.rights import custom_permissions
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


# another name


def test_rename_team() -> None:
    w = world("sailthru")
    member = w.member(w.custom("access_audience"))
    team = w.team(member.user)
    services.create_team(actor=w.owner, account=w.account, name="Loyalty")

    made = services.rename_team(actor=w.owner, team=team, name=" Spring ")

    assert made.name == "Spring"
    services.rename_team(actor=w.owner, team=team, name="SPRING")  # its own name is not taken
    with refused("ALREADY_USED"):
        services.rename_team(actor=w.owner, team=team, name="loyalty")
    for actor in (w.member(w.custom(*TEAMS), w.south), w.member(w.custom(*PEOPLE))):
        with refused("OUT_OF_SCOPE") as caught:
            services.rename_team(actor=actor.user, team=team, name="Mine")
        assert {p for p, _ in missing(caught)} == {"manage_teams"}


# put away


def archive(actor: Any, team: Any, into: Any = None) -> Any:
    return services.archive_team(actor=actor, team=team, replacement=into)


def test_an_archived_team_is_empty_and_its_name_is_free() -> None:
    w = world("sailthru")
    limited, maker = w.member("marketer_limited"), w.member("marketer_limited")
    w.team(maker.user)
    team, mailing_list = w.team(limited.user), make_list(w, created_by=maker.user)
    share(w.owner, team, mailing_list)
    offer = _offered(w, team)
    assert not holds(maker.user, "access_audience", mailing_list)

    archive(w.owner, team)

    assert not team.memberships.exists()
    assert not grants.groups_on(mailing_list)
    assert not holds(limited.user, "access_audience", mailing_list)
    assert holds(maker.user, "access_audience", mailing_list)  # nobody's, so its creator's
    assert not offer.into.exists()
    events = AuditEvent.objects.filter(root=f"teams.account:{w.account.pk}")
    event = events.get(action="team.archived")
    assert event.data["things"] == {"teams.mailinglist": [str(mailing_list.pk)]}
    assert list(event.data["people"]) == [str(limited.user_id)]
    again = services.create_team(actor=w.owner, account=w.account, name=team.name)
    for act in (
        lambda: join(w.owner, team, limited.user),
        lambda: services.remove_from_team(actor=w.owner, team=team, user=limited.user),
        lambda: services.set_team_end(actor=w.owner, team=team, user=limited.user, ends_at=None),
        lambda: share(w.owner, team, mailing_list),
        lambda: unshare(w.owner, team, mailing_list),
        lambda: services.rename_team(actor=w.owner, team=team, name="x"),
        lambda: archive(w.owner, team),
        lambda: archive(w.owner, again, team),
        lambda: _offered(w, team),
    ):
        with refused("ARCHIVED"):
            act()
    with refused("SAME_TEAM"):
        archive(w.owner, again, again)


def _offered(w: World, team: Any) -> Invitation:
    return services.invite_member(
        actor=w.owner, account=w.account, address="ana@new.example", role="reports_only",
        subaccount=w.north, teams=[team],
    )  # fmt: skip


def test_people_things_and_invitations_go_to_the_replacement() -> None:
    w = world("sailthru")
    soon, later = (timezone.now() + timedelta(days=n) for n in (1, 9))
    moving, both, staying = (w.member("marketer_limited").user for _ in range(3))
    team, into = w.team(), w.team(staying)
    join(w.owner, team, moving, ends_at=soon)
    join(w.owner, team, both, ends_at=later)
    join(w.owner, into, both, ends_at=soon)
    own, common, template = make_list(w), make_list(w), MessageTemplateFactory(subaccount=w.north)
    for obj in (own, common, template):
        share(w.owner, team, obj)
    share(w.owner, into, common)
    offer = _offered(w, team)

    archive(w.owner, team, into)

    ends = dict(into.memberships.values_list("user", "ends_at"))
    assert ends == {moving.pk: soon, both.pk: later, staying.pk: None}
    for person in (moving, both, staying):
        assert all(holds(person, "access_audience", obj) for obj in (own, common))
        assert holds(person, "access_content", template)
    assert [g.group_id for g in grants.groups_on(own)] == [into.group_id]
    assert grants.groups_on(own)[0].granted_by == w.owner
    assert [row.team for row in offer.into.all()] == [into]


def test_archiving_is_a_grant_to_the_people_of_the_replacement() -> None:
    w = world("sailthru")
    ticks = (*TEAMS, "assign_team_resources", "access_audience", "access_content")
    actor = w.member(w.custom(*ticks)).user
    strong = w.member("marketer_limited").user
    team, into, mailing_list = w.team(), w.team(strong), make_list(w)
    share(w.owner, team, mailing_list)

    with refused("OUT_OF_SCOPE") as caught:
        archive(actor, team, into)
    assert ("send_campaigns", "North") in missing(caught)
    archive(actor, team, w.team())


def test_archiving_is_a_grant_to_whoever_made_what_becomes_nobodys() -> None:
    w = world("sailthru")
    ticks = (*TEAMS, "assign_team_resources", "access_audience", "access_content")
    actor, strong = w.member(w.custom(*ticks)).user, w.member("marketer_limited").user
    w.team(strong)
    team, mailing_list = w.team(), make_list(w, created_by=strong)
    share(w.owner, team, mailing_list)

    for act in (lambda: archive(actor, team), lambda: unshare(actor, team, mailing_list)):
        with refused("OUT_OF_SCOPE") as caught:
            act()
        assert ("send_campaigns", "North") in missing(caught)
    archive(actor, team, w.team())


def test_archiving_shows_nobody_what_is_hidden_from_the_actor() -> None:
    """Also not for longer: who is in both teams until tomorrow and next week gains a week."""
    w = world("sailthru")
    actor = w.member(w.custom(*TEAMS, "assign_team_resources", "access_audience")).user
    w.member(w.custom(*TEAMS, "access_audience"), w.south, user=actor)
    readers = w.custom("access_audience")
    ana, bea = w.member(readers).user, w.member(readers).user
    for person in (ana, bea):
        w.member(readers, w.south, user=person)
    soon, hidden = timezone.now() + timedelta(days=1), make_list(w, subaccount=w.south)
    into, short = w.team(), w.team()
    for team in (into, short):
        share(w.owner, team, hidden)
    join(w.owner, short, ana, ends_at=soon)

    for old, team in ((w.team(bea), into), (w.team(ana), short)):
        with refused("OUT_OF_SCOPE") as caught:
            archive(actor, old, team)
        assert missing(caught) == {("access_audience", "South")}
    same = w.team()
    join(w.owner, same, ana, ends_at=soon)
    archive(actor, same, short)


@pytest.mark.parametrize("own", [True, False])
def test_archiving_leads_no_invitation_to_what_the_actor_could_not_offer(own: bool) -> None:
    """Not even their own: whoever sent it answers for the team it named, and chose no other."""
    w = world("sailthru")
    ticks = (*TEAMS, "assign_team_resources", "access_audience") if own else TEAMS
    actor = w.member(w.custom(*ticks)).user
    hidden = make_list(w, subaccount=w.north if own else w.south)
    team, into = w.team(), w.team()
    share(w.owner, into, hidden)
    offer = services.invite_member(
        actor=w.owner, account=w.account, teams=[team], subaccount=hidden.subaccount,
        address=actor.email if own else "ana@new.example", role=w.custom("access_audience"),
    )  # fmt: skip
    archive(actor, team, into)
    assert not offer.into.exists()


def test_archiving_needs_what_moving_each_by_hand_would() -> None:
    w = world("sailthru")
    mailing_list = make_list(w)
    given, empty, manned = w.team(), w.team(), w.team(w.member("marketer_limited").user)
    share(w.owner, given, mailing_list)
    teams = w.member(w.custom(*TEAMS))
    assigning = w.member(w.custom("assign_team_resources", "access_audience"))
    without_menu = w.member(w.custom(*TEAMS, "assign_team_resources"))
    for actor, team, lacking in (
        (teams, given, {("assign_team_resources", "North")}),
        (without_menu, given, {("access_audience", "North")}),
        (assigning, empty, None),
    ):
        with refused("OUT_OF_SCOPE") as caught:
            archive(actor.user, team)
        assert lacking in (None, missing(caught))
        assert lacking or {p for p, _ in missing(caught)} == {"manage_teams"}
    with refused("RANK_TOO_HIGH"):
        archive(teams.user, manned)
    own = w.team(teams.user)
    with refused("OWN_RIGHTS"):
        archive(teams.user, own)
    archive(teams.user, empty)
    archive(w.owner, w.team(w.owner))  # who sees everything, in a team or not


def test_what_lies_in_an_archived_subaccount_moves_too() -> None:
    w = world("sailthru")
    team, into, mailing_list = w.team(), w.team(), make_list(w)
    share(w.owner, team, mailing_list)
    services.archive_subaccount(actor=w.owner, subaccount=w.north)

    archive(w.owner, team, into)

    assert [g.group_id for g in grants.groups_on(mailing_list)] == [into.group_id]


# what teams limit


def set_mode(actor: Any, w: World, mode: str) -> Any:
    return services.set_team_mode(actor=actor, account=w.account, mode=mode)


def test_set_team_mode() -> None:
    w = world("sailthru", team_mode=TeamMode.OFF)
    reader, admin = (
        w.member(w.custom("access_audience", "access_content")),
        w.member("account_admin"),
    )
    objects = {
        "access_audience": make_list(w),
        "access_content": MessageTemplateFactory(subaccount=w.north),
    }
    for mode, hidden in (
        ("lists_and_templates", {"access_audience", "access_content"}),
        ("lists", {"access_audience"}),
        ("off", set()),
        ("lists", {"access_audience"}),
    ):
        set_mode(w.owner, w, mode)
        assert hidden == {p for p, obj in objects.items() if not holds(reader.user, p, obj)}
        assert all(holds(admin.user, p, obj) for p, obj in objects.items())
        assert holds(admin.user, "assign_team_resources", w.north) == (mode != "off")
    event = AuditEvent.objects.filter(action="account.teams_set").latest("sequence")
    assert (event.data["before"], event.data["after"]) == ("off", "lists")
    count = AuditEvent.objects.count()
    set_mode(w.owner, w, "lists")
    assert AuditEvent.objects.count() == count
    for edition in sorted(set(EDITIONS) - {"sailthru"}):
        other = world(edition)
        with refused("NOT_IN_EDITION"):
            set_mode(other.owner, other, "lists")


def test_teams_stay_on_while_somebody_has_a_role_that_needs_them() -> None:
    w = world("sailthru")
    seats = [w.member("marketer_limited"), w.member("marketer_limited", status="suspended")]
    invitation = services.invite_member(
        actor=w.owner, account=w.account, address="ana@new.example", role="marketer_limited",
        subaccount=w.north,
    )  # fmt: skip
    with refused("ROLE_NEEDS_TEAMS") as caught:
        set_mode(w.owner, w, "off")
    assert "Marketer Limited" in caught.value.message
    assert "2 people have it and 1 is invited" in caught.value.message
    for seat in seats:
        services.remove_member(actor=w.owner, membership=seat)
    with refused("ROLE_NEEDS_TEAMS"):
        set_mode(w.owner, w, "off")
    services.withdraw_invitation(actor=w.owner, invitation=invitation)
    set_mode(w.owner, w, "off")


RUNS = frozenset({MANAGE_ACCOUNT_SETTINGS, MANAGE_TEAMS, ASSIGN_TEAM_RESOURCES, ACCESS_CONTENT})


def steward(monkeypatch: pytest.MonkeyPatch, w: World, holds: frozenset[str]) -> Any:
    """Return somebody with another built-in role, as an edition could have it: in Sailthru's who
    may change settings holds everything there is."""
    name = f"steward_{uuid4().hex}"[:40]  # what a role of that name holds is remembered
    role = replace(
        w.edition.role("account_admin"),
        codename=name,
        label=name,
        holds=holds,  # type: ignore[arg-type]
    )
    edition = replace(w.edition, roles=(*w.edition.roles, role))
    monkeypatch.setattr(editions, "EDITIONS", {**editions.EDITIONS, "sailthru": edition})
    return w.manager(role=name).user


def test_what_teams_limit_is_for_whoever_runs_teams_everywhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    w = world("sailthru")
    for lacking in (MANAGE_ACCOUNT_SETTINGS, MANAGE_TEAMS, ASSIGN_TEAM_RESOURCES):
        actor = steward(monkeypatch, w, RUNS - {lacking})
        with refused("OUT_OF_SCOPE") as caught:
            set_mode(actor, w, "lists")
        assert {p for p, _ in missing(caught)} == {str(lacking)}
    here = w.member("account_admin")
    with refused("OUT_OF_SCOPE"):
        set_mode(here.user, w, "lists")


def test_limiting_less_is_a_grant_to_everybody_who_was_limited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    w = world("sailthru")
    custom = w.edition.custom_roles
    assert custom is not None
    actor = steward(monkeypatch, w, RUNS | custom_permissions(custom, [ACCESS_CONTENT]))
    w.member("marketer_admin")  # sees everything as it is
    w.member(w.custom("access_content"))
    set_mode(actor, w, "lists")
    set_mode(w.owner, w, "lists_and_templates")

    for role in (w.custom("access_audience"), "marketer_limited"):
        strong = w.member(role, w.south, status="suspended")
        with refused("OUT_OF_SCOPE") as caught:
            set_mode(actor, w, "lists")
        assert ("access_audience", "South") in missing(caught)
        services.remove_member(actor=w.owner, membership=strong)
    guest = w.member(w.custom("access_content"), w.south).user
    services.give_guest_access(
        actor=w.owner, user=guest, obj=w.north, permissions=["access_audience"]
    )
    with refused("OUT_OF_SCOPE") as caught:
        set_mode(actor, w, "lists")
    assert missing(caught) == {("access_audience", "North")}
    set_mode(w.owner, w, "lists")
    set_mode(actor, w, "lists_and_templates")  # limiting more takes away only
