"""What every service about the things in a subaccount does the same way.

Lists, contacts, segments, templates, campaigns: work, not rights. Nobody's rights change by it, so
there is nothing to compare afterwards; the account is locked, the rights are read afresh, and the
permission is asked of the very object as it is stored now.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.text import slugify

from permissions import access, audit, grants
from permissions.errors import Invalid, Missing, NotFound, OutOfScope
from permissions.policy import Denial, Source
from permissions.profile import Profile
from permissions.resources import Resource, registry
from teams.catalogue import CATALOGUE, PURGE_ARCHIVED
from teams.models import (
    Account,
    Archivable,
    Campaign,
    Contact,
    Delivery,
    MailingList,
    MessageTemplate,
    Segment,
    Subaccount,
    Team,
)
from teams.services.base import root_key, service
from teams.services.inputs import clean_text, expect, expect_user, same_name
from teams.services.suppression import suppress

M = TypeVar("M", bound=models.Model)

NAME_LIMIT = 120
SLUG_LIMIT = 60


@dataclass(slots=True)
class Work(Generic[M]):
    """One piece of work on ``obj`` (or inside it, if it is a subaccount) under the lock."""

    actor: Any
    account: Account
    subaccount: Subaccount
    obj: M
    profile: Profile
    act: str

    def allows(self, permission: str, obj: models.Model | None = None) -> bool:
        """Say whether the actor holds ``permission`` on the object, or on another one."""
        target = self.obj if obj is None else obj
        return self.profile.allows(permission, registry.of(target), target)

    def require(self, permission: str, obj: models.Model | None = None) -> None:
        """Refuse unless the actor holds ``permission`` on the object, or on another one.

        Raises NotFound for what teams hide and for what lies where the actor has nothing,
        Invalid (ARCHIVED) in an archived subaccount, OutOfScope otherwise.
        """
        target: Any = self.obj if obj is None else obj
        outcome = self.profile.decide(permission, registry.of(target), target)
        if outcome.allowed:
            return
        kind = target._meta.verbose_name
        if outcome.denial == Denial.STRANGER or not self._known(target):
            raise NotFound(f"There is no such {kind}.")
        if outcome.denial == Denial.ARCHIVED:
            raise Invalid(f"{_place(target).name} is archived. Restore it first.", code="ARCHIVED")
        why = "it needs {label} in {place}, which you do not hold there"
        raise self.refusal(permission, why, _place(target))

    def refusal(self, permission: str, why: str, place: Subaccount | None = None) -> OutOfScope:
        """Return the refusal of this work for want of ``permission``; ``why`` may name both the
        permission ({label}) and the subaccount ({place}), that of the work unless another is
        given."""
        label, name = str(CATALOGUE[permission].label), (place or self.subaccount).name
        error = OutOfScope(
            f"You cannot {self.act}: {why.format(label=label, place=name)}.",
            missing=[Missing(permission, label, name)],
        )
        error.account = self.account
        return error

    def _known(self, target: models.Model) -> bool:
        """Say whether the actor may know of ``target``: works in its place, where no team hides it
        from them, or is a guest of it or of what leads to it."""
        resource = registry.of(target)
        root, place = resource.locate(target)
        tenant = self.profile.tenants.get(root)
        if tenant is None:
            return False
        works = any(place in holding.reach for holding in tenant.standing.holdings)
        sees = works and self.profile.sees(resource, target, root, place)
        return sees or self._is_guest(resource, target)

    def _is_guest(self, resource: Resource, target: models.Model) -> bool:
        guests = self.profile.guests
        if (resource.label, str(target.pk)) in guests:
            return True
        if not guests or not resource.through:
            return False
        label = resource.link.resource.label
        return any((label, str(pk)) in guests for pk in resource.link.linked(target))

    def sources(self, permission: str) -> tuple[Source, ...]:
        """Return why the actor holds ``permission`` on the object; empty if they do not."""
        return self.profile.decide(permission, registry.of(self.obj), self.obj).sources

    def record(self, action: str, subject: Any, **data: Any) -> None:
        """Append the event to the account's chain."""
        audit.record(
            root=root_key(self.account),
            actor=self.actor,
            action=action,
            subject=subject,
            data={"subaccount": self.subaccount.pk, **data},
        )


