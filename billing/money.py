"""Money: decimals of one currency at a time, and the one place where anything is rounded.

What is worked out stays exact (``Fraction``) until it becomes an amount; an amount is rounded half
up to the smallest unit of its currency (ISO 4217). A total that is shared out among several is
shared by largest remainder, so that the parts always add up to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from babel import Locale
from babel.numbers import format_currency, get_currency_precision
from django.utils.translation import get_language, to_locale

from permissions.errors import Invalid

#: what a stored amount can hold: the currencies with more decimals are units of account
MOST_DECIMALS = 3


def decimals_of(currency: str) -> int:
    """Return how many decimals amounts in ``currency`` (ISO 4217, "EUR") have: 2, 0 for JPY."""
    return int(get_currency_precision(currency))


def rounded(amount: Fraction | Decimal | int, currency: str) -> Decimal:
    """Return ``amount`` as money: half up to the smallest unit of ``currency``."""
    places = decimals_of(currency)
    exact = Fraction(amount)
    units = int(abs(exact) * 10**places + Fraction(1, 2))
    return Decimal(units if exact >= 0 else -units).scaleb(-places)


def shared_out(total: Decimal, weights: Sequence[int | Fraction], currency: str) -> list[Decimal]:
    """Return ``total`` in parts proportional to ``weights`` that add up to it exactly.

    Each part is rounded down first; what is left goes, a smallest unit each, to those who lost most
    by that, the first of equals first. Without any weight nobody gets anything, so ``total`` must
    be zero then. Raises ValueError for that, and for a weight below zero.
    """
    exact = [Fraction(weight) for weight in weights]
    whole = sum(exact, Fraction(0))
    if any(weight < 0 for weight in exact) or (whole == 0 and total != 0):
        raise ValueError("money cannot be shared out among nobody")
    if whole == 0:
        return [rounded(0, currency) for _ in exact]
    scale = 10 ** decimals_of(currency)
    units = int(Fraction(total) * scale)
    wanted = [units * weight / whole for weight in exact]
    parts = [int(part) for part in wanted]
    lost = sorted(range(len(parts)), key=lambda n: (parts[n] - wanted[n], n))
    for n in lost[: units - sum(parts)]:
        parts[n] += 1
    return [Decimal(part).scaleb(-decimals_of(currency)) for part in parts]


def shown(amount: Decimal, currency: str) -> str:
    """Return ``amount`` as people read it in the language of the page: "€1,234.50"."""
    return str(format_currency(amount, currency, locale=to_locale(get_language() or "en")))


def check_currency(currency: Any) -> str:
    """Return ``currency`` if amounts in it can be stored. Raises Invalid (UNKNOWN_CURRENCY)."""
    known = isinstance(currency, str) and currency in Locale("en").currencies
    if not known or decimals_of(str(currency)) > MOST_DECIMALS:
        raise Invalid(
            f"There is no currency {currency!r}. Use its three letters, such as EUR.",
            code="UNKNOWN_CURRENCY",
        )
    return str(currency)
