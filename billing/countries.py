"""The countries that an address may be in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from babel import Locale
from django.utils.translation import get_language, to_locale


def countries() -> Mapping[str, str]:
    """Return the countries there are, by ISO 3166 code, named in the language of the page."""
    return _countries(to_locale(get_language() or "en"))


#: in Babel's table, but no country that ISO 3166 assigns two letters: the euro zone, "unknown
#: region", and islands that belong to one
_NO_COUNTRY = frozenset(
    ["AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"]
)
_TWO_LETTERS = re.compile("[A-Z]{2}")


@cache
def _countries(locale: str) -> Mapping[str, str]:
    named = {str(code): name for code, name in Locale.parse(locale).territories.items()}
    codes = (code for code in named if _TWO_LETTERS.fullmatch(code) and code not in _NO_COUNTRY)
    return dict(sorted(((c, named[c]) for c in codes), key=lambda pair: pair[1].casefold()))
