"""The policy stands alone: what it imports is itself or the standard library."""

import ast
import sys
from pathlib import Path

import pytest

from config.environment import BASE_DIR

POLICY = BASE_DIR / "permissions" / "policy"


def imported(source: Path) -> set[str]:
    """Return the absolute names of the modules that ``source`` imports, anywhere in it."""
    package = source.relative_to(BASE_DIR).parent.parts
    names = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            names.add(".".join([*above, *([node.module] if node.module else [])]))
    return names


@pytest.mark.parametrize("source", sorted(POLICY.rglob("*.py")), ids=lambda path: path.name)
def test_policy_imports_only_itself_and_the_standard_library(source: Path) -> None:
    foreign = {
        name
        for name in imported(source)
        if name.partition(".")[0] not in sys.stdlib_module_names
        and name != "permissions.policy"
        and not name.startswith("permissions.policy.")
    }

    assert foreign == set()
