"""The audit: what happened, append-only and hash-chained per root."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class AuditHead(models.Model):
    """The end of one root's chain; locked while an event is appended, so that none gets lost.

    ``signature`` is of root, sequence and digest: whoever cuts the end of a chain off and writes
    another head cannot sign it.
    """

    root = models.CharField(max_length=100, unique=True)
    sequence = models.PositiveBigIntegerField(default=0)
    digest = models.CharField(max_length=64, default="")
    signature = models.CharField(max_length=100, default="", blank=True)

    def __str__(self) -> str:
        return f"{self.root} #{self.sequence}"


class AuditEvent(models.Model):
    """One thing that happened. Actor and subject are values with a frozen label, not keys.

    A deleted user takes no history along. ``digest`` is the SHA-256 of the event and of the
    ``previous`` digest. ``channel`` is the way it came (``audit.CHANNELS``; empty where nobody
    said), ``request_id`` what all events of one request, command or task share; ``via`` is what
    acted with the actor's rights and on their behalf, an API key for one.
    """

    root = models.CharField(max_length=100)
    sequence = models.PositiveBigIntegerField()
    at = models.DateTimeField()
    actor_ref = models.CharField(max_length=100)
    actor_label = models.CharField(max_length=200)
    action = models.CharField(max_length=60)
    subject_ref = models.CharField(max_length=200)
    subject_label = models.CharField(max_length=200)
    data = models.JSONField(default=dict)
    channel = models.CharField(max_length=20, blank=True, default="")
    request_id = models.CharField(max_length=64, blank=True, default="")
    via_ref = models.CharField(max_length=100, blank=True, default="")
    via_label = models.CharField(max_length=200, blank=True, default="")
    previous = models.CharField(max_length=64, blank=True)
    digest = models.CharField(max_length=64)

    class Meta:
        verbose_name = _("audit event")
        constraints = [
            models.UniqueConstraint(fields=["root", "sequence"], name="auditevent_root_sequence"),
        ]
        indexes = [
            models.Index(fields=["root", "subject_ref"], name="auditevent_subject"),
            models.Index(fields=["root", "actor_ref", "at"], name="auditevent_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.subject_label}"


class AuditCheckpoint(models.Model):
    """The signed end of what was taken out of one root's chain, because it had been kept long
    enough.

    Events up to ``sequence``, whose last has ``digest``, may be deleted and none besides.
    ``state`` is what they came to, as the application above sums it up; ``archive_digest`` is the
    SHA-256 of the file they were written to before. ``signature`` is of all of this.
    """

    root = models.CharField(max_length=100)
    sequence = models.PositiveBigIntegerField()
    digest = models.CharField(max_length=64)
    at = models.DateTimeField()
    last_event_at = models.DateTimeField()
    archive_digest = models.CharField(max_length=64)
    state = models.JSONField(default=dict)
    signature = models.CharField(max_length=100)

    class Meta:
        verbose_name = _("audit checkpoint")
        constraints = [
            models.UniqueConstraint(
                fields=["root", "sequence"], name="auditcheckpoint_root_sequence"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.root} up to #{self.sequence}"
