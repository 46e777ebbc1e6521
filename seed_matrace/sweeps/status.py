"""How the runs of a sweep are getting on, read from the metrics they write."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import Enum
from pathlib import Path

from seed_matrace.learner.metrics import METRICS_FILE


class State(Enum):
    """Of one run of a sweep."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"


class RunStatus:
    """The newest numbers of one run; ``poll`` reads what its metrics file has gained.

    Attributes:
      state: changed by who runs it.
      env_steps: trained on so far.
      wall_s: seconds of training so far.
      win_rate: of the newest evaluation; None before one.
    """

    def __init__(self, run_dir: Path, total_env_steps: int) -> None:
        self.state = State.WAITING
        self.env_steps = 0
        self.wall_s = 0.0
        self.win_rate: float | None = None
        self._path = run_dir / METRICS_FILE
        self._total = total_env_steps
        self._read_bytes = 0

    @property
    def env_steps_left(self) -> int:
        """At most; a run that reaches its target ends before."""
        return max(self._total - self.env_steps, 0) if self.state in (State.WAITING, State.RUNNING) else 0

    @property
    def progress(self) -> float:
        """Fraction of the run that is done, 0 to 1."""
        return 1.0 if self.state is State.FINISHED else min(self.env_steps / self._total, 1.0)

    def poll(self) -> None:
        """Takes in the reports written since the last call; a file that was cut back by a resume is read anew."""
        try:
            with self._path.open("rb") as file:
                if file.seek(0, 2) < self._read_bytes:
                    self._read_bytes = 0
                file.seek(self._read_bytes)
                new = file.read()
        except FileNotFoundError:
            return
        whole = new[: new.rfind(b"\n") + 1]
        self._read_bytes += len(whole)
        for line in whole.splitlines():
            self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            report = json.loads(line)
        except ValueError:
            return  # the file was cut back and grew again between two calls
        self.env_steps = report.get("env_steps", self.env_steps)
        self.wall_s = report.get("wall_s", self.wall_s)
        self.win_rate = report.get("eval/win_rate", self.win_rate)


def time_left_s(statuses: Sequence[tuple[str, RunStatus]], parallel: int) -> float | None:
    """Seconds until all runs are through, by the speed of the runs of the same map; None before there is any.

    Args:
      statuses: (map, status) of every run.
      parallel: runs at a time.
    """
    seconds_per_step = {name: _seconds_per_step([s for m, s in statuses if m == name]) for name, _ in statuses}
    everywhere = _seconds_per_step([status for _, status in statuses])
    if everywhere is None:
        return None
    left = [status.env_steps_left * (seconds_per_step[name] or everywhere) for name, status in statuses]
    return max(sum(left) / parallel, max(left, default=0.0))


def _seconds_per_step(statuses: Sequence[RunStatus]) -> float | None:
    env_steps = sum(status.env_steps for status in statuses)
    return sum(status.wall_s for status in statuses) / env_steps if env_steps else None
