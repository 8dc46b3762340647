"""Access reviews: somebody goes through who has what, line by line."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from teams.models.account import Account, Subaccount, same_account


class AccessReview(models.Model):
    """A review of an account, of one ``subaccount``, or of whoever holds one ``permission``.

    ``digest`` is the SHA-256 of the finished report, which the audit holds too. ``reminded_at`` is
    when its reviewers were last reminded. ``words`` are the names that its report gives: they stay
    as they were when it was started and finished (see ``teams.services.reviews``).
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="reviews")
    subaccount = models.ForeignKey(
        Subaccount, models.CASCADE, null=True, blank=True, related_name="+"
    )
    permission = models.CharField(_("permission"), max_length=60, blank=True)
    name = models.CharField(_("name"), max_length=120)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    started_at = models.DateTimeField(_("started"), default=timezone.now)
    due_at = models.DateTimeField(_("due"))
    reminded_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    finished_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    digest = models.CharField(max_length=64, blank=True)
    words = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("access review")
        verbose_name_plural = _("access reviews")
        constraints = [
            models.UniqueConstraint(fields=["account", "id"], name="accessreview_account_id"),
            same_account(
                "teams_subaccount", key="subaccount", name="accessreview_same_account", cascade=True
            ),
        ]
        indexes = [models.Index(fields=["account", "-id"], name="accessreview_account")]

    def __str__(self) -> str:
        return self.name


class ReviewLine(models.Model):
    """One thing that one person has, or is offered, and what a reviewer said of it.

    ``ref`` names what would be withdrawn as the audit names it ("teams.membership:12"), and
    ``what`` and ``place`` say it in words that stay when it is gone. ``permission`` is the
    codename a toggle or guest access is about. ``state`` is a digest of what it gave when that was
    written down: what is something else by now is not decided. Lines are gone through in the order
    of ``position``. A decision stays when its reviewer's login goes.
    """

    class Kind(models.TextChoices):
        """What it is."""

        ROLE = "role", _("Role")
        TOGGLE = "toggle", _("Optional permission")
        GUEST = "guest", _("Guest access")
        TEAM = "team", _("Place in a team")
        INVITATION = "invitation", _("Pending invitation")
        KEY = "key", _("API key")

    class Decision(models.TextChoices):
        """What was said of it; ``GONE`` where it ended before anybody did."""

        OPEN = "open", _("Open")
        CONFIRMED = "confirmed", _("Confirmed")
        WITHDRAWN = "withdrawn", _("Withdrawn")
        GONE = "gone", _("Gone meanwhile")

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    review = models.ForeignKey(AccessReview, models.CASCADE, related_name="lines")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    person_label = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    ref = models.CharField(max_length=200)
    subaccount = models.ForeignKey(
        Subaccount, models.CASCADE, null=True, blank=True, related_name="+"
    )
    what = models.CharField(max_length=200)
    place = models.CharField(max_length=200)
    permission = models.CharField(max_length=60, blank=True)
    last_sign_in = models.DateTimeField(_("last sign-in"), null=True, blank=True)
    state = models.CharField(max_length=64)
    position = models.PositiveIntegerField(default=0)
    decision = models.CharField(max_length=10, choices=Decision.choices, default=Decision.OPEN)
    reason = models.CharField(max_length=500, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    decided_label = models.CharField(max_length=200, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("line of a review")
        verbose_name_plural = _("lines of reviews")
        constraints = [
            models.UniqueConstraint(fields=["review", "ref", "permission"], name="reviewline_once"),
            models.CheckConstraint(
                condition=Q(decision="open", decided_at=None)
                | ~Q(decision="open") & Q(decided_at__isnull=False),
                name="reviewline_decided_at",
            ),
            same_account(
                "teams_accessreview", key="review", name="reviewline_same_account", cascade=True
            ),
            same_account(
                "teams_subaccount", key="subaccount", name="reviewline_same_place", cascade=True
            ),
        ]
        indexes = [models.Index(fields=["review", "decision"], name="reviewline_decision")]

    def __str__(self) -> str:
        return f"{self.person_label}: {self.what}"
