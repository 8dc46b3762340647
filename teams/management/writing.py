"""How commands write what they hand out: the whole file, or nothing. What is printed has no such
promise."""

from __future__ import annotations

import codecs
import os
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from permissions.management.base import PROBLEM, OurCommand
from teams.csv_files import written


def write(command: OurCommand, output: str, chunks: Iterable[bytes]) -> None:
    """Write ``chunks`` to the file ``output``, or print them where that is "-".

    Raises CommandError if that fails; then a file that was there before is there still.
    """
    try:
        if output == "-":
            _print(command, chunks)
        elif _is_special(output):
            _fill(Path(output), chunks)
        else:
            _replace(Path(output), chunks)
    except OSError as error:
        left = "what was printed is not all of it" if output == "-" else "no half file is left"
        raise CommandError(
            f"The file could not be written ({error.strerror or error}); {left}.",
            returncode=PROBLEM,
        ) from error


def write_csv(command: OurCommand, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print ``rows`` under ``columns`` as they come; no cell is a formula in a spreadsheet."""
    command.stdout.write(written(columns), ending="")
    for row in rows:
        command.stdout.write(written("" if cell is None else cell for cell in row), ending="")


def _print(command: OurCommand, chunks: Iterable[bytes]) -> None:
    stream: Any = vars(command.stdout)["_out"]
    try:
        for text in _decoded(chunks):
            stream.write(text)
        stream.flush()
    except OSError:
        if stream is sys.stdout:  # or Python tries again at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        raise


def _decoded(chunks: Iterable[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    for chunk in chunks:
        yield decoder.decode(chunk)


def _is_special(output: str) -> bool:
    """Say whether it is a device or a pipe, which is written to and not replaced."""
    with suppress(OSError):
        return not stat.S_ISREG(os.stat(output).st_mode)
    return False


def _fill(path: Path, chunks: Iterable[bytes]) -> None:
    with path.open("wb") as file:
        file.writelines(chunks)


def _replace(path: Path, chunks: Iterable[bytes]) -> None:
    """Write beside it first: either the old file is there or the whole new one."""
    part = path.with_name(f"{path.name}.part")
    try:
        _fill(part, chunks)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
