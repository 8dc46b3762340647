"""``prune_expired``: what ended long ago goes, and nobody's rights change."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from permissions import access, audit, grants
from permissions.models import AuditEvent
from permissions.resources import registry
from teams import services
from teams.factories import MailingListFactory, SubaccountFactory, UserFactory
from teams.models import Invitation, Membership, Reminder, TeamMembership
from teams.models.account import Account, Subaccount
from teams.services import pruning
from tests.commands.helpers import run
from tests.services.world import EDITIONS, World, stored, world

pytestmark = pytest.mark.django_db


def ago(days: float) -> Any:
    return timezone.now() - timedelta(days=days)


def invite(w: World, address: str, expired: Any) -> Invitation:
    role = next(r.codename for r in w.edition.roles if r.subaccount_level and not r.needs_teams)
    return Invitation.objects.create(
        account=w.account,
        address=address,
        subaccount=w.north,
        role=role,
        exclusive=False,
        expires_at=expired,
    )


def fill(w: World, days: float) -> dict[str, Any]:
    """Put one of everything there that ended so many days ago, and return it."""
    then, role = ago(days), "full" if w.edition.toggles else "reports_only"
    ended = w.member(role, ends_at=then)
    working = w.member(role, toggles=("export_contacts",) if w.edition.toggles else ())
    working.subaccount_toggles.update(ends_at=then)
    listed = MailingListFactory(subaccount=w.south, created_by=w.owner)
    services.give_guest_access(
        actor=w.owner,
        user=working.user,
        obj=listed,
        permissions=["access_audience", "add_contacts"],
    )
    grants.grants_on(listed).update(ends_at=then)
    team = w.team() if w.edition.has_teams else None
    return {
        "role": ended,
        "working": working,
        "list": listed,
        "team": team and TeamMembership.objects.create(team=team, user=working.user, ends_at=then),
        "invitation": invite(w, f"{ended.pk}@new.example", then),
        "reminder": Reminder.objects.create(
            account=w.account, user=working.user, about="membership:1", ends_at=then
        ),
    }


def test_whoever_is_asked_to_come_back_is_not_sent_away() -> None:
    w = world("emma_hq")
    before = w.member("editor", ends_at=ago(40))
    again = invite(w, before.user.email.lower(), ago(-10))
    run("prune_expired")
    assert not Membership.objects.filter(pk=before.pk).exists()
    assert Invitation.objects.get(pk=again.pk).status == Invitation.Status.PENDING


def actions() -> list[str]:
    found = AuditEvent.objects.filter(action__endswith=".pruned", actor_ref="system")
    return sorted(found.values_list("action", flat=True))


@pytest.mark.parametrize("edition", ["emma_corporate", "sailthru"])
def test_what_ended_long_ago_goes_and_what_ended_lately_stays(edition: str) -> None:
    w = world(edition)
    fill(w, 40)
    kept = fill(w, 20)

    done = run("prune_expired")

    assert (done.code, done.error) == (0, "")
    expected = ["guest.pruned", "invitation.pruned", "membership.pruned"]
    expected += ["toggle.pruned"] if w.edition.toggles else ["team.pruned"]
    assert actions() == sorted(expected)
    assert done.out.splitlines()[-1] == "5 removed."
    assert Membership.objects.filter(ends_at__isnull=False).get() == kept["role"]
    assert Invitation.objects.get() == kept["invitation"]
    assert Reminder.objects.get() == kept["reminder"]
    assert kept["working"].subaccount_toggles.count() == (3 if w.edition.toggles else 0)
    assert grants.grants_on(kept["list"]).count() == 2
    assert list(TeamMembership.objects.all()) == [kept["team"]] * w.edition.has_teams
    assert list(audit.verify()) == []
    again = run("prune_expired")
    assert again.out == "0 removed.\n"


def test_a_dry_run_lists_the_same_and_writes_nothing() -> None:
    w = world("emma_corporate")
    fill(w, 40)
    before = stored()
    dry = run("prune_expired", "--dry-run")
    assert stored() == before
    real = run("prune_expired")
    assert "Would remove role of Kim Person" in dry.out
    lines = {line.replace("Would remove", "Removed") for line in dry.out.splitlines()[:-1]}
    assert set(real.out.splitlines()[:-1]) <= lines  # rows that go together are listed each


def test_one_account_and_another_age() -> None:
    w, other = world("emma_corporate"), world("emma_corporate")
    for each in (w, other):
        fill(each, 10)
    assert run("prune_expired").out == "0 removed.\n"
    run("prune_expired", "--older-than", "5", "--account", w.account.slug)
    ended = Membership.objects.filter(ends_at__isnull=False)
    assert [m.account for m in ended] == [other.account]
    assert {e.root for e in AuditEvent.objects.filter(action__endswith=".pruned")} == {
        f"teams.account:{w.account.pk}"
    }


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--account", "nowhere"), 2, "There is no account 'nowhere'."),
        (("--older-than", "-1"), 2, "number of days from 0 to"),
        (("--older-than", "99999999"), 2, "number of days from 0 to"),
    ],
)
def test_what_makes_no_sense_is_said(arguments: tuple[str, ...], code: int, words: str) -> None:
    done = run("prune_expired", *arguments)
    assert done.code == code
    assert words in done.error


def test_a_role_goes_with_all_it_carries_as_when_somebody_is_removed() -> None:
    w = world("sailthru")
    ended = w.member("marketer_admin", ends_at=ago(40))
    person = ended.user
    team = w.team(person)
    sent = invite(w, "friend@new.example", timezone.now() + timedelta(days=5))
    sent.invited_by = person
    sent.save()
    services.give_guest_access(
        actor=w.owner,
        user=w.member("reports_only", user=person).user,
        obj=w.south,
        permissions=["access_audience"],
    )
    Membership.objects.filter(user=person).exclude(pk=ended.pk).delete()
    run("prune_expired")
    assert not team.memberships.exists()
    assert not grants.grants_on(w.south).filter(user=person).exists()
    sent.refresh_from_db()
    assert sent.status == Invitation.Status.WITHDRAWN
    event = AuditEvent.objects.get(action="membership.pruned")
    assert event.actor_label == "System"
    assert event.data["before"]["role"] == "marketer_admin"


def test_an_heir_keeps_what_they_offered_when_their_old_role_goes() -> None:
    w = world("emma_corporate")
    w.member("full", user=w.owner, ends_at=ago(40))
    sent = invite(w, "friend@new.example", timezone.now() + timedelta(days=5))
    sent.invited_by = w.owner
    sent.save()
    run("prune_expired")
    sent.refresh_from_db()
    assert sent.status == Invitation.Status.PENDING


def test_a_seat_that_pending_invitations_took_is_free_again() -> None:
    w = world("emma_corporate", seat_limit=2)
    ended = w.member("full", ends_at=ago(40))
    sent = invite(w, "friend@new.example", timezone.now() + timedelta(days=5))
    sent.invited_by = ended.user
    sent.save()
    run("prune_expired")
    services.add_member(
        actor=w.owner,
        account=w.account,
        user=UserFactory(),
        role="full",
        subaccount=w.north,
        consented=True,
    )


def test_what_was_extended_after_it_was_listed_stays() -> None:
    w = world("emma_corporate")
    ended = w.member("full", ends_at=ago(40))
    kind = pruning.kinds()[0]
    before = ago(30)
    (key,) = pruning.keys_over(kind, before, None)
    services.set_end(actor=w.owner, membership=ended, ends_at=None)
    assert pruning.prune(kind, key, before) == ""
    assert Membership.objects.filter(pk=ended.pk).exists()


def test_stopped_in_the_middle_it_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    w = world("emma_corporate")
    monkeypatch.setattr(pruning, "BATCH", 2)
    for _ in range(5):
        w.member("full", ends_at=ago(40))
    original, calls = pruning.take_away, []

    def killed(entry: Any, row: Any) -> None:
        calls.append(row.pk)
        original(entry, row)
        if len(calls) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(pruning, "take_away", killed)
    with pytest.raises(KeyboardInterrupt):
        run("prune_expired")
    assert Membership.objects.count() == 3  # the third was taken back whole
    assert len(actions()) == 2
    assert run("prune_expired").out.splitlines()[-1] == "3 removed."
    assert not Membership.objects.exists()


def rights() -> dict[Any, Any]:
    """Return what everybody may do, everywhere."""
    access.forget()
    found = {}
    places = [*Account.objects.all(), *Subaccount.objects.all()]
    for resource in registry:
        if resource.model not in (Account, Subaccount):
            places += list(resource.model._default_manager.all())
    with access.unit_of_work():
        for person in get_user_model()._default_manager.all():
            for obj in places:
                for permission in registry.catalogue or ():
                    found[person.pk, str(obj._meta), obj.pk, str(permission)] = bool(
                        access.can(person, permission, obj)
                    )
    return found


@pytest.mark.parametrize("edition", EDITIONS)
def test_nobodys_rights_change(edition: str) -> None:
    chance = random.Random(edition)
    w = world(edition)
    roles = [r.codename for r in w.edition.roles if r.subaccount_level]
    for _ in range(6):
        seat = w.member(chance.choice(roles), chance.choice([w.north, w.south]))
        if chance.random() < 0.5:
            there = w.south if seat.subaccount == w.north else w.north
            w.member(chance.choice(roles), there, user=seat.user, exclusive=seat.exclusive)
        else:
            services.give_guest_access(
                actor=w.owner,
                user=seat.user,
                obj=w.south if seat.subaccount == w.north else w.north,
                permissions=["access_audience"],
            )
        if w.edition.has_teams:
            w.team(seat.user)
    SubaccountFactory(account=w.account)
    for kind in pruning.kinds():
        for row in kind.rows.all():
            end = chance.choice([None, ago(40), ago(35), ago(10), ago(-10)])
            if kind.ends == "ends_at" and hasattr(row, "ends_at"):
                kind.rows.filter(pk=row.pk).update(ends_at=end)
    before = rights()
    done = run("prune_expired")
    assert done.out.splitlines()[-1] != "0 removed."
    assert rights() == before
    assert any(before.values())
