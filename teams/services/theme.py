"""How the console of an account looks."""

from __future__ import annotations

from typing import Any

from permissions.errors import Invalid
from permissions.policy import TOP
from teams.catalogue import MANAGE_THEME
from teams.colours import LEGIBLE, WHITE, as_hex, contrast, parse
from teams.models import Account
from teams.services.base import changing, service


@service
def set_accent(*, actor: Any, account: Account, accent: str) -> Account:
    """Give ``account`` a colour ("#rrggbb"), or with "" the product's own again.

    Needs ``manage_theme``, which every edition keeps to the one who runs the account. Raises
    Refused, or Invalid: NOT_A_COLOUR, and LOW_CONTRAST where white could not be read on it.
    """
    act = "change the colour of the account"
    with changing(actor, account, act=act) as change:
        change.require(MANAGE_THEME, frozenset({TOP}), act)
        value = _clean(accent)
        if value != change.account.accent:
            before, change.account.accent = change.account.accent, value
            change.account.save(update_fields=["accent"])
            change.record("account.themed", change.account, before=before, after=value)
    return change.account


def _clean(accent: Any) -> str:
    if accent == "":
        return ""
    colour = parse(accent.strip()) if isinstance(accent, str) else None
    if colour is None:
        raise Invalid(
            "The colour must be written as # and six digits or letters from a to f, "
            "such as #0c5f73.",
            code="NOT_A_COLOUR",
        )
    found = contrast(colour, WHITE)
    if found < LEGIBLE:
        # rounded down: 4.4999 must not read as enough
        raise Invalid(
            f"White text on {as_hex(colour)} has a contrast of {int(found * 10) / 10} to 1, and so "
            f"has this colour on white; {LEGIBLE} to 1 is needed to read it. Choose a darker one.",
            code="LOW_CONTRAST",
        )
    return as_hex(colour)
