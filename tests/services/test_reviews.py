"""Access reviews: what is listed, who decides about which line, and what a decision does.

Every withdrawal is the ordinary service, so what that refuses is refused here with its own words.
"""

from __future__ import annotations

import csv
import hashlib
import io
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from permissions.errors import ServiceError
from permissions.models import AuditEvent
from teams import history, services
from teams.catalogue import CATALOGUE
from teams.factories import InvitationFactory, UserFactory
from teams.keys import issue
from teams.models import (
    AccessReview,
    ApiKey,
    Invitation,
    Membership,
    ReviewLine,
    SubaccountUserGrant,
)
from teams.replay import record_says_what_is_stored
from teams.review_report import csv_of, digest_of
from teams.review_sight import lines_of, reads_all, reviews_of
from teams.services.review_lines import is_own, withdraw_thing
from teams.services.reviews import current
from teams.services.snapshots import snapshot
from teams.who import who_can
from tests.services.world import World, refused, world

pytestmark = pytest.mark.django_db

User = get_user_model()
Kind, Decision = ReviewLine.Kind, ReviewLine.Decision


@pytest.fixture
def w() -> World:
    return world("emma_hq")


def soon() -> Any:
    return timezone.now() + timedelta(days=14)


def start(w: World, actor: Any = None, **given: Any) -> AccessReview:
    """Return a review of the account, by its owner unless told otherwise."""
    return services.start_review(
        actor=actor or w.owner,
        account=w.account,
        **{"name": "Spring review", "due_at": soon(), **given},
    )


def line_of(review: AccessReview, kind: str, person: Any = None) -> ReviewLine:
    """Return the one line of that kind, of one person if given."""
    rows = review.lines.filter(kind=kind)
    return rows.get() if person is None else rows.get(person=person)


def key_in(w: World, creator: Any) -> ApiKey:
    """Return a live key of ``creator`` in north."""
    made = issue()
    return ApiKey.objects.create(
        account=w.account,
        subaccount=w.north,
        name="Nightly",
        prefix=made.prefix,
        digest=made.digest,
        scopes=["view_contacts"],
        created_by=creator,
    )


def full(w: World) -> dict[str, Any]:
    """Fill the account with one thing of each kind; return whose they are."""
    editor = w.member("editor", toggles=("export_contacts",))
    guest = w.member("editor", w.south)
    services.give_guest_access(
        actor=w.owner, user=guest.user, obj=w.north, permissions=["access_audience"]
    )
    invitation = InvitationFactory(account=w.account, subaccount=w.north, role="editor")
    key = key_in(w, guest.user)
    return {
        "editor": editor,
        "guest": guest,
        "invitation": invitation,
        "key": key,
    }


def actions(w: World) -> list[str]:
    """Return what was recorded since the review was started, as the review says it."""
    rows = AuditEvent.objects.filter(action__startswith="review.").order_by("sequence")
    return list(rows.values_list("action", flat=True))


# what is listed


def test_everything_anybody_has_or_is_offered_is_one_line_and_the_owner_is_none(w: World) -> None:
    found = full(w)
    world("emma_hq").member("editor")  # a rival

    review = start(w)

    editor, guest = found["editor"], found["guest"]
    assert set(review.lines.values_list("kind", "person", "permission", "place")) == {
        (Kind.ROLE, editor.user_id, "", "North"),
        (Kind.TOGGLE, editor.user_id, "export_contacts", "North"),
        (Kind.ROLE, guest.user_id, "", "South"),
        (Kind.GUEST, guest.user_id, "access_audience", "North"),
        (Kind.KEY, guest.user_id, "", "North"),
        (Kind.INVITATION, None, "", "North"),
    }
    assert review.words["owner"] == str(w.owner.get_full_name())
    assert review.words["whole"] is True


def test_what_has_ended_or_is_settled_is_no_line(w: World) -> None:
    past = timezone.now() - timedelta(days=1)
    kept = w.member("editor")
    w.member("editor", ends_at=past)
    InvitationFactory(account=w.account, subaccount=w.north, status=Invitation.Status.WITHDRAWN)
    dead = key_in(w, kept.user)
    ApiKey.objects.filter(pk=dead.pk).update(revoked_at=past)
    late = key_in(w, kept.user)
    ApiKey.objects.filter(pk=late.pk).update(expires_at=past)

    assert list(start(w).lines.values_list("kind", "person")) == [(Kind.ROLE, kept.user_id)]


