"""API keys: made, replaced and revoked.

A key is a grant to whoever has its text: at most what its creator holds there, at every call. So
whoever makes one must hold what is put into it, and no key makes or revokes another.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from permissions.errors import Invalid, LimitReached, NotFound
from permissions.lookups import any_of
from permissions.policy.delegate import Code, Refusal
from teams import keys, preconditions
from teams.catalogue import CATALOGUE, GENERATE_API_KEYS
from teams.editions import get
from teams.editions.spec import Edition
from teams.features import off_in
from teams.models import ApiKey, Subaccount
from teams.services.base import changing, in_person, service
from teams.services.change import Change, Entry
from teams.services.gates import clean_end, clean_list, own_subaccount, refuse_archived
from teams.services.inputs import clean_text, expect

NAME_LIMIT = 80
#: so many keys of one subaccount may be alive at once; each is a secret somebody has to look after
MOST = 50
#: how long the old key goes on beside the new one, at most and unless told otherwise
LONGEST_OVERLAP = timedelta(days=7)
OVERLAP = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A new key. ``text`` is the key itself, to be shown once: it is stored nowhere."""

    key: ApiKey
    text: str

    def __repr__(self) -> str:
        """Name the key without its text, which must reach no log and no report of an error."""
        return f"CreatedKey({self.key})"


@service
def create_api_key(
    *,
    actor: Any,
    subaccount: Subaccount,
    name: str,
    scopes: Iterable[str],
    expires_at: datetime | None = None,
) -> CreatedKey:
    """Make a key to ``subaccount`` with ``scopes``, codenames of permissions that the actor holds
    there.

    Needs ``generate_api_keys`` there, and what the edition asks before (UNMET), of the owner too.
    Raises Refused (OUT_OF_SCOPE, with what of the scopes is missing), LimitReached, NotFound or
    Invalid (UNMET, NO_SCOPES, UNKNOWN_PERMISSION, ARCHIVED, ENDED, EMPTY, …).
    """
    subaccount = expect(subaccount, Subaccount, "The subaccount")
    act = f"create an API key for {subaccount.name}"
    with changing(actor, subaccount.account, act=act) as change:
        own = own_subaccount(change, subaccount)
        _gate(change, own, act)
        name = clean_text(name, "The name", limit=NAME_LIMIT)
        wanted = _clean_scopes(scopes)
        _require_scopes(change, own, wanted, act)
        made = _make(change, own, name=name, scopes=wanted, expires_at=clean_end(expires_at))
        change.record("key.created", made.key, **described(made.key))
    return made


@service
def rotate_api_key(*, actor: Any, key: ApiKey, overlap: timedelta = OVERLAP) -> CreatedKey:
    """Replace ``key`` by a new one of the same name, scopes and end, made by the actor; the old
    one goes on for ``overlap``, from nothing to seven days.

    Asks what creating it would. Raises what that does, and Invalid (ALREADY_SO) if it was replaced
    already, DEAD if it was revoked or has expired, OVERLAP.
    """
    stored = stored_key(key)
    act = "replace this API key"
    with changing(actor, stored.account, act=act) as change:
        old = stored_key(key)
        own = old.subaccount
        _gate(change, own, act, named=False)
        overlap = _clean_overlap(overlap)
        if old.replaced_by_id is not None:
            raise Invalid(
                f"{old.name} was replaced already, by {old.replaced_by}.", code="ALREADY_SO"
            )
        if is_over(old):
            raise Invalid(
                f"{old.name} has expired or was revoked. Create a new key instead.", code="DEAD"
            )
        _require_scopes(change, own, frozenset(old.scopes), act)
        made = _make(
            change, own, name=old.name, scopes=frozenset(old.scopes), expires_at=old.expires_at
        )
        end = timezone.now() + overlap
        old.expires_at = min(end, old.expires_at or end)
        old.replaced_by = made.key
        old.save(update_fields=["expires_at", "replaced_by"])
        change.record("key.rotated", old, after=described(made.key), **described(old))
    return made


@service
def revoke_api_key(*, actor: Any, key: ApiKey) -> ApiKey:
    """Make ``key`` worth nothing, from its next call on, in every process; for good.

    For whoever may generate keys there, and for its creator. Raises Refused, NotFound, or Invalid
    (ALREADY_SO).
    """
    stored = stored_key(key)
    act = "revoke this API key"
    with changing(actor, stored.account, act=act) as change:
        own = stored_key(key)
        in_person(act, change.account)
        if own.created_by_id != change.actor.pk:
            change.require(GENERATE_API_KEYS, frozenset({own.subaccount_id}), act, named=False)
        return revoke(change, own)


def revoke(change: Entry, key: ApiKey, **because: Any) -> ApiKey:
    """Revoke ``key``, whoever does, within the account's lock. Raises Invalid (ALREADY_SO)."""
    if key.revoked_at is not None:
        raise Invalid(f"{key.name} is revoked already.", code="ALREADY_SO")
    key.revoked_at = timezone.now()
    key.save(update_fields=["revoked_at"])
    change.record("key.revoked", key, **described(key), **because)
    return key


# what is asked on the way


def why_not(subaccount: Subaccount) -> str:
    """Return why nobody can make a key for ``subaccount`` now, whatever they hold; empty if they
    can."""
    return closed_among(get(subaccount.account.edition), [subaccount]).get(subaccount.pk, "")


