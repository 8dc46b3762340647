"""Features that may be switched off in one subaccount: ceilings on everybody there.

Emma HQ: managers "control access to account features for any subaccount they manage"
(``seeds/004``). What a subaccount cannot do without, its contacts and its campaigns, is no feature.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from django.utils.translation import gettext_lazy as _

from permissions.catalogue import Label, Permission
from permissions.policy import TOP
from teams import catalogue
from teams.catalogue import (
    CREATE_LANDING_PAGES,
    CREATE_LOOKALIKE_AUDIENCES,
    EXPORT_CONTACTS,
    EXPORT_PII,
    GENERATE_API_KEYS,
    MANAGE_AUDIENCE_SHARING,
    MANAGE_DOMAINS,
    MANAGE_HOSTED_PAGES,
    MANAGE_INTEGRATIONS,
    MANAGE_STORES,
    MANAGE_WEBSITES,
    PUBLISH_LANDING_PAGES,
    RUN_PARTNER_EXPORTS,
    SHARE_CAMPAIGNS,
    USE_API_TEST,
    VIEW_AUDIENCE_SHARING,
)
from teams.editions.spec import Edition
from teams.models import Subaccount


@dataclass(frozen=True, slots=True)
class Feature:
    """Something that is there for everybody entitled, or for nobody: these permissions."""

    codename: str
    label: Label
    permissions: frozenset[Permission]


_DECLARED = (
    Feature("automation", _("Automation"), frozenset(catalogue.AUTOMATION.permissions)),
    Feature("exports", _("Exports"), frozenset({EXPORT_CONTACTS, EXPORT_PII, RUN_PARTNER_EXPORTS})),
    Feature(
        "pages",
        _("Landing pages"),
        frozenset({CREATE_LANDING_PAGES, PUBLISH_LANDING_PAGES, MANAGE_HOSTED_PAGES}),
    ),
    Feature(
        "sites",
        _("Websites and stores"),
        frozenset({MANAGE_WEBSITES, MANAGE_STORES, MANAGE_DOMAINS}),
    ),
    Feature("social", _("Social and ads"), frozenset(catalogue.SOCIAL.permissions)),
    Feature(
        "sharing",
        _("Sharing between subaccounts"),
        frozenset({SHARE_CAMPAIGNS, VIEW_AUDIENCE_SHARING, MANAGE_AUDIENCE_SHARING}),
    ),
    Feature("lookalikes", _("Lookalike audiences"), frozenset({CREATE_LOOKALIKE_AUDIENCES})),
    Feature(
        "api",
        _("API and integrations"),
        frozenset({GENERATE_API_KEYS, USE_API_TEST, MANAGE_INTEGRATIONS}),
    ),
)

_known = {one.codename: one for one in _DECLARED}
#: the features by codename, in the order of the page that lists them
FEATURES: Mapping[str, Feature] = _known


def register(feature: Feature) -> None:
    """Have ``feature`` of another application switched on and off as ours are; called once, in
    ``AppConfig.ready``: where that is not installed, nothing is there to be switched."""
    _known[feature.codename] = feature


@lru_cache(maxsize=1024)  # combinations of some nine features, but the text is what somebody stored
def switched_off(stored: str) -> frozenset[str]:
    """Return the permissions that nobody has where ``stored`` names what is switched off."""
    names = [name for name in stored.split() if name in FEATURES]
    return frozenset(str(p) for name in names for p in FEATURES[name].permissions)


def features_of(edition: Edition) -> Mapping[str, frozenset[str]]:
    """Return the features of which ``edition`` has anything in subaccounts, in order, each with the
    permissions it has of them."""
    return {
        name: held
        for name, one in FEATURES.items()
        if (
            held := frozenset(
                str(p) for p in one.permissions if p in edition.permissions and p.level != TOP
            )
        )
    }


def off_in(subaccount: Subaccount) -> tuple[str, ...]:
    """Return the features that are switched off in ``subaccount``, in order."""
    stored = subaccount.features_off.split()
    return tuple(name for name in FEATURES if name in stored)
