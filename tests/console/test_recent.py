"""A recent sign-in is asked for again before what is grave: on every page and every post of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from billing.admin.content import Buy
from billing.admin.direct_verbs import BillDirectly, BillToAccount, SingleBill
from billing.admin.plan import ChoosePlan, WithdrawChange
from permissions.admin import BulkVerb, Verb
from permissions.models import AuditEvent
from teams.admin import export_verbs
from teams.admin.account_verbs import AskSecondFactor
from teams.admin.archive_verbs import PurgeItem
from teams.admin.key_verbs import CreateKey, RotateKey
from teams.admin.ownership_verbs import TransferOwnership
from teams.admin.people_verbs import PEOPLE_VERBS
from teams.admin.site import console
from teams.admin.webhook_verbs import CreateWebhook, EditWebhook, SwitchOn
from teams.factories import ContactFactory
from teams.models import ContactExport, MailingList, Membership
from teams.models.account import TeamMode
from teams.services import exports
from tests.console.conftest import World
from tests.console.test_bulk import PEOPLE, choose, hidden
from tests.services.world import world as account_of
from tests.signing_in import AGAIN, RECENT, GroupLogins, signing_in_with

pytestmark = [pytest.mark.once, pytest.mark.django_db]

EXPORTS = "/teams/contactexport/"


@pytest.fixture(autouse=True)
def sign_in() -> Iterator[None]:
    """Let sign-ins be recent or not."""
    with signing_in_with(GroupLogins()):
        yield


def is_asked(answer: Any) -> bool:
    return bool(answer.status_code == 302 and answer["Location"] == AGAIN)


def be_recent(client: Client) -> None:
    session = client.session
    session[RECENT] = True
    session.save()


def test_purging_asks_and_does_nothing_until_then(world: World) -> None:
    client, obj = world.client("administrator"), world.rows["mailinglist"]
    spare = MailingList.objects.create(
        account=world.account, subaccount=world.places["north"], slug="old", name="Old readers"
    )
    url = f"/teams/mailinglist/{spare.pk}/act/"
    assert client.post(f"{url}archive/").status_code == 302  # which can be undone: nothing asked
    spare.refresh_from_db()
    assert spare.archived_at is not None
    before = AuditEvent.objects.count()
    assert is_asked(client.get(f"{url}purge/"))
    assert is_asked(client.post(f"{url}purge/", {"confirm": "Old readers"}))
    assert is_asked(client.post(f"{url}purge/", {"confirm": "wrong"}))
    assert MailingList.objects.filter(pk=spare.pk).exists()
    assert AuditEvent.objects.count() == before
    be_recent(client)
    assert client.get(f"{url}purge/").status_code == 200
    client.post(f"{url}purge/", {"confirm": "Old readers"})
    assert not MailingList.objects.filter(pk=spare.pk).exists()
    assert MailingList.objects.filter(pk=obj.pk).exists()


def test_who_may_not_purge_is_refused_and_not_asked(world: World) -> None:
    obj = world.rows["mailinglist"]
    obj.archived_at = timezone.now()
    obj.save()
    url = f"/teams/mailinglist/{obj.pk}/act/purge/"
    assert world.client("author").get(url).status_code in (403, 404)
    assert world.client("administrator").get("/teams/mailinglist/0/act/purge/").status_code == 404


def test_exporting_addresses_asks_and_writes_nothing_until_then(world: World) -> None:
    contact = ContactFactory(subaccount=world.places["north"])
    client = world.client("administrator")
    own = f"/teams/mailinglist/{world.rows['mailinglist'].pk}/act/export/"
    for url in (f"{EXPORTS}act/export/{world.places['north'].pk}/", own):
        assert is_asked(client.get(url))
        answer = client.post(url, {"what": ""})
        assert is_asked(answer)
        assert contact.email.encode() not in answer.content
    assert client.get(f"{EXPORTS}act/export/").status_code == 200  # from where is no secret
    assert ContactExport.objects.count() == 0
    be_recent(client)
    for url in (f"{EXPORTS}act/export/{world.places['north'].pk}/", own):
        assert client.get(url).status_code == 200
        assert client.post(url, {"what": ""})["Content-Type"] == "text/csv; charset=utf-8"


def test_a_file_with_addresses_is_handed_out_after_a_recent_sign_in(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "SMALL", -1)
    ContactFactory(subaccount=world.places["north"])
    asking = world.client("administrator")
    be_recent(asking)
    asking.post(f"{EXPORTS}act/export/{world.places['north'].pk}/", {"what": ""})
    job = ContactExport.objects.get()
    exports.run_export(job.pk)
    address = f"{EXPORTS}{job.pk}/download/"
    later = world.client("administrator")
    assert is_asked(later.get(address))
    assert is_asked(later.post(address))
    assert not is_asked(world.client("full").get(address))  # not theirs: it is not there
    be_recent(later)
    answer = later.get(address)
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    answer.close()


def test_a_file_of_hashes_asks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    w = account_of("sailthru", team_mode=TeamMode.OFF)
    ContactFactory(subaccount=w.north)
    client = Client()
    client.force_login(w.member(w.custom("access_audience")).user)
    url = f"{EXPORTS}act/export/{w.north.pk}/"
    assert client.get(url).status_code == 200
    assert client.post(url, {"what": ""})["Content-Type"] == "text/csv; charset=utf-8"
    assert ContactExport.objects.get().is_hashed
    monkeypatch.setattr(exports, "SMALL", -1)
    client.post(url, {"what": ""})
    job = ContactExport.objects.latest("pk")
    exports.run_export(job.pk)
    answer = client.get(f"{EXPORTS}{job.pk}/download/")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    answer.close()


def test_a_bulk_verb_asks_when_it_is_opened_and_when_it_is_confirmed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = next(verb for verb in PEOPLE_VERBS if verb.name == "suspend")
    client, person = world.client("owner"), world.people["author"]
    page = choose(client, "suspend", person)
    monkeypatch.setattr(kind, "needs_recent", True)
    assert is_asked(choose(client, "suspend", person))
    posted = {**hidden(page), "place": "every", "confirm": "1"}
    assert is_asked(client.post(f"{PEOPLE}bulk/suspend/", posted))
    active = Membership.objects.filter(user=person, status=Membership.Status.ACTIVE)
    assert active.exists()
    be_recent(client)
    assert client.post(f"{PEOPLE}bulk/suspend/", posted).status_code == 302
    assert not active.exists()


def test_these_verbs_ask_and_no_others() -> None:
    """A new verb that purges, takes addresses out, makes keys, tells others or changes who pays
    what belongs here."""
    kinds: set[type[Verb]] = set()
    for model_admin in console._registry.values():
        bulk: tuple[type[BulkVerb], ...] = getattr(model_admin, "bulk_verbs", ())
        kinds |= {*getattr(model_admin, "verbs", ()), *bulk}
    asking = {kind for kind in kinds if kind.needs_recent}
    assert asking == {
        AskSecondFactor,
        BillDirectly,
        BillToAccount,
        Buy,
        ChoosePlan,
        CreateKey,
        CreateWebhook,
        EditWebhook,
        PurgeItem,
        RotateKey,
        SingleBill,
        SwitchOn,
        WithdrawChange,
        TransferOwnership,
        export_verbs.ExportHere,
        export_verbs.ExportList,
    }
    assert all("purge" not in kind.name for kind in kinds - asking)
    assert all("export" not in kind.name for kind in kinds - asking)


def test_without_an_adapter_nobody_is_asked(world: World) -> None:
    obj = world.rows["mailinglist"]
    with signing_in_with(type("Plain", (GroupLogins,), {"ask_again": lambda *_: None})()):
        answer = world.client("administrator").get(f"/teams/mailinglist/{obj.pk}/act/export/")
    assert answer.status_code == 200
