"""What may stand in a body: named, typed and bounded; anything else is refused by name.

DRF's own fields turn 1 into "1" and "yes" into true. What a caller did not mean is not written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.utils.dateparse import parse_datetime
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from teams.api.problems import Unprocessable, field_errors

_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)\Z", re.ASCII
)


class Text(serializers.CharField):
    """Text, and nothing that would have to be made text."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"trim_whitespace": False, **kwargs})

    def to_internal_value(self, data: Any) -> str:
        """Return the text."""
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class Flag(serializers.BooleanField):
    """True or false."""

    def to_internal_value(self, data: Any) -> bool:
        """Return the flag."""
        if not isinstance(data, bool):
            self.fail("invalid", input="This value")
        return data


class Number(serializers.IntegerField):
    """A whole number that is the key of a row."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=10**18 - 1, **kwargs)

    def to_internal_value(self, data: Any) -> int:
        """Return the number."""
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return data


class Choice(serializers.ChoiceField):
    """One of a few words."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the word."""
        if not isinstance(data, str):
            self.fail("invalid_choice", input="This value")
        return super().to_internal_value(data)


class Moment(serializers.DateTimeField):
    """A date and time with a time zone, as RFC 3339 writes it."""

    def to_internal_value(self, value: Any) -> Any:
        """Return the moment."""
        try:
            found = parse_datetime(value) if isinstance(value, str) else None
        except ValueError:
            found = None
        if found is None or not _MOMENT.match(value):
            self.fail("invalid", format="2026-11-22T09:30:00Z")
        return found


@extend_schema_field(OpenApiTypes.EMAIL)
class Address(Text):
    """An e-mail address; the service says whether it is one."""


class Body(serializers.Serializer):
    """The body of a call: an object with these fields and no others."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the values. Refuses unknown fields by name."""
        if isinstance(data, Mapping) and (unknown := set(data) - set(self.fields)):
            raise serializers.ValidationError(
                {
                    name[:60]: [
                        serializers.ErrorDetail("There is no such field.", code="unknown_field")
                    ]
                    for name in sorted(map(str, unknown))[:20]
                }
            )
        return super().to_internal_value(data)


class Nothing(Body):
    """The body of a call that says all by its address: none, or an empty object."""


def read(kind: type[serializers.Serializer], request: Any) -> dict[str, Any]:
    """Return what a body of ``kind`` says; only what was sent stands in it. Raises 422."""
    raw = request.data
    body = kind(data={} if kind is Nothing and not request._request.body else raw)
    if not body.is_valid():
        raise Unprocessable(list(field_errors(body.errors)))
    return dict(body.validated_data)
