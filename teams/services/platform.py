"""What the platform's operators may do about a tenant: take away, and open an empty account.

Nothing here can give a right inside an account that exists. Every change is judged as that of
somebody who holds nothing at all, and is rolled back if anybody gained anything by it; what a new
account gives is its owner's, and it is empty. Each act stands in the tenant's own audit, as done by
"Platform", with the reason. Operators who want to give access ask the owner to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from permissions import access, audit
from permissions.audit import label_of
from permissions.errors import AlreadyUsed, Invalid, NotFound
from permissions.policy import Standing
from permissions.profile import Profile
from teams import logins, provider
from teams.editions import EDITIONS
from teams.factors import starting_classes
from teams.models import Account, ApiKey, Membership, Subaccount
from teams.replay import built_in
from teams.services import api_keys, departures
from teams.services.base import Change, root_key
from teams.services.gates import stored_membership
from teams.services.inputs import clean_text, expect_user
from teams.services.joining import NAME_LIMIT as PERSON_LIMIT
from teams.services.joining import free_username
from teams.services.places import NAME_LIMIT, SLUG_LIMIT
from teams.services.reasons import because_of
from teams.services.seating import described
from teams.services.senders import clean_address
from teams.services.toggles import admitted, record_switch, switch_off

__all__ = [
    "NewOwner",
    "create_account",
    "remove_as_platform",
    "revoke_key_as_platform",
    "suspend_as_platform",
    "switch_off_as_platform",
]

MOST_SEATS = 1_000_000
#: the short name of an account's own workspace
HOME = "partner"


@dataclass(frozen=True, slots=True)
class NewOwner:
    """An owner who has no login yet. They get one, and choose a password by way of a mail."""

    address: str
    first_name: str
    last_name: str = ""


@dataclass(slots=True)
class PlatformChange(Change):
    """A change by nobody who has a place in the account: no gate lets it pass."""

    because: Mapping[str, Any] = field(default_factory=dict)

    def record(self, action: str, subject: Any, **data: Any) -> None:
        """Append the event, marked as the platform's."""
        Change.record(self, action, subject, **data, **self.because)


def create_account(
    *,
    reason: str,
    slug: str,
    name: str,
    edition: str,
    owner: Any,
    seat_limit: int | None = None,
    operator: Any = None,
) -> Account:
    """Open an empty account, with the edition's own workspace if it has one.

    ``owner`` is a login or a ``NewOwner``. Raises Invalid (UNKNOWN_EDITION, NOT_A_SLUG,
    ALREADY_USED, OPERATOR, LOGIN_EXISTS, NOT_AN_ADDRESS, …).
    """
    because = because_of(reason, operator)
    slug, name = _clean_slug(slug), clean_text(name, "The name", limit=NAME_LIMIT)
    wanted: Any = edition
    if not isinstance(wanted, str) or wanted not in EDITIONS:
        known = ", ".join(EDITIONS)
        raise Invalid(
            f"There is no edition {edition!r}; choose one of {known}.", code="UNKNOWN_EDITION"
        )
    seats = _clean_seats(seat_limit)
    taken = AlreadyUsed(f"The short name {slug} is taken. Choose another one.")
    if Account.objects.filter(slug=slug).exists():
        raise taken
    with transaction.atomic():
        is_new = isinstance(owner, NewOwner)
        person = _new_login(owner) if is_new else expect_user(owner, "The owner")
        try:
            with transaction.atomic():  # somebody else may have been quicker
                account = Account.objects.create(
                    slug=slug,
                    name=name,
                    edition=edition,
                    owner=person,
                    seat_limit=seats,
                    second_factor=starting_classes(),
                )
        except IntegrityError:
            raise taken from None
        _record_new(account, because, is_new=is_new)
    return account


def _record_new(account: Account, because: Mapping[str, Any], *, is_new: bool) -> None:
    """Record the first event of an account, and make its own workspace where there is one."""
    first: list[tuple[str, Any, dict[str, Any]]] = [
        (
            "account.created",
            account,
            {
                "slug": account.slug,
                "name": account.name,
                "edition": account.edition,
                "owner": str(account.owner_id),
                "person": label_of(account.owner),
                "new_login": is_new,
                "seat_limit": account.seat_limit,
                "second_factor": account.second_factor,
                "built_in": built_in(account.edition),
            },
        )
    ]
    if EDITIONS[account.edition].has_home:
        home = Subaccount.objects.create(
            account=account, slug=HOME, name=account.name, is_home=True
        )
        made = {"name": home.name, "slug": home.slug, "home": True}
        first.append(("subaccount.created", home, made))
    for action, subject, data in first:
        audit.record(
            root=root_key(account),
            actor=audit.PLATFORM,
            action=action,
            subject=subject,
            data={**data, **because},
        )
    access.forget()


