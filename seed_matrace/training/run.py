"""A training run from its first batch to its last: train, report, evaluate, checkpoint, stop.

Whatever happens "every so often" happens at multiples of env steps, never of seconds, so that two runs of one seed
do the same things at the same points.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

from seed_matrace.config import Config
from seed_matrace.evaluation.episodes import EvaluationCutError
from seed_matrace.inference.actors import ActorsLostError
from seed_matrace.learner.checkpoints import Checkpoints
from seed_matrace.learner.learner import Learner
from seed_matrace.learner.run_directory import CHECKPOINTS_DIR
from seed_matrace.learner.run_info import run_id
from seed_matrace.learner.strategy import Devices
from seed_matrace.training.callback import Callback, RunHandle
from seed_matrace.training.divergence import check_loss, largest_reward
from seed_matrace.training.evaluations import Evaluations
from seed_matrace.training.hosts import Hosts
from seed_matrace.training.progress import Progress
from seed_matrace.training.reports import Reporter, Reports, warn_by
from seed_matrace.training.resuming import check_written, restored, say_what_is_missing
from seed_matrace.training.saving import Saving
from seed_matrace.training.sources import Acting, BatchSource, NamedReward
from seed_matrace.training.warm_start import start_from
from seed_matrace.training_env import map_config, training_spec
from seed_matrace.types import Unroll


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
        self._callbacks, self._reward, self._run_dir, self._seed = callbacks, reward, run_dir, seed
        self.learner = Learner(config, training_spec(config), seed, devices)
        self._hosts = Hosts(devices or Devices())
        self._env_steps_per_batch = self._hosts.part_of(config).learner.env_steps_per_batch * self._hosts.count
        self._source: BatchSource | None = None
        checkpoints = Checkpoints(run_dir / CHECKPOINTS_DIR, config.run.keep_checkpoints, run_id(run_dir))
        warn = warn_by(reporter.note)
        found = restored(checkpoints, self.learner, run_dir, config.run, warn)
        self.resumed = found is not None
        self.progress, self._source_arrays = found or (Progress(), {})
        self.learner.env_steps.assign(self.progress.env_steps)
        self._reports = Reports(config, self.progress, reporter)
        self._saving = Saving(
            checkpoints, self.learner, self.progress, self._reports, run_dir=run_dir, largest=largest_reward(config)
        )
        is_counted = self._hosts.chief and say_what_is_missing(run_dir, self.progress, checkpoints, warn)
        if self.resumed and not is_counted:  # else the newest checkpoint counts what is gone
            self._saving.learner_steps = self.progress.learner_steps
        if self.resumed:
            check_written(run_dir, self.progress)

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
            self._reports.hooks.call("on_end", "failed")
            raise
        self._reports.hooks.call("on_end", self.progress.finished or "stopped")
        return self.progress

    def _train(self, source: BatchSource, stop: threading.Event) -> None:
        if not self.progress.env_steps and not self.progress.evaluations:
            self.progress.evaluation_due = True
        if self.progress.evaluation_due:
            self._saving.learner_steps = -1
            self._evaluate_unless_stopped(stop)
        try:
            while (batch := self._agreed_batch(source, stop)) is not None:
                self._train_step(batch)
                source.release(batch)
                self._do_what_is_due(source, stop)
        except ActorsLostError:  # there is nothing wrong with what was learnt before
            self._reports.unless_disk_full(lambda: self._save(source))
            raise
        if self.progress.learner_steps != self._saving.learner_steps:
            self._save(source)

    def _go_on(self, stop: threading.Event) -> None:
        """Cuts reports, results and replays back to where the run is resumed, opens them, and starts the hooks."""
        reports, progress = self._reports, self.progress
        if self.resumed:
            reports.note(f"resumed at {progress.env_steps:,} env steps")
        if not self._hosts.chief:
            return
        kept = reports.open(self._run_dir, self._callbacks, resumed=self.resumed)
        self._evaluations = Evaluations(
            self.learner,
            progress,
            reports,
            config=self.config,
            run_dir=self._run_dir,
            seed=self._seed,
            resumed=self.resumed,
            save_best=self._saving.save_best,
        )
        self._saving.flush_results = self._evaluations.flush
        say = (reports.note, self._play)
        handle = RunHandle(self.config, self._run_dir, self._seed, self.resumed, kept, *say, progress, stop)
        reports.hooks.start(handle, progress.hooks)

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
        self._reports.warn(f"{self.progress.env_steps:>11,} env steps: a hook changes the map to {env.title}")

    def _agreed_batch(self, source: BatchSource, stop: threading.Event) -> Unroll | None:
        """The next batch, or None when the run is over on any host: each asks once for each learner step."""
        batch = None
        while batch is None and not self.progress.finished and not stop.is_set():
            started = time.monotonic()
            batch = source.next_batch()
            self._reports.rates.idle_s += time.monotonic() - started
        return None if self._hosts.any(batch is None) else batch

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
        self._reports.rates.updated()
        lags = {"perf/policy_lag_mean": float(lag.mean()), "perf/policy_lag_max": float(lag.max())}
        self._reports.means.add({**scalars, **lags})
        self.progress.env_steps += self._env_steps_per_batch
        self.progress.learner_steps += int(scalars["optimizer/updates"])
        if self._reports.hooks.hear_batches:
            self._reports.hooks.call("on_batch", batch, scalars)

    def _do_what_is_due(self, source: BatchSource, stop: threading.Event) -> None:
        run, steps = self.config.run, self._env_steps_per_batch
        budget_used = self.progress.env_steps >= run.total_env_steps

        def due(fraction: float, every_env_steps: int = 0) -> bool:
            every = every_env_steps or max(int(fraction * run.total_env_steps), 1)
            now = self.progress.env_steps
            return budget_used or now // every > (now - steps) // every

        if due(run.report_fraction):
            self._reports.write_batches(source)
        if due(self.config.evaluation.every_fraction, self.config.evaluation.every_env_steps):
            self.progress.evaluation_due = True
            self._evaluate_unless_stopped(stop)
        elif budget_used and not self.progress.finished:
            self.progress.finished = "budget"
        if due(run.checkpoint_fraction):
            self._reports.unless_disk_full(lambda: self._save(source))

    def _evaluate_unless_stopped(self, stop: threading.Event) -> None:
        """Plays the evaluation that is due, or leaves it whole to whoever resumes here."""
        try:
            if self._hosts.chief:
                self._evaluations.evaluate(stop)
        except EvaluationCutError:
            self._reports.note(f"{self.progress.env_steps:>11,} env steps: evaluation stopped, without a result")
            return
        self.progress.evaluation_due = False
        if self.progress.env_steps >= self.config.run.total_env_steps and not self.progress.finished:
            self.progress.finished = "budget"

    def _save(self, source: BatchSource) -> None:
        if self._hosts.chief:
            self._saving.save(source)
