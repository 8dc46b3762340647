"""Emma HQ: as Enterprise, with Administrators in place of the primary contact.

Source: "Emma HQ account permission levels" (``seeds/004``); cell by cell in
``tests/truth/emma_hq.csv``.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from teams.catalogue import (
    CREATE_SUBACCOUNTS,
    GENERATE_API_KEYS,
    MANAGE_ADMINISTRATORS,
    MANAGE_FEATURES,
    MANAGE_MANAGERS,
    MANAGE_MEMBERS,
    PURCHASE_CONTENT,
    VIEW_BILLING_REPORTS,
    VIEW_SUBACCOUNT_BILLING,
)
from teams.editions.groups import (
    ASSETS,
    EMMA,
    EXPORTS,
    INSIDE,
    LEVEL_AUTHOR,
    LEVEL_EDITOR,
    LEVEL_FULL,
    LEVEL_RESPONSE_ONLY,
    SHARING,
)
from teams.editions.spec import (
    ALL,
    ALL_SUBACCOUNTS,
    HAS_ADMINISTRATOR,
    SOME,
    Column,
    Edition,
    RoleSpec,
    ToggleSpec,
)

# "all areas" of a subaccount, but nothing that spends: only the owner pays
ALL_AREAS = (EMMA & INSIDE) - {PURCHASE_CONTENT}
MEMBER_SWITCHES = {
    "export_contacts": EXPORTS,
    "billing_page": frozenset({VIEW_SUBACCOUNT_BILLING}),
}
OWNER_MANAGER_OR_ADMINISTRATOR = frozenset({"owner", "manager", "administrator"})

EDITION = Edition(
    codename="emma_hq",
    label=_("Emma HQ"),
    permissions=EMMA,
    owner="owner",
    owner_label=_("Owner"),
    # seeds/004 names no former owner: the highest role below, every toggle off
    former_owner="manager",
    roles=(
        RoleSpec(
            codename="manager",
            label=_("Manager"),
            rank=80,
            account_level=True,
            reaches=frozenset({SOME, ALL}),
            holds=ALL_AREAS,
            when={ALL_SUBACCOUNTS: ASSETS},
            optional={
                "billing_reports": frozenset({VIEW_BILLING_REPORTS}),
                "subaccounts": frozenset({CREATE_SUBACCOUNTS}),  # archiving stays the owner's
            },
            toggled_by=frozenset({"owner"}),
            peer=MANAGE_MANAGERS,
        ),
        RoleSpec(
            codename="administrator",
            label=_("Administrator"),
            rank=60,
            subaccount_level=True,
            # what crosses subaccounts is no area of one; which features one has, its manager says
            holds=ALL_AREAS - SHARING - {MANAGE_FEATURES},
            peer=MANAGE_ADMINISTRATORS,
        ),
        RoleSpec(
            codename="full",
            label=_("Full"),
            rank=40,
            subaccount_level=True,
            holds=LEVEL_FULL,
            optional=MEMBER_SWITCHES,
            toggled_by=OWNER_MANAGER_OR_ADMINISTRATOR,
        ),
        RoleSpec(
            codename="editor",
            label=_("Editor"),
            rank=30,
            subaccount_level=True,
            holds=LEVEL_EDITOR,
            optional=MEMBER_SWITCHES,
            toggled_by=OWNER_MANAGER_OR_ADMINISTRATOR,
        ),
        RoleSpec(
            codename="author",
            label=_("Author"),
            rank=20,
            subaccount_level=True,
            holds=LEVEL_AUTHOR,
        ),
        RoleSpec(
            codename="response_only",
            label=_("Response only"),
            rank=10,
            subaccount_level=True,
            holds=LEVEL_RESPONSE_ONLY,
        ),
    ),
    toggles=(
        ToggleSpec(codename="billing_reports", label=_("Billing reports")),
        ToggleSpec(codename="subaccounts", label=_("Create subaccounts")),
        ToggleSpec(codename="export_contacts", label=_("Export contacts")),
        ToggleSpec(codename="billing_page", label=_("Billing page")),
    ),
    columns=(
        Column(name="owner", role="owner"),
        Column(name="manager", role="manager"),
        Column(name="administrator", role="administrator"),
        Column(name="full", role="full"),
        Column(name="editor", role="editor"),
        Column(name="author", role="author"),
        Column(name="response_only", role="response_only"),
    ),
    changes_account=frozenset({MANAGE_MANAGERS}),
    changes_subaccount=frozenset({MANAGE_MEMBERS}),
    preconditions={GENERATE_API_KEYS: HAS_ADMINISTRATOR},
)
