"""Who gains and who loses, shown before anything is saved."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from django.contrib.auth import get_user_model
from django.urls import reverse

from permissions.admin import BulkVerb
from permissions.admin.bulk import find_rows
from permissions.audit import label_of
from permissions.catalogue import Permission
from permissions.errors import ServiceError
from permissions.lookups import any_of
from teams import effects, selectors
from teams.admin import words
from teams.admin.base import ConsoleVerb
from teams.admin.desk import Desk, apart, initials
from teams.differences import Preview
from teams.disclosure import Block, disclosed
from teams.services.previews import people_of

#: so many people and places are named before "and 5 more"
NAMED = 3
#: so many permissions are named before the rest is folded away
LISTED = 6
#: so many more people are named when one asks
UNFOLDED = 100

WHOLE = "teams/console/preview.html"
SUMMARY = "teams/console/preview_summary.html"


@dataclass(frozen=True, slots=True)
class ShownPerson:
    """Somebody a preview names."""

    name: str
    url: str

    @property
    def initials(self) -> str:
        """Return the letters of their picture."""
        return initials(self.name)


@dataclass(frozen=True, slots=True)
class ShownLine:
    """Permissions that the same people gain, or lose, in words.

    ``same_as`` is the number of the line, from one, that names the same people; 0 for none.
    """

    is_gain: bool
    heading: str
    folded: Sequence[str]
    where: str
    count: int
    people: Sequence[ShownPerson]
    more: Sequence[ShownPerson]
    unnamed: int
    is_sensitive: bool
    is_same: bool

    @property
    def sign(self) -> str:
        """Return the sign in front."""
        return "+" if self.is_gain else "\N{MINUS SIGN}"


@dataclass(frozen=True, slots=True)
class Kept:
    """People who keep a permission that is taken away, because something else gives it."""

    label: str
    count: int
    people: Sequence[ShownPerson]
    more: int


@dataclass(frozen=True, slots=True)
class ShownPreview:
    """A preview in words, for the people whom the reader may know.

    ``others`` is how many people are left out because the reader does not see them. ``kept`` is
    who keeps what is taken away; ``everybody`` leads to all whom it concerns, and ``notes`` are
    sentences about the change itself. ``heading`` says on what condition all this is so,
    ``effect`` from when on.
    """

    digest: str
    gaining: int
    losing: int
    unchanged: int
    others: int
    offers: int
    lines: Sequence[ShownLine]
    button: str = ""
    template: str = WHOLE
    kept: Sequence[Kept] = ()
    everybody: tuple[str, str] | None = None
    notes: Sequence[str] = ()
    heading: str = "If you save now"
    effect: str = "Takes effect at once, everywhere, and stands in the audit."


def shown(
    desk: Desk,
    found: Preview,
    *,
    button: str = "",
    template: str = WHOLE,
    keeps: Mapping[Permission, Collection[Any]] | None = None,
    everybody: tuple[str, str] | None = None,
    notes: Sequence[str] = (),
) -> ShownPreview:
    """Return what the reader at ``desk`` may know of a preview.

    ``keeps`` has the keys of those who keep a permission that is taken away, because something
    else gives it; ``everybody`` is a label and the address of all whom the change concerns.
    """
    known = disclosed(found, desk.user)
    lines: list[ShownLine] = []
    before: Block | None = None
    for block in known.blocks:
        where = words.listed(known.where(block, NAMED))
        is_same = before is not None and block.people == before.people
        lines.append(_line(block, where, is_same=is_same))
        before = block
    return ShownPreview(
        digest=found.digest,
        gaining=len(known.known.gaining),
        losing=len(known.known.losing),
        unchanged=found.unchanged,
        others=known.others,
        offers=found.offers,
        lines=lines,
        button=button,
        template=template,
        kept=list(_kept(desk, keeps or {})),
        everybody=everybody,
        notes=notes,
    )


def _kept(desk: Desk, keeps: Mapping[Permission, Collection[Any]]) -> Iterator[Kept]:
    """Yield who keeps what, of the people whom the reader sees."""
    asked = set[Any]().union(*keeps.values())
    seen = selectors.people_of(desk.user).filter(any_of("pk", asked)) if asked else ()
    names = {person.pk: label_of(person) for person in seen}
    for permission, keys in keeps.items():
        listed = sorted((names[key].lower(), str(key), key) for key in keys if key in names)
        if listed:
            people = [ShownPerson(names[key], person_url(key)) for _name, _text, key in listed]
            label = str(permission.label)
            yield Kept(label, len(people), people[:NAMED], max(len(people) - NAMED, 0))


def _line(block: Block, where: str, *, is_same: bool) -> ShownLine:
    labels = [str(permission.label) for permission in block.permissions]
    people = [ShownPerson(name, person_url(key)) for name, key in block.people[:UNFOLDED]]
    return ShownLine(
        is_gain=block.is_gain,
        heading=f"{'Gains' if block.is_gain else 'Loses'}: {', '.join(labels[:LISTED])}",
        folded=labels[LISTED:],
        where=where,
        count=len(block.people),
        people=people[:NAMED],
        more=people[NAMED:],
        unnamed=len(block.people) - len(people),
        is_sensitive=block.is_sensitive,
        is_same=is_same,
    )


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
        """Return what the button says under a preview: for how many, if it is for several."""
        people = len(found.differences)
        return f"{self.button()} ({people} people)" if people > 1 else self.button()

    def twin(self) -> Self:
        """Return the same verb found anew, for a trial: what it reads is taken back."""
        request = apart(self.request)
        obj = self.obj and self.admin.object_or_404(request, str(self.obj.pk))
        twin = type(self)(self.admin, request, obj)
        twin.part = None if self.part is None else twin.find(self.key())
        return twin

    def preview(self, data: Mapping[str, Any]) -> ShownPreview | None:
        """Carry the verb out, take it back, and say what it did."""
        found = effects.trial(
            self.desk.account, lambda: self.twin().run(data), people=self.touched()
        )
        return shown(self.desk, found, button=self.confirm_button(found)) if found else None


class AboutPerson(PreviewedVerb):
    """A verb on a person's page that changes the rights of nobody else."""

    def touched(self) -> Collection[Any] | None:
        """Return the person."""
        return {self.obj.pk}


class AboutThing(PreviewedVerb):
    """A verb on the page of a subaccount: whoever reaches it may be touched."""

    def touched(self) -> Collection[Any] | None:
        """Return whoever reaches the object."""
        return people_of(self.desk.account, {"obj": self.obj})


class PreviewedBulk(BulkVerb, ConsoleVerb):
    """A bulk verb that changes the rights of the people chosen: its confirmation says, in short,
    what they gain and lose."""

    def preview(self, data: Mapping[str, Any]) -> ShownPreview | None:
        """Carry it out for all of them, take it back, and say what it did; None if that fails."""
        keys = {person.pk for person in self.rows}

        def run() -> None:
            request = apart(self.request)
            rows = find_rows(self.admin, request, [str(key) for key in keys])
            type(self)(self.admin, request, rows).run(data)

        try:
            found = effects.trial(self.desk.account, run, people=keys)
        except ServiceError:
            return None  # each row says why it cannot be done
        return shown(self.desk, found, template=SUMMARY) if found else None
