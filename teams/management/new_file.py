"""A new file that is there as a whole, and on disk, or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from types import TracebackType

from django.core.management.base import CommandError

from permissions.management.base import PROBLEM


class NewFile:
    """Writes beside ``path`` until it is sealed; never touches what is there already.

    Raises CommandError for what the file system refuses.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self.is_sealed = False
        if self.path.exists():
            raise self._taken()
        try:
            # readable for its owner alone, as mkstemp makes it: the record names people
            handle, part = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
        except OSError as error:
            raise self._failed(error) from None
        self._part = Path(part)
        self._file = os.fdopen(handle, "wb")

    def write(self, line: bytes, /) -> None:
        """Append ``line``."""
        try:
            self._file.write(line)
        except OSError as error:
            raise self._failed(error) from None

    def seal(self) -> None:
        """Give the file its name once all of it is on disk, unless another has that name now."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            os.link(self._part, self.path)
            directory = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except FileExistsError:
            raise self._taken() from None
        except OSError as error:
            raise self._failed(error) from None
        self.is_sealed = True

    def __enter__(self) -> NewFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove what was written beside it."""
        self._file.close()
        self._part.unlink(missing_ok=True)

    def _taken(self) -> CommandError:
        return CommandError(
            f"There is a file {self.path} already, which stays as it is. Name a new one.",
            returncode=PROBLEM,
        )

    def _failed(self, error: OSError) -> CommandError:
        return CommandError(
            f"{self.path} could not be written ({error.strerror or error}). Nothing was taken out.",
            returncode=PROBLEM,
        )
