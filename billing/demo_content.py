"""Demo data: what is on the platform's shelf of content, in both currencies of the demo."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from billing.models import ContentItem
from teams.services.content import new_row


@dataclass(frozen=True, slots=True)
class Piece:
    """Something to buy, and what it costs in euros and in dollars."""

    code: str
    name: str
    kind: str
    euros: str
    dollars: str
    rows: tuple[str, ...]


def _image(name: str, alt: str) -> tuple[str, ...]:
    return (f'<p><img src="https://images.example.com/{name}.jpg" alt="{alt}" width="600"></p>',)


PIECES = (
    Piece("harbor", "Harbor at dawn", "image", "9.00", "10.00", _image("harbor", "A harbor")),
    Piece("market", "Market stalls", "image", "6.50", "7.00", _image("market", "A market")),
    Piece(
        "welcome", "Welcome letter", "campaign", "29.00", "32.00",
        (
            "<h1>Good to have you here</h1>",
            "<p>Dear {{first_name|friend}},</p><p>here is what we are about, in three lines.</p>",
            '<p><a href="https://www.example.com/start">Look around</a></p>',
        ),
    ),
    Piece(
        "season", "Start of the season", "campaign", "39.00", "43.00",
        (
            "<h1>The season begins</h1>",
            "<p>Hello {{first_name|there}},</p><p>everything new is in the shop now.</p>",
            "<p><small>As long as stocks last.</small></p>",
        ),
    ),
)  # fmt: skip


def seed_content() -> None:
    """Put on the shelf what is missing there."""
    for piece in PIECES:
        for currency, price in (("EUR", piece.euros), ("USD", piece.dollars)):
            ContentItem.objects.get_or_create(
                code=f"{piece.code}-{currency.lower()}",
                defaults={
                    "name": piece.name,
                    "kind": piece.kind,
                    "currency": currency,
                    "price": Decimal(price),
                    "rows": [new_row(html)["html"] for html in piece.rows],
                },
            )
