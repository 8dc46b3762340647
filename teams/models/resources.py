"""What people work on inside a subaccount."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import validate_slug
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from teams.models.account import Account, Subaccount, same_account, same_subaccount


class InSubaccount(models.Model):
    """Fields of everything that lives in a subaccount.

    ``account`` repeats the subaccount's account, held equal by a composite key, so that an
    owner's list is a filter on one column.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    subaccount = models.ForeignKey(Subaccount, models.CASCADE, related_name="%(class)ss")
    slug = models.CharField(_("short name"), max_length=60, validators=[validate_slug])
    name = models.CharField(_("name"), max_length=120)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name


def _belongs(table: str) -> list[models.BaseConstraint]:
    """Return the constraints every model in a subaccount has."""
    return [
        models.UniqueConstraint(fields=["subaccount", "id"], name=f"{table}_subaccount_id"),
        models.UniqueConstraint(fields=["subaccount", "slug"], name=f"{table}_subaccount_slug"),
        same_account(
            "teams_subaccount", key="subaccount", name=f"{table}_same_account", cascade=True
        ),
    ]


def _indexes(table: str) -> list[models.Index]:
    return [
        models.Index(fields=["account", "-id"], name=f"{table}_account"),
        models.Index(fields=["subaccount", "-id"], name=f"{table}_subaccount"),
    ]


class MailingList(InSubaccount):
    """A list of contacts that campaigns are sent to."""

    class Kind(models.TextChoices):
        """A primary list is one people subscribe to; a secondary one is derived."""

        PRIMARY = "primary", _("Primary")
        SECONDARY = "secondary", _("Secondary")

    kind = models.CharField(_("type"), max_length=10, choices=Kind.choices, default=Kind.PRIMARY)

    class Meta(InSubaccount.Meta):
        verbose_name = _("mailing list")
        verbose_name_plural = _("mailing lists")
        constraints = _belongs("mailinglist")
        indexes = _indexes("mailinglist")


class MessageTemplate(InSubaccount):
    """The layout that campaigns start from."""

    class Meta(InSubaccount.Meta):
        verbose_name = _("message template")
        verbose_name_plural = _("message templates")
        constraints = _belongs("messagetemplate")
        indexes = _indexes("messagetemplate")


class Campaign(InSubaccount):
    """A mailing; it uses a list and a template of its own subaccount."""

    class Status(models.TextChoices):
        """How far the mailing has come."""

        DRAFT = "draft", _("Draft")
        SCHEDULED = "scheduled", _("Scheduled")
        SENT = "sent", _("Sent")

    subject = models.CharField(_("subject"), max_length=200, blank=True)
    status = models.CharField(
        _("state"), max_length=10, choices=Status.choices, default=Status.DRAFT
    )
    mailing_list = models.ForeignKey(
        MailingList, models.PROTECT, null=True, blank=True, related_name="campaigns"
    )
    template = models.ForeignKey(
        MessageTemplate, models.PROTECT, null=True, blank=True, related_name="campaigns"
    )
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)

    class Meta(InSubaccount.Meta):
        verbose_name = _("campaign")
        verbose_name_plural = _("campaigns")
        constraints = [
            *_belongs("campaign"),
            same_subaccount("teams_mailinglist", key="mailing_list", name="campaign_same_list"),
            same_subaccount("teams_messagetemplate", key="template", name="campaign_same_template"),
        ]
        indexes = _indexes("campaign")


class Result(Campaign):
    """A campaign seen from afterwards: a page of its own for whoever reads results.

    The same rows under the same grants; what differs is the permission asked (``ACCESS_RESPONSE``).
    """

    class Meta:
        proxy = True
        verbose_name = _("result")
        verbose_name_plural = _("results")


class Contact(models.Model):
    """A subscriber: one address in one subaccount. Never a login."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    subaccount = models.ForeignKey(Subaccount, models.CASCADE, related_name="contacts")
    email = models.EmailField(_("address"))
    first_name = models.CharField(_("first name"), max_length=80, blank=True)
    last_name = models.CharField(_("last name"), max_length=80, blank=True)
    lists = models.ManyToManyField(MailingList, through="ListMembership", related_name="contacts")
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")
        constraints = [
            models.UniqueConstraint(fields=["subaccount", "id"], name="contact_subaccount_id"),
            models.UniqueConstraint("subaccount", Lower("email"), name="contact_subaccount_email"),
            same_account(
                "teams_subaccount", key="subaccount", name="contact_same_account", cascade=True
            ),
        ]
        indexes = _indexes("contact")

    def __str__(self) -> str:
        # the address is personal data that some may not see: never in a label
        return f"{self.first_name} {self.last_name}".strip() or f"Contact {self.pk}"


class ListMembership(models.Model):
    """A contact on a list of the same subaccount."""

    subaccount = models.ForeignKey(Subaccount, models.CASCADE, related_name="+")
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="+")
    mailing_list = models.ForeignKey(MailingList, models.CASCADE, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["contact", "mailing_list"], name="listmembership_once"),
            same_subaccount(
                "teams_contact", key="contact", name="listmembership_same_contact", cascade=True
            ),
            same_subaccount(
                "teams_mailinglist",
                key="mailing_list",
                name="listmembership_same_list",
                cascade=True,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.contact_id} on {self.mailing_list_id}"
