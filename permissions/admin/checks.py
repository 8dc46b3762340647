"""System checks of the admin sites that face tenants."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.admin.sites import all_sites
from django.core.checks import CheckMessage, Error, Tags, register

from permissions.admin.filters import accepted
from permissions.admin.inlines import ScopedInline
from permissions.admin.scoped import ScopedModelAdmin

#: what would open a way around the scope, and what to do instead
LOOPHOLES = {
    "list_editable": "write a verb",
    "date_hierarchy": "declare a ScopedFilter",
    "save_as": "write a verb that copies",
    "view_on_site": "link to the page from the list",
}


@register(Tags.admin)
def check_scoped_sites(app_configs: Any = None, **_: Any) -> list[CheckMessage]:
    """Refuse a scoped admin with a way around its scope, on any site, and an unscoped one on a
    site that says ``faces_tenants``."""
    if getattr(settings, "ROOT_URLCONF", None):
        import_module(settings.ROOT_URLCONF)  # where sites are made and filled
    found: list[CheckMessage] = []
    for site in all_sites:
        faces_tenants = getattr(site, "faces_tenants", False)
        found += check_admins(
            model_admin
            for model_admin in site._registry.values()
            if faces_tenants or isinstance(model_admin, ScopedModelAdmin)
        )
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
        found += _check_parts(model_admin, name)
    return found


def _check_parts(model_admin: ScopedModelAdmin, name: str) -> Iterator[CheckMessage]:
    kind = type(model_admin)
    if not model_admin.view_permission and kind.scope is ScopedModelAdmin.scope:
        yield Error(
            f"{name}: {kind.__name__} does not say which rows a person may see.",
            hint="Name the view_permission, or override scope() and may_enter().",
            obj=kind,
            id="permissions.E055",
        )
    if (model_admin.add_permission or model_admin.change_permission) and not (
        model_admin.fields or model_admin.fieldsets
    ):
        yield Error(
            f"{name}: {kind.__name__} opens its forms without saying which fields they have.",
            hint="List them in fields or fieldsets; all fields would include who owns the row.",
            obj=kind,
            id="permissions.E052",
        )
    for item in model_admin.list_filter:
        if not accepted(item, model_admin.model):
            yield Error(
                f"{name}: the filter {item!r} of {kind.__name__} offers the rows of every tenant.",
                hint="Use a ScopedFilter, (field, ScopedRelatedFilter), or a field with choices.",
                obj=kind,
                id="permissions.E053",
            )
    for inline in model_admin.inlines:
        if not issubclass(inline, ScopedInline):
            yield Error(
                f"{name}: the inline {inline.__name__} shows the rows of every tenant.",
                hint="Derive it from permissions.admin.ScopedTabularInline or ScopedStackedInline.",
                obj=kind,
                id="permissions.E054",
            )
        elif not inline.view_permission:
            yield Error(
                f"{name}: the inline {inline.__name__} does not say which rows a person may see.",
                hint="Name its view_permission.",
                obj=kind,
                id="permissions.E055",
            )
