"""An edition of the host's own: two roles, and custom ones that add up."""

from teams.catalogue import (
    ACCESS_AUDIENCE,
    CREATE_SUBACCOUNTS,
    DELETE_LISTS,
    MANAGE_MEMBERS,
    MANAGE_ROLES,
    RENAME_LISTS,
    VIEW_CONTACTS,
)
from teams.editions.spec import ALL, Column, CustomRoles, Edition, RoleSpec

LISTS = frozenset({ACCESS_AUDIENCE, RENAME_LISTS, DELETE_LISTS})
PEOPLE = frozenset({MANAGE_MEMBERS, MANAGE_ROLES})
EVERYTHING = LISTS | PEOPLE | {VIEW_CONTACTS, CREATE_SUBACCOUNTS}

EDITION = Edition(
    codename="bakery",
    label="Bakery",
    permissions=EVERYTHING,
    owner="master",
    owner_label="Master baker",
    former_owner="head",
    roles=(
        RoleSpec(
            codename="head",
            label="Head",
            rank=None,
            account_level=True,
            subaccount_level=True,
            reaches=frozenset({ALL}),
            holds=EVERYTHING,
        ),
        RoleSpec(
            codename="helper",
            label="Helper",
            rank=None,
            subaccount_level=True,
            holds=frozenset({ACCESS_AUDIENCE}),
        ),
    ),
    columns=(Column(name="head", role="head"), Column(name="helper", role="helper")),
    changes_account=frozenset({MANAGE_MEMBERS}),
    changes_subaccount=frozenset({MANAGE_MEMBERS}),
    gives_roles=frozenset({MANAGE_ROLES}),
    roles_add_up=True,
    custom_roles=CustomRoles(
        tickable=LISTS | PEOPLE,
        always=frozenset(),
        follows={VIEW_CONTACTS: frozenset({ACCESS_AUDIENCE})},
    ),
)
