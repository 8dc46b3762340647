"""The console of an account that is read-only: it shows everything, says why, offers nothing."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone

from permissions.models import AuditEvent
from teams import services
from teams.admin import site
from teams.admin.base import ConsoleAdmin
from teams.admin.desk import desk_of
from teams.admin.site import PAY_PAGE, console
from teams.catalogue import ACCESS_AUDIENCE
from teams.factories import CustomFieldFactory, SegmentFactory
from teams.models import Account, MailingList, Membership, OwnershipTransfer

pytestmark = [pytest.mark.django_db, pytest.mark.once]

#: what the page of an account in order offers somewhere: without any of it, nothing is proved
WRITES = re.compile(r'(?:href|action)="[^"]*/(?:act|bulk)/[^"]*"')
BANNER = "is read-only because an invoice has not been paid."

PAGES = (
    "/", "/access/", "/roles/", "/ending/", "/without-giver/", "/history/", "/history/access/",
    "/matrix/",
    "/auth/user/", "/auth/user/{full}/change/", "/teams/invitation/", "/teams/role/",
    "/teams/account/{account}/change/",
    "/teams/subaccount/", "/teams/subaccount/{north}/change/",
    "/teams/mailinglist/", "/teams/mailinglist/{list}/change/",
    "/teams/messagetemplate/", "/teams/messagetemplate/{template}/change/",
    "/teams/campaign/", "/teams/campaign/{campaign}/change/",
    "/teams/contact/", "/teams/segment/", "/teams/segment/{segment}/change/",
    "/teams/customfield/", "/teams/savedrow/", "/teams/subaccountgroup/",
)  # fmt: skip


def read_only(account: Account, because: str = Account.ReadOnly.UNPAID) -> None:
    Account.objects.filter(pk=account.pk).update(read_only_because=because)


def pages(world: Any) -> list[str]:
    """Return the addresses of pages that offer something to the owner, or would."""
    segment = SegmentFactory(subaccount=world.places["north"])
    CustomFieldFactory(subaccount=world.places["north"])
    keys = {
        "full": world.people["full"].pk,
        "account": world.account.pk,
        "north": world.places["north"].pk,
        "list": world.rows["mailinglist"].pk,
        "template": world.rows["messagetemplate"].pk,
        "campaign": world.rows["campaign"].pk,
        "segment": segment.pk,
    }
    return [page.format(**keys) for page in PAGES]


def test_no_page_offers_a_verb_and_every_page_says_why(world: Any) -> None:
    client = world.client("owner")
    urls = pages(world)
    before = {url: client.get(url) for url in urls}
    there = [url for url, answer in before.items() if answer.status_code == 200]
    assert len(there) > 20, {url: answer.status_code for url, answer in before.items()}
    offering = [url for url in there if WRITES.search(before[url].content.decode())]
    assert len(offering) > 10, offering
    assert not any(BANNER in answer.content.decode() for answer in before.values())
    read_only(world.account)
    wrong = {}
    for url in there:
        answer = client.get(url)
        page = answer.content.decode()
        found = WRITES.findall(page)
        if answer.status_code != 200 or found or page.count(BANNER) != 1:
            wrong[url] = (answer.status_code, found, page.count(BANNER))
    assert wrong == {}


def test_a_verb_is_refused_with_a_page_that_explains_and_recorded(world: Any) -> None:
    client = world.client("owner")
    north = world.places["north"]
    url = f"/teams/subaccount/{north.pk}/act/rename/"
    bulk = "/auth/user/bulk/suspend/"
    assert client.get(url).status_code == 200
    read_only(world.account)
    for answer in (
        client.get(url),
        client.post(url, {"name": "Far North"}),
        client.post(bulk, {ACTION_CHECKBOX_NAME: [world.people["full"].pk], "confirm": "1"}),
    ):
        assert answer.status_code == 403
        assert "You cannot do this" in answer.content.decode()
        assert "Whoever may pay it can do so under Billing." in answer.content.decode()
    closed = client.get("/teams/contactimport/")
    assert closed.status_code == 403
    assert "or none of your roles includes it" in closed.content.decode()
    north.refresh_from_db()
    assert north.name == "North"
    assert {row.status for row in Membership.objects.all()} == {"active"}
    recorded = AuditEvent.objects.filter(action="write.refused")
    assert [event.data["code"] for event in recorded] == ["READ_ONLY_ACCOUNT"]


def test_who_may_pay_is_led_to_billing_if_there_is_such_a_page(
    rf: Any, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_only(world.account)

    def told(who: str) -> dict[str, str]:
        found: dict[str, str] = console.each_context(asked_by(rf, world.people[who]))["read_only"]
        return found

    assert told("author")["remedy"] == "Whoever may pay it can do so under Billing."
    monkeypatch.delitem(console.own_pages, PAY_PAGE, raising=False)
    assert told("owner")["url"] == ""
    # another page of the site stands for that of billing, which this app does not know
    monkeypatch.setattr(site, "PAY_PAGE", "roles")
    assert told("owner")["url"] == "/roles/"
    assert told("author")["url"] == ""
    page = world.client("owner").get("/").content.decode()
    assert '<a href="/roles/">Pay under Billing</a>' in page
    assert "Pay under Billing" not in world.client("author").get("/").content.decode()


def asked_by(rf: Any, person: Any) -> Any:
    request = rf.get("/")
    request.user, request.session = person, {}
    return request


def test_the_stock_forms_of_a_host_are_closed_whatever_opens_them(rf: Any, world: Any) -> None:
    class Rows(ConsoleAdmin):
        view_permission = ACCESS_AUDIENCE
        add_permission = change_permission = delete_permission = ACCESS_AUDIENCE

    rows, obj = Rows(MailingList, console), world.rows["mailinglist"]

    def may() -> list[bool]:
        request = asked_by(rf, world.people["owner"])
        return [
            rows.has_view_permission(request, obj),
            rows.has_add_permission(request),
            rows.has_change_permission(request, obj),
            rows.has_delete_permission(request, obj),
        ]

    assert may() == [True, True, True, True]
    read_only(world.account)
    assert may() == [True, False, False, False]


def test_what_may_be_done_while_read_only_is_not_barred(rf: Any, world: Any) -> None:
    read_only(world.account)
    request = asked_by(rf, world.people["owner"])
    assert desk_of(request).account == world.account

    class Paying:
        while_read_only = True

    assert console.bar(request, Paying) is None
    refusal = console.bar(request, object)
    assert refusal is not None
    assert refusal.code == "READ_ONLY_ACCOUNT"


def test_nothing_is_offered_to_extend_or_to_accept(world: Any) -> None:
    seat = world.seats["manager"]
    soon = timezone.now() + timedelta(days=3)
    Membership.objects.exclude(pk=seat.pk).update(ends_at=soon)
    services.offer_ownership(
        actor=world.people["owner"], account=world.account, heir=world.people["manager"]
    )
    offered, extends = reverse("console:ownership"), 'value="extend"'
    manager, owner = world.client("manager"), world.client("owner")
    assert offered in manager.get("/").content.decode()
    assert extends in owner.get("/ending/").content.decode()
    read_only(world.account)
    assert offered not in manager.get("/").content.decode()
    assert extends not in owner.get("/ending/").content.decode()
    assert manager.post(offered, {"answer": "decline"}).status_code == 403
    assert OwnershipTransfer.objects.get().status == OwnershipTransfer.Status.PENDING


def test_a_person_leaves_a_read_only_account(world: Any) -> None:
    read_only(world.account)
    client = world.client("author")
    answer: HttpResponse = client.post(reverse("console:leave"), {"what": "account"})
    assert answer.status_code == 302
    assert not Membership.objects.filter(user=world.people["author"]).exists()
