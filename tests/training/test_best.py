"""Which weights are kept as the best: those of the best evaluation, whatever ended the run."""

import threading

import numpy as np
import pytest
from notes import Notes
from processes import TINY

from seed_matrace.config import load_config
from seed_matrace.inference.groups import plan_groups
from seed_matrace.learner.checkpoints import Checkpoints
from seed_matrace.training import evaluations
from seed_matrace.training.run import TrainingRun
from seed_matrace.training.sources import LockstepSource
from seed_matrace.types import EpisodeStats

EVERY = 20  # env steps between two evaluations: one batch
SIZES = ["env.backend='skirmish'", "env.map_name='3m'", f"evaluation.every_env_steps={EVERY}", "run.stop_episodes=8"]


def train(run_dir, monkeypatch, won, *params, budget=200):
    """A run whose evaluations win so many of 4 battles each; its progress, and its notes."""
    outcomes = iter(won)

    def play(config, team, episodes, **_):
        wins = np.arange(episodes) < next(outcomes)
        zeros = np.zeros(episodes, int)
        return EpisodeStats(wins * 10.0, np.full(episodes, 5), wins, zeros, zeros)

    monkeypatch.setattr(evaluations, "play_battles", play)
    config, _, _ = load_config([], [*TINY, *SIZES, f"run.total_env_steps={budget}", *params])
    notes = Notes()
    run = TrainingRun(config, run_dir, 3, notes)
    return run.train(LockstepSource(run.acting, plan_groups(config.run.num_envs, 0, 1)), threading.Event()), notes


def best(run_dir):
    return [int(path.name.partition("-")[2]) for path in run_dir.glob("checkpoints/best-*")]


@pytest.mark.parametrize(
    ("won", "params", "ended", "kept"),
    [
        ([0, 4, 3, 0], ["run.stop_win_rate=0.8"], "target", 1),  # 7 of the newest 8 won, at the third evaluation
        ([0, 4, 2, 1, 0], [], "budget", 1),
        ([0, 2, 3, 3, 1], [], "budget", 3),  # of equals the newest
        ([1, 1, 1, 1, 4], [], "budget", 4),
    ],
)
def test_best_is_the_best_whatever_ended_the_run(tmp_path, monkeypatch, won, params, ended, kept):
    progress, _ = train(tmp_path, monkeypatch, won, *params, budget=4 * EVERY)
    assert progress.finished == ended
    assert best(tmp_path) == [kept * EVERY]
    assert progress.best == (won[kept] / 4, 10.0 * won[kept] / 4)


def test_best_that_could_not_be_written_is_none(tmp_path, monkeypatch):
    save = Checkpoints.save

    def full(checkpoints, kind, env_steps, *args):
        if kind == "best" and env_steps == EVERY:
            raise OSError("no space left")
        return save(checkpoints, kind, env_steps, *args)

    monkeypatch.setattr(Checkpoints, "save", full)
    progress, notes = train(tmp_path, monkeypatch, [0, 4, 2, 1], budget=3 * EVERY)
    assert any("no space left" in text for text in notes)
    assert progress.best == (0.5, 5.0)  # of the weights that are kept
    assert best(tmp_path) == [2 * EVERY]
