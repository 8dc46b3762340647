"""The audit: what happened, append-only and hash-chained per root."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class AuditHead(models.Model):
    """The end of one root's chain; locked while an event is appended, so that none gets lost."""

    root = models.CharField(max_length=100, unique=True)
    sequence = models.PositiveBigIntegerField(default=0)
    digest = models.CharField(max_length=64, default="")

    def __str__(self) -> str:
        return f"{self.root} #{self.sequence}"


class AuditEvent(models.Model):
    """One thing that happened. Actor and subject are values with a frozen label, not keys.

    A deleted user takes no history along. ``digest`` is the SHA-256 of the event and of the
    ``previous`` digest.
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
