"""Who pays, who is written to about it, and who may say so."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import Any

import pytest

from billing.countries import countries
from billing.factories import BillingDetailsFactory
from billing.models import BillingDetails
from billing.payers import details_of, direct_places, is_direct, payer_of
from billing.services import (
    change_details,
    set_direct_billing,
    set_single_bill,
    set_tax_as_platform,
)
from billing.single_bill import has_single_bill
from permissions.errors import ServiceError
from permissions.models import AuditEvent
from teams.catalogue import VIEW_INVOICES, VIEW_SUBACCOUNT_BILLING
from teams.factories import UserFactory
from teams.models import Account, Subaccount
from teams.services.previews import preview
from tests.services.world import EDITIONS, World, holds, refused, world

pytestmark = pytest.mark.django_db

WHOLE = {
    "name": "Northwind Holding SL",
    "contact_name": "Ines Accountant",
    "contact_address": "accounts@northwind.example",
    "street": "Calle Mayor 1",
    "postal_code": "28013",
    "city": "Madrid",
    "country": "ES",
    "tax_id": "ESB12345678",
}


def latest(action: str) -> AuditEvent:
    """Return the last event of that name."""
    return AuditEvent.objects.filter(action=action).latest("pk")


def test_details_are_stored_and_the_record_names_no_value_of_them() -> None:
    w = world("emma_hq")
    row = change_details(actor=w.owner, account=w.account, **WHOLE)
    assert {name: getattr(row, name) for name in WHOLE} == WHOLE
    payer = payer_of(w.account)
    assert payer.lines == ("Calle Mayor 1", "28013 Madrid", "Spain")
    assert payer.name == "Northwind Holding SL"
    assert payer.contact_address == "accounts@northwind.example"
    event = latest("billing_details.changed")
    assert set(event.data["changed"]) == WHOLE.keys()
    for value in WHOLE.values():
        assert value not in str(event.data)
    change_details(actor=w.owner, account=w.account, city="  Toledo ")
    assert latest("billing_details.changed").data == {"changed": ["city"]}
    kept = details_of(w.account)
    assert kept is not None
    assert (kept.city, kept.street) == ("Toledo", "Calle Mayor 1")
    assert BillingDetails.objects.count() == 1


def test_details_that_make_no_sense_are_refused_and_nothing_is_stored() -> None:
    w = world("emma_hq")
    bad: list[tuple[dict[str, Any], str]] = [
        ({"name": " "}, "EMPTY"),
        ({"name": "x" * 121}, "TOO_LONG"),
        ({"name": "two\nlines"}, "NOT_TEXT"),
        ({"name": 5}, "WRONG_TYPE"),
        ({"contact_address": "nobody"}, "NOT_AN_ADDRESS"),
        ({"contact_address": "a@b.example\nBcc: c@d.example"}, "NOT_TEXT"),
        ({"country": "Spain"}, "UNKNOWN_COUNTRY"),
        ({"country": "XX"}, "UNKNOWN_COUNTRY"),
        ({"country": "es"}, "UNKNOWN_COUNTRY"),
        ({"country": "EU"}, "UNKNOWN_COUNTRY"),
        ({"tax_rate": Decimal(0)}, "UNKNOWN_FIELD"),
        ({"tax_label": "none"}, "UNKNOWN_FIELD"),
        ({"id": 1}, "UNKNOWN_FIELD"),
        ({}, "ALREADY_SO"),
        ({"city": "Madrid", "tax_id": "1" * 41}, "TOO_LONG"),
    ]
    for given, code in bad:
        with refused(code):
            change_details(actor=w.owner, account=w.account, **given)
    assert not BillingDetails.objects.exists()
    change_details(actor=w.owner, account=w.account, city="Madrid")
    with refused("ALREADY_SO"):
        change_details(actor=w.owner, account=w.account, city="Madrid")


@pytest.mark.once
def test_countries_are_those_of_iso_3166() -> None:
    known = countries()
    assert len(known) == 250, "249, and Kosovo, which uses letters left for users"
    assert {"ES", "GB", "XK", "TW"} < known.keys()


def test_who_pays_is_the_place_and_its_owner_until_somebody_says_otherwise() -> None:
    w = world("emma_hq")
    payer = payer_of(w.account)
    assert (payer.name, payer.contact_address) == (w.account.name, w.owner.email)
    assert payer.lines == ()
    assert payer.tax_rate == 0
    assert payer_of(w.account, w.north).name == "North"
    BillingDetailsFactory(account=w.account, name="Northwind Ltd", contact_address="")
    BillingDetailsFactory(account=w.account, subaccount=w.north, name="North Ltd")
    assert payer_of(w.account).contact_address == w.owner.email
    assert payer_of(w.account).name == "Northwind Ltd"
    assert payer_of(w.account, w.north).name == "North Ltd"
    assert payer_of(w.account, w.south).name == "South", "not the account's, nor the sister's"
    assert "tax_rate" in asdict(payer)


def test_who_is_billed_directly_in_each_edition() -> None:
    for edition in EDITIONS:
        w = world(edition)
        everybody = {w.north, w.south, w.west}
        for single in (False, True):
            Account.objects.filter(pk=w.account.pk).update(single_bill=single)
            for direct in (False, True):
                Subaccount.objects.filter(pk=w.north.pk).update(billed_directly=direct)
                account = Account.objects.get(pk=w.account.pk)
                places = list(Subaccount.objects.filter(account=account))
                found = {place for place in places if is_direct(place)}
                expected = {w.north} if direct else set()
                if has_single_bill(edition) and not single:
                    expected = everybody
                assert found == expected, (edition, single, direct)
                assert set(direct_places(account)) == found
    assert [edition for edition in EDITIONS if has_single_bill(edition)] == ["constant_contact"]


def test_a_direct_payers_details_need_sight_of_its_billing() -> None:
    w = world("emma_hq")
    with refused("NOT_DIRECT"):
        change_details(actor=w.owner, account=w.account, subaccount=w.north, city="Oslo")
    set_direct_billing(actor=w.owner, subaccount=w.north, on=True)
    row = change_details(actor=w.owner, account=w.account, subaccount=w.north, city="Oslo")
    assert (row.subaccount, row.name) == (w.north, "North")
    assert details_of(w.account) is None
    assert latest("billing_details.changed").subject_label == "North"
    other = world("emma_hq")
    for place in (other.north, other.west):
        with refused("NOT_FOUND"):
            change_details(actor=w.owner, account=w.account, subaccount=place, city="Oslo")
    gone = Subaccount.objects.get(pk=other.north.pk)
    other.north.delete()
    with refused("NOT_FOUND"):
        change_details(actor=w.owner, account=w.account, subaccount=gone, city="Oslo")


def test_nobody_else_changes_who_pays() -> None:
    """Corporate's toggle gives all of billing; nothing else does, in any edition."""
    for edition, role, toggles in (
        ("emma_corporate", "manager", ()),
        ("emma_enterprise", "manager", ("billing_reports",)),
        ("emma_hq", "manager", ("billing_reports",)),
        ("constant_contact", "partner_manager", ()),
    ):
        w = world(edition, single_bill=True)
        person = w.manager(role=role, toggles=toggles).user
        acts: list[tuple[Any, dict[str, Any]]] = [
            (change_details, {"account": w.account, "city": "Oslo"}),
            (set_direct_billing, {"subaccount": w.north, "on": True}),
            (set_single_bill, {"account": w.account, "on": False}),
        ]
        for act, given in acts:
            with refused("OUT_OF_SCOPE"):
                act(actor=person, **given)
            with refused("NOT_FOUND"):
                act(actor=UserFactory(), **given)
    w = world("emma_corporate")
    person = w.manager(toggles=("billing",)).user
    assert change_details(actor=person, account=w.account, city="Oslo").city == "Oslo"


