"""What somebody may know of a preview: the people, places and things they see, by name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.contrib.auth import get_user_model

from permissions import access
from permissions.audit import label_of
from permissions.catalogue import Permission
from permissions.policy import FUTURE, PlaceId, Scope
from permissions.profile import ObjectKey
from permissions.resources import registry
from teams import selectors
from teams.differences import Line, Preview
from teams.models import Subaccount


@dataclass(frozen=True, slots=True)
class Block:
    """Permissions that the same people gain, or lose, in the same places.

    ``people`` are names with their keys, by name.
    """

    is_gain: bool
    is_sensitive: bool
    permissions: Sequence[Permission]
    people: Sequence[tuple[str, Any]]
    places: Scope
    objects: frozenset[ObjectKey]


@dataclass(frozen=True)
class Disclosed:
    """The part of a preview that a reader may know.

    ``people``, ``places`` and ``objects`` are the names of those they see; whatever else is
    mentioned is counted, and not named.
    """

    found: Preview
    people: Mapping[Any, str]
    places: Mapping[PlaceId, str]
    objects: Mapping[ObjectKey, str]

    @cached_property
    def known(self) -> Preview:
        """Return the preview of the people who are seen."""
        return self.found.only(self.people)

    @property
    def others(self) -> int:
        """Return for how many people something changes whom the reader does not see."""
        return len(self.found.differences) - len(self.people)

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """Return what changes, what is sensitive first; what is alike for the same people once."""
        alike: dict[Any, list[Line]] = defaultdict(list)
        for line in self.known.lines:
            alike[line.is_gain, line.is_sensitive, line.people, line.places, line.objects].append(
                line
            )
        return tuple(
            Block(
                is_gain=is_gain,
                is_sensitive=is_sensitive,
                permissions=[line.permission for line in lines],
                people=sorted(
                    ((self.people[key], key) for key in people), key=lambda one: one[0].lower()
                ),
                places=places,
                objects=objects,
            )
            for (is_gain, is_sensitive, people, places, objects), lines in alike.items()
        )

    def where(self, block: Block, named: int) -> list[str]:
        """Return where, in words: at most ``named`` subaccounts and things by name, then how many
        more there are."""
        scope, parts = block.places, []
        if scope.top:
            parts.append(self.found.account.name)
        if scope.everywhere:
            other = "other " if scope.places else ""
            parts.append(f"all {other}current and future subaccounts")
        else:
            names = sorted(self.places[key] for key in scope.places if key in self.places)
            parts += _some(names, len(scope.places - {FUTURE}), named)
        names = sorted(self.objects[key] for key in block.objects if key in self.objects)
        return parts + _some(names, len(block.objects), named)


def _some(names: list[str], total: int, named: int) -> list[str]:
    more = total - min(len(names), named)
    return [*names[:named], *([f"{more} more"] if more else [])]


def disclosed(found: Preview, reader: Any) -> Disclosed:
    """Return what the login ``reader`` may know of a preview; None is the platform, which sees
    everything."""
    if reader is None:
        everybody = get_user_model()._default_manager.all()
        places = Subaccount.objects.all()
    else:
        everybody = selectors.people_of(reader)
        places = selectors.subaccounts_of(reader)
    return Disclosed(
        found,
        people={p.pk: label_of(p) for p in everybody.filter(pk__in=list(found.differences))},
        places=dict(places.filter(account=found.account).values_list("pk", "name")),
        objects=_names(found, reader),
    )


def _names(found: Preview, reader: Any) -> dict[ObjectKey, str]:
    by_label: dict[str, list[str]] = defaultdict(list)
    for label, pk in found.mentioned:
        by_label[label].append(pk)
    names: dict[ObjectKey, str] = {}
    for resource in registry:
        if pks := by_label.get(resource.label):
            rows = resource.model._default_manager.filter(pk__in=pks)
            if reader is not None:
                rows = access.visible(rows, reader, resource.actions["view"])
            names.update({(resource.label, str(obj.pk)): str(obj) for obj in rows})
    return names
