"""Run a management command and return what a shell would see."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import Any

from django.core.management import CommandError, call_command


@dataclass
class Done:
    """The exit code, what was printed, and the error's sentence."""

    code: int
    out: str
    error: str

    @property
    def json(self) -> Any:
        """Return what was printed, read as JSON."""
        return json.loads(self.out)

    @property
    def rows(self) -> list[list[str]]:
        """Return what was printed, read as CSV."""
        return list(csv.reader(io.StringIO(self.out)))


def run(name: str, *arguments: Any, **options: Any) -> Done:
    """Call the command ``name``; other exceptions than a clear message come through."""
    out = io.StringIO()
    try:
        call_command(name, *arguments, stdout=out, stderr=io.StringIO(), **options)
    except CommandError as error:
        return Done(error.returncode, out.getvalue(), str(error))
    except SystemExit as end:
        return Done(int(end.code or 0), out.getvalue(), "")
    return Done(0, out.getvalue(), "")
