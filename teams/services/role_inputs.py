"""What a role may be called, described as and allow, as it is stored."""

from __future__ import annotations

import unicodedata
from typing import Any

from permissions.errors import AlreadyUsed, Invalid
from teams.editions.spec import CustomRoles
from teams.models import Role
from teams.roles import in_order, lacking
from teams.services.change import Change
from teams.services.gates import clean_list
from teams.services.inputs import clean_text, same_name

NAME_LIMIT = 80
DESCRIPTION_LIMIT = 400


def clean_ticks(custom: CustomRoles, permissions: Any) -> list[str]:
    """Return the ticks as they are stored. Raises Invalid naming what may not be ticked, or what
    is needed besides."""
    asked = clean_list(permissions, "permissions")
    if not all(isinstance(tick, str) for tick in asked):
        raise Invalid("Name each permission by its codename.", code="WRONG_TYPE")
    wrong = sorted({tick for tick in asked if tick not in custom.tickable})
    if wrong:
        named = ", ".join(ascii(tick) for tick in wrong[:3])
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise Invalid(
            f"A role cannot be given {named}{more}: there is no such tick here.",
            code="UNKNOWN_PERMISSION",
        )
    for permission, needed in lacking(set(asked)):
        raise Invalid(
            f"{permission.label} is found under the menu {needed.label}: tick that too.",
            code="NEEDS_MENU",
        )
    return in_order(asked)


def clean_name(change: Change, name: Any, *, of: Role | None = None) -> str:
    """Return the name, if no other role has it or is mistaken for it."""
    text = clean_text(name, "The name", limit=NAME_LIMIT)
    if of is not None and text == of.name:
        return text
    edition = change.edition
    reserved = {edition.owner, str(edition.owner_label)}
    reserved |= {name for spec in edition.roles for name in (spec.codename, str(spec.label))}
    for other in reserved:
        if _bare(text) == _bare(other):
            raise Invalid(
                f"That is the name of a role that {edition.label} has by itself. Choose another.",
                code="RESERVED_NAME",
            )
    rows = Role.objects.filter(account=change.account)
    if of is not None:
        rows = rows.exclude(pk=of.pk)
    for other in rows.values_list("name", flat=True):
        if same_name(_plain(text), _plain(other)):
            raise AlreadyUsed(f"There is a role {other} already. Choose another name.")
    return text


def _plain(name: str) -> str:
    """Return ``name`` in the plainest letters that mean the same: wide and styled ones are taken
    for ordinary ones."""
    return unicodedata.normalize("NFKC", name)


def _bare(name: str) -> str:
    """Return the letters and digits of ``name`` alone: what sets words apart sets no names apart,
    and what is not seen does not either."""
    folded = unicodedata.normalize("NFKC", _plain(name).casefold())
    return "".join(c for c in folded if c.isalnum())


def clean_description(description: Any) -> str:
    """Return the description, which may be empty. Raises Invalid."""
    if isinstance(description, str) and not description.strip():
        return ""
    return clean_text(description, "The description", limit=DESCRIPTION_LIMIT)
