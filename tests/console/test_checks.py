"""The system check, and the base class itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured

from permissions.admin import ScopedModelAdmin, ScopedRelatedFilter, ScopedTabularInline
from permissions.admin.checks import check_admins, check_scoped_sites
from teams.admin import console
from teams.admin.matrix import areas, columns
from teams.catalogue import ACCESS_AUDIENCE, ACCESS_CAMPAIGNS, CREATE_CAMPAIGNS
from teams.editions import EDITIONS
from teams.models import Campaign, MailingList


def test_the_console_is_scoped() -> None:
    assert not [m for m in run_checks() if m.id in {"permissions.E050", "permissions.E051"}]
    assert all(isinstance(a, ScopedModelAdmin) for a in console._registry.values())


def test_an_unscoped_admin_is_refused() -> None:
    found = check_admins([admin.ModelAdmin(MailingList, console)])
    assert [m.id for m in found] == ["permissions.E050"]
    assert "ScopedModelAdmin" in str(found[0].hint)


@pytest.mark.parametrize("option", ["list_editable", "date_hierarchy", "save_as", "view_on_site"])
def test_a_way_around_the_scope_is_refused(option: str) -> None:
    options = {"view_permission": ACCESS_AUDIENCE, option: ("name",)}
    kind = type("Leaky", (ScopedModelAdmin,), options)
    assert [m.id for m in check_admins([kind(MailingList, console)])] == ["permissions.E051"]


LEAKY = [
    ("permissions.E052", {"add_permission": CREATE_CAMPAIGNS}),
    ("permissions.E052", {"change_permission": CREATE_CAMPAIGNS}),
    ("permissions.E053", {"list_filter": ("mailing_list",)}),
    ("permissions.E053", {"list_filter": ("name",)}),
    ("permissions.E053", {"list_filter": (("mailing_list", admin.RelatedFieldListFilter),)}),
    ("permissions.E053", {"list_filter": ("mailing_list__name",)}),
    ("permissions.E054", {"inlines": (admin.TabularInline,)}),
]


@pytest.mark.parametrize(("code", "options"), LEAKY)
def test_a_part_without_a_scope_is_refused(code: str, options: dict[str, Any]) -> None:
    kind = type("Leaky", (ScopedModelAdmin,), {"view_permission": ACCESS_CAMPAIGNS, **options})
    assert [m.id for m in check_admins([kind(Campaign, console)])] == [code]


def test_an_admin_that_names_no_rows_is_refused_at_the_start() -> None:
    inline = type("Lines", (ScopedTabularInline,), {"model": Campaign})
    bare = type("Bare", (ScopedModelAdmin,), {})
    full = type("Full", (ScopedModelAdmin,), {"view_permission": ACCESS_AUDIENCE})
    lined = type("Lined", (full,), {"inlines": (inline,)})
    assert [m.id for m in check_admins([bare(Campaign, console)])] == ["permissions.E055"]
    assert [m.id for m in check_admins([lined(MailingList, console)])] == ["permissions.E055"]
    assert check_admins([full(MailingList, console)]) == []


@pytest.fixture
def elsewhere() -> Iterator[Any]:
    """Return another site, which is empty again when the next test asks all sites."""
    site = admin.AdminSite(name="elsewhere")
    yield site
    site._registry.clear()


def test_a_scoped_admin_is_checked_on_any_site(elsewhere: Any) -> None:
    elsewhere.register(Campaign, type("Bare", (ScopedModelAdmin,), {}))
    elsewhere.register(MailingList, admin.ModelAdmin)
    assert [m.id for m in check_scoped_sites()] == ["permissions.E055"]
    elsewhere.faces_tenants = True  # now the unscoped one is refused as well
    assert {m.id for m in check_scoped_sites()} == {"permissions.E050", "permissions.E055"}


def test_scoped_parts_are_accepted() -> None:
    options = {
        "view_permission": ACCESS_CAMPAIGNS,
        "list_filter": ("status", ("mailing_list", ScopedRelatedFilter)),
        "change_permission": CREATE_CAMPAIGNS,
        "fields": ("name",),
    }
    kind = type("Tight", (ScopedModelAdmin,), options)
    assert not check_admins([kind(Campaign, console)])


def test_an_admin_without_a_scope_shows_nothing(rf: Any, world: Any) -> None:
    request = rf.get("/")
    request.user = world.people["owner"]
    bare = ScopedModelAdmin(Campaign, console)
    assert not bare.may_enter(request)
    with pytest.raises(ImproperlyConfigured, match=r"name its view_permission"):
        bare.get_queryset(request)


def test_related_rows_are_those_of_the_related_admin(rf: Any, world: Any) -> None:
    request = rf.get("/")
    request.user = world.people["manager"]
    request.session = {}
    campaigns: Any = console._registry[Campaign]
    field = Campaign._meta.get_field("mailing_list")
    offered = campaigns.formfield_for_foreignkey(field, request).queryset
    assert list(offered) == [world.rows["mailinglist"]]
    account = Campaign._meta.get_field("account")  # no admin on this site: nothing to choose
    assert not campaigns.formfield_for_foreignkey(account, request).queryset


@pytest.mark.parametrize("codename", EDITIONS)
def test_the_matrix_says_what_the_truth_says(codename: str) -> None:
    from tests.editions.test_cells import LINES

    edition = EDITIONS[codename]
    truth = {line["permission"]: line for line in LINES[codename]}
    for area in areas(codename):
        for row in area.rows:
            expected = [truth[row.permission][c.name] for c in columns(edition)]
            assert [c.split(":")[0] for c in expected] == list(row.cells[1:])
