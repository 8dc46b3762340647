"""Subaccounts: create, rename, archive, restore."""

from __future__ import annotations

import itertools
from typing import Any

from django.db.models import Count
from django.utils import timezone
from django.utils.text import slugify

from permissions.errors import AlreadyUsed, Invalid, LimitReached
from permissions.policy import TOP
from teams.catalogue import ARCHIVE_SUBACCOUNTS, CREATE_SUBACCOUNTS, MANAGE_SUBACCOUNT_SETTINGS
from teams.limits import Countable, Limit, limit_of
from teams.models import Account, ManagedSubaccount, Membership, Subaccount
from teams.services.base import changing, service
from teams.services.change import Change
from teams.services.gates import own_subaccount, refuse_archived
from teams.services.inputs import clean_text, expect, same_name

NAME_LIMIT = 120
SLUG_LIMIT = 60


def active_subaccounts(account: Account) -> int:
    """Return how many subaccounts of ``account`` count towards its limit."""
    found = Subaccount.objects.filter(account=account, archived_at=None, is_home=False)
    return int(found.aggregate(n=Count("pk"))["n"])


def check_limit(account: Account) -> None:
    """Refuse one more active subaccount than the account may have; it is locked by now."""
    full = fullness(account, limit_of(account, Countable.SUBACCOUNTS))
    if full:
        raise LimitReached(full)


def fullness(account: Account, limit: Limit | None) -> str:
    """Return that ``account`` has all the active subaccounts of ``limit``; empty if it has not."""
    count = 0 if limit is None else active_subaccounts(account)
    if limit is None or count < limit.value:
        return ""
    counted = f"{count} active subaccount{'' if count == 1 else 's'}"
    return f"{account.name} has {limit.reached(counted, count)}. Archive one first."


def _check_name(change: Change, name: str, *, but: Subaccount | None = None) -> None:
    others = (other for key, other in change.names.items() if but is None or key != but.pk)
    if any(same_name(name, other) for other in others):
        raise AlreadyUsed(f"There is a subaccount {name} already. Choose another name.")


@service
def create_subaccount(
    *, actor: Any, account: Account, name: str, slug: str | None = None
) -> Subaccount:
    """Create a subaccount; a manager of chosen subaccounts manages it from then on.

    ``slug`` is made from the name if not given. Raises Refused, LimitReached (``limits``),
    AlreadyUsed or Invalid.
    """
    act = "create a subaccount"
    with changing(actor, account, act=act) as change:
        change.require(CREATE_SUBACCOUNTS, frozenset({TOP}), act)
        name = clean_text(name, "The name", limit=NAME_LIMIT)
        check_limit(change.account)
        _check_name(change, name)
        slug = _free_slug(change, name) if slug is None else _own_slug(change, slug)
        subaccount = Subaccount.objects.create(
            account=change.account, name=name, slug=slug, created_by=change.actor
        )
        change.record("subaccount.created", subaccount, name=name, slug=slug)
        _let_creator_manage(change, subaccount)
    return subaccount


def _free_slug(change: Change, name: str) -> str:
    """Return a short name made from ``name`` that is free; some scripts have no letters for one."""
    base = slugify(name)[: SLUG_LIMIT - 6].strip("-_") or "subaccount"
    taken = set(
        Subaccount.objects.filter(account=change.account, slug__startswith=base).values_list(
            "slug", flat=True
        )
    )
    candidates = itertools.chain([base], (f"{base}-{n}" for n in itertools.count(2)))
    return next(slug for slug in candidates if slug not in taken)


def _own_slug(change: Change, value: Any) -> str:
    slug = clean_text(value, "The short name", limit=SLUG_LIMIT)
    if slug != slugify(slug):
        raise Invalid(
            "The short name may hold lower-case letters, digits and hyphens.", code="NOT_A_SLUG"
        )
    if Subaccount.objects.filter(account=change.account, slug=slug).exists():
        raise AlreadyUsed(f"The short name {slug} is taken. Choose another one.")
    return slug


def _let_creator_manage(change: Change, subaccount: Subaccount) -> None:
    """Extend the reach of the creator's membership at account level that covers some places.

    The documented exception to "nobody changes their own rights": what one has just created.
    """
    membership = Membership.objects.filter(
        user=change.actor,
        account=change.account,
        subaccount=None,
        all_subaccounts=False,
        status=Membership.Status.ACTIVE,
    ).first()
    if membership is not None and not change.standing.is_owner:
        ManagedSubaccount.objects.create(
            membership=membership, subaccount=subaccount, account=change.account
        )
        change.record("reach.changed", membership, added=subaccount.pk, because="created it")


@service
def rename_subaccount(*, actor: Any, subaccount: Subaccount, name: str) -> Subaccount:
    """Give a subaccount another name; its short name stays."""
    subaccount = expect(subaccount, Subaccount, "The subaccount")
    act = f"rename {subaccount.name}"
    with changing(actor, subaccount.account, act=act) as change:
        own = own_subaccount(change, subaccount)
        change.require(MANAGE_SUBACCOUNT_SETTINGS, frozenset({own.pk}), act)
        refuse_archived(own)
        name = clean_text(name, "The name", limit=NAME_LIMIT)
        _check_name(change, name, but=own)
        before, own.name = own.name, name
        own.save(update_fields=["name"])
        change.record("subaccount.renamed", own, before=before, after=name)
    return own


def require_archiving(change: Change, subaccount: Subaccount, act: str) -> None:
    """Refuse unless the actor may archive, and the subaccount is within their own reach."""
    change.require(ARCHIVE_SUBACCOUNTS, frozenset({TOP}), act)
    change.require(MANAGE_SUBACCOUNT_SETTINGS, frozenset({subaccount.pk}), act)


@service
def archive_subaccount(*, actor: Any, subaccount: Subaccount) -> Subaccount:
    """Make a subaccount inert; people, lists and grants stay as they are for a restore."""
    subaccount = expect(subaccount, Subaccount, "The subaccount")
    act = f"archive {subaccount.name}"
    with changing(actor, subaccount.account, act=act) as change:
        own = own_subaccount(change, subaccount)
        require_archiving(change, own, act)
        if own.is_home:
            raise Invalid("The account's own workspace cannot be archived.", code="HOME")
        if own.is_archived:
            raise Invalid(f"{own.name} is archived already.", code="ALREADY_SO")
        own.archived_at = timezone.now()
        own.save(update_fields=["archived_at"])
        change.record("subaccount.archived", own)
    return own


@service
def restore_subaccount(*, actor: Any, subaccount: Subaccount) -> Subaccount:
    """Bring an archived subaccount back, with everybody who still belongs to it.

    Whoever may archive may restore, if the limit allows: the roles in it were granted before and
    have not been withdrawn since.
    """
    subaccount = expect(subaccount, Subaccount, "The subaccount")
    act = f"restore {subaccount.name}"
    with changing(actor, subaccount.account, act=act) as change:
        own = own_subaccount(change, subaccount)
        require_archiving(change, own, act)
        if not own.is_archived:
            raise Invalid(f"{own.name} is not archived.", code="ALREADY_SO")
        check_limit(change.account)
        own.archived_at = None
        own.save(update_fields=["archived_at"])
        change.record("subaccount.restored", own)
    return own
