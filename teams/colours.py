"""What colours an account may have, and the stylesheet that follows from one: pure functions.

Contrast is that of WCAG 2 (relative luminance, (L1 + 0.05) / (L2 + 0.05)). It is the same both
ways round, so one number says whether white can be read on a colour and the colour on white.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

Rgb = tuple[int, int, int]

#: text must reach it (WCAG 2.2, 1.4.3)
LEGIBLE = 4.5
WHITE: Rgb = (255, 255, 255)
BLACK: Rgb = (0, 0, 0)
#: the surfaces of console.css on which the accent is text: what is legible on the worst is on all
LIGHT_SURFACES: tuple[Rgb, ...] = ((255, 255, 255), (246, 248, 249), (241, 244, 246))
DARK_SURFACES: tuple[Rgb, ...] = ((18, 24, 29), (13, 18, 22), (25, 33, 39), (28, 37, 44))

_HEX = re.compile(r"#?([0-9a-f]{6})", re.ASCII | re.IGNORECASE)


def parse(text: str) -> Rgb | None:
    """Return the colour that ``text`` ("#0c5f73", the sign may be missing) names, or None."""
    found = _HEX.fullmatch(text)
    if found is None:
        return None
    digits = found[1]
    return int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)


def as_hex(colour: Rgb) -> str:
    """Return "#rrggbb", in small letters."""
    red, green, blue = colour
    return f"#{red:02x}{green:02x}{blue:02x}"


def luminance(colour: Rgb) -> float:
    """Return how bright a colour is, from 0 (black) to 1 (white)."""
    red, green, blue = (_linear(channel / 255) for channel in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def contrast(one: Rgb, other: Rgb) -> float:
    """Return the contrast of two colours, from 1 to 21, whichever is the text."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def mix(colour: Rgb, other: Rgb, share: float) -> Rgb:
    """Return ``colour`` with ``share`` (0 to 1) of ``other`` in it."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return red, green, blue


def legible(colour: Rgb, towards: Rgb, on: Iterable[Rgb]) -> Rgb:
    """Return ``colour``, moved towards white or black as little as makes it readable ``on`` all."""
    backgrounds = list(on)
    for step in range(101):
        found = mix(colour, towards, step / 100)
        if all(contrast(found, background) >= LEGIBLE for background in backgrounds):
            return found
    return towards


@lru_cache(maxsize=256)  # anybody may ask for any colour: not without end
def tokens(accent: Rgb) -> dict[str, tuple[Rgb, Rgb]]:
    """Return the accent tokens of console.css, each for light and for dark pages.

    In both, the accent and its stronger sister are readable on every surface, the stronger one on
    the soft one too, and what is written on the accent is readable.
    """
    light = legible(accent, BLACK, LIGHT_SURFACES)
    light_soft = mix(accent, WHITE, 0.9)
    light_strong = legible(mix(light, BLACK, 0.25), BLACK, (*LIGHT_SURFACES, light_soft))
    dark = legible(accent, WHITE, DARK_SURFACES)
    dark_soft = mix(DARK_SURFACES[0], dark, 0.2)
    dark_strong = legible(mix(dark, WHITE, 0.3), WHITE, (*DARK_SURFACES, dark_soft))
    return {
        "brand": (accent, accent),
        "accent": (light, dark),
        "accent-strong": (light_strong, dark_strong),
        "accent-soft": (light_soft, dark_soft),
        "on-accent": (WHITE, DARK_SURFACES[1]),
    }


def stylesheet(accent: Rgb) -> str:
    """Return the style sheet that gives a page this accent."""
    lines = [
        f"    --{name}: light-dark({as_hex(light)}, {as_hex(dark)});"
        for name, (light, dark) in tokens(accent).items()
    ]
    return "\n".join([":root, html[data-theme] {", *lines, "}", ""])
