"""What a run calls while it goes on, and what whoever is called may ask of it: one's own code beside a run's loop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seed_matrace.config import Config
from seed_matrace.learner.run_info import run_id
from seed_matrace.training.progress import Progress
from seed_matrace.types import EpisodeStats, Unroll

Say = Callable[[str], None]


@dataclass(frozen=True)
class RunHandle:
    """The run that calls a hook.

    Attributes:
      config: every option in force.
      run_dir: the run directory.
      seed: of everything random.
      resumed: whether the run goes on from a checkpoint.
      reports: what ``metrics.jsonl`` held when the run went on, oldest first; [] of a new run.
      note: says a line on the screen.
      play: from now on environments play another map, or scenario file, whose arrays have the same sizes: they begin
        episodes anew, their unfinished unrolls are dropped and counted as such. Evaluations stay on the run's own map;
        a resumed run goes on with this one. ValueError: other sizes, or the run cannot change its map.
    """

    config: Config
    run_dir: Path
    seed: int
    resumed: bool
    reports: Sequence[Mapping[str, Any]]
    note: Say
    play: Say
    _progress: Progress
    _stop: threading.Event

    @property
    def run_id(self) -> str:
        """What tells the run from all others, the same in all its sessions."""
        return run_id(self.run_dir)

    @property
    def env_steps(self) -> int:
        """Trained on so far."""
        return self._progress.env_steps

    @property
    def learner_steps(self) -> int:
        """Done so far."""
        return self._progress.learner_steps

    def stop(self, why: str) -> None:
        """Ends the run as Ctrl-C does: with a checkpoint, to go on another time; ``why`` is said."""
        if not self._stop.is_set():
            self.note(f"{self.env_steps:>11,} env steps: a hook stops the run: {why}")
            self._stop.set()


class Callback:
    """A hook: a class of one's own overrides what it wants to hear of.

    All methods are called in the learner's main thread, between two learner steps, so that training waits for them; of
    several hosts the first calls its hooks. What a method raises is said once and ends nothing.
    """

    def on_start(self, run: RunHandle) -> None:
        """Before the first learner step of every session: a resumed run calls it again."""

    def on_batch(self, run: RunHandle, batch: Unroll, metrics: Mapping[str, float]) -> None:
        """After the learner steps of one batch.

        Args:
          batch: arrays [T+1, B, ...] that are valid during the call; copy what is to be kept.
          metrics: tag -> number of this batch, as ``metrics.jsonl`` has their means.
        """

    def on_report(self, run: RunHandle, report: Mapping[str, Any]) -> None:
        """After a line of ``metrics.jsonl``, those of evaluations included.

        Args:
          report: ``env_steps``, ``wall_s``, ``learner_steps`` and tags; None for what is not finite.
        """

    def on_evaluation(self, run: RunHandle, metrics: Mapping[str, float], episodes: EpisodeStats) -> None:
        """After an evaluation.

        Args:
          metrics: ``eval/win_rate`` and so on.
          episodes: arrays [episodes], one number for each battle.
        """

    def on_checkpoint(self, run: RunHandle, path: Path) -> None:
        """After a checkpoint was written: ``step-*`` to resume from, ``best-*`` of the best evaluated weights.

        A killed run goes on from the newest ``step-*``: what came after it comes again.
        """

    def on_end(self, run: RunHandle, why: str) -> None:
        """After everything else, once in a session that is not killed.

        Args:
          why: "budget" or "target" of a run that is over, "stopped" of one that can go on, "failed".
        """

    def state(self) -> Any:
        """What a checkpoint keeps of this hook: JSON values, by which a resumed run gives them to ``set_state``."""
        return None

    def set_state(self, state: Any) -> None:
        """Goes on where ``state`` left the hook of the session before; called before ``on_start``."""
