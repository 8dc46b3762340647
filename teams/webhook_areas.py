"""Which changes of access webhooks are told of, by kind: what an action is called says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from permissions.catalogue import Label


@dataclass(frozen=True, slots=True)
class Area:
    """One kind of change: the actions whose names begin with one of ``prefixes``."""

    codename: str
    label: Label
    prefixes: tuple[str, ...]


#: by codename; an action of none of them is no change of access, and no webhook hears of it
AREAS: Mapping[str, Area] = {
    area.codename: area
    for area in (
        Area(
            "people",
            _("People and invitations"),
            (
                "member.", "membership.", "reach.", "end.", "toggle.", "permission.toggled",
                "guest.", "invitation.", "second_factor.",
            ),
        ),
        Area("roles", _("Custom roles"), ("role.created", "role.edited", "role.deleted")),
        Area("teams", _("Teams"), ("team.", "account.teams_set")),
        Area(
            "places",
            _("Subaccounts, their groups and features"),
            ("subaccount.", "group.", "features."),
        ),
        Area(
            "ownership",
            _("Ownership, and whether the account is read-only"),
            ("ownership.", "account.read_only", "account.writable"),
        ),
        Area("keys", _("API keys"), ("key.", "apikey.", "api_key.")),
        Area("reviews", _("Access reviews"), ("review.", "accessreview.", "access_review.")),
    )
}  # fmt: skip
#: somebody's role in a place, which is about people, is called like a change of the role itself
_ABOUT_PEOPLE = frozenset({"role.changed"})


def area_of(action: str) -> str:
    """Return the codename of the area that ``action`` belongs to; empty if it changes no access."""
    if action in _ABOUT_PEOPLE:
        return "people"
    for area in AREAS.values():
        if action.startswith(area.prefixes):
            return area.codename
    return ""


__all__ = ["AREAS", "Area", "area_of"]
