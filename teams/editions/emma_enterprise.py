"""Emma Enterprise: managers, four levels of member, and one primary contact per subaccount.

Source: "Enterprise account permission levels" (``seeds/003``); cell by cell in
``tests/truth/emma_enterprise.csv``.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from teams.catalogue import (
    CREATE_SUBACCOUNTS,
    GENERATE_API_KEYS,
    MANAGE_ADMINISTRATORS,
    MANAGE_MANAGERS,
    MANAGE_MEMBERS,
    PURCHASE_CONTENT,
    PURGE_ARCHIVED,
    RUN_PARTNER_EXPORTS,
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
)
from teams.editions.spec import (
    ALL,
    ALL_SUBACCOUNTS,
    HAS_PRIMARY_CONTACT,
    SOME,
    Column,
    Edition,
    RoleSpec,
    ToggleSpec,
)

PERMISSIONS = EMMA - {MANAGE_ADMINISTRATORS}  # nobody to edit: there is no such role
OWNER_OR_MANAGER = frozenset({"owner", "manager"})
BILLING_PAGE = frozenset({VIEW_SUBACCOUNT_BILLING})

# "can be toggled for any user regardless of permission level", Response only included
WITH_AUDIENCE = {"export_contacts": EXPORTS, "billing_page": BILLING_PAGE}
# partner exports are run from the Audience tab, which these levels do not have
WITHOUT_AUDIENCE = {
    "export_contacts": EXPORTS - {RUN_PARTNER_EXPORTS},
    "billing_page": BILLING_PAGE,
}

EDITION = Edition(
    codename="emma_enterprise",
    label=_("Emma Enterprise"),
    permissions=PERMISSIONS,
    owner="owner",
    owner_label=_("Owner"),
    # seeds/003 names no former owner: the highest role below, every toggle off
    former_owner="manager",
    roles=(
        RoleSpec(
            codename="manager",
            label=_("Manager"),
            rank=80,
            account_level=True,
            reaches=frozenset({SOME, ALL}),
            # the billing page of a subaccount, but nothing that spends: only the owner pays
            holds=(PERMISSIONS & INSIDE) - {PURCHASE_CONTENT},
            when={ALL_SUBACCOUNTS: ASSETS},
            optional={
                "billing_reports": frozenset({VIEW_BILLING_REPORTS}),
                "subaccounts": frozenset({CREATE_SUBACCOUNTS}),  # archiving stays the owner's
            },
            toggled_by=frozenset({"owner"}),
            peer=MANAGE_MANAGERS,
        ),
        RoleSpec(
            codename="full",
            label=_("Full"),
            rank=40,
            subaccount_level=True,
            holds=LEVEL_FULL,
            optional=WITH_AUDIENCE,
            toggled_by=OWNER_OR_MANAGER,
            # only here: "the permission level takes precedence", so below Full the mark is empty
            contact_adds=EXPORTS | {PURGE_ARCHIVED},
        ),
        RoleSpec(
            codename="editor",
            label=_("Editor"),
            rank=30,
            subaccount_level=True,
            holds=LEVEL_EDITOR,
            optional=WITH_AUDIENCE,
            toggled_by=OWNER_OR_MANAGER,
        ),
        RoleSpec(
            codename="author",
            label=_("Author"),
            rank=20,
            subaccount_level=True,
            holds=LEVEL_AUTHOR,
            optional=WITHOUT_AUDIENCE,
            toggled_by=OWNER_OR_MANAGER,
        ),
        RoleSpec(
            codename="response_only",
            label=_("Response only"),
            rank=10,
            subaccount_level=True,
            holds=LEVEL_RESPONSE_ONLY,
            optional=WITHOUT_AUDIENCE,
            toggled_by=OWNER_OR_MANAGER,
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
        Column(name="full+primary_contact", role="full", contact=True),
        Column(name="full", role="full"),
        Column(name="editor", role="editor"),
        Column(name="author", role="author"),
        Column(name="response_only", role="response_only"),
    ),
    changes_account=frozenset({MANAGE_MANAGERS}),
    changes_subaccount=frozenset({MANAGE_MEMBERS}),
    preconditions={GENERATE_API_KEYS: HAS_PRIMARY_CONTACT},
    has_primary_contact=True,
)