def test_a_manager_of_some_subaccounts_does_not_reach_the_details_of_another() -> None:
    w = world("emma_corporate")
    person = w.manager(w.south, toggles=("billing",)).user
    Subaccount.objects.filter(account=w.account).update(billed_directly=True)
    for act, given in (
        (change_details, {"account": w.account, "subaccount": w.north, "city": "Oslo"}),
        (set_direct_billing, {"subaccount": w.north, "on": False}),
    ):
        with pytest.raises(ServiceError) as caught:
            act(actor=person, **given)
        assert caught.value.code == "OUT_OF_SCOPE"
    change_details(actor=person, account=w.account, subaccount=w.south, city="Oslo")


def test_single_bill_changes_what_managers_see_and_says_so_before() -> None:
    w = world("constant_contact")
    manager = w.manager(role="partner_manager").user
    assert not holds(manager, VIEW_INVOICES, w.account)
    found = preview(set_single_bill, actor=w.owner, account=w.account, on=True)
    assert set(found.differences) == {manager.pk}
    assert not Account.objects.get(pk=w.account.pk).single_bill, "the preview wrote nothing"
    set_single_bill(actor=w.owner, account=w.account, on=True)
    assert holds(manager, VIEW_INVOICES, w.account)
    assert holds(manager, VIEW_SUBACCOUNT_BILLING, w.north)
    with refused("ALREADY_SO"):
        set_single_bill(actor=w.owner, account=w.account, on=True)
    found = preview(set_direct_billing, actor=w.owner, subaccount=w.north, on=True)
    assert set(found.differences) == {manager.pk}
    set_direct_billing(actor=w.owner, subaccount=w.north, on=True)
    assert not holds(manager, VIEW_SUBACCOUNT_BILLING, w.north)
    assert holds(manager, VIEW_SUBACCOUNT_BILLING, w.south)
    with refused("ALREADY_SO"):
        set_direct_billing(actor=w.owner, subaccount=w.north, on=True)
    set_direct_billing(actor=w.owner, subaccount=w.north, on=False)
    assert holds(manager, VIEW_SUBACCOUNT_BILLING, w.north)
    event = latest("subaccount.direct_billing_set")
    assert event.data == {"before": True, "after": False}


