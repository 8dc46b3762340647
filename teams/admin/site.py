"""Who may enter which site."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth.forms import AuthenticationForm
from django.utils.translation import gettext_lazy as _

from permissions.access import profile_of


class ConsoleSite(AdminSite):
    """For tenants: people who own an account or have an active membership, and nobody else."""

    site_title = _("Console")
    site_header = _("Console")
    index_title = _("Home")
    site_url = None
    login_form = AuthenticationForm
    final_catch_all_view = False
    enable_nav_sidebar = True

    def has_permission(self, request: Any) -> bool:
        """Say whether this person is a tenant; staff of the platform never is."""
        user = request.user
        return bool(
            user.is_active
            and not user.is_staff
            and not user.is_superuser
            and any(t.standing.holdings for t in profile_of(user).tenants.values())
        )


class OperatorSite(AdminSite):
    """For the platform's own staff. It can give nobody access inside a tenant."""

    site_title = _("Operator")
    site_header = _("Operator")
    site_url = None


console = ConsoleSite(name="console")
operator = OperatorSite(name="operator")
