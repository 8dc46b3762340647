"""The two admin sites: the console for tenants, the operator site for the platform's staff."""

from teams.admin import (  # noqa: F401  (imported for the pages they register)
    account,
    accounts,
    campaigns,
    contact_fields,
    contacts,
    groups,
    invitations,
    leaving,
    lists,
    ownership,
    pages,
    people,
    results,
    role_pages,
    segments,
    subaccounts,
    teams,
    templates,
    transfers,
    webhooks,
)
from teams.admin.site import console, operator

__all__ = ["console", "operator"]
