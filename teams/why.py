"""Why one person may or may not do something in one place, from the owner step by step.

What is found here is the whole truth; whoever shows it leaves out the people and memberships that
the reader may not know (``knows``), and finds the words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db.models import F, Q

from permissions import access, grants
from permissions.audit import ref_of
from permissions.catalogue import Permission
from permissions.models import AuditEvent
from permissions.policy import TOP, Outcome, Source
from permissions.resources import registry
from teams import preconditions
from teams.editions import get
from teams.editions.spec import RoleSpec
from teams.givers import Giver, givers
from teams.models import (
    REACH,
    Account,
    AccountUserGrant,
    Membership,
    Subaccount,
    SubaccountUserGrant,
)
from teams.services.change import root_key

#: people who could give what is missing; the reader may not know all of them
CONSIDERED = 50
#: how far back a chain is followed: whoever made whoever made …
LONGEST = 6


@dataclass(frozen=True, slots=True)
class Step:
    """One link of the chain: ``actor`` made ``person`` something, switched it on, or owns it all.

    ``kind`` is owner, role, toggle or guest. ``actor`` is None where nobody knows who it was;
    ``membership`` is what a role or toggle belongs to, ``obj`` what a guest was let into.
    """

    kind: str
    person: Any
    actor: Any = None
    label: str = ""
    at: datetime | None = None
    ends_at: datetime | None = None
    membership: Membership | None = None
    obj: Any = None


@dataclass(frozen=True, slots=True)
class Stop:
    """Something that would end a right: an event in words, or a moment that passes."""

    text: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Why:
    """The reasons for one answer.

    ``sources`` are those that ``knows`` lets through; there may be none although ``outcome`` is
    allowed. ``steps`` lead from the owner to the first of them. ``stops`` ends it, any of them,
    while there is a single source; with several, all of them have to go.
    """

    outcome: Outcome
    sources: tuple[Source, ...] = ()
    steps: list[Step] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)
    ends_at: datetime | None = None
    switched_off: str = ""
    givers: list[Giver] = field(default_factory=list)
    precondition: str = ""


def why(
    person: Any,
    permission: Permission,
    account: Account,
    place: Subaccount | None,
    *,
    knows: Callable[[Source], bool] = lambda _source: True,
) -> Why:
    """Return why ``person`` may or may not do it in ``place``, or on the account as a whole.

    Takes a bounded number of queries, however many people there are.
    """
    profile = access.profile_of(person)
    resource = registry.of(account if place is None else place)
    outcome = profile.decide(permission, resource, account if place is None else place)
    if not outcome.allowed:
        return Why(
            outcome,
            switched_off=_switched_off(person, permission, account, place, knows),
            givers=givers(
                person, permission, place or account, account, str(outcome.denial), most=CONSIDERED
            ),
        )
    sources = tuple(dict.fromkeys(s for s in outcome.sources if knows(s)))
    chains = [own_steps(source, person, account) for source in sources]
    ends = [_first(*(step.ends_at for step in steps)) for steps in chains]
    return Why(
        outcome,
        sources,
        steps=_lead_up(chains[0], account, place) if chains else [],
        stops=_stops(sources[0], chains[0], permission, account, place) if chains else [],
        ends_at=None if None in ends else max((e for e in ends if e), default=None),
        precondition=preconditions.unmet_on(permission, account, place),
    )


def lead(
    source: Source,
    person: Any,
    permission: Permission,
    account: Account,
    place: Subaccount | None,
) -> tuple[list[Step], list[Stop]]:
    """Return the steps from the owner to ``source``, by which ``person`` holds ``permission``, and
    what would end it."""
    own = own_steps(source, person, account)
    return _lead_up(own, account, place), _stops(source, own, permission, account, place)


def _first(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)


def own_steps(source: Source, person: Any, account: Account) -> list[Step]:
    """Return what was done for the person themselves: the role, and the switch on top of it.

    The last step is what gives the right: its actor, moment and end are those of ``source``.
    """
    table, key = source.ref or ("", None)
    if source.kind == "owner":
        return [Step("owner", person, label=source.label, at=account.created_at)]
    if source.kind == "guest":
        row: Any = apps.get_model(table)._default_manager.filter(pk=key).first()
        if not isinstance(row, grants.Given):  # guardian's generic table does not say
            return [Step("guest", person, obj=getattr(row, "content_object", None))]
        given: Any = row
        return [
            Step(
                "guest",
                person,
                actor=row.granted_by,
                at=row.granted_at,
                ends_at=row.ends_at,
                obj=given.content_object,
            )
        ]
    membership = _memberships().get(pk=key)
    steps = [_made(membership, account)]
    if source.kind == "toggle":
        steps.append(_switched(source, membership))
    return steps


def _memberships() -> Any:
    return Membership.objects.select_related(
        "user", "subaccount", "custom_role", "added_by"
    ).prefetch_related(*REACH)


def _made(membership: Membership, account: Account) -> Step:
    """Return who gave the role that ``membership`` has now: whoever changed it last."""
    event = (
        AuditEvent.objects.filter(
            root=root_key(account), subject_ref=ref_of(membership), action="role.changed"
        )
        .order_by("-sequence")
        .first()
    )
    spec = get(account.edition).find_role(membership.role)
    return Step(
        "role",
        membership.user,
        actor=membership.added_by if event is None else _actor(event),
        label=str(spec.label if spec else membership.custom_role or membership.role),
        at=membership.added_at if event is None else event.at,
        ends_at=membership.ends_at,
        membership=membership,
    )


def _actor(event: AuditEvent) -> Any:
    """Return the login that an event names, if it is still there."""
    model = get_user_model()
    label, _, key = event.actor_ref.partition(":")
    if label != model._meta.label_lower:
        return None
    return model._default_manager.filter(pk=model._meta.pk.to_python(key)).first()


def _switched(source: Source, membership: Membership) -> Step:
    table = AccountUserGrant if membership.is_account_level else SubaccountUserGrant
    spec = get(membership.account.edition).find_role(membership.role)
    permissions = spec.optional.get(source.name, ()) if spec else ()
    row = (
        table._default_manager.select_related("granted_by")
        .filter(membership=membership, permission__codename__in=permissions)
        .first()
    )
    return Step(
        "toggle",
        membership.user,
        actor=row.granted_by if row else None,
        label=source.label,
        at=row.granted_at if row else None,
        ends_at=row.ends_at if row else None,
        membership=membership,
    )


def _lead_up(own: list[Step], account: Account, place: Subaccount | None) -> list[Step]:
    """Return the chain: the owner, whoever made whoever did ``own``, then ``own``."""
    if own[0].kind == "owner":
        return own
    owner = account.owner
    label = str(get(account.edition).owner_label)
    before: dict[Any, Step] = {}
    waiting = [step.actor for step in own]
    done = {owner.pk, own[0].person.pk}
    while waiting and len(before) < LONGEST:
        actor = waiting.pop()
        if actor is None or actor.pk in done:
            continue
        done.add(actor.pk)
        here = Q(subaccount=None) if place is None else Q(subaccount=None) | Q(subaccount=place)
        rows = _memberships().filter(here, account=account, user=actor)
        membership = rows.order_by(F("subaccount").asc(nulls_first=True), "added_at").first()
        if membership is not None:
            before[actor.pk] = _made(membership, account)
            waiting.append(before[actor.pk].actor)
    first = Step("owner", owner, label=label, at=account.created_at)
    return [first, *sorted(before.values(), key=lambda step: str(step.at)), *own]


def _stops(
    source: Source,
    own: list[Step],
    permission: Permission,
    account: Account,
    place: Subaccount | None,
) -> list[Stop]:
    """Return what would end it, nearest first."""
    edition = get(account.edition)
    found = [Stop(at=moment) for moment in sorted({s.ends_at for s in own if s.ends_at})]
    membership = own[0].membership
    match source.kind:
        case "owner":
            found.append(Stop(f"{account.name} is transferred to somebody else"))
        case "guest":
            found.append(Stop("The guest access is withdrawn"))
            found.append(Stop(f"No active role in {account.name} is left"))
        case _ if membership is not None:
            if source.kind == "toggle":
                found.append(Stop(f"{source.label} is switched off"))
            where = _where(membership, account)
            found.append(Stop(f"The role {own[0].label} {where} is taken away or suspended"))
            if membership.custom_role_id:
                found.append(Stop(f"{permission.label} is taken out of the role {own[0].label}"))
            elif lesser := _without(edition.roles, permission, membership, source.kind):
                found.append(Stop(f"That role becomes {lesser}"))
    if place is not None:
        found.append(Stop(f"{place.name} is archived"))
    if permission in edition.teams_only:
        found.append(Stop(f"Teams are switched off in {account.name}"))
    return found


def _where(membership: Membership, account: Account) -> str:
    inside = membership.subaccount
    return f"in {inside.name}" if inside is not None else f"on {account.name}"


def _without(
    roles: tuple[RoleSpec, ...], permission: str, membership: Membership, kind: str
) -> str:
    """Return the roles of that level under which the right would be gone: "Author or Editor"."""
    names = [
        str(role.label)
        for role in roles
        if role.codename != membership.role
        and (role.account_level if membership.is_account_level else role.subaccount_level)
        and permission not in role.holds
        and not any(permission in held for held in role.when.values())
        and (kind != "toggle" or role.toggle_of(permission) is None)
    ]
    return names[0] if len(names) == 1 else " or ".join([", ".join(names[:-1]), *names[-1:]])


def _switched_off(
    person: Any,
    permission: str,
    account: Account,
    place: Subaccount | None,
    knows: Callable[[Source], bool],
) -> str:
    """Return the role that may be given the permission by a switch that is off; empty if none."""
    tenant = access.profile_of(person).tenants.get(account.pk)
    key: Any = TOP if place is None else place.pk
    for holding in tenant.standing.holdings if tenant else ():
        spec = get(account.edition).find_role(holding.source.name)
        if (
            holding.source.kind == "role"
            and spec is not None
            and key in holding.reach
            and knows(holding.source)
            and spec.toggle_of(permission)
        ):
            return str(spec.label)
    return ""


__all__ = ["Step", "Stop", "Why", "lead", "own_steps", "why"]
