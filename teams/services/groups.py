"""Groups of subaccounts: who manages a group manages what is in it at the moment.

So a group is in the hands of whoever runs the account: it takes the right to change the account's
settings, and those of every subaccount that is in the group or comes to be. Whoever has these in
some subaccounts only changes no group that holds others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from permissions.audit import label_of
from permissions.errors import AlreadyUsed, Invalid, NotFound
from permissions.policy import TOP
from teams import selectors
from teams.catalogue import MANAGE_ACCOUNT_SETTINGS, MANAGE_SUBACCOUNT_SETTINGS
from teams.models import REACH, Account, GroupedSubaccount, Membership, Subaccount, SubaccountGroup
from teams.services.base import changing, service
from teams.services.change import Change
from teams.services.gates import gate_membership, own_subaccounts
from teams.services.inputs import clean_text, expect, same_name
from teams.services.seating import end_guest_access

NAME_LIMIT = 80
#: so many people are named who keep a group from being deleted
NAMED = 3


@service
def create_subaccount_group(
    *, actor: Any, account: Account, name: str, subaccounts: Iterable[Subaccount] = ()
) -> SubaccountGroup:
    """Create a group of ``subaccounts``, which nobody manages yet; archived ones may be in it.

    Raises Refused (OUT_OF_SCOPE), AlreadyUsed, NotFound or Invalid (HOME for the own workspace).
    """
    act = "create a group of subaccounts"
    with changing(actor, account, act=act) as change:
        change.require(MANAGE_ACCOUNT_SETTINGS, frozenset({TOP}), act)
        places = _grouped(change, subaccounts)
        change.require(MANAGE_SUBACCOUNT_SETTINGS, frozenset(places), act)
        name = clean_text(name, "The name", limit=NAME_LIMIT)
        _check_name(change, name)
        group = SubaccountGroup.objects.create(account=change.account, name=name)
        _put_in(group, places)
        change.record("group.created", group, name=name, subaccounts=sorted(places))
    return group


@service
def rename_subaccount_group(*, actor: Any, group: SubaccountGroup, name: str) -> SubaccountGroup:
    """Give a group another name."""
    group = _stored(group)
    act = f"rename the group {group.name}"
    with changing(actor, group.account, act=act) as change:
        own = _stored(group)
        require_group(change, own, act)
        name = clean_text(name, "The name", limit=NAME_LIMIT)
        _check_name(change, name, but=own)
        before, own.name = own.name, name
        own.save(update_fields=["name"])
        change.record("group.renamed", own, before=before, after=name)
    return own


@service
def set_subaccount_group(
    *, actor: Any, group: SubaccountGroup, subaccounts: Iterable[Subaccount]
) -> SubaccountGroup:
    """Say which subaccounts are in a group: these and no others.

    What comes in is a grant to everybody whose role reaches the group, suspended or not: the actor
    must hold what they come to hold and be allowed to manage each of them, and nobody is one of
    them. For taking out, the right to manage them is enough. Raises Refused (OUT_OF_SCOPE,
    RANK_TOO_HIGH, OWN_RIGHTS), NotFound or Invalid (ALREADY_SO, HOME).
    """
    group = _stored(group)
    act = f"change what is in the group {group.name}"
    with changing(actor, group.account, act=act) as change:
        own = _stored(group)
        had = contents_of(own)
        places = _grouped(change, subaccounts)
        change.require(MANAGE_ACCOUNT_SETTINGS, frozenset({TOP}), act)
        change.require(MANAGE_SUBACCOUNT_SETTINGS, frozenset(places), act)
        change.require(MANAGE_SUBACCOUNT_SETTINGS, had, act, named=False)
        if had == set(places):
            raise Invalid(f"{own.name} holds just these already.", code="ALREADY_SO")
        reaching = list(reaching_group(own))
        change.watch(*{row.user_id: row.user for row in reaching}.values())
        for membership in reaching:
            gate_membership(change, membership, act)
        own.contents.exclude(subaccount__in=places).delete()
        _put_in(own, {key: place for key, place in places.items() if key not in had})
        change.record("group.changed", own, before=sorted(had), after=sorted(places))
        if set(places) - had:
            for person in change.people:
                end_guest_access(change, person)
    return own


@service
def delete_subaccount_group(*, actor: Any, group: SubaccountGroup) -> None:
    """Delete a group; the subaccounts stay as they are.

    Raises Refused, or Invalid (IN_USE) while anybody's role reaches it, suspended or not: what they
    manage is changed first.
    """
    group = _stored(group)
    act = f"delete the group {group.name}"
    with changing(actor, group.account, act=act) as change:
        own = _stored(group)
        require_group(change, own, act)
        if who := reached_by(change.actor, own):
            raise Invalid(
                f"{own.name} is managed by {who}. Change what they manage first.", code="IN_USE"
            )
        before = sorted(contents_of(own))
        change.record("group.deleted", own, name=own.name, subaccounts=before)
        own.delete()


def require_group(change: Change, group: SubaccountGroup, act: str) -> None:
    """Refuse unless the actor may change the group as it is."""
    change.require(MANAGE_ACCOUNT_SETTINGS, frozenset({TOP}), act)
    change.require(MANAGE_SUBACCOUNT_SETTINGS, contents_of(group), act, named=False)


def contents_of(group: SubaccountGroup) -> frozenset[Any]:
    """Return the keys of what is in the group; may be loaded already."""
    return frozenset(row.subaccount_id for row in group.contents.all())


def reached_by(actor: Any, group: SubaccountGroup) -> str:
    """Return whose roles reach the group, in words; only people whom ``actor`` sees are named."""
    people = {row.user_id for row in reaching_group(group)}
    seen = selectors.people_of(actor).filter(pk__in=people)
    names = sorted(map(label_of, seen))[:NAMED]
    rest = len(people) - len(names)
    if rest:
        noun = "person" if rest == 1 else "people"
        names.append(f"{rest} more" if names else f"{rest} {noun}")
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def _stored(group: Any) -> SubaccountGroup:
    """Return the group as it is now. Raises Invalid or NotFound."""
    key = expect(group, SubaccountGroup, "The group").pk
    found = SubaccountGroup.objects.select_related("account").filter(pk=key).first()
    if found is None:
        raise NotFound("There is no such group any more.")
    return found


def _grouped(change: Change, subaccounts: Any) -> dict[Any, Subaccount]:
    """Return the subaccounts that a group may hold, by key. Raises NotFound or Invalid."""
    places = own_subaccounts(change, subaccounts)
    if any(place.is_home for place in places.values()):
        raise Invalid("The account's own workspace is in no group.", code="HOME")
    return places


def _put_in(group: SubaccountGroup, places: dict[Any, Subaccount]) -> None:
    GroupedSubaccount.objects.bulk_create(
        GroupedSubaccount(group=group, subaccount=place, account_id=group.account_id)
        for place in places.values()
    )


def _check_name(change: Change, name: str, *, but: SubaccountGroup | None = None) -> None:
    others = SubaccountGroup.objects.filter(account=change.account)
    if but is not None:
        others = others.exclude(pk=but.pk)
    if any(same_name(name, other) for other in others.values_list("name", flat=True)):
        raise AlreadyUsed(f"There is a group {name} already. Choose another name.")


def reaching_group(group: SubaccountGroup) -> Iterator[Membership]:
    """Return everybody's roles that reach the group, in whatever state."""
    rows = Membership.objects.filter(managed_groups__group=group)
    rows = rows.select_related("user", "custom_role", "subaccount").prefetch_related(*REACH)
    yield from rows.order_by("pk")
