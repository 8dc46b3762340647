"""How the console writes people, roles, places and dates."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from permissions.audit import label_of
from permissions.resources import registry
from teams.admin.desk import Chip, Desk, initials, role_kind, role_spec
from teams.logins import name_fields
from teams.models import Account, Invitation, Membership

CHIPS_SHOWN = 2
#: an end within so many days stands out
NEAR = 7


def none(text: str = "None") -> SafeString:
    """Return an empty cell: a word, in quiet letters."""
    return format_html('<span class="none">{}</span>', text)


def icon(name: str) -> SafeString:
    """Return an icon of the sprite; never alone, a word stands beside it."""
    return format_html('<svg class="i" aria-hidden="true"><use href="#i-{}"></use></svg>', name)


def avatar(person: Any, size: str = "") -> SafeString:
    """Return the round with somebody's initials; their name stands beside it."""
    return format_html(
        '<span class="avatar{}" aria-hidden="true">{}</span>', size, initials(label_of(person))
    )


def short_date(moment: datetime) -> str:
    """Return "Today, 09:12", "Thu 26 Nov", or with the year if it is another."""
    local, now = timezone.localtime(moment), timezone.localtime()
    if local.date() == now.date():
        return f"Today, {date_format(local, 'H:i')}"
    if local.date() == now.date() - timedelta(days=1):
        return f"Yesterday, {date_format(local, 'H:i')}"
    return date_format(local, "D j M" if local.year == now.year else "j M Y")


def when(moment: datetime | None, otherwise: str = "Never") -> SafeString:
    """Return a date people read, with the full one for machines."""
    if moment is None:
        return none(otherwise)
    full = timezone.localtime(moment).isoformat(timespec="minutes")
    return format_html('<time datetime="{}">{}</time>', full, short_date(moment))


def ending(moment: datetime | None) -> SafeString:
    """Return when something ends; what is near or over stands out, and says so in words."""
    if moment is None:
        return none("No end")
    days = (timezone.localtime(moment).date() - timezone.localtime().date()).days
    if moment <= timezone.now():
        note = "ended"
    elif days <= NEAR:
        note = {0: "today", 1: "tomorrow"}.get(days, f"in {days} days")
    else:
        return format_html('<span class="nowrap-cell">{}</span>', when(moment))
    return format_html(
        '<span class="nowrap-cell is-warn">{}<small>{}</small></span>', when(moment), note
    )


def role_label(desk: Desk, membership: Membership | Invitation) -> str:
    """Return the role's name."""
    spec = role_spec(desk.edition, membership.role)
    if spec is not None:
        return str(spec.label)
    return membership.custom_role.name if membership.custom_role else membership.role


def role_chip(desk: Desk, membership: Membership | Invitation) -> Chip:
    """Return the role as a chip."""
    spec = role_spec(desk.edition, membership.role)
    return Chip(
        role_label(desk, membership),
        role_kind(spec, at_account=spec is not None and membership.is_account_level),
    )


def place_label(desk: Desk, membership: Membership | Invitation) -> str:
    """Return where a membership counts; names only of places the reader sees."""
    if membership.subaccount is not None:
        return membership.subaccount.name
    if membership.all_subaccounts:
        return "All subaccounts"
    reached = membership.reach_keys
    if len(reached) == 1 and reached[0] in desk.place_names:
        return desk.place_names[reached[0]]
    return f"{len(reached)} subaccount{'' if len(reached) == 1 else 's'}"


def within(label: str) -> str:
    """Return the label of a place as it stands in a sentence; names stay as they are written."""
    return label.lower() if label == "All subaccounts" else label


def owner_chip(desk: Desk) -> tuple[str, str]:
    """Return place and role of the owner."""
    return "All subaccounts", str(desk.edition.owner_label)


def chips(pairs: list[tuple[str, str]], more_url: str) -> SafeString:
    """Return at most two place and role chips, and how many more there are."""
    if not pairs:
        return none()
    shown = format_html_join(
        "",
        '<li class="chip"><span class="chip-place">{}</span><span class="chip-role">{}</span></li>',
        pairs[:CHIPS_SHOWN],
    )
    rest = len(pairs) - CHIPS_SHOWN
    more = (
        format_html('<li class="chip chip--more"><a href="{}">+{} more</a></li>', more_url, rest)
        if rest > 0
        else mark_safe("")
    )
    return format_html('<ul class="chips">{}{}</ul>', shown, more)


def state(person: Any, memberships: Iterable[Membership], account: Account) -> str:
    """Return "active", "suspended", "ended" or "off" for one person in the account."""
    if not person.is_active:
        return "off"
    if person.pk == account.owner_id:
        return "active"
    now = timezone.now()
    found = [
        "ended" if m.ends_at is not None and m.ends_at <= now else m.status for m in memberships
    ]
    if "active" in found or not found:
        return "active"
    return "suspended" if "suspended" in found else "ended"


STATES = {
    "active": ("active", "Active"),
    "suspended": ("suspended", "Suspended"),
    "ended": ("suspended", "Ended"),
    "off": ("suspended", "Login switched off"),
}


def state_chip(name: str) -> SafeString:
    """Return a state as dot and word."""
    kind, word = STATES[name]
    return format_html('<span class="state state--{}">{}</span>', kind, word)


def put_away(obj: Any) -> SafeString:
    """Return the word that stands beside the name of what is archived; nothing for what is not."""
    if not obj.is_archived:
        return mark_safe("")
    return mark_safe(' <span class="state state--draft">Archived</span>')


def who_sees_new(desk: Desk, model: Any, place: Any) -> str:
    """Return who will see what the reader makes in ``place``."""
    resource = registry.of(model)
    if desk.profile.is_limited(resource, desk.account.pk, place.pk):
        return "Everybody in your teams comes to see it, where their role lets them."
    if resource.limited in desk.tenant.limits:
        return "Nobody's team sees it until you share it."
    return f"Everybody who works with such things in {place.name} sees it."


def listed(names: list[str]) -> str:
    """Return "a", "a and b" or "a, b and c"."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def search_fields() -> tuple[str, ...]:
    """Return the fields of this project's logins by which people are found."""
    model = get_user_model()
    fields = (*name_fields(), model.USERNAME_FIELD, model.get_email_field_name())
    known = {field.name for field in model._meta.concrete_fields}
    return tuple(dict.fromkeys(name for name in fields if name in known))


def by_name(prefix: str = "") -> tuple[str, ...]:
    """Return the order of people by name; ``prefix`` leads to the login ("user__")."""
    return (*(f"{prefix}{name}" for name in name_fields()), "pk")
