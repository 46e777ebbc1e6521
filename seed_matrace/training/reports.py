"""What a run says: lines on the screen and in learner.log, reports to its files and hooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from absl import logging

from seed_matrace.config import Config
from seed_matrace.envs.registry import has_winner
from seed_matrace.learner.event_file import EventFile
from seed_matrace.learner.metrics import MetricsWriter, ScalarMeans, report_of
from seed_matrace.training.batch_age import age_warning
from seed_matrace.training.callback import Callback
from seed_matrace.training.files_sink import FilesSink
from seed_matrace.training.hooks import Hooks
from seed_matrace.training.progress import Progress
from seed_matrace.training.rates import Rates
from seed_matrace.training.sources import BatchSource


class Reporter(Protocol):
    """Shows a run to a person."""

    def update(self, metrics: Mapping[str, Any]) -> None: ...

    def note(self, text: str) -> None: ...


def warn_by(note: Callable[[str], None]) -> Callable[[str], None]:
    """Says a line as ``note`` does, and in learner.log."""

    def warn(text: str) -> None:
        note(text)
        logging.info("%s", text)

    return warn


class Reports:
    """Counts, rates and means of scalars between two reports, from ``progress`` on.

    Attributes:
      note, warn: say a line on the screen; and in learner.log.
      means: of what batches say of themselves.
      rates: of this session.
      hooks: those of the run, once ``open`` was called.
    """

    def __init__(self, config: Config, progress: Progress, reporter: Reporter) -> None:
        self._config, self._progress, self._reporter = config, progress, reporter
        self.note, self.warn = reporter.note, warn_by(reporter.note)
        self.means = ScalarMeans()
        self.means.set_state(progress.means)
        self.rates = Rates(progress.wall_s, progress.env_steps)
        self.hooks = Hooks((), self.warn)
        self._writer: MetricsWriter | None = None
        self._dropped_before = progress.dropped_env_steps
        self._said_old = False

    def open(self, run_dir: Path, callbacks: Sequence[Callback], *, resumed: bool) -> list[dict[str, Any]]:
        """Cuts the files' reports back to where the run is resumed; returns those that stay."""
        self._writer = MetricsWriter(run_dir, self._progress.metrics_bytes if resumed else None)
        kept = self._writer.kept
        events = EventFile(run_dir, kept[-1]["env_steps"] + 1 if kept else 0)
        self.hooks = Hooks([FilesSink(self._writer, events), *callbacks], self.warn)
        return kept

    def unless_disk_full(self, write: Callable[[], None]) -> bool:
        """Training does not end because something could not be written: there may be space the next time."""
        try:
            write()
        except OSError as error:
            self.note(f"{error}; training goes on, the next one may find space")
            return False
        return True

    def write(self, scalars: Mapping[str, float]) -> None:
        """Reports ``scalars``, by their tags, at this point of the run."""
        progress = self._progress
        progress.wall_s = self.rates.wall_s()
        report = report_of(progress.env_steps, progress.wall_s, progress.learner_steps, scalars)
        self.hooks.call("on_report", report)
        self._reporter.update({"env_steps": progress.env_steps, **scalars})

    def write_batches(self, source: BatchSource) -> None:
        """Reports on the batches since the last time."""
        counts, progress = source.take_counts(), self._progress
        progress.acted_env_steps += counts.acted_env_steps
        progress.episodes += counts.episodes
        self.count_dropped(source)
        scalars: dict[str, float] = {
            **self.means.pop(),
            "acted_env_steps": progress.acted_env_steps,
            "episodes": progress.episodes,
            "dropped_env_steps": progress.dropped_env_steps,
            "restarted_groups": source.restarted_groups,
            "perf/actors_alive": source.actors_alive,
            "perf/inference_batch_mean": counts.acted_env_steps / max(counts.batches, 1),
            **self.rates.take(progress.env_steps, source.actor_figures()),
        }
        if counts.episodes:
            if has_winner(self._config.env):
                scalars["train/win_rate"] = counts.battles_won / counts.episodes
            scalars["train/return"] = counts.episode_return / counts.episodes
            scalars["train/length"] = counts.episode_length / counts.episodes
        self.write(scalars)
        lag = scalars.get("perf/policy_lag_mean", 0.0)
        warning = age_warning(self._config, lag, actors=source.actors_alive > 0)
        if warning and self._writer and not self._said_old:
            self._said_old = True
            self.warn(warning)

    def count_dropped(self, source: BatchSource) -> None:
        """Of all sessions."""
        self._progress.dropped_env_steps = self._dropped_before + source.dropped_env_steps

    def flush(self) -> None:
        """Writes what could not be written before, and counts what is written; OSError if it still cannot."""
        assert self._writer, "opened before anything is saved"
        self._writer.flush()
        self._progress.metrics_bytes = self._writer.position
        self._progress.wall_s = self.rates.wall_s()
        self._progress.means = self.means.state()
        self._progress.hooks = {**self._progress.hooks, **self.hooks.states()}
