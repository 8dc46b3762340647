"""A small world for the tests, made with models and services: the wheel brings no factories."""

from __future__ import annotations

from dataclasses import dataclass, field

from crm.models import Board, Person, Segment

from teams import services
from teams.models import Account, Subaccount

PASSWORD = "correct horse"


@dataclass(frozen=True)
class Shop:
    """Two accounts with the same look, and who works where."""

    account: Account
    rival: Account
    north: Subaccount
    south: Subaccount
    people: dict[str, Person] = field(default_factory=dict)
    segments: dict[str, Segment] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Person:
        return self.people[name]


def open_shop() -> Shop:
    """Return the shop: two segments in the north, two in the south, two at the rival's."""
    names = ("owner", "manager", "full", "author", "southerner", "stranger", "rival_owner")
    people = {name: Person.objects.create_user(f"{name}@shop.example", PASSWORD) for name in names}
    account = Account.objects.create(
        slug="shop", name="Shop", edition="emma_hq", owner=people["owner"]
    )
    rival = Account.objects.create(
        slug="rival", name="Rival", edition="emma_hq", owner=people["rival_owner"]
    )
    owner = people["owner"]
    north = services.create_subaccount(actor=owner, account=account, name="North")
    south = services.create_subaccount(actor=owner, account=account, name="South")
    theirs = services.create_subaccount(actor=people["rival_owner"], account=rival, name="North")
    services.add_member(
        consented=True,
        actor=owner,
        account=account,
        user=people["manager"],
        role="manager",
        managed=[north],
    )
    for name, role, place in (
        ("full", "full", north),
        ("author", "author", north),
        ("southerner", "full", south),
    ):
        services.add_member(
            consented=True,
            actor=owner,
            account=account,
            user=people[name],
            role=role,
            subaccount=place,
        )
    segments = {}
    for prefix, place in (("north", north), ("south", south), ("rival", theirs)):
        board = Board.objects.create(subaccount=place, name=f"Board {prefix}")
        for name in ("loyal", "lapsed"):
            key = f"{prefix}-{name}"
            segments[key] = Segment.objects.create(board=board, name=key)
    return Shop(
        account=account, rival=rival, north=north, south=south, people=people, segments=segments
    )
