"""What is put away, brought back, and removed for good; and what must not be, for it is used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone

from permissions.errors import Invalid
from permissions.resources import registry
from teams import keeping
from teams.catalogue import PURGE_ARCHIVED
from teams.models import (
    Archivable,
    Campaign,
    Contact,
    Delivery,
    MailingList,
    MessageTemplate,
    Segment,
)
from teams.services.base import service
from teams.services.items import Work, at_work
from teams.services.suppression import suppress


def _deletes(obj: Any) -> str:
    """Return the permission that archiving ``obj`` needs. Raises Invalid (WRONG_TYPE)."""
    if not isinstance(obj, Archivable):
        raise Invalid(f"There is no archive for {type(obj).__name__}.", code="WRONG_TYPE")
    return registry.of(obj).actions["delete"]


@contextmanager
def _deleting(actor: Any, obj: Any, act: str) -> Iterator[Work[Any]]:
    """Yield the work for whoever may delete ``obj`` and the like of it in its subaccount.

    A guest works with the one thing they were given; to take it away from everybody is not theirs.
    """
    permission = _deletes(obj)
    with at_work(actor, obj, permission, act=f"{act} {_called(obj)}") as work:
        work.require(permission, work.subaccount)
        yield work


def _called(obj: Any) -> str:
    """Return what a refusal calls ``obj``: it is recorded, and the record outlives the object."""
    return str(getattr(obj, "audit_label", None) or obj)


@service
def archive_item(*, actor: Any, obj: Any) -> Any:
    """Put a list, segment, template, campaign or contact away; whoever may delete it may.

    It keeps everything that hangs on it and is offered nowhere. Raises Refused, or Invalid:
    ALREADY_SO, and IN_USE while something scheduled or being sent needs it.
    """
    with _deleting(actor, obj, "archive") as work:
        item = work.obj
        if item.is_archived:
            raise Invalid(f"{item} is archived already.", code="ALREADY_SO")
        refuse_on_its_way(item, "archived")
        item.archived_at = timezone.now()
        item.save(update_fields=["archived_at"])
        work.record(f"{item._meta.model_name}.archived", item)
    return item


@service
def restore_item(*, actor: Any, obj: Any) -> Any:
    """Bring back what was archived; whoever may delete it may. Raises Invalid (ALREADY_SO)."""
    with _deleting(actor, obj, "restore") as work:
        item = work.obj
        if not item.is_archived:
            raise Invalid(f"{item} is not archived.", code="ALREADY_SO")
        item.archived_at = None
        item.save(update_fields=["archived_at"])
        work.record(f"{item._meta.model_name}.restored", item)
    return item


@service
def purge_item(*, actor: Any, obj: Any, confirm: Any) -> dict[str, int]:
    """Remove for good what is archived, if ``confirm`` is its name; return how many rows of what.

    Needs ``purge_archived`` and sight of the object. With a contact go the messages to them, and so
    the figures of campaigns become smaller; that they unsubscribed is kept. Raises Refused, or
    Invalid: NOT_ARCHIVED, WRONG_NAME, IN_USE where something that is kept needs it, and KEPT
    where somebody above does (``teams.keeping``).
    """
    _deletes(obj)
    view = registry.of(obj).actions["view"]
    with at_work(actor, obj, view, PURGE_ARCHIVED, act=f"purge {_called(obj)}") as work:
        item = work.obj
        if not item.is_archived:
            raise Invalid(f"{item} is not archived. Archive it first.", code="NOT_ARCHIVED")
        if not isinstance(confirm, str) or confirm.strip() != str(item):
            raise Invalid(f"Type the name, {item}, to confirm.", code="WRONG_NAME")
        return remove(work, item)


def remove(work: Work[Any], item: Any, *, event: str = "purged") -> dict[str, int]:
    """Delete ``item`` and what goes with it, record it, and return how many rows of what.

    Raises Invalid: IN_USE, naming what keeps it by kind only, and KEPT (``teams.keeping``).
    """
    key, label, kind = item.pk, str(item), item._meta.model_name
    counts: Counter[str] = Counter()
    refuse_used(item)
    if reason := keeping.because(item):
        raise Invalid(reason, code="KEPT")
    if isinstance(item, Contact):
        suppress(item)
    try:
        if isinstance(item, MailingList):
            # first, to be counted: Django deletes the list before what may be without one, and
            # then the database has taken them along
            counts.update(item.segments.all().delete()[1])
        counts.update(item.delete()[1])
    except models.ProtectedError as error:  # a host's own models may refer to ours
        kinds = sorted({str(row._meta.verbose_name_plural) for row in error.protected_objects})
        raise Invalid(
            f"{label} is used by {' and '.join(kinds)}. Archive it instead, or remove those first.",
            code="IN_USE",
        ) from None
    item.pk = key  # the event names what is gone
    work.record(f"{kind}.{event}", item, counts=counts)
    return counts


def on_its_way(model: type[models.Model], keys: Collection[Any]) -> frozenset[Any]:
    """Return which rows of ``model`` a mailing needs that is scheduled or being sent."""
    paths: dict[type[models.Model], str] = {
        Campaign: "pk",
        MailingList: "mailing_list",
        Segment: "segment",
    }
    path = paths.get(model._meta.concrete_model or model)
    if path is None:  # what is written is settled when a campaign is scheduled
        return frozenset()
    rows = Campaign.objects.filter(status__in=Campaign.ON_ITS_WAY, **{f"{path}__in": keys})
    return frozenset(rows.values_list(path, flat=True))


def refuse_on_its_way(item: Any, done: str) -> None:
    """Refuse what a mailing needs that is scheduled or being sent. Raises Invalid (IN_USE)."""
    if on_its_way(type(item), [item.pk]):
        why = (
            "it is scheduled or being sent"
            if isinstance(item, Campaign)
            else "a campaign that is scheduled or being sent uses it"
        )
        raise Invalid(f"{item} cannot be {done} now: {why}.", code="IN_USE")


def refuse_used(item: Any) -> None:
    """Refuse to remove what campaigns are made of, whom one was tried for that is not over, and
    what a segment would go with that is not put away itself. Raises Invalid (IN_USE)."""
    refuse_on_its_way(item, "removed")
    uses = Campaign.objects.none()
    match item:
        case Contact():
            _refuse_tried(item)
        case MailingList():
            uses = Campaign.objects.filter(Q(mailing_list=item) | Q(segment__mailing_list=item))
        case Segment() | MessageTemplate():
            uses = item.campaigns.all()
    if uses.exists():
        advice = "Purge that first." if item.is_archived else "Archive it instead."
        raise Invalid(f"{item} is used by a campaign. {advice}", code="IN_USE")
    if isinstance(item, MailingList) and item.segments.filter(archived_at=None).exists():
        raise Invalid(f"{item} has segments. Archive those first.", code="IN_USE")


def _refuse_tried(contact: Contact) -> None:
    """Refuse to remove whom a campaign was tried for that may go out again: that they got it would
    be forgotten, and they get it twice when they are added again. Raises Invalid (IN_USE)."""
    rows = contact.deliveries.exclude(campaign__status=Campaign.Status.SENT)
    # of what is being sent, a worker may take any that waits at this moment
    waits = Q(status=Delivery.Status.WAITING) & ~Q(campaign__status=Campaign.Status.SENDING)
    if rows.exclude(waits).exists():
        raise Invalid(
            f"{contact} is among those for whom a campaign was tried that is not over, and could "
            "get it twice. Wait until it was sent, or archive and purge that campaign first.",
            code="IN_USE",
        )
