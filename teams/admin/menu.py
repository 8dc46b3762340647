"""The sidebar: what this person may enter, named as the edition names it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from django.urls import reverse
from django.utils.translation import gettext as _

from permissions.catalogue import Label


class MenuEntry(NamedTuple):
    """How a page that is no list of a model stands in the sidebar, for whom ``may_enter``."""

    section: str
    label: Label
    icon: str
    may_enter: Callable[[Any], bool]
    order: int = 50


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
        "billing": (_("Billing"), []),
        "account": (_("Account"), []),
    }
    for _order, key, item in sorted(_offered(site, request), key=lambda found: found[0]):
        if key in fixed:
            fixed[key][1].append(item)
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


def _offered(site: Any, request: Any) -> Iterator[tuple[int, str, Item]]:
    """Yield (order, section, item) of every list and page that this person may enter."""
    for model_admin in site._registry.values():
        section = getattr(model_admin, "menu_section", "")
        if section and model_admin.may_enter(request):
            meta = model_admin.opts
            url = reverse(f"{site.name}:{meta.app_label}_{meta.model_name}_changelist")
            label = model_admin.menu_name(request)
            item = Item(meta.model_name, label, url, model_admin.menu_icon)
            yield model_admin.menu_order, section, item
    for name, entry in site.entries.items():
        if entry.may_enter(request):
            item = Item(name, str(entry.label), reverse(f"{site.name}:{name}"), entry.icon)
            yield entry.order, entry.section, item


def as_app_list(site: Any, request: Any) -> list[dict[str, Any]]:
    """Return the sections in the shape that Django's templates read."""
    found = sections(site, request)
    here = _current(found, request.path, reverse(f"{site.name}:index"))
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
                    "current": item == here,
                }
                for item in items
            ],
        }
        for key, label, items in found
    ]


def _current(found: list[tuple[str, str, list[Item]]], path: str, home: str) -> Item | None:
    """Return the item that ``path`` belongs to: the one whose address it shares most of."""
    shared = [
        (len(url), item)
        for _key, _label, items in found
        for item in items
        for url in (item.url, item.also)
        if url and (path == url if url == home else path.startswith(url))
    ]
    return max(shared, key=lambda pair: pair[0])[1] if shared else None
