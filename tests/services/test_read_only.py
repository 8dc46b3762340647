"""An account that is read-only: every service refuses and writes nothing, but for leaving."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import django
import pytest
from django.core import mail
from django.db import transaction
from django.utils import timezone

from permissions import access
from permissions.errors import Invalid, NotFound, ReadOnlyAccount, ServiceError
from permissions.models import AuditEvent
from permissions.policy import Denial
from teams import catalogue as c
from teams import services
from teams.explain import explain
from teams.factories import ContactFactory, MailingListFactory
from teams.models import Account, Campaign, Contact, ContactImport, Invitation, Membership
from teams.read_only import READING
from teams.services import delivery, delivery_gate, departures, exports, imports, leaving, newcomers
from teams.services.base import changing
from teams.services.invitation_mail import token_of
from teams.services.letters import unsubscribe_token
from teams.services.platform import suspend_as_platform
from teams.services.read_only import set_read_only
from tests.services.mailing import now, ready, states
from tests.services.test_bad_input import GOOD, Cast
from tests.services.world import is_sentence, stored, world

pytestmark = pytest.mark.django_db

UNPAID = Account.ReadOnly.UNPAID
#: nobody is kept where they do not want to be
PASS = {"leave", "leave_account"}

#: what the console calls besides, with arguments that would succeed
BESIDES: dict[str, Callable[[dict[str, Any]], Callable[[], Any]]] = {
    "suspend_in_account": lambda s: (
        lambda: departures.suspend_in_account(
            actor=s["actor"], account=s["account"], user=s["member"]
        )
    ),
    "reactivate_in_account": lambda s: (
        lambda: departures.reactivate_in_account(
            actor=s["actor"], account=s["account"], user=s["suspended"].user
        )
    ),
    "remove_from_account": lambda s: (
        lambda: departures.remove_from_account(
            actor=s["actor"], account=s["account"], user=s["member"]
        )
    ),
    "bring_in": lambda s: (
        lambda: newcomers.bring_in(
            actor=s["actor"],
            account=s["account"],
            row=newcomers.Row(2, "bea@new.example", "reports_only", "north"),
        )
    ),
    "discard_import": lambda s: (
        lambda: imports.discard_import(actor=s["actor"], contact_import=s["contact_import"])
    ),
    "continue_import": lambda s: (
        lambda: imports.continue_import(
            actor=s["actor"], contact_import=_stale(s["contact_import"])
        )
    ),
    "discard_export": lambda s: (
        lambda: exports.discard_export(actor=s["actor"], contact_export=s["contact_export"])
    ),
    "continue_export": lambda s: (
        lambda: exports.continue_export(
            actor=s["actor"], contact_export=_stale(s["contact_export"])
        )
    ),
}


def _stale(job: Any) -> Any:
    type(job).objects.filter(pk=job.pk).update(status="running", alive_at=None)
    return job


def shut(*accounts: Account, because: str = UNPAID) -> None:
    """Make accounts read-only, as billing does."""
    with transaction.atomic():
        for account in accounts:
            locked = Account.objects.select_for_update().get(pk=account.pk)
            changes = locked.read_only_because != because
            assert set_read_only(locked, because) is changes
            assert set_read_only(locked, because) is False
            account.read_only_because = because


def calls(cast: dict[str, Any]) -> dict[str, Callable[[], Callable[[], Any]]]:
    """Return, by service, what prepares a call of it that would succeed."""

    def prepared(name: str) -> Callable[[], Callable[[], Any]]:
        def prepare() -> Callable[[], Any]:
            asked = GOOD[name](cast)
            return lambda: getattr(services, name)(**asked)

        return prepare

    found = {name: prepared(name) for name in GOOD}
    return found | {name: (lambda made=made: made(cast)) for name, made in BESIDES.items()}


def test_every_service_refuses_and_writes_nothing_but_those_that_let_people_go() -> None:
    cast = Cast.side()
    accounts = (cast["account"], cast["emma"].account)
    wrong, said = {}, {}
    for name, prepare in calls(cast).items():
        with transaction.atomic():
            call = prepare()
            shut(*accounts)
            before = stored()
            try:
                with transaction.atomic():
                    call()
                answer = "passes"
            except ServiceError as error:
                answer, said[name] = error.code, error.message
            if answer == "passes":
                assert stored() != before
            else:
                assert stored() == before, name
            transaction.set_rollback(True)
        if answer != ("passes" if name in PASS else "READ_ONLY_ACCOUNT"):
            wrong[name] = answer
    assert wrong == {}
    assert all(is_sentence(text) for text in said.values())
    outside = {name for name, text in said.items() if "is read-only because" not in text}
    assert outside == {"join", "accept_invitation"}


def test_each_of_the_calls_beside_would_succeed_in_an_account_that_is_not_read_only() -> None:
    cast = Cast.side()
    for prepare in (calls(cast)[name] for name in BESIDES):
        with transaction.atomic():
            before = stored()
            prepare()()
            assert stored() != before
            transaction.set_rollback(True)


def test_the_system_says_so_once_and_takes_back_once() -> None:
    w = world("emma_enterprise")
    shut(w.account)
    shut(w.account)
    assert Account.objects.get(pk=w.account.pk).read_only_because == UNPAID
    shut(w.account, because="")
    shut(w.account, because="")
    found = AuditEvent.objects.filter(action__in=("account.read_only", "account.writable"))
    assert [(e.action, e.actor_ref, e.data["after"]) for e in found.order_by("sequence")] == [
        ("account.read_only", "system", UNPAID),
        ("account.writable", "system", ""),
    ]
    with pytest.raises(Invalid, match="no reason"):
        shut(w.account, because="whim")


def test_billing_passes_and_others_are_told_who_can_help() -> None:
    w = world("emma_enterprise")
    shut(w.account)
    with transaction.atomic(), changing(w.owner, w.account, act="pay", while_read_only=True) as ok:
        assert ok.account == w.account
    with (
        pytest.raises(ReadOnlyAccount) as refused,
        transaction.atomic(),
        changing(w.owner, w.account, act="rename it"),
    ):
        pass
    assert refused.value.message == (
        f"You cannot rename it: {w.account.name} is read-only because an invoice has not been "
        "paid. Whoever may pay it can do so under Billing."
    )
    stranger = world("emma_enterprise").owner
    with pytest.raises(NotFound), transaction.atomic(), changing(stranger, w.account, act="look"):
        pass


def test_what_teams_hide_is_missing_in_a_read_only_account_too() -> None:
    w = world("sailthru")
    hidden = MailingListFactory(subaccount=w.north, created_by=w.owner)
    ana = w.member("marketer_limited").user
    asked = {"actor": ana, "mailing_list": hidden, "name": "Mine"}
    shut(w.account)
    with pytest.raises(NotFound):
        services.rename_list(**asked)
    assert not access.can(ana, c.ACCESS_AUDIENCE, hidden)
    assert access.can(w.owner, c.ACCESS_AUDIENCE, hidden)  # whom teams do not limit, still not


def test_an_invitation_waits_and_says_nothing_of_invoices() -> None:
    w = world("emma_enterprise")
    invitation = services.invite_member(
        actor=w.owner, account=w.account, address="ana@new.example", role="full", subaccount=w.north
    )
    token = token_of(invitation, mailed=True)
    asked = {"first_name": "Ana", "last_name": "Ruiz", "password": "a long enough one"}
    shut(w.account)
    with pytest.raises(ReadOnlyAccount) as refused:
        services.join(token=token, **asked)
    assert "invoice" not in refused.value.message
    assert Invitation.objects.get().status == Invitation.Status.PENDING
    shut(w.account, because="")
    services.join(token=token, **asked)
    assert Membership.objects.filter(account=w.account).count() == 1


def test_the_platform_still_takes_away() -> None:
    w = world("emma_enterprise")
    row = w.member("full")
    shut(w.account)
    suspend_as_platform(reason="They asked us to", membership=row)
    assert Membership.objects.get(pk=row.pk).status == Membership.Status.SUSPENDED


def test_a_contact_leaves_and_comes_back_by_the_link() -> None:
    w = world("emma_enterprise")
    campaign = ready(w.north, count=1)
    campaign = services.schedule_campaign(
        actor=w.owner, campaign=campaign, at=timezone.now() + timedelta(days=1)
    )
    token = unsubscribe_token(campaign.deliveries.get())
    shut(w.account)
    leaving.unsubscribe(token)
    assert Contact.objects.get().status == Contact.Status.UNSUBSCRIBED
    leaving.subscribe_again(token)
    assert Contact.objects.get().status == Contact.Status.SUBSCRIBED


@pytest.mark.django_db(transaction=True)
def test_campaigns_wait_and_are_taken_up_again(settings: Any) -> None:
    w = world("emma_enterprise")
    late, begun, own = (ready(w.north, count=2) for _ in range(3))
    soon = timezone.now() + timedelta(hours=1)
    for campaign in (late, begun, own):
        services.schedule_campaign(actor=w.owner, campaign=campaign, at=soon)
    shut(w.account)
    past = timezone.now() - timedelta(minutes=1)
    Campaign.objects.update(scheduled_at=past)
    Campaign.objects.filter(pk=begun.pk).update(status=Campaign.Status.SENDING)
    for campaign in (late, begun):
        assert delivery.work_off(campaign.pk).state == "paused"
        assert delivery.look_after_campaign.call(campaign.pk) == "over"
        assert states(campaign) == {"waiting": 2}
    assert not delivery.due().exists()
    assert mail.outbox == []
    assert now(late).status == Campaign.Status.SCHEDULED
    package = "django.tasks" if django.VERSION >= (6, 0) else "django_tasks"
    settings.TASKS = {"default": {"BACKEND": f"{package}.backends.immediate.ImmediateBackend"}}
    shut(w.account, because="")
    assert {now(one).status for one in (late, begun, own)} == {Campaign.Status.SENT}
    assert len(mail.outbox) == 6


def test_a_campaign_that_is_being_sent_stops_between_two_batches() -> None:
    w = world("emma_enterprise")
    campaign = ready(w.north, status="sending", scheduled_at=timezone.now())
    campaign.scheduled_by = w.owner
    campaign.save()
    assert isinstance(delivery_gate.still_may(campaign.pk), Campaign)
    shut(w.account)
    assert delivery_gate.still_may(campaign.pk) == "paused"
    assert now(campaign).status == Campaign.Status.SENDING


def test_an_import_that_runs_stops_says_why_and_can_be_started_again() -> None:
    w = world("emma_enterprise")
    file = io.BytesIO(b"Address\nnew@readers.example\n")
    job = services.upload_import(actor=w.owner, subaccount=w.north, file=file, name="a.csv")
    asked = {"actor": w.owner, "mapping": {"Address": "email"}}
    services.start_import(contact_import=job, **asked)
    shut(w.account)
    imports.carry_out_import.call(job.pk)
    job = ContactImport.objects.get()
    assert job.status == ContactImport.Status.FAILED
    assert "is read-only" in job.problem
    assert not Contact.objects.exists()
    shut(w.account, because="")
    services.start_import(contact_import=job, **asked)
    imports.carry_out_import.call(job.pk)
    assert Contact.objects.count() == 1


def test_what_is_not_for_reading_is_withheld_from_everybody_but_billing_is_not() -> None:
    w = world("emma_enterprise")
    contact = ContactFactory(subaccount=w.north)
    held = {p for p in c.CATALOGUE if access.can(w.owner, p, _asked_of(p, w))}
    shut(w.account)
    left = {p for p in c.CATALOGUE if access.can(w.owner, p, _asked_of(p, w))}
    assert left == held & READING.union(c.BILLING.permissions)
    assert {c.SEND_CAMPAIGNS, c.EXPORT_CONTACTS, c.ADD_CONTACTS} <= held - left
    assert {c.PAY_INVOICES, c.CHANGE_RATE_PLAN, c.VIEW_CONTACTS} <= left
    decision = access.can(w.owner, c.ADD_CONTACTS, contact)
    assert (decision.reason, decision.detail) == (Denial.WITHHELD, UNPAID)
    contacts = Contact.objects.all()
    assert not access.visible(contacts, w.owner, c.ADD_CONTACTS).exists()
    assert access.visible(contacts, w.owner, c.VIEW_CONTACTS).exists()


def _asked_of(permission: Any, w: Any) -> Any:
    return w.account if permission.level == "account" else w.north


def test_every_permission_is_for_reading_or_not_on_purpose() -> None:
    # a new one is withheld until somebody says that it only looks
    assert set(c.CATALOGUE) >= READING
    assert not READING & set(c.BILLING.permissions)
    telling = {"view", "access"}
    looks = {p for p in c.CATALOGUE if p.partition("_")[0] in telling} - {*c.BILLING.permissions}
    assert looks - READING == set()


def test_explanations_say_that_the_account_is_read_only() -> None:
    w = world("emma_enterprise")
    shut(w.account)
    found = explain(w.owner, c.SEND_CAMPAIGNS, w.north)
    assert found.sentence.endswith("The account is read-only: an invoice has not been paid.")
    assert found.missing[0]["who_could_give_it"] == []
    held = explain(w.owner, c.ACCESS_AUDIENCE, w.north)
    assert held.decision.allowed
    assert held.precondition == (
        f"{w.account.name} is read-only because an invoice has not been paid."
    )
    assert explain(w.owner, c.VIEW_CONTACTS, w.north).precondition == ""
    assert explain(w.owner, c.MANAGE_ACCOUNT_SETTINGS, w.account).precondition != ""