def test_what_cannot_be_billed_so_is_refused() -> None:
    w: World = world("constant_contact")
    assert w.home is not None
    with refused("HOME"):
        set_direct_billing(actor=w.owner, subaccount=w.home, on=True)
    wrongs: tuple[Any, ...] = ("yes", 1, None)
    for wrong in wrongs:
        with refused("WRONG_TYPE"):
            set_single_bill(actor=w.owner, account=w.account, on=wrong)
        with refused("WRONG_TYPE"):
            set_direct_billing(actor=w.owner, subaccount=w.north, on=wrong)
    other = world("emma_hq")
    with refused("NOT_IN_EDITION"):
        set_single_bill(actor=other.owner, account=other.account, on=True)


def test_the_platform_says_the_tax_and_gives_a_reason() -> None:
    w = world("emma_hq")
    staff = UserFactory(is_staff=True)
    row = set_tax_as_platform(
        reason="Registered in Spain", account=w.account, rate="21", label="IVA", operator=staff
    )
    assert (row.tax_rate, row.tax_label) == (Decimal(21), "IVA")
    event = latest("billing_details.taxed")
    assert event.actor_ref == "platform"
    assert event.data["reason"] == "Registered in Spain"
    assert event.data["after"] == {"rate": "21.00", "label": "IVA"}
    bad: list[tuple[dict[str, Any], str]] = [
        ({"rate": "-1"}, "TAX_RATE"),
        ({"rate": "100.01"}, "TAX_RATE"),
        ({"rate": "7.755"}, "TAX_RATE"),
        ({"rate": "NaN"}, "TAX_RATE"),
        ({"rate": "much"}, "TAX_RATE"),
        ({"rate": None}, "TAX_RATE"),
        ({"rate": 0.21}, "TAX_RATE"),
        ({"rate": True}, "TAX_RATE"),
        ({"label": ""}, "EMPTY"),
        ({"label": "x" * 41}, "TOO_LONG"),
        ({"rate": 21, "label": "IVA"}, "ALREADY_SO"),
        ({"reason": "x"}, "TOO_SHORT"),
        ({"operator": w.owner}, "NOT_AN_OPERATOR"),
        ({"subaccount": world("emma_hq").north}, "NOT_FOUND"),
    ]
    for given, code in bad:
        whole = {
            "reason": "A reason", "account": w.account, "rate": "7.75", "label": "IGIC", **given
        }  # fmt: skip
        with refused(code):
            set_tax_as_platform(**whole)
    assert set_tax_as_platform(reason="Moved", account=w.account, rate=0, label="").tax_rate == 0
    north = set_tax_as_platform(
        reason="Norway", account=w.account, subaccount=w.north, rate=25, label="MVA"
    )
    assert (north.subaccount, north.name) == (w.north, "North")
    assert payer_of(w.account, w.north).tax_rate == 25
    assert payer_of(w.account).tax_rate == 0


def test_a_subaccount_follows_the_tax_of_its_account_until_it_has_one_of_its_own() -> None:
    w = world("constant_contact")
    taxed = {"reason": "Moved", "account": w.account}
    BillingDetailsFactory(account=w.account, subaccount=w.north, tax_label="", tax_rate=0)

    def tax() -> tuple[str, Decimal]:
        payer = payer_of(w.account, w.north)
        return payer.tax_label, payer.tax_rate

    for rate in (21, 19):
        set_tax_as_platform(**taxed, rate=rate, label="IVA")
        assert tax() == ("IVA", Decimal(rate))
    set_tax_as_platform(**taxed, subaccount=w.north, rate=0, label="Exempt")
    assert tax() == ("Exempt", Decimal(0))
