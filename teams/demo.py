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
from teams.demo_access import add_access_work
from teams.demo_campaigns import add_campaigns
from teams.demo_cast import (
    ARCHIVED,
    CLIENTS,
    COMPANIES,
    GROUPS,
    HOME,
    LISTS,
    NORTH,
    OLD_LIST,
    TEAMS,
    TEMPLATES,
)
from teams.demo_contacts import add_contacts
from teams.demo_content import rows_of
from teams.demo_people import add_people, new_login, person
from teams.editions import EDITIONS
from teams.editions.spec import Edition
from teams.factories import (
    PASSWORD,
    AccountFactory,
    MailingListFactory,
    MessageTemplateFactory,
    SavedRowFactory,
    SubaccountFactory,
)
from teams.models import Account, MailingList, Membership, Subaccount
from teams.models.account import TeamMode
from teams.services.snapshots import snapshot


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


def _create_account(edition: Edition, slug: str, *, rival: bool) -> None:
    owner = person(edition, "rival_owner" if rival else edition.owner, 9 if rival else 0)
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
        add_people(edition, account, places)
    if edition.has_teams:
        _add_teams(edition, account)
    if not rival:
        add_access_work(places[NORTH])


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
        new_login("operator", "platform", ("Olga", "Petrov"), is_staff=True)


__all__ = ["PASSWORD", "Login", "seed"]
