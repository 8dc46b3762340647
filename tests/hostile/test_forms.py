"""What the forms of a scoped admin hold to, one rule a test."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from permissions.admin import ScopedModelAdmin
from permissions.errors import OutOfScope, Refused
from teams.catalogue import ARCHIVE_SUBACCOUNTS
from teams.models import Campaign, MailingList, Membership
from tests.hostile.arena import VEIL, Arena, Probe
from tests.hostile.attacks import LONG, stock_values
from tests.hostile.workshop import CampaignDesk, CampaignLines, ListDesk, workshop


def campaign_form(arena: Arena, who: str) -> tuple[Probe, str, dict[str, Any]]:
    probe = Probe(arena, who)
    url = f"/workshop/teams/campaign/{arena.trio(Campaign).own.pk}/change/"
    return probe, url, stock_values(probe.get(url))


def test_a_form_saves_what_its_person_may(arena: Arena) -> None:
    probe, url, filled = campaign_form(arena, "manager")
    answer = probe.client.post(url, {**filled, "name": "Renamed"})
    assert answer.status_code == 302
    arena.trio(Campaign).own.refresh_from_db()
    assert arena.trio(Campaign).own.name == "Renamed"
    add = probe.get("/workshop/teams/campaign/add/")
    fresh = {**stock_values(add), "name": "Fresh", "slug": "fresh"}
    assert probe.client.post("/workshop/teams/campaign/add/", fresh).status_code == 302
    assert Campaign.objects.get(slug="fresh").account == arena.account


def test_a_row_stays_where_it_was_made(arena: Arena) -> None:
    probe, url, filled = campaign_form(arena, "owner")
    elsewhere = arena.trio(Campaign).hidden.subaccount_id
    answer = probe.client.post(url, {**filled, "subaccount": elsewhere})
    assert "What was made in one place stays there." in answer.content.decode()


def test_what_is_unique_per_tenant_is_an_error_on_the_form(arena: Arena) -> None:
    probe = Probe(arena, "manager")
    add = probe.get("/workshop/teams/campaign/add/")
    taken = {**stock_values(add), "name": "Again", "slug": arena.trio(Campaign).own.slug}
    answer = probe.client.post("/workshop/teams/campaign/add/", taken)
    assert answer.status_code == 200
    assert answer.content.decode().count("already exists") == 1
    free = {**taken, "slug": arena.trio(Campaign).foreign.slug}  # the rival's is free here
    assert probe.client.post("/workshop/teams/campaign/add/", free).status_code == 302


def test_inline_rows_are_judged(arena: Arena) -> None:
    """Not only the list is asked for, but each campaign on it."""
    inline = CampaignLines(MailingList, workshop)
    probe = Probe(arena, "owner")
    url = f"/workshop/teams/mailinglist/{arena.trio(MailingList).own.pk}/change/"
    page = probe.get(url)
    request = page.wsgi_request
    request.user = arena.people["response_only"]
    formset = page.context["inline_admin_formsets"][0].formset
    posted = type(formset)(
        {**stock_values(page), "campaigns-0-name": "Stolen"}, instance=formset.instance
    )
    assert posted.is_valid()
    with pytest.raises(OutOfScope) as refused:
        inline.save(request, posted)
    assert refused.value.code == "OUT_OF_SCOPE"
    assert not Campaign.objects.filter(name="Stolen").exists()


def test_inlines_of_one_model_are_judged_each_by_its_own_rule(arena: Arena, rf: Any) -> None:
    """The first asks for what this person lacks; the second is theirs to write."""
    strict = type("StrictLines", (CampaignLines,), {"change_permission": ARCHIVE_SUBACCOUNTS})
    desk = type("TwoInlines", (ListDesk,), {"inlines": (strict, CampaignLines)})
    two = desk(MailingList, workshop)
    request = rf.post("/")
    request.user = arena.people["manager"]
    row = arena.trio(MailingList).own
    page = Probe(arena, "manager").get(f"/workshop/teams/mailinglist/{row.pk}/change/")
    for inline, name in zip(two.get_inline_instances(request, row), ("No", "Yes"), strict=True):
        posted = {**stock_values(page), "campaigns-0-name": name}
        formset = inline.get_formset(request, row)(posted, instance=row)
        assert formset.is_valid()
        two.save_formset(request, None, formset, True)
    assert Campaign.objects.get(mailing_list=row).name == "Yes"


def test_a_site_that_bars_writing_bars_the_rows_of_an_inline(arena: Arena, rf: Any) -> None:
    """Held rights open them, and nothing is shown to be written while the site says so."""
    lasting = Refused("You cannot do this: Northwind is read-only.", code="READ_ONLY_ACCOUNT")
    barring = type("Barring", (admin.AdminSite,), {"bar": lambda *_: lasting})("barring")
    row, request = arena.trio(MailingList).own, rf.post("/")
    request.user = arena.people["manager"]
    for site, is_open in ((workshop, True), (barring, False)):
        inline = CampaignLines(MailingList, site)
        assert inline.has_view_permission(request, row)
        assert inline.has_add_permission(request, row) is is_open
        assert inline.has_change_permission(request, row) is is_open
        assert inline.has_delete_permission(request, row) is is_open
    page = Probe(arena, "manager").get(f"/workshop/teams/mailinglist/{row.pk}/change/")
    posted = {**stock_values(page), "campaigns-0-name": "Late"}
    formset = CampaignLines(MailingList, workshop).get_formset(request, row)(posted, instance=row)
    assert formset.is_valid()
    with pytest.raises(Refused) as refused:
        CampaignLines(MailingList, barring).save(request, formset)
    assert refused.value.code == "READ_ONLY_ACCOUNT"
    assert not Campaign.objects.filter(name="Late").exists()


def test_a_deletion_is_judged_again(arena: Arena, rf: Any) -> None:
    campaign = arena.trio(Campaign).own
    desk = CampaignDesk(Campaign, workshop)
    request = rf.post("/")
    request.user = arena.people["response_only"]
    with pytest.raises(OutOfScope):
        desk.delete_model(request, campaign)
    probe = Probe(arena, "owner")
    url = f"/workshop/teams/campaign/{campaign.pk}/delete/"
    assert probe.client.post(url, {"post": "yes"}).status_code == 302
    assert not Campaign.objects.filter(pk=campaign.pk).exists()
    assert not LogEntry.objects.exists()


def test_many_related_rows_are_scoped(arena: Arena, rf: Any) -> None:
    """Subaccounts of a membership, as a host's form might offer them."""
    request = rf.get("/")
    request.user = arena.people["manager"]
    desk = ScopedModelAdmin(Membership, workshop)
    field = Membership._meta.get_field("managed")
    assert {s.name for s in desk.related_scope(field, request)} == {"North"}
    groups = get_user_model()._meta.get_field("groups")  # no admin, not guarded: nothing
    found = desk.formfield_for_manytomany(groups, request)
    assert list(found.queryset) == []


