"""How fast a run and each of its actors go, between reports; everything here may differ between two runs of a seed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from absl import logging

from seed_matrace.inference.actors import ActorFigures

if TYPE_CHECKING:
    import psutil

_NEVER_SEEN = ActorFigures(connected=False, connections=0, acted_env_steps=0, policy_lag=0.0, silent_s=0.0)


def _of_this_process(name: str, figure: Callable[[psutil.Process], float]) -> float:
    """NaN where it cannot be known: no run ends because something cannot be counted."""
    try:
        import psutil

        return figure(psutil.Process())
    except Exception as error:
        logging.log_first_n(logging.WARNING, "%s is not known (%s: %s)", 2, name, type(error).__name__, error)
        return math.nan


class Rates:
    """Kept from the session's begin, at ``env_steps`` after ``wall_s`` seconds of sessions before."""

    def __init__(self, wall_s: float, env_steps: int) -> None:
        self.idle_s = 0.0
        self._wall_before = wall_s
        self._started = self._since = time.monotonic()
        age_s = _of_this_process("perf/start_up_s", lambda process: time.time() - process.create_time())
        self._once = {"perf/start_up_s": age_s}  # for the session's first report
        self._updated = False
        self._env_steps = env_steps
        self._actors: Mapping[int, ActorFigures] = {}

    def wall_s(self) -> float:
        """Seconds of training, earlier sessions included."""
        return self._wall_before + time.monotonic() - self._started

    def updated(self) -> None:
        """To be called after every batch that was trained on: the first one also compiled the learner step."""
        if not self._updated:
            self._once["perf/first_update_s"] = time.monotonic() - self._started
            self._updated = True

    def take(self, env_steps: int, actors: Mapping[int, ActorFigures]) -> dict[str, float]:
        """Rates since the last call, as metrics; ``actors`` by their task ids."""
        now = time.monotonic()
        elapsed = max(now - self._since, 1e-9)
        rates = {
            "perf/env_steps_per_s": (env_steps - self._env_steps) / elapsed,
            "perf/learner_idle": self.idle_s / elapsed,
            "perf/rss_mb": _of_this_process("perf/rss_mb", lambda process: process.memory_info().rss / 2**20),
            **self._once,
        }
        self._once = {}
        for task_id, figures in actors.items():
            acted = figures.acted_env_steps - self._actors.get(task_id, _NEVER_SEEN).acted_env_steps
            rates |= {
                f"actors/{task_id:03d}/connected": figures.connected,
                f"actors/{task_id:03d}/connections": figures.connections,
                f"actors/{task_id:03d}/env_steps_per_s": acted / elapsed,
                f"actors/{task_id:03d}/policy_lag": figures.policy_lag,
                f"actors/{task_id:03d}/silent_s": figures.silent_s,
            }
        self.idle_s, self._since, self._env_steps, self._actors = 0.0, now, env_steps, actors
        return rates
