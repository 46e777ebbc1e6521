"""What sinks outside the run directory have in common: they show what a checkpoint holds, each report once.

A killed run comes by the steps behind its newest checkpoint again. What was sent cannot be taken back, so reports
wait until a checkpoint counts them; a resumed run sends those that the store, which is asked, does not have.
"""

from __future__ import annotations

import dataclasses
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seed_matrace.evaluation.replays import BEST, FOLDER
from seed_matrace.evaluation.results import RESULTS_FILE
from seed_matrace.learner.run_directory import OPERATIVE_CONFIG
from seed_matrace.learner.run_info import RUN_FILE
from seed_matrace.training.callback import Callback, RunHandle

PROJECT = "seed_matrace"  # unless the environment names another
_GIF_WIDTH = 480

Report = Mapping[str, Any]


class MirrorSink(Callback, ABC):
    """A sink that follows the checkpoints of a run."""

    def __init__(self) -> None:
        self._waiting: list[Report] = []
        self._counted = 0  # how many of them a checkpoint holds
        self._open = False

    def on_start(self, run: RunHandle) -> None:
        self._waiting = self.open(run)
        self._counted, self._open = len(self._waiting), True

    def on_report(self, run: RunHandle, report: Report) -> None:
        if self._open:
            self._waiting.append(report)

    def on_checkpoint(self, run: RunHandle, path: Path) -> None:
        if self._open and path.name.startswith("step"):
            self._counted = len(self._waiting)
            self._send(self._counted - 1)  # the last one waits for what is shown with it in the end

    def on_end(self, run: RunHandle, why: str) -> None:
        if not self._open:
            return
        try:
            self._send(self._counted - 1)
            with tempfile.TemporaryDirectory() as folder:
                pictures = _pictures(run, Path(folder)) if run.env_steps else {}
                files = [path for path in (run.run_dir / RESULTS_FILE,) if path.exists()]
                self.finish(self._waiting[: self._counted], pictures, files)
        finally:
            self.close(why)

    def _send(self, count: int) -> None:
        if count > 0:
            self.send(self._waiting[:count])
            self._waiting, self._counted = self._waiting[count:], self._counted - count

    @abstractmethod
    def open(self, run: RunHandle) -> list[Report]:
        """Finds or begins what stands for the run, with its configuration; returns what it lacks of ``run.reports``."""

    @abstractmethod
    def send(self, reports: Sequence[Report]) -> None:
        """Stores reports, the oldest first."""

    @abstractmethod
    def finish(self, reports: Sequence[Report], pictures: Mapping[str, Path], files: Sequence[Path]) -> None:
        """Stores the session's last report, if there is one, its pictures by their names, and files."""

    @abstractmethod
    def close(self, why: str) -> None:
        """Ends the session, as ``Callback.on_end`` says why."""


def options_of(run: RunHandle) -> dict[str, Any]:
    """Every option by its name in gin files, and the seed."""
    sections = dataclasses.asdict(run.config)
    return {"seed": run.seed} | {
        f"{section}.{name}": value for section, options in sections.items() for name, value in options.items()
    }


def files_of(run: RunHandle) -> list[Path]:
    """What a run says of itself from its beginning."""
    return [path for name in ("config.gin", OPERATIVE_CONFIG, RUN_FILE) if (path := run.run_dir / name).exists()]


def _pictures(run: RunHandle, folder: Path) -> dict[str, Path]:
    """The learning curve, and the best evaluated battle if it was recorded."""
    from seed_matrace.replay import read_replay
    from seed_matrace.viewer.animation import write_gif
    from seed_matrace.viewer.curves import plot_learning_curve

    pictures = {"learning_curve": folder / "learning_curve.png"}
    plot_learning_curve([run.run_dir], pictures["learning_curve"])
    best = run.run_dir / FOLDER / BEST
    if best.exists():
        pictures["battle"] = folder / "battle.gif"
        write_gif(pictures["battle"], [read_replay(best)], width=_GIF_WIDTH, speed=1.0, dark=False, zoom=False)
    return pictures
