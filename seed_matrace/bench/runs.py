"""Training runs that go on for some seconds, to see how fast the whole is and what the learner's time goes into."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np

from seed_matrace.bench.random_data import random_unroll
from seed_matrace.config import Config
from seed_matrace.inference.groups import GroupPlan
from seed_matrace.inference.unrolls import FullUnroll, Unrolls
from seed_matrace.learner.run_directory import OPERATIVE_CONFIG
from seed_matrace.learner.strategy import Devices
from seed_matrace.training.batcher import Batcher, BatcherThread
from seed_matrace.training.local import default_num_actors, local_groups
from seed_matrace.training.open_source import open_source
from seed_matrace.training.own_code import reward_of
from seed_matrace.training.run import TrainingRun
from seed_matrace.training.sources import BatchSource, unroll_sizes
from seed_matrace.training_env import training_spec
from seed_matrace.types import Unroll

_STEPS_PER_REPORT = 4
_TIMEOUT_S = 0.5


def whole_topology(
    config: Config, seconds: float, num_actors: int, operative_text: str, devices: Devices | None
) -> dict[str, float]:
    """Trains with real actor processes; arguments and figures as of ``bench.bench_end_to_end``."""
    plan = local_groups(config, num_actors)
    with _endless_run(config, seconds, devices) as (run, run_dir, recorder):
        (run_dir / OPERATIVE_CONFIG).write_text(operative_text)
        with open_source(run, plan, task_ids=range(num_actors), run_dir=run_dir, note=recorder.note) as source:
            run.train(source, recorder.stop)
    return recorder.figures("policy_lag_mean", "learner_idle")


def learner_loop(config: Config, seconds: float, devices: Devices | None) -> dict[str, float]:
    """Trains on unrolls that are always there: the batcher thread and the learner's loop at work, nothing else.

    Returns:
      env_steps_per_s, and compiled_share: the part of the time that was spent in train steps.
    """
    with (
        _endless_run(config, seconds, devices) as (run, _, recorder),
        contextlib.closing(_RandomSource(config, recorder)) as source,
    ):
        run.train(source, recorder.stop)
    return recorder.figures()


class _Recorder:
    """Stands in for the display: remembers what was done when, and says when to stop."""

    def __init__(self, seconds: float) -> None:
        self.stop = threading.Event()
        self.compiled_s = 0.0  # time spent in train steps, where someone measures it
        self._points: list[Mapping[str, Any]] = []
        self._seconds = seconds

    def update(self, metrics: Mapping[str, Any]) -> None:
        if "perf/env_steps_per_s" not in metrics:
            return
        self._points.append({**metrics, "time_s": time.perf_counter(), "compiled_s": self.compiled_s})
        if self._passed("time_s") > self._seconds:
            self.stop.set()

    def note(self, text: str) -> None:
        pass

    def figures(self, *means: str) -> dict[str, float]:
        """Env steps per second, and means of ``perf/*`` over the reports; the first one only starts the clock."""
        elapsed = self._passed("time_s")
        figures = {"env_steps_per_s": self._passed("env_steps") / elapsed}
        if self.compiled_s:
            figures["compiled_share"] = self._passed("compiled_s") / elapsed
        return figures | {name: float(np.mean([point[f"perf/{name}"] for point in self._points])) for name in means}

    def _passed(self, key: str) -> float:
        return self._points[-1][key] - self._points[0][key]


def always_full(config: Config, plan: GroupPlan) -> Unrolls:
    """What a batcher needs of ``Unrolls``: one group's unroll, full again as soon as it was taken."""
    return cast(Unrolls, _AlwaysFull(random_unroll(config, plan.group_size)))


class _AlwaysFull:
    def __init__(self, unroll: Unroll) -> None:
        self._full = FullUnroll(0, unroll)

    def take(self, timeout_s: float | None = None) -> FullUnroll:
        return self._full

    def release(self, full: FullUnroll) -> None:
        pass


class _RandomSource(BatchSource):
    """A source of batches that nobody has to act for."""

    def __init__(self, config: Config, recorder: _Recorder) -> None:
        self._recorder, self._handed_out_at = recorder, 0.0
        plan = local_groups(config, default_num_actors())
        sizes = unroll_sizes(config, plan)
        batcher = Batcher(always_full(config, plan), training_spec(config), config.learner.batch_size, sizes)
        self._batcher = BatcherThread(batcher)
        self._batcher.start()

    def next_batch(self) -> Unroll | None:
        batch = self._batcher.next_batch(_TIMEOUT_S)
        self._handed_out_at = time.perf_counter()
        return batch

    def release(self, batch: Unroll) -> None:
        self._recorder.compiled_s += time.perf_counter() - self._handed_out_at  # nothing else is done in between
        self._batcher.release(batch)

    def close(self) -> None:
        self._batcher.stop()


@contextlib.contextmanager
def _endless_run(
    config: Config, seconds: float, devices: Devices | None
) -> Iterator[tuple[TrainingRun, Path, _Recorder]]:
    """A run in a directory that goes when it ends; it has no target, and its budget is not to be reached."""
    per_report = _STEPS_PER_REPORT * config.learner.env_steps_per_batch
    total = per_report * 100_000
    run = dataclasses.replace(
        config.run,
        total_env_steps=total,
        stop_win_rate=0.0,
        report_fraction=per_report / total,
        checkpoint_fraction=1.0,
    )
    evaluation = dataclasses.replace(config.evaluation, every_fraction=1.0, every_env_steps=0)
    endless = dataclasses.replace(config, run=run, evaluation=evaluation)
    recorder = _Recorder(seconds)
    with tempfile.TemporaryDirectory(prefix="seed_matrace-bench-") as folder:
        yield TrainingRun(endless, Path(folder), 0, recorder, devices, reward=reward_of(config)), Path(folder), recorder
