"""Why somebody may or may not: the sources of a right, or what is missing and who could give it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import models

from permissions import access
from permissions.access import Decision
from permissions.audit import label_of
from permissions.catalogue import Permission
from permissions.errors import Invalid, NotFound
from permissions.policy import TOP, Denial, Outcome, Source
from permissions.resources import registry
from teams import preconditions
from teams.catalogue import CATALOGUE
from teams.denials import denial_text
from teams.editions import EDITIONS
from teams.effective import source_text
from teams.givers import Giver, givers
from teams.known import known_at
from teams.models import Account, Membership, Subaccount
from teams.who import in_order, who_can
from teams.why import Step, lead, own_steps


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision in words. ``sources`` and ``missing`` are plain values, ready for JSON.

    ``precondition`` says why the act cannot be done now although the right is held. ``chain`` leads
    from the owner to what gives the right, each step with who and when; ``stops`` is what would end
    it.
    """

    decision: Decision
    sentence: str
    sources: list[dict[str, Any]]
    missing: list[dict[str, Any]]
    precondition: str = ""
    chain: list[dict[str, Any]] = field(default_factory=list)
    stops: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return what ``explain_access --format json`` prints."""
        return {
            "allowed": self.decision.allowed,
            "reason": str(self.decision.reason),
            "sentence": self.sentence,
            "sources": self.sources,
            "missing": self.missing,
            "precondition": self.precondition,
            "chain": self.chain,
            "stops": self.stops,
        }


def explain(user: Any, permission: str, obj: models.Model) -> Explanation:
    """Explain whether ``user`` may do what ``permission`` names with ``obj``.

    Raises Invalid for a permission the catalogue does not have and for an unguarded object.
    """
    symbol = find_permission(permission)
    if type(obj) not in registry:
        raise Invalid(f"{obj._meta.label} is not a guarded model.", code="WRONG_TYPE")
    decision = access.can(user, symbol, obj)
    key, place = registry.of(obj).locate(obj)
    account = Account.objects.get(pk=key)
    who, what = label_of(user), f"{symbol.label} on {obj}"
    if decision.allowed:
        inside = None
        if place != TOP:
            inside = Subaccount.objects.select_related("account").get(pk=place)
        return Explanation(
            decision,
            f"{who} holds {what}.",
            [_source(source, user, account) for source in decision.sources],
            [],
            preconditions.unmet_on(symbol, account, inside),
            *_chain(decision.sources[0], user, symbol, account, inside),
        )
    edition = EDITIONS.get(account.edition)
    outcome = Outcome(denial=Denial(decision.reason), detail=decision.detail)
    why = (
        denial_text(edition, outcome, symbol)
        if edition
        else f"{account.name} has an edition that does not exist"
    )
    return Explanation(
        decision,
        f"{who} does not hold {what}. {why}.",
        [],
        [
            {
                "permission": str(symbol),
                "label": str(symbol.label),
                "place": str(obj),
                "why": why,
                "depends_on": decision.missing[0].depends,
                "who_could_give_it": _named(
                    givers(user, symbol, obj, account, decision.reason) if edition else []
                ),
            }
        ],
    )


def _chain(
    source: Source, user: Any, permission: Permission, account: Account, place: Subaccount | None
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the steps from the owner to ``source``, and what would end it, as plain values."""
    steps, stops = lead(source, user, permission, account, place)
    chain = [
        {
            "kind": step.kind,
            "actor": label_of(step.actor) if step.actor is not None else None,
            "person": label_of(step.person),
            "label": step.label,
            "place": _where(step, account),
            "at": step.at,
            "ends_at": step.ends_at,
            "text": _step_text(step, account),
        }
        for step in steps
    ]
    return chain, [stop.text or f"{stop.at:%d %b %Y %H:%M %Z} is over" for stop in stops]


def _where(step: Step, account: Account) -> str:
    if step.obj is not None:
        return str(step.obj)
    return account.name if step.membership is None else _reach(step.membership, account)


def _step_text(step: Step, account: Account) -> str:
    """Return one step as a sentence without its date."""
    actor = label_of(step.actor) if step.actor is not None else "Somebody"
    whom, place = label_of(step.person), _where(step, account)
    match step.kind:
        case "owner":
            return f"{whom} owns {account.name}"
        case "role":
            return f"{actor} made {whom} {step.label} in {place}"
        case "toggle":
            return f"{actor} switched on {step.label} for {whom} in {place}"
        case _:
            return f"{actor} gave {whom} guest access to {place}"


