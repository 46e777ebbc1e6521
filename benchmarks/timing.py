"""How the benchmarks of kernels measure."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def best_us(calls: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Microseconds of each call, minima over ``repeats``; they take turns: a busy machine slows all of them."""
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(repeats):
        for name, call in calls.items():
            start = time.perf_counter()
            for _ in range(10):
                call()
            best[name] = min(best[name], (time.perf_counter() - start) / 10 * 1e6)
    return best
