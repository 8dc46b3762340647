"""What the record may call places, people and things before one reader.

Nothing is named that the reader may not know: a subaccount by its name today, if they work there,
everything else as it was called then, if its page is open to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError

from permissions.audit import label_of
from permissions.lookups import any_of
from permissions.models import AuditEvent
from teams import selectors
from teams.catalogue import CATALOGUE, MANAGE_TEAMS
from teams.editions import get
from teams.event_sight import Reader
from teams.models import Role, Subaccount, Team

_PLACE = Subaccount._meta.label_lower
#: what is called by its name before whoever knows the event: its page is open to them, or it is
#: themselves
_OPEN = frozenset(
    {
        "teams.account",
        "teams.subaccountgroup",
        "teams.team",
        "teams.role",
        "teams.invitation",
        "teams.membership",
        "teams.apikey",
        "teams.accessreview",
        "teams.webhook",
    }
)
#: data of events that is the key of a login
_PEOPLE = ("owner", "heir")


class Names:
    """The names one reader may be told; ``places`` and ``groups`` answer with those by key."""

    def __init__(
        self,
        reader: Reader,
        *,
        places: Callable[[], Mapping[Any, str]] | None = None,
        groups: Callable[[], Mapping[Any, str]] | None = None,
    ) -> None:
        self.reader = reader
        self.edition = get(reader.account.edition)
        self._places, self._groups = places, groups
        self._logins: dict[str, str] = {}
        self._people: dict[str, str] = {}

    def prepare(self, events: Iterable[AuditEvent]) -> None:
        """Load what people are called, of all ``events`` in two queries: by login, where one
        recorded the login alone, and by key."""
        found = list(events)
        labels = (event.subject_label for event in found if _is_old(event))
        if logins := {login_in(label) for label in labels} - {""}:
            model = get_user_model()
            people = model._default_manager.filter(**{f"{model.USERNAME_FIELD}__in": logins})
            self._logins |= {person.get_username(): label_of(person) for person in people}
        if keys := {key for event in found for key in _keys_in(event)} - {*self._people}:
            self._people |= self._called(keys)

    def _called(self, keys: Iterable[str]) -> dict[str, str]:
        model = get_user_model()
        rows = model._default_manager.all()
        if not self.reader.acts_as_owner:
            rows = selectors.people_of(self.reader.user)
        found = rows.filter(any_of("pk", [key for text in keys if (key := _key(text)) is not None]))
        return {str(person.pk): label_of(person) for person in found}

    @cached_property
    def places(self) -> Mapping[Any, str]:
        """Return the subaccounts the reader works in, by key."""
        if self._places is not None:
            return self._places()
        rows = selectors.subaccounts_of(self.reader.user).filter(account=self.reader.account)
        return dict(rows.values_list("pk", "name"))

    @cached_property
    def groups(self) -> Mapping[Any, str]:
        """Return the groups of subaccounts the reader may see, by key."""
        if self._groups is not None:
            return self._groups()
        rows = selectors.groups_of(self.reader.user).filter(account=self.reader.account)
        return dict(rows.values_list("pk", "name"))

    @cached_property
    def teams(self) -> Mapping[Any, str]:
        """Return the teams, to whoever manages any."""
        reader = self.reader
        if not (reader.acts_as_owner or reader.profile.scope(reader.account.pk, MANAGE_TEAMS)):
            return {}
        return dict(Team.objects.filter(account=reader.account).values_list("pk", "name"))

    @cached_property
    def roles(self) -> Mapping[Any, str]:
        """Return the custom roles of the account; everybody may open them."""
        return dict(Role.objects.filter(account=self.reader.account).values_list("pk", "name"))

    def person(self, event: AuditEvent) -> str:
        """Return whom ``event`` is about."""
        data, login = event.data, login_in(event.subject_label)
        after = data.get("after")
        inside = after.get("person") if isinstance(after, dict) else ""
        named = data.get("person") or inside or self._logins.get(login) or login
        return str(named or "somebody")

    def called(self, key: Any) -> str:
        """Return what the login with ``key`` is called, if the reader sees them."""
        return self._people.get(str(key), "somebody you do not see")

    def place(self, key: Any) -> str:
        """Return what a subaccount is called."""
        return self.places.get(key, "a subaccount")

    def these(self, keys: Iterable[Any]) -> list[str]:
        """Return what subaccounts are called, those the reader does not see as one."""
        found, wanted = self.places, list(keys)
        named = [found[key] for key in wanted if key in found]
        hidden = len(wanted) - len(named)
        if not hidden:
            return named
        if named:
            return [*named, "others"]
        return ["a subaccount" if hidden == 1 else "several subaccounts"]

    def where(self, data: Mapping[str, Any]) -> str:
        """Return where a role counts, from what is recorded of it."""
        if data.get("subaccount"):
            return self.place(data["subaccount"])
        if data.get("all_subaccounts"):
            return "all subaccounts"
        names = self.these(data.get("managed") or ())
        names += [
            f"the group {self.groups[key]}" if key in self.groups else "a group"
            for key in data.get("groups") or ()
        ]
        return listed(names) or self.reader.account.name

    def role(self, data: Mapping[str, Any]) -> str:
        """Return what a role is called, from what is recorded of it."""
        spec = self.edition.find_role(data.get("role") or "")
        if spec is not None:
            return str(spec.label)
        custom = data.get("custom_role")
        return self.roles.get(custom, "a custom role") if custom else "a custom role"

    def toggle(self, codename: Any) -> str:
        """Return what a switch is called."""
        labels = {toggle.codename: str(toggle.label) for toggle in self.edition.toggles}
        return labels.get(codename) or self.permission(codename) or "an optional permission"

    def permission(self, codename: Any) -> str:
        """Return what a permission is called; empty if there is no such."""
        known = isinstance(codename, str) and codename in CATALOGUE
        return str(CATALOGUE[codename].label) if known else ""

    def subject(self, event: AuditEvent) -> str:
        """Return what the event is about: of what is hidden from the reader the kind alone."""
        kind, _, key = event.subject_ref.partition(":")
        if self.reader.acts_as_owner or kind in _OPEN:
            return event.subject_label
        if kind == _PLACE:
            return self.place(int(key)) if key.isdecimal() else "a subaccount"
        try:
            noun = str(apps.get_model(kind)._meta.verbose_name)
        except (LookupError, ValueError):
            return "something you do not see"
        return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"

    def via(self, event: AuditEvent) -> str:
        """Return what acted for the actor; empty for nothing."""
        if not event.via_ref:
            return ""
        noun = "the API key" if event.via_ref.startswith("teams.apikey:") else ""
        mine = event.actor_ref.rpartition(":")[2] == self.reader.key
        if self.reader.acts_as_owner or mine:
            return f"{noun} {event.via_label}".strip()
        return "an API key" if noun else "something that acts for them"


def listed(names: list[str]) -> str:
    """Return "a", "a and b" or "a, b and c"."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def login_in(label: str) -> str:
    """Return the login of a membership's label, "login (role)"; empty for any other label."""
    login, separator, _role = label.partition(" (")
    return login if separator else ""


def _is_old(event: AuditEvent) -> bool:
    is_membership = event.subject_ref.startswith("teams.membership:")
    return is_membership and "person" not in event.data


def _keys_in(event: AuditEvent) -> Iterable[str]:
    if event.action == "contact.changed":
        yield from (str(event.data[n]) for n in ("before", "after") if event.data.get(n))
    if event.action.startswith("ownership."):
        yield from (str(event.data[n]) for n in _PEOPLE if event.data.get(n))


def _key(text: str) -> Any:
    try:
        return get_user_model()._meta.pk.to_python(text)
    except ValidationError:
        return None


__all__ = ["Names", "listed", "login_in"]
