"""Access reviews: what is listed, who decides about which line, and that a decision is what it says.

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

from permissions.models import AuditEvent
from permissions.resources import registry
from teams import services
from teams.catalogue import CATALOGUE
from teams.factories import InvitationFactory, MailingListFactory, UserFactory
from teams.keys import issue
from teams.models import (
    AccessReview,
    ApiKey,
    Invitation,
    Membership,
    ReviewLine,
    SubaccountUserGrant,
)
from teams.review_report import csv_of, digest_of
from teams.review_sight import lines_of, reads_all, reviews_of
from teams.services.review_lines import withdraw_thing
from teams.services.reviews import current
from teams.who import who_can
from tests.services.world import World, holds, refused, stored, world

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
    team = w.team(editor.user)
    invitation = InvitationFactory(account=w.account, subaccount=w.north, role="editor")
    key = key_in(w, guest.user)
    return {
        "editor": editor,
        "guest": guest,
        "team": team,
        "invitation": invitation,
        "key": key,
    }


def actions(w: World) -> list[str]:
    """Return what was recorded since the review was started, as the review says it."""
    rows = AuditEvent.objects.filter(action__startswith="review.").order_by("seq")
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
        (Kind.TEAM, editor.user_id, "", w.account.name),
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
    found = [known[key] for key in review.lines.order_by("position").values_list("person", flat=True)]
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
        try:
            review = start(w, permission=permission)
        except services.base.Invalid as error:
            assert error.code == "NOTHING_TO_DO"
            assert not expected
            continue
        rows = review.lines.filter(kind__in=["role", "toggle", "guest"])
        found = {
            (line.person_id, line.kind, int(line.ref.rpartition(":")[2])) for line in rows
        }
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
