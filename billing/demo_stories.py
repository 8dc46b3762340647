"""What the demo's billing is about: the plans on offer, and the year of each account."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from billing.models import Meter, RatePlan

#: plan, name, what it has besides; tiers are (meter, beyond what is included above, units, price)
_STARTER: dict[str, Any] = {
    "included_contacts": 150,
    "included_sends": 1_000,
    "included_subaccounts": 2,
    "included_seats": 3,
    "most_subaccounts": 25,
    "most_seats": 50,
}
_AGENCY: dict[str, Any] = {
    "included_contacts": 250,
    "included_sends": 2_000,
    "included_subaccounts": 3,
    "included_seats": 8,
    "most_subaccounts": 100,
    "most_seats": 250,
}
_ENTERPRISE: dict[str, Any] = {
    "interval": RatePlan.Interval.YEAR,
    "included_contacts": 500,
    "included_sends": 5_000,
    "included_subaccounts": 10,
    "included_seats": 25,
}


@dataclass(frozen=True, slots=True)
class Offer:
    """A rate plan in one currency."""

    code: str
    name: str
    currency: str
    price: int
    rest: dict[str, Any]
    per_subaccount: int
    per_seat: int
    tiers: tuple[tuple[Meter, int, int, str], ...]


def _tiers(contacts: str, more: str, sends: str) -> tuple[tuple[Meter, int, int, str], ...]:
    return (
        (Meter.CONTACTS, 0, 100, contacts),
        (Meter.CONTACTS, 500, 100, more),
        (Meter.SENDS, 0, 1_000, sends),
    )


OFFERS = (
    Offer("starter-eur", "Starter", "EUR", 49, _STARTER, 19, 9, _tiers("4.00", "3.20", "2.50")),
    Offer("agency-eur", "Agency", "EUR", 149, _AGENCY, 15, 7, _tiers("3.20", "2.60", "2.00")),
    Offer(
        "enterprise-eur", "Enterprise", "EUR", 4_800, _ENTERPRISE, 10, 5,
        _tiers("2.40", "1.80", "1.50"),
    ),
    Offer("starter-usd", "Starter", "USD", 55, _STARTER, 21, 10, _tiers("4.50", "3.60", "2.80")),
    Offer("agency-usd", "Agency", "USD", 165, _AGENCY, 17, 8, _tiers("3.60", "2.90", "2.20")),
    Offer(
        "enterprise-usd", "Enterprise", "USD", 5_400, _ENTERPRISE, 11, 6,
        _tiers("2.70", "2.00", "1.70"),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Story:
    """What an account's year was like: its plan, and another from the middle of a month on.

    ``ends`` is how it stands today: "open", its last invoice not due yet, or "overdue", one of them
    reminded of for the last time. ``direct`` names a subaccount that pays for itself of late,
    ``credited`` says that something had to be put right.
    """

    plan: str
    later: str
    months: int = 12
    ends: str = "open"
    tax: tuple[str, str] | None = None
    payer: dict[str, Any] = field(default_factory=dict)
    direct: str = ""
    credited: bool = False


STORIES = {
    "constant-contact": Story(
        "starter-usd",
        "agency-usd",
        payer={
            "name": "Harvest Partners Inc.",
            "contact_name": "Rosa Kim",
            "contact_address": "accounts@constant-contact.example",
            "street": "12 Harbor Street",
            "postal_code": "02110",
            "city": "Boston",
            "country": "US",
        },
    ),
    "emma-corporate": Story(
        "starter-eur",
        "agency-eur",
        tax=("21", "IVA"),
        payer={
            "name": "Corbel & Finch S.L.",
            "contact_name": "Marta Vidal",
            "contact_address": "accounts@emma-corporate.example",
            "street": "Calle de Alcala 45",
            "postal_code": "28014",
            "city": "Madrid",
            "country": "ES",
            "tax_id": "ESB84213377",
        },
        direct="east",
        credited=True,
    ),
    "emma-enterprise": Story(
        "agency-eur",
        "enterprise-eur",
        tax=("19", "MwSt."),
        payer={
            "name": "Meridian Group GmbH",
            "contact_name": "Jens Albers",
            "contact_address": "accounts@emma-enterprise.example",
            "street": "Alsterufer 20",
            "postal_code": "20354",
            "city": "Hamburg",
            "country": "DE",
            "tax_id": "DE811234567",
        },
    ),
    "emma-hq": Story(
        "starter-eur",
        "agency-eur",
        ends="overdue",
        tax=("20", "TVA"),
        payer={
            "name": "Harbor & Pine SAS",
            "contact_name": "Odile Roux",
            "contact_address": "accounts@emma-hq.example",
            "street": "8 rue de la Barre",
            "postal_code": "69002",
            "city": "Lyon",
            "country": "FR",
            "tax_id": "FR40303265045",
        },
    ),
    "sailthru": Story(
        "agency-usd",
        "enterprise-usd",
        payer={
            "name": "Brightwater Retail LLC",
            "contact_name": "Paul Danner",
            "contact_address": "accounts@sailthru.example",
            "street": "310 Alder Street",
            "postal_code": "97205",
            "city": "Portland",
            "country": "US",
        },
    ),
}
#: who pays for the subaccount that pays for itself
DIRECT_PAYER = {
    "contact_name": "Pilar Soto",
    "contact_address": "pilar@eastside-cycles.example",
    "street": "Paseo de la Chopera 9",
    "postal_code": "28045",
    "city": "Madrid",
    "country": "ES",
}
RIVAL = Story("agency-eur", "", months=1)
RIVALS = ("constant-contact", "emma-corporate", "emma-enterprise", "emma-hq", "sailthru")
