"""Who acts in a command, and what the names mean that it is given.

``--actor`` names a person, who sees and may do here what they see and may do in the console: what
they do not see looks like missing. ``--as-platform`` is for operators, who may take away and never
give.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.utils import timezone

from permissions import access, audit
from permissions.audit import label_of
from permissions.errors import Invalid, NotFound, OwnerRequired
from permissions.management.base import UsageError
from teams import logins, selectors
from teams.catalogue import CATALOGUE, MANAGE_TEAMS
from teams.editions import get
from teams.explain import find_user, is_text
from teams.models import Account, Membership, Role, Subaccount, SubaccountGroup, Team


@dataclass(frozen=True, slots=True)
class Doer:
    """Who acts: the login ``actor``; or, if that is None, the platform, for a reason.

    Finds what is named by whoever called the command, if the doer sees it. Raises NotFound, in the
    same words for what is foreign and what is missing.
    """

    actor: Any
    because: Mapping[str, Any]

    @property
    def is_platform(self) -> bool:
        """Say whether the platform acts."""
        return self.actor is None

    @property
    def ref(self) -> str:
        """Return how the audit names who acts."""
        return audit.PLATFORM.ref if self.is_platform else audit.ref_of(self.actor)

    def account(self, slug: str) -> Account:
        """Return the account with that short name."""
        rows = Account.objects.all() if self.is_platform else selectors.accounts_of(self.actor)
        found: Account | None = _first(rows, slug=slug)
        if found is None:
            raise NotFound(f"There is no account {slug!r}.")
        return found

    def subaccount(self, account: Account, slug: str) -> Subaccount:
        """Return the subaccount of ``account`` with that short name."""
        rows = Subaccount.objects.all()
        if not self.is_platform:
            rows = selectors.subaccounts_of(self.actor)
        found: Subaccount | None = _first(rows.filter(account=account), slug=slug)
        if found is None:
            raise NotFound(f"There is no subaccount {slug!r} in {account.name}.")
        found.account = account
        return found

    def place(self, account: Account, options: Mapping[str, Any]) -> Subaccount | None:
        """Return the subaccount that ``--subaccount`` names; None for the account level."""
        if options["subaccount"] is None:
            return None
        if options["account_level"]:
            raise UsageError("Name either --subaccount or --account-level, not both.")
        return self.subaccount(account, options["subaccount"])

    def reach(self, account: Account, options: Mapping[str, Any]) -> list[Subaccount]:
        """Return the subaccounts that ``--reach`` names."""
        return [self.subaccount(account, slug) for slug in options["reach"]]

    def groups(self, account: Account, options: Mapping[str, Any]) -> list[SubaccountGroup]:
        """Return the groups of subaccounts that ``--group`` names, in whatever case."""
        rows = selectors.groups_of(self.actor).filter(account=account)
        found = [(name, _first(rows, name__iexact=name)) for name in options["group"]]
        for name, group in found:
            if group is None:
                raise NotFound(f"There is no group {name!r} in {account.name}.")
        return [group for _name, group in found if group is not None]

    def person(self, text: str) -> Any:
        """Return the login that a user name or a confirmed address names."""
        found = find_login(text)
        if found is not None and not self.is_platform:
            found = selectors.people_of(self.actor).filter(pk=found.pk).first()
        if found is None:
            raise NotFound(
                f"You see nobody called {text!r}. Whoever has no place yet is invited: see "
                "invite_member."
            )
        return found

    def memberships(
        self, account: Account, text: str, place: Subaccount | None = None, *, everywhere: bool
    ) -> list[Membership]:
        """Return the roles that somebody has at a place, or ``everywhere`` in ``account``.

        Raises NotFound if there is none, or OwnerRequired for the owner.
        """
        person = find_login(text)
        rows: QuerySet[Membership] = Membership.objects.all()
        if not self.is_platform:
            rows = selectors.memberships_of(self.actor)
        rows = rows.filter(account=account, user=person)
        if not everywhere:
            rows = rows.filter(subaccount=place)
        found = list(
            rows.select_related("account", "user", "subaccount", "custom_role").order_by("pk")
        )
        if not found:
            if person is not None and person.pk == account.owner_id and self._sees_owner(account):
                error = OwnerRequired(
                    f"{label_of(person)} owns {account.name}: nobody touches the owner's rights."
                )
                error.account = account
                raise error
            where = account.name if everywhere else named(account, place)
            raise NotFound(f"Nobody called {text!r} has a place in {where}, or not any more.")
        return found

    def _sees_owner(self, account: Account) -> bool:
        if self.is_platform:
            return True
        return selectors.sees_account_people(access.profile_of(self.actor), account.pk)

    def membership(
        self, account: Account, text: str, place: Subaccount | None, role: str | None
    ) -> Membership:
        """Return the one role that somebody has at a place; ``role`` says which if they add up."""
        found = self.memberships(account, text, place, everywhere=False)
        if role is not None:
            wanted = find_role(account, role)
            here = [row for row in found if wanted in (row.custom_role, row.role)]
            if not here:
                held = ", ".join(role_of(row) for row in found)
                raise NotFound(
                    f"{label_of(found[0].user)} is not {role} in {named(account, place)}, but "
                    f"{held}."
                )
            found = here
        if len(found) > 1:
            held = ", ".join(row.role or str(row.custom_role) for row in found)
            raise UsageError(
                f"{label_of(found[0].user)} has several roles in {named(account, place)}: say "
                f"which one with --role ({held})."
            )
        return found[0]

    def teams(self, account: Account, names: Iterable[str]) -> list[Team]:
        """Return the teams of ``account`` with these names, to who manages teams there."""
        rows = selectors.teams_of(account)
        if not access.profile_of(self.actor).scope(account.pk, MANAGE_TEAMS):
            rows = rows.none()
        found = [(name, _first(rows, name=name)) for name in names]
        for name, team in found:
            if team is None:
                raise NotFound(f"There is no team {name!r} in {account.name}.")
        return [team for _name, team in found if team is not None]


def find_platform(reason: str, operator: str | None) -> Doer:
    """Return the platform as who acts, for ``reason``; ``operator`` is the user name of who answers
    for it. Raises NotFound."""
    staff = find_user(operator) if operator else None
    return Doer(None, {"reason": reason, "operator": staff})


# names


def _first(rows: QuerySet[Any], **names: str) -> Any:
    """Return the row with such a name; None for what is no text to a database."""
    if not all(is_text(name) for name in names.values()):
        return None
    return rows.filter(**names).first()


def find_login(text: str) -> Any:
    """Return the login with that confirmed address, or else that user name; None if there is none.

    Whatever looks like an address is one: somebody else's user name does not stand for it.
    """
    if not is_text(text):
        raise Invalid(f"{text!r} is no name.", code="NOT_TEXT")
    known = logins.current()
    if "@" in text and (found := known.find(text)) is not None:
        return found
    model = get_user_model()
    people: Any = model._default_manager
    try:
        found = people.get_by_natural_key(text)
    except model.DoesNotExist:
        return None
    return None if "@" in text and not known.owns(found, text) else found


def find_role(account: Account, name: str) -> str | Role:
    """Return the custom role with that name, or the codename as it is given: the service knows
    whether there is such a role. A built-in role goes first."""
    if get(account.edition).find_role(name) is not None:
        return name
    found: Role | None = _first(selectors.custom_roles_of(account), name=name)
    return name if found is None else found


def own_role(account: Account, name: str) -> Role:
    """Return the custom role with that name. Raises Invalid for a built-in one, or NotFound."""
    edition = get(account.edition)
    found: Role | None = _first(selectors.custom_roles_of(account), name=name)
    if found is None and edition.find_role(name) is not None:
        raise Invalid(
            f"{edition.role(name).label} is a role of {edition.label} itself, which nobody "
            "changes. Copy it with create_role --copy.",
            code="BUILT_IN",
        )
    if found is None:
        raise NotFound(f"There is no custom role {name!r} in {account.name}.")
    return found


def any_role(account: Account, name: str) -> str | Role:
    """Return the role with that name or codename, built-in or not. Raises NotFound."""
    found = find_role(account, name)
    if isinstance(found, str) and get(account.edition).find_role(found) is None:
        raise NotFound(f"There is no role {name!r} in {account.name}.")
    return found


def label_of_ticks(ticks: Iterable[str]) -> str:
    """Return what people call these permissions; "nothing" for none."""
    chosen = set(ticks)
    return ", ".join(str(p.label) for p in CATALOGUE if p in chosen) or "nothing"


def role_of(membership: Membership) -> str:
    """Return what people call the role of a membership."""
    spec = get(membership.account.edition).find_role(membership.role)
    return str(spec.label if spec else membership.custom_role or membership.role)


def chosen(doer: Doer, account: Account, options: Mapping[str, Any]) -> list[Membership]:
    """Return the roles that are meant: the one at a place, or all of ``--whole-account``."""
    places = (options["subaccount"], options["account_level"], options["whole_account"])
    if sum(map(bool, places)) != 1:
        raise UsageError("Name --subaccount, --account-level or --whole-account: one of them.")
    if not options["whole_account"]:
        place = doer.place(account, options)
        return [doer.membership(account, options["person"], place, options["role"])]
    if options["role"]:
        raise UsageError("--role goes with one place: --whole-account means every role.")
    return doer.memberships(account, options["person"], everywhere=True)


def places_of(rows: Iterable[Membership]) -> str:
    """Return what people call the places of these roles, each with the role."""
    return ", ".join(f"{named(row.account, row.subaccount)} ({role_of(row)})" for row in rows)


def named(account: Account, place: Subaccount | None) -> str:
    """Return what people call a place: a subaccount, or the account itself."""
    return account.name if place is None else place.name


def until(ends_at: datetime | None) -> str:
    """Return ", until …" for what ends by itself."""
    return "" if ends_at is None else f", until {timezone.localtime(ends_at):%d %b %Y %H:%M %Z}"
