"""Addresses masked on pages: who sees the mask, and that nothing behind it can be asked."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import pytest

from permissions import access
from permissions.errors import OutOfScope
from permissions.models import AuditEvent
from permissions.profile import Profile
from teams import services
from teams.addresses import MAY_HOLD, holds_address
from teams.editions import get
from teams.editions.spec import ALL
from teams.factories import ContactFactory, CustomFieldFactory, MailingListFactory, SegmentFactory
from teams.models import Contact
from teams.services.fields import fields_of
from teams.services.items import Work
from teams.services.masking import masked, masks, open_addresses, shown
from teams.services.rules import clean_rules
from teams.services.segments import clean_for, tells_addresses, told
from tests.services.world import EDITIONS, World, missing, refused, world

pytestmark = pytest.mark.django_db

BY_ADDRESS = {"match": "all", "rules": [{"field": "email", "test": "contains", "value": "a"}]}
BY_NAME = {"match": "all", "rules": [{"field": "first_name", "test": "is", "value": "Ana"}]}


def masking_world(edition: str = "emma_hq") -> World:
    w = world(edition)
    services.set_address_masking(actor=w.owner, account=w.account, on=True)
    w.account.refresh_from_db()
    return w


def sees_mask(w: World, user: Any, place: Any) -> bool:
    return masks(w.account, access.profile_of(user), place.pk)


@pytest.mark.parametrize("edition", EDITIONS)
def test_the_owner_switches_it_and_it_is_on_record(edition: str) -> None:
    w = masking_world(edition)
    assert not sees_mask(w, w.owner, w.north)
    services.set_address_masking(actor=w.owner, account=w.account, on=True)  # already so
    services.set_address_masking(actor=w.owner, account=w.account, on=False)
    events = AuditEvent.objects.filter(action="account.masked").order_by("sequence")
    assert [event.data for event in events] == [
        {"before": False, "after": True},
        {"before": True, "after": False},
    ]


def test_nobody_else_switches_it() -> None:
    w = world("emma_hq")
    for user in (w.manager().user, w.member("administrator").user):
        with refused("OUT_OF_SCOPE") as caught:
            services.set_address_masking(actor=user, account=w.account, on=True)
        assert missing(caught) == {("manage_account_settings", w.account.name)}


@pytest.mark.parametrize("edition", EDITIONS)
def test_nobody_who_switches_it_sees_the_mask(edition: str) -> None:
    """Else somebody could lift it from their own eyes: the service would have to ask for more."""
    spec = get(edition)
    for role in spec.roles:
        if "manage_account_settings" in role.holds and role.account_level:
            assert "export_pii" in role.holds
            assert role.reaches == {ALL}
    ticks = spec.custom_roles.tickable if spec.custom_roles else frozenset()
    assert "manage_account_settings" not in ticks


def test_the_mask_is_lifted_place_by_place() -> None:
    """One function decides, and the condition for search says the same of every contact."""
    w = masking_world()
    user = w.member("full", toggles=("export_contacts",)).user
    w.member("full", w.south, user=user)
    assert (sees_mask(w, user, w.north), sees_mask(w, user, w.south)) == (False, True)
    for place in (w.north, w.south):
        ContactFactory(subaccount=place, email="ana@example.com")
    profile = access.profile_of(user)
    seen = {shown(w.account, profile, c) for c in Contact.objects.filter(account=w.account)}
    assert seen == {"ana@example.com", "a•••@e•••"}
    mine = Contact.objects.filter(open_addresses(w.account, profile), account=w.account)
    assert {c.subaccount_id for c in mine} == {w.north.pk}


@pytest.mark.parametrize("role", ["full", "editor"])
def test_without_masking_everybody_who_sees_contacts_sees_addresses(role: str) -> None:
    w = world("emma_hq")
    assert not sees_mask(w, w.member(role).user, w.north)


def test_what_is_shown_of_an_address_is_two_letters() -> None:
    assert masked("jane.doe@example.com") == "j•••@e•••"
    assert masked("a@b.c") == "a•••@b•••"


def test_behind_the_mask_a_hit_and_a_miss_are_the_same() -> None:
    """Uniqueness is no oracle: who sees the mask neither adds addresses nor changes them."""
    w = masking_world()
    user = w.member("full").user
    mailing_list = MailingListFactory(subaccount=w.north)
    contact = ContactFactory(subaccount=w.north, email="ana@example.com")
    ContactFactory(subaccount=w.north, email="known@example.com")
    for where in (w.north, mailing_list):
        messages = set()
        for email in ("known@example.com", "fresh@example.com", "nonsense"):
            with refused("OUT_OF_SCOPE") as caught:
                services.add_contact(actor=user, where=where, email=email)
            messages.add(caught.value.message)
            assert missing(caught) == {("export_pii", "North")}
        assert len(messages) == 1
    messages = set()
    for email in ("ana@example.com", "known@example.com", "fresh@example.com"):
        with refused("OUT_OF_SCOPE") as caught:
            services.edit_contact(actor=user, contact=contact, email=email)
        messages.add(caught.value.message)
    assert len(messages) == 1
    services.edit_contact(actor=user, contact=contact, first_name="Ana")


def test_behind_the_mask_no_segment_asks_for_addresses() -> None:
    w = masking_world()
    user = w.member("full").user
    with refused("OUT_OF_SCOPE") as caught:
        services.create_segment(actor=user, subaccount=w.north, name="A", rules=BY_ADDRESS)
    assert missing(caught) == {("export_pii", "North")}
    made = services.create_segment(actor=user, subaccount=w.north, name="B", rules=BY_NAME)
    with refused("OUT_OF_SCOPE"):
        services.edit_segment(actor=user, segment=made, rules=BY_ADDRESS)
    asking = SegmentFactory(subaccount=w.north, rules=BY_ADDRESS)
    with refused("OUT_OF_SCOPE"):
        services.edit_segment(actor=user, segment=asking, rules=BY_NAME)
    profile = access.profile_of(user)
    assert tells_addresses(w.account, profile, asking)
    assert not tells_addresses(w.account, profile, made)
    assert not tells_addresses(w.account, access.profile_of(w.owner), asking)


def test_behind_the_mask_no_segment_looks_for_an_address_in_other_fields() -> None:
    w = masking_world()
    user = w.member("full").user
    rule = {"field": "first_name", "test": "starts_with", "value": "jane@"}
    asking = {"match": "any", "rules": [*BY_NAME["rules"], rule]}
    with refused("OUT_OF_SCOPE") as caught:
        services.create_segment(actor=user, subaccount=w.north, name="A", rules=asking)
    assert "addresses are masked here" in caught.value.message
    segment = services.create_segment(actor=w.owner, subaccount=w.north, name="A", rules=asking)
    assert tells_addresses(w.account, access.profile_of(user), segment)


def test_behind_the_mask_a_label_is_no_address() -> None:
    w = world("emma_hq")
    contact = ContactFactory(subaccount=w.north, first_name="jane@fig.example", last_name="Grey")
    assert str(contact) == "jane@fig.example Grey"
    services.set_address_masking(actor=w.owner, account=w.account, on=True)
    assert str(Contact.objects.get(pk=contact.pk)) == f"Contact {contact.pk}"
    other = ContactFactory(subaccount=w.north, first_name="Jane", last_name="Grey")
    assert str(Contact.objects.get(pk=other.pk)) == "Jane Grey"


def test_behind_the_mask_nobody_hears_who_matches_by_an_address_in_a_name() -> None:
    w = masking_world()
    user = w.member("full").user
    ContactFactory(subaccount=w.north, first_name="jane@fig.example")
    ContactFactory(subaccount=w.north, first_name="Jane")
    rules = {"match": "all", "rules": [{"field": "first_name", "test": "contains", "value": "j"}]}
    segment = SegmentFactory(subaccount=w.north, rules=rules)
    contacts = Contact.objects.filter(subaccount=w.north)
    for actor, count in ((user, 1), (w.owner, 2)):
        profile = access.profile_of(actor)
        assert told(w.account, profile, segment, contacts).count() == count


def test_the_database_is_asked_for_every_way_to_write_an_address() -> None:
    """Whatever letter is read as one of these is in the pattern."""
    for code in range(0x110000):
        if set(unicodedata.normalize("NFKC", chr(code))) & set("@%&"):
            assert re.search(MAY_HOLD, f"{chr(code)}#")
    for text in ("a@b.c", "a%40b.c", "a&commat;b.c", "a&#64;b.c", "a%2540b.c", "a\uff0540b.c"):
        assert holds_address(text)
        assert re.search(MAY_HOLD, text)
    for text in ("Ana", "Jane & John", "100 %", ""):
        assert not re.search(MAY_HOLD, text)


# segments and fields


def test_rules_about_addresses_need_sight_of_contacts() -> None:
    """No edition has anybody who creates segments and sees no contacts; a host's may."""
    w = world("emma_hq")
    nobody = Profile(person=None, tenants={})
    work = Work(w.owner, w.account, w.north, w.north, nobody, "create a segment")
    known = fields_of(w.north)
    with pytest.raises(OutOfScope) as caught:
        clean_for(work, BY_ADDRESS)
    assert {m.permission for m in caught.value.missing} == {"view_contacts"}
    assert clean_for(work, BY_NAME) == clean_rules(BY_NAME, known)


