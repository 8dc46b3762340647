"""What is in the record and changes nobody's access: declared, so that nothing new slips past."""

from __future__ import annotations

from permissions.models import AuditEvent

_ELSEWHERE: set[str] = set()


def leave_alone(*actions: str) -> None:
    """Declare that these actions change nobody's access: a host's, or another application's.

    Called in ``AppConfig.ready``; an action that nobody declared stops the replay.
    """
    _ELSEWHERE.update(actions)


def not_about_access() -> frozenset[str]:
    """Return every action that is declared to be about something else."""
    return frozenset(_ELSEWHERE)


def is_elsewhere(event: AuditEvent) -> bool:
    """Say whether ``event`` is declared to be about something else."""
    return event.action in _ELSEWHERE


leave_alone(
    "write.refused",
    "history.read",
    "audit.exported",
    "audit.pruned",
    "ownership.offered",
    "ownership.withdrawn",
    "ownership.declined",
    "field.created",
    "field.renamed",
    "field.deleted",
    "segment.created",
    "segment.edited",
    "savedrow.created",
    "mailinglist.renamed",
    "mailinglist.changed",
    "messagetemplate.renamed",
    "messagetemplate.changed",
    *(
        f"invitation.{done}"
        for done in (
            "sent", "resent", "mailed", "withdrawn", "changed", "accepted", "voided", "pruned",
        )
    ),
    *(
        f"contact.{done}"
        for done in ("added", "restored", "listed", "unlisted", "edited", "unsubscribed")
    ),
    *(
        f"campaign.{done}"
        for done in (
            "created", "edited", "renamed", "changed", "addressed", "laid_out", "shared", "tested",
            "scheduled", "rescheduled", "unscheduled", "released", "began_sending", "stopped",
            "returned", "sent",
        )
    ),
    *(
        f"{kind}.{done}"
        for kind in ("mailinglist", "segment", "messagetemplate", "campaign", "contact", "savedrow")
        for done in ("archived", "restored")
    ),
    "segment.purged",
    "contact.purged",
    "savedrow.purged",
    "savedrow.deleted",
    *(
        f"contact_import.{done}"
        for done in ("uploaded", "started", "undo_started", "done", "undone", "failed")
    ),
    *(f"contact_export.{done}" for done in ("started", "done", "downloaded")),
    # a key holds nothing that its creator does not hold, and what a review withdraws is an event
    # of its own
    *(f"key.{done}" for done in ("created", "rotated", "revoked", "pruned")),
    *(
        f"review.{done}"
        for done in (
            "started", "refreshed", "reminded", "finished", "line_confirmed", "line_withdrawn",
            "line_gone",
        )
    ),
    *(
        f"webhook.{done}"
        for done in (
            "created", "changed", "switched", "tested", "secret_renewed", "resent", "deleted",
        )
    ),
)  # fmt: skip
