"""Find what was done to the record by somebody who could write the database.

Each chain is walked from its newest valid checkpoint to its end. The end is signed, so recomputing
every hash does not help, nor does cutting the tail off together with the head. What this cannot
find is a whole database put back to an earlier day, or a chain removed with all that there was of
it: keep ``seals`` elsewhere, and hand them to ``verify_seals``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db import transaction

from permissions.audit.chain import (
    digest,
    is_checkpoint_signed,
    is_signed,
    sign,
    sign_checkpoint,
)
from permissions.models import AuditCheckpoint, AuditEvent, AuditHead

UNSIGNED = "has an end that nobody signed"
FORGED = (
    "has an end with a wrong signature: it was not written by this project, or SECRET_KEY is "
    "another one now and the old one is not among SECRET_KEY_FALLBACKS"
)
FORGED_CHECKPOINT = "is no checkpoint of ours: its signature is wrong"


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with a chain, and where."""

    root: str
    sequence: int
    problem: str


class Flawed(Exception):
    """The record has a flaw: to sign it now would be to vouch for what somebody made of it."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(f"{flaw.root} #{flaw.sequence} {flaw.problem}")
        self.flaw = flaw


@dataclass(frozen=True, slots=True)
class Seal:
    """Where a chain ended at some time, to be kept out of the database's reach."""

    root: str
    sequence: int
    digest: str


def verify(root: str | None = None) -> Iterator[Flaw]:
    """Yield every flaw in the chain of ``root`` (all roots if None): an edited, deleted, inserted,
    reordered or cut-off event, a forged head or checkpoint. Yields nothing for an intact record."""
    for name in _roots() if root is None else [root]:
        yield from _verify_chain(name)


def _roots() -> list[str]:
    found: set[str] = set()
    for model in (AuditHead, AuditEvent, AuditCheckpoint):
        found |= set(model._default_manager.values_list("root", flat=True).distinct())
    return sorted(found)


@dataclass(slots=True)
class _Walk:
    """A walk along one chain: which event comes next, and what it follows; from ``start``, a
    checkpoint, if there is one."""

    root: str
    start: AuditCheckpoint | None
    expected: int = 1
    previous: str = ""
    has_begun: bool = False

    def __post_init__(self) -> None:
        if self.start is not None:
            self.expected, self.previous = self.start.sequence + 1, self.start.digest

    @property
    def at(self) -> tuple[int, str]:
        """Return the number and the digest of the last event."""
        return self.expected - 1, self.previous

    def go_on(self) -> Iterator[Flaw]:
        """Walk to the last event there is now."""
        events = AuditEvent.objects.filter(root=self.root)
        if self.has_begun:
            events = events.filter(sequence__gte=self.expected)
        for event in events.order_by("sequence").iterator():
            if not self.has_begun and event.sequence < self.expected and self.start is not None:
                # covered and still there; what leads from it to the checkpoint vouches for it
                self.expected, self.previous = event.sequence, event.previous
            self.has_begun = True
            yield from self._step(event)

    def _step(self, event: AuditEvent) -> Iterator[Flaw]:
        def flaw(problem: str, sequence: int = event.sequence) -> Flaw:
            return Flaw(self.root, sequence, problem)

        if event.sequence != self.expected:
            yield flaw(f"missing: the next event has number {event.sequence}", self.expected)
        elif event.previous != self.previous:
            yield flaw("does not follow the event before it")
        if digest(event) != event.digest:
            yield flaw("was edited: its content does not match its hash")
        start = self.start
        if start and event.sequence == start.sequence and event.digest != start.digest:
            yield flaw("is not the event that the checkpoint ends with")
        self.expected, self.previous = event.sequence + 1, event.digest


