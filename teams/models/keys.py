"""API keys: what acts in one subaccount with a part of its creator's rights."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from teams.models.account import Account, Subaccount, same_account


class ApiKey(models.Model):
    """A key to the API, for one subaccount.

    Its secret is shown once and kept as its SHA-256 (``digest``, hexadecimal); ``prefix`` is the
    part by which it is found and people recognise it. ``scopes`` are codenames of permissions: it
    holds those of them that its creator holds there now, and is dead without the creator.
    ``expires_at`` also ends what another key replaced (``replaced_by``). ``minute`` and ``calls``
    count the calls of the running minute.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    subaccount = models.ForeignKey(
        Subaccount, models.CASCADE, related_name="api_keys", verbose_name=_("subaccount")
    )
    name = models.CharField(_("name"), max_length=80)
    prefix = models.CharField(_("prefix"), max_length=16, unique=True)
    digest = models.CharField(max_length=64)
    scopes = models.JSONField(_("scopes"), default=list)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("created by"),
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)
    replaced_by = models.OneToOneField(
        "self", models.SET_NULL, null=True, blank=True, related_name="replaces"
    )
    minute = models.DateTimeField(null=True, blank=True)
    calls = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        constraints = [
            same_account(
                "teams_subaccount", key="subaccount", name="apikey_same_account", cascade=True
            ),
        ]
        indexes = [
            models.Index(fields=["subaccount", "-id"], name="apikey_subaccount"),
            models.Index(fields=["account", "-id"], name="apikey_account"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class ApiCall(models.Model):
    """The answer to a call that named an idempotency key, so that the same call is done once.

    ``request_digest`` is the SHA-256 of method, path and body. Without a ``status`` the call is
    still being carried out, or died.
    """

    key = models.ForeignKey(ApiKey, models.CASCADE, related_name="answered")
    idempotency_key = models.CharField(max_length=255)
    request_digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["key", "idempotency_key"], name="apicall_once"),
        ]
        indexes = [models.Index(fields=["created_at"], name="apicall_created")]

    def __str__(self) -> str:
        return self.idempotency_key