def test_who_has_not_signed_in_comes_first_then_the_privileged(w: World) -> None:
    now = timezone.now()
    people = {
        "never": w.member("editor"),
        "long": w.member("editor"),
        "longer": w.member("editor"),
        "low": w.member("reports_only"),
        "high": w.member("full"),
        "manager": w.manager(),
    }
    for name, days in (("long", 100), ("longer", 200), ("low", 1), ("high", 2), ("manager", 3)):
        User.objects.filter(pk=people[name].user_id).update(last_login=now - timedelta(days=days))

    review = start(w)

    known = {membership.user_id: name for name, membership in people.items()}
    found = [
        known[key] for key in review.lines.order_by("position").values_list("person", flat=True)
    ]
    assert found == ["never", "longer", "long", "manager", "high", "low"]


def test_a_review_of_a_subaccount_is_about_who_works_there_wherever_they_got_it(w: World) -> None:
    here, manager, other = w.member("editor"), w.manager(), w.manager(w.south)
    w.member("editor", w.south)
    InvitationFactory(account=w.account, subaccount=w.south)
    invited = InvitationFactory(account=w.account, subaccount=w.north)

    review = start(w, subaccount=w.north)

    found = set(review.lines.values_list("ref", flat=True))
    assert found == {
        f"teams.membership:{here.pk}",
        f"teams.membership:{manager.pk}",
        f"teams.invitation:{invited.pk}",
    }
    assert other.user_id not in review.lines.values_list("person", flat=True)


@pytest.mark.parametrize("edition", ["emma_hq", "sailthru"])
def test_a_review_of_a_permission_lists_each_source_of_whoever_can(edition: str) -> None:
    w = world(edition)
    if edition == "emma_hq":
        full(w)
        w.member("full", toggles=("export_contacts",))
        w.manager(w.north)
        permissions = ["export_contacts", "access_audience", "send_campaigns", "manage_managers"]
    else:
        w.member("admin" if w.edition.find_role("admin") else w.edition.roles[0].codename)
        w.member(w.custom("access_audience", "export_contacts"), w.south)
        permissions = ["access_audience", "export_contacts"]
    suspended = w.member(w.edition.roles[-1].codename, status="suspended")

    for permission in permissions:
        if permission not in w.edition.permissions:
            continue
        places = (
            [w.account] if CATALOGUE[permission].level == "account" else [w.north, w.south]
        ) + ([w.home] if w.home and CATALOGUE[permission].level != "account" else [])
        expected = {
            (access.person.pk, str(source.kind), source.ref[1])
            for place in places
            for access in who_can(permission, place)
            if access.person.pk != w.owner.pk
            for source in access.sources
            if source.ref
        }
        if not expected:
            with refused("NOTHING_TO_DO"):
                start(w, permission=permission)
            continue
        review = start(w, permission=permission)
        rows = review.lines.filter(kind__in=["role", "toggle", "guest"])
        found = {(line.person_id, line.kind, int(line.ref.rpartition(":")[2])) for line in rows}
        assert found == expected, permission
        assert suspended.user_id not in {person for person, _kind, _key in found}
        services.finish_review(actor=w.owner, review=review, leave_open=True)


def test_a_review_of_a_permission_knows_invitations_and_keys_that_have_it(w: World) -> None:
    w.member("editor")
    gives = InvitationFactory(account=w.account, subaccount=w.north, toggles=["export_contacts"])
    InvitationFactory(account=w.account, subaccount=w.south, role="reports_only")
    key = key_in(w, UserFactory())
    ApiKey.objects.filter(pk=key.pk).update(scopes=["export_contacts"])
    key_in(w, UserFactory())

    review = start(w, permission="export_contacts")

    assert set(review.lines.values_list("ref", flat=True)) == {
        f"teams.invitation:{gives.pk}",
        f"teams.apikey:{key.pk}",
    }


