"""What every service does the same way: lock, load, judge the effect, record.

A change of rights is carried out inside the transaction and then judged (``change``): a refusal
rolls it back, and is recorded after that.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from django.contrib.auth import get_user_model
from django.db import connection, transaction

from permissions import access, audit
from permissions.errors import Invalid, NotFound, OutOfScope, Refused
from teams import read_only
from teams.models import Account
from teams.services import kept
from teams.services.change import Change, root_key
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
