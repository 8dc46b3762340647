"""The two admin sites: the console for tenants, the operator site for the platform's staff."""

from teams.admin import account, accounts, pages, people, resources, results, subaccounts  # noqa: F401  (imported for the pages they register)
from teams.admin.site import console, operator

__all__ = ["console", "operator"]
