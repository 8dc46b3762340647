"""Mailing lists: create, rename, change type, delete, each under its own permission."""

from __future__ import annotations

from typing import Any

from permissions.errors import Invalid
from teams.catalogue import ACCESS_AUDIENCE, CHANGE_LIST_TYPE, DELETE_LISTS, RENAME_LISTS
from teams.models import ListMembership, MailingList, Subaccount
from teams.services.archive import refuse_used, remove
from teams.services.base import service
from teams.services.inputs import expect
from teams.services.items import (
    at_work,
    clean_name,
    free_slug,
    give_to_own_teams,
    refuse_put_away,
)


def _clean_kind(kind: Any) -> str:
    if not isinstance(kind, str) or kind not in MailingList.Kind.values:
        known = " or ".join(MailingList.Kind.values)
        raise Invalid(f"There is no such type of list; choose {known}.", code="UNKNOWN_TYPE")
    return str(kind)


@service
def create_list(
    *, actor: Any, subaccount: Subaccount, name: str, kind: str = MailingList.Kind.PRIMARY
) -> MailingList:
    """Create an empty list; where teams limit its creator, it goes to all of their teams.

    A secondary one needs ``change_list_type`` as well. Raises Refused, or Invalid: UNKNOWN_TYPE,
    ALREADY_USED, and what is wrong with the name.
    """
    subaccount = expect(subaccount, Subaccount, "The subaccount")
    with at_work(actor, subaccount, ACCESS_AUDIENCE, act="create a list") as work:
        kind = _clean_kind(kind)
        if kind != MailingList.Kind.PRIMARY:
            work.require(CHANGE_LIST_TYPE)
        name = clean_name(work, MailingList, name)
        made = MailingList.objects.create(
            account=work.account,
            subaccount=work.subaccount,
            slug=free_slug(work, MailingList, name),
            name=name,
            kind=kind,
            created_by=work.actor,
        )
        teams = give_to_own_teams(work, made)
        work.record("mailinglist.created", made, name=name, kind=kind, teams=teams)
    return made


@service
def rename_list(*, actor: Any, mailing_list: MailingList, name: str) -> MailingList:
    """Give a list another name; its short name stays. Raises Refused or Invalid."""
    mailing_list = expect(mailing_list, MailingList, "The list")
    with at_work(actor, mailing_list, RENAME_LISTS, act=f"rename {mailing_list}") as work:
        own = work.obj
        refuse_put_away(own)
        before, own.name = own.name, clean_name(work, MailingList, name, but=own.pk)
        own.save(update_fields=["name"])
        work.record("mailinglist.renamed", own, before=before, after=own.name)
    return own


@service
def change_list_type(*, actor: Any, mailing_list: MailingList, kind: str) -> MailingList:
    """Make a list primary or secondary. Raises Refused, or Invalid: UNKNOWN_TYPE, ALREADY_SO."""
    mailing_list = expect(mailing_list, MailingList, "The list")
    act = f"change the type of {mailing_list}"
    with at_work(actor, mailing_list, CHANGE_LIST_TYPE, act=act) as work:
        own = work.obj
        refuse_put_away(own)
        kind = _clean_kind(kind)
        if own.kind == kind:
            raise Invalid(f"{own} is {own.get_kind_display().lower()} already.", code="ALREADY_SO")
        before, own.kind = own.kind, kind
        own.save(update_fields=["kind"])
        work.record("mailinglist.changed", own, what="type changed", before=before, after=kind)
    return own


def refuse_deleting(mailing_list: MailingList) -> None:
    """Refuse what would take more along than an unused list. Raises Invalid: ARCHIVED, IN_USE."""
    if mailing_list.is_archived:
        raise Invalid(f"{mailing_list} is archived. Purge it instead.", code="ARCHIVED")
    refuse_used(mailing_list)
    if mailing_list.segments.exists():
        raise Invalid(
            f"{mailing_list} has segments in the archive, which would go with it. Purge those "
            "first, or archive the list.",
            code="IN_USE",
        )
    if ListMembership.objects.filter(mailing_list=mailing_list).exists():
        # not how many: not everybody who may delete it sees contacts
        raise Invalid(
            f"{mailing_list} has contacts on it. Archive it instead, which keeps who is on it.",
            code="IN_USE",
        )


@service
def delete_list(*, actor: Any, mailing_list: MailingList) -> dict[str, int]:
    """Remove a list at once, while it is empty and nothing uses it; return how many rows of what
    went. Raises Refused, or Invalid: IN_USE while contacts are on it or a campaign or segment needs
    it, ARCHIVED for one that was put away: that is purged, which is a right of its own."""
    mailing_list = expect(mailing_list, MailingList, "The list")
    with at_work(actor, mailing_list, DELETE_LISTS, act=f"delete {mailing_list}") as work:
        refuse_deleting(work.obj)
        return remove(work, work.obj, event="deleted")
