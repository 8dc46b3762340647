"""Calling the API as a key, in-process: shared by its tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.test import Client

from teams.factories import ApiKeyFactory
from teams.models import ApiKey, Subaccount

ROOT = "/api/v1/"


@dataclass(slots=True)
class Caller:
    """A key, and what it calls with."""

    key: ApiKey
    text: str

    def call(self, method: str, path: str, body: Any = None, **extra: Any) -> Any:
        """Return the answer to one call; ``path`` is counted from where the API is."""
        # a test that expects a 500 says so
        client = Client(raise_request_exception=extra.pop("raises", True))
        headers = {"Authorization": f"Bearer {self.text}", **extra.pop("headers", {})}
        given = {} if body is None else {"data": body, "content_type": "application/json"}
        address = path if path.startswith(("/", "http://")) else ROOT + path
        return getattr(client, method)(address, headers=headers, **given, **extra)

    def get(self, path: str, **extra: Any) -> Any:
        """Read."""
        return self.call("get", path, **extra)

    def post(self, path: str, body: Any = None, **extra: Any) -> Any:
        """Act."""
        return self.call("post", path, {} if body is None else body, **extra)

    def patch(self, path: str, body: Any, **extra: Any) -> Any:
        """Change."""
        return self.call("patch", path, body, **extra)

    def delete(self, path: str, **extra: Any) -> Any:
        """Remove."""
        return self.call("delete", path, **extra)

    def ids(self, path: str, **extra: Any) -> set[int]:
        """Return the keys of all rows of a list, page by page."""
        found: list[int] = []
        address = path
        while address:
            answer = self.get(address, **extra)
            assert answer.status_code == 200, answer.content
            found += [row["id"] for row in answer.json()["results"]]
            address = answer.json()["next"]
        assert len(found) == len(set(found)), "a row came twice"
        return set(found)


def caller(subaccount: Subaccount, by: Any = None, scopes: Any = None, **extra: Any) -> Caller:
    """Return a caller with a key made by ``by`` (the owner), with all they could give it."""
    given = {"subaccount": subaccount, "created_by": by or subaccount.account.owner, **extra}
    if scopes is not None:
        given["scopes"] = [str(scope) for scope in scopes]
    key = ApiKeyFactory(**given)
    return Caller(key, key.text)


def problem(answer: Any, status: int, code: str) -> Any:
    """Expect a problem with ``status`` and ``code``, and return its body."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["code"] == code, body
    assert body["status"] == status
    assert body["request_id"] == answer["X-Request-ID"]
    return body
