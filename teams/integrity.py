"""Every invariant that can be checked on stored data, for ``check_integrity``.

Constraints and services keep these true; this is for data that came another way: a restored dump,
a raw UPDATE, a changed edition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db.models import Count, Exists, F, OuterRef, Q

from permissions import audit, grants
from permissions.constraints import CompositeForeignKey
from permissions.resources import registry
from teams import sampling
from teams.addresses import in_ascii
from teams.catalogue import CATALOGUE
from teams.editions import EDITIONS, get
from teams.editions.spec import ALL, AT_HOME, SOME
from teams.models import (
    Account,
    AccountUserGrant,
    Campaign,
    GroupedSubaccount,
    Invitation,
    ManagedGroup,
    Membership,
    OwnershipTransfer,
    Role,
    Subaccount,
    SubaccountUserGrant,
    Team,
    TeamMembership,
)
from teams.models.account import TeamMode
from teams.rights import admits


@dataclass(frozen=True, slots=True)
class Problem:
    """A broken rule and the row that breaks it."""

    rule: str
    subject: str
    detail: str


def problems(*, sample: int = 0, seed: int | None = None) -> Iterator[Problem]:
    """Yield every broken invariant; nothing for sound data.

    ``sample`` random decisions are held against the rows that they name, the same ones for the same
    ``seed``.
    """
    for check in (*_CHECKS, *_registered):
        for subject, detail in check():
            yield Problem(check.__name__.strip("_"), audit.ref_of(subject), detail)
    for flaw in audit.verify():
        yield Problem("audit_is_intact", f"{flaw.root} #{flaw.sequence}", flaw.problem)
    for person, untruth in sampling.untrue(sample, seed):
        yield Problem("decisions_have_witnesses", audit.ref_of(person), untruth)


#: (the row that breaks the rule, in what way)
Found = Iterator[tuple[Any, str]]

_registered: list[Callable[[], Found]] = []


def register(*checks: Callable[[], Found]) -> None:
    """Look for what another application knows to be broken too; a rule is called what its function
    is called. Called once, in ``AppConfig.ready``; repeating is harmless."""
    _registered.extend(check for check in checks if check not in _registered)


def _edition_is_known() -> Found:
    for account in Account.objects.exclude(edition__in=EDITIONS):
        yield account, f"edition {account.edition!r} does not exist"


def _owner_is_a_tenant() -> Found:
    for account in Account.objects.filter(
        Q(owner__is_staff=True) | Q(owner__is_superuser=True) | Q(owner__is_active=False)
    ):
        yield account, "the owner is platform staff or switched off"


def _owner_has_no_membership() -> Found:
    for row in Membership.objects.filter(user=F("account__owner")):
        yield row, "the owner holds everything and has no membership"


def _members_are_tenants() -> Found:
    for row in Membership.objects.filter(Q(user__is_staff=True) | Q(user__is_superuser=True)):
        yield row, "platform staff has a place inside an account"


def _role_exists_at_that_level() -> Found:
    for row in _memberships().exclude(role=""):
        roles = {role.codename: role for role in get(row.account.edition).roles}
        role = roles.get(row.role)
        if role is None:
            yield row, f"{row.account.edition} has no role {row.role!r}"
        elif not (role.account_level if row.is_account_level else role.subaccount_level):
            yield row, f"{row.role} cannot be held at this level"
        elif role.needs_teams and row.account.team_mode == TeamMode.OFF:
            yield row, f"{row.role} needs teams, which are off"
    for row in _memberships().filter(role=""):
        if get(row.account.edition).custom_roles is None:
            yield row, f"{row.account.edition} has no custom roles"


def _memberships() -> Any:
    return Membership.objects.select_related("account", "subaccount").filter(
        account__edition__in=EDITIONS
    )


def _exclusive_as_the_edition_says() -> Found:
    for row in _memberships():
        if row.exclusive == get(row.account.edition).roles_add_up:
            yield row, "marked otherwise than the edition combines roles"


def _reach_as_the_role_says() -> Found:
    for row in _memberships().filter(subaccount=None).exclude(role=""):
        spec = next((r for r in get(row.account.edition).roles if r.codename == row.role), None)
        if spec is None:
            continue
        managed = list(Subaccount.objects.filter(managing_memberships=row))
        grouped = row.managed_groups.exists()
        if row.all_subaccounts:
            kind = ALL
        else:
            at_home = len(managed) == 1 and managed[0].is_home and not grouped
            kind = AT_HOME if at_home else SOME
        if kind not in spec.reaches or (row.all_subaccounts and (managed or grouped)):
            yield row, f"reaches {kind}, which {row.role} cannot"


def _groups_hold_and_reach_what_they_may() -> Found:
    for row in GroupedSubaccount.objects.filter(subaccount__is_home=True):
        yield row, "the own workspace is in a group"
    for managed in ManagedGroup.objects.exclude(membership__subaccount=None):
        yield managed, "a role in one subaccount reaches a group"


def _members_of_home_are_at_account_level() -> Found:
    for row in Membership.objects.filter(subaccount__is_home=True):
        yield row, "people of the own workspace belong to the account"


def _home_only_where_the_edition_has_one() -> Found:
    for account in Account.objects.filter(edition__in=EDITIONS):
        homes = account.subaccounts.filter(is_home=True).count()
        if homes and not get(account.edition).has_home:
            yield account, "has an own workspace, which its edition does not know"


def _limit_is_kept() -> Found:
    """That of the edition. An account may well have more than its rate plan allows: a plan may
    change below it, and what is there stays."""
    active = Count("subaccounts", filter=Q(subaccounts__archived_at=None))
    for account in Account.objects.filter(edition__in=EDITIONS).annotate(active=active):
        limit = get(account.edition).max_active_subaccounts
        if limit is not None and account.active > limit:
            yield account, f"{account.active} active subaccounts, {limit} allowed"


def _toggle_is_admitted_by_the_role() -> Found:
    for table in (AccountUserGrant, SubaccountUserGrant):
        rows = table._default_manager.select_related("membership__account", "permission")
        for row in rows.exclude(membership=None):
            member: Any = row.membership
            if member.account.edition in EDITIONS and not admits(
                get(member.account.edition), member.role, row.permission.codename
            ):
                yield row, f"{member.role} does not admit {row.permission.codename}"
            if (row.user_id, row.content_object_id) != (
                member.user_id,
                member.account_id if table is AccountUserGrant else member.subaccount_id,
            ):
                yield row, "belongs to another person or place than its membership"


def _guest_access_is_grantable() -> Found:
    for resource in registry:
        table = grants.user_table(resource.model)
        if not grants.is_direct(table) or resource.place_path is None:
            continue
        rows: Any = table._default_manager.select_related("permission")
        if resource.model is Subaccount:
            rows = rows.filter(membership=None)
        for row in rows:
            if row.permission.codename not in resource.guest:
                yield row, f"guests cannot be given {row.permission.codename} here"
        path = resource.root_path.removesuffix("_id")
        inside = Membership.objects.values("user_id", "account_id")
        people = {(m["user_id"], m["account_id"]) for m in inside}
        for key, user, root in rows.values_list("pk", "user_id", f"content_object__{path}"):
            if (user, root) not in people:
                yield table(pk=key), "given to somebody who has no place in the account"


def _custom_role_is_tickable() -> Found:
    for role in Role.objects.select_related("account"):
        edition = EDITIONS.get(role.account.edition)
        custom = edition.custom_roles if edition else None
        known = custom.tickable | custom.always if custom else frozenset()
        wrong = (
            [p for p in role.permissions if not isinstance(p, str) or p not in known]
            if isinstance(role.permissions, list)
            else ["no list of permissions"]
        )
        if wrong:
            yield role, f"holds {', '.join(map(str, wrong))}"


def _teams_only_where_the_edition_has_them() -> Found:
    for account in Account.objects.filter(edition__in=EDITIONS).exclude(team_mode=TeamMode.OFF):
        if not get(account.edition).has_teams:
            yield account, "teams are on, which the edition does not know"


def _team_members_belong_to_the_account() -> Found:
    for row in TeamMembership.objects.select_related("team__account"):
        account = row.team.account
        inside = Membership.objects.filter(account=account, user=row.user_id)
        if account.owner_id != row.user_id and not inside.exists():
            yield row, "is in a team but has no place in its account"


def _team_groups_are_empty() -> Found:
    for group in Group.objects.filter(team__isnull=False, user__isnull=False).distinct():
        yield group, "has users of its own; a team's people are its memberships"
    for team in Team.objects.exclude(group__name__startswith="team:"):
        yield team, "its group is not named team:<uuid>"


def _invitations() -> Any:
    """Return those that may still be accepted."""
    rows = Invitation.objects.select_related("account", "subaccount").prefetch_related("reach")
    return rows.filter(status=Invitation.Status.PENDING, account__edition__in=EDITIONS)


def _invited_to_what_the_edition_has() -> Found:
    for row in _invitations():
        edition = get(row.account.edition)
        spec = edition.find_role(row.role)
        if row.exclusive == edition.roles_add_up:
            yield row, "marked otherwise than the edition combines roles"
        if not row.role:
            if edition.custom_roles is None:
                yield row, f"{edition.codename} has no custom roles"
        elif spec is None:
            yield row, f"{edition.codename} has no role {row.role!r}"
        elif not (spec.account_level if row.is_account_level else spec.subaccount_level):
            yield row, f"{row.role} cannot be held at this level"
        if row.reach_keys and (row.all_subaccounts or not row.is_account_level):
            yield row, "names subaccounts besides the place it is for"
        if not isinstance(row.toggles, list):
            yield row, "no list of toggles"
            continue
        for toggle in row.toggles:
            if spec is None or not isinstance(toggle, str) or toggle not in spec.optional:
                yield row, f"{row.role} does not admit {toggle}"


def _invitations_are_settled_once() -> Found:
    settled = ~Q(status=Invitation.Status.PENDING)
    for row in Invitation.objects.filter(
        Q(settled & Q(settled_at=None)) | Q(~settled & Q(settled_at__isnull=False))
    ):
        yield row, f"is {row.status}, which is not what its date says"
    taken = Invitation.objects.exclude(accepted_by=None)
    for row in taken.exclude(status=Invitation.Status.ACCEPTED):
        yield row, f"is {row.status} and has been accepted by somebody"


def _invited_addresses_are_in_small_letters() -> Found:
    for row in Invitation.objects.all():
        try:
            written = in_ascii(row.address).lower()
        except UnicodeError:
            written = ""
        if row.address != written or not row.address.isascii():
            yield row, "its address is not written as mail is sent to it"


def _offers_are_made_by_the_owner_to_somebody_inside() -> Found:
    pending = OwnershipTransfer.objects.filter(status=OwnershipTransfer.Status.PENDING)
    for row in pending.exclude(owner=F("account__owner")):
        yield row, "somebody who is not the owner offers the account"
    active = Membership.objects.filter(
        account=OuterRef("account"), user=OuterRef("heir"), status=Membership.Status.ACTIVE
    )
    for row in pending.exclude(Exists(active)):
        yield row, "the account is offered to somebody who has no active role in it"


def _nobody_holds_model_permissions() -> Found:
    held = Q(user_permissions__content_type__app_label=CATALOGUE.app_label) | Q(
        groups__permissions__content_type__app_label=CATALOGUE.app_label
    )
    for user in get_user_model()._default_manager.filter(held).distinct():
        yield user, "holds a permission on a whole model"


def _tenants_are_not_mixed() -> Found:
    """Compare the keys that each composite constraint holds together."""
    for model in apps.get_models():
        for constraint in model._meta.constraints:
            if not isinstance(constraint, CompositeForeignKey):
                continue
            shared, key, *more = constraint.fields
            if more:
                continue  # who a toggle belongs to: _toggle_is_admitted_by_the_role
            rows = model._default_manager.exclude(**{key: None})
            for row in rows.exclude(**{shared: F(f"{key}__{shared}")}):
                yield row, f"its {key.replace('_', ' ')} is of another {shared}"


def _segments_fit_their_campaign() -> Found:
    """A segment of another list would bring in contacts that the campaign's list hides."""
    for row in (
        Campaign.objects.exclude(segment=None)
        .exclude(segment__mailing_list=None)
        .exclude(mailing_list=F("segment__mailing_list"))
    ):
        yield row, "uses a segment of another list"


