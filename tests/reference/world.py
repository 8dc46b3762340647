"""Two accounts of one edition with people in every role, as rows and in the reference model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from teams import services
from teams.factories import (
    AccountFactory,
    CampaignFactory,
    MailingListFactory,
    MessageTemplateFactory,
    RoleFactory,
    SubaccountFactory,
    UserFactory,
)
from teams.models import Account, Campaign, MailingList, MessageTemplate, Subaccount
from teams.services.snapshots import snapshot
from tests.reference import terms as reference
from tests.reference.model import Model
from tests.reference.terms import CONTACT, ROLES, SAILTHRU, Place, Post, Reach, Thing

PEOPLE = ("ann", "ben", "cat", "dan", "eve", "fay", "ron", "owner", "rival")
EVERYWHERE: Reach = None
#: Emma Corporate allows ten; with so many beside north, south and east, one more is the tenth
SPARE, SPARES = "/spare", 6

# the roles people begin with: person, account, role, place or None, reach, toggles
Beginning = tuple[str, str, str, str | None, Reach, tuple[str, ...]]
NORTH_AND_SOUTH = frozenset({"A/north", "A/south"})
HOME = frozenset({"A/partner"})
STAFF = {
    CONTACT: [
        ("ann", "A", "partner_manager", None, EVERYWHERE, ()),
        ("ben", "A", "account_manager", None, HOME, ()),
        ("cat", "A", "account_manager", "A/north", frozenset(), ()),
        ("dan", "A", "campaign_creator", "A/north", frozenset(), ()),
        ("dan", "A", "account_manager", "A/south", frozenset(), ()),
        ("eve", "A", "campaign_creator", None, HOME, ()),
        ("ron", "A", "campaign_creator", "A/south", frozenset(), ()),
        ("ron", "B", "partner_manager", None, EVERYWHERE, ()),
    ],
    "emma_corporate": [
        ("ann", "A", "manager", None, NORTH_AND_SOUTH, ("managers", "subaccounts")),
        ("ben", "A", "manager", None, EVERYWHERE, ("managers", "export_contacts", "billing")),
        ("cat", "A", "administrator", "A/north", frozenset(), ("share_campaigns",)),
        ("dan", "A", "full", "A/north", frozenset(), ()),
        ("dan", "A", "administrator", "A/south", frozenset(), ()),
        ("eve", "A", "editor", "A/north", frozenset(), ()),
        ("ron", "A", "response_only", "A/south", frozenset(), ()),
        ("ron", "B", "manager", None, EVERYWHERE, ("managers",)),
    ],
    "emma_enterprise": [
        ("ann", "A", "manager", None, NORTH_AND_SOUTH, ("subaccounts",)),
        ("ben", "A", "manager", None, EVERYWHERE, ("billing_reports",)),
        ("cat", "A", "full", "A/north", frozenset(), ("billing_page",)),
        ("dan", "A", "full", "A/north", frozenset(), ()),
        ("dan", "A", "author", "A/south", frozenset(), ()),
        ("eve", "A", "author", "A/north", frozenset(), ("export_contacts",)),
        ("ron", "A", "response_only", "A/south", frozenset(), ()),
        ("ron", "B", "manager", None, EVERYWHERE, ()),
    ],
    "emma_hq": [
        ("ann", "A", "manager", None, NORTH_AND_SOUTH, ("subaccounts",)),
        ("ben", "A", "manager", None, EVERYWHERE, ()),
        ("cat", "A", "administrator", "A/north", frozenset(), ()),
        ("dan", "A", "administrator", "A/north", frozenset(), ()),
        ("dan", "A", "full", "A/south", frozenset(), ("export_contacts",)),
        ("eve", "A", "author", "A/north", frozenset(), ()),
        ("ron", "A", "response_only", "A/south", frozenset(), ()),
        ("ron", "B", "administrator", "B/north", frozenset(), ()),
    ],
    SAILTHRU: [
        ("ann", "A", "account_admin", None, EVERYWHERE, ()),
        ("ben", "A", "account_admin", "A/north", frozenset(), ()),
        ("cat", "A", "marketer_admin", None, EVERYWHERE, ()),
        ("dan", "A", "marketer_limited", "A/north", frozenset(), ()),
        ("dan", "A", "Keeper", "A/north", frozenset(), ()),
        ("eve", "A", "reports_only", None, EVERYWHERE, ()),
        ("ron", "A", "Staff", None, EVERYWHERE, ()),
        ("ron", "B", "account_admin", None, EVERYWHERE, ()),
    ],
}  # fmt: skip

#: custom roles: one for people, one for lists, and one with all but what reaches above subaccounts
KEEPER = {"access_audience", "rename_lists", "delete_contacts"}
PEOPLE_WORK = {"manage_members", "manage_roles", "manage_teams"}
CUSTOM = {
    "Keeper": frozenset(KEEPER),
    "Staff": frozenset(KEEPER | PEOPLE_WORK),
    "Menuless": frozenset({"use_audience_builder", "send_campaigns"}),
    "Boss": frozenset(reference.table(SAILTHRU).ticks - {"view_meter_usage"}),
    "Meter": frozenset(reference.table(SAILTHRU).ticks),
}

MODELS = {
    "account": Account,
    "place": Subaccount,
    "lists": MailingList,
    "templates": MessageTemplate,
    "campaigns": Campaign,
}


@dataclass
class World:
    """The rows by their name in the model, and the model."""

    edition: str
    model: Model = field(default_factory=Model)
    rows: dict[str, Any] = field(default_factory=dict)
    roles: dict[str, Any] = field(default_factory=dict)

    def add_account(self, key: str, owner: str, **fields: Any) -> None:
        row = AccountFactory(
            slug=key.lower(), edition=self.edition, owner=self.rows[owner], **fields
        )
        self.rows[key] = row
        self.model.accounts[key] = reference.Account(
            self.edition, owner, row.team_mode, row.single_bill, row.reseller, seats=row.seat_limit
        )
        if self.edition == SAILTHRU and key == "A":
            for name, ticked in CUSTOM.items():
                role = RoleFactory(account=row, name=name, permissions=sorted(ticked))
                self.roles[name] = role
            self.model.accounts[key].roles = dict(CUSTOM)

    def add_place(self, key: str, *, home: bool = False, direct: bool = False) -> None:
        account, slug = key.split("/")
        self.rows[key] = SubaccountFactory(
            account=self.rows[account], slug=slug, name=slug, is_home=home, billed_directly=direct
        )
        self.model.places[key] = Place(account, slug, home=home, direct=direct)

    def add_thing(
        self, kind: str, key: str, place: str, creator: str = "", uses: tuple[str, ...] = ()
    ) -> None:
        parts = dict(zip(("mailing_list", "template"), map(self.rows.get, uses), strict=False))
        factory = {
            "lists": MailingListFactory,
            "templates": MessageTemplateFactory,
            "campaigns": CampaignFactory,
        }[kind]
        self.rows[key] = factory(
            subaccount=self.rows[place], created_by=self.rows.get(creator), slug=key, **parts
        )
        self.model.things[key] = Thing(kind, place, creator, uses)

    def role(self, name: str) -> Any:
        """Return a role as services take it."""
        return self.roles.get(name, name)

    def do(self, verb: str, actor: str, account: str, **about: Any) -> None:
        """Let the model take a step that must be allowed."""
        problems, self.model = self.model.attempt(verb, actor, account, **about)
        assert not problems, f"{actor} cannot {verb} {about}: {problems}"


def build(edition: str, *, teams: str = "off") -> World:
    """Build both accounts; whatever people hold was given by their owner, through services."""
    world = World(edition)
    for person in PEOPLE:
        world.rows[person] = UserFactory(username=person)
    # conditions of Constant Contact: true of one account, except of south, and not of the rival
    world.add_account("A", "owner", team_mode=teams, single_bill=True, reseller=True, seat_limit=8)
    world.add_account("B", "rival", team_mode=teams)
    for slug in ("north", "south", "east", "west"):
        world.add_place(f"A/{slug}", direct=slug == "south" and edition == CONTACT)
    if edition == CONTACT:
        world.add_place("A/partner", home=True)
    if edition == "emma_corporate":
        for number in range(SPARES):
            world.add_place(f"A{SPARE}{number}")
    world.add_place("B/north")
    _give_roles(world)
    _add_things(world)
    services.archive_subaccount(actor=world.rows["owner"], subaccount=world.rows["A/west"])
    world.do("set_archived", "owner", "A", at="A/west", on=True)
    if world.model.accounts["A"].teams != "off":
        _add_teams(world)
    for account in ("A", "B"):  # built by factories, of which the record says nothing
        assert snapshot(world.rows[account])
    return world


def _give_roles(world: World) -> None:
    for number, (person, account, role, place, reach, toggles) in enumerate(STAFF[world.edition]):
        if role == "marketer_limited" and world.model.accounts[account].teams == "off":
            continue
        owner, key = world.model.accounts[account].owner, f"post{number}"
        world.rows[key] = services.add_member(
            consented=True,
            actor=world.rows[owner],
            account=world.rows[account],
            user=world.rows[person],
            role=world.role(role),
            subaccount=world.rows.get(place or ""),
            managed=[world.rows[p] for p in sorted(reach or ())],
            all_subaccounts=reach is EVERYWHERE,
        )
        post = Post(person, account, role, place, reach)
        world.do("add_member", owner, account, key=key, new=post)
        for toggle in toggles:
            services.toggle_permission(
                actor=world.rows[owner], membership=world.rows[key], toggle=toggle, on=True
            )
            world.do("toggle_permission", owner, account, post=key, toggle=toggle, on=True)


def _add_things(world: World) -> None:
    world.add_thing("lists", "list1", "A/north", creator="dan")
    world.add_thing("lists", "list2", "A/north")
    world.add_thing("lists", "list3", "A/west", creator="eve")
    world.add_thing("templates", "template1", "A/north", creator="eve")
    world.add_thing("templates", "template2", "A/south", creator="ron")
    world.add_thing("campaigns", "campaign1", "A/north", uses=("list1", "template1"))
    world.add_thing("campaigns", "campaign2", "A/north", creator="cat", uses=("list2",))
    world.add_thing("campaigns", "campaign3", "A/south")
    world.add_thing("lists", "rivals", "B/north", creator="ron")


def _add_teams(world: World) -> None:
    for key, account in (("red", "A"), ("blue", "A"), ("rival team", "B")):
        owner = world.model.accounts[account].owner
        world.rows[key] = services.create_team(
            actor=world.rows[owner], account=world.rows[account], name=key
        )
        world.do("create_team", owner, account, key=key, name=key)
    for person in ("dan", "eve"):
        services.add_to_team(
            actor=world.rows["owner"], team=world.rows["red"], user=world.rows[person]
        )
        world.do("set_in_team", "owner", "A", team="red", person=person, on=True)


__all__ = ["CUSTOM", "EVERYWHERE", "MODELS", "PEOPLE", "ROLES", "World", "build"]