def test_a_place_in_a_team_is_a_line_and_whoever_manages_teams_takes_people_out() -> None:
    w = world("sailthru")
    member = w.member("marketer_limited")
    team = w.team(member.user)
    review = start(w)
    line = line_of(review, Kind.TEAM)
    assert (line.person_id, line.what) == (member.user_id, f"In the team {team.name}")

    services.withdraw_line(actor=w.owner, line=line, reason="Left the project")

    assert not team.memberships.exists()
    assert Membership.objects.filter(pk=member.pk).exists()


def test_whoever_sees_a_part_reviews_a_part_and_the_review_says_so(w: World) -> None:
    w.member("editor")
    w.manager()
    chief = w.member("administrator")

    review = start(w, chief.user, subaccount=w.north)

    assert review.words["whole"] is False
    assert not review.lines.filter(subaccount=None).exists()
    assert start(w, subaccount=w.north).words["whole"] is True


# who starts, and what


def test_only_who_manages_people_there_starts_one(w: World) -> None:
    w.member("editor")
    administrator = w.member("administrator").user
    editor = w.member("editor").user
    start(w, administrator, subaccount=w.north)
    for actor, place in ((administrator, None), (administrator, w.south), (editor, w.north)):
        with refused("OUT_OF_SCOPE"):
            start(w, actor, subaccount=place)
    rival = world("emma_hq")
    with refused("NOT_FOUND"):
        start(w, rival.owner)
    with refused("NOT_FOUND"):
        start(w, subaccount=rival.north)


def test_nonsense_starts_nothing(w: World) -> None:
    with refused("NOTHING_TO_DO"):
        start(w)
    w.member("editor")
    with refused("ENDED"):
        start(w, due_at=timezone.now() - timedelta(days=1))
    with refused("WRONG_TYPE"):
        start(w, due_at=None)
    with refused("EMPTY"):
        start(w, name=" ")
    with refused("UNKNOWN_PERMISSION"):
        start(w, permission="fly")
    with refused("WRONG_LEVEL"):
        start(w, subaccount=w.north, permission="manage_managers")
    with refused("ARCHIVED"):
        start(w, subaccount=w.west)


# deciding


def test_each_kind_is_withdrawn_by_the_service_that_takes_it_away(w: World) -> None:
    found = full(w)
    review = start(w)
    reason = "Not needed any more"

    done = services.decide_lines(
        actor=w.owner, lines=list(review.lines.all()), decision="withdrawn", reason=reason
    )

    assert {line.decision for line in done} == {Decision.WITHDRAWN}
    assert not Membership.objects.filter(account=w.account).exists()
    assert not SubaccountUserGrant.objects.filter(content_object=w.north).exists()
    found["invitation"].refresh_from_db()
    found["key"].refresh_from_db()
    assert found["invitation"].status == Invitation.Status.WITHDRAWN
    assert found["key"].revoked_at is not None
    for action in (
        "member.removed", "permission.toggled", "guest.withdrawn", "invitation.withdrawn",
        "key.revoked",
    ):  # fmt: skip
        assert AuditEvent.objects.filter(action=action).exists(), action
    lines = AuditEvent.objects.filter(action="review.line_withdrawn")
    assert lines.count() == 6
    assert {event.data["reason"] for event in lines} == {reason}


def test_confirming_changes_nobodys_rights_and_is_recorded(w: World) -> None:
    editor = w.member("editor")
    review = start(w)

    line = services.confirm_line(actor=w.owner, line=line_of(review, Kind.ROLE))

    assert (line.decision, line.decided_by, line.reason) == (Decision.CONFIRMED, w.owner, "")
    assert Membership.objects.filter(pk=editor.pk).exists()
    assert actions(w) == ["review.started", "review.line_confirmed"]
    with refused("SETTLED"):
        services.withdraw_line(actor=w.owner, line=line, reason="Changed my mind")


def test_nobody_reviews_their_own(w: World) -> None:
    chief = w.member("administrator")
    w.member("administrator")
    key_in(w, chief.user)
    review = start(w, subaccount=w.north)
    own = list(review.lines.filter(person=chief.user))
    assert {line.kind for line in own} == {Kind.ROLE, Kind.KEY}
    for line in own:
        with refused("OWN_RIGHTS"):
            services.confirm_line(actor=chief.user, line=line)
        with refused("OWN_RIGHTS"):
            services.withdraw_line(actor=chief.user, line=line, reason="Mine")
    with refused("OWN_RIGHTS"):
        services.decide_lines(actor=chief.user, lines=review.lines.all(), decision="confirmed")


