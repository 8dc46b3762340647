"""One call of a webhook: signed, posted, and over after a while.

Needs the packages of the extra ``webhooks``, so it is loaded when there is something to send.

An address is somebody's word, and the server that calls it stands inside. So what a name resolves
to is looked at when the connection is made, and that very address is called (requests-hardened);
redirects are not followed, proxies and passwords of the machine are not used, and neither a name
nor a receiver that takes its time holds the worker. Signatures are those of Standard Webhooks.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import requests
from requests_hardened import Config, HTTPSession
from requests_hardened.ip_filter import InvalidIPAddress
from requests_hardened.ip_filter_adapter import IPFilterAdapter
from standardwebhooks import Webhook as Signer
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from permissions.errors import Invalid
from teams.models import Webhook
from teams.webhook_wire import allows_loopback, clean_url, secrets_of

#: seconds for a name to be looked up
LOOK_UP = 5.0
#: seconds to connect, and to wait for each next byte
TIMEOUT = 5.0
#: seconds after which a receiver that is still talking is cut off
LONGEST = 15.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver said: its ``status``, None if it was not heard, and what went wrong."""

    status: int | None
    problem: str = ""

    @property
    def is_taken(self) -> bool:
        """Say whether the receiver has it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """Say whether the receiver wants nothing any more."""
        return self.status == 410


def headers(webhook: Webhook, message: str, at: datetime, body: str) -> dict[str, str]:
    """Return the headers of a message called ``message``, sent at ``at`` (aware)."""
    signatures = [Signer(secret).sign(message, at, body) for secret in secrets_of(webhook)]
    return {
        "Content-Type": "application/json",
        "User-Agent": "django-subaccounts webhooks",
        "webhook-id": message,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def post(url: str, body: str, said: dict[str, str]) -> Answer:
    """Post ``body`` to ``url`` with the headers ``said``; return what became of it.

    Never raises for what a receiver, a name or a network does. Takes at most ``LOOK_UP`` seconds
    for the name, ``TIMEOUT`` to connect and ``LONGEST`` from then on, and reads nothing of the
    answer but its head.
    """
    try:
        clean_url(url)
    except Invalid as error:
        return Answer(None, error.message)
    try:
        with _session() as session:
            answer = session.post(url, data=body.encode(), headers=said, stream=True)
            status = int(answer.status_code)
            answer.close()
    except Exception as error:  # whatever it is, it concerns this receiver alone
        return Answer(None, _said(error))
    if 200 <= status < 300:
        return Answer(status)
    if 300 <= status < 400:
        return Answer(status, "It redirects elsewhere, and redirects are not followed.")
    return Answer(status, f"It answered {status}.")


def _said(error: Exception) -> str:
    """Return what went wrong, in words of ours: those of others may tell of our own network."""
    if isinstance(error, InvalidIPAddress):
        return "Its name leads to an address that is not on the public internet."
    if isinstance(error, requests.exceptions.SSLError):
        return "Its certificate could not be verified."
    if isinstance(error, NameTooSlow):
        return f"Its name could not be looked up within {LOOK_UP:g} seconds."
    if isinstance(error, requests.exceptions.Timeout):
        return f"It did not answer within {TIMEOUT:.0f} seconds."
    if isinstance(error, requests.exceptions.RequestException):
        return "It could not be reached, or hung up before it had answered."
    return "It answered with something that is no answer."


def _session() -> Any:
    """Return what calls public addresses only, and only for so long."""
    session = HTTPSession(
        Config(
            ip_filter_enable=True,
            ip_filter_allow_loopback_ips=allows_loopback(),
            never_redirect=True,
            default_timeout=(TIMEOUT, TIMEOUT),
        )
    )
    # neither a proxy, which would resolve the name again, nor passwords of this machine
    session.trust_env = False
    for scheme in POOLS:
        adapter = _PromptNames(scheme == "https", allow_loopback=allows_loopback())
        adapter.poolmanager.pool_classes_by_scheme = POOLS
        session.mount(f"{scheme}://", adapter)
    return session


class NameTooSlow(requests.exceptions.ConnectTimeout):
    """Whoever answers for a name took too long."""


class _PromptNames(IPFilterAdapter):  # type: ignore[misc]  # requests-hardened has no types
    """Looks a name up, as its base does, within ``LOOK_UP`` seconds: the system's own look-up takes
    no limit, and whoever has a name decides how long the answer takes."""

    def build_connection_pool_key_attributes(self, *given: Any, **named: Any) -> Any:
        look_up = super().build_connection_pool_key_attributes
        return _within(LOOK_UP, lambda: look_up(*given, **named))


def _within(seconds: float, work: Callable[[], Any]) -> Any:
    """Return what ``work`` returns, done in a thread of its own that is left behind if it takes
    longer. Raises what it raises, or NameTooSlow."""
    outcome: Future[Any] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=run, name="webhook-name", daemon=True).start()
    try:
        return outcome.result(timeout=seconds)
    except TimeoutError:
        if outcome.done():  # its own, such as that of a socket
            raise
        raise NameTooSlow from None


class _Short(HTTPConnection):
    """A connection that is cut off in the end: a timeout is one for each byte, and would let a
    receiver drip for days."""

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        self._guard = sock.dup()  # TLS takes the socket over; this stays ours
        self._timer = threading.Timer(LONGEST, _cut_off, [self._guard])
        self._timer.daemon = True
        self._timer.start()
        return sock

    def close(self) -> None:
        super().close()
        if hasattr(self, "_timer"):
            self._timer.cancel()
            self._guard.close()


class _ShortHttps(_Short, HTTPSConnection):
    pass


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Short


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _ShortHttps


POOLS = {"http": _HttpPool, "https": _HttpsPool}


def _cut_off(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


__all__ = ["LONGEST", "LOOK_UP", "TIMEOUT", "Answer", "NameTooSlow", "headers", "post"]
