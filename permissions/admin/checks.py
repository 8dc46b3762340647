"""System checks of the admin sites that face tenants."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.admin.sites import all_sites
from django.core.checks import CheckMessage, Error, Tags, register

from permissions.admin.scoped import ScopedModelAdmin

#: what would open a way around the scope, and what to do instead
LOOPHOLES = {
    "list_editable": "write a verb",
    "inlines": "show the rows on the object's own page",
    "raw_id_fields": "write a verb with a form of its own",
    "autocomplete_fields": "write a verb with a form of its own",
    "date_hierarchy": "declare a SimpleListFilter",
}


@register(Tags.admin)
def check_scoped_sites(app_configs: Any = None, **_: Any) -> list[CheckMessage]:
    """Refuse an unscoped ModelAdmin on any site that says ``faces_tenants``."""
    if getattr(settings, "ROOT_URLCONF", None):
        import_module(settings.ROOT_URLCONF)  # where sites are made and filled
    found: list[CheckMessage] = []
    for site in all_sites:
        if getattr(site, "faces_tenants", False):
            found += check_admins(site._registry.values())
    return found


def check_admins(admins: Iterable[Any]) -> list[CheckMessage]:
    """Return what is wrong with the admins of one site."""
    found: list[CheckMessage] = []
    for model_admin in admins:
        name = model_admin.model._meta.label
        if not isinstance(model_admin, ScopedModelAdmin):
            found.append(
                Error(
                    f"{name} is registered for tenants with {type(model_admin).__name__}, "
                    "which shows every tenant's rows.",
                    hint="Derive it from permissions.admin.ScopedModelAdmin.",
                    obj=type(model_admin),
                    id="permissions.E050",
                )
            )
            continue
        found += [
            Error(
                f"{name}: {type(model_admin).__name__}.{option} is a way around the scope.",
                hint=f"Remove it and {instead}.",
                obj=type(model_admin),
                id="permissions.E051",
            )
            for option, instead in LOOPHOLES.items()
            if getattr(model_admin, option)
        ]
    return found
