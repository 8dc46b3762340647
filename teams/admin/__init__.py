"""The two admin sites: the console for tenants, the operator site for the platform's staff."""

from teams.admin.site import console, operator

__all__ = ["console", "operator"]
