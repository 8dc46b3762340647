"""Verbs about API keys: create, replace, revoke."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from permissions.admin import VerbForm, site_page
from permissions.errors import Invalid
from permissions.lookups import any_of
from teams import keys, selectors, services
from teams.admin import matrix, words
from teams.admin.base import ConsoleVerb
from teams.admin.desk import Desk
from teams.admin.forms import OfferedField, OfferedSet, offer
from teams.admin.work import PlacedWork, lacks
from teams.catalogue import GENERATE_API_KEYS
from teams.models import ApiKey, Membership, Subaccount
from teams.services.api_keys import CreatedKey, alive, closed_among, is_over, why_not

#: days until a key expires, as a form offers them
EXPIRIES = [
    ("30", "In 30 days"),
    ("90", "In 90 days"),
    ("365", "In a year"),
    ("0", "Never: somebody has to revoke it"),
]
#: hours for which an old key goes on
OVERLAPS = [
    ("24", "24 hours"),
    ("0", "Not at all: it is refused from now on"),
    ("1", "One hour"),
    ("168", "Seven days"),
]


def number_in(choices: Sequence[tuple[str, str]], value: str, what: str) -> int:
    """Return the number that was chosen. Raises Invalid for anything that was not offered."""
    if value not in dict(choices):
        raise Invalid(f"Choose {what} from the list.", code="NOT_OFFERED")
    return int(value)


def closed(desk: Desk) -> dict[Any, str]:
    """Return why nobody can make keys now in those active subaccounts where nobody can, by key."""
    mine = [place.pk for place in desk.active if desk.holds(GENERATE_API_KEYS, place.pk)]
    rows = Subaccount.objects.filter(any_of("pk", mine))
    return closed_among(desk.edition, list(rows))


@sensitive_variables()  # of the template too: should it fail, the key is in no report of that
def shown(verb: ConsoleVerb, made: CreatedKey, lines: Sequence[str]) -> HttpResponse:
    """Return the page that shows a new key, which no other page ever does again.

    It is the answer to the form itself: nothing is kept for a page to come, in no session and no
    message.
    """
    context = {
        "title": f"Your new key {made.key.name}",
        "opts": verb.admin.opts,
        "original": made.key,
        "list_label": getattr(verb.admin, "menu_label", ""),
        "list_url": verb.list_url(),
        "text": made.text,
        "lines": lines,
    }
    page = site_page(
        verb.admin.admin_site, verb.request, "teams/console/api_key_shown.html", context
    )
    page["Cache-Control"] = "no-store"
    return page


class CreateKeyForm(VerbForm):
    """A name, what it may do, and until when."""

    name = forms.CharField(
        label="Name",
        strip=False,
        help_text="What uses it: people revoke it by this name one day.",
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
    )
    scopes = OfferedSet(
        label="What it may do",
        required=False,
        help_text=(
            "At every call it can do what is ticked here and you still hold then; nothing else. "
            "Tick as little as it needs."
        ),
    )
    expires = OfferedField(label="Expires", initial="90", choices=EXPIRIES)

    def prepare(self, verb: Any) -> None:
        """Offer what the creator holds there, by area."""
        held = keys.scopes_in(verb.desk.profile, verb.part)
        groups = [
            (area.label, [(str(r.permission), str(r.permission.label)) for r in area.rows
                          if r.permission in held])
            for area in matrix.areas(verb.desk.edition.codename)
        ]  # fmt: skip
        offer(self, "scopes", [group for group in groups if group[1]])


class CreateKey(PlacedWork):
    """Make a key to one subaccount."""

    name = "create"
    label = _("Create API key")
    permission = GENERATE_API_KEYS
    noun = "API key"
    form_class = CreateKeyForm
    needs_recent = True

    def is_open(self, place: Any = None) -> bool:
        """Say whether the actor may make one in ``place``, or anywhere, and can now."""
        if place is not None:
            return super().is_open(place) and place not in self.desk.once(closed)
        return any(self.is_open(found.pk) for found in self.desk.active)

    def refusal(self) -> str:
        """Refuse without the right, and where nobody can."""
        if self.part is None:
            if self.is_open():
                return ""
            reason = next(iter(self.desk.once(closed).values()), "")
            missing = lacks(self.permission, "create an API key", "any subaccount")
            return f"You cannot create an API key: {reason}" if reason else missing
        if not self.desk.holds(self.permission, self.part.pk):
            return lacks(self.permission, "create an API key", self.part.name)
        reason = why_not(self.part)
        return f"You cannot create an API key: {reason}" if reason else ""

    def title(self) -> str:
        """Return the heading."""
        return f"Create an API key for {self.part.name}" if self.part else "Create an API key"

    def prompt(self) -> str:
        """Return the heading of the page that asks for the place."""
        return "Which subaccount should the key open?"

    def consequence(self) -> Sequence[str]:
        """Say what a key is."""
        return (
            f"Whoever has the key acts in {self.part.name} in your name, through the API.",
            "The key is shown once, on the next page. Keep it where passwords are kept.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return "Create API key"

    def run(self, data: Mapping[str, Any]) -> str | HttpResponse:
        """Create it, and show it."""
        days = number_in(EXPIRIES, data["expires"], "when it expires")
        made = services.create_api_key(
            actor=self.actor,
            subaccount=self.part,
            name=data["name"],
            scopes=data["scopes"],
            expires_at=timezone.now() + timedelta(days=days) if days else None,
        )
        return shown(self, made, ())


def lost_keys(desk: Desk, membership: Membership, name: str) -> list[str]:
    """Say how many keys, of those the reader sees, die with ``membership`` of ``name``."""
    rows = selectors.api_keys_of(desk.user).filter(
        account=desk.account, created_by=membership.user_id
    )
    if membership.subaccount_id is not None:
        rows = rows.filter(subaccount=membership.subaccount_id)
    count = alive(rows).count()
    if not count:
        return []
    noun, verb = ("API key", "stops") if count == 1 else ("API keys", "stop")
    return [f"{count} {noun} made by {name} there {verb} working unless another role remains."]


class KeyVerb(ConsoleVerb):
    """A verb about one key of a subaccount where the reader may generate keys."""

    obj: ApiKey


class RotateForm(VerbForm):
    """For how long the old one goes on."""

    overlap = OfferedField(label="The old key goes on for", choices=OVERLAPS)


class RotateKey(KeyVerb):
    """Put a new key in its place."""

    name = "rotate"
    label = _("Replace…")
    form_class = RotateForm
    needs_recent = True

    def refusal(self) -> str:
        """Refuse what the service would."""
        if self.obj.replaced_by_id is not None:
            return f"{self.obj.name} was replaced already."
        if is_over(self.obj):
            return f"{self.obj.name} has expired or was revoked. Create a new key instead."
        act = f"replace {self.obj.name}"
        held = keys.scopes_in(self.desk.profile, self.obj.subaccount)
        for scope in self.obj.scopes:
            if scope not in held:
                return lacks(scope, act, self.obj.subaccount.name)
        reason = why_not(self.obj.subaccount)
        return f"You cannot {act}: {reason}" if reason else ""

    def title(self) -> str:
        """Return the heading."""
        return f"Replace {self.obj.name}"

    def consequence(self) -> Sequence[str]:
        """Say what becomes of both."""
        lines = [
            "A new key with the same name, scopes and end is made, in your name. It is shown once.",
            f"Put it where {self.obj.name} is used now, before the old one ends.",
        ]
        if self.obj.created_by_id != self.actor.pk:
            lines.append("From then on what it may do depends on what you hold.")
        return lines

    def button(self) -> str:
        """Return what the button says."""
        return "Replace key"

    def run(self, data: Mapping[str, Any]) -> str | HttpResponse:
        """Replace it, and show the new one."""
        hours = number_in(OVERLAPS, data["overlap"], "how long the old key goes on")
        made = services.rotate_api_key(
            actor=self.actor, key=self.obj, overlap=timedelta(hours=hours)
        )
        self.obj.refresh_from_db()
        return shown(self, made, (old_ends(self.obj),))


def old_ends(key: ApiKey) -> str:
    """Return when the replaced ``key`` ends, as a sentence."""
    end = key.expires_at or timezone.now()
    if end <= timezone.now():
        return f"The old key {key.prefix}… is refused from now on."
    return f"The old key {key.prefix}… goes on until {moment(end)}."


def moment(when: datetime) -> str:
    """Return day and time in the time zone of the page: "3 May 2026, 14:05"."""
    local = timezone.localtime(when)
    return f"{words.short_date(when)}, {local:%H:%M}"


class RevokeKey(KeyVerb):
    """Make it worth nothing."""

    name = "revoke"
    label = _("Revoke…")
    is_danger = True

    def refusal(self) -> str:
        """Refuse for what is revoked."""
        return f"{self.obj.name} is revoked already." if self.obj.revoked_at else ""

    def title(self) -> str:
        """Return the heading."""
        return f"Revoke {self.obj.name}"

    def consequence(self) -> Sequence[str]:
        """Say what stops."""
        used = self.obj.last_used_at
        return (
            f"Whatever uses {self.obj.name} ({self.obj.prefix}…) in {self.obj.subaccount.name} is "
            "refused from its next call on. This cannot be undone; to replace it first avoids a "
            "gap.",
            f"It was last used on {moment(used)}." if used else "It was never used.",
        )

    def button(self) -> str:
        """Return what the button says."""
        return "Revoke key"

    def run(self, data: Mapping[str, Any]) -> str:
        """Revoke it."""
        services.revoke_api_key(actor=self.actor, key=self.obj)
        return f"{self.obj.name} is revoked. Its next call is refused."


VERBS = (CreateKey, RotateKey, RevokeKey)
