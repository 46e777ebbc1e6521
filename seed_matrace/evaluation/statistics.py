"""Aggregate scores of several seeds and tasks, and how sure they are, in plain NumPy.

The measures of Agarwal et al. 2021 (arXiv 2108.13264) as Gorsane et al. 2022 (arXiv 2209.10485) ask for them:
interquartile mean, optimality gap, probability of improvement and performance profiles, each with an interval from a
bootstrap that resamples the runs of every task apart ("stratified").

The *sample* of one algorithm is a list with one array per task, [..., runs of that task]; tasks may have different
numbers of runs. Leading axes are further quantities, such as env steps, and are kept. Runs count alike, so that a
task with more runs weighs more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Sample = Sequence[np.ndarray]
Measure = Callable[..., np.ndarray]  # one or two samples -> [...], or [..., K] for K thresholds

MIN_RUNS = 3  # of a task; resampling fewer says more about the seeds at hand than about training
RESAMPLES = 2000


def mean(sample: Sample) -> np.ndarray:
    """Mean over all runs."""
    return _pool(sample).mean(axis=-1)


def median(sample: Sample) -> np.ndarray:
    """Median over all runs; of one task, the median over seeds of Samvelyan et al. 2019."""
    return np.median(_pool(sample), axis=-1)


def median_of_tasks(sample: Sample) -> np.ndarray:
    """Median over tasks of each task's mean over runs: what Agarwal et al. call the median."""
    _pool(sample)  # refuses empty samples
    return np.median(np.stack([_runs(task).mean(axis=-1) for task in sample], axis=-1), axis=-1)


def iqm(sample: Sample) -> np.ndarray:
    """Interquartile mean: the mean without the lowest and the highest quarter of all runs, in whole runs."""
    pool = np.sort(_pool(sample), axis=-1)
    count = pool.shape[-1]
    cut = count // 4
    return pool[..., cut : count - cut].mean(axis=-1)


def optimality_gap(sample: Sample, target: float = 1.0) -> np.ndarray:
    """By how much runs fall short of ``target`` on average; what lies above it earns nothing."""
    return target - np.minimum(_pool(sample), target).mean(axis=-1)


def probability_of_improvement(ours: Sample, theirs: Sample) -> np.ndarray:
    """How probable it is that a run of ours beats one of theirs on a random task; a tie counts half.

    Raises:
      ValueError: the two samples do not have the same number of tasks, or none.
    """
    if len(ours) != len(theirs) or not len(ours):
        raise ValueError(f"the samples must hold the same tasks, not {len(ours)} and {len(theirs)} of them")
    per_task = []
    for a, b in zip(map(_runs, ours), map(_runs, theirs), strict=True):
        difference = a[..., :, None] - b[..., None, :]
        per_task.append(((difference > 0) + 0.5 * (difference == 0)).mean(axis=(-2, -1)))
    return np.mean(per_task, axis=0)


def performance_profile(sample: Sample, thresholds: np.ndarray) -> np.ndarray:
    """Fraction of runs that score above each threshold: [..., thresholds]."""
    return (_pool(sample)[..., None, :] > np.asarray(thresholds)[:, None]).mean(axis=-1)


def bootstrap_interval(
    measure: Measure,
    *samples: Sample,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Percentile interval of ``measure(*samples)`` from a stratified bootstrap over runs.

    Args:
      measure: one of this module's, or any function that treats leading axes as they do.
      samples: what it is a measure of; each is resampled apart.
      confidence: 0.95 leaves 2.5% outside at either end.
      resamples: how often every task's runs are sampled anew, with replacement.
      seed: of those samples.

    Returns:
      Lower and upper end, of the shape of the measure.

    Raises:
      ValueError: an empty sample, or ``confidence`` or ``resamples`` out of range.
    """
    if not 0 < confidence < 1 or resamples < 1:
        raise ValueError(f"need 0 < confidence < 1 and resamples >= 1, not {confidence} and {resamples}")
    rng = np.random.default_rng(seed)
    resampled = [[_resampled(_runs(task), resamples, rng) for task in sample] for sample in samples]
    tail = 50 * (1 - confidence)
    low, high = np.percentile(measure(*resampled), (tail, 100 - tail), axis=0)
    return low, high


def _resampled(task: np.ndarray, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """[..., runs] -> [resamples, ..., runs]; all leading axes of one resample hold the same runs."""
    chosen = rng.integers(task.shape[-1], size=(resamples, task.shape[-1]))
    return np.moveaxis(task[..., chosen], -2, 0)


@dataclass(frozen=True)
class Estimate:
    """A measure, its interval, and what stands behind it.

    Attributes:
      value: the measure itself.
      interval: the 95% interval; None where a task has fewer than ``MIN_RUNS`` runs.
      runs: runs of the task with the fewest and of that with the most.
      tasks: number of tasks.
      episodes: episodes behind each run's score, the fewest and the most.
    """

    value: float
    interval: tuple[float, float] | None
    runs: tuple[int, int]
    tasks: int
    episodes: tuple[int, int]

    def __str__(self) -> str:
        tasks = f" x {self.tasks} tasks" if self.tasks > 1 else ""
        return f"{self.figures()} ({span(self.runs)} seeds{tasks}, {span(self.episodes)} episodes each)"

    def figures(self, spec: str = ".2f") -> str:
        """The numbers alone: ``0.93 [0.88, 0.97]``, or ``0.93`` where there is no interval."""
        if self.interval is None:
            return format(self.value, spec)
        low, high = (format(end, spec) for end in self.interval)
        return f"{self.value:{spec}} [{low}, {high}]"


def estimate(measure: Measure, *samples: Sample, episodes: Sequence[int], **options: Any) -> Estimate:
    """``measure(*samples)`` with its interval and what stands behind it.

    Args:
      measure: of samples whose arrays are [runs].
      episodes: how many episodes stand behind each score, in any order.
      options: as of ``bootstrap_interval``.

    Raises:
      ValueError: an empty sample.
    """
    value = float(measure(*samples))
    counts = [len(_runs(task)) for sample in samples for task in sample]
    interval = None
    if min(counts) >= MIN_RUNS:
        low, high = bootstrap_interval(measure, *samples, **options)
        interval = float(low), float(high)
    return Estimate(
        value=value,
        interval=interval,
        runs=(min(counts), max(counts)),
        tasks=len(samples[0]),
        episodes=(min(episodes), max(episodes)),
    )


def span(ends: tuple[int, int]) -> str:
    """``5``, or ``3-5`` where the fewest and the most differ."""
    return str(ends[0]) if ends[0] == ends[1] else f"{ends[0]}-{ends[1]}"


def _runs(task: np.ndarray) -> np.ndarray:
    scores = np.asarray(task, np.float64)
    if scores.ndim == 0 or scores.shape[-1] == 0:
        raise ValueError("a task without runs has no score")
    return scores


def _pool(sample: Sample) -> np.ndarray:
    if not len(sample):
        raise ValueError("a sample without tasks has no score")
    return np.concatenate([_runs(task) for task in sample], axis=-1)
