"""What the demo is about: its companies, clients and people, and what they are called."""

from __future__ import annotations

from teams.catalogue import (
    ACCESS_CAMPAIGNS,
    CHANGE_LIST_TYPE,
    DELETE_CAMPAIGNS,
    DELETE_LISTS,
    MANAGE_HOSTED_PAGES,
    RENAME_LISTS,
    SAVE_ROWS,
    SEND_CAMPAIGNS,
    USE_AUDIENCE_BUILDER,
)

COMPANIES = {
    "constant_contact": ("Harvest Partners", "Juniper Agency"),
    "emma_corporate": ("Corbel & Finch", "Quarry Street Media"),
    "emma_enterprise": ("Meridian Group", "Saltmarsh Communications"),
    "emma_hq": ("Harbor & Pine", "Lowland Creative"),
    "sailthru": ("Brightwater Retail", "Tallgrass Commerce"),
}
CLIENTS = {
    "north": ("Northwind Coffee", "Norfolk Pottery"),
    "south": ("Southbank Theatre", "Solent Boats"),
    "east": ("Eastside Cycles", "Estuary Foods"),
    "west": ("Westgate Tours", "Welland Garden Centre"),
}
GROUPS = ("Riverside", "East coast")
ARCHIVED = "west"
NORTH = "north"
HOME = "partner"

PEOPLE = [
    ("Maria", "Lopez"),
    ("Tom", "Becker"),
    ("Priya", "Nair"),
    ("Ana", "Ruiz"),
    ("Leo", "Brandt"),
    ("Noah", "Whitfield"),
    ("Sara", "Lindqvist"),
    ("Grace", "Okafor"),
    ("Daniel", "Cho"),
    ("Ines", "Carvalho"),
]
LISTS = {"newsletter": "Newsletter", "customers": "Shop customers"}
TEMPLATES = {"monthly": "Monthly letter", "announcement": "Announcement"}
#: put away: nothing uses it any more
OLD_LIST = ("pop-up", "Pop-up shop 2024")


TEAMS = {"Loyalty": ("newsletter", "monthly"), "Acquisition": ("customers", "announcement")}


#: an account's own roles, where an edition has such: what they are for, and what is ticked
PRODUCER, KEEPER = "Campaign producer", "List keeper"
OWN_ROLES: dict[str, tuple[str, tuple[str, ...]]] = {
    PRODUCER: (
        "Prepares and sends campaigns, keeps lists tidy. No people, no roles, no addresses.",
        (
            ACCESS_CAMPAIGNS,
            SEND_CAMPAIGNS,
            DELETE_CAMPAIGNS,
            USE_AUDIENCE_BUILDER,
            RENAME_LISTS,
            MANAGE_HOSTED_PAGES,
            SAVE_ROWS,
        ),
    ),
    KEEPER: (
        "Keeps lists in order and nothing else.",
        (RENAME_LISTS, DELETE_LISTS, CHANGE_LIST_TYPE),
    ),
}
OWN_HOLDERS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("producer", NORTH, (PRODUCER,)),
    ("keeper", "south", (KEEPER,)),
    ("producer_and_keeper", NORTH, (PRODUCER, KEEPER)),
)
