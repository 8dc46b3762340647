"""The sidebar: what this person may enter, named as the edition names it."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.urls import reverse
from django.utils.translation import gettext as _


class Item(NamedTuple):
    """One line of the sidebar."""

    key: str
    name: str
    url: str
    icon: str
    #: an address besides, of pages that belong to it
    also: str = ""


def sections(site: Any, request: Any) -> list[tuple[str, str, list[Item]]]:
    """Return (key, label, items) of every section with something in it."""
    fixed = {
        "overview": (
            _("Overview"),
            [
                Item("home", _("Home"), reverse(f"{site.name}:index"), "home"),
                Item("access", _("My access"), reverse(f"{site.name}:my_access"), "key"),
            ],
        ),
        "people": (_("People and access"), []),
        "work": (_("Subaccounts"), []),
        "account": (_("Account"), []),
    }
    admins = site._registry.values()
    for model_admin in sorted(admins, key=lambda a: getattr(a, "menu_order", 50)):
        key = getattr(model_admin, "menu_section", "")
        if key in fixed and model_admin.may_enter(request):
            meta = model_admin.opts
            url = reverse(f"{site.name}:{meta.app_label}_{meta.model_name}_changelist")
            label = model_admin.menu_name(request)
            fixed[key][1].append(Item(meta.model_name, label, url, model_admin.menu_icon))
    fixed["people"][1].append(
        Item(
            "roles",
            _("Roles and permissions"),
            reverse(f"{site.name}:roles"),
            "grid",
            reverse(f"{site.name}:teams_role_changelist"),
        )
    )
    return [(key, label, items) for key, (label, items) in fixed.items() if items]


def as_app_list(site: Any, request: Any) -> list[dict[str, Any]]:
    """Return the sections in the shape that Django's templates read."""
    found = sections(site, request)
    home = reverse(f"{site.name}:index")
    return [
        {
            "name": label,
            "app_label": key,
            "app_url": "",
            "has_module_perms": True,
            "models": [
                {
                    "name": item.name,
                    "object_name": item.key,
                    "admin_url": item.url,
                    "add_url": None,
                    "view_only": True,
                    "perms": {"view": True},
                    "icon": item.icon,
                    "current": (
                        request.path == home
                        if item.url == home
                        else request.path.startswith((item.url, item.also or item.url))
                    ),
                }
                for item in items
            ],
        }
        for key, label, items in found
    ]
