"""The primary contact of a subaccount."""

from __future__ import annotations

from typing import Any

from permissions.audit import label_of
from permissions.errors import Invalid, NotFound
from teams.models import Membership, Subaccount
from teams.services.base import changing, service
from teams.services.gates import gate, own_subaccount, refuse_archived, stored_membership
from teams.services.inputs import expect


@service
def set_primary_contact(
    *, actor: Any, subaccount: Subaccount, membership: Membership | None
) -> None:
    """Make ``membership`` the primary contact of its subaccount; None leaves it without one.

    Source: Enterprise, "Subaccount Primary Contact": one per subaccount, a grant of export and
    purge to a Full member. Raises Invalid where the edition has no such thing.
    """
    subaccount = expect(subaccount, Subaccount, "The subaccount")
    stored = None if membership is None else stored_membership(membership)
    holder = _contact_of(subaccount)
    people = {m.user_id: m.user for m in (stored, holder) if m is not None}
    act = f"choose the primary contact of {subaccount.name}"
    with changing(actor, subaccount.account, *people.values(), act=act) as change:
        own = own_subaccount(change, subaccount)
        if not change.edition.has_primary_contact:
            raise Invalid(
                f"{change.edition.label} knows no primary contact.", code="NOT_IN_EDITION"
            )
        refuse_archived(own)
        holder = _contact_of(own)
        places = frozenset({own.pk})
        if stored is not None:
            stored = stored_membership(stored)
            if stored.account_id != change.account.pk:
                raise NotFound("There is no such membership in this account.")
            if stored.subaccount_id != own.pk:
                raise Invalid(
                    f"{label_of(stored.user)} is no member of {own.name}.", code="NOT_A_MEMBER"
                )
            if stored.is_primary_contact:
                raise Invalid(
                    f"{label_of(stored.user)} is the primary contact already.", code="ALREADY_SO"
                )
        for person in (holder, stored):
            if person is not None:
                gate(change, person.user, account_level=False, places=places, act=act)
        if holder is None and stored is None:
            raise Invalid(f"{own.name} has no primary contact.", code="ALREADY_SO")
        if holder is not None:
            holder.is_primary_contact = False
            holder.save(update_fields=["is_primary_contact"])
        if stored is not None:
            stored.is_primary_contact = True
            stored.save(update_fields=["is_primary_contact"])
        change.record(
            "contact.changed",
            own,
            before=str(holder.user_id) if holder else None,
            after=str(stored.user_id) if stored else None,
            membership=stored.pk if stored else None,
        )


def _contact_of(subaccount: Subaccount) -> Membership | None:
    return (
        Membership.objects.select_related("user")
        .filter(subaccount=subaccount, is_primary_contact=True)
        .first()
    )
