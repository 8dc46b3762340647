"""A server that answers like Stripe's: localstripe, with Checkout, in a process of its own.

localstripe knows no Checkout and no idempotency keys, so both are added here, after Stripe's
documentation. What a person would do on Stripe's page is done by ``Stripe.complete`` and its like.
The webhooks are localstripe's own, signed by it, and kept until a test fetches them: so that a test
decides in what order they come, how often, and in what state.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

SECRET = "whsec_of_the_tests"
KEY = "sk_test_of_the_tests"
ROOT = Path(__file__).resolve().parents[2]
#: what is told of a session; of all else that localstripe tells of, nobody hears
TOLD = ("completed", "expired", "async_payment_succeeded", "async_payment_failed")
#: seconds somebody waits for the server, which answers at once unless the machine is busy
PATIENCE = 60


@dataclass(slots=True)
class Webhook:
    """A message as it was sent: what it is about, its body, its signature."""

    kind: str
    body: bytes
    signature: str


@dataclass(slots=True)
class Stripe:
    """The server as tests see it, and what people do on its pages."""

    base: str
    process: subprocess.Popen[bytes]
    line: requests.Session

    def _post(self, path: str, **data: Any) -> Any:
        answer = self.line.post(f"{self.base}/_config/{path}", json=data, timeout=PATIENCE)
        answer.raise_for_status()
        return answer.json()

    def clear(self) -> None:
        """Forget everything."""
        self._post("reset")

    def complete(self, session: str, **other: Any) -> None:
        """Pay by card; ``amount`` and ``currency`` if others than were asked for."""
        self._post(f"complete/{session}", **other)

    def promise(self, session: str) -> None:
        """Pay by direct debit, for which the money comes later."""
        self._post(f"promise/{session}")

    def debit(self, session: str, *, succeeds: bool) -> None:
        """Let the money of a direct debit come, or not."""
        self._post(f"debit/{session}", succeeds=succeeds)

    def expire(self, session: str) -> None:
        """Let its time be over."""
        self._post(f"expire/{session}")

    def trouble(self, status: int, times: int = 1, *, after: bool = False) -> None:
        """Answer the next ``times`` calls with ``status``; ``after``: those with a key, once they
        have been carried out."""
        self._post("trouble", status=status, times=times, after=after)

    def webhooks(self, kind: str = "") -> list[Webhook]:
        """Return, and forget, what was sent about Checkout since the last call, oldest first."""
        sent = [Webhook(w["kind"], w["body"].encode(), w["signature"]) for w in self._post("inbox")]
        return [w for w in sent if w.kind == kind or not kind]

    def sessions(self) -> list[dict[str, Any]]:
        """Return all sessions there are."""
        found: list[dict[str, Any]] = self._post("sessions")
        return found

    def refunds(self) -> list[dict[str, Any]]:
        """Return all refunds there are."""
        found: list[dict[str, Any]] = self._post("refunds")
        return found


def start() -> Stripe:
    """Start the server on a free port and wait until it answers."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.billing.stripe_server"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    port = process.stdout.readline().strip().decode()
    assert port, "localstripe does not start: is it installed?"
    line = requests.Session()
    line.trust_env = False
    return Stripe(f"http://127.0.0.1:{port}", process, line)


def stop(server: Stripe) -> None:
    """End the process."""
    server.line.close()
    server.process.terminate()
    server.process.wait(timeout=PATIENCE)
    assert server.process.stdout is not None
    server.process.stdout.close()


# what runs in the other process