def test_a_segment_over_a_list_needs_sight_of_the_list() -> None:
    w = world("sailthru")
    person = w.member("marketer_limited").user
    hidden = MailingListFactory(subaccount=w.north, created_by=w.owner)
    foreign = MailingListFactory(subaccount=w.south, created_by=w.owner)
    for mailing_list in (hidden, foreign):
        with refused("NOT_FOUND"):
            services.create_segment(
                actor=person,
                subaccount=w.north,
                name="A",
                rules=BY_NAME,
                mailing_list=mailing_list,
            )


def test_names_of_segments_are_there_once() -> None:
    w = world("emma_hq")
    made = services.create_segment(actor=w.owner, subaccount=w.north, name="All", rules=BY_NAME)
    with refused("ALREADY_USED"):
        services.create_segment(actor=w.owner, subaccount=w.north, name="ALL", rules=BY_NAME)
    services.edit_segment(actor=w.owner, segment=made, name="all")
    services.archive_item(actor=w.owner, obj=made)
    with refused("ARCHIVED"):
        services.edit_segment(actor=w.owner, segment=made, name="Other")


def test_a_field_goes_with_its_values_and_leaves_the_others() -> None:
    w = world("emma_hq")
    made = [
        services.create_field(actor=w.owner, subaccount=w.north, label=label, kind=kind)
        for label, kind in (("City", "text"), ("2nd City", "text"), ("Ort", "number"))
    ]
    assert [field.codename for field in made] == ["city", "field_2nd_city", "ort"]
    contact = ContactFactory(subaccount=w.north, fields={"city": "Rome", "ort": "7"})
    other = ContactFactory(subaccount=w.south, fields={"city": "Rome"})
    ContactFactory(subaccount=w.north)
    assert services.delete_field(actor=w.owner, field=made[0]) == 1
    contact.refresh_from_db()
    other.refresh_from_db()
    assert contact.fields == {"ort": "7"}
    assert other.fields == {"city": "Rome"}


def test_a_field_that_a_rule_is_about_stays() -> None:
    w = world("emma_hq")
    field = CustomFieldFactory(subaccount=w.north, codename="city")
    rules = {"match": "any", "rules": [{"field": "custom:city", "test": "is_filled"}]}
    segment = SegmentFactory(subaccount=w.north, rules=rules)
    SegmentFactory(subaccount=w.north, rules={"broken": True})
    with refused("IN_USE"):
        services.delete_field(actor=w.owner, field=field)
    services.edit_segment(actor=w.owner, segment=segment, rules=BY_NAME)
    services.delete_field(actor=w.owner, field=field)


def test_fields_have_names_of_their_own_and_an_end() -> None:
    w = world("emma_hq")
    for number in range(40):
        services.create_field(actor=w.owner, subaccount=w.north, label=f"年 {number}", kind="text")
    with refused("TOO_MANY"):
        services.create_field(actor=w.owner, subaccount=w.north, label="More", kind="text")
    with refused("ALREADY_USED"):
        services.create_field(actor=w.owner, subaccount=w.north, label="年 1", kind="text")
