"""Who may do what with one object, and why: everybody's answer in a few queries.

Each answer is the one ``permissions.access.can`` gives; only the facts are read for all people at
once. Nothing here asks who is looking: whoever shows it leaves out what the reader may not know
(``Access.known``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.db import models

from permissions.audit import label_of
from permissions.policy import TOP, Source
from permissions.profile import Profile
from permissions.resources import registry
from teams import provider
from teams.catalogue import CATALOGUE


@dataclass(frozen=True, slots=True)
class Access:
    """What one person holds on the object: each permission with its sources, never none.

    ``through_teams`` says that they would not see the object without their teams or their
    authorship: their roles alone do not show it to them.
    """

    person: Any
    profile: Profile
    held: Mapping[str, tuple[Source, ...]]
    through_teams: bool = False

    @property
    def sources(self) -> tuple[Source, ...]:
        """Return every source of anything held, each once."""
        return tuple(dict.fromkeys(s for sources in self.held.values() for s in sources))

    def known(self, is_known: Callable[[Source], bool]) -> Access | None:
        """Return what is left of it for somebody who knows these sources only; None for nothing."""
        held = {
            permission: left
            for permission, sources in self.held.items()
            if (left := tuple(s for s in sources if is_known(s)))
        }
        return replace(self, held=held) if held else None


def access_of(obj: models.Model, permissions: Iterable[str] | None = None) -> list[Access]:
    """Return everybody who holds anything on ``obj``, or one of ``permissions``.

    Takes one query, and where teams decide who sees ``obj`` three more, for one person as for a
    thousand. Of the logins no more is loaded than what says who they are.

    The owner comes first, then people at account level, then the others by rank and by how much
    they hold, guests last. Raises KeyError for an unguarded model.
    """
    resource = registry.of(obj)
    root, place = resource.locate(obj)
    asked = [p for p in (CATALOGUE if permissions is None else permissions) if p in CATALOGUE]
    answers = _Answers(obj, asked)
    found = []
    for person, profile in provider.load_candidates(obj).values():
        if root not in profile.tenants:
            continue
        held = answers.of(profile)
        if held:
            limited = is_limited(profile, obj) and profile.sees(resource, obj, root, place)
            found.append(Access(person, profile, held, through_teams=limited))
    return in_order(found, obj)


def who_can(permission: str, obj: models.Model) -> list[Access]:
    """Return everybody for whom ``can`` says yes to ``permission`` on ``obj``, with the sources."""
    return access_of(obj, [permission])


def is_limited(profile: Profile, obj: models.Model) -> bool:
    """Say whether teams decide if this person sees ``obj`` or something it uses."""
    resource = registry.of(obj)
    root, place = resource.locate(obj)
    if resource.through:
        return profile.is_limited(resource.link.resource, root, place)
    return any(
        profile.is_limited(part, root, place) and getattr(obj, field) is not None
        for field, part in registry.limitable(resource)
    )


class _Answers:
    """What people hold on one object; decided once for all whose holdings are alike.

    Thousands of people share a handful of roles. What ``decide`` finds depends on the rights of
    each holding, on whether it reaches the place, on what was given on the object, and on whether
    teams show it; whoever has the same of all this has the same answer, from their own sources.
    """

    def __init__(self, obj: models.Model, asked: Iterable[str]) -> None:
        self.obj, self.asked = obj, asked
        self.resource = registry.of(obj)
        self.root, self.place = self.resource.locate(obj)
        self.known: dict[Any, dict[str, tuple[int, ...]]] = {}

    def of(self, profile: Profile) -> dict[str, tuple[Source, ...]]:
        """Return each permission that the person holds, with the sources."""
        holdings = profile.tenants[self.root].standing.holdings
        given = {
            permission: found
            for permission in (self.asked if profile.guests else ())
            if (found := profile.given_on(self.resource, self.obj, permission))
        }
        sources = [*(h.source for h in holdings), *(s for found in given.values() for s in found)]
        # bundles of rights are built once a process, so the same object means the same rights
        alike = (
            tuple((id(h.rights), self.place in h.reach, h.met) for h in holdings),
            tuple(given),
            profile.tenants[self.root].standing.sleeping,
            profile.sees(self.resource, self.obj, self.root, self.place),
        )
        if alike not in self.known:
            number = {id(source): at for at, source in enumerate(sources)}
            self.known[alike] = {
                str(permission): tuple(number[id(source)] for source in outcome.sources)
                for permission in self.asked
                if (outcome := profile.decide(permission, self.resource, self.obj)).allowed
            }
        return {p: tuple(sources[at] for at in found) for p, found in self.known[alike].items()}


def in_order(found: Collection[Access], obj: models.Model) -> list[Access]:
    """Return ``found`` in the order of ``access_of``, going by the sources that are left."""
    root, place = registry.of(obj).locate(obj)

    def rank(one: Access) -> tuple[Any, ...]:
        refs = {source.ref for source in one.sources}
        holdings = [
            h
            for h in one.profile.tenants[root].standing.holdings
            if h.source.ref in refs and place in h.reach
        ]
        kinds = {source.kind for source in one.sources}
        level = (
            0
            if "owner" in kinds
            else 3
            if kinds == {"guest"}
            else 1
            if place != TOP and any(h.reach.top for h in holdings)
            else 2
        )
        highest = max((h.rank or 0 for h in holdings), default=0)
        return level, -highest, -len(one.held), label_of(one.person).casefold(), str(one.person.pk)

    return sorted(found, key=rank)


__all__ = ["Access", "access_of", "in_order", "is_limited", "who_can"]
