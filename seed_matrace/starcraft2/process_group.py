"""Process groups of Linux: who is in one, how much memory it holds, and its end."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_LOOK_S = 0.01
_GROUP_FIELD, _RESIDENT_FIELD = 2, 21  # of /proc/PID/stat behind the command's name


def members(group: int) -> dict[int, int]:
    """Process ids that live in ``group``, zombies left out, and the bytes that each holds in memory."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, *fields = path.read_text(errors="replace").rpartition(")")[2].split()
        except (OSError, ValueError):
            continue  # it has just ended
        if state not in "ZX" and int(fields[_GROUP_FIELD - 1]) == group:
            found[int(path.parent.name)] = int(fields[_RESIDENT_FIELD - 1]) * _PAGE_BYTES
    return found


def end_group(group: int, timeout_s: float = 5.0) -> None:
    """Kills everything in ``group`` and waits until it is gone."""
    deadline = time.monotonic() + timeout_s
    while members(group) and time.monotonic() < deadline:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
        time.sleep(_LOOK_S)
