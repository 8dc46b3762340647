"""``seed_demo``: every login of the list, the same each time, and never in production."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.db import transaction
from django.http import HttpRequest

from billing.models import CreditNote, DunningStep, Invoice, Payment, Subscription
from permissions import access, audit, locks
from permissions.models import AuditEvent
from teams.catalogue import CATALOGUE
from teams.editions import EDITIONS
from teams.integrity import problems
from teams.keys import why_dead
from teams.models import (
    AccessReview,
    Account,
    ApiKey,
    Campaign,
    Contact,
    MailingList,
    Membership,
    ReviewLine,
    Subaccount,
    Team,
    Webhook,
)
from tests.commands.helpers import Done, run
from tests.services.world import stored

pytestmark = pytest.mark.django_db

TRUTH = Path(__file__).parents[1] / "truth"
User = get_user_model()

LOGINS = {
    "constant_contact.account_owner",
    "constant_contact.partner_manager",
    "constant_contact.account_manager",
    "constant_contact.campaign_creator",
    "constant_contact.home_account_manager",
    "constant_contact.home_campaign_creator",
    "emma_corporate.parent",
    "emma_enterprise.owner",
    "emma_enterprise.primary_contact",
    "emma_hq.owner",
    "sailthru.owner",
    "sailthru.account_admin",
    "sailthru.marketer_admin",
    "sailthru.marketer_limited",
    "sailthru.reports_only",
    "sailthru.producer",
    "sailthru.keeper",
    "sailthru.producer_and_keeper",
    *(
        f"emma_{e}.{role}"
        for e in ("corporate", "enterprise", "hq")
        for role in ("manager", "manager_all", "full", "editor", "author", "response_only")
    ),
    "emma_corporate.administrator",
    "emma_hq.administrator",
    *(f"{edition}.rival_owner" for edition in EDITIONS),
}


@pytest.fixture(scope="module")
def seeded(django_db_setup: None, django_db_blocker: Any) -> Iterator[Done]:
    """Seed once; what the tests do is rolled back to it."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield run("seed_demo", force=True, format="json")
        transaction.set_rollback(True)


def user(name: str) -> Any:
    return User._default_manager.get(username=name)


def test_it_creates_the_logins_everybody_expects(seeded: Done) -> None:
    assert seeded.code == 0
    assert {row["login"] for row in seeded.json} == LOGINS
    assert set(User._default_manager.values_list("username", flat=True)) == LOGINS | {"operator"}
    assert user("operator").is_staff
    assert not User._default_manager.filter(is_superuser=True).exists()
    for name in ("emma_hq.author", "sailthru.rival_owner", "operator"):
        assert authenticate(HttpRequest(), username=name, password="demo") == user(name)


@pytest.mark.once
@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize("suffix", ["", "-rival"])
def test_every_account_has_its_places_and_things(seeded: Done, edition: str, suffix: str) -> None:
    account = Account.objects.get(slug=edition.replace("_", "-") + suffix)
    places = dict(account.subaccounts.values_list("slug", "archived_at"))

    assert account.edition == edition
    assert set(places) == {"north", "south", "east", "west"} | (
        {"partner"} if edition == "constant_contact" else set()
    )
    assert [slug for slug, archived in places.items() if archived] == ["west"]
    for place in account.subaccounts.all():
        for model, count in ((MailingList, 3), (Campaign, 3)):
            slugs = list(
                model._default_manager.filter(subaccount=place).values_list("slug", flat=True)
            )
            assert len(slugs) == count
            assert all(slugs)
        many = 220 if place.slug == "north" else 24
        assert Contact.objects.filter(subaccount=place).count() == many
    assert account.memberships.exists() is not bool(suffix)
    assert Team.objects.filter(account=account).count() == (2 if edition == "sailthru" else 0)


@pytest.mark.parametrize("edition", EDITIONS)
def test_the_demo_people_hold_what_the_published_table_says(seeded: Done, edition: str) -> None:
    """Every login named like a column holds its yes and nothing of its no, opt and if, in north."""
    with (TRUTH / f"{edition}.csv").open(newline="", encoding="utf-8") as file:
        truth = list(csv.DictReader(file))
    account = Account.objects.get(slug=edition.replace("_", "-"))
    north = account.subaccounts.get(slug="north")
    asked = 0
    for role in EDITIONS[edition].roles:
        person = user(f"{edition}.{role.codename}")
        column = role.codename if role.codename in truth[0] else f"{role.codename}@client"
        with access.unit_of_work():
            for line in truth:
                if line["scope"] == "account":
                    continue
                answer = access.can(person, line["permission"], north).allowed
                assert answer is (line[column] == "yes"), (person, line["permission"])
                asked += 1
    assert asked > 100