def test_an_invitation_to_oneself_is_ones_own(w: World) -> None:
    chief = w.manager().user
    InvitationFactory(account=w.account, subaccount=w.north, address=chief.email.lower())
    review = start(w)
    ((line, thing),) = current(w.account, w.owner, review.lines.filter(kind=Kind.INVITATION))
    assert is_own(chief, thing)
    with refused("OWN_RIGHTS"):
        services.confirm_line(actor=chief, line=line)


def test_confirming_asks_what_withdrawing_asks(w: World) -> None:
    """A review gives no say: who could not take it away, cannot nod at it either."""
    found = full(w)
    manager = w.manager(w.north)
    review = start(w)
    editor = w.member("editor").user
    for line in review.lines.all():
        for act in (
            lambda one: services.confirm_line(actor=editor, line=one),
            lambda one: services.withdraw_line(actor=editor, line=one, reason="Why not"),
        ):
            with refused("NOT_FOUND"):
                act(line)
    administrator = w.member("administrator").user
    high = line_of(review, Kind.ROLE, manager.user)
    with refused("NOT_FOUND"):  # at account level: out of sight
        services.confirm_line(actor=administrator, line=high)
    low = line_of(review, Kind.ROLE, found["editor"].user)
    services.confirm_line(actor=administrator, line=low)


def test_who_has_more_than_a_reviewer_is_refused_both_ways() -> None:
    w = world("sailthru")
    needed = {p for name in w.edition.changes_subaccount for p in (name, *CATALOGUE[name].implies)}
    small = w.member(w.custom(*needed)).user
    big = w.member("marketer_admin")
    review = start(w)
    line = line_of(review, Kind.ROLE, big.user)
    ((_line, thing),) = current(w.account, w.owner, [line])
    with refused("RANK_TOO_HIGH"):
        withdraw_thing(small, thing)
    with refused("RANK_TOO_HIGH"):
        services.confirm_line(actor=small, line=line)
    with refused("RANK_TOO_HIGH"):
        services.withdraw_line(actor=small, line=line, reason="Rival")


def test_withdrawing_needs_a_reason(w: World) -> None:
    w.member("editor")
    line = line_of(start(w), Kind.ROLE)
    for reason in ("", "  "):
        with refused("EMPTY"):
            services.withdraw_line(actor=w.owner, line=line, reason=reason)


def test_what_is_gone_is_closed_as_gone_and_what_changed_is_decided_by_nobody(w: World) -> None:
    gone, changed = w.member("editor"), w.member("editor")
    snapshot(w.account)
    review = start(w)
    services.remove_member(actor=w.owner, membership=gone)
    services.change_role(actor=w.owner, membership=changed, role="full")

    line = services.withdraw_line(
        actor=w.owner, line=line_of(review, Kind.ROLE, gone.user), reason="Left"
    )
    assert line.decision == Decision.GONE
    # or nobody could ask any more who had access, nor take anything old out of the record
    assert list(record_says_what_is_stored()) == []
    assert history.who_had_access(w.account, timezone.now(), people=[gone.user]) == []
    stale = line_of(review, Kind.ROLE, changed.user)
    with refused("CHANGED"):
        services.confirm_line(actor=w.owner, line=stale)

    services.refresh_review(actor=w.owner, review=review)
    stale.refresh_from_db()
    assert stale.what == str(w.edition.role("full").label)
    assert services.confirm_line(actor=w.owner, line=stale).decision == Decision.CONFIRMED
    assert Membership.objects.filter(pk=changed.pk).exists()


def test_a_custom_role_that_was_edited_has_changed() -> None:
    w = world("sailthru")
    membership = w.member(w.custom("access_audience"))
    line = line_of(start(w), Kind.ROLE)
    services.edit_role(
        actor=w.owner,
        role=membership.custom_role,
        permissions=["access_audience", "access_content"],
    )
    with refused("CHANGED"):
        services.confirm_line(actor=w.owner, line=line)


