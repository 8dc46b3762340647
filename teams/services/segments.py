"""Segments: saved rules over the contacts of one subaccount, or of one of its lists."""

from __future__ import annotations

from django.db.models import QuerySet

from permissions.errors import Invalid
from teams.models import Contact, ListMembership, Segment
from teams.services.rules import Rules, condition, read_rules


def matching(segment: Segment | Rules, contacts: QuerySet[Contact]) -> QuerySet[Contact]:
    """Return those of ``contacts`` who match a segment (its rules, its list), or rules alone.

    The one builder for lists, counts, campaigns and exports. It judges nothing: the caller passes
    contacts that may be seen or written to (``access.visible``, not archived, subscribed). A
    segment whose stored rules cannot be read matches nobody.
    """
    if isinstance(segment, Rules):
        return contacts.filter(condition(segment))
    try:
        found = contacts.filter(condition(read_rules(segment.rules)))
    except Invalid:
        return contacts.none()
    found = found.filter(subaccount=segment.subaccount_id)
    if segment.mailing_list_id is not None:
        on_list = ListMembership.objects.filter(mailing_list=segment.mailing_list_id)
        found = found.filter(pk__in=on_list.values("contact_id"))
    return found


def uses_address(segment: Segment) -> bool:
    """Say whether its rules look at addresses: where these are masked, who matches tells of them.

    Rules that cannot be read count as if they did.
    """
    try:
        return read_rules(segment.rules).use_address
    except Invalid:
        return True


def rules_of(segment: Segment) -> Rules | None:
    """Return the rules of a segment, or None if they cannot be read."""
    try:
        return read_rules(segment.rules)
    except Invalid:
        return None
