"""Access that ends soon, as the console shows it: who, what, where, when."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.urls import reverse
from django.utils.safestring import SafeString

from permissions import access
from permissions.admin.bulk import LIMIT
from permissions.audit import label_of
from permissions.resources import registry
from teams.admin import words
from teams.admin.desk import Desk, Place
from teams.admin.people_verbs import manages_people
from teams.admin.persons import people_in, sees_people
from teams.admin.site import console
from teams.endings import SOON, Ending, endings
from teams.models import Subaccount


class Row(NamedTuple):
    """One line: ``url`` leads to the person, if the reader may open them."""

    person: str
    avatar: SafeString
    what: str
    where: str
    when: SafeString
    is_own: bool
    url: str
    key: Any = None


def ending_rows(desk: Desk) -> list[Row]:
    """Return everything that ends soon as far as the reader may see it, soonest first."""
    found = [e for e in endings(desk.user, desk.account) if _lies_in(e, desk.place)]
    others = {ending.person.pk for ending in found} - {desk.user.pk}
    opened: set[Any] = set()
    if others and sees_people(desk):
        opened = set(people_in(desk).filter(pk__in=others).values_list("pk", flat=True))
    return [_row(desk, ending, opened) for ending in found]


def extending(desk: Desk, rows: list[Row]) -> dict[str, Any]:
    """Return what leads from ``rows`` to extending them: the people the reader may choose on
    People, by key, and where that is; nobody for whoever manages nobody."""
    keys = dict.fromkeys(row.key for row in rows if row.url and not row.is_own)
    may = manages_people(desk) and not desk.account.read_only_because
    meta = get_user_model()._meta
    return {
        "extendable": list(keys)[:LIMIT] if may else [],
        "extend_url": reverse(f"{console.name}:{meta.app_label}_{meta.model_name}_changelist"),
    }


def _lies_in(ending: Ending, place: Place | None) -> bool:
    """Say whether it concerns the subaccount chosen in the header, if one is; a team is nowhere."""
    if place is None or ending.kind == "team":
        return True
    membership = ending.membership
    if membership is None or not membership.is_account_level:
        return place.pk in (ending.place, getattr(membership, "subaccount_id", None))
    return membership.all_subaccounts or place.pk in membership.reach_keys


def _row(desk: Desk, ending: Ending, opened: set[Any]) -> Row:
    what, where = _what(desk, ending)
    person = ending.person
    url = ""
    if person.pk == desk.user.pk:
        url = reverse(f"{console.name}:my_access")
    elif person.pk in opened:
        meta = get_user_model()._meta
        name = f"{console.name}:{meta.app_label}_{meta.model_name}_change"
        url = reverse(name, args=[person.pk])
    return Row(
        person=label_of(person),
        avatar=words.avatar(person),
        what=what,
        where=where,
        when=words.when(ending.ends_at),
        is_own=person.pk == desk.user.pk,
        url=url,
        key=person.pk,
    )


def _what(desk: Desk, ending: Ending) -> tuple[str, str]:
    """Return what ends, and where; an object the reader may not open is not named."""
    if ending.membership is not None:
        where = words.place_label(desk, ending.membership)
        if ending.kind == "switch":
            return str(desk.edition.toggle(ending.codename).label), where
        return f"the role {words.role_label(desk, ending.membership)}", where
    if ending.kind == "team":
        return "a place in the team", str(ending.obj)
    place = desk.place_names.get(ending.place, "")
    if isinstance(ending.obj, Subaccount):
        return "guest access", place or str(ending.obj)
    view = registry.of(ending.obj).actions.get("view")
    named = ending.person.pk == desk.user.pk or view is None
    if named or access.allows(desk.user, str(view), ending.obj):
        what = str(ending.obj)
    else:
        what = f"A {ending.obj._meta.verbose_name} you do not see"
    return "guest access", f"{what} in {place}" if place else what


__all__ = ["SOON", "Row", "ending_rows", "extending"]
