"""What somebody may know of who had access in the past.

The owner reads everything, and who sees everybody reads of everybody. Others read of people they
see there now, in subaccounts whose people they see now.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any

from django.apps import apps

from permissions import access
from permissions.errors import OutOfScope
from permissions.policy import Source
from permissions.profile import Profile
from permissions.resources import registry
from teams import selectors
from teams.history import Line, words_of
from teams.models import Account, Subaccount

UNSEEN = "A role that you do not see"


@dataclass(frozen=True, slots=True)
class Sight:
    """What is left of the past to whoever looks: of these people, by key as text (None: of all),
    and of their lines those that ``lines`` returns."""

    people: frozenset[str] | None
    lines: Callable[[Collection[Line]], list[Line]]
    is_whole: bool = False


#: what the platform is left, which says why it looks
WHOLE = Sight(None, list, is_whole=True)


def reads_all(reader: Any, account: Account) -> bool:
    """Say whether ``reader`` sees everybody of ``account``: its owner does, and whoever sees people
    both at account level and in every subaccount."""
    profile = access.profile_of(reader)
    tenant = profile.tenants.get(account.pk)
    if tenant is None:
        return False
    if tenant.standing.acts_as_owner:
        return True
    places = selectors.people_places(profile, account.pk)
    return bool(places.everywhere) and selectors.sees_account_people(profile, account.pk)


def may_look(profile: Profile, key: Any) -> bool:
    """Say whether whoever has ``profile`` may know of anybody's past access in the account with
    this key; no query."""
    tenant = profile.tenants.get(key)
    if tenant is None:
        return False
    return tenant.standing.acts_as_owner or bool(selectors.people_places(profile, key))


def sight_of(reader: Any, account: Account) -> Sight:
    """Return what ``reader`` may know of the past of ``account``.

    Of what others than the owner read, a role that they do not see is not named, nor is a single
    thing. Raises OutOfScope for whoever sees nobody's access but their own.
    """
    profile = access.profile_of(reader)
    if not may_look(profile, account.pk):
        error = OutOfScope(
            f"You cannot see who had access to {account.name}: that is for its owner and for who "
            "manages people there."
        )
        error.account = account
        raise error
    if reads_all(reader, account):
        if profile.tenants[account.pk].standing.acts_as_owner:
            return WHOLE
        return Sight(None, lambda lines: _named(reader, lines), is_whole=True)
    places = selectors.people_places(profile, account.pk)
    inside = Subaccount.objects.filter(account=account).values_list("pk", flat=True)
    seen = {key for key in inside if key in places}
    # of this account: whom one sees in another may be somebody here that one does not see
    rows = selectors.memberships_of(reader).filter(account=account)
    known = dict(rows.values_list("pk", "user_id"))
    people = {str(reader.pk), *map(str, known.values())}
    if selectors.sees_account_people(profile, account.pk):
        people.add(str(account.owner_id))

    def knows(source: Source) -> bool:
        kind, key = source.ref or ("", None)
        return kind != "membership" or key in known

    def filtered(lines: Collection[Line]) -> list[Line]:
        left = [
            _known(line, knows)
            for line in lines
            if line.person_ref in people and line.inside in seen
        ]
        return _named(reader, left)

    return Sight(frozenset(people), filtered)


def _named(reader: Any, lines: Collection[Line]) -> list[Line]:
    """Return ``lines`` with the names of those things alone that ``reader`` sees now."""
    asked: dict[str, set[str]] = {}
    for line in lines:
        if line.thing:
            label, _, key = line.place.partition(":")
            asked.setdefault(label, set()).add(key)
    seen = {label: _seen(reader, label, keys) for label, keys in asked.items()}

    def named(line: Line) -> Line:
        label, _, key = line.place.partition(":")
        if not line.thing or key in seen[label]:
            return line
        noun = f"a {apps.get_model(label)._meta.verbose_name}"
        rest = line.place_name.removeprefix(line.thing)
        return replace(line, place_name=f"{noun}{rest}", thing=noun)

    return [named(line) for line in lines]


def _seen(reader: Any, label: str, keys: Collection[str]) -> set[str]:
    """Return those keys of things of one kind that ``reader`` may look at."""
    resource = registry.of(apps.get_model(label))
    view = resource.actions.get("view")
    if view is None:
        return set()
    rows = resource.model._default_manager.filter(pk__in=keys)
    return {str(key) for key in access.visible(rows, reader, view).values_list("pk", flat=True)}


def _known(line: Line, knows: Callable[[Source], bool]) -> Line:
    """Return ``line`` with those of its sources alone that the reader knows."""
    given = tuple(source for source in line.given if knows(source))
    return replace(line, given=given, through=words_of(given) or (UNSEEN,))
