"""What a key may do: asked of one thing, or of a hundred at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.db.models import Model
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from permissions import access
from permissions.access import Decision
from permissions.policy import Denial, Outcome
from permissions.resources import registry
from teams.api.base import KeyView, key_of
from teams.api.description import MissingShape, operation
from teams.api.fields import Body, Text, read
from teams.catalogue import CATALOGUE
from teams.denials import denial_text
from teams.editions import get
from teams.effective import source_text
from teams.models import Account, Subaccount

MOST = 100
#: the one answer about what is foreign, missing, malformed, or not the key's to see
NO_SUCH = "no_such_object"
Asked = tuple[str, str]


class Question(Body):
    """May this key do that with this?"""

    permission = Text(max_length=80, help_text="Its short name.")
    object = Text(max_length=120, help_text="`app.model:key`, such as `teams.campaign:12`.")


class Questions(Body):
    """Several of them."""

    checks = serializers.ListField(child=Question(), min_length=1, max_length=MOST)


class SourceShape(serializers.Serializer):
    """Where a right comes from."""

    kind = serializers.CharField()
    text = serializers.CharField()


class AnswerShape(serializers.Serializer):
    """Yes or no, and why. `reason` is `allowed`, `no_such_object`, or why not."""

    permission = serializers.CharField()
    object = serializers.CharField()
    allowed = serializers.BooleanField()
    reason = serializers.CharField()
    text = serializers.CharField()
    sources = SourceShape(many=True)
    missing = MissingShape(many=True)


class AnswersShape(serializers.Serializer):
    """The answers, in the order of the questions."""

    results = AnswerShape(many=True)


class CheckView(KeyView):
    """Answers questions about the key's own subaccount, and about nothing else."""

    def answers(self, asked: Sequence[Asked]) -> list[dict[str, Any]]:
        """Return an answer to each (permission, object), with one query for each kind of object."""
        objects = self._objects({text for _permission, text in asked})
        return [self._answer(permission, text, objects.get(text)) for permission, text in asked]

    def _objects(self, texts: set[str]) -> dict[str, Model]:
        """Return what stands behind each text as far as the key may know of it.

        Where the key may see nothing of a kind, the subaccount stands for each of it, whether there
        is one or not: ``_answer`` never says yes of it.
        """
        found: dict[str, Model] = {}
        wanted: dict[Any, dict[int, str]] = defaultdict(dict)
        for text in texts:
            label, _, number = text.partition(":")
            model, pk = _model(label), key_of(number)
            if model is None or pk is None or str(pk) != number:
                continue
            if model is Account or model is Subaccount:
                own = self.account if model is Account else self.subaccount
                if own.pk == pk:
                    found[text] = own
            elif not self.holds(registry.of(model).actions["view"]):
                found[text] = self.subaccount
            else:
                wanted[model][pk] = text
        for model, keys in wanted.items():
            resource = registry.of(model)
            inside = model._default_manager.filter(
                **{"pk__in": list(keys), str(resource.place_path): self.subaccount.pk}
            )
            for row in access.visible(inside, self.actor, resource.actions["view"]):
                found[keys[row.pk]] = row
        return found

    def _answer(self, permission: str, text: str, obj: Model | None) -> dict[str, Any]:
        decision = (
            Decision(False, Denial.UNKNOWN)
            if permission not in CATALOGUE
            else Decision(False, NO_SUCH)
            if obj is None
            else access.can(self.actor, permission, obj)
        )
        if (
            decision.allowed
            and obj is self.subaccount
            and _model(text.partition(":")[0]) is not (Subaccount)
        ):
            # held here, but of nothing that the key could see or do it with
            decision, obj = Decision(False, NO_SUCH), None
        missing = []
        if permission in CATALOGUE and obj is not None and not decision.allowed:
            label, place = str(CATALOGUE[permission].label), self.subaccount.name
            missing = [{"permission": permission, "label": label, "place": place}]
        return {
            "permission": permission,
            "object": text,
            "allowed": decision.allowed,
            "reason": str(decision.reason),
            "text": self._text(decision, permission),
            "sources": [{"kind": s.kind, "text": source_text(s)} for s in decision.sources],
            "missing": missing,
        }

    def _text(self, decision: Decision, permission: str) -> str:
        if decision.allowed:
            return "This key may do this."
        if decision.reason == Denial.UNKNOWN:
            return "There is no such permission."
        if decision.reason == NO_SUCH:
            return "There is no such thing here."
        if permission not in self.key.scopes:
            return "This is not among the scopes of this key."
        outcome = Outcome(denial=Denial(decision.reason), detail=decision.detail)
        return f"{denial_text(get(self.account.edition), outcome, permission)}."


class Check(CheckView):
    """One question."""

    @operation(
        "check",
        "Ask whether the key may do something",
        "Key",
        AnswerShape,
        body=Question,
        example={"permission": "send_campaigns", "object": "teams.campaign:12"},
        note="What is foreign or missing is answered alike, with `no_such_object`.",
    )
    def post(self, request: Request) -> Response:
        """Answer it."""
        said = read(Question, request)
        (answer,) = self.answers([(said["permission"], said["object"])])
        return Response(answer)


class CheckBatch(CheckView):
    """Several questions."""

    @operation(
        "check_batch",
        "Ask several questions at once",
        "Key",
        AnswersShape,
        body=Questions,
        example={"checks": [{"permission": "send_campaigns", "object": "teams.campaign:12"}]},
        note=f"Up to {MOST}; each answer is what the question alone would get.",
    )
    def post(self, request: Request) -> Response:
        """Answer them."""
        said = read(Questions, request)
        asked = [(one["permission"], one["object"]) for one in said["checks"]]
        return Response({"results": self.answers(asked)})


def _model(label: str) -> Any:
    """Return the guarded model that is written so, or None."""
    if not label.isascii() or label.count(".") != 1:
        return None
    try:
        found = apps.get_model(label)
    except LookupError:
        return None
    return found if found in registry else None
