"""Lists: create, rename, change type, delete; and who sees what somebody made."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from permissions.models import AuditEvent
from teams import services
from teams.catalogue import ACCESS_AUDIENCE, ACCESS_CONTENT, CHANGE_LIST_TYPE
from teams.factories import CampaignFactory, ContactFactory, MailingListFactory, SegmentFactory
from teams.models import ListMembership, MailingList
from teams.models.account import TeamMode
from tests.services.world import EDITIONS, World, holds, missing, refused, world

pytestmark = pytest.mark.django_db


def create(w: World, actor: Any, name: str = "Readers", **extra: Any) -> MailingList:
    return services.create_list(actor=actor, subaccount=w.north, name=name, **extra)


def last_event(w: World) -> AuditEvent:
    return AuditEvent.objects.filter(root=f"teams.account:{w.account.pk}").latest("sequence")


# create


@pytest.mark.parametrize("edition", EDITIONS)
def test_owner_creates_a_list(edition: str) -> None:
    w = world(edition)

    made = create(w, w.owner, "  Shop customers ")

    made.refresh_from_db()
    assert (made.name, made.slug, made.kind) == ("Shop customers", "shop-customers", "primary")
    assert (made.account, made.subaccount, made.created_by) == (w.account, w.north, w.owner)
    assert last_event(w).action == "mailinglist.created"
    assert last_event(w).data["subaccount"] == w.north.pk


def test_short_names_are_numbered_and_never_empty() -> None:
    w = world("emma_hq")
    names = ("Readers", "Readers!", "読者", "購読者")
    assert [create(w, w.owner, name).slug for name in names] == [
        "readers",
        "readers-2",
        "mailinglist",
        "mailinglist-2",
    ]


@pytest.mark.parametrize("taken", ["readers", "READERS", "Readers"])
def test_name_that_is_taken_is_refused_also_if_its_list_is_hidden_or_put_away(taken: str) -> None:
    w = world("sailthru")
    MailingListFactory(subaccount=w.north, name="Readers", archived_at=timezone.now())
    limited = w.member("marketer_limited").user
    with refused("ALREADY_USED") as caught:
        create(w, limited, taken)
    assert "Readers" not in caught.value.message
    services.create_list(actor=w.owner, subaccount=w.south, name="Readers")


def test_a_secondary_list_needs_the_right_to_change_the_type() -> None:
    w = world("sailthru")
    limited = w.member("marketer_admin").user
    assert not holds(limited, CHANGE_LIST_TYPE, w.north)
    with refused("OUT_OF_SCOPE") as caught:
        create(w, limited, kind="secondary")
    assert missing(caught) == {("change_list_type", "North")}
    assert create(w, limited).kind == "primary"
    assert create(w, w.owner, "Derived", kind="secondary").kind == "secondary"


def test_nobody_creates_where_they_do_not_work() -> None:
    w = world("emma_hq")
    elsewhere, rival = w.member("full", w.south).user, world("emma_hq").owner
    author = w.member("author").user
    with refused("NOT_FOUND"):
        create(w, elsewhere)
    with refused("NOT_FOUND"):
        create(w, rival)
    with refused("OUT_OF_SCOPE"):
        create(w, author)
    with refused("ARCHIVED"):
        services.create_list(actor=w.owner, subaccount=w.west, name="Readers")


# what one creates goes to one's teams


@pytest.mark.parametrize(
    ("mode", "lists", "templates"),
    [(TeamMode.LISTS, True, False), (TeamMode.LISTS_AND_TEMPLATES, True, True)],
)
def test_what_somebody_limited_creates_goes_to_all_their_teams(
    mode: str, lists: bool, templates: bool
) -> None:
    w = world("sailthru", team_mode=mode)
    creator, mate, other = (w.member("marketer_limited").user for _ in range(3))
    one, two, _foreign = w.team(creator, mate), w.team(creator), world("sailthru").team(creator)
    w.team(other)

    made = create(w, creator)
    template = services.create_template(actor=creator, subaccount=w.north, name="Letter")

    for obj, is_limited, permission in (
        (made, lists, ACCESS_AUDIENCE),
        (template, templates, ACCESS_CONTENT),
    ):
        groups = set(obj.group_grants.values_list("group", flat=True))
        assert groups == ({one.group_id, two.group_id} if is_limited else set())
        assert holds(creator, permission, obj)
        assert holds(mate, permission, obj)
        assert holds(other, permission, obj) is not is_limited


def test_what_somebody_without_a_team_creates_is_theirs_alone() -> None:
    w = world("sailthru")
    creator, mate = (w.member("marketer_limited").user for _ in range(2))
    made = create(w, creator)
    assert holds(creator, ACCESS_AUDIENCE, made)
    assert not holds(mate, ACCESS_AUDIENCE, made)


def test_who_may_assign_decides_for_themselves() -> None:
    w = world("sailthru")
    admin, mate = w.member("marketer_admin").user, w.member("marketer_limited").user
    team = w.team(admin, mate)
    made = create(w, admin)
    assert not holds(mate, ACCESS_AUDIENCE, made)
    services.share_with_team(actor=admin, team=team, obj=made)
    assert holds(mate, ACCESS_AUDIENCE, made)


def test_a_membership_that_has_ended_shares_nothing() -> None:
    w = world("sailthru")
    creator, mate = (w.member("marketer_limited").user for _ in range(2))
    team = w.team(creator, mate)
    team.memberships.filter(user=creator).update(ends_at=timezone.now())
    assert not holds(mate, ACCESS_AUDIENCE, create(w, creator))


# rename, change type


def test_renaming_changes_the_name_alone() -> None:
    w = world("emma_hq")
    made = create(w, w.owner)
    services.rename_list(actor=w.member("full").user, mailing_list=made, name="Fans")
    made.refresh_from_db()
    assert (made.name, made.slug) == ("Fans", "readers")
    assert (last_event(w).data["before"], last_event(w).data["after"]) == ("Readers", "Fans")
    services.rename_list(actor=w.owner, mailing_list=made, name="FANS")  # its own name is free


@pytest.mark.parametrize(
    ("permission", "call"),
    [
        ("rename_lists", lambda a, o: services.rename_list(actor=a, mailing_list=o, name="X")),
        (
            "change_list_type",
            lambda a, o: services.change_list_type(actor=a, mailing_list=o, kind="secondary"),
        ),
        ("delete_lists", lambda a, o: services.delete_list(actor=a, mailing_list=o)),
    ],
)
def test_each_act_needs_its_own_permission(permission: str, call: Any) -> None:
    w = world("sailthru")
    others = {"rename_lists", "change_list_type", "delete_lists"} - {permission}
    common = ("access_audience", "assign_team_resources")
    without = w.member(w.custom(*common, *others)).user
    holder = w.member(w.custom(*common, permission)).user
    made = create(w, w.owner)
    with refused("OUT_OF_SCOPE") as caught:
        call(without, made)
    assert missing(caught) == {(permission, "North")}
    call(holder, made)


def test_what_teams_hide_is_not_there() -> None:
    w = world("sailthru")
    limited = w.member(w.custom("access_audience", "rename_lists")).user
    hidden = create(w, w.owner)
    with refused("NOT_FOUND"):
        services.rename_list(actor=limited, mailing_list=hidden, name="X")


def test_the_type_there_is_and_types_there_are_not_are_refused() -> None:
    w = world("emma_hq")
    made = create(w, w.owner)
    with refused("ALREADY_SO"):
        services.change_list_type(actor=w.owner, mailing_list=made, kind="primary")
    with refused("UNKNOWN_TYPE"):
        services.change_list_type(actor=w.owner, mailing_list=made, kind="tertiary")


def test_nothing_is_changed_about_what_is_put_away() -> None:
    w = world("emma_hq")
    made = create(w, w.owner)
    services.archive_item(actor=w.owner, obj=made)
    with refused("ARCHIVED"):
        services.rename_list(actor=w.owner, mailing_list=made, name="X")
    with refused("ARCHIVED"):
        services.change_list_type(actor=w.owner, mailing_list=made, kind="secondary")


# delete


@pytest.mark.parametrize("more", [{}, {"archived_at": timezone.now()}])
def test_a_list_with_contacts_on_it_is_not_deleted(more: dict[str, Any]) -> None:
    w = world("emma_hq")
    made, contact = create(w, w.owner), ContactFactory(subaccount=w.north, **more)
    ListMembership.objects.create(subaccount=w.north, contact=contact, mailing_list=made)
    with refused("IN_USE") as caught:
        services.delete_list(actor=w.owner, mailing_list=made)
    assert caught.value.message == (
        "Readers has contacts on it. Archive it instead, which keeps who is on it."
    )
    assert ListMembership.objects.filter(contact=contact, mailing_list=made).exists()


def test_an_empty_list_is_deleted() -> None:
    w = world("emma_hq")
    made = create(w, w.owner)
    counts = services.delete_list(actor=w.member("full").user, mailing_list=made)
    assert counts == {"teams.MailingList": 1}
    assert not MailingList.objects.filter(pk=made.pk).exists()
    assert last_event(w).action == "mailinglist.deleted"
    assert last_event(w).subject_label == "Readers"


def test_a_list_that_is_used_stays() -> None:
    w = world("emma_hq")
    made = create(w, w.owner)
    campaign = CampaignFactory(subaccount=w.north, mailing_list=made, name="Secret sale")
    with refused("IN_USE") as caught:
        services.delete_list(actor=w.owner, mailing_list=made)
    assert "Secret sale" not in caught.value.message
    campaign.delete()
    segment = SegmentFactory(subaccount=w.north, mailing_list=made)
    with refused("IN_USE"):
        services.delete_list(actor=w.owner, mailing_list=made)
    services.archive_item(actor=w.owner, obj=segment)
    with refused("IN_USE"):  # it would go along, which is purging
        services.delete_list(actor=w.owner, mailing_list=made)
    services.purge_item(actor=w.owner, obj=segment, confirm=segment.name)
    services.delete_list(actor=w.owner, mailing_list=made)


def test_a_list_whose_segment_a_campaign_needs_stays() -> None:
    w = world("emma_hq")
    made = create(w, w.owner)
    segment = SegmentFactory(subaccount=w.north, mailing_list=made, archived_at=timezone.now())
    CampaignFactory(subaccount=w.north, segment=segment)
    with refused("IN_USE"):
        services.delete_list(actor=w.owner, mailing_list=made)


def test_grants_go_with_the_list() -> None:
    w = world("sailthru")
    creator = w.member("marketer_limited").user
    w.team(creator)
    counts = services.delete_list(actor=w.owner, mailing_list=create(w, creator))
    assert counts == {"teams.MailingList": 1, "teams.MailingListGroupGrant": 1}
