"""How many mails with invitations go out: from an account, to one address, and how soon again."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from permissions import audit
from permissions.errors import Invalid
from teams.models import Account, Invitation
from teams.services.change import root_key

#: how many mails with invitations an account sends within an hour, how many of them to one
#: address, and how long until one is sent again
PER_HOUR = 200
PER_ADDRESS = 10
PAUSE = timedelta(minutes=2)
#: the events that come with a mail
MAILED = ("invitation.sent", "invitation.resent", "invitation.mailed")


def left_this_hour(account: Account) -> int:
    """Return how many invitations ``account`` may still send within this hour."""
    return max(0, _per_hour() - len(_mailed_this_hour(account)))


def _per_hour() -> int:
    return int(getattr(settings, "INVITATIONS_PER_HOUR", PER_HOUR))


def throttle(account: Account, address: str) -> None:
    """Refuse more mail than people send by hand, from an account or to one address.

    Mails are counted in the audit, which nobody empties: an invitation says only when it was sent
    last. Raises Invalid (TOO_MANY).
    """
    sent = _mailed_this_hour(account)
    if len(sent) >= _per_hour():
        raise Invalid(
            f"{account.name} has sent {_per_hour()} invitations within an hour. Go on in an hour.",
            code="TOO_MANY",
        )
    if sent.count(address) >= PER_ADDRESS:
        raise Invalid(
            f"{address} has had {PER_ADDRESS} invitations within an hour. Go on in an hour.",
            code="TOO_MANY",
        )


def _mailed_this_hour(account: Account) -> list[str]:
    """Return the addresses ``account`` has invited within an hour, once for each mail."""
    since = timezone.now() - timedelta(hours=1)
    events = audit.timeline(root_key(account)).filter(at__gt=since, action__in=MAILED)
    return list(events.values_list("data__address", flat=True))


def space_out(invitation: Invitation) -> None:
    """Refuse another mail to an address that has just had this one. Raises Invalid (TOO_MANY)."""
    if invitation.sent_at is not None and invitation.sent_at > timezone.now() - PAUSE:
        raise Invalid(
            "This invitation was sent a moment ago. Wait two minutes, then send it again.",
            code="TOO_MANY",
        )
