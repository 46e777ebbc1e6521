"""A file that grows by whole pieces, also where the disk is full for a while."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


class GrowingFile:
    """Appends pieces to a file; what the disk has no room for waits in memory and is written when it has.

    Args:
      size: bytes of the file to keep, at most as many as it has.
    """

    def __init__(self, path: Path, size: int = 0) -> None:
        self.problem = ""  # why pieces wait
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        self._size = size
        self._waiting = b""
        os.ftruncate(self._fd, size)

    @property
    def size(self) -> int:
        """Bytes written, all of them whole pieces."""
        return self._size

    def append(self, piece: bytes) -> None:
        """Writes ``piece`` behind those that wait."""
        self._waiting += piece
        written = 0
        try:
            if self.problem:  # the piece begun before may not have been taken back
                os.ftruncate(self._fd, self._size)
            while written < len(self._waiting):
                written += os.write(self._fd, memoryview(self._waiting)[written:])
        except OSError as error:
            self.problem = error.strerror or str(error)
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self._size)
            return
        self.problem, self._waiting, self._size = "", b"", self._size + written

    def sync(self) -> None:
        """Waits until what was written is on the disk."""
        os.fsync(self._fd)

    def close(self) -> None:
        """Closes the file; safe to call twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
