"""A web server in a thread that takes what webhooks send, and answers as a test says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@dataclass(slots=True)
class Message:
    """What was posted: where to, with which headers, and what it says."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Receiver:
    """The server as tests see it; ``answer`` is what it answers, ``headers`` besides, and
    ``meanwhile`` what it does before it does."""

    origin: str
    answer: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    meanwhile: Callable[[Any], None] = lambda handler: None
    messages: list[Message] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Return the address that is called."""
        return f"{self.origin}/hook"


@contextmanager
def receiving(host: str = "127.0.0.1") -> Iterator[Receiver]:
    """Yield a receiver that listens on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.messages.append(Message(self.path, dict(self.headers.items()), body))
            found.meanwhile(self)
            self.send_response(found.answer)
            for name, value in {"Content-Length": "0", **found.headers}.items():
                self.send_header(name, value)
            self.end_headers()

        do_GET = do_POST  # noqa: N815  (the standard library's name)

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((host, 0), Handler)
    server.daemon_threads = True
    found = Receiver(f"http://{host}:{server.server_port}")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
