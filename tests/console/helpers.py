"""What several tests of the console do."""

from __future__ import annotations

from typing import Any


def digest_of(answer: Any) -> str:
    """Return what confirms the preview that ``answer`` shows; empty if it shows none."""
    preview = answer.context and answer.context.get("preview")
    return str(preview.digest) if preview else ""


def confirmed(client: Any, url: str, data: Any = None, **extra: Any) -> Any:
    """Post to a verb; where that shows who gains and who loses, confirm it."""
    answer = client.post(url, data or {}, **extra)
    if digest := digest_of(answer):
        answer = client.post(url, {**(data or {}), "previewed": digest}, **extra)
    return answer
