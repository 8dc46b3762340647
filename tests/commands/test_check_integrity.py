"""``check_integrity`` finds data that no sequence of services could have produced.

Each rule has at least one planted case; constraints of the database are put off for it, and the
planting is undone before they are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection, transaction
from django.utils import timezone

from permissions import audit, grants
from permissions.models import AuditEvent
from teams import integrity, review_locks, services
from teams.factories import (
    CampaignFactory,
    ContactFactory,
    MailingListFactory,
    MessageTemplateFactory,
    SubaccountFactory,
    UserFactory,
)
from teams.models import (
    AccessReview,
    Account,
    Campaign,
    Contact,
    Invitation,
    ListMembership,
    MailingList,
    ManagedSubaccount,
    Membership,
    MessageTemplate,
    OwnershipTransfer,
    Role,
    Segment,
    Subaccount,
    SubaccountGroup,
    SubaccountUserGrant,
    Team,
)
from teams.models.account import TeamMode
from teams.review_report import digest_of
from tests.commands.helpers import run
from tests.services.world import World, world

pytestmark = pytest.mark.django_db


class Cast:
    """An account of three editions, and things to be moved to where they do not belong."""

    def __init__(self) -> None:
        self.hq, self.corporate = world("emma_hq"), world("emma_corporate")
        self.contact, self.sailthru = world("constant_contact"), world("sailthru")
        self.full = self.hq.member("full", toggles=("export_contacts",))
        self.manager = self.hq.manager(self.hq.north)
        self.list = MailingListFactory(subaccount=self.hq.north)
        self.template = MessageTemplateFactory(subaccount=self.hq.north)
        self.campaign = CampaignFactory(
            subaccount=self.hq.north, mailing_list=self.list, template=self.template
        )
        self.reader = ContactFactory(subaccount=self.hq.north)
        self.on_list = ListMembership.objects.create(
            subaccount=self.hq.north, contact=self.reader, mailing_list=self.list
        )
        self.role = self.sailthru.custom("access_audience")
        self.custom = self.sailthru.member(self.role)
        self.team = self.sailthru.team(self.custom.user)
        services.give_guest_access(
            actor=self.hq.owner,
            user=self.full.user,
            obj=self.hq.south,
            permissions=["access_audience"],
        )
        self.pending = self.invite(self.hq, role="full", toggles=["export_contacts"])
        self.above = self.invite(self.hq, role="manager", subaccount=None, managed=[self.hq.north])
        self.withdrawn = self.invite(self.hq, address="bea@new.example")
        services.withdraw_invitation(actor=self.hq.owner, invitation=self.withdrawn)
        self.offer = self.invite(self.sailthru, role=self.role, teams=[self.team])

    @staticmethod
    def invite(w: World, **asked: Any) -> Invitation:
        asked = {"address": "ana@new.example", "role": "full", "subaccount": w.north} | asked
        return services.invite_member(actor=w.owner, account=w.account, **asked)


@pytest.fixture
def cast() -> Iterator[Cast]:
    with transaction.atomic():
        found = Cast()
        with connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                cursor.execute("PRAGMA defer_foreign_keys = ON")
            else:
                cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        yield found
        transaction.set_rollback(True)


def set_(obj: Any, **values: Any) -> None:
    """Write past every service and ``save``."""
    type(obj)._default_manager.filter(pk=obj.pk).update(**values)


def give(permission: str, obj: Any, user: Any, **extra: Any) -> None:
    grants.give(permission=permission, obj=obj, user=user, **extra)


def elsewhere(w: World) -> Subaccount:
    return SubaccountFactory(account=world(w.account.edition).account)


def segment_of_another_list(c: Cast) -> Segment:
    place = c.campaign.subaccount
    other = MailingListFactory(subaccount=place)
    return Segment.objects.create(
        account=place.account, subaccount=place, slug="s", name="S", mailing_list=other
    )


def hold(place: Any) -> SubaccountGroup:
    """Return a new group that holds ``place``."""
    group = SubaccountGroup.objects.create(account=place.account, name="Coast")
    group.contents.create(account=place.account, subaccount=place)
    return group


def manage(membership: Membership, group: SubaccountGroup) -> None:
    group.managing.create(account=group.account, membership=membership)


PLANTED: dict[str, dict[str, Callable[[Cast], Any]]] = {
    "edition_is_known": {
        "unknown": lambda c: set_(c.contact.account, edition="emma_imperial"),
    },
    "owner_is_a_tenant": {
        "staff": lambda c: set_(c.hq.owner, is_staff=True),
        "superuser": lambda c: set_(c.hq.owner, is_superuser=True),
        "inactive": lambda c: set_(c.hq.owner, is_active=False),
    },
    "owner_has_no_membership": {"member": lambda c: c.hq.member("full", user=c.hq.owner)},
    "members_are_tenants": {
        "staff": lambda c: set_(c.full.user, is_staff=True),
        "superuser": lambda c: set_(c.full.user, is_superuser=True),
    },
    "role_exists_at_that_level": {
        "unknown": lambda c: c.hq.member("janitor"),
        "level": lambda c: c.hq.member("manager"),
        "teams off": lambda c: (
            c.sailthru.member("marketer_limited"),
            set_(c.sailthru.account, team_mode=TeamMode.OFF),
        ),
        "custom": lambda c: c.hq.member(c.hq.custom()),
    },
    "exclusive_as_the_edition_says": {"turned": lambda c: set_(c.full, exclusive=False)},
    "reach_as_the_role_says": {
        "some": lambda c: c.contact.manager(c.contact.north, role="partner_manager"),
        "home": lambda c: c.contact.manager(c.contact.north, role="campaign_creator"),
        "all and some": lambda c: set_(c.manager, all_subaccounts=True),
        "all and a group": lambda c: manage(c.hq.manager(), hold(c.hq.north)),
        "home and a group": lambda c: manage(
            c.contact.manager(c.contact.home, role="account_manager"),
            SubaccountGroup.objects.create(account=c.contact.account, name="Clients"),
        ),
    },
    "groups_hold_and_reach_what_they_may": {
        "home": lambda c: hold(c.contact.home),
        "inside": lambda c: manage(c.full, hold(c.hq.north)),
    },
    "members_of_home_are_at_account_level": {
        "inside": lambda c: c.contact.member("campaign_creator", c.contact.home)
    },
    "home_only_where_the_edition_has_one": {
        "home": lambda c: SubaccountFactory(account=c.hq.account, is_home=True)
    },
    "limit_is_kept": {
        "eleven": lambda c: SubaccountFactory.create_batch(9, account=c.corporate.account)
    },
    "toggle_is_admitted_by_the_role": {
        "not admitted": lambda c: give(
            "share_campaigns", c.hq.north, c.full.user, membership=c.full
        ),
        "role lost it": lambda c: set_(c.full, role="author"),
        "another person": lambda c: SubaccountUserGrant.objects.filter(membership=c.full).update(
            user=c.manager.user
        ),
        "another place": lambda c: SubaccountUserGrant.objects.filter(membership=c.full).update(
            content_object=c.hq.south
        ),
    },
    "guest_access_is_grantable": {
        "send": lambda c: give("send_campaigns", c.hq.south, c.full.user),
        "on a list": lambda c: give("delete_lists", c.list, c.full.user),
        "stranger": lambda c: give("access_audience", c.hq.south, UserFactory()),
        "stranger on a campaign": lambda c: give("access_campaigns", c.campaign, UserFactory()),
    },
    "custom_role_is_tickable": {
        "reserved": lambda c: set_(c.role, permissions=["create_subaccounts"]),
        "unknown": lambda c: set_(c.role, permissions=["no_such_permission"]),
        "no list": lambda c: set_(c.role, permissions="access_audience"),
        "in an edition without": lambda c: c.hq.custom("access_audience"),
        "nested": lambda c: set_(c.role, permissions=[["access_audience"]]),
    },
    "teams_only_where_the_edition_has_them": {
        "on": lambda c: set_(c.hq.account, team_mode=TeamMode.LISTS)
    },
    "team_members_belong_to_the_account": {
        "stranger": lambda c: c.team.memberships.create(user=c.full.user)
    },
    "team_groups_are_empty": {
        "filled": lambda c: c.custom.user.groups.add(c.team.group),
        "renamed": lambda c: set_(c.team.group, name="friends"),
    },
    "invited_to_what_the_edition_has": {
        "unknown": lambda c: set_(c.pending, role="janitor", toggles=[]),
        "level": lambda c: set_(c.pending, role="manager", toggles=[]),
        "not admitted": lambda c: set_(c.pending, toggles=["billing_reports"]),
        "nested": lambda c: set_(c.pending, toggles=[["export_contacts"]]),
        "no list": lambda c: set_(c.pending, toggles="export_contacts"),
        "custom": lambda c: set_(c.pending, role="", custom_role=c.hq.custom(), toggles=[]),
        "toggle of a custom role": lambda c: set_(c.offer, toggles=["export_contacts"]),
        "turned": lambda c: set_(c.pending, exclusive=False),
        "all and some": lambda c: set_(c.above, all_subaccounts=True),
        "inside and some": lambda c: c.pending.reach.create(
            account=c.hq.account, subaccount=c.hq.south
        ),
    },
    "invitations_are_settled_once": {
        "pending and settled": lambda c: set_(c.pending, settled_at=timezone.now()),
        "settled at no time": lambda c: set_(c.withdrawn, settled_at=None),
        "withdrawn and accepted": lambda c: set_(c.withdrawn, accepted_by=UserFactory()),
        "pending and accepted": lambda c: set_(c.pending, accepted_by=UserFactory()),
    },
    "offers_are_made_by_the_owner_to_somebody_inside": {
        "by another": lambda c: offer_account(c.hq, owner=UserFactory()),
        "to a stranger": lambda c: offer_account(c.hq, heir=UserFactory()),
        "to somebody suspended": lambda c: offer_account(
            c.hq, heir=c.hq.member("author", status="suspended").user
        ),
    },
    "invited_addresses_are_in_small_letters": {
        "large": lambda c: set_(c.pending, address="Ana@new.example"),
        "of another alphabet": lambda c: set_(c.pending, address="mıke@new.example"),
        "of another host": lambda c: set_(c.pending, address="ana@münchen.example"),
    },
    "nobody_holds_model_permissions": {
        "person": lambda c: c.full.user.user_permissions.add(
            *Permission.objects.filter(codename="access_campaigns")[:1]
        ),
    },
    "tenants_are_not_mixed": {
        "list": lambda c: set_(
            MailingListFactory(subaccount=c.hq.south), subaccount=elsewhere(c.hq)
        ),
        "template": lambda c: set_(
            MessageTemplateFactory(subaccount=c.hq.south), account=c.sailthru.account
        ),
        "campaign": lambda c: set_(
            CampaignFactory(subaccount=c.hq.south), account=c.sailthru.account
        ),
        "contact": lambda c: set_(
            ContactFactory(subaccount=c.hq.south), account=c.sailthru.account
        ),
        "campaign's list": lambda c: set_(
            c.campaign, mailing_list=MailingListFactory(subaccount=c.hq.south)
        ),
        "campaign's template": lambda c: set_(
            c.campaign, template=MessageTemplateFactory(subaccount=c.hq.south)
        ),
        "contact on a list": lambda c: set_(
            c.on_list, contact=ContactFactory(subaccount=c.hq.south)
        ),
        "member": lambda c: set_(
            Membership.objects.get(pk=c.hq.member("author").pk), subaccount=elsewhere(c.hq)
        ),
        "invitation": lambda c: set_(c.withdrawn, subaccount=elsewhere(c.hq)),
        "invitation to a role": lambda c: set_(c.offer, custom_role=world("sailthru").custom()),
        "invitation to places": lambda c: c.above.reach.update(subaccount=elsewhere(c.hq)),
        "invitation to a team": lambda c: c.offer.into.update(team=world("sailthru").team()),
        "custom role": lambda c: set_(c.custom, custom_role=world("sailthru").custom()),
        "manager": lambda c: ManagedSubaccount.objects.filter(membership=c.manager).update(
            subaccount=elsewhere(c.hq)
        ),
        "group": lambda c: hold(c.hq.north).contents.update(subaccount=elsewhere(c.hq)),
        "manager of a group": lambda c: (
            manage(c.manager, hold(c.hq.north)),
            c.manager.managed_groups.update(group=hold(elsewhere(c.hq))),
        ),
    },
    "segments_fit_their_campaign": {
        "of another list": lambda c: set_(c.campaign, segment=segment_of_another_list(c)),
    },
    "one_primary_contact_where_there_is_such_a_thing": {
        "left over": lambda c: set_(c.full, is_primary_contact=True)
    },
}


def offer_account(w: World, *, owner: Any = None, heir: Any = None) -> None:
    """Store an offer of the account that no service would have made."""
    OwnershipTransfer.objects.create(
        account=w.account,
        owner=owner or w.owner,
        heir=heir or w.member("author").user,
        expires_at=timezone.now() + timedelta(days=1),
    )


CASES = [(rule, case) for rule, cases in PLANTED.items() for case in cases]


def test_every_rule_has_a_planted_case() -> None:
    assert set(PLANTED) == {check.__name__.strip("_") for check in integrity._CHECKS}


def test_sound_data(cast: Cast) -> None:
    done = run("check_integrity", "--sample=0")
    assert (done.code, done.out) == (0, "Every invariant holds.\n")
    assert run("check_integrity", "--sample=0", format="json").json == []
    assert run("check_integrity", "--sample=0", format="csv").rows == [
        ["rule", "subject", "detail"]
    ]


@pytest.mark.parametrize(("rule", "case"), CASES)
def test_planted_corruption_is_found(cast: Cast, rule: str, case: str) -> None:
    PLANTED[rule][case](cast)

    done = run("check_integrity", "--sample=0", format="json")

    assert done.code == 1
    assert {found["rule"] for found in done.json} == {rule}
    for found in done.json:
        assert found["subject"].count(":") == 1
        assert found["detail"]


@pytest.mark.parametrize("how", ["line", "digest", "both", "gone"])
def test_a_finished_review_that_was_written_anew_is_found(cast: Cast, how: str) -> None:
    """By somebody who may write the table of reviews, and drop its triggers, but not the audit."""
    w = cast.hq
    soon = timezone.now() + timedelta(days=3)
    review = services.start_review(actor=w.owner, account=w.account, name="Spring", due_at=soon)
    services.finish_review(actor=w.owner, review=review, leave_open=True)
    assert run("check_integrity", "--sample=0", format="json").json == []
    review_locks.unlock("default")
    if how in ("line", "both"):
        review.lines.update(decision="confirmed", decided_at=timezone.now())
    if how in ("digest", "both"):
        digest = digest_of(review) if how == "both" else "0" * 64
        AccessReview.objects.filter(pk=review.pk).update(digest=digest)
    if how == "gone":
        review.lines.all().delete()
        AccessReview.objects.filter(pk=review.pk).delete()
    review_locks.lock_down("default")

    (found,) = run("check_integrity", "--sample=0", format="json").json

    assert found["rule"] == "finished_reviews_are_as_recorded"
    assert found["detail"]


def test_tampered_audit_is_found(cast: Cast) -> None:
    audit.unlock("default")
    AuditEvent.objects.filter(sequence=1).update(action="other")
    done = run("check_integrity", "--sample=0", format="json")
    assert (done.code, {found["rule"] for found in done.json}) == (1, {"audit_is_intact"})


def test_every_format_says_the_same_and_exits_with_1(cast: Cast) -> None:
    set_(cast.full, is_primary_contact=True)
    columns = [
        "one_primary_contact_where_there_is_such_a_thing",
        f"teams.membership:{cast.full.pk}",
        "is marked as primary contact, which the edition does not know",
    ]
    text, table = (
        run("check_integrity", "--sample=0"),
        run("check_integrity", "--sample=0", format="csv"),
    )

    assert (text.code, table.code) == (1, 1)
    assert table.rows == [["rule", "subject", "detail"], columns]
    for part in columns:
        assert part in text.out


def test_several_kinds_of_damage_are_all_found(cast: Cast) -> None:
    """One broken row does not hide another, nor stop the search."""
    set_(cast.full, role="janitor")  # has a toggle
    set_(cast.hq.owner, is_active=False)
    set_(cast.contact.account, edition="emma_imperial")

    found = {row["rule"] for row in run("check_integrity", "--sample=0", format="json").json}

    assert {"edition_is_known", "owner_is_a_tenant", "role_exists_at_that_level"} <= found


@pytest.mark.parametrize(
    "model", [Account, Campaign, Contact, MailingList, MessageTemplate, Role, Team]
)
def test_asking_changes_nothing(cast: Cast, model: Any) -> None:
    before = list(model._default_manager.order_by("pk").values())
    run("check_integrity", "--sample=0")
    assert list(model._default_manager.order_by("pk").values()) == before