def test_a_search_is_bounded(arena: Arena) -> None:
    probe = Probe(arena, "owner")
    with CaptureQueriesContext(connection) as queries:
        assert probe.get("/workshop/teams/campaign/", q=LONG).status_code == 200
    assert max(query["sql"].count("x" * 101) for query in queries.captured_queries) == 0


def test_autocomplete_offers_what_may_be_chosen(arena: Arena) -> None:
    query = {"app_label": "teams", "model_name": "campaign", "field_name": "mailing_list"}
    for who, expected in (("manager", 1), ("owner", 2)):
        answer = Probe(arena, who).get("/workshop/autocomplete/", **query, term="")
        assert (who, answer.status_code) == (who, 200)
        assert len(answer.json()["results"]) == expected
    hidden = Probe(arena, "manager").get("/workshop/autocomplete/", **query, term=VEIL)
    assert hidden.json()["results"] == []


def test_a_raw_key_is_named_only_in_scope(arena: Arena) -> None:
    probe, url, filled = campaign_form(arena, "manager")
    shown = probe.client.post(url, {**filled, "name": ""}).content.decode()
    assert "north monthly" in shown
    foreign = {**filled, "name": "", "template": arena.trio(Campaign).foreign.template_id}
    assert probe.post(url, foreign).status_code == 200
    assert probe.findings == []


def test_a_refused_write_keeps_nothing_of_the_form(arena: Arena) -> None:
    client = Client()
    client.force_login(arena.people["response_only"])
    url = f"/workshop/teams/campaign/{arena.trio(Campaign).own.pk}/change/"
    answer = client.post(url, {"name": "Stolen"})
    assert answer.status_code == 404  # a list that is closed has no rows
    assert not Campaign.objects.filter(name="Stolen").exists()


def test_stock_admins_are_what_this_guards_against(arena: Arena) -> None:
    """The rows that could leak are there: an unscoped admin shows the rival's."""
    stock = admin.ModelAdmin(Campaign, admin.AdminSite("stock"))
    assert arena.trio(Campaign).foreign in stock.model._default_manager.all()
