"""The two admin sites: the console for tenants, the operator site for the platform's staff."""

from teams.admin import (  # noqa: F401  (imported for the pages they register)
    account,
    accounts,
    api_keys,
    campaigns,
    contact_fields,
    contacts,
    groups,
    history,
    invitations,
    leaving,
    lists,
    ownership,
    pages,
    past,
    people,
    results,
    reviews,
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
