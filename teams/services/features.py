"""Which features are switched off in a subaccount."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from permissions.errors import Invalid
from permissions.policy import Atoms
from teams.catalogue import MANAGE_FEATURES
from teams.features import features_of, off_in
from teams.models import Subaccount
from teams.services.base import changing, service
from teams.services.gates import own_subaccount, refuse_archived
from teams.services.inputs import expect


@service
def set_features(*, actor: Any, subaccount: Subaccount, off: Iterable[str]) -> Subaccount:
    """Switch the features ``off`` (codenames of ``teams.features.FEATURES``) off in ``subaccount``
    and all others on.

    Needs ``manage_features`` there. What is off nobody has there, the owner included. Switching on
    is a grant to everybody there, so the actor must hold all that the feature is made of. Raises
    Refused, or Invalid: WRONG_TYPE, UNKNOWN_FEATURE, ARCHIVED, ALREADY_SO. Source: "control access
    to account features for any subaccount they manage" (``seeds/004``).
    """
    subaccount = expect(subaccount, Subaccount, "The subaccount")
    act = f"change the features of {subaccount.name}"
    with changing(actor, subaccount.account, act=act) as change:
        own = own_subaccount(change, subaccount)
        here = frozenset({own.pk})
        change.require(MANAGE_FEATURES, here, act)
        refuse_archived(own)
        offered = features_of(change.edition)
        asked = _clean(off, list(offered))
        before = [name for name in offered if name in off_in(own)]
        after = [name for name in offered if name in asked]
        if after == before:
            raise Invalid(
                f"The features of {own.name} are so already. Choose others.", code="ALREADY_SO"
            )
        gained: Atoms = {
            (permission, ""): here
            for name in before
            if name not in after
            for permission in offered[name]
        }
        change.judge_atoms(gained, act)
        own.features_off = " ".join(after)
        own.save(update_fields=["features_off"])
        change.record("features.changed", own, before=before, after=after)
    return own


def _clean(off: Any, offered: list[str]) -> set[str]:
    if isinstance(off, str | bytes) or not isinstance(off, Iterable):
        raise Invalid("Name the features as a list.", code="WRONG_TYPE")
    named = list(off)
    if not all(isinstance(name, str) for name in named):
        raise Invalid("Name each feature by its codename, as text.", code="WRONG_TYPE")
    if unknown := [name for name in named if name not in offered]:
        raise Invalid(
            f"There is no feature {unknown[0]!r} here; choose from {', '.join(offered)}.",
            code="UNKNOWN_FEATURE",
        )
    return set(named)
