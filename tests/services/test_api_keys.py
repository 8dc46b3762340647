"""API keys: who makes them, what they are worth at each moment, and when they die."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Exists
from django.utils import timezone

from permissions import access, audit
from permissions.errors import LimitReached, NotFound, OutOfScope, ReadOnlyAccount
from permissions.models import AuditEvent
from teams import catalogue as c
from teams import keys, selectors, services
from teams.event_sight import Reader
from teams.factories import MailingListFactory
from teams.logins import Logins
from teams.models import Account, ApiKey, Membership, Subaccount
from teams.services import api_keys, pruning
from teams.services.api_keys import CreatedKey, revoke_api_key, rotate_api_key
from teams.services.platform import revoke_key_as_platform
from teams.services.read_only import set_read_only
from tests.services.test_bad_input import Enrolled
from tests.services.test_key_reach import key_of
from tests.services.world import World, missing, refused, world
from tests.signing_in import signing_in_with

pytestmark = pytest.mark.django_db

READ = str(c.ACCESS_AUDIENCE)
SCOPES = [str(c.ACCESS_CAMPAIGNS), READ]


@pytest.fixture
def w() -> World:
    return world("emma_corporate")


@pytest.fixture
def ana(w: World) -> Membership:
    return w.member("administrator")


def make(w: World, actor: Any, **other: Any) -> CreatedKey:
    asked = {"subaccount": w.north, "name": "Sync", "scopes": SCOPES, **other}
    return services.create_api_key(actor=actor, **asked)


class Unenrolled(Logins):
    """A project in which nobody has a second factor, and could."""

    def having_factor(self) -> Any:
        """Find no login."""
        return Exists(Membership.objects.none())


def dies(key: ApiKey) -> str:
    """Return why the key is dead, read as the next call reads it."""
    return keys.why_dead(ApiKey.objects.select_related("subaccount", "created_by").get(pk=key.pk))


def opens(key: ApiKey) -> set[str]:
    """Return what the key has in North now, asked of the rules as a call asks."""
    fresh = ApiKey.objects.select_related("subaccount").get(pk=key.pk)
    if dies(fresh):
        return set()
    with keys.acting(fresh):
        person = fresh.created_by
        return {str(p) for p in c.CATALOGUE if access.can(person, p, fresh.subaccount)}


# making


def test_it_is_shown_once_and_kept_as_a_hash(w: World, ana: Membership) -> None:
    made = make(w, ana.user, scopes=[READ, READ, *SCOPES])
    stored_key = ApiKey.objects.get()
    assert (stored_key.name, stored_key.scopes) == ("Sync", SCOPES[::-1])
    assert stored_key.created_by == ana.user
    mark, prefix, secret = made.text.split("_", 2)
    assert (mark, prefix, len(secret)) == ("sak", stored_key.prefix, 43)
    assert keys.find(made.text) == stored_key
    wrongs = ("", "x", made.text[:-1], made.text + "x", f"sak_{prefix}_", f"sak__{secret}")
    more = (made.text.upper(), f"x{made.text}", f"sak_{prefix}", f"{made.text}\x00")
    for wrong in (*wrongs, *more):
        assert keys.find(wrong) is None, wrong
    everything = repr(list(ApiKey.objects.values())) + repr(list(AuditEvent.objects.values()))
    assert secret not in everything
    events = AuditEvent.objects.filter(action__startswith="key.")
    assert stored_key.digest not in repr(list(events.values()))
    assert [(e.action, e.data) for e in events] == [
        (
            "key.created",
            {
                "name": "Sync",
                "prefix": prefix,
                "subaccount": w.north.pk,
                "scopes": SCOPES[::-1],
                "expires_at": None,
            },
        )
    ]
    assert secret not in repr(made)


def test_scopes_are_what_one_holds_there_and_what_is_missing_is_named(
    w: World, ana: Membership
) -> None:
    offered = keys.scopes_for(ana.user, w.north)
    assert READ in offered
    assert "generate_api_keys" not in offered
    assert "purchase_content" not in keys.scopes_for(w.owner, w.north)  # who may buy
    with refused("OUT_OF_SCOPE") as caught:
        make(w, ana.user, scopes=[READ, "share_campaigns"])
    assert missing(caught) == {("share_campaigns", "North")}
    for never in ("generate_api_keys", "purchase_content", "manage_account_settings"):
        with refused("OUT_OF_SCOPE"):
            make(w, w.owner, scopes=[never])
    with refused("NO_SCOPES"):
        make(w, ana.user, scopes=[])
    with refused("UNKNOWN_PERMISSION"):
        make(w, ana.user, scopes=["fly"])


def test_it_takes_the_right_there(w: World, ana: Membership) -> None:
    full, rival = w.member("full").user, world("emma_corporate").owner
    with refused("OUT_OF_SCOPE") as caught:
        make(w, full)
    assert missing(caught) == {("generate_api_keys", "North")}
    with refused("OUT_OF_SCOPE"):
        make(w, ana.user, subaccount=w.south)
    with refused("ARCHIVED"):
        make(w, w.owner, subaccount=w.west)
    with refused("NOT_FOUND"):
        make(w, rival)
    services.set_features(actor=w.owner, subaccount=w.north, off=["api"])
    with refused("FEATURE_OFF"):
        make(w, w.owner)


@pytest.mark.parametrize(
    ("edition", "needs"), [("emma_enterprise", "primary contact"), ("emma_hq", "Administrator")]
)
def test_the_precondition_binds_the_owner_and_lapses_for_new_keys_only(
    edition: str, needs: str
) -> None:
    w = world(edition)
    with refused("UNMET") as caught:
        make(w, w.owner)
    assert f"North has no {needs}" in caught.value.message
    if edition == "emma_hq":
        needed = w.member("administrator")
    else:
        needed = w.member("full")
        services.set_primary_contact(actor=w.owner, subaccount=w.north, membership=needed)
    made = make(w, w.owner)
    with refused("UNMET"):
        make(w, w.owner, subaccount=w.south)
    services.remove_member(actor=w.owner, membership=needed)
    for again in (lambda: make(w, w.owner), lambda: rotate_api_key(actor=w.owner, key=made.key)):
        with refused("UNMET"):
            again()
    assert dies(made.key) == ""
    assert opens(made.key) == set(SCOPES)


def test_there_are_so_many_at_most(w: World, ana: Membership, monkeypatch: Any) -> None:
    monkeypatch.setattr(api_keys, "MOST", 2)
    first, second = make(w, ana.user), make(w, ana.user)
    assert api_keys.why_not(w.north) != ""
    with refused("LIMIT_REACHED"):
        make(w, ana.user)
    make(w, w.owner, subaccount=w.south)
    revoke_api_key(actor=ana.user, key=first.key)
    third = make(w, ana.user)
    with pytest.raises(LimitReached):
        rotate_api_key(actor=ana.user, key=third.key)
    ApiKey.objects.filter(pk=second.key.pk).update(expires_at=timezone.now())
    rotate_api_key(actor=ana.user, key=third.key)


# AK4, AK5: it dies with what it hangs on, at its next call


def _status(membership: Membership, **changed: Any) -> None:
    Membership.objects.filter(pk=membership.pk).update(**changed)


def _user(membership: Membership, **changed: Any) -> None:
    type(membership.user)._default_manager.filter(pk=membership.user_id).update(**changed)


DEATHS: dict[str, Callable[[World, Membership], Any]] = {
    "removed": lambda w, m: services.remove_member(actor=w.owner, membership=m),
    "suspended": lambda w, m: services.suspend_member(actor=w.owner, membership=m),
    "ended": lambda w, m: _status(m, ends_at=timezone.now()),
    "left": lambda w, m: services.leave(actor=m.user, membership=m),
    "deactivated": lambda w, m: _user(m, is_active=False),
    "made staff": lambda w, m: _user(m, is_staff=True),
    "made superuser": lambda w, m: _user(m, is_superuser=True),
    "archived": lambda w, m: services.archive_subaccount(actor=w.owner, subaccount=w.north),
    "switched off": lambda w, m: services.set_features(
        actor=w.owner, subaccount=w.north, off=["api"]
    ),
    "deleted": lambda w, m: _delete_login(m),
}


def _delete_login(membership: Membership) -> None:
    user = membership.user
    membership.delete()
    user.delete()


@pytest.mark.parametrize("how", DEATHS)
def test_it_is_dead_at_the_next_call(w: World, ana: Membership, how: str) -> None:
    made = make(w, ana.user)
    assert opens(made.key) == set(SCOPES)
    with access.unit_of_work():  # nothing that was known before counts
        assert dies(made.key) == ""
        with transaction.atomic():
            DEATHS[how](w, ana)
        assert dies(made.key).endswith(".")
    assert opens(made.key) == set()
    assert keys.find(made.text) == made.key  # the row stays: what it was is on record


def test_it_wakes_with_what_it_hangs_on_unless_it_was_revoked(w: World, ana: Membership) -> None:
    made, other = make(w, ana.user), make(w, ana.user)
    revoke_api_key(actor=ana.user, key=other.key)
    services.archive_subaccount(actor=w.owner, subaccount=w.north)
    assert dies(made.key) == "The subaccount of this key is archived."
    services.restore_subaccount(actor=w.owner, subaccount=w.north)
    assert (dies(made.key), dies(other.key)) == ("", "This key has been revoked.")
    services.suspend_member(actor=w.owner, membership=ana)
    assert dies(made.key) != ""
    services.reactivate_member(actor=w.owner, membership=ana)
    assert dies(made.key) == ""


def test_a_demoted_creators_key_keeps_what_is_left(w: World, ana: Membership) -> None:
    made = make(w, ana.user, scopes=[READ, "manage_members", "access_campaigns"])
    assert opens(made.key) == {READ, "manage_members", "access_campaigns"}
    services.change_role(actor=w.owner, membership=ana, role="author")
    held = {p for p in made.key.scopes if access.can(ana.user, p, w.north)}
    assert "manage_members" not in held
    assert opens(made.key) == held


def test_it_sleeps_without_the_second_factor_that_is_asked(w: World, ana: Membership) -> None:
    made = make(w, ana.user)
    Account.objects.filter(pk=w.account.pk).update(second_factor=["keys"])
    with signing_in_with(Enrolled()):
        assert dies(made.key) == ""
    with signing_in_with(Unenrolled()):  # it was reset
        assert dies(made.key) == "This key sleeps until its creator sets up a second factor."
        with refused("OUT_OF_SCOPE") as caught:
            make(w, ana.user)
        assert "second factor" in caught.value.message
        Account.objects.filter(pk=w.account.pk).update(second_factor=["export"])
        assert dies(made.key) == ""


def test_guest_access_alone_is_no_role(w: World, ana: Membership) -> None:
    made = make(w, ana.user)
    w.member("author", w.south, user=ana.user)
    services.remove_member(actor=w.owner, membership=ana)
    services.give_guest_access(actor=w.owner, user=ana.user, obj=w.north, permissions=[READ])
    assert access.can(ana.user, READ, w.north)
    assert "no role" in dies(made.key)


def test_what_goes_with_the_subaccount_is_gone(w: World, ana: Membership) -> None:
    make(w, ana.user)
    with transaction.atomic():
        Membership.objects.filter(subaccount=w.north).delete()
        Subaccount.objects.filter(pk=w.north.pk).delete()
    assert not ApiKey.objects.exists()


# replacing


def test_a_key_is_replaced_and_both_count_for_a_while(w: World, ana: Membership) -> None:
    end = timezone.now() + timedelta(days=90)
    old = make(w, ana.user, expires_at=end)
    before = timezone.now()
    new = rotate_api_key(actor=w.owner, key=old.key, overlap=timedelta(hours=2))
    row = ApiKey.objects.get(pk=old.key.pk)
    assert (new.key.name, new.key.scopes, new.key.subaccount) == ("Sync", row.scopes, w.north)
    assert (new.key.created_by, new.key.expires_at) == (w.owner, end)
    assert row.replaced_by == new.key
    assert row.expires_at is not None
    assert before + timedelta(hours=2) <= row.expires_at <= timezone.now() + timedelta(hours=2)
    assert new.text != old.text
    assert (dies(row), dies(new.key)) == ("", "")
    with refused("ALREADY_SO"):
        rotate_api_key(actor=w.owner, key=old.key)
    event = AuditEvent.objects.get(action="key.rotated")
    assert (event.data["prefix"], event.data["after"]["prefix"]) == (row.prefix, new.key.prefix)
    last = rotate_api_key(actor=w.owner, key=new.key, overlap=timedelta(0))
    assert dies(new.key) == "This key has expired."
    assert dies(last.key) == ""


def test_replacing_lengthens_nothing_and_asks_what_creating_asks(w: World, ana: Membership) -> None:
    soon = timezone.now() + timedelta(hours=1)
    old = make(w, w.owner, scopes=[READ, "share_campaigns"], expires_at=soon)
    with refused("OUT_OF_SCOPE") as caught:
        rotate_api_key(actor=ana.user, key=old.key)
    assert missing(caught) == {("share_campaigns", "North")}
    full, rival = w.member("full").user, world("emma_corporate").owner
    with refused("OUT_OF_SCOPE"):
        rotate_api_key(actor=full, key=old.key)
    with refused("NOT_FOUND"):
        rotate_api_key(actor=rival, key=old.key)
    new = rotate_api_key(actor=w.owner, key=old.key)
    assert ApiKey.objects.get(pk=old.key.pk).expires_at == soon == new.key.expires_at
    revoke_api_key(actor=w.owner, key=new.key)
    with refused("DEAD"):
        rotate_api_key(actor=w.owner, key=new.key)
    past = make(w, w.owner)
    ApiKey.objects.filter(pk=past.key.pk).update(expires_at=timezone.now())
    with refused("DEAD"):
        rotate_api_key(actor=w.owner, key=past.key)


# revoking


def test_who_may_revoke(w: World, ana: Membership) -> None:
    """Whoever may generate keys there, its creator, and the owner; nobody else."""
    for who in (w.owner, w.manager().user, w.member("administrator").user, ana.user):
        made = make(w, ana.user)
        revoke_api_key(actor=who, key=made.key)
        assert dies(made.key) == "This key has been revoked."
        with refused("ALREADY_SO"):
            revoke_api_key(actor=who, key=made.key)
    made = make(w, ana.user)
    rival = world("emma_corporate").owner
    for who in (w.member("full").user, w.member("administrator", w.south).user):
        with refused("OUT_OF_SCOPE") as caught:
            revoke_api_key(actor=who, key=made.key)
        assert "Sync" not in caught.value.message
    with refused("NOT_FOUND"):
        revoke_api_key(actor=rival, key=made.key)
    services.change_role(actor=w.owner, membership=ana, role="author")
    revoke_api_key(actor=ana.user, key=made.key)


def test_who_sees_keys_and_what_became_of_them(w: World, ana: Membership) -> None:
    made = make(w, ana.user)
    event = AuditEvent.objects.get(action="key.created")
    seeing = {
        w.owner: True,
        ana.user: True,
        w.member("administrator", w.south).user: False,
        w.member("full").user: False,
        world("emma_corporate").owner: False,
    }
    for who, sees in seeing.items():
        assert (made.key in selectors.api_keys_of(who)) is sees
        if w.account.pk in access.profile_of(who).tenants:
            assert Reader.of(who, w.account).knows(event) is sees


def test_the_platform_revokes_for_a_reason_and_makes_none(w: World, ana: Membership) -> None:
    made = make(w, ana.user)
    revoke_key_as_platform(reason="Leaked", key=made.key)
    event = AuditEvent.objects.latest("pk")
    assert (event.action, event.actor_ref) == ("key.revoked", audit.PLATFORM.ref)
    assert event.data["reason"] == "Leaked"
    with refused("ALREADY_SO"):
        revoke_key_as_platform(reason="Leaked", key=made.key)


def test_in_a_read_only_account_a_key_reads_and_no_more(w: World) -> None:
    made = make(w, w.owner, scopes=[READ, "rename_lists", "create_campaigns"])
    with transaction.atomic():
        locked = Account.objects.select_for_update().get(pk=w.account.pk)
        set_read_only(locked, Account.ReadOnly.UNPAID)
    assert dies(made.key) == ""
    assert opens(made.key) == {READ}
    for write in (lambda: make(w, w.owner), lambda: revoke_api_key(actor=w.owner, key=made.key)):
        with pytest.raises(ReadOnlyAccount):
            write()


# AK7: keys make and manage no keys


def test_no_key_makes_or_touches_keys_even_its_own(w: World) -> None:
    mine, other = make(w, w.owner), make(w, w.owner)
    everything = [str(p) for p in c.CATALOGUE]
    strong = key_of(w.owner, w.north, *everything)  # as if somebody had written it in
    assert not opens(strong) & {"generate_api_keys"}
    for key in (mine.key, strong):
        with keys.acting(key):
            for act in (
                lambda: make(w, w.owner),
                lambda: rotate_api_key(actor=w.owner, key=other.key),
                lambda: revoke_api_key(actor=w.owner, key=other.key),
                lambda: revoke_api_key(actor=w.owner, key=mine.key),
            ):
                with refused("IN_PERSON"):
                    act()


# the narrowing is for the block and for nobody else


def narrowed_to(key: ApiKey) -> bool:
    return not access.can(key.created_by, "rename_lists", key.subaccount)


def test_nothing_of_the_narrowing_is_left_behind(w: World) -> None:
    key = make(w, w.owner).key
    assert not narrowed_to(key)
    with access.unit_of_work():
        assert not narrowed_to(key)  # and now it is remembered
        with keys.acting(key):
            assert narrowed_to(key)
            assert audit.current().channel == audit.API
            rows = access.visible(Subaccount.objects.all(), w.owner, READ)
            assert list(rows) == [w.north]
            assert access.profile_of(w.owner, fresh=True).guests == {}
            with keys.acting(key_of(w.owner, w.south, "rename_lists")):
                assert access.can(w.owner, "rename_lists", w.south)
                assert not access.can(w.owner, READ, w.north)
            assert access.can(w.owner, READ, w.north)
        assert not narrowed_to(key)
        with pytest.raises(ZeroDivisionError), keys.acting(key):
            _ = 1 / 0
        assert not narrowed_to(key)
    seen: list[Any] = []
    with keys.acting(key):
        thread = threading.Thread(target=lambda: seen.append(access.narrowing()))
        thread.start()
        thread.join()
        with transaction.atomic():
            transaction.on_commit(lambda: seen.append(access.narrowing()), robust=False)
    assert seen[0] is None  # another thread is somebody else's
    assert access.narrowing() is None


def test_a_service_under_a_key_agrees_with_can_and_visible(w: World) -> None:
    here, there = (MailingListFactory(subaccount=place) for place in (w.north, w.south))
    key = make(w, w.owner, scopes=[READ, "rename_lists"]).key
    rows = type(here)._default_manager.all()
    with keys.acting(key):
        for permission in (READ, "rename_lists", "delete_lists"):
            listed = set(access.visible(rows, w.owner, permission))
            assert listed == {o for o in (here, there) if access.can(w.owner, permission, o)}
        services.rename_list(actor=w.owner, mailing_list=here, name="By key")
        with pytest.raises(NotFound):
            services.rename_list(actor=w.owner, mailing_list=there, name="By key")
        with pytest.raises(OutOfScope):
            services.delete_list(actor=w.owner, mailing_list=here)
    event = AuditEvent.objects.filter(action="mailing_list.renamed").first() or (
        AuditEvent.objects.latest("pk")
    )
    assert (event.channel, event.via_ref) == (audit.API, audit.ref_of(key))
    services.delete_list(actor=w.owner, mailing_list=there)


# clearing away


def test_keys_that_are_over_are_cleared_away_in_time(w: World, ana: Membership) -> None:
    old, over, fresh = (make(w, ana.user) for _ in range(3))
    long_ago = timezone.now() - timedelta(days=40)
    ApiKey.objects.filter(pk=old.key.pk).update(revoked_at=long_ago)
    ApiKey.objects.filter(pk=over.key.pk).update(expires_at=long_ago)
    before = timezone.now() - timedelta(days=30)
    kinds = [kind for kind in pruning.kinds() if kind.name == "API key"]
    gone = [
        pruning.prune(kind, key, before)
        for kind in kinds
        for key in pruning.keys_over(kind, before, None)
    ]
    assert len(gone) == 2
    assert all(name.startswith("API key Sync (") for name in gone)
    assert list(ApiKey.objects.all()) == [fresh.key]
    assert AuditEvent.objects.filter(action="key.pruned").count() == 2


def test_the_key_of_a_login_that_is_nobodys_is_listed_still(w: World, ana: Membership) -> None:
    made = make(w, ana.user)
    _delete_login(ana)
    row = ApiKey.objects.get(pk=made.key.pk)
    assert row.created_by is None
    revoke_api_key(actor=w.owner, key=row)
