"""Which facts there are: each kind one branch of a UNION, about whoever is asked about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import (
    BigIntegerField,
    Case,
    Count,
    F,
    OuterRef,
    Q,
    QuerySet,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Cast

from permissions import grants
from permissions.resources import registry
from teams.editions import EDITIONS
from teams.editions.spec import ALL_SUBACCOUNTS
from teams.fact_columns import COLUMNS, branch, details_of, json_of, login_fields
from teams.logins import current
from teams.models import (
    Account,
    AccountUserGrant,
    ManagedGroup,
    ManagedSubaccount,
    Membership,
    Subaccount,
    SubaccountUserGrant,
    TeamMembership,
)
from teams.models.account import SPECIAL

#: the condition that a column ("user_id", "pk") names somebody who is asked about
Whose = Callable[[str], Q]


def factor_flag() -> Case | None:
    """Return 1 for logins with a second factor and 0 for others; None where there is none."""
    expression = current().having_factor()
    if expression is None:
        return None
    return Case(When(expression, then=Value(1)), default=Value(0), output_field=BigIntegerField())


def facts_about(
    whose: Whose, now: Any, *, recorded: bool = False, named: bool = False
) -> QuerySet[Any]:
    """Return the rows about people: what counts at ``now``, or all that is ``recorded``.

    With ``named`` the row of a login has the columns it is shown by (``login_fields``).

    Of toggles and reach all is returned: they count as much as the membership they belong to.
    """
    running = Q() if recorded else grants.active(now)
    logins = get_user_model()._default_manager.filter(whose("pk"))
    if not recorded and any(f.name == "is_active" for f in logins.model._meta.concrete_fields):
        # asked of the database: a worker may hold a login that was switched off since
        logins = logins.filter(is_active=True)
    owned = Account.objects.filter(whose("owner_id"))
    mine = Membership.objects.filter(running, whose("user_id"))
    if not recorded:
        mine = mine.filter(status=Membership.Status.ACTIVE)
    accounts = owned.values("pk").union(mine.values("account_id"), all=True)
    types = {name: Cast(Value(None), output()) for name, output in COLUMNS.items()}
    # what is recorded sleeps for nobody, so nobody is asked for a second factor
    flag = None if recorded else factor_flag()
    if flag is not None:
        types["ref"] = Cast(flag, BigIntegerField())
    factors = flag is not None
    if named:
        types["more"] = json_of(**{field.attname: field.attname for field in login_fields()})
    branches = [
        branch(owned, "owned", "owner_id", root="pk", more=json_of(**details_of(factors=factors))),
        branch(
            mine.annotate(ticks=Cast(_TICKS, TextField())),
            "membership",
            "user_id",
            root="account_id",
            place="subaccount_id",
            ref="pk",
            label="subaccount__name",
            more=json_of(
                role="role",
                custom="custom_role__name",
                ticks="ticks",
                all="all_subaccounts",
                contact="is_primary_contact",
                **details_of("account__", factors=factors),
            ),
        ),
        branch(
            ManagedSubaccount.objects.filter(whose("membership__user_id")),
            "reach",
            "membership__user_id",
            place="subaccount_id",
            ref="membership_id",
            label="subaccount__name",
        ),
        branch(
            ManagedGroup.objects.filter(
                whose("membership__user_id"), group__contents__isnull=False
            ),
            "reach",
            "membership__user_id",
            place="group__contents__subaccount_id",
            ref="membership_id",
            label="group__contents__subaccount__name",
        ),
        branch(
            AccountUserGrant.objects.filter(running, whose("user_id")),
            "toggle",
            "user_id",
            ref="pk",
            more=json_of(permission="permission__codename", membership="membership_id"),
        ),
        branch(
            SubaccountUserGrant.objects.filter(running, whose("user_id")),
            "given",
            "user_id",
            root="content_object__account_id",
            place="content_object_id",
            ref="pk",
            label="content_object__name",
            more=json_of(permission="permission__codename", membership="membership_id"),
        ),
        branch(
            TeamMembership.objects.filter(running, whose("user_id")),
            "team",
            "user_id",
            ref="team__group_id",
        ),
        branch(
            Subaccount.objects.filter(SPECIAL, account__in=accounts).annotate(
                archived=Q(archived_at__isnull=False)
            ),
            "place",
            root="account_id",
            place="pk",
            more=json_of(
                archived="archived", home="is_home", direct="billed_directly", off="features_off"
            ),
        ),
        branch(
            _sized(mine),
            "size",
            root="pk",
            more=json_of(places="places"),
        ),
    ]
    for resource in registry:
        table = grants.user_table(resource.model)
        if resource.guest and resource.place_path != "pk" and grants.is_direct(table):
            given = table._default_manager.filter(running, whose("user_id"))
            branches.append(
                branch(
                    given.annotate(target=Value(resource.label, TextField())),
                    "guest",
                    "user_id",
                    ref="pk",
                    label=Cast("content_object_id", TextField()),
                    more=json_of(permission="permission__codename", target="target"),
                )
            )
    branches.append(
        branch(
            grants.generic_rows(whose("user_id")),
            "guest",
            "user_id",
            ref="pk",
            label="object_pk",
            more=json_of(permission="permission__codename", target="target"),
        )
    )
    return branch(logins, "login", "pk", **types).union(*branches, all=True)


#: what a custom role allows, as the text that is stored
_TICKS = F("custom_role__permissions")


def _sized(mine: QuerySet[Membership]) -> QuerySet[Any]:
    """Return the accounts in which one of these memberships may have chosen every subaccount.

    With how many ``places`` there are, once an account: counted rather than looked for one that
    is not managed, which takes as long as there are managed ones before it.
    """
    asking = [
        edition.codename
        for edition in EDITIONS.values()
        if any(ALL_SUBACCOUNTS in role.when for role in edition.roles)
    ]
    chosen = mine.filter(subaccount=None, all_subaccounts=False, account__edition__in=asking)
    places = Subaccount.objects.filter(account=OuterRef("pk")).order_by()
    count = places.values("account").annotate(n=Count("pk")).values("n")
    return Account.objects.filter(pk__in=chosen.values("account_id")).annotate(places=count)
