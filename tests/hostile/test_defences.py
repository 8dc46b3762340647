"""Every defence matters: taken away, an attack gets through."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import django
import pytest
from django import forms
from django.contrib import admin

from permissions.admin import filters, inlines, related, scoped, stock
from permissions.admin import forms as model_forms
from teams.admin.site import ConsoleSite
from tests.hostile import workshop
from tests.hostile.arena import Probe, admins, build
from tests.hostile.attacks import ATTACKS

pytestmark = pytest.mark.once

GUARDS: dict[str, type] = {
    "ScopedModelAdmin": scoped.ScopedModelAdmin,
    "StockForms": stock.StockForms,
    "RelatedScope": related.RelatedScope,
    "ScopedRawId": related.ScopedRawId,
    "ScopedInline": inlines.ScopedInline,
    "ScopedForm": model_forms.ScopedForm,
    "ScopedFilter": filters.ScopedFilter,
    "ScopedRelatedFilter": filters.ScopedRelatedFilter,
    "ConsoleSite": ConsoleSite,
}
STOCK = {
    "ScopedModelAdmin": admin.ModelAdmin,
    "StockForms": admin.ModelAdmin,
    "RelatedScope": admin.ModelAdmin,
    "ScopedRawId": admin.widgets.ForeignKeyRawIdWidget,
    "ScopedInline": admin.TabularInline,
    "ScopedForm": forms.ModelForm,
    "ScopedFilter": admin.SimpleListFilter,
    "ScopedRelatedFilter": admin.RelatedFieldListFilter,
    "ConsoleSite": admin.AdminSite,
}

# defence: edition, person, site, model and the attack that gets through without it
Breach = tuple[str, str, str, str, str]
OWNER_OF_LISTS = ("emma_hq", "owner", "workshop", "mailinglist")
OWNER_OF_CAMPAIGNS = ("emma_hq", "owner", "workshop", "campaign")
DEFENCES: dict[str, Breach] = {
    "ScopedModelAdmin.get_queryset": (*OWNER_OF_CAMPAIGNS, "lists"),
    "ScopedModelAdmin.get_object": (*OWNER_OF_CAMPAIGNS, "identifiers"),
    "ScopedModelAdmin.lookup_allowed": (*OWNER_OF_CAMPAIGNS, "lists"),
    "ScopedModelAdmin.get_actions": (*OWNER_OF_CAMPAIGNS, "actions"),
    "ScopedModelAdmin.response_action": (*OWNER_OF_CAMPAIGNS, "actions"),
    "ScopedModelAdmin.change_view": (*OWNER_OF_CAMPAIGNS, "identifiers"),
    "ScopedModelAdmin.delete_view": (*OWNER_OF_CAMPAIGNS, "identifiers"),
    "ScopedModelAdmin.history_view": (*OWNER_OF_CAMPAIGNS, "identifiers"),
    "ScopedModelAdmin.get_urls": (*OWNER_OF_CAMPAIGNS, "identifiers"),
    "StockForms.save_related": ("emma_hq", "manager", "workshop", "campaign", "related_rows"),
    "StockForms.get_deleted_objects": (*OWNER_OF_LISTS, "deletion"),
    "StockForms.log_addition": (*OWNER_OF_CAMPAIGNS, "related_rows"),
    "StockForms.log_change": (*OWNER_OF_CAMPAIGNS, "related_rows"),
    "RelatedScope.formfield_for_foreignkey": (*OWNER_OF_CAMPAIGNS, "related_rows"),
    "ScopedRawId.label_and_url_for_value": (*OWNER_OF_CAMPAIGNS, "related_rows"),
    "ScopedInline.get_queryset": (
        "sailthru",
        "marketer_limited",
        "workshop",
        "mailinglist",
        "identifiers",
    ),
    "ScopedForm.clean": (*OWNER_OF_LISTS, "reparenting"),
    "ScopedForm.validate_unique": (*OWNER_OF_LISTS, "inlines"),
    "ScopedFilter.queryset": ("emma_hq", "owner", "console", "campaign", "lists"),
    "ScopedRelatedFilter.field_choices": (*OWNER_OF_CAMPAIGNS, "lists"),
    "ScopedRelatedFilter.queryset": (*OWNER_OF_CAMPAIGNS, "lists"),
    "ScopedRelatedFilter.has_output": ("emma_hq", "manager", "workshop", "campaign", "lists"),
}
FAILS_CLOSED = "stock Django asks for model-level permissions, which no tenant holds: nothing opens"
#: overrides of stock methods that are no defence, or no longer one alone, and why
OTHERS = {
    "ScopedModelAdmin.to_field_allowed": "stock Django adds fields that keys point to",
    "ScopedModelAdmin.media": "loads scripts",
    "ScopedModelAdmin.get_changelist": "lets a subclass narrow a list",
    "ScopedModelAdmin.get_search_results": "bounds the work, see test_a_search_is_bounded",
    "ScopedModelAdmin.has_module_permission": FAILS_CLOSED,
    "ScopedModelAdmin.has_view_permission": FAILS_CLOSED,
    "ScopedModelAdmin.changelist_view": "words the refusal, offers verbs",
    "ScopedModelAdmin.add_view": "words and records the refusal; has_add_permission shuts",
    "StockForms.has_add_permission": FAILS_CLOSED,
    "StockForms.has_change_permission": FAILS_CLOSED,
    "StockForms.has_delete_permission": FAILS_CLOSED,
    "StockForms.changeform_view": "records a refusal after the rollback",
    "StockForms.save_model": "holds the lock, names the creator",
    "StockForms.save_formset": "holds rows of inlines to the rule, see test_inline_rows_are_judged",
    "StockForms.delete_model": "judges under the lock, see test_a_deletion_is_judged_again",
    "StockForms.log_deletions": "as log_addition, see test_a_deletion_is_judged_again",
    "RelatedScope.formfield_for_manytomany": "see test_many_related_rows_are_scoped",
    "ScopedInline.get_formset": "see test_inlines_of_one_model_are_judged_each_by_its_own_rule",
    "ScopedInline.has_view_permission": FAILS_CLOSED,
    "ScopedInline.has_add_permission": FAILS_CLOSED,
    "ScopedInline.has_change_permission": FAILS_CLOSED,
    "ScopedInline.has_delete_permission": FAILS_CLOSED,
    "ScopedFilter.has_output": "as ScopedRelatedFilter.has_output",
    "ConsoleSite.has_permission": "stock Django lets staff in, and no tenant",
    "ConsoleSite.each_context": "adds the frame",
    "ConsoleSite.get_app_list": "orders the sidebar",
    "ConsoleSite.get_urls": "adds pages; that view-on-site is gone is looked at by every attack",
    "ConsoleSite.app_index": "there are areas, not applications",
    "ConsoleSite.admin_view": "words the refusal",
}
if django.VERSION >= (6, 1):
    OTHERS["ScopedForm.validate_constraints"] = "asks nothing twice, see validate_unique"


def overrides() -> set[str]:
    """Return every stock method that a guard overrides."""
    return {
        f"{name}.{method}"
        for name, kind in GUARDS.items()
        for method in vars(kind)
        if not method.startswith("_") and callable(getattr(STOCK[name], method, None))
        if not isinstance(vars(kind)[method], type) and method != "form"
    } | {"ScopedModelAdmin.media"}


def run(breach: Breach) -> list[str]:
    """Run one attack in a fresh arena and return what it found."""
    edition, who, site, model, attack = breach
    arena = build(edition)
    probe = Probe(arena, who)
    found = next(a for s, a in admins() if (s, a.opts.model_name) == (site, model))
    ATTACKS[attack](arena, probe, site, found)
    return probe.findings


@pytest.mark.django_db
@pytest.mark.parametrize("defence", DEFENCES)
def test_without_a_defence_an_attack_gets_through(
    defence: str, monkeypatch: pytest.MonkeyPatch, settings: Any, record_property: Any
) -> None:
    name, _, method = defence.partition(".")
    monkeypatch.delattr(GUARDS[name], method)
    # addresses are made once: made anew, the guard has no say in them any more
    fresh = ModuleType("fresh")
    fresh.urlpatterns = workshop.patterns()  # type: ignore[attr-defined]
    settings.ROOT_URLCONF = fresh
    assert run(DEFENCES[defence]) != []
    record_property("defences removed and caught", 1)


@pytest.mark.parametrize("breach", dict.fromkeys(DEFENCES.values()))
def test_with_every_defence_the_same_attack_finds_nothing(breach: Breach, db: Any) -> None:
    assert run(breach) == []


def test_every_override_is_a_defence_or_has_a_reason() -> None:
    assert overrides() - set(DEFENCES) - set(OTHERS) == set()
    assert (set(DEFENCES) | set(OTHERS)) - overrides() == set()
