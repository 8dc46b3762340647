"""How many rows each kind of grant writes, and how much room access takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection, models, transaction

from teams import services
from teams.catalogue import ACCESS_AUDIENCE
from teams.models import (
    Account,
    AccountUserGrant,
    MailingList,
    ManagedSubaccount,
    Membership,
    MessageTemplate,
    Role,
    Subaccount,
    SubaccountUserGrant,
    Team,
    TeamMembership,
)
from teams.models.grants import (
    CampaignUserGrant,
    MailingListGroupGrant,
    MailingListUserGrant,
    MessageTemplateGroupGrant,
    MessageTemplateUserGrant,
)
from tests.bench.data import COPYWRITER
from tests.bench.measure import rows_written
from tests.bench.plan import GUEST, MAIN, MEMBER_1, OWNER, PRESS, PRESS_OWNER, STRANGER

ACCESS: tuple[type[models.Model], ...] = (
    Membership,
    ManagedSubaccount,
    AccountUserGrant,
    SubaccountUserGrant,
    MailingListUserGrant,
    MailingListGroupGrant,
    MessageTemplateUserGrant,
    MessageTemplateGroupGrant,
    CampaignUserGrant,
    TeamMembership,
    Role,
)
#: the objects themselves, and what is recorded about every change whatever it is
NO_GRANT = (
    "teams_subaccount",
    "teams_mailinglist",
    "permissions_auditevent",
    "permissions_audithead",
)


def count_writes() -> list[dict[str, Any]]:
    """Return how many rows each kind of change wrote, by table; everything is taken back."""
    found = []
    for name, act in GRANTS.items():
        with transaction.atomic():
            run = act()
            with rows_written() as written:
                run()
            transaction.set_rollback(True)
        rows = sum(n for table, n in written.items() if table not in NO_GRANT)
        found.append({"change": name, "access_rows": rows, "tables": dict(sorted(written.items()))})
    return found


def _person(key: int) -> Any:
    return get_user_model()._default_manager.get(pk=key)


def _main() -> dict[str, Any]:
    return {"actor": _person(OWNER), "account": Account.objects.get(pk=MAIN)}


def _grant_everything() -> Callable[[], Any]:
    asked = {**_main(), "user": _person(STRANGER), "role": "manager", "all_subaccounts": True}
    return lambda: services.add_member(consented=True, **asked)


def _grant_one() -> Callable[[], Any]:
    place = Subaccount.objects.filter(account=MAIN, archived_at=None).first()
    asked = {**_main(), "user": _person(STRANGER), "role": "full", "subaccount": place}
    return lambda: services.add_member(consented=True, **asked)


def _new_subaccount() -> Callable[[], Any]:
    asked = _main()
    return lambda: services.create_subaccount(**asked, name="Benchmark")


def _new_list() -> Callable[[], Any]:
    place = Subaccount.objects.filter(account=MAIN, archived_at=None).first()
    return lambda: MailingList.objects.create(
        account_id=MAIN, subaccount=place, name="Benchmark", slug="benchmark"
    )


def _edit_role() -> Callable[[], Any]:
    role = Role.objects.get(pk=COPYWRITER)
    role.permissions = [*role.permissions, "access_content"]
    return lambda: role.save(update_fields=["permissions"])


def _toggle() -> Callable[[], Any]:
    membership = Membership.objects.get(user=MEMBER_1)
    owner = _person(OWNER)
    return lambda: services.toggle_permission(
        actor=owner, membership=membership, toggle="billing_page", on=True
    )


def _guest() -> Callable[[], Any]:
    mine = Membership.objects.filter(user=GUEST).values("subaccount")
    obj = MailingList.objects.filter(account=MAIN, subaccount__archived_at=None)
    asked = {
        "actor": _person(OWNER),
        "user": _person(GUEST),
        "obj": obj.exclude(subaccount__in=mine).exclude(user_grants__user=GUEST).first(),
        "permissions": [ACCESS_AUDIENCE],
    }
    return lambda: services.give_guest_access(**asked)


def _share() -> Callable[[], Any]:
    asked = {
        "actor": _person(PRESS_OWNER),
        "team": Team.objects.first(),
        "obj": MessageTemplate.objects.filter(account=PRESS).first(),
    }
    return lambda: services.share_with_team(**asked)


def _remove() -> Callable[[], Any]:
    membership = Membership.objects.get(user=MEMBER_1)
    owner = _person(OWNER)
    return lambda: services.remove_member(actor=owner, membership=membership)


GRANTS: dict[str, Callable[[], Callable[[], Any]]] = {
    "all current and future subaccounts": _grant_everything,
    "one subaccount": _grant_one,
    "new subaccount": _new_subaccount,
    "new list": _new_list,
    "edit of a role": _edit_role,
    "toggle": _toggle,
    "guest access to a list": _guest,
    "template shared with a team": _share,
    "removal of a member": _remove,
}


def storage() -> dict[str, Any]:
    """Return how many rows hold all access, and the bytes where the database tells."""
    rows = {model._meta.db_table: model._default_manager.count() for model in ACCESS}
    memberships = rows[Membership._meta.db_table]
    found: dict[str, Any] = {
        "rows": rows,
        "memberships": memberships,
        "rows_per_membership": round(sum(rows.values()) / memberships, 3),
    }
    ours = _bytes([model._meta.db_table for model in ACCESS])
    if ours is not None:
        lists = _bytes([MailingList._meta.db_table]) or 1
        found |= {
            "access_bytes": ours,
            "list_bytes": lists,
            "access_to_lists": round(ours / lists, 3),
        }
    return found


def _bytes(tables: list[str]) -> int | None:
    """Return what the tables and their indexes take; None where nobody knows."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT sum(pg_total_relation_size(name::regclass)) "
                "FROM unnest(%s::text[]) AS name",
                [tables],
            )
            return int(cursor.fetchone()[0])
        cursor.execute("SELECT 1 FROM pragma_module_list WHERE name = 'dbstat'")
        if cursor.fetchone() is None:
            return None
        marks = ", ".join(["%s"] * len(tables))
        cursor.execute(
            "SELECT sum(pgsize) FROM dbstat WHERE name IN "
            f"(SELECT name FROM sqlite_master WHERE tbl_name IN ({marks}))",
            tables,
        )
        return int(cursor.fetchone()[0] or 0)
