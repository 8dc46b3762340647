"""Demo data: the logins of an account, and what each of them is given or offered there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.utils import timezone

from teams import services
from teams.catalogue import ACCESS_CAMPAIGNS
from teams.demo_cast import NORTH, OWN_HOLDERS, OWN_ROLES, PEOPLE
from teams.editions.spec import ALL, AT_HOME, SOME, Edition
from teams.factories import PASSWORD, hashed
from teams.logins import current
from teams.models import Account, Membership, Subaccount
from teams.roles import with_needed


def person(edition: Edition, role: str, number: int) -> Any:
    """Return the login ``<edition>.<role>``, creating it if need be."""
    username = f"{edition.codename}.{role}"
    found = get_user_model()._default_manager.filter(username=username).first()
    if found is not None:
        return found
    first, last = PEOPLE[number % len(PEOPLE)]
    return new_login(username, edition.codename.replace("_", "-"), (first, last))


def new_login(username: str, domain: str, names: tuple[str, str], **flags: bool) -> Any:
    """Create a login with a confirmed address and the demo password, which is hashed once."""
    address = f"{username}@{domain}.example"
    user = current().create(address=address, username=username, password=None, names=names)
    user.password = hashed(PASSWORD)
    for flag, value in flags.items():
        setattr(user, flag, value)
    user.save(update_fields=["password", *flags])
    return user


def add_people(edition: Edition, account: Account, places: dict[str, Subaccount]) -> None:
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
                user=person(edition, login, name),
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
            user=person(edition, "primary_contact", 5),
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
                user=person(edition, login, number),
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
