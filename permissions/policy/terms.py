"""The values the rules speak of.

A *root* is a tenant (an account), a *place* something inside it that people work in (a
subaccount). What a person has in one root is a *standing*: a tuple of *holdings*, each a source
(being the owner, a role, a toggle, guest access), the rights it carries, and how far it reaches.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

PlaceId = Hashable

#: The root itself, seen as a place: account permissions are asked here.
TOP = "account"
#: Any place that does not exist yet: only "all current and future" reaches it.
FUTURE = "future"
#: The kind of every place that is not told otherwise.
ORDINARY = "subaccount"

#: kind of place -> permission -> condition under which it is held ("" for always)
Bundle = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Reach:
    """Where a holding counts: the root itself (``top``) and these places (None: all, also new)."""

    top: bool
    places: frozenset[PlaceId] | None

    def __contains__(self, place: object) -> bool:
        if place == TOP:
            return self.top
        return self.places is None or place in self.places


@dataclass(frozen=True, slots=True)
class Source:
    """Where a right comes from.

    ``kind`` is owner, role, toggle or guest; ``name`` is the codename of the role or toggle and
    ``label`` what people call it; ``ref`` points at what it hangs on: ``("membership", 12)``.
    ``row`` is its witness, the recorded row itself: ``("teams.subaccountusergrant", 7)`` of a
    toggle that hangs on a membership. Sources that differ in it alone are the same one: a
    toggle that switches two permissions is recorded in two rows.
    """

    kind: str
    name: str = ""
    label: str = ""
    ref: tuple[str, Hashable] | None = None
    row: tuple[str, Hashable] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Holding:
    """One reason why somebody holds something.

    ``met`` are the conditions that are true of this holding itself, such as a reach that covers
    every active place; conditions of the root are kept by ``Root``. ``rank`` counts for deciding
    whom one may manage and is None where the edition has no ranks. ``key`` names the recorded
    grant: a holding with another key is another grant, even if it gives the same.
    """

    source: Source
    rights: Bundle
    reach: Reach
    rank: int | None = None
    met: frozenset[str] = frozenset()
    key: Hashable = None


@dataclass(frozen=True, slots=True)
class Root:
    """What is true of a tenant, whoever asks.

    ``levels`` has a permission for everything that exists here, with ``"account"`` or
    ``"subaccount"``, the level it is asked at. ``withheld`` maps permissions that exist but are
    switched off at present to the reason, ``withheld_at`` those switched off in single places to
    these. ``kinds`` names places that are not ordinary ones.
    ``conditions`` are true everywhere in the root, ``except_at`` lists the places where one is not.
    """

    key: Hashable
    levels: Mapping[str, str]
    withheld: Mapping[str, str] = field(default_factory=dict)
    withheld_at: Mapping[str, frozenset[PlaceId]] = field(default_factory=dict)
    kinds: Mapping[PlaceId, str] = field(default_factory=dict)
    archived: frozenset[PlaceId] = frozenset()
    conditions: frozenset[str] = frozenset()
    except_at: Mapping[str, frozenset[PlaceId]] = field(default_factory=dict)

    def kind(self, place: PlaceId) -> str:
        """Return the kind of ``place``: the top, an ordinary place, or a special one."""
        return TOP if place == TOP else self.kinds.get(place, ORDINARY)

    def special(self) -> frozenset[PlaceId]:
        """Return the places for which the answer may differ from that for an ordinary place."""
        return self.archived.union(self.kinds, *self.except_at.values(), *self.withheld_at.values())

    def shut(self, permission: str) -> frozenset[PlaceId]:
        """Return the places where ``permission`` is held by nobody: archived, or switched off."""
        off = self.withheld_at.get(permission)
        return self.archived | off if off else self.archived


@dataclass(frozen=True, slots=True)
class Standing:
    """What one person has in one root: all their active holdings there.

    ``asleep`` is what they would hold besides, once they have set up a second factor: it counts
    for nothing until then. ``sleeping`` are the permissions that sleep whatever gives them, guest
    access to one object included. ``owner_sleeps`` says that the owner has none of an owner's
    rights now; they are the owner all the same, and nobody touches them.
    """

    person: Hashable
    holdings: tuple[Holding, ...] = ()
    is_owner: bool = False
    asleep: tuple[Holding, ...] = ()
    sleeping: frozenset[str] = frozenset()
    owner_sleeps: bool = False

    @property
    def acts_as_owner(self) -> bool:
        """Say whether this is the owner, with an owner's rights."""
        return self.is_owner and not self.owner_sleeps
