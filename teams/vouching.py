"""What givers of an account hold today, held against what they gave: see ``teams.orphans``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth import get_user_model

from permissions.audit import ref_of
from permissions.models import AuditEvent
from permissions.policy import FUTURE, Atoms, Bundle, Holding, PlaceId, Reach, Root, Source, covers
from permissions.policy import atoms as atoms_of
from permissions.profile import Profile
from teams import provider
from teams.editions import get
from teams.models import Account, ManagedSubaccount, Membership, Subaccount
from teams.rights import HOME, levels

#: who gave a place that somebody made themselves: whoever makes a subaccount manages it
NOBODY: Hashable = "nobody"


@dataclass(slots=True)
class Givers:
    """What givers in ``account`` hold; each is read once, and each comparison made once."""

    account: Account
    root: Root = field(init=False)
    universe: frozenset[PlaceId] = field(init=False)
    reach: dict[Any, set[PlaceId]] = field(init=False)
    profiles: dict[Any, Profile] = field(default_factory=dict)
    _held: dict[Any, Atoms] = field(default_factory=dict)
    _given: dict[tuple[int, Reach], tuple[Bundle, Atoms]] = field(default_factory=dict)
    _lacking: dict[tuple[Any, int], Atoms] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rows = Subaccount.objects.filter(account=self.account).values_list("pk", "is_home")
        homes = dict(rows)
        kinds: dict[Hashable, str] = {pk: HOME for pk, is_home in homes.items() if is_home}
        self.root = Root(self.account.pk, levels(get(self.account.edition).codename), kinds=kinds)
        self.universe = frozenset(homes)
        self.reach = defaultdict(set)
        managed = ManagedSubaccount.objects.filter(account=self.account)
        for membership, place in managed.values_list("membership_id", "subaccount_id"):
            self.reach[membership].add(place)

    def extent(self, membership: Any, subaccount: Any, everywhere: bool) -> Reach:
        """Return where a membership counts. What it reaches through a group of subaccounts is
        left out: nobody is on record as its giver."""
        if subaccount is not None:
            return Reach(top=False, places=frozenset({subaccount}))
        return Reach(top=True, places=None if everywhere else frozenset(self.reach[membership]))

    def gives(self, rights: Bundle, reach: Reach) -> Atoms:
        """Return what these rights amount to there; bundles are built once a process."""
        key = (id(rights), reach)
        if key not in self._given:
            holding = Holding(Source("role"), rights, reach)
            given = atoms_of([holding], self.root, self.universe)
            self._given[key] = (rights, given)  # kept, so that no other bundle gets its id
        return self._given[key][1]

    def look_up(self, givers: Collection[Any]) -> None:
        """Read what these keys of people hold, with one query."""
        wanted = {key for key in givers if key not in (None, NOBODY)} - self.profiles.keys()
        self.profiles |= provider.load_profiles(wanted)

    def held(self, giver: Any) -> Atoms:
        """Return what ``giver`` holds here, and what of it sleeps for want of a second factor."""
        if giver not in self._held:
            profile = self.profiles.get(giver)
            tenant = profile.tenants.get(self.account.pk) if profile else None
            found = (*tenant.standing.holdings, *tenant.standing.asleep) if tenant else ()
            self._held[giver] = atoms_of(found, self.root, self.universe)
        return self._held[giver]

    def is_gone(self, giver: Any) -> bool:
        """Say whether ``giver`` holds nothing here at all, or is nobody on record."""
        return giver != self.account.owner_id and not self.held(giver)

    def lacks(self, giver: Any, wanted: Atoms) -> Atoms:
        """Return what of ``wanted``, as ``gives`` returned it, ``giver`` does not hold."""
        if giver in (NOBODY, self.account.owner_id):
            return {}
        key = (giver, id(wanted))
        if key not in self._lacking:
            self._lacking[key] = covers(self.held(giver), wanted)
        return self._lacking[key]

    def lacks_by_reach(
        self, giver: Any, wanted: Atoms, added: Mapping[PlaceId, Any]
    ) -> tuple[Any, Atoms]:
        """Return who lacks what of ``wanted``, where others ``added`` some of the places."""
        by_giver: dict[Any, set[PlaceId]] = defaultdict(set)
        for place in {place for places in wanted.values() for place in places}:
            by_giver[added.get(place, giver)].add(place)
        for one, places in sorted(by_giver.items(), key=lambda item: item[0] != giver):
            part = {key: found & places for key, found in wanted.items() if found & places}
            owned = one in (NOBODY, self.account.owner_id)
            if missing := {} if owned else covers(self.held(one), part):
                return one, missing
        return giver, {}

    def added(self, memberships: Collection[Any]) -> dict[Any, dict[PlaceId, Any]]:
        """Return, for these memberships at account level, who added which place to their reach
        after the role was given, as the audit tells; one query."""
        refs = {f"{Membership._meta.label_lower}:{key}": key for key in memberships}
        found: dict[Any, dict[PlaceId, Any]] = {key: {} for key in memberships}
        if not refs:
            return found
        events = AuditEvent.objects.filter(
            root=ref_of(self.account),
            subject_ref__in=list(refs),
            action__in=("reach.changed", "role.changed"),
        ).order_by("sequence")
        rows = events.values_list("subject_ref", "action", "actor_ref", "data")
        for subject, action, actor, data in rows:
            places = found[refs[subject]]
            if action == "role.changed":  # whoever gave that role answers for all it reaches
                places.clear()
            elif "added" in data:
                places[data["added"]] = NOBODY
            else:
                for place in self._gained(data["before"], data["after"]):
                    places[place] = _person(actor)
        return found

    def _gained(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> set[PlaceId]:
        if before["all_subaccounts"]:
            return set()
        reached = self.universe | {FUTURE} if after["all_subaccounts"] else set(after["managed"])
        return set(reached - set(before["managed"]))


def _person(ref: str) -> Any:
    """Return the key of the login that an event names as its actor; None for any other."""
    model = get_user_model()
    label, _, key = ref.partition(":")
    return model._meta.pk.to_python(key) if label == model._meta.label_lower else None
