"""Guest access: view and edit on one subaccount, list, template or campaign."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import models

from permissions import access, grants
from permissions.audit import label_of
from permissions.errors import Invalid, NotFound
from permissions.policy import TOP, PlaceId
from permissions.policy.delegate import Code, Refusal
from permissions.resources import registry
from teams.models import Account, Membership, Subaccount
from teams.services.base import changing, service
from teams.services.change import Change
from teams.services.gates import clean_end, new_end
from teams.services.inputs import expect, expect_user


def _located(obj: Any) -> tuple[models.Model, Account, Subaccount]:
    """Return a guarded object below account level as stored, with its account and subaccount."""
    if not isinstance(obj, models.Model) or type(obj) not in registry or obj.pk is None:
        raise Invalid("Guest access is given on a guarded, stored object.", code="WRONG_TYPE")
    obj = expect(obj, type(obj), "The object")
    root, place = registry.of(obj).locate(obj)
    if place == TOP:
        raise Invalid("Guest access is given on a subaccount or inside one.", code="WRONG_LEVEL")
    subaccount = Subaccount.objects.select_related("account").filter(pk=place, account=root).first()
    if subaccount is None:
        raise NotFound("The object is in no subaccount that is still there.")
    return obj, subaccount.account, subaccount


def _grantable(obj: models.Model, permissions: Any) -> list[str]:
    if isinstance(permissions, str) or not isinstance(permissions, Collection) or not permissions:
        raise Invalid("Name the permissions as a list with at least one.", code="WRONG_TYPE")
    if not all(isinstance(p, str) for p in permissions):
        raise Invalid("Permissions are named by their codenames.", code="WRONG_TYPE")
    grantable = registry.of(obj).guest
    wrong = sorted(str(p) for p in permissions if p not in grantable)
    if wrong:
        raise Invalid(
            f"A guest cannot be given {', '.join(wrong)} on a {obj._meta.verbose_name}. "
            f"Possible: {', '.join(sorted(grantable)) or 'nothing'}.",
            code="NOT_GRANTABLE",
        )
    return sorted(str(p) for p in permissions)


def gate_guest(change: Change, user: Any, place: PlaceId, act: str) -> None:
    """Refuse unless the actor may say who is a guest at ``place``, and is above that person."""
    places = frozenset({place})
    for permission in sorted(change.edition.changes_subaccount):
        change.require(permission, places, act)
    change.require_managing(user, places, act)


@service
def give_guest_access(
    *,
    actor: Any,
    user: Any,
    obj: models.Model,
    permissions: Collection[str],
    ends_at: datetime | None = None,
) -> None:
    """Let somebody of the account, who has no role in that subaccount, view or edit ``obj``.

    Only permissions declared grantable for that kind of object, and only such as the actor holds
    on it. Raises Refused, or Invalid (NOT_GRANTABLE, NOT_A_MEMBER, HAS_ROLE, …).
    """
    user = expect_user(user, "The person")
    obj, account, subaccount = _located(obj)
    act = f"give {label_of(user)} guest access to {obj}"
    with changing(actor, account, user, act=act) as change:
        names = _grantable(obj, permissions)
        _judge_guest(change, user, obj, subaccount, names=names, act=act)
        ends_at = clean_end(ends_at)
        for name in names:
            grants.withdraw(permission=name, obj=obj, user=user)
            grants.give(
                permission=name, obj=obj, user=user, granted_by=change.actor, ends_at=ends_at
            )
        change.record(
            "guest.given",
            obj,
            user=str(user.pk),
            person=label_of(user),
            subaccount=subaccount.pk,
            permissions=names,
            ends_at=ends_at,
        )


def _judge_guest(
    change: Change,
    user: Any,
    obj: models.Model,
    subaccount: Subaccount,
    *,
    names: Collection[str],
    act: str,
) -> None:
    """Refuse unless the actor may let ``user`` be a guest of ``obj`` with the permissions named."""
    standing = change.standing_of(user)
    if not standing.holdings:
        raise Invalid(
            f"{label_of(user)} has no active place in {change.account.name}. Add them first.",
            code="NOT_A_MEMBER",
        )
    if subaccount.is_archived:
        raise Invalid(f"{subaccount.name} is archived. Restore it first.", code="ARCHIVED")
    gate_guest(change, user, subaccount.pk, act)
    has_role = any(
        h.source.kind in ("role", "owner") and subaccount.pk in h.reach for h in standing.holdings
    )
    if has_role or Membership.objects.filter(user=user, subaccount=subaccount).exists():
        raise Invalid(
            f"{label_of(user)} has a role in {subaccount.name} already. Change that instead.",
            code="HAS_ROLE",
        )
    for name in names:
        if not change.profile.decide(name, registry.of(obj), obj).allowed:
            missing = {(name, ""): frozenset({subaccount.pk})}
            change.refuse(Refusal(Code.OUT_OF_SCOPE, missing), act)


def given_to(user: Any, obj: models.Model) -> Any:
    """Return the grants by which ``user`` is a guest of ``obj``, or was until they ended."""
    rows = grants.grants_on(obj).filter(user=user)
    if grants.is_direct(rows.model) and isinstance(obj, Subaccount):
        rows = rows.filter(membership=None)  # toggles of members live in the same table
    return rows


@service
def set_guest_end(*, actor: Any, user: Any, obj: models.Model, ends_at: datetime | None) -> None:
    """Say when guest access to ``obj`` ends, all of it (None: not by itself).

    A later end, or none, is giving it for the time it adds, also what has ended already. Raises
    Refused, NotFound if there is none, or Invalid (ENDED, ALREADY_SO, NO_END_DATE, HAS_ROLE, …).
    """
    user = expect_user(user, "The person")
    obj, account, subaccount = _located(obj)
    act = f"change when guest access of {label_of(user)} to {obj} ends"
    with changing(actor, account, user, act=act) as change:
        gate_guest(change, user, subaccount.pk, act)
        rows = given_to(user, obj)
        names = sorted(rows.values_list("permission__codename", flat=True))
        if not names:
            raise NotFound(f"{label_of(user)} has no guest access to {obj}.")
        grants.require_end_date(rows.model, obj)
        before = list(rows.values_list("ends_at", flat=True))
        ends_at, is_longer = new_end(ends_at, *before)
        if is_longer:
            _judge_guest(change, user, obj, subaccount, names=names, act=act)
        rows.update(ends_at=ends_at)
        change.record(
            "guest.end_changed",
            obj,
            user=str(user.pk),
            person=label_of(user),
            permissions=names,
            before=min((end for end in before if end), default=None),
            after=ends_at,
        )


@service
def withdraw_guest_access(
    *, actor: Any, user: Any, obj: models.Model, permissions: Collection[str] | None = None
) -> None:
    """Take guest access to ``obj`` away, all of it or the named permissions.

    Raises NotFound if there was none.
    """
    obj, account, subaccount = _located(obj)
    act = f"withdraw guest access to {obj}"
    with changing(actor, account, user, act=act) as change:
        gate_guest(change, user, subaccount.pk, act)
        rows = given_to(user, obj)
        if permissions is not None:
            rows = rows.filter(permission__codename__in=_grantable(obj, permissions))
        names = sorted(rows.values_list("permission__codename", flat=True))
        if not names:
            raise NotFound(f"{label_of(user)} has no guest access to {obj}.")
        rows.delete()
        access.forget()
        change.record(
            "guest.withdrawn", obj, user=str(user.pk), person=label_of(user), permissions=names
        )
