"""Whoever acts by an API key does what its scopes say, where it is, and nothing else.

An owner's key is the worst case. Every service is called by one that has no scope, by one that has
all of them in another subaccount, and by one that has all of them here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import transaction

from permissions import access
from permissions.errors import NotFound, ServiceError
from permissions.models import AuditEvent
from teams import keys, services
from teams.catalogue import CATALOGUE
from teams.factories import SubaccountFactory
from teams.models import ApiKey, Subaccount
from teams.services import newcomer_giving
from tests.services.test_bad_input import GOOD, Cast
from tests.services.test_read_only import BESIDES
from tests.services.world import World, stored

pytestmark = [pytest.mark.once, pytest.mark.django_db]

EVERYTHING = [str(permission) for permission in CATALOGUE]

#: what Sailthru lets whoever manages teams, or gives roles, anywhere do: none of it gives anybody
#: anything
OF_NO_SUBACCOUNT = {"create_role", "create_team", "rename_team", "archive_team"}

#: what takes being the person, or nobody but the person at the keyboard
IN_PERSON = {
    "accept_invitation",
    "join",
    "leave",
    "leave_account",
    "offer_ownership",
    "withdraw_transfer",
    "decline_transfer",
    "accept_ownership",
    "create_api_key",
    "rotate_api_key",
    "revoke_api_key",
    "discard_import",
    "continue_import",
    "discard_export",
    "continue_export",
}
#: what no key does, whatever is in it: this, and what is asked of the account or another subaccount
NEVER = IN_PERSON | {
    "set_second_factor",
    "set_team_mode",
    "set_accent",
    "set_address_masking",
    "set_manager_reach",
    "create_subaccount",
    "archive_subaccount",
    "restore_subaccount",
    "create_subaccount_group",
    "rename_subaccount_group",
    "set_subaccount_group",
    "delete_subaccount_group",
    "share_campaign",
    "suspend_in_account",
    "reactivate_in_account",
    "remove_from_account",
    "create_webhook",
    "edit_webhook",
    "renew_webhook_secret",
    "switch_webhook",
    "delete_webhook",
    "send_webhook_test",
    "send_webhook_again",
    # of a review of the whole account
    "refresh_review",
    "finish_review",
}

Call = tuple[Any, Callable[[], Any]]


def key_of(person: Any, place: Subaccount, *scopes: str, **extra: Any) -> ApiKey:
    """Return a key as it is stored, whatever its creator holds."""
    issued = keys.issue()
    return ApiKey.objects.create(
        account=place.account,
        subaccount=place,
        name="Reach",
        prefix=issued.prefix,
        digest=issued.digest,
        scopes=list(scopes),
        created_by=person,
        **extra,
    )


def calls(cast: dict[str, Any]) -> dict[str, Callable[[], Call]]:
    """Return, by service, what prepares a call that would succeed, with whoever makes it."""

    def of_table(name: str) -> Callable[[], Call]:
        def prepare() -> Call:
            asked = GOOD[name](cast)
            actor = asked.get("actor", cast["invitee"])
            return actor, lambda: getattr(services, name)(**asked)

        return prepare

    def beside(name: str) -> Callable[[], Call]:
        return lambda: (cast["actor"], BESIDES[name](cast))

    return {name: of_table(name) for name in GOOD} | {name: beside(name) for name in BESIDES}


@contextmanager
def taken_back() -> Iterator[None]:
    """Undo the block."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def answers(
    cast: dict[str, Any], scopes: list[str], place_in: Callable[[World], Subaccount]
) -> dict[str, str]:
    """Return what each service answers a key of whoever would succeed, in that subaccount of the
    same account: the code of the refusal, or "done"."""
    found = {}
    places = {w.account.pk: place_in(w) for w in (cast["w"], cast["emma"])}
    for name, prepare in calls(cast).items():
        with taken_back():
            actor, call = prepare()
            tenants = access.profile_of(actor).tenants
            root = next(iter(tenants), cast["account"].pk)
            key = key_of(actor, places[root], *scopes)
            before = stored()
            try:
                with transaction.atomic(), keys.acting(key):
                    result = call()
                said = getattr(result, "kind", None) == newcomer_giving.Kind.REFUSED
                found[name] = result.code if said else "done"
            except ServiceError as refusal:
                found[name] = refusal.code
                said = True
            assert not said or stored() == before, name
    return found


def done(found: dict[str, str]) -> set[str]:
    return {name for name, answer in found.items() if answer == "done"}


def north(w: World) -> Subaccount:
    return w.north


def south(w: World) -> Subaccount:
    return w.south


@pytest.fixture
def cast() -> dict[str, Any]:
    return Cast.side()


def test_a_key_without_scopes_does_nothing(cast: dict[str, Any]) -> None:
    assert done(answers(cast, [], lambda w: w.south)) == set()


def test_a_key_with_every_scope_does_nothing_in_another_subaccount(cast: dict[str, Any]) -> None:
    found = answers(cast, EVERYTHING, lambda w: SubaccountFactory(account=w.account))
    assert done(found) == OF_NO_SUBACCOUNT


@pytest.mark.deep
def test_a_key_with_every_scope_does_the_work_and_nothing_of_the_account(
    cast: dict[str, Any],
) -> None:
    here = [answers(cast, EVERYTHING, place) for place in (north, south)]
    refused = set(here[0]) - done(here[0]) - done(here[1])
    assert refused == NEVER
    codes = {found[name] for found in here for name in IN_PERSON}
    assert codes <= {"IN_PERSON", "NOT_FOUND"}
    assert {here[0][name] for name in IN_PERSON} == {"IN_PERSON"}


def test_a_key_acts_for_its_creator_alone(cast: dict[str, Any]) -> None:
    """Whoever is named as the actor, a key is nobody else's."""
    w = cast["w"]
    other = w.manager(role="account_admin").user
    key = key_of(w.owner, w.south, *EVERYTHING)
    with keys.acting(key):
        with pytest.raises(NotFound):
            services.rename_list(actor=other, mailing_list=cast["mailing_list"], name="Mine")
        with pytest.raises(NotFound):
            services.rename_subaccount(actor=other, subaccount=w.south, name="Mine")
        services.rename_list(actor=w.owner, mailing_list=cast["mailing_list"], name="Mine")
    event = AuditEvent.objects.latest("pk")
    assert (event.channel, event.via_label) == ("api", str(key))
