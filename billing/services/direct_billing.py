"""On whose bill a client account is: single bill of the account, and direct billing beside it."""

from __future__ import annotations

from typing import Any

from billing.single_bill import has_single_bill
from permissions.errors import Invalid
from permissions.policy import FUTURE, TOP, Atoms, PlaceId
from teams.catalogue import CATALOGUE, CHANGE_BILLING_DETAILS, VIEW_SUBACCOUNT_BILLING
from teams.editions.spec import SINGLE_BILL
from teams.models import Account, Subaccount
from teams.services.base import changing, service
from teams.services.change import Change
from teams.services.gates import clean_flag, own_subaccount
from teams.services.inputs import expect


@service
def set_single_bill(*, actor: Any, account: Account, on: bool) -> Account:
    """Bill all client accounts on the one bill of ``account``, but those billed directly; or each
    by itself.

    Needs ``change_billing_details``. While it is on, some roles see billing that they do not see
    otherwise ("managers see billing only while the account is on Single Bill"): switching it on
    gives them that, so the actor must hold it. What is invoiced already stays with whom it was
    invoiced to; the month that runs is billed as things stand when it is invoiced. Raises Refused,
    or Invalid: NOT_IN_EDITION, WRONG_TYPE, ALREADY_SO.
    """
    act = "change who is billed"
    with changing(actor, account, act=act, while_read_only=True) as change:
        change.require(CHANGE_BILLING_DETAILS, frozenset({TOP}), act)
        wanted = clean_flag(on, "Single bill")
        if not has_single_bill(change.edition.codename):
            raise Invalid(f"{change.edition.label} has no single bill.", code="NOT_IN_EDITION")
        if change.account.single_bill == wanted:
            state = "on" if wanted else "off"
            raise Invalid(f"Single bill is {state} already.", code="ALREADY_SO")
        if wanted:
            change.judge_atoms(_given_by_single_bill(change, change.universe | {FUTURE}), act)
        change.account.single_bill = wanted
        change.account.save(update_fields=["single_bill"])
        change.record("account.single_bill_set", change.account, before=not wanted, after=wanted)
    return change.account


@service
def set_direct_billing(*, actor: Any, subaccount: Subaccount, on: bool) -> Subaccount:
    """Bill ``subaccount`` by itself, or on the bill of its account.

    Needs ``change_billing_details``, and ``view_subaccount_billing`` there. Where roles see billing
    under single bill only, taking it back onto the account's bill gives them that. The account's
    own workspace is always on the account's bill. Raises Refused, or Invalid: HOME, WRONG_TYPE,
    ALREADY_SO.
    """
    subaccount = expect(subaccount, Subaccount, "The subaccount")
    act = f"change who pays for {subaccount.name}"
    with changing(actor, subaccount.account, act=act, while_read_only=True) as change:
        change.require(CHANGE_BILLING_DETAILS, frozenset({TOP}), act)
        own = own_subaccount(change, subaccount)
        change.require(VIEW_SUBACCOUNT_BILLING, frozenset({own.pk}), act)
        wanted = clean_flag(on, "Direct billing")
        if own.is_home:
            raise Invalid(
                f"{own.name} is the own workspace of {change.account.name}, which pays for it.",
                code="HOME",
            )
        if own.billed_directly == wanted:
            state = "directly" if wanted else f"on the bill of {change.account.name}"
            raise Invalid(f"{own.name} is billed {state} already.", code="ALREADY_SO")
        if not wanted and change.account.single_bill:
            change.judge_atoms(_given_by_single_bill(change, frozenset({own.pk})), act)
        own.billed_directly = wanted
        own.save(update_fields=["billed_directly"])
        change.record("subaccount.direct_billing_set", own, before=not wanted, after=wanted)
    return own


def _given_by_single_bill(change: Change, places: frozenset[PlaceId]) -> Atoms:
    """Return what some role comes to hold at ``places`` when they come onto the single bill; what
    is held on the account only if all of them do."""
    roles = change.edition.roles
    bundles = [role.when for role in roles] + [r.at_home.when for r in roles if r.at_home]
    given = {str(permission) for when in bundles for permission in when.get(SINGLE_BILL, ())}
    found: dict[tuple[str, str], frozenset[PlaceId]] = {}
    for permission in given:
        if CATALOGUE[permission].level != TOP:
            found[permission, ""] = places
        elif FUTURE in places:
            found[permission, ""] = frozenset({TOP})
    return found
