"""Checkpoints of a run: what it goes on from, and the best weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from seed_matrace.learner.checkpoints import Checkpoints
from seed_matrace.learner.learner import Learner
from seed_matrace.learner.run_info import write_checkpointed
from seed_matrace.training.divergence import check_saved
from seed_matrace.training.progress import Progress
from seed_matrace.training.reports import Reports
from seed_matrace.training.sources import BatchSource


class Saving:
    """Writes a run's checkpoints, and before each whatever it counts on.

    Args:
      largest: reward of one env step, as ``divergence.largest_reward``.

    Attributes:
      learner_steps: of the newest one to go on from; -1: none that says where the run stands.
      flush_results: writes evaluations that could not be written before; OSError if they still cannot.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        learner: Learner,
        progress: Progress,
        reports: Reports,
        *,
        run_dir: Path,
        largest: float,
    ) -> None:
        self._checkpoints, self._learner, self._progress, self._reports = checkpoints, learner, progress, reports
        self._run_dir, self._largest = run_dir, largest
        self.learner_steps = -1
        self.flush_results: Callable[[], None] = lambda: None

    def save(self, source: BatchSource) -> None:
        """Writes one to go on from.

        Raises:
          DivergedError: weights or batches are no numbers that training could have led to; nothing was written.
          OSError: it cannot be written.
        """
        arrays = source.state()
        self._reports.count_dropped(source)
        # Whoever resumes here has lost what is under way, too.
        path = self._save("step", arrays, lost=source.waiting_env_steps)
        self.learner_steps = self._progress.learner_steps
        write_checkpointed(self._run_dir)
        self._reports.hooks.call("on_checkpoint", path)

    def save_best(self) -> None:
        """Writes the weights as the best evaluated; errors as of ``save``."""
        self._reports.hooks.call("on_checkpoint", self._save("best", {}))

    def _save(self, kind: str, arrays: dict[str, np.ndarray], lost: int = 0) -> Path:
        weights = {
            f"{variable.name} {index}": variable.numpy() for index, variable in enumerate(self._learner.variables)
        }
        check_saved(arrays, weights, self._largest)
        self._reports.flush()
        self.flush_results()
        state = dataclasses.asdict(self._progress)
        state["dropped_env_steps"] += lost
        return self._checkpoints.save(kind, self._progress.env_steps, self._learner.trackables, state, arrays)
