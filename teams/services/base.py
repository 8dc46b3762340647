"""What every service does the same way: lock, load, judge the effect, record.

A change of rights is carried out inside the transaction and then judged by what it did: the
effective rights of everybody it touches are compared before and after, and the transaction is
rolled back if the actor does not hold what was added. So a service cannot forget a case.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, ParamSpec, TypeVar

from django.contrib.auth import get_user_model
from django.db import connection, transaction

from permissions import access, audit
from permissions.errors import (
    Invalid,
    Missing,
    NotFound,
    OutOfScope,
    OwnerRequired,
    OwnRights,
    RankTooHigh,
    Refused,
)
from permissions.policy import (
    FUTURE,
    TOP,
    Atoms,
    Holding,
    PlaceId,
    Refusal,
    Root,
    Standing,
    added_atoms,
    atoms,
    covers,
    may_grant,
    may_manage,
    rank_at,
    sources_at,
)
from permissions.policy.delegate import Code
from permissions.profile import Profile
from permissions.resources import Resource, registry
from teams import provider, read_only
from teams.catalogue import CATALOGUE
from teams.editions import get
from teams.editions.spec import Edition
from teams.models import Account, Subaccount
from teams.services import kept
from teams.services.inputs import expect, expect_user

P = ParamSpec("P")
T = TypeVar("T")
log = logging.getLogger("teams.refused")


def service(function: Callable[P, T]) -> Callable[P, T]:
    """Run ``function`` in one transaction, and record a refusal after it has been rolled back.

    Inside a transaction of the caller the refusal is left to the caller to record (see
    ``record_refused``): it would be rolled back with everything else.
    """

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        nested = connection.in_atomic_block
        try:
            with transaction.atomic():
                return function(*args, **kwargs)
        except Refused as refusal:
            access.forget()
            if not nested:
                record_refused(kwargs["actor"], refusal, verb=function.__name__)
            raise
        except Invalid:
            access.forget()
            raise

    return run


def in_person(act: str, account: Account | None = None) -> None:
    """Refuse an API key what asks no permission, but who somebody is: leaving, accepting, fetching
    what one asked for. Raises OutOfScope (IN_PERSON)."""
    if access.narrowing() is None:
        return
    error = OutOfScope(
        f"You cannot {act} with an API key: only the person can, signed in.", code="IN_PERSON"
    )
    error.account = account
    raise error


def record_refused(actor: Any, refusal: Refused, *, verb: str) -> None:
    """Record a refused write in the actor's own account, never in the one that was attacked."""
    tenants = access.profile_of(actor, fresh=True).tenants
    attempted = refusal.account
    key: Any = attempted.pk if attempted is not None and attempted.pk in tenants else None
    if key is None:
        key = next(iter(sorted(tenants, key=str)), None)
    if key is None:
        log.warning("refused %s of %s: %s", verb, audit.ref_of(actor), refusal.code)
        return
    account = Account.objects.get(pk=key)
    audit.record_refusal(
        root=root_key(account), actor=actor, subject=account, refusal=refusal, verb=verb
    )


def root_key(account: Account) -> str:
    """Return the name of the account's audit chain."""
    return audit.ref_of(account)


@dataclass(slots=True)
class Entry:
    """What is written down of one change inside one account; ``actor`` None is the system."""

    actor: Any
    account: Account

    def record(self, action: str, subject: Any, **data: Any) -> None:
        """Append the event to the account's chain and forget what was known before."""
        audit.record(
            root=root_key(self.account),
            actor=self.actor,
            action=action,
            subject=subject,
            data=data,
        )
        access.forget()


