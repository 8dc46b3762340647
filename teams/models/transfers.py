"""Files that carry contacts in and out."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from teams.models.account import Account, Subaccount, same_account, same_subaccount
from teams.models.resources import MailingList, Segment


def _folder(instance: Any, filename: str) -> str:
    """Return where a file is kept: under a name that says nothing and cannot be guessed."""
    return f"{instance._meta.model_name}/{uuid.uuid4()}.csv"


class Transfer(models.Model):
    """A job that carries contacts in or out, for the person who asked for it."""

    class Status(models.TextChoices):
        """How far it has come."""

        PREVIEW = "preview", _("Waiting for you")
        WAITING = "waiting", _("Waiting")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        UNDONE = "undone", _("Undone")

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    subaccount = models.ForeignKey(Subaccount, models.CASCADE, related_name="%(class)ss")
    mailing_list = models.ForeignKey(
        MailingList, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("asked for by")
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    status = models.CharField(_("state"), max_length=10, choices=Status.choices)
    file = models.FileField(_("file"), upload_to=_folder, blank=True)
    rows_done = models.PositiveIntegerField(_("rows done"), default=0)
    problem = models.TextField(_("problem"), blank=True)

    class Meta:
        abstract = True


class ContactImport(Transfer):
    """A CSV file of contacts: uploaded, mapped and previewed, then carried out in the background.

    ``mapping`` is ``{column heading: "email", "first_name", "last_name", "custom:codename" or
    ""}``. ``errors`` is ``[[line, sentence], …]``, the first of them only; ``rejected`` counts
    them all. ``skips_errors`` says whether good rows go in when others are bad.
    """

    original_name = models.CharField(_("file name"), max_length=200)
    mapping = models.JSONField(_("columns"), default=dict, blank=True)
    skips_errors = models.BooleanField(_("leave out bad rows"), default=False)
    created = models.PositiveIntegerField(_("added"), default=0)
    updated = models.PositiveIntegerField(_("changed"), default=0)
    rejected = models.PositiveIntegerField(_("bad rows"), default=0)
    errors = models.JSONField(_("errors"), default=list, blank=True)

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        constraints = [
            models.UniqueConstraint(fields=["subaccount", "id"], name="contactimport_place_id"),
            same_account(
                "teams_subaccount",
                key="subaccount",
                name="contactimport_same_account",
                cascade=True,
            ),
        ]
        indexes = [models.Index(fields=["subaccount", "-id"], name="contactimport_subaccount")]

    def __str__(self) -> str:
        return self.original_name


class ImportedRow(models.Model):
    """What one import changed about one contact, so that it can be undone.

    ``before`` is what the contact was: empty for one that the import created, else the values of
    the fields it wrote. ``joined`` says that it put the contact on the list.
    """

    subaccount = models.ForeignKey(Subaccount, models.CASCADE, related_name="+")
    contact_import = models.ForeignKey(ContactImport, models.CASCADE, related_name="rows")
    contact = models.ForeignKey("Contact", models.CASCADE, related_name="+")
    before = models.JSONField(default=dict, blank=True)
    joined = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["contact_import", "contact"], name="importedrow_once"),
            same_subaccount(
                "teams_contactimport",
                key="contact_import",
                name="importedrow_same_import",
                cascade=True,
            ),
            same_subaccount(
                "teams_contact", key="contact", name="importedrow_same_contact", cascade=True
            ),
        ]

    def __str__(self) -> str:
        return f"{self.contact_import_id}: {self.contact_id}"


class ContactExport(Transfer):
    """A CSV file of contacts, for whoever asked for it and while they still may.

    ``is_hashed`` says that it holds hashes in place of addresses: settled when it is made.
    """

    segment = models.ForeignKey(Segment, models.SET_NULL, null=True, blank=True, related_name="+")
    is_hashed = models.BooleanField(_("without addresses"), default=True)

    class Meta:
        verbose_name = _("export")
        verbose_name_plural = _("exports")
        constraints = [
            same_account(
                "teams_subaccount",
                key="subaccount",
                name="contactexport_same_account",
                cascade=True,
            ),
        ]
        indexes = [models.Index(fields=["subaccount", "-id"], name="contactexport_subaccount")]

    def __str__(self) -> str:
        return f"Export {self.pk}"
