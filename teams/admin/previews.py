"""Who gains and who loses, shown before anything is saved."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.urls import reverse

from permissions.audit import label_of
from permissions.catalogue import Permission
from permissions.lookups import any_of
from permissions.policy import FUTURE, Scope
from teams import effects, selectors
from teams.admin import words
from teams.admin.base import ConsoleVerb
from teams.admin.desk import Desk
from teams.effects import Line, Preview

#: so many people and places are named before "and 5 more"
NAMED = 3


@dataclass(frozen=True, slots=True)
class Kept:
    """People who keep a permission by something else, in words."""

    count: int
    people: Sequence[tuple[str, str]]
    more: int


@dataclass(frozen=True, slots=True)
class ShownLine:
    """One permission that people gain, or lose, in words; ``kept`` is who keeps it all the same."""

    sign: str
    heading: str
    where: str
    people: Sequence[tuple[str, str]]
    more: int
    is_sensitive: bool
    kept: Kept | None = None


@dataclass(frozen=True, slots=True)
class ShownPreview:
    """A preview in words, for the people whom the reader may know.

    ``others`` is how many people are left out because the reader does not see them. ``kept`` has
    what is taken away and nobody loses, by label; ``everybody`` leads to all whom it concerns, and
    ``notes`` are sentences about the change itself.
    """

    digest: str
    gaining: int
    losing: int
    unchanged: int
    others: int
    offers: int
    lines: Sequence[ShownLine]
    button: str = ""
    kept: Sequence[tuple[str, Kept]] = ()
    everybody: tuple[str, str] | None = None
    notes: Sequence[str] = ()
    template: str = "teams/console/preview.html"


def shown(
    desk: Desk,
    found: Preview,
    *,
    button: str = "",
    keeps: Mapping[Permission, Collection[Any]] | None = None,
    everybody: tuple[str, str] | None = None,
    notes: Sequence[str] = (),
) -> ShownPreview:
    """Return what the reader at ``desk`` may know of a preview.

    ``keeps`` has the keys of those who keep a permission that is taken away, because something
    else gives it; ``everybody`` is a label and the address of all whom the change concerns.
    """
    keeping = keeps or {}
    asked = set(found.differences).union(*keeping.values())
    people = selectors.people_of(desk.user).filter(any_of("pk", asked))
    names = {person.pk: label_of(person) for person in people}
    known = found.only(names.keys() & found.differences.keys())
    kept = {
        permission: _kept(names, keys)
        for permission, keys in keeping.items()
        if names.keys() & keys
    }
    lost = {line.permission for line in known.lines if not line.is_gain}
    return ShownPreview(
        digest=found.digest,
        gaining=len(known.gaining),
        losing=len(known.losing),
        unchanged=found.unchanged,
        others=len(found.differences) - len(known.differences),
        offers=found.offers,
        lines=[_line(desk, found, line, names, kept) for line in known.lines],
        kept=[(str(p.label), one) for p, one in kept.items() if p not in lost],
        button=button,
        everybody=everybody,
        notes=notes,
    )


def _named(names: Mapping[Any, str], keys: Iterable[Any]) -> list[tuple[str, str]]:
    """Return names and addresses of the people whom the reader may know, by name."""
    listed = sorted((names[key].lower(), str(key), key) for key in keys if key in names)
    return [(names[key], person_url(key)) for _name, _text, key in listed]


def _kept(names: Mapping[Any, str], keys: Iterable[Any]) -> Kept:
    listed = _named(names, keys)
    return Kept(len(listed), listed[:NAMED], max(len(listed) - NAMED, 0))


def _line(
    desk: Desk,
    found: Preview,
    line: Line,
    names: Mapping[Any, str],
    kept: Mapping[Permission, Kept],
) -> ShownLine:
    listed = _named(names, line.people)
    label = str(line.permission.label)
    return ShownLine(
        sign="+" if line.is_gain else "\N{MINUS SIGN}",
        heading=f"{'Gains' if line.is_gain else 'Loses'}: {label}",
        where=where(desk, found, line),
        people=listed[:NAMED],
        more=max(len(listed) - NAMED, 0),
        is_sensitive=line.is_sensitive,
        kept=None if line.is_gain else kept.get(line.permission),
    )


def where(desk: Desk, found: Preview, line: Line) -> str:
    """Return where a permission is gained or lost, in words: places and objects one may know."""
    parts = [_places(desk, found, line.places)] if line.places else []
    if objects := sorted(found.objects[key] for key in line.objects if key in found.objects):
        parts.append(words.listed([*objects[:NAMED], *_rest(len(objects))]))
    return " and ".join(parts)


def _places(desk: Desk, found: Preview, scope: Scope) -> str:
    parts = [desk.account.name] if scope.top else []
    if scope.everywhere:
        parts.append(
            "all current and future subaccounts"
            if not scope.places
            else "all other current and future subaccounts"
        )
    named = sorted(found.places[p] for p in scope.places if p in desk.place_names)
    unnamed = len(scope.places - {FUTURE}) - len(named)
    if not scope.everywhere:
        parts += [*named[:NAMED], *_rest(len(named), unnamed)]
    return words.listed(parts)


def _rest(count: int, besides: int = 0) -> list[str]:
    more = max(count - NAMED, 0) + besides
    return [f"{more} more"] if more else []


def person_url(key: Any) -> str:
    """Return the address of a person's page on the console."""
    meta = get_user_model()._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[key])


class PreviewedVerb(ConsoleVerb):
    """A verb that changes rights: it shows who gains and who loses, and is confirmed."""

    def touched(self) -> Collection[Any] | None:
        """Return the keys of everybody whose rights it may touch; None for all there are."""
        return None

    def confirm_button(self, found: Preview) -> str:
        """Return what the button says under a preview."""
        people = len(found.differences)
        return f"{self.button()} ({people} {'person' if people == 1 else 'people'})"

    def preview(self, data: Mapping[str, Any]) -> ShownPreview | None:
        """Carry the verb out, take it back, and say what it did."""
        found = effects.trial(self.desk.account, lambda: self.run(data), people=self.touched())
        return shown(self.desk, found, button=self.confirm_button(found)) if found else None
