"""What the key is."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from permissions.audit import label_of
from permissions.errors import Refused
from permissions.policy import decide
from teams import keys
from teams.api.base import KeyView
from teams.api.description import operation
from teams.api.throttling import per_minute
from teams.catalogue import CATALOGUE
from teams.denials import denial_text
from teams.editions import get
from teams.effective import source_text


class PlaceShape(serializers.Serializer):
    """An account or a subaccount."""

    id = serializers.IntegerField()
    short_name = serializers.CharField()
    name = serializers.CharField()


class MeShape(serializers.Serializer):
    """The key that calls."""

    name = serializers.CharField()
    prefix = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    account = PlaceShape()
    edition = serializers.CharField()
    subaccount = PlaceShape()
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    calls_per_minute = serializers.IntegerField()


class HeldShape(serializers.Serializer):
    """One scope of the key: whether it counts now, and why or why not."""

    permission = serializers.CharField()
    label = serializers.CharField()
    allowed = serializers.BooleanField()
    reason = serializers.CharField()
    text = serializers.CharField()


class HeldListShape(serializers.Serializer):
    """All scopes of the key."""

    results = HeldShape(many=True)


class Me(KeyView):
    """The key itself."""

    @operation("me", "Show the key that calls", "Key", MeShape)
    def get(self, request: Request) -> Response:
        """Answer what the key is."""
        key = self.key
        return Response(
            {
                "name": key.name,
                "prefix": key.prefix,
                "scopes": list(key.scopes),
                "account": _place(self.account),
                "edition": self.account.edition,
                "subaccount": _place(self.subaccount),
                "created_by": label_of(self.actor),
                "created_at": key.created_at,
                "expires_at": key.expires_at,
                "calls_per_minute": per_minute(),
            }
        )


class MyPermissions(KeyView):
    """What the key may do now."""

    @operation("me_permissions", "Show what the key may do now", "Key", HeldListShape)
    def get(self, request: Request) -> Response:
        """Answer each scope with yes or no, and the reason."""
        if self.account.pk not in self.profile.tenants:  # lost since the key was looked up
            raise Refused(keys.why_dead(self.key), code="KEY_ASLEEP")
        known = [CATALOGUE[scope] for scope in self.key.scopes if scope in CATALOGUE]
        return Response({"results": [self._line(permission) for permission in known]})

    def _line(self, permission: Any) -> dict[str, Any]:
        tenant = self.profile.tenants[self.account.pk]
        outcome = decide(tenant.standing, tenant.root, permission, self.subaccount.pk)
        if outcome.allowed:
            text = "; ".join(dict.fromkeys(source_text(s) for s in outcome.sources))
        else:
            text = denial_text(get(self.account.edition), outcome, permission)
        return {
            "permission": str(permission),
            "label": str(permission.label),
            "allowed": outcome.allowed,
            "reason": "allowed" if outcome.denial is None else str(outcome.denial),
            "text": text,
        }


def _place(obj: Any) -> dict[str, Any]:
    return {"id": obj.pk, "short_name": obj.slug, "name": obj.name}
