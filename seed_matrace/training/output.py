"""What a process prints while it works: losing its screen, pipe or log file does not end it."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from logging import FileHandler, LogRecord
from pathlib import Path
from typing import Any, TextIO

from absl import logging

_MAY_COME_BACK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EAGAIN, errno.EINTR}


@contextlib.contextmanager
def steady_output() -> Iterator[None]:
    """Until its end nothing printed to standard output or error can fail: what is lost is said once.

    One that is closed, or that nobody reads any more, leads nowhere from then on; a full disk may have space again.
    """
    have_standard_files()
    before = sys.stdout, sys.stderr
    steady = _SteadyStream(sys.stdout, "standard output"), _SteadyStream(sys.stderr, "standard error")
    sys.stdout, sys.stderr = steady
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for stream in steady:
            stream.end()


def have_standard_files() -> None:
    """Opens those of the standard files that are closed: the next file opened would be taken for them."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    for name, number in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))


def lead_nowhere(stream: TextIO) -> None:
    """Lets what ``stream`` still holds, and whatever else is written to its file, vanish without an error."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        stream.flush()


class _SteadyStream:
    """A stream whose ``write`` and ``flush`` never fail; all else is the stream's own."""

    def __init__(self, stream: TextIO, name: str) -> None:
        self._stream, self._name = stream, name
        self._lost = 0  # texts

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            self._write(text)
        except (OSError, ValueError) as error:  # ValueError: it is closed
            self._lose(error)
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()

    def end(self) -> None:
        """Leaves nothing behind that Python would try to write at its exit, and fail."""
        try:
            self._stream.flush()
        except (OSError, ValueError):
            lead_nowhere(self._stream)

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
        except UnicodeEncodeError:
            encoding = self._stream.encoding
            self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        self._stream.flush()

    def _lose(self, error: OSError | ValueError) -> None:
        self._lost += 1
        if getattr(error, "errno", None) not in _MAY_COME_BACK:
            lead_nowhere(self._stream)
        if self._lost == 1:
            reason = getattr(error, "strerror", None) or str(error)
            logging.warning("%s cannot be written (%s): it goes on without", self._name, reason)


class SteadyLogFile(FileHandler):
    """A log file that may miss lines where there is no space for them; how many is said in its next one."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._lost = 0

    def emit(self, record: LogRecord) -> None:
        lost = self._lost
        super().emit(record)
        if lost and lost == self._lost:
            self._lost = 0
            logging.warning("%d lines could not be written here", lost)

    def handleError(self, record: LogRecord) -> None:  # noqa: N802
        self._lost += 1
        if self._lost == 1:
            print(f"cannot write {self.baseFilename} ({sys.exc_info()[1]}); it goes on without", file=sys.stderr)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            super().close()
