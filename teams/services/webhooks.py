"""Webhooks of an account: set up, edited, switched, tested and deleted by whoever runs it.

A webhook is told what its creator may know. So whoever edits one, or switches it on, is its
creator from then on: else somebody could send what another may know to a system of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from permissions import audit
from permissions.errors import Invalid, NotFound
from permissions.policy import TOP
from teams import webhook_wire
from teams.catalogue import MANAGE_ACCOUNT_SETTINGS
from teams.models import Account, Webhook, WebhookDelivery
from teams.services import webhook_delivery
from teams.services.base import changing, service
from teams.services.change import Change, root_key
from teams.services.inputs import clean_text, expect
from teams.services.webhook_delivery import SWITCHED
from teams.services.webhook_message import TESTED
from teams.webhook_areas import AREAS

NAME_LIMIT = 80
#: so many an account can have
LIMIT = 10


@service
def create_webhook(
    *, actor: Any, account: Account, name: str, url: str, areas: Iterable[str] = ()
) -> Webhook:
    """Tell ``url`` of changes of access in ``account`` from now on: of ``areas`` (codenames of
    ``teams.webhook_areas.AREAS``), or of all.

    Needs ``manage_account_settings``, like all here. Raises Refused, or Invalid: NOT_INSTALLED,
    TOO_MANY, UNKNOWN_AREA, WRONG_TYPE, those of ``clean_text`` and of ``webhook_wire.clean_url``.
    """
    act = "set up a webhook"
    with changing(actor, account, act=act) as change:
        change.require(MANAGE_ACCOUNT_SETTINGS, frozenset({TOP}), act)
        if reason := webhook_wire.why_not():
            raise Invalid(reason, code="NOT_INSTALLED")
        if change.account.webhooks.count() >= LIMIT:
            raise Invalid(
                f"{change.account.name} has {LIMIT} webhooks already. Delete one first.",
                code="TOO_MANY",
            )
        hook = Webhook.objects.create(
            account=change.account,
            name=clean_text(name, "The name", limit=NAME_LIMIT),
            url=webhook_wire.clean_url(url),
            areas=_clean_areas(areas),
            created_by=change.actor,
        )
        change.record("webhook.created", hook, **_described(hook))
    return hook


@service
def edit_webhook(
    *, actor: Any, webhook: Webhook, name: str, url: str, areas: Iterable[str] = ()
) -> Webhook:
    """Give ``webhook`` this name, address and areas; it is told what ``actor`` may know then.

    Raises as ``create_webhook`` does, and Invalid (ALREADY_SO).
    """
    with _editing(actor, webhook, "edit the webhook {}") as (change, own):
        before = _described(own)
        theirs = (own.name, own.url, own.areas)
        own.name = clean_text(name, "The name", limit=NAME_LIMIT)
        own.url = webhook_wire.clean_url(url)
        own.areas = _clean_areas(areas)
        if theirs == (own.name, own.url, own.areas):
            raise Invalid(f"{own.name} is so already. Change something.", code="ALREADY_SO")
        own.created_by = change.actor
        own.save(update_fields=["name", "url", "areas", "created_by"])
        change.record("webhook.changed", own, before=before, after=_described(own))
    return own


@service
def renew_webhook_secret(*, actor: Any, webhook: Webhook) -> Webhook:
    """Sign with another secret from now on; the old one is worth nothing at once."""
    with _editing(actor, webhook, "renew the secret of the webhook {}") as (change, own):
        own.version += 1
        own.save(update_fields=["version"])
        change.record("webhook.secret_renewed", own, before=own.version - 1, after=own.version)
    return own


@service
def switch_webhook(*, actor: Any, webhook: Webhook, on: bool) -> Webhook:
    """Switch ``webhook`` on or off; what waits for it when it goes off is dropped.

    Raises Refused, or Invalid: WRONG_TYPE, ALREADY_SO.
    """
    with _editing(actor, webhook, "switch the webhook {}") as (change, own):
        if not isinstance(on, bool):
            raise Invalid("A webhook is on or off: true or false.", code="WRONG_TYPE")
        if on is (own.disabled_at is None):
            raise Invalid(f"{own.name} is {'on' if on else 'off'} already.", code="ALREADY_SO")
        if on:
            own.disabled_at, own.disabled_because, own.created_by = None, "", change.actor
            own.save(update_fields=["disabled_at", "disabled_because", "created_by"])
            change.record(SWITCHED, own, before="off", after="on")
        else:
            who = audit.label_of(change.actor)
            webhook_delivery.put_off(change, own, f"{who} switched it off."[:200])
    return own


@service
def delete_webhook(*, actor: Any, webhook: Webhook) -> None:
    """Delete ``webhook`` with its log; what has not been sent is not sent any more."""
    with _editing(actor, webhook, "delete the webhook {}") as (change, own):
        change.record("webhook.deleted", own, **_described(own))
        own.delete()


@service
def send_webhook_test(*, actor: Any, webhook: Webhook) -> WebhookDelivery:
    """Send ``webhook`` a message that says nothing but who tests it. Raises Refused, or Invalid
    (SWITCHED_OFF)."""
    with _editing(actor, webhook, "test the webhook {}") as (change, own):
        _refuse_off(own)
        event = audit.record(
            root=root_key(change.account), actor=change.actor, action=TESTED, subject=own
        )
        webhook_delivery.put([own], event)
        return own.deliveries.get(sequence=event.sequence)


@service
def send_webhook_again(*, actor: Any, delivery: WebhookDelivery) -> WebhookDelivery:
    """Send once more what was delivered, given up or dropped, with all its repetitions.

    Raises Refused, NotFound, or Invalid: SWITCHED_OFF, ALREADY_SO while it waits.
    """
    delivery = expect(delivery, WebhookDelivery, "The delivery")
    with _editing(actor, delivery.webhook, "send to the webhook {} again") as (change, own):
        _refuse_off(own)
        row = expect(delivery, WebhookDelivery, "The delivery")
        if row.state == WebhookDelivery.State.WAITING:
            raise Invalid("It is on its way already.", code="ALREADY_SO")
        webhook_delivery.put_again(row)
        change.record("webhook.resent", own, event=row.sequence)
    return row


@contextmanager
def _editing(actor: Any, webhook: Any, act: str) -> Iterator[tuple[Change, Webhook]]:
    """Yield the change and the webhook as stored, if the actor may change the account's settings.

    Raises Refused, NotFound or Invalid (WRONG_TYPE).
    """
    found = expect(webhook, Webhook, "The webhook")
    act = act.format(found.name)
    with changing(actor, found.account, act=act) as change:
        own = Webhook.objects.filter(pk=found.pk).first()
        if own is None:
            raise NotFound("The webhook is not there any more.")
        change.require(MANAGE_ACCOUNT_SETTINGS, frozenset({TOP}), act)
        yield change, own


def _refuse_off(webhook: Webhook) -> None:
    if webhook.disabled_at is not None:
        raise Invalid(f"{webhook.name} is switched off. Switch it on first.", code="SWITCHED_OFF")


def _clean_areas(areas: Any) -> list[str]:
    """Return the areas in the order of the table. Raises Invalid: WRONG_TYPE, UNKNOWN_AREA."""
    if isinstance(areas, str | bytes) or not isinstance(areas, Iterable):
        raise Invalid("Name what it is told of as a list.", code="WRONG_TYPE")
    named = list(areas)
    if not all(isinstance(name, str) for name in named):
        raise Invalid("Name each kind of change by its codename, as text.", code="WRONG_TYPE")
    if unknown := [name for name in named if name not in AREAS]:
        raise Invalid(
            f"There is no kind of change {unknown[0][:80]!r}; choose from {', '.join(AREAS)}.",
            code="UNKNOWN_AREA",
        )
    return [name for name in AREAS if name in named]


def _described(webhook: Webhook) -> dict[str, Any]:
    """Return what the audit says of it: the host alone, for the rest may hold a key."""
    return {
        "name": webhook.name,
        "host": urlsplit(webhook.url).netloc,
        "areas": list(webhook.areas),
    }