def _serve() -> None:  # noqa: PLR0915  (what it declares belongs to one server)
    import asyncio
    import json
    from types import SimpleNamespace

    from aiohttp import web
    from localstripe import resources, webhooks
    from localstripe.errors import UserError
    from localstripe.resources import Event, PaymentIntent, PaymentMethod, Refund, store
    from localstripe.server import api_create, api_extra, api_retrieve, app, get_post_data

    cleared = asyncio.Event()
    inbox: list[dict[str, str]] = []
    answers: dict[str, tuple[str, Any, int]] = {}
    ahead: dict[str, Any] = {"status": 500, "times": 0, "after": False}

    async def at_once(_seconds: float) -> None:
        """Send webhooks without waiting a second first."""

    async def until_cleared(_seconds: float) -> None:
        """Let direct debits take as long as the test wants."""
        await cleared.wait()

    # one after the other, once they are asked for: two on their way at once may overtake each other
    sending: list[Coroutine[Any, Any, None]] = []
    webhooks.asyncio = SimpleNamespace(sleep=at_once, ensure_future=sending.append)
    resources.asyncio = SimpleNamespace(sleep=until_cleared, ensure_future=asyncio.ensure_future)
    resources.Store.dump_to_disk = lambda self: None

    class Session(resources.StripeObject):
        """What Stripe calls a Checkout Session, for payments at once."""

        object = "checkout.session"
        _id_prefix = "cs_test_"

        def __init__(  # noqa: PLR0917  (called by name)
            self, mode: Any = None, line_items: Any = None, metadata: Any = None,
            payment_intent_data: Any = None, success_url: Any = None, cancel_url: Any = None,
            client_reference_id: Any = None, expires_at: Any = None, adaptive_pricing: Any = None,
        ) -> None:  # fmt: skip
            now = int(resources.time.time())
            price = line_items[0]["price_data"]
            expires = int(expires_at)
            if mode != "payment" or len(line_items) != 1 or int(line_items[0]["quantity"]) != 1:
                raise UserError(400, "Bad request")
            if not now + 30 * 60 <= expires <= now + 24 * 60 * 60:
                raise UserError(400, "expires_at must be 30 minutes to 24 hours from now")
            if not success_url.startswith("http") or price["currency"] != price["currency"].lower():
                raise UserError(400, "Bad request")
            if int(price["unit_amount"]) < 50:
                raise UserError(400, "Too small", {"code": "amount_too_small"})
            super().__init__()
            self.mode = mode
            self.amount_total = int(price["unit_amount"])
            self.currency = price["currency"]
            self.metadata = metadata or {}
            self.client_reference_id = client_reference_id
            self.expires_at = expires
            self.success_url, self.cancel_url = success_url, cancel_url
            self.status, self.payment_status = "open", "unpaid"
            self.payment_intent = None
            self.url = f"https://checkout.stripe.example/c/pay/{self.id}"
            self._intent_metadata = payment_intent_data["metadata"]

        def _pay(self, method: dict[str, Any], amount: Any = None, currency: Any = None) -> None:
            if self.status != "open":
                raise UserError(400, "The session is not open.")
            self.amount_total = amount or self.amount_total
            self.currency = currency or self.currency
            intent = PaymentIntent._api_create(
                confirm=True,
                amount=self.amount_total,
                currency=self.currency,
                payment_method=PaymentMethod(**method).id,
                metadata=dict(self._intent_metadata),
            )
            if method["type"] == "sepa_debit":  # localstripe calls these succeeded too early
                intent.latest_charge.status = "pending"
            self.payment_intent, self.status, self.url = intent.id, "complete", None
            self.payment_status = "paid" if intent.status == "succeeded" else "unpaid"
            self._tell("completed")

        def _expire(self) -> None:
            if self.status != "open":
                raise UserError(400, "Only sessions that are open can be expired.")
            self.status, self.url = "expired", None
            self._tell("expired")

        def _tell(self, what: str) -> None:
            resources.schedule_webhook(Event(f"checkout.session.{what}", self))

        @classmethod
        def _api_retrieve(cls, id: str) -> Any:
            if f"{cls.object}:{id}" not in store:
                raise UserError(404, "No such session", {"code": "resource_missing"})
            return super()._api_retrieve(id)

        @classmethod
        def _api_expire(cls, id: str) -> Any:
            found = cls._api_retrieve(id)
            found._expire()
            return found

    @web.middleware
    async def like_stripe(request: web.Request, handler: Any) -> Any:
        """Be in trouble when told to, and carry out what has a key only once."""
        if not request.path.startswith("/v1/"):
            return await handler(request)
        key = request.headers.get("Idempotency-Key", "")
        is_keyed = request.method == "POST" and bool(key)
        is_trouble = ahead["times"] > 0 and (is_keyed or not ahead["after"])
        ahead["times"] -= is_trouble
        trouble = web.json_response({"error": {"type": "api_error"}}, status=ahead["status"])
        if is_trouble and not ahead["after"]:
            return trouble
        if not is_keyed:
            return await handler(request)
        asked = (request.path, await get_post_data(request))
        if key not in answers:
            if request.path == "/v1/refunds" and any(
                isinstance(o, Refund) and o.payment_intent == asked[1]["payment_intent"]
                for o in store.values()
            ):
                raise UserError(400, "Refunded before", {"code": "charge_already_refunded"})
            answer = await handler(request)
            answers[key] = (answer.text, asked, answer.status)
        body, first, status = answers[key]
        if first != asked:
            error = {"type": "idempotency_error", "message": "other parameters"}
            return web.json_response({"error": error}, status=400)
        if is_trouble:
            return trouble
        return web.Response(text=body, status=status, content_type="application/json")

    async def act(request: web.Request) -> web.Response:
        what, name = request.match_info["what"], request.match_info.get("id", "")
        data = await request.json()
        found: Any = {}
        session = Session._api_retrieve(name) if name else None
        if what == "reset":
            ahead["times"] = 0
            for table in (inbox, answers, store, sending):
                table.clear()
        elif what == "trouble":
            ahead.update(data)
        elif what == "complete":
            card = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2090, "cvc": "123"}
            session._pay({"type": "card", "card": card}, **data)
        elif what == "promise":
            cleared.clear()
            debit = {"iban": "DE89370400440532013000"}
            session._pay({"type": "sepa_debit", "sepa_debit": debit})
        elif what == "debit":
            intent = PaymentIntent._api_retrieve(session.payment_intent)
            if data["succeeds"]:
                cleared.set()
                while intent.status != "succeeded":
                    await asyncio.sleep(0)
                session.payment_status = "paid"
            else:
                intent.latest_charge._set_auth_failure()
            ended = "succeeded" if data["succeeds"] else "failed"
            session._tell(f"async_payment_{ended}")
        elif what == "expire":
            session._expire()
        elif what == "inbox":
            found = await told()
        else:
            wanted = {"sessions": Session, "refunds": Refund}[what]
            found = [o._export() for o in store.values() if isinstance(o, wanted)]
        return web.json_response(found)

    async def told() -> list[dict[str, str]]:
        while sending:
            await sending.pop(0)
        found = inbox[:]
        inbox.clear()
        return found

    async def receive(request: web.Request) -> web.Response:
        body = await request.text()
        signature = request.headers["Stripe-Signature"]
        kind = json.loads(body)["type"]
        inbox.append({"kind": kind, "body": body, "signature": signature})
        return web.Response()

    routes = app.router
    routes.add_post("/v1/checkout/sessions", api_create(Session, ""))
    routes.add_get("/v1/checkout/sessions/{id}", api_retrieve(Session, ""))
    routes.add_post("/v1/checkout/sessions/{id}/expire", api_extra(Session._api_expire, ""))
    routes.add_post("/_config/hook", receive)
    routes.add_post("/_config/{what}", act)
    routes.add_post("/_config/{what}/{id}", act)
    app.middlewares.append(like_stripe)

    async def run() -> None:
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        hook = f"http://127.0.0.1:{port}/_config/hook"
        webhooks.register_webhook(
            "tests", hook, SECRET, [f"checkout.session.{what}" for what in TOLD]
        )
        print(port, flush=True)
        await asyncio.Event().wait()

    asyncio.run(run())


if __name__ == "__main__":
    _serve()