@dataclass(slots=True)
class Change(Entry):
    """One change inside one account, from the lock to the verdict."""

    edition: Edition
    root: Root
    standing: Standing
    profile: Profile
    names: Mapping[PlaceId, str]
    people: list[Any] = field(default_factory=list)
    asked: frozenset[PlaceId] = frozenset()
    before: dict[Any, tuple[Sequence[Holding], Sequence[Holding]]] = field(default_factory=dict)

    @classmethod
    def open(cls, actor: Any, account: Account, profile: Profile) -> Change | None:
        """Return the change ``actor`` would make there; None if they have nothing in it."""
        tenant = profile.tenants.get(account.pk)
        if tenant is None or not tenant.standing.holdings:
            return None
        names = Subaccount.objects.filter(account=account).values_list("pk", "name")
        return cls(
            actor=actor,
            account=account,
            edition=get(account.edition),
            root=tenant.root,
            standing=tenant.standing,
            profile=profile,
            names=dict(names),
        )

    @property
    def universe(self) -> frozenset[PlaceId]:
        """Return every place of the account there is."""
        return frozenset(self.names)

    # what is asked before anything is written

    def require(
        self, permission: str, places: frozenset[PlaceId], act: str, *, named: bool = True
    ) -> None:
        """Refuse unless the actor holds ``permission`` at all of ``places``, ceilings aside.

        Unless whoever asks ``named`` these places, a refusal names only those they work in.
        """
        lacking = frozenset(
            p for p in places if not sources_at(self.standing, self.root, permission, p)
        )
        self.asked |= places if named else frozenset()
        if lacking:
            self.refuse(Refusal(Code.OUT_OF_SCOPE, {(permission, ""): lacking}), act)

    def require_managing(
        self, target: Any, places: frozenset[PlaceId], act: str, *, rank: int = 0, peer: str = ""
    ) -> None:
        """Refuse unless the actor may touch what ``target`` has, or is about to get, there.

        Without a target, somebody who has nothing yet.
        ``rank`` and ``peer`` are those of the role at stake.
        """
        self.asked |= places
        standing = Standing(None) if target is None else self.recorded_of(target)
        ranked = any(role.rank is not None for role in self.edition.roles)
        theirs = max(rank, rank_at(standing.holdings, places))
        peers = {role.peer for role in self.edition.roles if role.rank == theirs and role.peer}
        is_peer = bool(peers) and all(
            sources_at(self.standing, self.root, permission, place)
            for permission in peers
            for place in places
        )
        refusal = may_manage(
            self.standing,
            standing,
            places=places,
            root=self.root,
            universe=self.universe,
            ranked=ranked,
            rank=theirs,
            peer=is_peer,
        )
        if refusal is not None:
            self.refuse(refusal, act, person=target)

    def standing_of(self, person: Any) -> Standing:
        """Return what ``person`` has in this account right now."""
        return self.standing_in(person.pk, access.profile_of(person, fresh=True))

    def recorded_of(self, person: Any) -> Standing:
        """Return what is recorded for ``person`` here, also what is suspended or has ended.

        Rank and coverage are asked of this: somebody suspended is no easier prey, and what they
        are given while they sleep is theirs when they wake.
        """
        return self.standing_in(person.pk, provider.load_profile(person, recorded=True))

    def standing_in(self, key: Any, profile: Profile) -> Standing:
        """Return what ``profile`` says of the person ``key`` in this account."""
        tenant = profile.tenants.get(self.account.pk)
        # the owner is the owner even while their login is switched off
        is_owner = self.account.owner_id == key
        standing = tenant.standing if tenant else Standing(key)
        return replace(standing, person=key, is_owner=is_owner)

    # what is judged afterwards

    def watch(self, *people: Any) -> None:
        """Judge what the change does to ``people`` too; called before anything is written.

        For those who are found once the account is locked.
        """
        self.people += people
        self.before |= {person.pk: self.look(person) for person in people}

    def look(self, person: Any) -> tuple[Sequence[Holding], Sequence[Holding]]:
        """Return what is recorded for ``person``, and what counts of it now.

        Guest access that sleeps with its person's roles was given once and is not given again
        when they wake; it counts among what is recorded only.
        """
        counting = self.standing_of(person).holdings
        awake = tuple(h for h in counting if h.source.kind != "guest")
        return self.recorded_of(person).holdings, awake

    def judge(self, act: str) -> None:
        """Refuse, and so roll back, if anybody gained what the actor does not hold."""
        for person in self.people:
            gained: dict[tuple[str, str], frozenset[PlaceId]] = {}
            for before, after in zip(self.before[person.pk], self.look(person), strict=True):
                added = added_atoms(before, after, self.root, self.universe)
                for key, places in added.items():
                    gained[key] = gained.get(key, frozenset()) | places
            own = gained and person.pk == self.actor.pk
            if own and (access.narrowing() or not self.standing.is_owner):
                self.refuse(Refusal(Code.OWN_RIGHTS, gained), act)
            refusal = may_grant(self.standing, gained, root=self.root, universe=self.universe)
            if refusal is not None:
                self.refuse(refusal, act)
            self.judge_sight(person, gained, act)

    def is_limited(self, resource: Resource, place: PlaceId) -> bool:
        """Say whether teams limit what the actor sees there, ceilings aside: an archived
        subaccount hides nothing from those who see all of it once it is restored."""
        limits = self.profile.tenants[self.account.pk].limits
        free = bool(resource.limited) and sources_at(
            self.standing, self.root, resource.unlimited_by, place
        )
        return resource.limited in limits and not free

    def judge_sight(self, person: Any, gained: Atoms, act: str) -> None:
        """Refuse if what was gained counts on lists or templates that teams hide from the actor."""
        places = {place for places in gained.values() for place in places}
        for resource in registry:
            limited = {place for place in places if self.is_limited(resource, place)}
            if not limited:
                continue
            theirs = access.profile_of(person, fresh=True).shared(resource)
            hidden = theirs - self.profile.shared(resource)
            for obj in resource.model._default_manager.filter(pk__in=hidden):
                _root, place = resource.locate(obj)
                if place in limited:
                    view = (str(resource.actions["view"]), "")
                    self.refuse(Refusal(Code.OUT_OF_SCOPE, {view: frozenset({place})}), act)

    def judge_atoms(self, gained: Atoms, act: str) -> None:
        """Refuse if ``gained`` holds anything the actor does not hold."""
        missing = covers(atoms(self.standing.holdings, self.root, self.universe), gained)
        if missing:
            self.refuse(Refusal(Code.OUT_OF_SCOPE, missing), act)

    # how it is said

    def refuse(self, refusal: Refusal, act: str, *, person: Any = None) -> None:
        """Raise the refusal as a sentence: the act, what is missing, and where."""
        missing = self.missing(refusal.missing)
        who = audit.label_of(person) if person is not None else "that person"
        error: Refused
        match refusal.code:
            case Code.OWN_RIGHTS:
                error = OwnRights(f"You cannot {act}: nobody changes their own rights.")
            case Code.OWNER_REQUIRED:
                error = OwnerRequired(f"You cannot {act}: nobody touches the owner's rights.")
            case Code.RANK_TOO_HIGH:
                rest = f" They hold {_listed(missing)}, which you do not." if missing else ""
                error = RankTooHigh(
                    f"You cannot {act}: {who} is not below you there.{rest}", missing=missing
                )
            case _:
                lack = "which you do not hold there"
                if self.sleeps(refusal.missing):
                    lack = "which sleeps until you set up a second factor"
                error = OutOfScope(
                    f"You cannot {act}: it needs {_listed(missing)}, {lack}.", missing=missing
                )
        error.account = self.account
        raise error

    def sleeps(self, lacking: Atoms) -> bool:
        """Say whether the actor would hold all of ``lacking`` if nothing of theirs slept."""
        standing = self.standing
        everything = atoms((*standing.holdings, *standing.asleep), self.root, self.universe)
        return bool(standing.asleep) and not covers(everything, lacking)

    def missing(self, lacking: Atoms) -> list[Missing]:
        """Return ``lacking`` with labels and names of places, one line per permission and place.

        Only places the actor works in or has named themselves are named.
        """
        names = {TOP: self.account.name, FUTURE: "every future subaccount"} | {
            place: name
            for place, name in self.names.items()
            if place in self.asked
            or any(place in holding.reach for holding in self.standing.holdings)
        }
        found = {
            (str(CATALOGUE[permission].label), permission, names.get(place, "another subaccount"))
            for (permission, _condition), places in lacking.items()
            for place in places
        }
        return [Missing(code, label, place) for label, code, place in sorted(found)]


