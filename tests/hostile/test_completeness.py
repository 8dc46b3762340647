"""Nothing that faces tenants goes unattacked: models, verbs, filters, inlines, addresses…"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import get_commands
from django.urls import URLPattern, URLResolver, get_resolver

from tests.hostile.arena import Arena, Probe, admins
from tests.hostile.attacks import assault, filters_of, offered_actions, pages

pytestmark = pytest.mark.once

OURS = ("permissions", "teams", "billing")
#: addresses that are not asked as somebody inside, and why
ELSEWHERE = {
    "operator:": "the operators' site, see tests/console/test_entry.py",
    "billing:hook": "for gateways, who sign what they say, see tests/billing/test_webhooks.py",
    "healthz": "says only that the server runs",
    "theme": "a style sheet made of its own address, see tests/console/test_account.py",
    "account_": "one's own login, see tests/signin",
    "mfa_": "its second factors, see tests/signin/test_factors.py",
    "usersessions_": "its sessions, see tests/signin/test_sessions.py",
    "your_login": "the page that leads to these",
    "teams:invitation": "for newcomers, by a signed link, see tests/hostile/test_links.py",
    "teams:unsubscribe": "for contacts, by a signed link, see tests/services/test_sending.py",
}


def surfaces() -> set[str]:
    """Return everything that faces tenants, as the attacks note what they touch."""
    found = set()
    for site, admin in admins():
        label = admin.opts.label_lower
        found.add(f"model {site} {label}")
        found |= {f"verb {site} {label} {verb.name}" for verb in admin.verbs}
        found |= {f"action {site} {label} {name}" for name in offered_actions(admin)}
        found |= {f"filter {site} {label} {name}" for name in filters_of(admin)}
        found |= {f"inline {site} {label} {inline.__name__}" for inline in admin.inlines}
    return found | {f"url {name}" for name in addresses(get_resolver())}


def addresses(resolver: URLResolver, spaces: str = "") -> set[str]:
    """Return the names of all addresses, with their namespaces; unnamed ones by their view."""
    found = set()
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            space = f"{spaces}{pattern.namespace}:" if pattern.namespace else spaces
            found |= addresses(pattern, space)
        elif isinstance(pattern, URLPattern):
            found.add(f"{spaces}{pattern.name or pattern.lookup_str}")
    return {name for name in found if not name.startswith(tuple(ELSEWHERE))}


@pytest.mark.deep
def test_everything_that_faces_tenants_is_attacked(arena: Arena) -> None:
    probe = Probe(arena, "owner")
    for site, admin in admins():
        assault(arena, probe, site, admin)
    for site in ("console", "workshop"):
        pages(arena, probe, site)
    assert surfaces() - probe.touched == set()
    assert probe.findings == []


def test_every_command_of_ours_has_tests_of_its_own() -> None:
    ours = {name for name, app in get_commands().items() if app in OURS}
    written = "".join(path.read_text() for path in (Path(__file__).parents[1]).glob("**/test_*.py"))
    assert {name for name in ours if f'"{name}"' not in written} == set()


def test_every_model_with_a_tenant_is_attacked_or_has_no_page(arena: Arena) -> None:
    attacked = {admin.model for _site, admin in admins()}
    tenants = {
        model
        for app in OURS
        for model in apps.get_app_config(app).get_models()
        if any(f.name == "account" for f in model._meta.concrete_fields)
    }
    without_page: set[Any] = tenants - attacked
    assert {m._meta.model_name for m in without_page} == {
        "contentpurchase",
        "creditnote",
        "dunningstep",
        "groupedsubaccount",
        "invitedsubaccount",
        "invitedteam",
        "invoiceline",
        "listmembership",
        "managedgroup",
        "managedsubaccount",
        "membership",
        "meteredday",
        "ownershiptransfer",
        "payment",
        "quotawarning",
        "refund",
        "reminder",
        "subscription",
        "suppression",
        "usageday",
        "webhookdelivery",
    } & {m._meta.model_name for m in tenants}
