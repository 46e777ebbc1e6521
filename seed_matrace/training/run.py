"""A training run from its first batch to its last: train, report, evaluate, checkpoint, stop.

Whatever happens "every so often" happens at multiples of env steps, never of seconds, so that two runs of one seed
do the same things at the same points.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from absl import logging

from seed_matrace.config import Config
from seed_matrace.envs.registry import has_winner
from seed_matrace.evaluation.episodes import EvaluationCutError, summarise
from seed_matrace.evaluation.results import read_results
from seed_matrace.inference.actors import ActorsLostError
from seed_matrace.learner.checkpoints import Checkpoints
from seed_matrace.learner.event_file import EventFile
from seed_matrace.learner.learner import Learner
from seed_matrace.learner.metrics import MetricsWriter, ScalarMeans, check_reports, report_of
from seed_matrace.learner.run_directory import CHECKPOINTS_DIR
from seed_matrace.learner.run_info import run_id, write_checkpointed
from seed_matrace.learner.strategy import Devices
from seed_matrace.training.batch_age import age_warning
from seed_matrace.training.callback import Callback, RunHandle
from seed_matrace.training.divergence import check_loss, check_saved, largest_reward
from seed_matrace.training.evaluations import Evaluations
from seed_matrace.training.files_sink import FilesSink
from seed_matrace.training.hooks import Hooks
from seed_matrace.training.hosts import Hosts
from seed_matrace.training.progress import Progress
from seed_matrace.training.rates import Rates
from seed_matrace.training.resuming import restored, say_what_is_missing, target_reached
from seed_matrace.training.sources import Acting, BatchSource, NamedReward
from seed_matrace.training.warm_start import start_from
from seed_matrace.training_env import map_config, training_spec
from seed_matrace.types import EpisodeStats, Unroll


class Reporter(Protocol):
    """Shows a run to a person."""

    def update(self, metrics: Mapping[str, Any]) -> None: ...

    def note(self, text: str) -> None: ...


class TrainingRun:
    """One session of a run: restores what a run directory holds and trains until budget, target or ``stop``.

    Until ``train`` nothing is written: what cannot be resumed stays as it is.

    Args:
      callbacks: the hooks of this session, beside those that write its files; the chief's alone are called.
      reward: a function of one's own in the place of the environments' rewards, and what messages call it.
    """

    def __init__(
        self,
        config: Config,
        run_dir: Path,
        seed: int,
        reporter: Reporter,
        devices: Devices | None = None,
        callbacks: Sequence[Callback] = (),
        reward: NamedReward | None = None,
    ) -> None:
        self.config = config
        self._callbacks, self._reward = callbacks, reward
        self.learner = Learner(config, training_spec(config), seed, devices)
        self._hosts = Hosts(devices or Devices())
        self._env_steps_per_batch = self._hosts.part_of(config).learner.env_steps_per_batch * self._hosts.count
        self.progress = Progress()
        self._run_dir = run_dir
        self._seed = seed
        self._reporter = reporter
        self._source: BatchSource | None = None
        self._checkpoints = Checkpoints(run_dir / CHECKPOINTS_DIR, config.run.keep_checkpoints, run_id(run_dir))
        self._means = ScalarMeans()
        self._source_arrays: dict[str, np.ndarray] = {}
        self._saved_learner_steps = -1  # of the newest checkpoint
        self._said_old = False
        self.resumed = self._restore()
        self.learner.env_steps.assign(self.progress.env_steps)
        if self._hosts.chief and say_what_is_missing(run_dir, self.progress, self._checkpoints, self._warn):
            self._saved_learner_steps = -1  # the newest checkpoint counts what is gone
        if self.resumed:
            check_reports(run_dir, self.progress.metrics_bytes)
            with contextlib.suppress(FileNotFoundError):
                read_results(run_dir)
        self._rates = Rates(self.progress.wall_s, self.progress.env_steps)
        self._dropped_before = self.progress.dropped_env_steps

    @property
    def acting(self) -> Acting:
        """What a batch source needs to act for this run."""
        return Acting(
            self._hosts.part_of(self.config),
            self.learner.policy_step,
            policy_version=lambda: max(self.progress.learner_steps - self.config.learner.policy_lag, 0),
            seed=self._seed,
            session=self.progress.session,
            resume=self._source_arrays,
            host=self._hosts.this,
            alias=self.learner.alias,
            map_changes=self.progress.map_changes,
            map_name=self.progress.map_name,
            reward=self._reward,
        )

    def start_from(self, run_dir: Path) -> str:
        """Takes over another run's best weights, as ``warm_start.start_from`` says."""
        return start_from(self.learner, run_dir)

    def join_hosts(self) -> None:
        """Begins where the first of several hosts begins; to be called before its batches are asked for."""
        for counter in ("env_steps", "learner_steps", "session"):
            setattr(self.progress, counter, self._hosts.from_chief(getattr(self.progress, counter)))
        self.learner.env_steps.assign(self.progress.env_steps)
        self._hosts.copy_weights(self.learner)

    def train(self, source: BatchSource, stop: threading.Event) -> Progress:
        """Trains until the budget is used, the target is reached or ``stop`` is set; leaves a checkpoint behind."""
        self._source = source
        self._go_on(stop)
        try:
            self._train(source, stop)
        except Exception:
            self._hooks.call("on_end", "failed")
            raise
        self._hooks.call("on_end", self.progress.finished or "stopped")
        return self.progress

    def _train(self, source: BatchSource, stop: threading.Event) -> None:
        if not self.progress.env_steps and not self.progress.evaluations:
            self.progress.evaluation_due = True
        if self.progress.evaluation_due:
            self._saved_learner_steps = -1
            self._evaluate_unless_stopped(stop)
        try:
            while (batch := self._agreed_batch(source, stop)) is not None:
                self._train_step(batch)
                source.release(batch)
                self._do_what_is_due(source, stop)
        except ActorsLostError:  # there is nothing wrong with what was learnt before
            self._unless_disk_full(lambda: self._save("step", source))
            raise
        if self.progress.learner_steps != self._saved_learner_steps:
            self._save("step", source)

    def _go_on(self, stop: threading.Event) -> None:
        """Cuts reports, results and replays back to where the run is resumed, opens them, and starts the hooks."""
        if self.resumed:
            self._reporter.note(f"resumed at {self.progress.env_steps:,} env steps")
        self._hooks = Hooks((), self._warn)
        if not self._hosts.chief:
            return
        self._writer = MetricsWriter(self._run_dir, self.progress.metrics_bytes if self.resumed else None)
        kept = self._writer.kept
        events = EventFile(self._run_dir, kept[-1]["env_steps"] + 1 if kept else 0)
        self._evaluations = Evaluations(
            self.learner,
            self.progress,
            config=self.config,
            run_dir=self._run_dir,
            seed=self._seed,
            resumed=self.resumed,
            unless_disk_full=self._unless_disk_full,
        )
        self._hooks = Hooks([FilesSink(self._writer, events), *self._callbacks], self._warn)
        say, progress = (self._reporter.note, self._play), self.progress
        handle = RunHandle(self.config, self._run_dir, self._seed, self.resumed, kept, *say, progress, stop)
        self._hooks.start(handle, progress.hooks)

    def _play(self, map_name: str) -> None:
        """Lets the environments play another map from here on; ValueError if they cannot."""
        env = map_config(self.config.env, map_name)
        if self._source is None or map_name == (self.progress.map_name or self.config.env.map_name):
            return
        if self._hosts.count > 1:
            raise ValueError("a run of several hosts keeps its map: hooks are called on the first of them alone")
        self._source.play(env, self.progress.map_changes + 1)
        self.progress.map_name = map_name
        self.progress.map_changes += 1
        self._warn(f"{self.progress.env_steps:>11,} env steps: a hook changes the map to {env.title}")

    def _agreed_batch(self, source: BatchSource, stop: threading.Event) -> Unroll | None:
        """The next batch, or None when the run is over on any host: each asks once for each learner step."""
        batch = None
        while batch is None and not self.progress.finished and not stop.is_set():
            batch = self._next_batch(source)
        return None if self._hosts.any(batch is None) else batch

    def _next_batch(self, source: BatchSource) -> Unroll | None:
        started = time.monotonic()
        batch = source.next_batch()
        self._rates.idle_s += time.monotonic() - started
        return batch

    def _train_step(self, batch: Unroll) -> None:
        lag = self.progress.learner_steps - batch.policy_version[:-1]
        scalars = self.learner.train_step(batch)
        check_loss(
            scalars,
            batch,
            learner_step=self.progress.learner_steps,
            stop_loss=self.config.run.stop_loss,
            run_dir=self._run_dir,
        )
        self._rates.updated()
        self._means.add({**scalars, "perf/policy_lag_mean": float(lag.mean()), "perf/policy_lag_max": float(lag.max())})
        self.progress.env_steps += self._env_steps_per_batch
        self.progress.learner_steps += int(scalars["optimizer/updates"])
        if self._hooks.hear_batches:
            self._hooks.call("on_batch", batch, scalars)

    def _do_what_is_due(self, source: BatchSource, stop: threading.Event) -> None:
        run, steps = self.config.run, self._env_steps_per_batch
        budget_used = self.progress.env_steps >= run.total_env_steps

        def due(fraction: float, every_env_steps: int = 0) -> bool:
            every = every_env_steps or max(int(fraction * run.total_env_steps), 1)
            now = self.progress.env_steps
            return budget_used or now // every > (now - steps) // every

        if due(run.report_fraction):
            self._report(source)
        if due(self.config.evaluation.every_fraction, self.config.evaluation.every_env_steps):
            self.progress.evaluation_due = True
            self._evaluate_unless_stopped(stop)
        elif budget_used and not self.progress.finished:
            self.progress.finished = "budget"
        if due(run.checkpoint_fraction):
            self._unless_disk_full(lambda: self._save("step", source))

    def _report(self, source: BatchSource) -> None:
        counts = source.take_counts()
        self.progress.acted_env_steps += counts.acted_env_steps
        self.progress.episodes += counts.episodes
        self.progress.dropped_env_steps = self._dropped_before + source.dropped_env_steps
        scalars: dict[str, float] = {
            **self._means.pop(),
            "acted_env_steps": self.progress.acted_env_steps,
            "episodes": self.progress.episodes,
            "dropped_env_steps": self.progress.dropped_env_steps,
            "restarted_groups": source.restarted_groups,
            "perf/actors_alive": source.actors_alive,
            "perf/inference_batch_mean": counts.acted_env_steps / max(counts.batches, 1),
            **self._rates.take(self.progress.env_steps, source.actor_figures()),
        }
        if counts.episodes:
            if has_winner(self.config.env):
                scalars["train/win_rate"] = counts.battles_won / counts.episodes
            scalars["train/return"] = counts.episode_return / counts.episodes
            scalars["train/length"] = counts.episode_length / counts.episodes
        self._write(scalars)
        warning = age_warning(self.config, scalars.get("perf/policy_lag_mean", 0.0), actors=source.actors_alive > 0)
        if warning and self._hosts.chief and not self._said_old:
            self._said_old = True
            self._warn(warning)

    def _evaluate_unless_stopped(self, stop: threading.Event) -> None:
        """Plays the evaluation that is due, or leaves it whole to whoever resumes here."""
        try:
            if self._hosts.chief:
                self._evaluate(stop)
        except EvaluationCutError:
            self._reporter.note(f"{self.progress.env_steps:>11,} env steps: evaluation stopped, without a result")
            return
        self.progress.evaluation_due = False
        if self.progress.env_steps >= self.config.run.total_env_steps and not self.progress.finished:
            self.progress.finished = "budget"

    def _evaluate(self, stop: threading.Event) -> None:
        stats = self._evaluations.play(stop)
        episodes, won = self.config.evaluation.episodes, has_winner(self.config.env)
        summary = summarise(stats, won=won)
        scalars = {f"eval/{name}": value for name, value in summary.items() if name != "episodes"}
        self._write(scalars)
        self._hooks.call("on_evaluation", scalars, stats)
        victories = f"{int(stats.battle_won.sum())} of {episodes} evaluation battles won"
        battles = victories if won else f"{episodes} evaluation episodes"
        self._reporter.note(f"{self.progress.env_steps:>11,} env steps: {battles}, return {summary['return']:.1f}")
        self._check_target(stats)
        self._keep_if_best((summary.get("win_rate", 0.0), summary["return"]))

    def _keep_if_best(self, result: tuple[float, float]) -> None:
        """Keeps weights and replay of the evaluation just played if none before was better."""
        before = self.progress.best
        if result < before:
            return
        self.progress.best = result
        if not self._unless_disk_full(lambda: self._save("best")):
            self.progress.best = before  # of the weights that are kept
        else:
            self._evaluations.keep_as_best()

    def _check_target(self, stats: EpisodeStats) -> None:
        outcomes = [*self.progress.newest_outcomes, *stats.battle_won.tolist()]
        self.progress.newest_outcomes = outcomes[-self.config.run.stop_episodes :]
        if target_reached(self.config.run, self.progress):
            self.progress.finished = "target"

    def _write(self, scalars: Mapping[str, float]) -> None:
        progress = self.progress
        progress.wall_s = self._rates.wall_s()
        self._hooks.call("on_report", report_of(progress.env_steps, progress.wall_s, progress.learner_steps, scalars))
        self._reporter.update({"env_steps": self.progress.env_steps, **scalars})

    def _save(self, kind: str, source: BatchSource | None = None) -> None:
        if not self._hosts.chief:
            return
        arrays = source.state() if source else {}
        if source:
            self.progress.dropped_env_steps = self._dropped_before + source.dropped_env_steps
        weights = {
            f"{variable.name} {index}": variable.numpy() for index, variable in enumerate(self.learner.variables)
        }
        check_saved(arrays, weights, largest_reward(self.config))
        self._writer.flush()
        self._evaluations.flush()
        self.progress.metrics_bytes = self._writer.position
        self.progress.wall_s = self._rates.wall_s()
        self.progress.means = self._means.state()
        self.progress.hooks = {**self.progress.hooks, **self._hooks.states()}
        path = self._checkpoints.save(
            kind,
            self.progress.env_steps,
            self.learner.trackables,
            {**dataclasses.asdict(self.progress), "dropped_env_steps": self._dropped_if_resumed(source)},
            arrays,
        )
        if source:
            self._saved_learner_steps = self.progress.learner_steps
            write_checkpointed(self._run_dir)
        self._hooks.call("on_checkpoint", path)

    def _dropped_if_resumed(self, source: BatchSource | None) -> int:
        """Whoever resumes here has lost what is under way, too."""
        return self.progress.dropped_env_steps + (source.waiting_env_steps if source else 0)

    def _unless_disk_full(self, write: Callable[[], None]) -> bool:
        """Training does not end because something could not be written: there may be space the next time."""
        try:
            write()
        except OSError as error:
            self._reporter.note(f"{error}; training goes on, the next one may find space")
            return False
        return True

    def _warn(self, text: str) -> None:
        """Says it on the screen and in learner.log."""
        self._reporter.note(text)
        logging.info("%s", text)

    def _restore(self) -> bool:
        found = restored(self._checkpoints, self.learner, self._run_dir, self.config.run, self._warn)
        if found is None:
            return False
        self.progress, self._source_arrays = found
        self._means.set_state(self.progress.means)
        self._saved_learner_steps = self.progress.learner_steps
        return True
