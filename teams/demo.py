"""Demo data: an account of every edition with somebody in every role, and a rival of each.

Everything is granted through the services by the owner, so the demo's rights have the same history
as real ones. What exists already is left as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone

from teams import services
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
from teams.demo_access import add_access_work
from teams.demo_campaigns import add_campaigns
from teams.demo_contacts import add_contacts
from teams.demo_content import rows_of
from teams.editions import EDITIONS
from teams.editions.spec import ALL, AT_HOME, SOME, Edition
from teams.factories import (
    PASSWORD,
    AccountFactory,
    MailingListFactory,
    MessageTemplateFactory,
    SavedRowFactory,
    SubaccountFactory,
    hashed,
)
from teams.logins import current
from teams.models import Account, MailingList, Membership, Subaccount
from teams.models.account import TeamMode
from teams.roles import with_needed
from teams.services.snapshots import snapshot

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


@dataclass(frozen=True, slots=True)
class Login:
    """A demo login and what it stands for."""

    username: str
    person: str
    account: str
    role: str


def seed() -> list[Login]:
    """Create what is missing of the demo data and return all its logins."""
    logins: list[Login] = []
    for edition in EDITIONS.values():
        logins += _seed_account(edition, rival=False)
        logins += _seed_account(edition, rival=True)
    _operator()
    for account in Account.objects.filter(slug__in=_slugs()):
        snapshot(account)  # what factories made, of which the record says nothing
    return logins


def _slugs() -> list[str]:
    return [_slug(edition, rival=rival) for edition in EDITIONS.values() for rival in (False, True)]


def _slug(edition: Edition, *, rival: bool) -> str:
    return edition.codename.replace("_", "-") + ("-rival" if rival else "")


def _seed_account(edition: Edition, *, rival: bool) -> list[Login]:
    slug = _slug(edition, rival=rival)
    if not Account.objects.filter(slug=slug).exists():
        with transaction.atomic():
            _create_account(edition, slug, rival=rival)
    return _logins(edition, rival=rival)


def _person(edition: Edition, role: str, number: int) -> Any:
    """Return the login ``<edition>.<role>``, creating it if need be."""
    username = f"{edition.codename}.{role}"
    found = get_user_model()._default_manager.filter(username=username).first()
    if found is not None:
        return found
    first, last = PEOPLE[number % len(PEOPLE)]
    return _new_login(username, edition.codename.replace("_", "-"), (first, last))


def _new_login(username: str, domain: str, names: tuple[str, str], **flags: bool) -> Any:
    """Create a login with a confirmed address and the demo password, which is hashed once."""
    address = f"{username}@{domain}.example"
    user = current().create(address=address, username=username, password=None, names=names)
    user.password = hashed(PASSWORD)
    for flag, value in flags.items():
        setattr(user, flag, value)
    user.save(update_fields=["password", *flags])
    return user


def _create_account(edition: Edition, slug: str, *, rival: bool) -> None:
    owner = _person(edition, "rival_owner" if rival else edition.owner, 9 if rival else 0)
    account = AccountFactory(
        slug=slug,
        name=COMPANIES[edition.codename][rival],
        edition=edition.codename,
        owner=owner,
        team_mode=TeamMode.LISTS_AND_TEMPLATES if edition.has_teams else TeamMode.OFF,
    )
    if edition.has_home:
        home = SubaccountFactory(account=account, slug=HOME, name=account.name, is_home=True)
        _fill(home)
    places = {}
    for place_slug, names in CLIENTS.items():
        places[place_slug] = services.create_subaccount(
            actor=owner, account=account, name=names[rival], slug=place_slug
        )
        _fill(places[place_slug])
    services.create_subaccount_group(
        actor=owner,
        account=account,
        name=GROUPS[rival],
        subaccounts=[places[NORTH], places["south"]],
    )
    services.archive_subaccount(actor=owner, subaccount=places[ARCHIVED])
    if not rival:
        _add_people(edition, account, places)
    if edition.has_teams:
        _add_teams(edition, account)
    if not rival:
        add_access_work(places[NORTH])


def _add_people(edition: Edition, account: Account, places: dict[str, Subaccount]) -> None:
    """Add somebody in every role: in north, and at account level as far as the role reaches."""
    owner, north = account.owner, places[NORTH]
    home = Subaccount.objects.filter(account=account, is_home=True).first()
    for number, role in enumerate(edition.roles, start=1):
        code = role.codename
        held: list[tuple[str, int, dict[str, Any]]] = []
        # Sailthru's roles may be held at both levels; its Account Admin runs the account
        runs_account = code == "account_admin"
        if role.subaccount_level and not runs_account:
            held.append((code, number, {"subaccount": north}))
        if SOME in role.reaches:
            held.append((code, number, {"managed": [north]}))
            held.append((f"{code}_all", number + 7, {"all_subaccounts": True}))
        elif ALL in role.reaches and (runs_account or not role.subaccount_level):
            held.append((code, number + 7, {"all_subaccounts": True}))
        if AT_HOME in role.reaches and home is not None:
            held.append((f"home_{code}", number + 4, {"managed": [home]}))
        for login, name, where in held:
            services.add_member(
                consented=True,
                actor=owner,
                account=account,
                user=_person(edition, login, name),
                role=code,
                **where,
            )
    if edition.custom_roles is not None:
        _add_own_roles(edition, account, places)
    _invite_guest(owner, north, places["south"])
    _invite_newcomer(edition, owner, north)
    if edition.has_primary_contact:
        contact = services.add_member(
            consented=True,
            actor=owner,
            account=account,
            user=_person(edition, "primary_contact", 5),
            role="full",
            subaccount=north,
        )
        services.set_primary_contact(actor=owner, subaccount=north, membership=contact)


def _add_own_roles(edition: Edition, account: Account, places: dict[str, Subaccount]) -> None:
    """Make the roles of ``OWN_ROLES`` and give them to people; one of them has both."""
    owner = account.owner
    made = {
        name: services.create_role(
            actor=owner,
            account=account,
            name=name,
            description=description,
            permissions=with_needed(ticks),
        )
        for name, (description, ticks) in OWN_ROLES.items()
    }
    for number, (login, place, names) in enumerate(OWN_HOLDERS, start=5):
        for name in names:
            services.add_member(
                consented=True,
                actor=owner,
                account=account,
                user=_person(edition, login, number),
                role=made[name],
                subaccount=places[place],
            )


def _invite_guest(owner: Any, north: Subaccount, south: Subaccount) -> None:
    """Let a member of ``north`` into one campaign of ``south`` for ten days: it ends soon."""
    seats = Membership.objects.filter(subaccount=north).select_related("user").order_by("pk")
    services.give_guest_access(
        actor=owner,
        user=seats[min(1, len(seats) - 1)].user,
        obj=south.campaigns.get(slug="welcome"),
        permissions=[ACCESS_CAMPAIGNS],
        ends_at=timezone.now() + timedelta(days=10),
    )


def _invite_newcomer(edition: Edition, owner: Any, north: Subaccount) -> None:
    """Invite somebody to ``north`` who has no login: the worker prints the mail with the link."""
    role = next(role for role in reversed(edition.roles) if role.subaccount_level)
    services.invite_member(
        actor=owner,
        account=north.account,
        address=f"lena@{edition.codename.replace('_', '-')}.example",
        role=role.codename,
        subaccount=north,
    )


def _fill(subaccount: Subaccount) -> None:
    """Put lists, templates, contacts and campaigns into a subaccount."""
    owner = subaccount.account.owner
    shared = {"subaccount": subaccount, "created_by": owner}
    lists = {s: MailingListFactory(slug=s, name=n, **shared) for s, n in LISTS.items()}
    rows = rows_of(subaccount.name)
    templates = {
        slug: MessageTemplateFactory(slug=slug, name=name, rows=rows[slug], **shared)
        for slug, name in TEMPLATES.items()
    }
    SavedRowFactory(slug="opening", name="Opening", html=rows["monthly"][1]["html"], **shared)
    MailingListFactory(
        slug=OLD_LIST[0],
        name=OLD_LIST[1],
        kind=MailingList.Kind.SECONDARY,
        archived_at=timezone.now() - timedelta(days=40),
        **shared,
    )
    many = subaccount.slug == NORTH
    add_contacts(subaccount, list(lists.values()), many=many)
    add_campaigns(subaccount, lists, templates)


def _add_teams(edition: Edition, account: Account) -> None:
    owner = account.owner
    for name, (list_slug, template_slug) in TEAMS.items():
        team = services.create_team(actor=owner, account=account, name=name)
        for subaccount in account.subaccounts.filter(archived_at=None):
            for obj in (
                subaccount.mailinglists.get(slug=list_slug),
                subaccount.messagetemplates.get(slug=template_slug),
            ):
                services.share_with_team(actor=owner, team=team, obj=obj)
        limited = Membership.objects.filter(account=account, role="marketer_limited").first()
        if limited is not None and name == "Loyalty":
            services.add_to_team(actor=owner, team=team, user=limited.user)


def _logins(edition: Edition, *, rival: bool) -> list[Login]:
    account = Account.objects.select_related("owner").get(slug=_slug(edition, rival=rival))
    found = [_login(account.owner, account, str(edition.owner_label))]
    members = Membership.objects.filter(
        account=account, user__username__startswith=f"{edition.codename}."
    )
    for m in members.select_related("user", "subaccount").order_by("pk"):
        label = str(edition.role(m.role).label) if m.role else str(m.custom_role)
        if m.subaccount is not None:
            where = m.subaccount.name
        elif m.all_subaccounts:
            where = "all subaccounts"
        else:
            reached = Subaccount.objects.filter(pk__in=m.reach_keys)
            where = ", ".join(reached.order_by("name").values_list("name", flat=True))
        found.append(_login(m.user, account, f"{label} of {where}"))
    return found


def _login(user: Any, account: Account, role: str) -> Login:
    return Login(user.get_username(), user.get_full_name(), account.name, role)


def _operator() -> None:
    """Create the platform's own demo login."""
    if not get_user_model()._default_manager.filter(username="operator").exists():
        _new_login("operator", "platform", ("Olga", "Petrov"), is_staff=True)


__all__ = ["PASSWORD", "Login", "seed"]
