"""What a command does about an account that fails: the others are gone on with, and it is named."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.core.management.base import CommandError

from permissions import access
from permissions.errors import ServiceError
from permissions.management.base import PROBLEM
from teams.models import Account

log = logging.getLogger("billing.commands")


@dataclass(slots=True)
class Failures:
    """The accounts of which something unexpected kept a command from doing its work."""

    found: list[str] = field(default_factory=list)

    @contextmanager
    def noted(self, account: Account) -> Iterator[None]:
        """Let nothing that goes wrong about ``account`` keep the others from their turn."""
        try:
            yield
        except ServiceError:
            raise  # said in a sentence, and of what was asked rather than of one account
        except Exception as error:  # whatever it is; the log has where it came from
            access.forget()
            log.exception("account %s", account.slug)
            self.found.append(f"{account.slug} ({type(error).__name__}: {error})"[:300])

    def told(self) -> None:
        """Raise CommandError (exit 1) naming the accounts that failed, if any did."""
        if self.found:
            raise CommandError(
                "Not done for: " + "; ".join(self.found) + ". All others are done; run it again "
                "once that is put right.",
                returncode=PROBLEM,
            )