def test_another_reach_is_a_change(w: World) -> None:
    membership = w.manager(w.north)
    line = line_of(start(w), Kind.ROLE)
    services.set_manager_reach(actor=w.owner, membership=membership, subaccounts=[w.south])
    with refused("CHANGED"):
        services.confirm_line(actor=w.owner, line=line)


def test_bringing_up_to_date_names_nothing_that_the_starter_may_not_know() -> None:
    w = world("emma_corporate")
    manager, other = w.manager(w.north), w.manager(w.north)
    review = start(w, manager.user, subaccount=w.north)
    services.set_manager_reach(
        actor=w.owner, membership=other, subaccounts=[w.north, w.south], all_subaccounts=False
    )

    services.refresh_review(actor=w.owner, review=review)

    assert line_of(review, Kind.ROLE, other.user).place == "North, 1 more"


def test_a_report_that_names_foreign_places_is_not_theirs() -> None:
    w = world("emma_corporate")
    reader = w.manager(w.north, toggles=("managers",))
    w.manager(w.north, w.south, toggles=("managers",))
    review = start(w, permission="manage_managers")
    assert lines_of(reader.user, w.account).count() == review.lines.count() == 2

    assert not reads_all(reader.user, review)
    assert reads_all(w.manager(toggles=("managers",)).user, review)


def test_an_address_is_shown_to_whoever_may_change_the_invitation() -> None:
    w = world("emma_corporate")
    administrator, manager = w.member("administrator"), w.manager(w.north)
    peer = InvitationFactory(account=w.account, subaccount=w.north, role="administrator")
    line = line_of(start(w), Kind.INVITATION)

    assert line.ref == f"teams.invitation:{peer.pk}"
    assert line not in lines_of(administrator.user, w.account)
    assert line in lines_of(manager.user, w.account)


def test_many_are_decided_all_or_none(w: World) -> None:
    ok, changed = w.member("editor"), w.member("editor")
    review = start(w)
    services.change_role(actor=w.owner, membership=changed, role="full")
    with refused("CHANGED"):
        services.decide_lines(
            actor=w.owner, lines=review.lines.all(), decision="withdrawn", reason="All of them"
        )
    assert Membership.objects.filter(pk=ok.pk).exists()
    assert set(review.lines.values_list("decision", flat=True)) == {Decision.OPEN}
    with refused("UNKNOWN_DECISION"):
        services.decide_lines(actor=w.owner, lines=review.lines.all(), decision="gone")
    with refused("EMPTY"):
        services.decide_lines(actor=w.owner, lines=[], decision="confirmed")
    both = [*review.lines.all(), *start(w).lines.all()]
    with refused("SEVERAL_REVIEWS"):
        services.decide_lines(actor=w.owner, lines=both, decision="confirmed")


def test_a_foreign_line_looks_like_a_missing_one(w: World) -> None:
    w.member("editor")
    rival = world("emma_hq")
    rival.member("editor")
    theirs = line_of(start(rival), Kind.ROLE)
    for act in (
        lambda: services.confirm_line(actor=w.owner, line=theirs),
        lambda: services.decide_lines(
            actor=w.owner, lines=[line_of(start(w), Kind.ROLE), theirs], decision="confirmed"
        ),
        lambda: services.finish_review(actor=w.owner, review=theirs.review),
        lambda: services.refresh_review(actor=w.owner, review=theirs.review),
    ):
        with pytest.raises(ServiceError) as caught:
            act()
        assert caught.value.code == "NOT_FOUND"
    assert not lines_of(w.owner, rival.account).exists()
    assert not reviews_of(w.owner, rival.account).exists()


def test_confirming_takes_as_many_statements_for_many_people_but_for_the_record(w: World) -> None:
    for _number in range(5):
        w.member("editor")
    review = start(w)

    def cost(count: int) -> int:
        lines = list(review.lines.filter(decision="open")[:count])
        with CaptureQueriesContext(connection) as found:
            services.decide_lines(actor=w.owner, lines=lines, decision="confirmed")
        # each event is one question more: who is told of it
        recorded = ("permissions_audit", "teams_webhook")
        return sum(not any(name in query["sql"] for name in recorded) for query in found)

    cost(1)  # whatever is loaded once
    assert cost(1) == cost(3)


