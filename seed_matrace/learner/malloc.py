"""Memory that TensorFlow gives back after each operation and takes again for the next."""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
_AS_MUCH_AS_IT_TAKES = (1 << 30, 1 << 25)  # bytes; the larger one is refused by older versions


def keep_freed_memory() -> bool:
    """Makes this process keep the memory that it frees, for its next use.

    glibc's malloc otherwise hands large blocks back to the system at once, which then clears them, page by page, for
    the next operation of the same train step.

    Returns:
      Whether this C library lets itself be told.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return all(
        any(mallopt(what, size) for size in _AS_MUCH_AS_IT_TAKES) for what in (_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD)
    )
