"""What the commands that carry contacts and people in and out share."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, BinaryIO

from django.core.management.base import CommandParser

from permissions.management.base import OurCommand, UsageError
from teams.csv_files import BYTES_LIMIT, MEGABYTE
from teams.explain import find_object


def add_where(parser: CommandParser) -> None:
    """Add who, and where."""
    parser.add_argument("--actor", required=True, help="the user name of whoever does it")
    parser.add_argument("--account", required=True, help="its short name, such as emma-hq")
    parser.add_argument("--subaccount", required=True, help="its short name, such as north")
    parser.add_argument("--list", help="the short name of a mailing list there")
    parser.add_argument("--dry-run", action="store_true", help="say what would happen")


def find_where(options: dict[str, Any], **kinds: str) -> dict[str, Any]:
    """Return the subaccount that was named, and what of ``kinds`` ({argument: option})."""
    place = f"{options['account']}/{options['subaccount']}"
    found: dict[str, Any] = {"subaccount": find_object(f"teams.subaccount:{place}")}
    for argument, option in kinds.items():
        if options[option]:
            label = argument.replace("_", "")
            found[argument] = find_object(f"teams.{label}:{place}/{options[option]}")
    return found


@contextmanager
def bar(command: OurCommand, name: str) -> Iterator[Callable[[Any], None]]:
    """Show how far a job is; yields what is told the job after each batch."""
    with command.progress(name) as tell:
        yield lambda job: tell(job.rows_done, total=job.rows_total)


@contextmanager
def opened_file(path: str) -> Iterator[Any]:
    """Open the file; what cannot seek, such as a pipe, is copied as far as the limit."""
    try:
        with ExitStack() as stack:
            raw: BinaryIO = (
                sys.stdin.buffer if path == "-" else stack.enter_context(open(path, "rb"))
            )
            yield raw if raw.seekable() else stack.enter_context(_copied(raw))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from error


@contextmanager
def _copied(raw: BinaryIO) -> Iterator[Any]:
    with tempfile.TemporaryFile() as copy:
        while copy.tell() <= BYTES_LIMIT and (chunk := raw.read(MEGABYTE)):
            copy.write(chunk)
        yield copy
