"""What a service says when it does not do what it was asked.

Two families: ``Refused``, the actor may not (Django answers 403), and ``Invalid``, the request
makes no sense whoever asks. Both carry a machine-readable ``code`` and a sentence for people that
says what is wrong and what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied


@dataclass(frozen=True, slots=True)
class Missing:
    """A permission somebody does not hold, and the place where it is missing, in words."""

    permission: str
    label: str
    place: str


class ServiceError(Exception):
    """Nothing was changed; ``code`` and the message say why."""

    code = "ERROR"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code

    @property
    def message(self) -> str:
        """Return the sentence for people."""
        return str(self.args[0])


class Refused(ServiceError, PermissionDenied):
    """The actor may not do this; ``missing`` names what they would have to hold, and where."""

    code = "REFUSED"
    #: the account in which it was attempted, for the record
    account: Any = None

    def __init__(
        self, message: str, *, code: str | None = None, missing: Sequence[Missing] = ()
    ) -> None:
        super().__init__(message, code=code)
        self.missing = tuple(missing)


class OutOfScope(Refused):
    """The change would give, or needs, what the actor does not hold there."""

    code = "OUT_OF_SCOPE"


class RankTooHigh(Refused):
    """The person, or the role at stake, is not below the actor."""

    code = "RANK_TOO_HIGH"


class OwnerRequired(Refused):
    """Only the owner may, or the owner cannot be touched."""

    code = "OWNER_REQUIRED"


class OwnRights(Refused):
    """Nobody changes their own rights."""

    code = "OWN_RIGHTS"


class ReadOnlyAccount(Refused):
    """Nobody may change anything in the account at present."""

    code = "READ_ONLY_ACCOUNT"


class Invalid(ServiceError, ValueError):
    """The request itself is wrong; nobody could carry it out as it stands."""

    code = "INVALID"


class LimitReached(Invalid):
    """A limit of the edition or plan is used up."""

    code = "LIMIT_REACHED"


class NotToggleable(Invalid):
    """The role does not admit this toggle."""

    code = "NOT_TOGGLEABLE"


class AlreadyUsed(Invalid):
    """A name or place is taken."""

    code = "ALREADY_USED"


class NotFound(Invalid):
    """There is no such thing within the actor's sight: foreign and missing look the same."""

    code = "NOT_FOUND"