def closed_among(edition: Edition, subaccounts: Collection[Subaccount]) -> dict[Any, str]:
    """Return what ``why_not`` says of those of ``subaccounts`` of which it says anything, by key;
    two queries, however many there are."""
    unmet = preconditions.unmet_in(GENERATE_API_KEYS, edition, subaccounts)
    rows = alive(ApiKey.objects.filter(any_of("subaccount_id", [s.pk for s in subaccounts])))
    counted = rows.order_by().values("subaccount_id").annotate(n=Count("pk"))
    full = set(counted.filter(n__gte=MOST).values_list("subaccount_id", flat=True))
    found = {}
    for place in subaccounts:
        if place.is_archived:
            found[place.pk] = f"{place.name} is archived. Restore it first."
        elif "api" in off_in(place):
            found[place.pk] = keys.switched_off(place)
        elif place.pk in unmet:
            found[place.pk] = unmet[place.pk]
        elif place.pk in full:
            found[place.pk] = _full(place)
    return found


def alive(rows: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
    """Return those of ``rows`` that were neither revoked nor have expired."""
    ends = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    return rows.filter(ends, revoked_at=None)


def is_over(key: ApiKey) -> bool:
    """Say whether ``key`` was revoked or has expired, and so can never wake."""
    ended = key.expires_at is not None and key.expires_at <= timezone.now()
    return ended or key.revoked_at is not None


def described(key: ApiKey) -> dict[str, Any]:
    """Return what the record says of ``key``: nothing that opens anything."""
    return {
        "name": key.name,
        "prefix": key.prefix,
        "subaccount": key.subaccount_id,
        "scopes": list(key.scopes),
        "expires_at": key.expires_at.isoformat() if key.expires_at else None,
    }


def _gate(change: Change, subaccount: Subaccount, act: str, *, named: bool = True) -> None:
    """Refuse whoever may not generate keys there, and everybody where nobody can now."""
    in_person(act, change.account)
    here = frozenset({subaccount.pk})
    change.require(GENERATE_API_KEYS, here, act, named=named)
    refuse_archived(subaccount)
    if subaccount.pk not in change.profile.scope(change.account.pk, GENERATE_API_KEYS):
        raise Invalid(f"You cannot {act}: {keys.switched_off(subaccount)}", code="FEATURE_OFF")
    if unmet := preconditions.unmet(GENERATE_API_KEYS, subaccount):
        raise Invalid(f"You cannot {act}: {unmet}", code="UNMET")


def _require_scopes(
    change: Change, subaccount: Subaccount, wanted: frozenset[str], act: str
) -> None:
    """Refuse what the actor does not hold there now, ceilings included."""
    lacking = wanted - frozenset(keys.scopes_in(change.profile, subaccount))
    if lacking:
        here = frozenset({subaccount.pk})
        change.refuse(Refusal(Code.OUT_OF_SCOPE, {(p, ""): here for p in lacking}), act)


def _clean_scopes(scopes: Any) -> frozenset[str]:
    named = clean_list(scopes, "scopes")
    if not all(isinstance(scope, str) for scope in named):
        raise Invalid("Name each scope by its codename, as text.", code="WRONG_TYPE")
    if unknown := sorted(set(named) - {str(permission) for permission in CATALOGUE}):
        raise Invalid(f"There is no permission {unknown[0]!r}.", code="UNKNOWN_PERMISSION")
    if not named:
        raise Invalid("A key without a scope opens nothing. Choose at least one.", code="NO_SCOPES")
    return frozenset(named)


def _clean_overlap(overlap: Any) -> timedelta:
    if not isinstance(overlap, timedelta):
        raise Invalid("The overlap must be a length of time.", code="WRONG_TYPE")
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise Invalid(
            f"The old key may go on for up to {LONGEST_OVERLAP.days} days.", code="OVERLAP"
        )
    return overlap


def _make(
    change: Change,
    subaccount: Subaccount,
    *,
    name: str,
    scopes: frozenset[str],
    expires_at: datetime | None,
) -> CreatedKey:
    """Store a new key. Raises LimitReached."""
    if alive(ApiKey.objects.filter(subaccount=subaccount)).count() >= MOST:
        raise LimitReached(_full(subaccount))
    issued = keys.issue()
    key = ApiKey.objects.create(
        account=change.account,
        subaccount=subaccount,
        name=name,
        prefix=issued.prefix,
        digest=issued.digest,
        scopes=[str(p) for p in CATALOGUE if p in scopes],
        created_by=change.actor,
        expires_at=expires_at,
    )
    return CreatedKey(key, issued.text)


def _full(subaccount: Subaccount) -> str:
    return (
        f"{subaccount.name} has {MOST} API keys in use, as many as a subaccount may have. "
        "Revoke one first."
    )


def stored_key(key: Any) -> ApiKey:
    """Return the key as it is now. Raises Invalid or NotFound."""
    pk = expect(key, ApiKey, "The API key").pk
    rows = ApiKey.objects.select_related("account", "subaccount", "created_by", "replaced_by")
    found = rows.filter(pk=pk).first()
    if found is None:
        raise NotFound("There is no such API key any more.")
    return found
