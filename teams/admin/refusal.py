"""The page of a refusal: what was not done, what is missing, who can help."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.utils import timezone

from permissions import grants
from permissions.audit import label_of
from permissions.errors import Missing, Refused
from teams import selectors
from teams.admin.desk import Chip, Desk, role_kind, role_spec
from teams.models import Membership
from teams.rights import role_bundle

HELPERS = 3


class Helper(NamedTuple):
    """Somebody who holds what is missing."""

    person: Any
    chip: Chip
    where: str


def refusal_context(desk: Desk, refusal: Exception) -> dict[str, Any]:
    """Return what the page of ``refusal`` shows."""
    message = refusal.message if isinstance(refusal, Refused) else str(refusal)
    missing = refusal.missing if isinstance(refusal, Refused) else ()
    code = refusal.code if isinstance(refusal, Refused) else "REFUSED"
    what, _, why = (message or "You cannot do this.").partition(": ")
    return {
        "title": what.rstrip("."),
        "subtitle": "Nothing was changed.",
        "why": why[:1].upper() + why[1:],
        "missing": missing,
        "code": code,
        "helpers": helpers(desk, missing),
    }


def helpers(desk: Desk, missing: tuple[Missing, ...] | Any) -> list[Helper]:
    """Return who holds what is missing, nearest first; the owner last and always."""
    account = desk.account
    names = {name: pk for pk, name in desk.place_names.items()}
    place = names.get(missing[0].place) if missing else None
    rows = (
        Membership.objects.filter(
            selectors.works_in(place),
            grants.active(timezone.now()),
            account=account,
            status=Membership.Status.ACTIVE,
            user__is_active=True,
        )
        .exclude(user=desk.user)
        .exclude(role="")
        .select_related("user", "subaccount")[:200]
        if place is not None
        else ()
    )
    found = []
    for membership in rows:
        spec = role_spec(desk.edition, membership.role)
        if spec is None:
            continue
        bundle = role_bundle(account.edition, membership.role, membership.is_primary_contact)
        held = {p for kind in bundle.values() for p, condition in kind.items() if not condition}
        if all(m.permission in held for m in missing):
            at_account = membership.is_account_level
            where = desk.account.name if at_account else desk.place_names.get(place, "")
            chip = Chip(str(spec.label), role_kind(spec, at_account=at_account))
            found.append((at_account, spec.rank or 0, Helper(membership.user, chip, where)))
    found.sort(key=lambda item: (item[0], item[1], label_of(item[2].person)))
    nearest = [helper for _, _, helper in found[: HELPERS - 1]]
    if not desk.is_owner:
        chip = Chip(str(desk.edition.owner_label), "owner")
        nearest.append(Helper(account.owner, chip, account.name))
    return nearest