def _one_primary_contact_where_there_is_such_a_thing() -> Found:
    contacts = Membership.objects.filter(is_primary_contact=True, account__edition__in=EDITIONS)
    for row in contacts.select_related("account"):
        # a mark that another edition left behind gives nothing, but should not be there
        if not get(row.account.edition).has_primary_contact:
            yield row, "is marked as primary contact, which the edition does not know"


_CHECKS: tuple[Callable[[], Found], ...] = (
    _edition_is_known,
    _owner_is_a_tenant,
    _owner_has_no_membership,
    _members_are_tenants,
    _role_exists_at_that_level,
    _exclusive_as_the_edition_says,
    _reach_as_the_role_says,
    _groups_hold_and_reach_what_they_may,
    _members_of_home_are_at_account_level,
    _home_only_where_the_edition_has_one,
    _limit_is_kept,
    _toggle_is_admitted_by_the_role,
    _guest_access_is_grantable,
    _custom_role_is_tickable,
    _teams_only_where_the_edition_has_them,
    _team_members_belong_to_the_account,
    _team_groups_are_empty,
    _invited_to_what_the_edition_has,
    _invitations_are_settled_once,
    _invited_addresses_are_in_small_letters,
    _offers_are_made_by_the_owner_to_somebody_inside,
    _nobody_holds_model_permissions,
    _tenants_are_not_mixed,
    _segments_fit_their_campaign,
    _one_primary_contact_where_there_is_such_a_thing,
)
