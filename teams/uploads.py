"""A limit on what is uploaded, while it arrives: neither memory nor disk takes more."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadhandler import FileUploadHandler, SkipFile

from teams.csv_files import BYTES_LIMIT


class SizeLimit(FileUploadHandler):
    """Drops a file larger than any that could be imported; to the form, none was chosen.

    List it first in ``FILE_UPLOAD_HANDLERS``.
    """

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        """Pass the chunk on, or skip the file."""
        if start + len(raw_data) > BYTES_LIMIT:
            raise SkipFile
        return raw_data

    def file_complete(self, file_size: int) -> Any:
        """Leave the file to the handlers that follow."""
        return None
