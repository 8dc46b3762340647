"""The two admin sites: the console for tenants, the operator site for the platform's staff."""

from permissions.admin import checks  # noqa: F401  (imported for what it registers)
from teams.admin import (  # noqa: F401  (likewise: their pages)
    account,
    accounts,
    campaigns,
    contact_fields,
    contacts,
    lists,
    pages,
    people,
    results,
    segments,
    subaccounts,
    templates,
    transfers,
)
from teams.admin.site import console, operator

__all__ = ["console", "operator"]
