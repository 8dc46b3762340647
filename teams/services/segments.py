"""Segments: saved rules over the contacts of one subaccount, or of one of its lists."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from permissions.errors import NotFound
from permissions.profile import Profile
from teams.catalogue import ACCESS_AUDIENCE, CREATE_SEGMENTS, VIEW_CONTACTS
from teams.models import Account, Contact, ListMembership, MailingList, Segment, Subaccount
from teams.services.base import service
from teams.services.fields import fields_of
from teams.services.inputs import expect
from teams.services.items import (
    Work,
    at_work,
    clean_name,
    free_slug,
    refuse_put_away,
)
from teams.services.masking import masks, open_addresses, require_addresses
from teams.services.rules import Rules, clean_rules, condition, rules_of, without_addresses


def matching(segment: Segment | Rules, contacts: QuerySet[Contact]) -> QuerySet[Contact]:
    """Return those of ``contacts`` who match a segment (its rules, its list), or rules alone.

    The one builder for lists, counts, campaigns and exports. It judges nothing: the caller passes
    contacts that may be seen or written to (``access.visible``, not archived, subscribed). A
    segment whose stored rules cannot be read matches nobody.
    """
    if isinstance(segment, Rules):
        return contacts.filter(condition(segment))
    rules = rules_of(segment.rules)
    if rules is None:
        return contacts.none()
    found = contacts.filter(condition(rules), subaccount=segment.subaccount_id)
    if segment.mailing_list_id is not None:
        on_list = ListMembership.objects.filter(mailing_list=segment.mailing_list_id)
        found = found.filter(pk__in=on_list.values("contact_id"))
    return found


def uses_address(segment: Segment) -> bool:
    """Say whether its rules look at addresses, or for one; rules that cannot be read count too."""
    rules = rules_of(segment.rules)
    return rules is None or rules.use_address


def tells_addresses(account: Account, profile: Profile, segment: Segment) -> bool:
    """Say whether it must not be told who matches, or how many: the rules look at addresses that
    this person sees masked."""
    return masks(account, profile, segment.subaccount_id) and uses_address(segment)


def told(
    account: Account, profile: Profile, segment: Segment | Rules, contacts: QuerySet[Contact]
) -> QuerySet[Contact]:
    """Return those of ``contacts``, who match, of whom this person may hear that they do.

    Where addresses are masked that leaves out whoever has one in a name or field that a rule looks
    at: it would be learned letter by letter.
    """
    rules = segment if isinstance(segment, Rules) else rules_of(segment.rules)
    plain = None if rules is None else without_addresses(rules)
    if not plain or not account.masks_addresses:
        return contacts
    return contacts.filter(open_addresses(account, profile) | plain)


# writes


@service
def create_segment(
    *,
    actor: Any,
    subaccount: Subaccount,
    name: Any,
    rules: Any,
    mailing_list: MailingList | None = None,
) -> Segment:
    """Save rules under a name, over a whole subaccount or one of its lists.

    Rules about addresses need sight of addresses. Raises Refused, or Invalid: ALREADY_USED,
    ARCHIVED and what ``clean_rules`` raises.
    """
    place = expect(subaccount, Subaccount, "The subaccount")
    with at_work(actor, place, CREATE_SEGMENTS, act="create a segment") as work:
        target = None if mailing_list is None else _own_list(work, mailing_list)
        segment = Segment(
            account=work.account,
            subaccount=work.subaccount,
            mailing_list=target,
            name=clean_name(work, Segment, name),
            rules=clean_for(work, rules).stored,
            created_by=work.actor,
        )
        segment.slug = free_slug(work, Segment, segment.name)
        segment.save()
        work.record("segment.created", segment, name=segment.name)
    return segment


@service
def edit_segment(*, actor: Any, segment: Segment, name: Any = None, rules: Any = None) -> Segment:
    """Rename a segment, or give it other rules; None leaves either.

    Who gets a campaign that is scheduled is settled, and stays so. Raises Refused, or Invalid:
    ARCHIVED and what creating raises.
    """
    segment = expect(segment, Segment, "The segment")
    with at_work(actor, segment, CREATE_SEGMENTS, act="edit this segment") as work:
        found = work.obj
        refuse_put_away(found)
        changed = []
        if name is not None:
            new_name = clean_name(work, Segment, name, but=found.pk)
            if new_name != found.name:
                found.name = new_name
                changed.append("name")
        if rules is not None:
            if uses_address(found):
                _require_sight(work)
            new_rules = clean_for(work, rules).stored
            if new_rules != found.rules:
                found.rules = new_rules
                changed.append("rules")
        if changed:
            found.save(update_fields=changed)
            work.record("segment.edited", found, changed=changed)
    return found


def clean_for(work: Work[Any], rules: Any) -> Rules:
    """Return ``rules`` cleaned, if the actor may ask that. Raises Invalid or OutOfScope."""
    found = clean_rules(rules, fields_of(work.subaccount))
    if found.use_address:
        _require_sight(work)
    return found


def _require_sight(work: Work[Any]) -> None:
    """Refuse rules about addresses to somebody who sees none: counts would spell them out."""
    require_addresses(work)
    if not work.allows(VIEW_CONTACTS, work.subaccount):
        raise work.refusal(
            VIEW_CONTACTS,
            "a rule is about addresses, which needs {label} in {place}, which you do not hold "
            "there",
        )


def _own_list(work: Work[Any], mailing_list: Any) -> MailingList:
    """Return the list as it is stored, if it is one of the subaccount that the actor sees."""
    target = expect(mailing_list, MailingList, "The list")
    if target.subaccount_id != work.subaccount.pk:
        raise NotFound("There is no such mailing list.")
    work.require(ACCESS_AUDIENCE, target)
    refuse_put_away(target)
    return target
