"""What every way to pay can be asked, and what it answers with.

A gateway knows how to talk to whoever moves the money; it writes nothing down. What its answers
mean for a payment and an invoice is for ``billing.services.settling`` alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from billing.models import Invoice, Payment


class GatewayError(Exception):
    """A gateway did not do what it was asked; the message is a sentence for people."""


class Unreachable(GatewayError):
    """Nobody answers for now, so that nobody knows whether it was done. Asking again is safe."""


class Rejected(GatewayError):
    """The gateway says no, and would say it again; ``code`` is its own name for why, if any."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class Forged(GatewayError):
    """A message does not come from the gateway, is too old, or makes no sense."""


class State(StrEnum):
    """What has become of a payment, in the words of no gateway.

    OPEN: whoever has the address can pay. UNDER_WAY: somebody did, and the money has not come yet.
    """

    OPEN = "open"
    UNDER_WAY = "under_way"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Begun:
    """What the gateway calls a payment, and where it can be made."""

    reference: str
    redirect_url: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What a gateway says of one payment; ``amount`` and ``currency`` are what was really paid."""

    state: State
    reference: str = ""
    amount: Decimal | None = None
    currency: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """A message of a gateway about the payment with the key ``key``; ``id`` is unique there."""

    id: str
    kind: str
    key: UUID
    seen: Seen


@dataclass(frozen=True, slots=True)
class Instructions:
    """Where to transfer how much: ``lines`` name the account, ``reference`` what to write."""

    lines: tuple[str, ...]
    amount: Decimal
    currency: str
    reference: str


class Gateway(ABC):
    """One way to pay. ``codename`` is stored with each payment."""

    codename: str
    label: Any
    #: whether it has pages of its own on which one pays; without, ``begin`` and what follows it
    #: is never called
    has_pages = True

    def instructions(self, invoice: Invoice) -> Instructions | None:
        """Return what whoever pays ``invoice`` has to do elsewhere; None if there are pages."""
        return None

    @abstractmethod
    def begin(self, payment: Payment, *, return_url: str) -> Begun:
        """Have ``payment`` made there. Repeating it, with ``payment.key``, begins nothing new.

        Raises Unreachable or Rejected.
        """

    @abstractmethod
    def look(self, payment: Payment) -> Seen:
        """Ask what became of ``payment``, which has a reference. Raises Unreachable or Rejected."""

    @abstractmethod
    def withdraw(self, payment: Payment) -> Seen:
        """Let nobody pay ``payment`` any more, if that still goes; return what became of it.

        Raises Unreachable or Rejected.
        """

    @abstractmethod
    def send_back(self, payment: Payment) -> str:
        """Send all of ``payment`` back and return how the gateway calls that. Repeating it sends
        nothing twice. Raises Unreachable or Rejected."""

    @abstractmethod
    def read(self, body: bytes, headers: Mapping[str, str]) -> Event | None:
        """Return what a message says; None if it is not about a payment of ours. Raises Forged."""