def _place(target: Any) -> Subaccount:
    """Return the subaccount that ``target`` is or lies in."""
    found: Subaccount = target if isinstance(target, Subaccount) else target.subaccount
    return found


@contextmanager
def at_work(actor: Any, target: M, *permissions: str, act: str) -> Iterator[Work[M]]:
    """Lock the account of ``target`` and yield the work, if the actor holds ``permissions``.

    ``target`` is a subaccount or something guarded in one; the work carries it as it is stored
    now. ``act`` completes the sentence "You cannot …". Raises what ``Work.require`` raises.
    """
    actor = expect_user(actor, "The actor")
    found = expect(target, type(target), f"The {target._meta.verbose_name}")
    root, _place = registry.of(found).locate(found)
    account = Account.objects.select_for_update(no_key=True).filter(pk=root).first()
    profile = access.profile_of(actor, fresh=True)
    # read again: it may have changed while the lock was waited for
    found = expect(target, type(target), f"The {target._meta.verbose_name}")
    root, place = registry.of(found).locate(found)
    if account is None or root != account.pk or root not in profile.tenants:
        raise NotFound(f"There is no such {found._meta.verbose_name}.")
    subaccount = Subaccount.objects.get(pk=place)
    work = Work(actor, account, subaccount, found, profile, act)
    for permission in permissions:
        work.require(permission)
    yield work


# names, the same way everywhere


def clean_name(work: Work[Any], model: type[models.Model], name: Any, *, but: Any = None) -> str:
    """Return ``name`` if nothing else of ``model`` in the subaccount has it. Raises Invalid.

    What teams hide from the actor counts as well: the answer tells that a name is taken, and
    nothing about by what.
    """
    kind = str(model._meta.verbose_name)
    text = clean_text(name, "The name", limit=NAME_LIMIT)
    rows = model._default_manager.filter(subaccount=work.subaccount)
    for key, other in rows.values_list("pk", "name"):
        if same_name(text, other) and key != but:
            raise Invalid(
                f"There is a {kind} of that name already. Choose another name.", code="ALREADY_USED"
            )
    return text


def free_slug(work: Work[Any], model: type[models.Model], name: str) -> str:
    """Return a short name made from ``name`` that nothing of ``model`` there has."""
    base = slugify(name)[: SLUG_LIMIT - 7].strip("-") or str(model._meta.model_name)
    rows = model._default_manager.filter(subaccount=work.subaccount, slug__startswith=base)
    taken = set(rows.values_list("slug", flat=True))
    numbered = (base if n == 1 else f"{base}-{n}" for n in itertools.count(1))
    return next(slug for slug in numbered if slug not in taken)


def refuse_put_away(obj: Archivable) -> None:
    """Refuse work on what has been archived. Raises Invalid (ARCHIVED)."""
    if obj.is_archived:
        raise Invalid(f"{obj} is archived. Restore it first.", code="ARCHIVED")


def give_to_own_teams(work: Work[Any], obj: models.Model) -> list[str]:
    """Share ``obj``, just created, with every team of its creator there; return their names.

    Of whoever sees only what is shared with their teams (Sailthru, "Assign Team Resources"); who
    may assign decides for themselves.
    """
    resource = registry.of(obj)
    if not work.profile.is_limited(resource, work.account.pk, work.subaccount.pk):
        return []
    teams = Team.objects.filter(account=work.account, group__in=work.profile.groups)
    found = list(teams.select_related("group").order_by("name"))
    for team in found:
        grants.give(
            permission=resource.actions["view"], obj=obj, group=team.group, granted_by=work.actor
        )
    return [team.name for team in found]


# put away, bring back, remove for good


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
    Invalid: NOT_ARCHIVED, WRONG_NAME, and IN_USE where something that is kept needs it.
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

    Raises Invalid (IN_USE), naming what keeps it by kind only.
    """
    key, label, kind = item.pk, str(item), item._meta.model_name
    counts: Counter[str] = Counter()
    refuse_used(item)
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
