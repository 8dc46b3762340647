"""Who reads the demo mailings: contacts with fields of their own, and segments of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.utils import timezone

from teams.factories import CustomFieldFactory, SegmentFactory
from teams.models import Contact, CustomField, ListMembership, MailingList, Subaccount

#: the first of them are known to everybody, the others make lists long enough to need a search
NAMED = [
    ("Oliver", "Grant"),
    ("Fatima", "Zahra"),
    ("Henrik", "Olsen"),
    ("Yuki", "Tanaka"),
    ("Vera", "Rossi"),
    ("Clara", "Dubois"),
]
FIRST = (
    "Ada",
    "Bruno",
    "Chiara",
    "Dev",
    "Elif",
    "Farid",
    "Greta",
    "Hugo",
    "Imani",
    "Jonas",
    "Kofi",
)
LAST = ("Almeida", "Berg", "Castro", "Demir", "Eriksen", "Gruber", "Haddad", "Ito", "Jansen")
MORE = ("", "-Fontaine", "-Kowalski")
CITIES = ("Lisbon", "Porto", "Ghent", "Malmo", "Graz")
MANY, FEW = 220, 24
FIELDS = {"city": ("City", CustomField.Kind.TEXT), "points": ("Points", CustomField.Kind.NUMBER)}
SEGMENTS = {
    "loyal": ("Loyal readers", [("custom:points", "more_than", "400")]),
    "iberia": (
        "Lisbon and Porto",
        [("custom:city", "is", "Lisbon"), ("custom:city", "is", "Porto")],
    ),
}


def add_contacts(place: Subaccount, lists: Sequence[MailingList], *, many: bool) -> None:
    """Give ``place`` contacts on ``lists``, two fields and two segments."""
    shared = {"subaccount": place}
    for codename, (label, kind) in FIELDS.items():
        CustomFieldFactory(codename=codename, label=label, kind=kind, **shared)
    for slug, (name, rules) in SEGMENTS.items():
        SegmentFactory(
            slug=slug,
            name=name,
            rules={
                "match": "any",
                "rules": [{"field": f, "test": t, "value": v} for f, t, v in rules],
            },
            **shared,
        )
    people = [*NAMED, *((first, last + more) for more in MORE for last in LAST for first in FIRST)]
    people = people[: MANY if many else FEW]
    Contact.objects.bulk_create(
        _contact(place, n, *people[n]) for n in reversed(range(len(people)))
    )
    rows = list(Contact.objects.filter(subaccount=place).order_by("pk"))
    ListMembership.objects.bulk_create(
        ListMembership(subaccount=place, contact=row, mailing_list=found)
        for number, row in enumerate(rows)
        for position, found in enumerate(lists)
        if number % 2 >= position
    )


def _contact(place: Subaccount, number: int, first: str, last: str) -> Contact:
    left = number % 9 == 8
    now = timezone.now()
    return Contact(
        account=place.account,
        subaccount=place,
        first_name=first,
        last_name=last,
        email=f"{first}.{last}@{place.slug}.{place.account.slug}.example".lower(),
        status=Contact.Status.UNSUBSCRIBED if left else Contact.Status.SUBSCRIBED,
        unsubscribed_at=now - timedelta(days=number % 30) if left else None,
        created_at=now - timedelta(days=number),
        fields={"city": CITIES[number % len(CITIES)], "points": str(number * 37 % 900)}
        if number % 4
        else {},
    )