def test_second_run_changes_nothing(seeded: Done) -> None:
    people = list(User._default_manager.order_by("pk").values())
    before, invoices = stored(), list(Invoice.objects.order_by("pk").values())

    again = run("seed_demo", force=True, format="json")

    assert again.json == seeded.json
    assert stored() == before
    assert list(Invoice.objects.order_by("pk").values()) == invoices != []
    assert list(User._default_manager.order_by("pk").values()) == people


def test_second_run_leaves_what_the_user_changed(seeded: Done) -> None:
    with transaction.atomic():
        place = Subaccount.objects.get(account__slug="emma-hq", slug="north")
        place.name = "My own name"
        place.save()
        Membership.objects.get(user__username="emma_hq.author").delete()
        run("seed_demo", force=True)
        place.refresh_from_db()
        assert place.name == "My own name"
        assert not Membership.objects.filter(user__username="emma_hq.author").exists()
        transaction.set_rollback(True)


def test_it_is_sound_and_its_history_is_complete(seeded: Done) -> None:
    assert list(problems()) == []
    assert list(audit.verify()) == []


@pytest.mark.once
@pytest.mark.parametrize("edition", EDITIONS)
def test_there_is_something_to_see_of_keys_webhooks_and_reviews(seeded: Done, edition: str) -> None:
    account = Account.objects.get(slug=edition.replace("_", "-"))
    review = AccessReview.objects.get(account=account)

    assert sorted(key.name for key in ApiKey.objects.filter(account=account) if why_dead(key)) == [
        "Old online shop"
    ]
    assert [key.name for key in ApiKey.objects.filter(account=account) if not why_dead(key)] == [
        "Online shop"
    ]
    assert Webhook.objects.get(account=account).disabled_at is not None  # nobody is told
    assert review.finished_at is None
    assert review.lines.filter(decision=ReviewLine.Decision.CONFIRMED).count() == 1
    assert review.lines.filter(decision=ReviewLine.Decision.OPEN).exists()
    (event,) = AuditEvent.objects.filter(channel=audit.API, root=audit.ref_of(account))
    assert event.via_label.startswith("Online shop (")


@pytest.mark.once
def test_it_is_the_same_every_time(seeded: Done) -> None:
    """Apart from the numbers the database gives, and the names of the teams' groups."""

    def content() -> list[Any]:
        return [
            sorted(
                User._default_manager.values_list("username", "first_name", "last_name", "email")
            ),
            sorted(Account.objects.values_list("slug", "name", "edition", "owner__username")),
            sorted(Subaccount.objects.values_list("account__slug", "slug", "name")),
            sorted(Membership.objects.values_list("user__username", "role", "is_primary_contact")),
            sorted(Campaign.objects.values_list("subaccount__slug", "slug", "name", "subject")),
            sorted(Contact.objects.values_list("email", "first_name", "last_name")),
            sorted(Invoice.objects.values_list("label", "month", "total", "paid", "due_on")),
        ]

    before = content()
    with transaction.atomic():
        locks.unlock("default")
        for billed in (Payment, DunningStep, CreditNote, Invoice, Subscription):
            billed._default_manager.all().delete()
        for model in (Membership, Campaign, Contact, MailingList, Team, Account):
            model._default_manager.all().delete()
        User._default_manager.all().delete()
        again = run("seed_demo", force=True, format="json")
        assert again.json == seeded.json
        assert content() == before
        transaction.set_rollback(True)


def test_names_are_believable(seeded: Done) -> None:
    for row in seeded.json:
        assert row["person"].count(" ") >= 1
        assert not any(c.isdigit() for c in row["person"] + row["account"])


@pytest.mark.once
def test_every_permission_is_held_by_somebody_of_the_demo(seeded: Done) -> None:
    """So that every page has somebody who sees it."""
    held = set()
    for account in Account.objects.exclude(slug__endswith="-rival"):
        for thing in (account, account.subaccounts.get(slug="north")):
            held |= {p for p in CATALOGUE if access.can(account.owner, p, thing)}
    assert set(CATALOGUE) - held == {"view_partner_resources"}  # resellers only


def test_csv_and_text(seeded: Done) -> None:
    header, *rows = run("seed_demo", force=True, format="csv").rows
    text = run("seed_demo", force=True).out

    assert header == ["login", "person", "account", "role"]
    assert {row[0] for row in rows} == LOGINS
    assert "Every password is 'demo'." in text
    assert "manage.py run_dunning --account emma-hq" in text
    for login in LOGINS:
        assert login in text


def test_it_refuses_to_run_with_debug_off() -> None:
    before, people = stored(), User._default_manager.count()
    done = run("seed_demo")

    assert (done.code, done.out) == (2, "")
    assert "DEBUG is off" in done.error
    assert "--force" in done.error
    assert stored() == before
    assert User._default_manager.count() == people
