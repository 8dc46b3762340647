"""``purge_archived``: what the service does, one thing after the other, with a list of refusals."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from permissions.models import AuditEvent
from teams import services
from teams.factories import (
    CampaignFactory,
    ContactFactory,
    MailingListFactory,
    MessageTemplateFactory,
    SegmentFactory,
)
from teams.models import Contact, MailingList
from tests.commands.helpers import Done, run
from tests.services.world import World, stored, world

pytestmark = pytest.mark.django_db


def purge(w: World, actor: Any, *arguments: Any, confirm: str | None = None) -> Done:
    """Call the command; ``confirm`` is what is typed, the account's name without."""
    return run(
        "purge_archived",
        "--actor",
        actor.get_username(),
        "--account",
        w.account.slug,
        *map(str, arguments),
        "--confirm",
        w.account.slug if confirm is None else confirm,
    )


def archived(days: int = 1) -> Any:
    return timezone.now() - timedelta(days=days)


def fill(w: World, place: Any) -> dict[str, Any]:
    """Put one of everything into the archive of ``place``, all of it used by one campaign."""
    shared = {"subaccount": place, "archived_at": archived()}
    mailing_list = MailingListFactory(name="Old readers", **shared)
    segment = SegmentFactory(mailing_list=mailing_list, **shared)
    template = MessageTemplateFactory(**shared)
    campaign = CampaignFactory(
        mailing_list=mailing_list, segment=segment, template=template, **shared
    )
    return {
        "list": mailing_list,
        "segment": segment,
        "template": template,
        "campaign": campaign,
        "contact": ContactFactory(**shared),
    }


def test_everything_in_the_archive_goes_in_an_order_that_works() -> None:
    w = world("emma_hq")
    fill(w, w.north)
    kept = MailingListFactory(subaccount=w.north, name="In use")

    done = purge(w, w.owner)

    assert (done.code, done.error) == (0, "")
    assert done.out.splitlines()[-1] == "5 purged, 0 refused."
    assert "Purged mailing list Old readers in North." in done.out
    assert list(MailingList.objects.all()) == [kept]
    assert not Contact.objects.exists()
    assert AuditEvent.objects.filter(action__endswith=".purged").count() == 5


def test_a_dry_run_says_the_same_and_writes_nothing() -> None:
    w = world("emma_hq")
    fill(w, w.north)
    CampaignFactory(
        subaccount=w.north,
        mailing_list=MailingListFactory(subaccount=w.north, archived_at=archived()),
    )
    before, events = stored(), AuditEvent.objects.count()

    dry = purge(w, w.owner, "--dry-run")

    assert (stored(), AuditEvent.objects.count()) == (before, events)
    assert dry.code == 1
    assert dry.out.splitlines()[-1] == "5 would be purged, 1 refused."
    real = purge(w, w.owner)
    assert real.out == dry.out.replace("Would purge", "Purged").replace("would be purged", "purged")


@pytest.mark.parametrize(
    ("more", "right"), [((), "{account}"), (("--subaccount", "north"), "{account}/north")]
)
@pytest.mark.parametrize("typed", [None, "", "north", "NORTH", "{account}", "{account}/north"])
def test_nothing_goes_unless_the_name_of_what_is_emptied_is_typed(
    more: tuple[str, ...], right: str, typed: str | None
) -> None:
    w = world("emma_hq")
    fill(w, w.north)
    name = right.format(account=w.account.slug)
    given = None if typed is None else typed.format(account=w.account.slug)
    confirm = () if given is None else ("--confirm", given)
    call = ("purge_archived", "--actor", w.owner.get_username(), "--account", w.account.slug, *more)
    before = stored()

    assert run(*call, "--dry-run").code == 0
    done = run(*call, *confirm)

    if given == name:
        assert (done.code, done.error) == (0, "")
        assert done.out.splitlines()[-1] == "5 purged, 0 refused."
        return
    assert (done.code, done.out) == (2, "")
    assert f"Add --confirm {name} to go on" in done.error
    assert stored() == before


def test_it_can_be_narrowed() -> None:
    w = world("emma_hq")
    fill(w, w.south)
    old = MailingListFactory(subaccount=w.north, archived_at=archived(days=40))
    new = MailingListFactory(subaccount=w.north, archived_at=archived(days=20))
    contact = ContactFactory(subaccount=w.north, archived_at=archived(days=40))

    narrow = ("--subaccount", "north", "--older-than", 30, "--model", "mailinglist")
    done = purge(w, w.owner, *narrow, confirm=f"{w.account.slug}/north")

    assert done.out.splitlines() == [
        f"Purged mailing list {old} in North.",
        "1 purged, 0 refused.",
    ]
    assert set(MailingList.objects.filter(subaccount=w.north)) == {new}
    assert Contact.objects.filter(pk=contact.pk).exists()


def test_what_is_refused_is_listed_with_the_reason() -> None:
    w = world("emma_hq")
    editor = w.member("editor").user
    mailing_list = MailingListFactory(
        subaccount=w.north, name="Old readers", archived_at=archived()
    )

    done = purge(w, editor)

    assert done.code == 1
    assert done.out.splitlines() == [
        "Refused: mailing list Old readers in North: You cannot purge Old readers: it needs Purge "
        "archived items in North, which you do not hold there.",
        "0 purged, 1 refused.",
    ]
    assert MailingList.objects.filter(pk=mailing_list.pk).exists()


def test_only_what_the_actor_sees_is_spoken_of() -> None:
    w = world("sailthru")
    role = w.custom("access_audience")
    actor, team = w.member(role).user, None
    team = w.team(actor)
    hidden, shown = MailingListFactory.create_batch(
        2, subaccount=w.north, archived_at=archived(), created_by=w.owner
    )
    services.share_with_team(actor=w.owner, team=team, obj=shown)

    done = purge(w, actor)

    assert done.code == 1
    assert str(shown) in done.out
    assert hidden.name not in done.out
    assert purge(w, w.member("reports_only", w.south).user).out == "0 purged, 0 refused.\n"


def test_a_foreign_account_looks_like_a_missing_one() -> None:
    w, rival = world("emma_hq"), world("emma_hq")
    for slug in (rival.account.slug, "nowhere", str(w.account.pk), "a\x00b"):
        done = run("purge_archived", "--actor", w.owner.get_username(), "--account", slug)
        assert (done.code, done.out) == (2, "")
        assert done.error.startswith(("NOT_FOUND: There is no teams.account", "NOT_AN_OBJECT"))
    assert purge(w, w.owner, "--subaccount", "nowhere").code == 2
    assert run("purge_archived", "--actor", "nobody", "--account", w.account.slug).code == 2


@pytest.mark.parametrize("days", [-1, 10**9])
def test_days_that_make_no_sense_are_refused(days: int) -> None:
    w = world("emma_hq")
    assert purge(w, w.owner, f"--older-than={days}").code == 2