def holders(permission: str, obj: models.Model, *, reader: Any = None) -> list[dict[str, Any]]:
    """Return everybody who holds ``permission`` on ``obj``, one plain value a person and source.

    With ``reader`` only what that person may know. Raises Invalid for a permission the catalogue
    does not have and for an unguarded object.
    """
    symbol = find_permission(permission)
    if type(obj) not in registry:
        raise Invalid(f"{obj._meta.label} is not a guarded model.", code="WRONG_TYPE")
    root, place = registry.of(obj).locate(obj)
    found = who_can(symbol, obj)
    if reader is not None:
        knows = known_at(reader, root, place, [one.person.pk for one in found]).knows
        found = in_order([left for one in found if (left := one.known(knows))], obj)
    if not found:
        return []
    account = Account.objects.select_related("owner").get(pk=root)
    return [
        {
            "person": label_of(one.person),
            "login": one.person.get_username(),
            "through": told["text"],
            "place": told["place"],
            "given_by": told["granted_by"],
            "given_at": told["granted_at"],
            "ends_at": told["ends_at"],
        }
        for one in found
        for told in (_source(source, one.person, account) for source in one.sources)
    ]


def find_permission(codename: str) -> Permission:
    """Return the permission ``codename``. Raises Invalid, with the nearest there is."""
    try:
        return CATALOGUE[codename]
    except KeyError as error:
        raise Invalid(str(error.args[0]), code="UNKNOWN_PERMISSION") from None


def _named(people: list[Giver]) -> list[str]:
    return [f"{label_of(giver.person)} ({giver.role})" for giver in people]


def _source(source: Source, person: Any, account: Account) -> dict[str, Any]:
    step = own_steps(source, person, account)[-1]
    return {
        "kind": source.kind,
        "name": source.name,
        "label": source.label,
        "text": source_text(source),
        "place": _where(step, account),
        "granted_by": label_of(step.actor) if step.actor else None,
        "granted_at": step.at,
        "ends_at": step.ends_at,
    }


def _reach(membership: Membership, account: Account) -> str:
    """Return where a membership counts, in words."""
    if membership.subaccount is not None:
        return membership.subaccount.name
    if membership.all_subaccounts:
        return f"{account.name}, all current and future subaccounts"
    reached = Subaccount.objects.filter(pk__in=membership.reach_keys)
    names = sorted(reached.values_list("name", flat=True))
    return f"{account.name}, {', '.join(names) or 'no subaccount yet'}"


def is_text(text: str) -> bool:
    """Say whether a database takes ``text``: no NUL, no byte that the shell's encoding lacks."""
    return "\x00" not in text and not any("\ud800" <= c <= "\udfff" for c in text)


def find_user(username: str) -> Any:
    """Return the login ``username``. Raises NotFound."""
    model = get_user_model()
    if not is_text(username):
        raise Invalid(f"{username!r} is no user name.", code="NOT_TEXT")
    people: Any = model._default_manager  # Django asks it of any manager of logins
    try:
        return people.get_by_natural_key(username)
    except model.DoesNotExist:
        raise NotFound(f"There is no login {username!r}.") from None


def find_object(text: str) -> models.Model:
    """Return the object written as ``app.model:pk``, or by its slugs.

    ``teams.account:emma-hq``, ``teams.subaccount:emma-hq/north``,
    ``teams.campaign:emma-hq/north/welcome``. Raises Invalid or NotFound.
    """
    label, separator, key = text.partition(":")
    if not separator or not key or label.count(".") != 1 or not is_text(text):
        raise Invalid(
            f"{text!r} names no object. Write app.model:pk, teams.account:<slug>, "
            "teams.subaccount:<account>/<slug> or teams.campaign:<account>/<subaccount>/<slug>.",
            code="NOT_AN_OBJECT",
        )
    try:
        model = apps.get_model(label)
    except LookupError:
        raise Invalid(f"There is no model {label!r}.", code="UNKNOWN_MODEL") from None
    if model not in registry:
        known = ", ".join(sorted(resource.label for resource in registry))
        raise Invalid(f"{label} is not guarded; choose one of {known}.", code="UNKNOWN_MODEL")
    lookup = _lookup(model, key)
    found = model._default_manager.filter(**lookup).first() if lookup else None
    if found is None:
        raise NotFound(f"There is no {label} {key!r}.")
    return cast("models.Model", found)


def _lookup(model: type[models.Model], key: str) -> dict[str, Any]:
    """Return the filter for ``key``: slugs joined by "/", or a primary key. Empty if impossible."""
    slugs = key.split("/")
    paths = {1: ["slug"], 2: ["account__slug", "slug"]}.get(
        len(slugs), ["subaccount__account__slug", "subaccount__slug", "slug"]
    )
    depth = 1 if model is Account else 2 if model is Subaccount else 3
    has_slug = any(f.name == "slug" for f in model._meta.concrete_fields)
    if len(slugs) == depth and has_slug and (depth > 1 or not key.isdecimal()):
        return dict(zip(paths, slugs, strict=True))
    pk: Any = model._meta.pk
    try:
        return {"pk": pk.to_python(key)}
    except ValidationError:
        return {}
