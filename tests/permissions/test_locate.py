"""Where an object lies is read from what is loaded of it, and loaded where it is not."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import models
from pytest_django import DjangoAssertNumQueries

from permissions import access
from permissions.resources import registry
from teams.factories import MailingListFactory
from teams.models import MailingList, Subaccount
from tests.services.world import world

pytestmark = pytest.mark.django_db


def located(obj: models.Model) -> tuple[Any, Any]:
    return registry.of(obj).locate(obj)


def test_an_object_is_located_without_a_query(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    found = MailingListFactory()
    place = Subaccount.objects.get(pk=found.subaccount_id)

    with django_assert_num_queries(0):
        assert located(found) == (found.account_id, place.pk)
        assert located(place) == (found.account_id, place.pk)


def test_what_was_not_loaded_is_loaded() -> None:
    w = world("emma_hq")
    member = w.member("full").user
    MailingListFactory(subaccount=w.north)
    found = MailingList.objects.only("name").get()

    assert located(found) == (w.account.pk, w.north.pk)
    assert access.allows(member, "access_audience", MailingList.objects.only("name").get())


def test_an_object_that_is_nowhere_yet_is_nobodys() -> None:
    w = world("emma_hq")

    assert located(MailingList()) == (None, None)
    assert not access.allows(w.owner, "access_audience", MailingList())


def test_a_decision_that_is_remembered_is_one_about_the_place(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    w = world("emma_hq")
    member = w.member("full").user
    here, there = (MailingListFactory(subaccount=place) for place in (w.north, w.south))

    with access.unit_of_work(), django_assert_num_queries(1):
        for _ in range(2):
            assert access.allows(member, "access_audience", here)
            assert not access.allows(member, "access_audience", there)
            assert not access.allows(member, "manage_billing", here)
            assert not access.allows(member, "no_such_thing", here)
