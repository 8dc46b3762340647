"""What a webhook is told of an event: as much as its creator may know, as long as they may set it
up. Asked anew at every attempt."""

from __future__ import annotations

import json

from django.core.serializers.json import DjangoJSONEncoder

from permissions import access
from permissions.audit import label_of
from permissions.models import AuditEvent
from permissions.policy import TOP
from teams.catalogue import MANAGE_ACCOUNT_SETTINGS
from teams.event_sight import Reader
from teams.event_words import Words
from teams.models import Webhook, WebhookDelivery

TESTED = "webhook.tested"


def message_id(row: WebhookDelivery) -> str:
    """Return what a receiver knows a message by: the same at every attempt."""
    return f"wh{row.webhook_id}-{row.sequence}"


def body_of(hook: Webhook, event: AuditEvent) -> str:
    """Return the message about ``event``, as JSON.

    As it is stored for an owner's webhook alone: that names things and places, and numbers, which
    whoever else may know of the event need not see. They are told it in words, as its page does.
    """
    reader = Reader.of(hook.created_by, hook.account)
    words = Words.to(reader, [event])
    said = {
        "id": f"wh{hook.pk}-{event.sequence}",
        "type": event.action,
        "sequence": event.sequence,
        "at": event.at,
        "account": {"slug": hook.account.slug, "name": hook.account.name},
        "actor": words.actor(event),
        "in_words": words.sentence(event),
    }
    if reader.acts_as_owner:
        said["subject"] = {"ref": event.subject_ref, "label": event.subject_label}
        said["data"] = event.data
    return json.dumps(said, cls=DjangoJSONEncoder, ensure_ascii=False)


def why_dead(hook: Webhook) -> str:
    """Return why ``hook`` is told nothing any more; empty if it is.

    It lives by its creator's right to set it up, as it is now.
    """
    creator = hook.created_by
    if creator is None or not creator.is_active or creator.is_staff or creator.is_superuser:
        return "Whoever set it up has no login any more."
    profile = access.profile_of(creator, fresh=True)
    if TOP not in profile.scope(hook.account_id, MANAGE_ACCOUNT_SETTINGS):
        return f"{label_of(creator)}, who set it up, may not change the account's settings now."
    return ""


def knows(hook: Webhook, event: AuditEvent) -> bool:
    """Say whether the creator of ``hook`` may know of ``event``; everybody of their own test."""
    return event.action == TESTED or Reader.of(hook.created_by, hook.account).knows(event)
