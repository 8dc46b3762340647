"""Files that carry contacts in and out."""

from __future__ import annotations

import uuid
from functools import partial
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from teams.models.account import Account, Subaccount, same_account, same_subaccount
from teams.models.resources import MailingList, Segment


def _folder(instance: Any, filename: str) -> str:
    """Return where a file is kept: under a name that says nothing and cannot be guessed."""
    return f"{instance._meta.model_name}/{uuid.uuid4()}.csv"


class Transfer(models.Model):
    """A job that carries contacts in or out, for the person who asked for it.

    ``is_whole`` says that it is about all contacts of the subaccount; if it is not and the list
    or segment has gone, there is nothing left that it is about. ``worker`` is the token of
    whoever carries it out, ``alive_at`` when they were last heard of and ``attempts`` how often
    somebody began since there was progress: a job whose worker died is taken up by another one.
    """

    class Status(models.TextChoices):
        """How far it has come."""

        PREVIEW = "preview", _("Waiting for you")
        WAITING = "waiting", _("Waiting")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Stopped")
        UNDOING = "undoing", _("Being undone")
        UNDONE = "undone", _("Undone")

    #: a worker is to do something about it
    UNFINISHED = (Status.WAITING, Status.RUNNING, Status.UNDOING)

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
    is_whole = models.BooleanField(_("all contacts"), default=True)
    rows_total = models.PositiveIntegerField(_("rows"), default=0)
    rows_done = models.PositiveIntegerField(_("rows done"), default=0)
    worker = models.CharField(max_length=32, blank=True)
    alive_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    problem = models.TextField(_("problem"), blank=True)

    class Meta:
        abstract = True


class ContactImport(Transfer):
    """A CSV file of contacts: uploaded, mapped and previewed, then carried out in the background.

    ``mapping`` is ``{column heading: "email", "first_name", "last_name", "custom:codename" or
    ""}``. ``errors`` is ``[[line, sentence], …]``, the first of them only; ``rejected`` counts
    them all. ``skips_errors`` says whether good rows go in when others are bad. ``left`` counts
    the contacts that were left as they are when it was undone.
    """

    original_name = models.CharField(_("file name"), max_length=200)
    encoding = models.CharField(_("encoding"), max_length=12, blank=True)
    mapping = models.JSONField(_("columns"), default=dict, blank=True)
    skips_errors = models.BooleanField(_("leave out bad rows"), default=False)
    created = models.PositiveIntegerField(_("added"), default=0)
    updated = models.PositiveIntegerField(_("changed"), default=0)
    rejected = models.PositiveIntegerField(_("bad rows"), default=0)
    left = models.PositiveIntegerField(_("left as they are"), default=0)
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
            same_subaccount(
                "teams_mailinglist", key="mailing_list", name="contactimport_same_list"
            ),
        ]
        indexes = [models.Index(fields=["subaccount", "-id"], name="contactimport_subaccount")]

    def __str__(self) -> str:
        # the name of a file may hold an address: never in a label
        return f"Import {self.pk}"


class ImportedRow(models.Model):
    """What one import changed about one contact, so that it can be undone.

    ``created`` says that it added the contact, ``joined`` that it put it on the list, and
    ``changes`` is ``{field: [before, after]}`` of what it wrote, where a field is "email",
    "first_name", "last_name" or "custom:codename" and None stands for no value.
    """

    subaccount = models.ForeignKey(Subaccount, models.CASCADE, related_name="+")
    contact_import = models.ForeignKey(ContactImport, models.CASCADE, related_name="rows")
    contact = models.ForeignKey("Contact", models.CASCADE, related_name="+")
    created = models.BooleanField(default=False)
    changes = models.JSONField(default=dict, blank=True)
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
    ``lists_seen`` are the keys of the lists whose contacts the person saw then; None means that
    teams hid nothing from them.
    """

    segment = models.ForeignKey(Segment, models.SET_NULL, null=True, blank=True, related_name="+")
    is_hashed = models.BooleanField(_("without addresses"), default=True)
    lists_seen = models.JSONField(null=True, blank=True)

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
            same_subaccount(
                "teams_mailinglist", key="mailing_list", name="contactexport_same_list"
            ),
            same_subaccount("teams_segment", key="segment", name="contactexport_same_segment"),
        ]
        indexes = [models.Index(fields=["subaccount", "-id"], name="contactexport_subaccount")]

    def __str__(self) -> str:
        return f"Export {self.pk}"


@receiver(post_delete, sender=ContactImport)
@receiver(post_delete, sender=ContactExport)
def _drop_file(instance: Transfer, **_: Any) -> None:
    """Remove the file of a job that is deleted, alone or with its subaccount."""
    if instance.file:
        transaction.on_commit(partial(instance.file.storage.delete, str(instance.file.name)))
