"""Features switched off in a subaccount: nobody has them there, whatever they were given."""

from __future__ import annotations

from typing import Any

import pytest

from permissions import access
from permissions.models import AuditEvent
from permissions.policy import TOP, Denial
from permissions.resources import registry
from teams import services
from teams.catalogue import (
    ACCESS_AUDIENCE,
    ACCESS_AUTOMATION,
    ACCESS_CAMPAIGNS,
    CATALOGUE,
    EXPORT_CONTACTS,
    MANAGE_FEATURES,
    MANAGE_MEMBERS,
    SEND_CAMPAIGNS,
    SHARE_CAMPAIGNS,
)
from teams.explain import explain
from teams.factories import CampaignFactory, ContactFactory, MailingListFactory
from teams.features import FEATURES, features_of
from teams.givers import givers
from teams.models import Campaign, MailingList, Subaccount
from tests.services.test_previews import check
from tests.services.world import EDITIONS, World, holds, missing, refused, world

pytestmark = pytest.mark.django_db


@pytest.fixture
def w() -> World:
    return world("emma_hq")


def switch(w: World, *off: str, actor: Any = None) -> None:
    services.set_features(actor=actor or w.owner, subaccount=w.north, off=off)
    w.north.refresh_from_db()


def everybody(w: World) -> list[Any]:
    """Return people who reach the subaccount in every way there is, with all that is optional."""
    guest = w.member("editor", w.south).user
    services.give_guest_access(
        actor=w.owner, user=guest, obj=w.north, permissions=["access_campaigns"]
    )
    return [
        w.owner,
        w.manager().user,
        w.manager(w.north).user,
        w.member("full", toggles=("export_contacts",)).user,
        guest,
    ]


def test_lists_checks_and_counts_agree_with_features_off(w: World) -> None:
    people = everybody(w)
    for place in (w.north, w.south):
        MailingListFactory(subaccount=place)
        CampaignFactory(subaccount=place)
    models = (Subaccount, MailingList, Campaign)
    off = ("automation", "exports", "sharing", "api")
    gone = {str(p) for name in off for p in FEATURES[name].permissions}
    others = {str(p) for p in (ACCESS_CAMPAIGNS, ACCESS_AUDIENCE, MANAGE_MEMBERS, SEND_CAMPAIGNS)}

    def answers() -> dict[tuple[Any, str, str, Any], bool]:
        found = {}
        for person in people:
            with access.unit_of_work():
                for permission in gone | others:
                    for model in models:
                        rows = model._default_manager.all()
                        seen = access.visible(rows, person, permission)
                        keys = {row.pk for row in seen}
                        assert seen.count() == len(keys)
                        for obj in rows:
                            yes = access.can(person, permission, obj).allowed
                            told = (person, permission, obj)
                            assert yes == (obj.pk in keys), told
                            assert yes == access.allows(person, permission, obj), told
                            label = registry.of(obj).label
                            found[person.pk, permission, label, obj.pk] = yes
        return found

    def place_of(label: str, key: Any) -> Any:
        resource = next(r for r in registry if r.label == label)
        return resource.locate(resource.model._default_manager.get(pk=key))[1]

    before = answers()
    switch(w, *off)
    after = answers()
    expected = {
        key: yes and not (key[1] in gone and place_of(key[2], key[3]) == w.north.pk)
        for key, yes in before.items()
        if key[1] in gone
    }
    assert {key: after[key] for key in expected} == expected
    assert {k: v for k, v in after.items() if k not in expected} == {
        k: v for k, v in before.items() if k not in expected
    }
    assert sum(before.values()) > sum(after.values())


def test_what_is_off_is_off_for_the_owner_and_says_so(w: World) -> None:
    switch(w, "automation")
    decision = access.can(w.owner, ACCESS_AUTOMATION, w.north)
    assert (decision.reason, decision.detail) == (Denial.WITHHELD, "switched_off")
    assert holds(w.owner, ACCESS_AUTOMATION, w.south)
    event = AuditEvent.objects.filter(action="features.changed").get()
    assert (event.data["before"], event.data["after"]) == ([], ["automation"])