def suspend_as_platform(*, reason: str, membership: Membership, operator: Any = None) -> Membership:
    """Switch a membership off, keeping it as it is. Raises Invalid if it is off."""
    because = because_of(reason, operator)
    stored = stored_membership(membership)
    with _changing(stored, because, act=f"suspend {label_of(stored.user)}") as change:
        return departures.suspend(change, stored_membership(membership))


def remove_as_platform(*, reason: str, membership: Membership, operator: Any = None) -> None:
    """Take a membership away, with all that ``remove_member`` takes away."""
    because = because_of(reason, operator)
    stored = stored_membership(membership)
    with _changing(stored, because, act=f"remove {label_of(stored.user)}") as change:
        stored = stored_membership(membership)
        change.record("member.removed", stored, before=described(stored))
        departures.take_away(change, stored)


def switch_off_as_platform(
    *, reason: str, membership: Membership, toggle: str, operator: Any = None
) -> Membership:
    """Switch a toggle of ``membership`` off. Raises NotToggleable or Invalid."""
    because = because_of(reason, operator)
    stored = stored_membership(membership)
    act = f"switch {toggle} off for {label_of(stored.user)}"
    with _changing(stored, because, act=act) as change:
        stored = stored_membership(membership)
        spec, _label = admitted(change, stored.role, stored.custom_role, toggle)
        before = switch_off(stored, toggle, spec)
        record_switch(change, stored, toggle, spec, before=before, after=False)
    return stored


@transaction.atomic
def revoke_key_as_platform(*, reason: str, key: ApiKey, operator: Any = None) -> ApiKey:
    """Revoke an API key, as ``revoke_api_key`` does. Raises Invalid (ALREADY_SO) or NotFound."""
    because = because_of(reason, operator)
    change = _open(api_keys.stored_key(key).account_id, because)
    try:
        return api_keys.revoke(change, api_keys.stored_key(key))
    finally:
        access.forget()


@contextmanager
def _changing(
    membership: Membership, because: Mapping[str, Any], *, act: str
) -> Iterator[PlatformChange]:
    """Lock the account, yield the change, and refuse it if anybody gained anything."""
    try:
        with transaction.atomic():
            change = _open(membership.account_id, because)
            change.people = [membership.user]
            change.before = {membership.user.pk: change.look(membership.user)}
            yield change
            change.judge(act)
    finally:
        access.forget()


def _open(key: int, because: Mapping[str, Any]) -> PlatformChange:
    account = Account.objects.select_for_update(no_key=True).filter(pk=key).first()
    if account is None:
        raise NotFound("The account is not there any more.")
    tenant = provider.load_profile(account.owner, recorded=True).tenants.get(account.pk)
    if tenant is None:
        raise Invalid(
            f"{account.name} has the edition {account.edition}, which does not exist.",
            code="UNKNOWN_EDITION",
        )
    places = Subaccount.objects.filter(account=account).values_list("pk", "name")
    return PlatformChange(
        actor=audit.PLATFORM,
        account=account,
        edition=EDITIONS[account.edition],
        root=tenant.root,
        standing=Standing(None),
        profile=Profile(None, {account.pk: replace(tenant, standing=Standing(None))}),
        names=dict(places),
        because=because,
    )


# what it is given


def _clean_slug(value: Any) -> str:
    slug = clean_text(value, "The short name", limit=SLUG_LIMIT)
    if slug != slugify(slug):
        raise Invalid(
            "The short name may hold lower-case letters, digits and hyphens.", code="NOT_A_SLUG"
        )
    return slug


def _clean_seats(value: Any) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST_SEATS:
        raise Invalid(
            f"The seats must be a number from 1 to {MOST_SEATS:,}, the owner's counted.",
            code="SEATS",
        )
    return value


def _new_login(owner: NewOwner) -> Any:
    """Create the login: the address is the platform's word, and shown to be theirs by the mail
    without which nobody can sign in."""
    address = clean_address(owner.address, "The owner's address").lower()
    if not address:
        raise Invalid("The owner's address is empty.", code="EMPTY")
    first = clean_text(owner.first_name, "The owner's first name", limit=PERSON_LIMIT)
    last = owner.last_name
    if last != "":
        last = clean_text(last, "The owner's last name", limit=PERSON_LIMIT)
    known = logins.current()
    # also of a login that is switched off, or whose address is not confirmed: one login each
    if known.find(address) is not None or logins.having(address):
        raise Invalid(
            f"There is a login with the address {address}. Name that one as the owner.",
            code="LOGIN_EXISTS",
        )
    return known.create(
        address=address, username=free_username(address), password=None, names=(first, last)
    )
