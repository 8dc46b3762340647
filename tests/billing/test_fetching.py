"""Fetching again what was bought: who may, once it is gone, and that nobody pays twice."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing import purchases
from billing.factories import ContentItemFactory, ContentPurchaseFactory, InvoiceFactory
from billing.models import ContentItem, ContentPurchase
from billing.services import fetch_content
from permissions.models import AuditEvent
from teams import keys, services
from teams.catalogue import CATALOGUE
from teams.factories import ApiKeyFactory
from teams.models import Account, MessageTemplate, SavedRow, Subaccount
from tests.billing.test_purchases import SHELF, browser, buy, image, shop, text
from tests.commands.helpers import run
from tests.concurrency.racing import errors, together
from tests.services.world import World, missing, refused, stored

pytestmark = pytest.mark.django_db


def fetch(w: World, item: Any, **given: Any) -> Any:
    return fetch_content(**{"actor": w.owner, "subaccount": w.north, "item": item, **given})


def purge(w: World, template: MessageTemplate) -> None:
    """Remove a template for good, as people do."""
    services.archive_item(actor=w.owner, obj=template)
    template.refresh_from_db()
    services.purge_item(actor=w.owner, obj=template, confirm=template.name)


def lost(edition: str = "emma_hq") -> tuple[World, ContentItem]:
    """Return an account, and what was bought there for North and removed since."""
    w, item = shop(edition), ContentItemFactory(name="Spring")
    buy(w, item)
    purge(w, MessageTemplate.objects.get(subaccount=w.north))
    return w, item


def test_what_was_purged_is_fetched_again_for_nothing_and_the_record_says_so() -> None:
    w, item = lost()
    made = fetch(w, item)
    assert isinstance(made, MessageTemplate)
    assert (made.subaccount, made.name, made.created_by) == (w.north, "Spring", w.owner)
    assert [row["html"] for row in made.rows] == item.rows
    purchase = ContentPurchase.objects.get()
    event = AuditEvent.objects.get(action="content.fetched")
    assert event.subject_ref == f"billing.contentpurchase:{purchase.pk}"
    assert event.data == {
        "subaccount": w.north.pk,
        "kind": "campaign",
        "copy": f"teams.messagetemplate:{made.pk}",
    }
    assert "fetched Spring again, which had been bought for North." in text(
        browser(w.owner).get("/history/")
    )
    # again and again
    purge(w, made)
    assert fetch(w, item).name == "Spring"


def test_an_image_that_was_deleted_becomes_a_saved_row_again() -> None:
    w, item = shop(), image()
    buy(w, item)
    services.delete_saved_row(actor=w.owner, saved=SavedRow.objects.get())
    made = fetch(w, item)
    assert isinstance(made, SavedRow)
    assert (made.subaccount, made.name, made.html) == (w.north, "The sea", item.rows[0])


def test_what_is_there_is_not_fetched_be_it_renamed_edited_or_archived() -> None:
    w, item = shop(), ContentItemFactory(name="Spring")
    buy(w, item)
    template = MessageTemplate.objects.get()
    services.rename_template(actor=w.owner, template=template, name="Winter")
    services.add_row(actor=w.owner, content=template, html="<p>More</p>")
    before = stored()
    with refused("ALREADY_THERE"):
        fetch(w, item)
    assert stored() == before
    services.archive_item(actor=w.owner, obj=template)
    with refused("ALREADY_THERE"):
        fetch(w, item)
    # that another subaccount has it is no matter
    buy(w, item, subaccount=w.south)
    template.refresh_from_db()
    services.purge_item(actor=w.owner, obj=template, confirm="Winter")
    fetch(w, item)
    with refused("ALREADY_THERE"):
        fetch(w, item)


def test_what_no_record_names_is_fetched_once() -> None:
    """The record of the purchase is older, or is not kept any more."""
    w = shop()
    old = ContentPurchaseFactory(subaccount=w.north)
    fetch(w, old.item)
    with refused("ALREADY_THERE"):
        fetch(w, old.item)


@pytest.mark.django_db(transaction=True)
def test_two_who_fetch_at_once_fetch_it_once() -> None:
    w, item = lost()
    found = together(lambda: fetch(w, item), lambda: fetch(w, item))
    assert [getattr(error, "code", error) for error in errors(found)] == ["ALREADY_THERE"]
    assert (
        MessageTemplate.objects.filter(subaccount=w.north, name__startswith="Spring").count() == 1
    )


def test_whoever_may_not_buy_it_there_fetches_nothing_and_learns_nothing() -> None:
    w, item = lost("constant_contact")
    for actor in [w.member(role).user for role in ("account_manager", "campaign_creator")]:
        for wanted in (item, ContentItemFactory()):
            with refused("OUT_OF_SCOPE") as caught:
                fetch(w, wanted, actor=actor)
            assert missing(caught) == {("purchase_content", "North")}
    rival, _theirs = lost("constant_contact")
    for given in ({"subaccount": rival.north}, {"actor": rival.owner}):
        with refused("NOT_FOUND"):
            fetch(w, item, **given)
    services.set_features(actor=w.owner, subaccount=w.north, off=["purchases"])
    with refused("OUT_OF_SCOPE"):
        fetch(w, item)
    services.set_features(actor=w.owner, subaccount=w.north, off=[])
    key = ApiKeyFactory(subaccount=w.north, created_by=w.owner, scopes=[str(p) for p in CATALOGUE])
    with keys.acting(key), refused("IN_PERSON"):
        fetch(w, item)
    assert not MessageTemplate.objects.filter(subaccount=w.north, name="Spring").exists()
    fetch(w, item, actor=w.manager(role="partner_manager").user)


def test_what_is_refused_whoever_fetches() -> None:
    w, item = lost()
    rival = shop()
    mine = ContentItemFactory()
    buy(rival, mine)
    for wanted in (mine, ContentItemFactory()):
        with refused("NOT_BOUGHT"):
            fetch(w, wanted)
    with refused("NOT_BOUGHT"):
        fetch(w, item, subaccount=w.south)
    for wrong in ({"item": "spring"}, {"subaccount": "north"}, {"actor": None}):
        with refused("WRONG_TYPE"):
            fetch(w, **{"item": item, **wrong})
    Subaccount.objects.filter(pk=w.north.pk).update(archived_at=timezone.now())
    with refused("ARCHIVED"):
        fetch(w, item)
    Subaccount.objects.filter(pk=w.north.pk).update(archived_at=None)
    Account.objects.filter(pk=w.account.pk).update(read_only_because="unpaid")
    with refused("READ_ONLY_ACCOUNT"):
        fetch(w, item)


def test_an_overdue_invoice_and_the_end_of_an_offer_take_nothing_away() -> None:
    w, item = lost()
    ContentItem.objects.filter(pk=item.pk).update(retired_at=timezone.now())
    InvoiceFactory(account=w.account)
    assert fetch(w, item).name == "Spring"
    assert ContentPurchase.objects.count() == 1


# the console


def test_the_console_offers_it_where_it_works_and_nowhere_else() -> None:
    w, item = lost()
    other = ContentItemFactory(name="Summer")
    kept = buy(w, other)
    gone = ContentPurchase.objects.get(item=item)
    client = browser(w.owner)
    url = f"{SHELF}{item.pk}/act/fetch/{gone.pk}/"
    page = text(client.get(SHELF))
    assert url in page
    assert page.count("/act/fetch/") == 1
    assert client.get(f"{SHELF}{other.pk}/act/fetch/{kept.pk}/").status_code == 403
    for absent in (f"{SHELF}{other.pk}/act/fetch/{gone.pk}/", f"{SHELF}{item.pk}/act/fetch/"):
        assert client.get(absent).status_code == 404
    assert browser(lost()[0].owner).get(url).status_code == 404
    assert browser(w.member("full").user).get(url).status_code == 404
    assert "this costs nothing" in text(client.get(url))
    done = client.post(url, follow=True)
    assert "North has Spring again, under Templates." in text(done)
    assert "/act/fetch/" not in text(done)
    # a second click finds it there
    assert "still has Spring" in text(client.post(url))
    assert (
        MessageTemplate.objects.filter(subaccount=w.north, name__startswith="Spring").count() == 1
    )
    Account.objects.filter(pk=w.account.pk).update(read_only_because="unpaid")
    purge_all(w)
    assert "/act/fetch/" not in text(client.get(SHELF))


def purge_all(w: World) -> None:
    MessageTemplate.objects.filter(subaccount=w.north).delete()


def test_what_is_there_is_asked_once_for_all_of_the_list() -> None:
    w = shop()
    for _one in range(2):
        buy(w, ContentItemFactory())
    rows = list(purchases.bought(w.account, [w.north.pk]))
    with CaptureQueriesContext(connection) as asked:
        assert purchases.gone(w.account, rows) == set()
    assert len(asked) == 2
    purge_all(w)
    assert purchases.gone(w.account, rows) == {row.pk for row in rows}
    assert purchases.gone(w.account, []) == set()


# the command


def test_the_command_fetches_it_again() -> None:
    w, item = lost()
    common = [item.code, f"--account={w.account.slug}", "--subaccount=north", f"--actor={w.owner}"]
    tried = run("purchase_content", *common, "--again", "--dry-run")
    assert (tried.code, "Spring for North again" in tried.out) == (0, True)
    assert not MessageTemplate.objects.filter(subaccount=w.north, name="Spring").exists()
    for wrong in ([], ["--again", "--price=12.50"]):
        assert run("purchase_content", *common, *wrong).code != 0
    done = run("purchase_content", *common, "--again", "--format=json")
    assert (done.code, '"copy": "spring"' in done.out) == (0, True)
    again = run("purchase_content", *common, "--again")
    assert (again.code, "still has Spring" in again.out) == (0, True)
    other = ContentItemFactory(code="summer", name="Summer")
    absent = run("purchase_content", other.code, *common[1:], "--again")
    assert "was not bought for North" in absent.error
    assert MessageTemplate.objects.filter(subaccount=w.north).count() == 1