def _listed(missing: Sequence[Missing]) -> str:
    shown = [f"{m.label} in {m.place}" for m in missing[:3]]
    more = len(missing) - len(shown)
    return " and ".join([", ".join(shown), f"{more} more"] if more else shown)


def acts_for_another(actor: Any) -> bool:
    """Say whether ``actor`` is named by an API key that is somebody else's."""
    narrowing = access.narrowing()
    return narrowing is not None and narrowing.person != actor.pk


@contextmanager
def changing(
    actor: Any, account: Any, *people: Any, act: str, while_read_only: bool = False
) -> Iterator[Change]:
    """Lock the account, yield the change, and judge what it did to ``people``.

    ``act`` completes the sentence "You cannot …". Raises NotFound for an actor who has nothing in
    this account: a foreign account looks like a missing one; ReadOnlyAccount while nobody may
    change anything in it. ``while_read_only`` is for paying, and for leaving: nobody is kept where
    they do not want to be. Taking rights away from others is not among it: the platform can
    (``teams.services.platform``), and so can the owner as soon as it is paid.
    """
    actor = expect_user(actor, "The actor")
    account = expect(account, Account, "The account")
    people = tuple(expect(person, get_user_model(), "The person") for person in people)
    locked = Account.objects.select_for_update(no_key=True).filter(pk=account.pk).first()
    change = None
    if locked is not None and not acts_for_another(actor):
        change = Change.open(actor, locked, access.profile_of(actor, fresh=True))
    if change is None:
        raise NotFound("There is no such account among yours.")
    if not while_read_only:
        read_only.refuse(change.account, act)
    change.watch(*people)
    with kept.keeping(change.account.pk):
        yield change
    change.judge(act)
