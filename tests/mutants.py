"""Break the policy in every small way, and see its tests notice each: ``python -m tests.mutants``.

What breaks it is mutmut, configured in ``pyproject.toml``; what runs is ``tests/policy``, without
Django and without a database. Decorated functions are left as they are: mutmut cannot.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
import tomllib
from collections import Counter
from pathlib import Path
from typing import NamedTuple

BASE = Path(__file__).resolve().parent.parent
LISTED = BASE / "tests" / "policy" / "survivors.toml"
#: where mutmut works; what it found before is nothing to build on
WORK = BASE / "mutants"
MUTMUT = [sys.executable, "-m", "mutmut"]
KILLED = ("killed", "caught by type check")


class Mutant(NamedTuple):
    """One change of one line."""

    file: str
    function: str
    was: str
    becomes: str

    def __str__(self) -> str:
        return f"{self.file}, {self.function}:\n    - {self.was}\n    + {self.becomes}"


def listed(path: Path) -> dict[Mutant, str]:
    """Return the survivors that are known, each with the reason why it is none."""
    found = {}
    for entry in tomllib.loads(path.read_text(encoding="utf-8")).get("survivor", []):
        mutant = Mutant(*(entry[name] for name in Mutant._fields))
        if not entry["why"].strip():
            raise ValueError(f"{path.name} gives no reason for {mutant}")
        found[mutant] = entry["why"]
    return found


def tell(outcomes: Counter[str], survived: set[Mutant], known: set[Mutant]) -> list[str]:
    """Return what is wrong, as sentences: nothing, if every mutant was noticed or is listed."""
    wrong = [f"Nobody notices {mutant}" for mutant in sorted(survived - known)]
    wrong += [f"Listed, but it does not survive: {mutant}" for mutant in sorted(known - survived)]
    for outcome, count in sorted(outcomes.items()):
        if outcome not in (*KILLED, "survived"):
            wrong.append(f"{count} ended otherwise: {outcome}. Nothing is known of these.")
    if not sum(outcomes.values()):
        wrong.append("There was not a single mutant: the configuration is wrong.")
    return wrong


def outcomes() -> dict[str, str]:
    """Return how each mutant ended, by its name."""
    said = _mutmut("results", "--all", "true")
    pairs = (line.strip().rpartition(": ")[::2] for line in said.splitlines() if ": " in line)
    return {name: outcome for name, outcome in pairs if "__mutmut_" in name}


def shown(name: str) -> Mutant:
    """Return what mutmut did to the line it changed."""
    lines = _mutmut("show", name).splitlines()
    file = next(line[4:].strip() for line in lines if line.startswith("--- "))
    was, becomes = (
        " ".join(
            line[1:].strip()
            for line in lines
            if line.startswith(sign) and not line.startswith(sign * 3)
        )
        for sign in "-+"
    )
    function = name.rpartition(".")[2].rpartition("__mutmut_")[0].removeprefix("x_")
    return Mutant(file, function.replace("xǁ", "").replace("ǁ", "."), was, becomes)


def _mutmut(*arguments: str) -> str:
    done = subprocess.run(
        [*MUTMUT, *arguments], cwd=BASE, check=True, capture_output=True, text=True
    )
    return done.stdout


def main() -> int:
    """Run it, say how many there were and how they ended, and return 1 if anything is wrong."""
    known, started = set(listed(LISTED)), time.monotonic()
    shutil.rmtree(WORK, ignore_errors=True)
    try:
        ran = subprocess.run(
            [*MUTMUT, "run", "--max-children", "2"],
            cwd=BASE,
            check=False,
            capture_output=True,
            text=True,
        )
        if ran.returncode:
            print((ran.stdout + ran.stderr)[-5000:])
            print("mutmut did not finish.")
            return 1
        ended = outcomes()
        survived = {shown(name) for name, outcome in ended.items() if outcome == "survived"}
    finally:
        shutil.rmtree(WORK, ignore_errors=True)
    counted = Counter(ended.values())
    killed = sum(counted[outcome] for outcome in KILLED)
    print(
        f"{len(ended)} mutants in {time.monotonic() - started:.0f} seconds: {killed} killed, "
        f"{counted['survived']} survived ({len(known)} listed), {counted['timeout']} timed out."
    )
    wrong = tell(counted, survived, known)
    print("\n".join(wrong) or "Every mutant is noticed, or listed with a reason.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