# finishing


def test_a_finished_review_is_the_same_report_for_ever(w: World) -> None:
    found = full(w)
    review = start(w)
    with refused("OPEN_LINES"):
        services.finish_review(actor=w.owner, review=review)
    services.withdraw_line(actor=w.owner, line=line_of(review, Kind.TOGGLE), reason="=HYPERLINK(1)")

    finished = services.finish_review(actor=w.owner, review=review, leave_open=True)

    content = csv_of(finished)
    assert finished.digest == hashlib.sha256(content).hexdigest() == digest_of(finished)
    event = AuditEvent.objects.get(action="review.finished")
    assert event.data["sha256"] == finished.digest
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    assert len(rows) == review.lines.count() + 1
    assert rows[0]["Person"] == review.words["owner"]
    assert [row["Decision"] for row in rows].count("Undecided") == 5
    assert "'=HYPERLINK(1)" in {row["Reason"] for row in rows}

    # names that change later, and logins that go, change nothing of it
    services.rename_subaccount(actor=w.owner, subaccount=w.north, name="Elsewhere")
    User.objects.filter(pk=found["editor"].user_id).update(first_name="Other", last_login=None)
    User.objects.filter(pk=found["guest"].user_id).delete()
    again = AccessReview.objects.get(pk=review.pk)
    assert csv_of(again) == content


def test_a_finished_review_is_changed_by_nobody(w: World) -> None:
    w.member("editor")
    review = start(w)
    services.finish_review(actor=w.owner, review=review, leave_open=True)
    line = line_of(review, Kind.ROLE)
    with refused("FINISHED"):
        services.confirm_line(actor=w.owner, line=line)
    with refused("FINISHED"):
        services.finish_review(actor=w.owner, review=review)
    with refused("FINISHED"):
        services.refresh_review(actor=w.owner, review=review)
    lines, reviews = (
        ReviewLine.objects.filter(pk=line.pk),
        AccessReview.objects.filter(pk=review.pk),
    )
    line.pk = None
    for act in (
        lambda: lines.update(decision="confirmed", decided_at=timezone.now()),
        lambda: lines.update(reason="Said so"),
        lines.delete,
        lambda: line.save(force_insert=True),
        lambda: reviews.update(name="Another"),
        lambda: reviews.update(finished_at=None),
        lambda: reviews.update(digest="0" * 64),
        lambda: reviews._raw_delete(reviews.db),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            act()


def test_finishing_is_for_whoever_sees_all_of_it(w: World) -> None:
    w.member("editor")
    administrator = w.member("administrator").user
    w.manager()
    review = start(w, subaccount=w.north)
    assert not reads_all(administrator, review)
    with refused("NOT_FOUND"):
        services.finish_review(actor=administrator, review=review, leave_open=True)


def test_nothing_is_written_while_the_account_is_read_only(w: World) -> None:
    w.member("editor")
    review = start(w)
    line = line_of(review, Kind.ROLE)
    w.account.read_only_because = "unpaid"
    w.account.save()
    for act in (
        lambda: start(w),
        lambda: services.confirm_line(actor=w.owner, line=line),
        lambda: services.withdraw_line(actor=w.owner, line=line, reason="Left"),
        lambda: services.finish_review(actor=w.owner, review=review, leave_open=True),
        lambda: services.refresh_review(actor=w.owner, review=review),
    ):
        with refused("READ_ONLY_ACCOUNT"):
            act()


# who sees what


def test_a_reader_sees_the_lines_of_people_they_manage(w: World) -> None:
    here, there = w.member("editor"), w.member("editor", w.south)
    manager = w.manager()
    administrator = w.member("administrator")
    review = start(w)

    seen = set(lines_of(administrator.user, w.account).values_list("person", flat=True))
    assert seen == {here.user_id, administrator.user_id}
    assert not lines_of(w.member("editor").user, w.account).exists()
    assert there.user_id not in seen
    assert manager.user_id not in seen
    assert list(reviews_of(administrator.user, w.account)) == [review]
    services.remove_member(actor=w.owner, membership=administrator)
    assert not lines_of(administrator.user, w.account).exists()