def test_whoever_may_switch_it_on_is_named(w: World) -> None:
    manager, member = w.manager(w.north), w.member("full").user
    w.manager(w.south)
    switch(w, "automation")
    found = givers(member, ACCESS_AUTOMATION, w.north, w.account, Denial.WITHHELD)
    assert [giver.person for giver in found] == [manager.user, w.owner]
    said = explain(member, str(ACCESS_AUTOMATION), w.north)
    assert "Switched off in this subaccount" in said.sentence
    assert len(said.missing[0]["who_could_give_it"]) == 2


def test_switching_on_is_a_grant_to_everybody_there(w: World) -> None:
    manager = w.manager(w.north).user
    everything = features_of(w.edition)
    switch(w, *everything, actor=manager)
    held = {n for n in everything if _holds_all(w, manager, everything[n])}
    assert held
    for name in everything:
        others = [other for other in everything if other != name]
        if name in held:
            switch(w, *others, actor=manager)
            switch(w, *everything)
        else:
            with refused("OUT_OF_SCOPE") as caught:
                switch(w, *others, actor=manager)
            assert {p for p, _place in missing(caught)} <= everything[name]
    assert held != set(everything)  # or nothing above was refused


def _holds_all(w: World, person: Any, permissions: Any) -> bool:
    """Say whether somebody like ``person``, with everything switched on, holds all of it."""
    like = w.manager(w.south).user
    return all(holds(like, permission, w.south) for permission in permissions)


@pytest.mark.parametrize("edition", EDITIONS)
def test_features_are_of_the_edition_and_its_owner_switches_them(edition: str) -> None:
    w = world(edition)
    offered = features_of(w.edition)
    assert set().union(*offered.values()) <= {str(p) for p in w.edition.permissions}
    assert all(CATALOGUE[p].level != TOP for held in offered.values() for p in held)
    assert holds(w.owner, MANAGE_FEATURES, w.north)
    switch(w, *offered)
    assert holds(w.owner, MANAGE_FEATURES, w.north)
    assert holds(w.owner, ACCESS_CAMPAIGNS, w.north)
    assert not any(holds(w.owner, p, w.north) for held in offered.values() for p in held)
    switch(w)
    assert w.north.features_off == ""


def test_who_may_and_who_may_not(w: World) -> None:
    switch(w, "exports", actor=w.manager(w.north).user)
    for actor in (w.manager(w.south).user, w.member("administrator").user):
        with refused("OUT_OF_SCOPE"):
            switch(w, actor=actor)
    with refused("ARCHIVED"):
        services.set_features(actor=w.owner, subaccount=w.west, off=["exports"])
    with refused("ALREADY_SO"):
        switch(w, "exports")
    stranger = world("emma_hq").owner
    with refused("NOT_FOUND"):
        switch(w, actor=stranger)


def test_the_preview_says_who_loses_and_who_gains(w: World) -> None:
    everybody(w)
    off = {"actor": w.owner, "subaccount": w.north}
    lost = check(w, services.set_features, **off, off=["exports", "automation"])
    assert not lost.gaining
    assert lost.lines[0].is_sensitive
    gained = check(w, services.set_features, **off, off=[])
    assert gained.gaining == lost.losing


def test_work_stops_and_says_why(w: World) -> None:
    ContactFactory(subaccount=w.north)
    campaign = CampaignFactory(subaccount=w.north)
    boss = w.manager().user
    services.export_contacts(actor=boss, subaccount=w.north)
    switch(w, "exports", "sharing")
    calls = {
        EXPORT_CONTACTS: lambda: services.export_contacts(actor=boss, subaccount=w.north),
        SHARE_CAMPAIGNS: lambda: services.share_campaign(
            actor=boss, campaign=campaign, subaccount=w.south, name="Copy"
        ),
    }
    for permission, call in calls.items():
        with refused("OUT_OF_SCOPE") as caught:
            call()
        assert missing(caught) == {(str(permission), "North")}
        assert "which is switched off in North" in caught.value.message


def test_what_is_off_is_not_switched_on_for_one_person(w: World) -> None:
    ana, ben = w.member("full"), w.member("full", toggles=("export_contacts",))
    switch(w, "exports")
    on = {"actor": w.owner, "toggle": "export_contacts"}
    with refused("FEATURE_OFF"):
        services.toggle_permission(**on, membership=ana, on=True)
    switch(w)
    assert holds(ben.user, EXPORT_CONTACTS, w.north)
    switch(w, "exports")
    services.toggle_permission(**on, membership=ben, on=False)
    switch(w)
    assert not holds(ben.user, EXPORT_CONTACTS, w.north)