def _verify_chain(root: str, *, trusting: bool = False) -> list[Flaw]:
    """Return every flaw of one chain; walked once more if its old events went meanwhile, or what
    was archived and taken out would look cut out."""
    while True:
        start, found = None, []
        covered = _covered(root)
        for checkpoint in AuditCheckpoint.objects.filter(root=root).order_by("sequence"):
            if trusting or is_checkpoint_signed(checkpoint):
                start = checkpoint
            else:
                found.append(Flaw(root, checkpoint.sequence, FORGED_CHECKPOINT))
        walk = _Walk(root, start)
        found += walk.go_on()
        with transaction.atomic():
            # nobody appends while the end is compared, or what has just happened would look
            # forged; nor does anybody take out, who locks it as well
            head = AuditHead.objects.select_for_update().filter(root=root).first()
            found += [*walk.go_on(), *_flaws_of_end(walk, head, trusting=trusting)]
            if _covered(root) == covered:
                return found


def _covered(root: str) -> int | None:
    """Return up to which event there are checkpoints, whoever wrote them."""
    rows = AuditCheckpoint.objects.filter(root=root).order_by("-sequence")
    return rows.values_list("sequence", flat=True).first()


def _flaws_of_end(walk: _Walk, head: AuditHead | None, *, trusting: bool) -> Iterator[Flaw]:
    sequence, _digest = walk.at
    if walk.start and sequence < walk.start.sequence:
        problem = "missing: what a checkpoint covers goes as a whole"
        yield Flaw(walk.root, sequence + 1, problem)
    if head is None:
        yield Flaw(walk.root, sequence, "has no head: the end of the chain is unknown")
        return
    if (head.sequence, head.digest) != walk.at:
        problem = f"was cut off: the head says {head.sequence} events"
        yield Flaw(walk.root, sequence, problem)
    if not trusting and not is_signed(head):
        yield Flaw(walk.root, head.sequence, FORGED if head.signature else UNSIGNED)


def sign_anew(*, trusting: bool = False) -> int:
    """Sign every end and every checkpoint with the secret key of today; return how many.

    For when SECRET_KEY changes, with the old one among SECRET_KEY_FALLBACKS. Raises Flawed, having
    done nothing, for any flaw; a ``trusting`` caller vouches for ends and checkpoints that are not
    signed by us, for the old key is lost, but for nothing else.
    """
    count = 0
    with transaction.atomic():
        roots = _roots()
        # before anything is looked at, so that what is signed is what was verified
        heads = list(AuditHead.objects.select_for_update().order_by("root"))
        for root in roots:
            for flaw in _verify_chain(root, trusting=trusting):
                raise Flawed(flaw)
        for head in heads:
            AuditHead.objects.filter(pk=head.pk).update(signature=sign(head))
        for checkpoint in AuditCheckpoint.objects.all():
            rows = AuditCheckpoint.objects.filter(pk=checkpoint.pk)
            rows.update(signature=sign_checkpoint(checkpoint))
            count += 1
    return count + len(heads)


def seals() -> Iterator[Seal]:
    """Yield where each chain ends now, by root."""
    for head in AuditHead.objects.order_by("root"):
        yield Seal(head.root, head.sequence, head.digest)


def verify_seals(kept: Iterable[Seal]) -> Iterator[Flaw]:
    """Yield what is not any more as ``kept`` says: a chain that was removed, wound back, or written
    anew from an earlier place on."""
    for seal in kept:
        head = AuditHead.objects.filter(root=seal.root).first()
        if head is None:
            yield Flaw(seal.root, seal.sequence, "is gone: there was a chain with an end here")
        elif head.sequence < seal.sequence:
            yield Flaw(seal.root, head.sequence, f"was wound back: it had {seal.sequence} events")
        elif _passed(seal) not in (seal.digest, None):
            yield Flaw(seal.root, seal.sequence, "was written anew: another event stood here")


def _passed(seal: Seal) -> str | None:
    """Return the digest at the place of ``seal`` now; None if a checkpoint beyond it covers it."""
    rows = {"root": seal.root, "sequence": seal.sequence}
    event = AuditEvent.objects.filter(**rows).first()
    if event is not None:
        return event.digest
    at = AuditCheckpoint.objects.filter(**rows).first()
    if at is not None:
        return at.digest
    later = AuditCheckpoint.objects.filter(root=seal.root, sequence__gt=seal.sequence)
    return None if any(is_checkpoint_signed(one) for one in later) else ""
