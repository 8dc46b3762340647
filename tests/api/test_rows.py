"""Reading and changing through the API: the rows, the masks and the refusals of the console."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from permissions import access
from teams import keys, selectors, services
from teams.addresses import LEFT_OUT
from teams.api import campaigns, checks, contacts, lists, me, people
from teams.catalogue import (
    ACCESS_AUDIENCE,
    ACCESS_CAMPAIGNS,
    ADD_CONTACTS,
    CREATE_CAMPAIGNS,
    EXPORT_CONTACTS,
    EXPORT_PII,
    SEND_CAMPAIGNS,
    VIEW_CONTACTS,
)
from teams.factories import (
    CampaignFactory,
    ContactFactory,
    InvitationFactory,
    MailingListFactory,
    MessageTemplateFactory,
)
from teams.models import Campaign, Contact, Invitation, ListMembership, MailingList, Membership
from teams.services.export_rows import hashed
from tests.api.caller import caller, problem
from tests.services.world import EDITIONS, World, stored, world

pytestmark = pytest.mark.django_db
SHAPES = {
    "lists": lists.ListShape,
    "contacts": contacts.ContactShape,
    "campaigns": campaigns.CampaignShape,
    "members": people.MemberShape,
    "invitations": people.InvitationShape,
}


@pytest.fixture
def hq() -> World:
    return world("emma_hq")


def furnish(one: World) -> None:
    """Put something of everything into each subaccount."""
    for place in (one.north, one.south):
        for _ in range(2):
            found = MailingListFactory(subaccount=place)
            contact = ContactFactory(subaccount=place)
            ListMembership.objects.create(subaccount=place, contact=contact, mailing_list=found)
            CampaignFactory(subaccount=place, mailing_list=found)
        CampaignFactory(subaccount=place, status="sent")
    InvitationFactory(account=one.account, subaccount=one.north, role=_member_role(one))


def _member_role(one: World) -> str:
    return next(r.codename for r in one.edition.roles if r.subaccount_level and not r.needs_teams)


def people_who_may(one: World) -> list[Any]:
    """Return the owner, and somebody with each role that may be held in north."""
    found = [one.owner]
    for role in one.edition.roles:
        if role.subaccount_level:
            seat = one.member(role.codename)
            if role.needs_teams:
                team = one.team(seat.user)
                shared = MailingList.objects.filter(subaccount=one.north).first()
                services.share_with_team(actor=one.owner, team=team, obj=shared)
            found.append(seat.user)
    return found


# what is read is what is visible


@pytest.mark.parametrize(
    "edition",
    [
        name if name in ("emma_hq", "sailthru") else pytest.param(name, marks=pytest.mark.deep)
        for name in EDITIONS
    ],
)
def test_what_is_listed_is_what_the_console_shows(edition: str, record_property: Any) -> None:
    one = world(edition)
    furnish(one)
    place, cases = one.north, 0
    for person in people_who_may(one):
        mine = caller(place, person)
        expected = {
            "lists/": access.visible(MailingList.objects.all(), person, ACCESS_AUDIENCE),
            "contacts/": access.visible(Contact.objects.all(), person, VIEW_CONTACTS),
            "campaigns/": access.visible(Campaign.objects.all(), person, ACCESS_CAMPAIGNS),
            "members/": selectors.memberships_of(person)
            if place.pk in selectors.people_places(access.profile_of(person), one.account.pk)
            else Membership.objects.none(),
            "invitations/": selectors.invitations_of(person),
        }
        for path, rows in expected.items():
            keys_there = set(rows.filter(subaccount=place).values_list("pk", flat=True))
            answer = mine.get(path)
            if answer.status_code == 403:
                assert keys_there == set(), (person, path)
                assert problem(answer, 403, "OUT_OF_SCOPE")["missing"]
            else:
                assert mine.ids(f"{path}?page_size=1") == keys_there, (person, path)
            for row in rows.model.objects.all():
                alone = mine.get(f"{path}{row.pk}/").status_code
                assert (alone == 200) is (row.pk in keys_there), (person, path, row)
                cases += 1
    record_property("api agreement cases", cases)


def test_every_row_has_the_fields_that_the_document_names(hq: World) -> None:
    furnish(hq)
    hq.member("editor")
    mine = caller(hq.north)
    for path, shape in SHAPES.items():
        row = mine.get(f"{path}/").json()["results"][0]
        assert set(row) == set(shape().fields), path
    assert set(mine.get("me/").json()) == set(me.MeShape().fields)


def test_a_scope_left_out_is_not_had(hq: World) -> None:
    furnish(hq)
    mine = caller(hq.north, scopes=[ACCESS_AUDIENCE])

    assert len(mine.ids("lists/")) == 2
    for path in ("contacts/", "campaigns/", "members/", "invitations/"):
        problem(mine.get(path), 403, "OUT_OF_SCOPE")


def test_what_teams_hide_is_hidden() -> None:
    one = world("sailthru")
    furnish(one)
    role = next(r for r in one.edition.roles if r.needs_teams)
    seat = one.member(role.codename)
    shared, hidden = MailingList.objects.filter(subaccount=one.north).order_by("pk")
    services.share_with_team(actor=one.owner, team=one.team(seat.user), obj=shared)
    mine = caller(one.north, seat.user)

    assert mine.ids("lists/") == {shared.pk}
    problem(mine.get(f"lists/{hidden.pk}/"), 404, "NOT_FOUND")
    problem(mine.get(f"contacts/?list={hidden.pk}"), 404, "NOT_FOUND")
    uses_hidden = Campaign.objects.get(mailing_list=hidden)
    problem(mine.get(f"campaigns/{uses_hidden.pk}/"), 404, "NOT_FOUND")


def test_who_was_added_or_removed_meanwhile_shifts_no_page(hq: World) -> None:
    rows = [MailingListFactory(subaccount=hq.north).pk for _ in range(4)]
    mine = caller(hq.north)
    first = mine.get("lists/?page_size=2").json()
    MailingListFactory(subaccount=hq.north)
    MailingList.objects.get(pk=rows[3]).delete()

    second = mine.get(first["next"]).json()

    assert [row["id"] for row in second["results"]] == [rows[1], rows[0]]


# addresses


def test_addresses_leave_with_export_pii_only(hq: World) -> None:  # AK16
    one = ContactFactory(
        subaccount=hq.north,
        email="Ana@Readers.example",
        first_name="ana@readers.example",
        fields={"spare": "x ana＠readers.example"},
    )
    everything = keys.scopes_for(hq.owner, hq.north)
    seeing = caller(hq.north).get(f"contacts/{one.pk}/").json()
    blind = caller(hq.north, scopes=[s for s in everything if s != str(EXPORT_PII)])

    answer = blind.get(f"contacts/{one.pk}/")

    assert seeing["address"] == one.email
    assert seeing["address_md5"] == hashed(one.email) == answer.json()["address_md5"]
    assert answer.json()["address"] is None
    assert answer.json()["first_name"] == LEFT_OUT
    assert answer.json()["custom"] == {"spare": LEFT_OUT}
    assert b"eaders.example" not in answer.content + blind.get("contacts/").content
    again = blind.post("contacts/", {"address": one.email})
    problem(again, 409, "ALREADY_USED")
    assert b"eaders.example" not in again.content


@pytest.mark.parametrize(
    "query", ["email=a", "address=a", "search=a", "email__startswith=a", "ordering=email", "o=1"]
)
def test_nothing_personal_filters_or_orders(hq: World, query: str) -> None:  # AK16
    problem(caller(hq.north).get(f"contacts/?{query}"), 400, "UNKNOWN_PARAMETER")


def test_what_was_not_shown_is_not_written_over(hq: World) -> None:  # AK14
    one = ContactFactory(
        subaccount=hq.north, email="a@b.example", first_name="a@b.example", last_name="Old",
        fields={"kept": "as it is"},
    )  # fmt: skip
    mine = caller(hq.north, scopes=[VIEW_CONTACTS, ADD_CONTACTS])
    seen = mine.get(f"contacts/{one.pk}/").json()
    before = stored()
    put_back = {"first_name": seen["first_name"], "last_name": "New"}
    problem(mine.patch(f"contacts/{one.pk}/", put_back), 422, "LEFT_OUT")
    assert stored()["teams_contact"] == before["teams_contact"]

    assert mine.patch(f"contacts/{one.pk}/", {"last_name": "New"}).status_code == 200

    one.refresh_from_db()
    assert (one.first_name, one.last_name, one.email) == ("a@b.example", "New", "a@b.example")
    assert one.fields == {"kept": "as it is"}


# acts


def test_lists_live_from_making_to_the_archive(hq: World) -> None:
    mine = caller(hq.north)
    made = mine.post("lists/", {"name": "News"})
    assert made.status_code == 201
    path = f"lists/{made.json()['id']}/"

    assert mine.patch(path, {"name": "Weekly", "type": "secondary"}).json()["type"] == "secondary"
    problem(mine.post("lists/", {"name": "weekly"}), 409, "ALREADY_USED")
    assert mine.delete(path).status_code == 204
    assert mine.get(path).json()["archived_at"] is not None
    assert mine.ids("lists/?archived=false") == set()
    problem(mine.patch(path, {"name": "Other"}), 409, "ARCHIVED")


def test_a_change_of_several_things_is_all_or_nothing(hq: World) -> None:
    seat = hq.member("administrator")
    mine = caller(hq.north, seat.user, scopes=[ACCESS_AUDIENCE, "rename_lists"])
    row = MailingListFactory(subaccount=hq.north, name="Old")

    problem(
        mine.patch(f"lists/{row.pk}/", {"name": "New", "type": "secondary"}), 403, "OUT_OF_SCOPE"
    )

    row.refresh_from_db()
    assert row.name == "Old"


def test_contacts_come_onto_lists_and_leave(hq: World) -> None:
    mine = caller(hq.north)
    target, elsewhere = (MailingListFactory(subaccount=s) for s in (hq.north, hq.south))
    who = {"address": "ana@example.com", "first_name": "Ana"}
    problem(mine.post("contacts/", {**who, "list": elsewhere.pk}), 404, "NOT_FOUND")

    made = mine.post("contacts/", {**who, "list": target.pk}).json()

    assert mine.ids(f"contacts/?list={target.pk}") == {made["id"]}
    left = mine.post(f"contacts/{made['id']}/unsubscribe/").json()
    assert left["status"] == "unsubscribed"
    problem(mine.post(f"contacts/{made['id']}/unsubscribe/"), 409, "ALREADY_SO")
    assert mine.ids("contacts/?status=subscribed") == set()


def test_members_are_invited_changed_and_removed(hq: World) -> None:
    mine = caller(hq.north)
    seat = hq.member("editor")
    path = f"members/{seat.pk}/"
    assert mine.patch(path, {"role": "full"}).json()["role"] == "full"
    toggle = next(iter(hq.edition.role("full").optional))
    assert mine.patch(path, {"toggles": {toggle: True}}).json()["toggles"] == [toggle]
    assert mine.delete(path).status_code == 204
    problem(mine.get(path), 404, "NOT_FOUND")

    made = mine.post("invitations/", {"address": "lena@example.com", "role": "editor"})
    assert made.status_code == 201, made.content
    found = Invitation.objects.get()
    assert found.subaccount == hq.north
    problem(mine.post(f"invitations/{found.pk}/resend/"), 409, "TOO_MANY")
    Invitation.objects.update(sent_at=timezone.now() - timedelta(hours=1))
    assert mine.post(f"invitations/{found.pk}/resend/").status_code == 200
    assert mine.post(f"invitations/{found.pk}/withdraw/").json()["status"] == "withdrawn"


def test_nobody_is_given_more_than_the_key_holds(hq: World) -> None:
    seat = hq.member("editor")
    mine = caller(hq.north, scopes=["manage_members", "access_campaigns"])

    body = problem(mine.patch(f"members/{seat.pk}/", {"role": "full"}), 403, "OUT_OF_SCOPE")

    assert body["missing"]
    seat.refresh_from_db()
    assert seat.role == "editor"


def ready(one: World) -> Campaign:
    """Return a draft that could go out."""
    target = MailingListFactory(subaccount=one.north)
    reader = ContactFactory(subaccount=one.north)
    ListMembership.objects.create(subaccount=one.north, contact=reader, mailing_list=target)
    found: Campaign = CampaignFactory(
        subaccount=one.north, mailing_list=target, subject="Spring", sender_name="Ana",
        sender_email="ana@example.com", text="Hello",
    )  # fmt: skip
    return found


def test_campaigns_are_written_scheduled_and_taken_back(hq: World) -> None:
    mine = caller(hq.north)
    target, layout = (
        MailingListFactory(subaccount=hq.north),
        MessageTemplateFactory(subaccount=hq.north),
    )
    made = mine.post("campaigns/", {"name": "Sale", "list": target.pk, "template": layout.pk})
    assert made.status_code == 201, made.content
    assert made.json()["list"] == {"id": target.pk, "name": target.name}
    path = f"campaigns/{made.json()['id']}/"
    changed = mine.patch(path, {"subject": "Now"}).json()
    assert (changed["subject"], changed["list"]["id"]) == ("Now", target.pk)
    assert mine.patch(path, {"list": None}).json()["list"] is None
    problem(mine.post(f"{path}send/"), 409, "NO_LIST")

    draft = ready(hq)
    at = (timezone.now() + timedelta(days=1)).isoformat()
    step = f"campaigns/{draft.pk}/"
    assert mine.post(f"{step}schedule/", {"at": at}).json()["status"] == "scheduled"
    problem(mine.patch(step, {"subject": "Late"}), 409, "NOT_A_DRAFT")
    assert mine.get(step).json()["figures"]["waiting"] == 1
    assert mine.post(f"{step}unschedule/").json()["status"] == "draft"
    problem(mine.post(f"{step}schedule/", {"at": "2020-01-01T00:00:00Z"}), 422, "TIME_PAST")
    problem(mine.post(f"{step}schedule/", {"at": "2026-01-01 00:00"}), 422, "INVALID")


def test_figures_need_the_right_to_read_results(hq: World) -> None:
    draft = ready(hq)
    mine = caller(hq.north, scopes=[ACCESS_CAMPAIGNS])

    assert mine.get(f"campaigns/{draft.pk}/").json()["figures"] is None


@pytest.mark.parametrize("role", ["editor", "author"])
def test_who_may_not_send_sends_nothing_through_a_key(hq: World, role: str) -> None:
    draft = ready(hq)
    seat = hq.member(role)
    mine = caller(hq.north, seat.user, scopes=keys.scopes_for(hq.owner, hq.north))
    at = (timezone.now() + timedelta(days=1)).isoformat()
    calls = [("send/", {}), ("schedule/", {"at": at}), ("unschedule/", {})]

    for step, body in calls:
        problem(mine.post(f"campaigns/{draft.pk}/{step}", body), 403, "OUT_OF_SCOPE")
    problem(mine.patch(f"campaigns/{draft.pk}/", {"status": "sent"}), 422, "INVALID")

    draft.refresh_from_db()
    assert (draft.status, draft.deliveries.count()) == ("draft", 0)


def test_a_key_without_the_scope_sends_nothing_for_who_may(hq: World) -> None:
    draft = ready(hq)
    mine = caller(hq.north, scopes=[ACCESS_CAMPAIGNS, CREATE_CAMPAIGNS])

    body = problem(mine.post(f"campaigns/{draft.pk}/send/"), 403, "OUT_OF_SCOPE")

    assert [m["permission"] for m in body["missing"]] == [str(SEND_CAMPAIGNS)]


# questions


def test_a_batch_is_the_map_of_its_questions(hq: World, record_property: Any) -> None:
    furnish(hq)
    mine = caller(hq.north, scopes=[ACCESS_AUDIENCE, ACCESS_CAMPAIGNS, VIEW_CONTACTS])
    things = [
        *(f"teams.mailinglist:{row.pk}" for row in MailingList.objects.all()),
        *(f"teams.campaign:{row.pk}" for row in Campaign.objects.all()),
        f"teams.subaccount:{hq.north.pk}", f"teams.subaccount:{hq.south.pk}",
        f"teams.account:{hq.account.pk}", "teams.messagetemplate:1", "teams.campaign:99999",
        "teams.campaign:x", "auth.user:1", "x", "teams.campaign:" + "9" * 60,
    ]  # fmt: skip
    asked = [
        {"permission": permission, "object": thing}
        for thing in things
        for permission in ("access_audience", "access_campaigns", "send_campaigns", "nonsense")
    ]

    batch = mine.post("check/batch/", {"checks": asked}).json()["results"]

    assert batch == [mine.post("check/", one).json() for one in asked]
    for answer in batch:
        label, _, pk = answer["object"].partition(":")
        model = {"teams.mailinglist": MailingList, "teams.campaign": Campaign}.get(label)
        if model and answer["permission"] in ("access_audience", "access_campaigns"):
            seen = access.visible(model.objects.all(), hq.owner, answer["permission"])
            inside = seen.filter(subaccount=hq.north, pk=pk) if pk.isdigit() and len(pk) < 9 else []
            assert answer["allowed"] is bool(inside), answer
    record_property("api checks compared", len(asked))


@pytest.mark.parametrize(
    ("is_masking", "more", "told"),
    [
        (False, [], True),
        (True, [], False),
        (True, [EXPORT_CONTACTS], True),
        (True, [EXPORT_PII], True),
    ],
)
def test_a_mask_has_no_hash_behind_it(
    hq: World, is_masking: bool, more: list[Any], told: bool
) -> None:
    """A hash says whether an address is there to whoever tries one; masked pages do not."""
    hq.account.masks_addresses = is_masking
    hq.account.save()
    pk = ContactFactory(subaccount=hq.north).pk
    mine = caller(hq.north, scopes=[VIEW_CONTACTS, *more])

    rows = [mine.get(f"contacts/{pk}/").json(), *mine.get("contacts/").json()["results"]]

    assert [row["address_md5"] is not None for row in rows] == [told, told]
    assert [row["address"] is not None for row in rows] == [EXPORT_PII in more] * 2


def test_nothing_is_allowed_of_what_the_key_may_not_see(hq: World) -> None:
    """A key that may send but look at no campaign sends none: check says so, of any number."""
    mine = caller(hq.north, scopes=[SEND_CAMPAIGNS])
    rows = [CampaignFactory(subaccount=place).pk for place in (hq.north, hq.south)]
    answers = [
        mine.post(
            "check/", {"permission": "send_campaigns", "object": f"teams.campaign:{pk}"}
        ).json()
        for pk in (*rows, 99999)
    ]

    assert {(a["allowed"], a["reason"], len(a["sources"])) for a in answers} == {
        (False, "no_such_object", 0)
    }
    problem(mine.post(f"campaigns/{rows[0]}/send/"), 403, "OUT_OF_SCOPE")
    here = {"permission": "send_campaigns", "object": f"teams.subaccount:{hq.north.pk}"}
    assert mine.post("check/", here).json()["allowed"] is True


def test_a_key_that_gives_no_roles_does_not_learn_which_there_are(hq: World) -> None:
    mine = caller(hq.north, scopes=[VIEW_CONTACTS])
    for pk in (hq.custom(VIEW_CONTACTS).pk, 99999):
        asked = {"address": "x@example.com", "role": f"custom:{pk}"}
        problem(mine.post("invitations/", asked), 403, "OUT_OF_SCOPE")


def test_a_batch_takes_as_many_queries_for_one_as_for_many(hq: World) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    mine, counts = caller(hq.north), []
    for n in (1, 20):
        rows = [CampaignFactory(subaccount=hq.north).pk for _ in range(n)]
        asked = [{"permission": "send_campaigns", "object": f"teams.campaign:{pk}"} for pk in rows]
        with CaptureQueriesContext(connection) as caught:
            answers = mine.post("check/batch/", {"checks": asked}).json()["results"]
        assert all(answer["allowed"] for answer in answers)
        counts.append(len(caught))
    assert counts[0] == counts[1]


def test_too_many_questions_are_refused(hq: World) -> None:
    one = {"permission": "send_campaigns", "object": "teams.campaign:1"}

    problem(caller(hq.north).post("check/batch/", {"checks": [one] * 101}), 422, "INVALID")
    problem(caller(hq.north).post("check/batch/", {"checks": []}), 422, "INVALID")


def test_what_a_key_may_do_is_said_with_the_reason(hq: World) -> None:
    seat = hq.member("administrator")
    mine = caller(hq.north, seat.user, scopes=[VIEW_CONTACTS, SEND_CAMPAIGNS])
    services.change_role(actor=hq.owner, membership=seat, role="author")

    said = {row["permission"]: row for row in mine.get("me/permissions/").json()["results"]}

    assert {name: row["allowed"] for name, row in said.items()} == {
        name: access.can(seat.user, name, hq.north).allowed for name in said
    }
    assert said[str(SEND_CAMPAIGNS)]["allowed"] is False
    assert said[str(SEND_CAMPAIGNS)]["reason"] == "not_held"
    assert "Needs" in said[str(SEND_CAMPAIGNS)]["text"]


def test_every_shape_of_a_question_is_answered(hq: World) -> None:
    mine = caller(hq.north)
    found = mine.post("check/", {"permission": "x", "object": "y"}).json()

    assert set(found) == set(checks.AnswerShape().fields)
