"""A company and the clients it works for."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import validate_slug
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from permissions.constraints import CompositeForeignKey


class TeamMode(models.TextChoices):
    """What teams limit: nothing, mailing lists, or mailing lists and message templates."""

    OFF = "off", _("Off")
    LISTS = "lists", _("For lists")
    LISTS_AND_TEMPLATES = "lists_and_templates", _("For lists and templates")


class Account(models.Model):
    """A company with exactly one owner, run by one edition's rules.

    ``single_bill`` and ``reseller`` are conditions that some roles depend on. ``accent`` is the
    colour of its console ("#rrggbb"; empty for the product's own). ``masks_addresses`` says that
    who may not take addresses out in files does not see them on pages either. ``second_factor``
    lists whose rights sleep until they have set up a second factor (``teams.factors``);
    ``seat_limit`` is how many people may have a place, pending invitations counted (None: any
    number). ``read_only_because`` says why nobody may change anything in it now; empty if they may.
    """

    class ReadOnly(models.TextChoices):
        """Why an account may be looked at and not changed."""

        UNPAID = "unpaid", _("An invoice has not been paid")

    slug = models.SlugField(_("short name"), max_length=60, unique=True)
    name = models.CharField(_("name"), max_length=120)
    edition = models.CharField(_("edition"), max_length=40)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="owned_accounts",
        verbose_name=_("owner"),
    )
    team_mode = models.CharField(
        _("teams"), max_length=20, choices=TeamMode.choices, default=TeamMode.OFF
    )
    masks_addresses = models.BooleanField(_("mask addresses on pages too"), default=False)
    single_bill = models.BooleanField(_("single bill"), default=False)
    reseller = models.BooleanField(_("reseller"), default=False)
    accent = models.CharField(_("colour"), max_length=7, blank=True)
    second_factor = models.JSONField(_("second factor asked of"), default=list, blank=True)
    seat_limit = models.PositiveIntegerField(_("seats"), null=True, blank=True)
    read_only_because = models.CharField(
        _("read-only"), max_length=10, choices=ReadOnly.choices, blank=True
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        constraints = [
            models.CheckConstraint(
                condition=Q(team_mode__in=TeamMode.values), name="account_team_mode_known"
            ),
            models.CheckConstraint(
                condition=Q(read_only_because__in=["", "unpaid"]), name="account_read_only_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


#: subaccounts that some rule treats unlike the others: few, and looked up for every profile
SPECIAL = (
    Q(is_home=True)
    | Q(archived_at__isnull=False)
    | Q(billed_directly=True)
    | Q(features_off__gt="")
)


class Subaccount(models.Model):
    """One client's workspace, or the account's own (``is_home``, where the edition has one).

    ``features_off`` names the features (``teams.features``) that nobody has there, with blanks
    between them.
    """

    account = models.ForeignKey(
        Account, models.CASCADE, related_name="subaccounts", verbose_name=_("account")
    )
    slug = models.CharField(_("short name"), max_length=60, validators=[validate_slug])
    name = models.CharField(_("name"), max_length=120)
    is_home = models.BooleanField(_("own workspace"), default=False)
    billed_directly = models.BooleanField(_("billed directly"), default=False)
    archived_at = models.DateTimeField(_("archived"), null=True, blank=True)
    features_off = models.CharField(_("switched off"), max_length=200, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        verbose_name = _("subaccount")
        verbose_name_plural = _("subaccounts")
        constraints = [
            models.UniqueConstraint(fields=["account", "id"], name="subaccount_account_id"),
            models.UniqueConstraint(fields=["account", "slug"], name="subaccount_account_slug"),
            models.UniqueConstraint("account", Lower("name"), name="subaccount_account_name"),
            models.UniqueConstraint(
                fields=["account"], condition=Q(is_home=True), name="subaccount_one_home"
            ),
            models.CheckConstraint(
                condition=Q(is_home=False) | Q(archived_at__isnull=True),
                name="subaccount_home_not_archived",
            ),
        ]
        indexes = [models.Index(fields=["account"], condition=SPECIAL, name="subaccount_special")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_archived(self) -> bool:
        """Say whether the subaccount is inert."""
        return self.archived_at is not None


def same_account(table: str, *, key: str, name: str, cascade: bool = False) -> CompositeForeignKey:
    """Return the constraint that (account, ``key``) is a row of ``table`` in that account."""
    return CompositeForeignKey(
        fields=("account", key),
        to_table=table,
        to_columns=("account_id", "id"),
        name=name,
        cascade=cascade,
    )


def same_subaccount(
    table: str, *, key: str, name: str, cascade: bool = False
) -> CompositeForeignKey:
    """Return the constraint that (subaccount, ``key``) is a row of ``table`` in that subaccount."""
    return CompositeForeignKey(
        fields=("subaccount", key),
        to_table=table,
        to_columns=("subaccount_id", "id"),
        name=name,
        cascade=cascade,
    )
