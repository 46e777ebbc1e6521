"""The evaluations of a run: battles with the newest weights, what came of them, whether they end it, their replays."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from seed_matrace.config import Config
from seed_matrace.envs.registry import backend_name, can_record, has_winner
from seed_matrace.evaluation.battle_seeds import BattlesOf
from seed_matrace.evaluation.battles import play_battles
from seed_matrace.evaluation.episodes import summarise, until
from seed_matrace.evaluation.greedy import GreedyTeam
from seed_matrace.evaluation.recording import Recorder
from seed_matrace.evaluation.replays import FOLDER, EvaluationReplays
from seed_matrace.evaluation.results import ResultsWriter
from seed_matrace.learner.learner import Learner
from seed_matrace.replay import Replay
from seed_matrace.training.divergence import check_evaluated, largest_reward
from seed_matrace.training.progress import Progress
from seed_matrace.training.reports import Reports
from seed_matrace.training.resuming import target_reached
from seed_matrace.types import EpisodeStats


class Evaluations:
    """Plays evaluations, says how they ended, and keeps their outcomes, their replays, and the best weights.

    Args:
      progress: of the run; counts its evaluations.
      resumed: whether the run goes on where its directory's results end at ``progress``.
      save_best: writes the weights just evaluated as the best so far.
    """

    def __init__(
        self,
        learner: Learner,
        progress: Progress,
        reports: Reports,
        *,
        config: Config,
        run_dir: Path,
        seed: int,
        resumed: bool,
        save_best: Callable[[], None],
    ) -> None:
        self._learner, self._progress, self._reports, self._config = learner, progress, reports, config
        self._run_dir, self._seed, self._save_best = run_dir, seed, save_best
        self._results = ResultsWriter(
            run_dir,
            backend=backend_name(config.env),
            map_name=config.env.title,
            seed=seed,
            resume_env_steps=progress.env_steps if resumed else None,
            won=has_winner(config.env),
        )
        self._replays: EvaluationReplays | None = None
        if config.evaluation.replays and can_record(config.env):
            self._replays = EvaluationReplays(run_dir, progress.evaluations)

    def evaluate(self, stop: threading.Event) -> None:
        """Plays the evaluation that is due.

        Raises:
          EvaluationCutError: ``stop`` was set; it is due as before.
          DivergedError: a return is no number that training could have led to.
        """
        stats = self._play(stop)
        episodes, won = self._config.evaluation.episodes, has_winner(self._config.env)
        summary = summarise(stats, won=won)
        scalars = {f"eval/{name}": value for name, value in summary.items() if name != "episodes"}
        self._reports.write(scalars)
        self._reports.hooks.call("on_evaluation", scalars, stats)
        victories = f"{int(stats.battle_won.sum())} of {episodes} evaluation battles won"
        battles = victories if won else f"{episodes} evaluation episodes"
        self._reports.note(f"{self._progress.env_steps:>11,} env steps: {battles}, return {summary['return']:.1f}")
        self._check_target(stats)
        self._keep_if_best((summary.get("win_rate", 0.0), summary["return"]))

    def flush(self) -> None:
        """Writes what could not be written before; OSError if it still cannot."""
        self._results.flush()

    def _play(self, stop: threading.Event) -> EpisodeStats:
        episodes = self._config.evaluation.episodes
        stats = play_battles(
            self._config,
            until(stop, GreedyTeam(self._learner.greedy_step, self._learner.policy.recurrent_dim)),
            episodes,
            seed=BattlesOf.EVALUATION.seed(self._seed),
            first_battle=self._progress.evaluations * episodes,  # no battle is played in two evaluations
            recorder=self._recorder(self._replays) if self._replays else None,
            game_replay=self._game_replay(),
        )
        self._progress.evaluation_due = False
        check_evaluated(stats, largest_reward(self._config), self._config.env.title)
        self._progress.evaluations += 1
        at = self._progress.env_steps, self._progress.wall_s
        self._reports.unless_disk_full(lambda: self._results.append(*at, stats))
        return stats

    def _check_target(self, stats: EpisodeStats) -> None:
        outcomes = [*self._progress.newest_outcomes, *stats.battle_won.tolist()]
        self._progress.newest_outcomes = outcomes[-self._config.run.stop_episodes :]
        if target_reached(self._config.run, self._progress):
            self._progress.finished = "target"

    def _keep_if_best(self, result: tuple[float, float]) -> None:
        """Keeps weights and replay of the evaluation just played if none before was better."""
        before = self._progress.best
        if result < before:
            return
        self._progress.best = result
        if not self._reports.unless_disk_full(self._save_best):
            self._progress.best = before  # of the weights that are kept
        elif self._replays is not None:
            self._reports.unless_disk_full(self._replays.keep_as_best)

    def _recorder(self, replays: EvaluationReplays) -> Recorder:
        """Of the evaluation that is due."""
        number, about = self._progress.evaluations, {"env_steps": self._progress.env_steps}

        def keep(_: int, replay: Replay) -> None:
            self._reports.unless_disk_full(lambda: replays.keep(replay, number))

        return Recorder(1, self._learner.judge, self._config.env.frame_stack, about, keep)

    def _game_replay(self) -> Path | None:
        """Where the evaluation that is due leaves a replay by StarCraft II itself, if it is to."""
        every = self._config.starcraft2.replay_every
        if not every or self._progress.evaluations % every:
            return None
        return self._run_dir / FOLDER / f"{self._progress.evaluations:04d}.SC2Replay"
