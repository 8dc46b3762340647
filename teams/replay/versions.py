"""What the built-in roles of an edition give, as a digest that a record keeps.

Which role somebody had is in the record; what it gave is in the code, and another version of it may
give something else. So the beginning of a record says which version it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Set
from dataclasses import fields, is_dataclass
from typing import Any

from teams.editions import EDITIONS

#: the parts of an edition that say who holds what
_PARTS = ("permissions", "owner_when", "teams_only", "roles", "custom_roles")


def built_in(edition: str) -> str:
    """Return the digest, hexadecimal, of what the roles of ``edition`` give; empty if there is no
    such edition. Names that people read are not part of it."""
    found = EDITIONS.get(edition)
    if found is None:
        return ""
    parts = {name: _plain(getattr(found, name)) for name in _PARTS}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Return ``value`` as plain JSON, always in the same order."""
    if is_dataclass(value):
        named = (field.name for field in fields(value) if field.name != "label")
        return {name: _plain(getattr(value, name)) for name in named}
    if isinstance(value, Mapping):
        return {str(key): _plain(held) for key, held in value.items()}
    if isinstance(value, Set):
        return sorted(map(str, value))
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, (bool, int)) else str(value)
