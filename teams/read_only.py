"""What is left of everybody's rights while an account is read-only: looking, and paying.

It is a ceiling like teams that are switched off (``teams.standings``), so that decisions, lists,
explanations and host projects agree; and every service refuses to begin (``refuse``), also where a
permission that opens a page would let it.
"""

from __future__ import annotations

from functools import cache

from permissions.errors import ReadOnlyAccount
from teams import catalogue as c
from teams.models import Account

#: what opens a page, or says what is seen on one, and lets one change things there: it is still
#: held, and the services refuse
OPENING = frozenset(
    {
        c.ACCESS_AUDIENCE, c.ACCESS_CONTENT,
        c.MANAGE_MEMBERS, c.MANAGE_MANAGERS, c.MANAGE_ROLES, c.MANAGE_TEAMS,
        c.ASSIGN_TEAM_RESOURCES,
        c.ARCHIVE_SUBACCOUNTS, c.MANAGE_ACCOUNT_SETTINGS, c.MANAGE_THEME,
    }
)  # fmt: skip
#: what is left: looking. Addresses in files are there for what pages show where they are masked
READING = OPENING | {
    c.VIEW_CONTACTS, c.EXPORT_PII, c.VIEW_AUDIENCE_SHARING,
    c.ACCESS_CAMPAIGNS, c.ACCESS_AUTOMATION,
    c.ACCESS_RESPONSE, c.VIEW_DEEP_REPORTS, c.ACCESS_INSIGHTS,
    c.VIEW_SOCIAL_ADS, c.VIEW_LEAD_ADS,
    c.VIEW_PARENT_USERS, c.ACCESS_SETTINGS,
    c.VIEW_ACCOUNT_BASICS, c.VIEW_ASSETS, c.VIEW_PARENT_INSIGHTS, c.VIEW_APPROVALS,
    c.VIEW_ACCOUNTS_TAB, c.VIEW_PARTNER_RESOURCES, c.VIEW_METER_USAGE,
}  # fmt: skip

_BECAUSE = {Account.ReadOnly.UNPAID: "an invoice has not been paid"}
_REMEDY = {Account.ReadOnly.UNPAID: "Whoever may pay it can do so under Billing."}


@cache
def withheld(because: str) -> dict[str, str]:
    """Return what nobody holds in an account that is read-only, with the reason; callers copy it.

    Billing stays as it is: whoever may pay can pay.
    """
    left = READING.union(c.BILLING.permissions)
    return {str(p): because for p in c.CATALOGUE if because and p not in left}


def sentence(name: str, because: str) -> str:
    """Return what the account ``name`` is and why: "Northwind is read-only because …"."""
    return f"{name} is read-only because {_BECAUSE[Account.ReadOnly(because)]}."


def remedy(because: str) -> str:
    """Return the sentence that says who can help."""
    return _REMEDY[Account.ReadOnly(because)]


def refusal(account: Account, act: str) -> ReadOnlyAccount | None:
    """Return why nothing may be changed in ``account``; None if it is not read-only.

    ``act`` completes the sentence "You cannot …".
    """
    because = account.read_only_because
    if not because:
        return None
    error = ReadOnlyAccount(
        f"You cannot {act}: {sentence(account.name, because)} {remedy(because)}"
    )
    error.account = account
    return error


def refuse(account: Account, act: str) -> None:
    """Raise the ``refusal`` of ``account``, as it is stored now, if there is one."""
    error = refusal(account, act)
    if error is not None:
        raise error


__all__ = ["OPENING", "READING", "refusal", "refuse", "remedy", "sentence", "withheld"]
