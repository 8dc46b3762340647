"""Teams: people who share lists and templates."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from teams.models.account import Account


class Team(models.Model):
    """A named group of people; what it is given are grants to ``group`` on lists and templates.

    ``TeamMembership`` is the only record of who is in it; ``user.groups`` is never filled. An
    archived team is empty for good: its people and its things went to another team, or nowhere.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="teams")
    name = models.CharField(_("name"), max_length=80)
    group = models.OneToOneField(Group, models.PROTECT, related_name="team", editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    archived_at = models.DateTimeField(_("archived"), null=True, blank=True)

    class Meta:
        verbose_name = _("team")
        verbose_name_plural = _("teams")
        constraints = [
            models.UniqueConstraint(fields=["account", "id"], name="team_account_id"),
            # the name of an archived team is free again
            models.UniqueConstraint(
                "account",
                Lower("name"),
                condition=models.Q(archived_at=None),
                name="team_account_name",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class TeamMembership(models.Model):
    """One person in one team, until ``ends_at`` if that is set."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="team_memberships"
    )
    ends_at = models.DateTimeField(_("ends at"), null=True, blank=True)
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    added_at = models.DateTimeField(_("added at"), default=timezone.now)

    class Meta:
        verbose_name = _("team membership")
        constraints = [
            models.UniqueConstraint(fields=["user", "team"], name="teammembership_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.team}"
