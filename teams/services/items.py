"""What every service about the things in a subaccount does the same way.

Lists, contacts, segments, templates, campaigns: work, not rights. Nobody's rights change by it, so
there is nothing to compare afterwards; the account is locked, the rights are read afresh, and the
permission is asked of the very object as it is stored now.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db import models
from django.utils.text import slugify

from permissions import access, audit, grants
from permissions.errors import Invalid, Missing, NotFound, OutOfScope
from permissions.policy import SWITCHED_OFF, Denial, Source
from permissions.profile import Profile
from permissions.resources import Resource, registry
from teams import read_only
from teams.catalogue import CATALOGUE
from teams.models import Account, Archivable, Subaccount, Team
from teams.services.base import acts_for_another
from teams.services.change import root_key
from teams.services.inputs import clean_text, expect, expect_user, same_name

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
        if outcome.denial == Denial.STRANGER or not self._known(target):
            raise _no_such(target)
        if outcome.denial == Denial.ARCHIVED:
            raise Invalid(f"{_place(target).name} is archived. Restore it first.", code="ARCHIVED")
        why = "it needs {label} in {place}, which you do not hold there"
        if outcome.detail == SWITCHED_OFF:
            why = "it needs {label}, which is switched off in {place}"
        raise self.refusal(permission, why, _place(target))

    def refuse_read_only(self) -> None:
        """Refuse everything while the account is read-only.

        Raises NotFound for what the actor may not know of, as ever; ReadOnlyAccount.
        """
        works = bool(self.profile.tenants[self.account.pk].standing.holdings)
        if self.account.read_only_because and not (works and self._known(self.obj)):
            raise _no_such(self.obj)
        read_only.refuse(self.account, self.act)

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


def _no_such(target: Any) -> NotFound:
    return NotFound(f"There is no such {target._meta.verbose_name}.")


def _place(target: Any) -> Subaccount:
    """Return the subaccount that ``target`` is or lies in."""
    found: Subaccount = target if isinstance(target, Subaccount) else target.subaccount
    return found


@contextmanager
def at_work(actor: Any, target: M, *permissions: str, act: str) -> Iterator[Work[M]]:
    """Lock the account of ``target`` and yield the work, if the actor holds ``permissions``.

    ``target`` is a subaccount or something guarded in one; the work carries it as it is stored
    now. ``act`` completes the sentence "You cannot …". Raises what ``Work.require`` raises, and
    ReadOnlyAccount.
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
        raise _no_such(found)
    if acts_for_another(actor):
        raise _no_such(found)
    subaccount = Subaccount.objects.get(pk=place)
    work = Work(actor, account, subaccount, found, profile, act)
    work.refuse_read_only()
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
