"""Everything that is recorded is either replayed, or declared to change nobody's access."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path

import pytest

import billing
import permissions
import teams
from teams import replay

pytestmark = pytest.mark.once
ACTION = re.compile(r"[a-z_]+\.[a-z_]+\Z")
#: what the gaps of a composed action are filled with, by the text around them
ARCHIVED = ("mailinglist", "segment", "messagetemplate", "campaign", "contact", "savedrow")
FILLED = {
    ("campaign.", ""): (("stopped", "unscheduled", "scheduled", "rescheduled", "released"),),
    ("", ".changed"): (("campaign", "messagetemplate"),),
    ("", ".archived"): (ARCHIVED,),
    ("", ".restored"): (ARCHIVED,),
    ("", ".", ""): (ARCHIVED, ("purged",)),
    ("contact_import.", ""): (("done", "undone", "failed"),),
    ("payment.", ""): (("failed", "cancelled"),),
    ("review.line_", ""): (("confirmed", "withdrawn", "gone"),),
}
#: recorded under a name of their own
BY_NAME = {"account.read_only", "account.writable", "mailinglist.deleted", "savedrow.deleted"}
#: of no account: the platform's own record
OF_PLATFORM = re.compile(r"rate_plan\.(created|edited|renamed|offered|withdrawn|copied)\Z")
RECORDS = ("record", "_record", "_set_status")


@cache
def recorded() -> frozenset[str]:
    """Return every action that the source records, composed ones filled in."""
    found: set[str] = set(BY_NAME)
    trees = [
        ast.parse(path.read_text())
        for package in (teams, billing, permissions)
        for path in Path(package.__path__[0]).rglob("*.py")
        if "migrations" not in path.parts
    ]
    called = dict(pair for tree in trees for pair in _constants(tree))
    for tree in trees:
        found.update(_of(tree, called))
    return frozenset(found)


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield the actions that a module gives a name, such as ``PRUNED``."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            for target in node.targets:
                if isinstance(target, ast.Name) and ACTION.match(str(node.value.value)):
                    yield target.id, str(node.value.value)


def _of(tree: ast.Module, called: dict[str, str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        by = node.func
        name = by.attr if isinstance(by, ast.Attribute) else getattr(by, "id", "")
        if name in RECORDS:
            for argument in [*node.args, *(k.value for k in node.keywords if k.arg == "action")]:
                for part in ast.walk(argument) if isinstance(argument, ast.IfExp) else [argument]:
                    yield from _actions(part)
                    if isinstance(part, ast.Name) and part.id in called:
                        yield called[part.id]


def _actions(part: ast.AST) -> Iterator[str]:
    if isinstance(part, ast.Constant) and isinstance(part.value, str):
        if ACTION.match(part.value):
            yield part.value
    elif isinstance(part, ast.JoinedStr):
        texts = [""]
        for value in part.values:
            if isinstance(value, ast.Constant):
                texts[-1] += str(value.value)
            else:
                texts.append("")
        for filling in product(*FILLED[tuple(texts)]):
            yield "".join(text + fill for text, fill in zip(texts, (*filling, ""), strict=True))


def test_every_recorded_action_is_replayed_or_declared_to_be_about_something_else() -> None:
    known = replay.HANDLED.keys() | replay.not_about_access()
    assert {a for a in recorded() - known if not OF_PLATFORM.match(a)} == set()


def test_nothing_is_both_and_nothing_is_kept_that_nobody_records() -> None:
    assert replay.HANDLED.keys() & replay.not_about_access() == set()
    said = recorded() | {"account.created", "write.refused", *BY_NAME}
    assert replay.HANDLED.keys() - said == set()
    assert replay.not_about_access() - said == set()
