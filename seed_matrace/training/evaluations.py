"""The evaluations of a run: battles with the newest weights, what came of them, and their replays."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from seed_matrace.config import Config
from seed_matrace.envs.registry import backend_name, can_record, has_winner
from seed_matrace.evaluation.battle_seeds import BattlesOf
from seed_matrace.evaluation.battles import play_battles
from seed_matrace.evaluation.episodes import until
from seed_matrace.evaluation.greedy import GreedyTeam
from seed_matrace.evaluation.recording import Recorder
from seed_matrace.evaluation.replays import FOLDER, EvaluationReplays
from seed_matrace.evaluation.results import ResultsWriter
from seed_matrace.learner.learner import Learner
from seed_matrace.replay import Replay
from seed_matrace.training.divergence import check_evaluated, largest_reward
from seed_matrace.training.progress import Progress
from seed_matrace.types import EpisodeStats


class Evaluations:
    """Plays evaluations and keeps their outcomes and replays.

    Args:
      progress: of the run; counts its evaluations.
      resumed: whether the run goes on where its directory's results end at ``progress``.
      unless_disk_full: writes something, or says that it could not; whether it could.
    """

    def __init__(
        self,
        learner: Learner,
        progress: Progress,
        *,
        config: Config,
        run_dir: Path,
        seed: int,
        resumed: bool,
        unless_disk_full: Callable[[Callable[[], None]], bool],
    ) -> None:
        self._learner, self._progress, self._config = learner, progress, config
        self._run_dir, self._seed, self._unless_disk_full = run_dir, seed, unless_disk_full
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

    def play(self, stop: threading.Event) -> EpisodeStats:
        """Plays the evaluation that is due.

        Raises:
          EvaluationCutError: ``stop`` was set; it is due as before.
          DivergedError: a return is no number that training could have led to.
        """
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
        self._unless_disk_full(lambda: self._results.append(self._progress.env_steps, self._progress.wall_s, stats))
        return stats

    def keep_as_best(self) -> None:
        """Keeps the replay of the evaluation just played as that of the best weights."""
        if self._replays is not None:
            self._unless_disk_full(self._replays.keep_as_best)

    def flush(self) -> None:
        """Writes what could not be written before; OSError if it still cannot."""
        self._results.flush()

    def _recorder(self, replays: EvaluationReplays) -> Recorder:
        """Of the evaluation that is due."""
        number, about = self._progress.evaluations, {"env_steps": self._progress.env_steps}

        def keep(_: int, replay: Replay) -> None:
            self._unless_disk_full(lambda: replays.keep(replay, number))

        return Recorder(1, self._learner.judge, self._config.env.frame_stack, about, keep)

    def _game_replay(self) -> Path | None:
        """Where the evaluation that is due leaves a replay by StarCraft II itself, if it is to."""
        every = self._config.starcraft2.replay_every
        if not every or self._progress.evaluations % every:
            return None
        return self._run_dir / FOLDER / f"{self._progress.evaluations:04d}.SC2Replay"
