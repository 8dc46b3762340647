"""What people work on inside a subaccount."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import validate_slug
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from teams.addresses import holds_address
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
    """Return the indexes of a large list: the newest of an account, and of a subaccount.

    The first also says where each row lies, so that all but the archived subaccounts are counted
    without a look at the rows.
    """
    return [
        models.Index(fields=["account", "-id", "subaccount"], name=f"{table}_account"),
        models.Index(fields=["subaccount", "-id"], name=f"{table}_subaccount"),
    ]


class Archivable(models.Model):
    """What can be put away: kept with everything that hangs on it, offered nowhere, restorable.

    Only what is archived can be purged.
    """

    archived_at = models.DateTimeField(_("archived"), null=True, blank=True)

    class Meta:
        abstract = True

    @property
    def is_archived(self) -> bool:
        """Say whether it has been put away."""
        return self.archived_at is not None


class MailingList(Archivable, InSubaccount):
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


class CustomField(models.Model):
    """A field that one subaccount's contacts have beyond name and address.

    Its values are in ``Contact.fields`` under ``codename``, which never changes.
    """

    class Kind(models.TextChoices):
        """What a value must look like."""

        TEXT = "text", _("Text")
        NUMBER = "number", _("Number")
        DATE = "date", _("Date")
        YES_NO = "yes_no", _("Yes or no")

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    subaccount = models.ForeignKey(Subaccount, models.CASCADE, related_name="custom_fields")
    codename = models.CharField(_("short name"), max_length=40, validators=[validate_slug])
    label = models.CharField(_("name"), max_length=80)
    kind = models.CharField(_("type"), max_length=10, choices=Kind.choices, default=Kind.TEXT)
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        verbose_name = _("contact field")
        verbose_name_plural = _("contact fields")
        constraints = [
            models.UniqueConstraint(
                fields=["subaccount", "codename"], name="customfield_subaccount_codename"
            ),
            models.UniqueConstraint(
                "subaccount", Lower("label"), name="customfield_subaccount_label"
            ),
            same_account(
                "teams_subaccount", key="subaccount", name="customfield_same_account", cascade=True
            ),
        ]

    def __str__(self) -> str:
        return self.label


class Segment(Archivable, InSubaccount):
    """A saved filter over contacts, of one list or of the whole subaccount.

    ``rules`` is ``{"match": "all" or "any", "rules": [{"field": codename or "custom:codename",
    "test": codename, "value": text}, …]}``; ``teams.services.segments`` says what may stand there.
    """

    mailing_list = models.ForeignKey(
        MailingList, models.CASCADE, null=True, blank=True, related_name="segments"
    )
    rules = models.JSONField(_("rules"), default=dict, blank=True)

    class Meta(InSubaccount.Meta):
        verbose_name = _("segment")
        verbose_name_plural = _("segments")
        constraints = [
            *_belongs("segment"),
            same_subaccount(
                "teams_mailinglist", key="mailing_list", name="segment_same_list", cascade=True
            ),
        ]
        indexes = _indexes("segment")


class Blocks(models.Model):
    """Content made of rows, one below the other, and the same as plain text.

    ``rows`` is ``[{"key": text, "html": sanitised HTML, "row_locked": bool, "contents_locked":
    bool}, …]``; ``teams.services.content`` says who may change what of it. ``text`` is the plain
    part of the mail; empty means that it is made from the rows.
    """

    rows = models.JSONField(_("rows"), default=list, blank=True)
    text = models.TextField(_("text part"), blank=True)

    class Meta:
        abstract = True


class SavedRow(InSubaccount):
    """A row kept for use in other templates and campaigns of its subaccount."""

    html = models.TextField(_("contents"))

    class Meta(InSubaccount.Meta):
        verbose_name = _("saved row")
        verbose_name_plural = _("saved rows")
        constraints = _belongs("savedrow")
        indexes = _indexes("savedrow")


class MessageTemplate(Archivable, Blocks, InSubaccount):
    """The layout that campaigns start from."""

    class Meta(InSubaccount.Meta):
        verbose_name = _("message template")
        verbose_name_plural = _("message templates")
        constraints = _belongs("messagetemplate")
        indexes = _indexes("messagetemplate")


class Campaign(Archivable, Blocks, InSubaccount):
    """A mailing; it uses a list and a template of its own subaccount.

    It goes to the contacts of ``mailing_list`` that ``segment`` leaves. ``rows`` and ``text`` are
    its own: copied from the template when that is chosen. Who gets it is settled when it is
    scheduled or sent (``Delivery``), and so is what they get: changing list, segment or template
    afterwards changes nothing.
    """

    class Status(models.TextChoices):
        """How far the mailing has come."""

        DRAFT = "draft", _("Draft")
        SCHEDULED = "scheduled", _("Scheduled")
        SENDING = "sending", _("Sending")
        SENT = "sent", _("Sent")

    #: settled, and not yet over
    ON_ITS_WAY = (Status.SCHEDULED, Status.SENDING)

    subject = models.CharField(_("subject"), max_length=200, blank=True)
    status = models.CharField(
        _("state"), max_length=10, choices=Status.choices, default=Status.DRAFT
    )
    mailing_list = models.ForeignKey(
        MailingList, models.PROTECT, null=True, blank=True, related_name="campaigns"
    )
    segment = models.ForeignKey(
        Segment, models.PROTECT, null=True, blank=True, related_name="campaigns"
    )
    template = models.ForeignKey(
        MessageTemplate, models.PROTECT, null=True, blank=True, related_name="campaigns"
    )
    sender_name = models.CharField(_("sender"), max_length=120, blank=True)
    sender_email = models.EmailField(_("sender's address"), blank=True)
    reply_to = models.EmailField(_("replies go to"), blank=True)
    scheduled_at = models.DateTimeField(_("scheduled for"), null=True, blank=True)
    scheduled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    problem = models.CharField(_("why it did not go out"), max_length=300, blank=True)

    class Meta(InSubaccount.Meta):
        verbose_name = _("campaign")
        verbose_name_plural = _("campaigns")
        constraints = [
            *_belongs("campaign"),
            same_subaccount("teams_mailinglist", key="mailing_list", name="campaign_same_list"),
            same_subaccount("teams_messagetemplate", key="template", name="campaign_same_template"),
            same_subaccount("teams_segment", key="segment", name="campaign_same_segment"),
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


class Contact(Archivable):
    """A subscriber: one address in one subaccount. Never a login.

    ``fields`` holds the values of the subaccount's custom fields by codename: text, a number as
    text, a date as ``YYYY-MM-DD``, or true and false.
    """

    class Status(models.TextChoices):
        """Whether mail may be sent to them; only they themselves end an unsubscription."""

        SUBSCRIBED = "subscribed", _("Subscribed")
        UNSUBSCRIBED = "unsubscribed", _("Unsubscribed")

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    subaccount = models.ForeignKey(Subaccount, models.CASCADE, related_name="contacts")
    email = models.EmailField(_("address"))
    first_name = models.CharField(_("first name"), max_length=80, blank=True)
    last_name = models.CharField(_("last name"), max_length=80, blank=True)
    status = models.CharField(
        _("state"), max_length=12, choices=Status.choices, default=Status.SUBSCRIBED
    )
    unsubscribed_at = models.DateTimeField(_("unsubscribed"), null=True, blank=True)
    fields = models.JSONField(_("fields"), default=dict, blank=True)
    imported_by = models.ForeignKey(
        "ContactImport", models.SET_NULL, null=True, blank=True, related_name="contacts"
    )
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
        # the address is personal data that some may not see: never in a label, where it is masked
        # not even of those who have it for a name
        name = f"{self.first_name} {self.last_name}".strip()
        if holds_address(name, self.email) and self.account.masks_addresses:
            return self.audit_label
        return name or self.audit_label

    @property
    def audit_label(self) -> str:
        """Return what the audit calls them: it outlives the contact, so by no name of theirs."""
        return f"Contact {self.pk}"


class ListMembership(models.Model):
    """A contact on a list of the same subaccount."""

    subaccount = models.ForeignKey(Subaccount, models.CASCADE, related_name="+")
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="+")
    mailing_list = models.ForeignKey(MailingList, models.CASCADE, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["mailing_list", "contact"], name="listmembership_list")]
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


class Delivery(models.Model):
    """One message of one campaign to one contact: the record that makes sending resumable.

    A worker marks a row as being sent before it speaks to the mail server, and as sent
    afterwards. A row found half way belongs to a worker that died: nobody knows whether that
    message left, so it is never sent again and shown as unconfirmed.

    ``email`` and ``values`` (merge fields by name, as text) are what the contact had when the
    campaign was scheduled: who edits contacts afterwards changes neither where it goes nor what
    it says. ``unsubscribed_at`` is when the contact left through this very message.
    """

    class Status(models.TextChoices):
        """How far the message has come."""

        WAITING = "waiting", _("Waiting")
        SENDING = "sending", _("Being sent")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Failed")
        SKIPPED = "skipped", _("Left out")
        UNCONFIRMED = "unconfirmed", _("Unconfirmed")

    subaccount = models.ForeignKey(Subaccount, models.CASCADE, related_name="+")
    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="deliveries")
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="deliveries")
    status = models.CharField(
        _("state"), max_length=12, choices=Status.choices, default=Status.WAITING
    )
    email = models.EmailField(_("address"), blank=True)
    values = models.JSONField(_("merge fields"), default=dict, blank=True)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    note = models.CharField(_("note"), max_length=200, blank=True)
    at = models.DateTimeField(_("last change"), default=timezone.now)
    unsubscribed_at = models.DateTimeField(_("unsubscribed"), null=True, blank=True)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        indexes = [
            models.Index(fields=["campaign", "status", "id"], name="delivery_campaign_status")
        ]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "contact"], name="delivery_once"),
            same_subaccount(
                "teams_campaign", key="campaign", name="delivery_same_campaign", cascade=True
            ),
            same_subaccount(
                "teams_contact", key="contact", name="delivery_same_contact", cascade=True
            ),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id} to {self.contact_id}"
