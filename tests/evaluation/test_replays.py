"""Which replays a run keeps."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from seed_matrace.config import load_config
from seed_matrace.envs.registry import make_vector_env
from seed_matrace.evaluation.episodes import play_episodes
from seed_matrace.evaluation.recording import KeptActions, record_battle
from seed_matrace.evaluation.replays import EvaluationReplays, find_replays, replays_over_training
from seed_matrace.replay import read_replay


def judge(obs, avail_actions, state, last_action):
    return avail_actions / avail_actions.sum(axis=2, keepdims=True), np.zeros((len(obs), 1))


@pytest.fixture(scope="module")
def battle():
    """The replay of a battle of 3m in which nobody moves."""
    config, _, _ = load_config([])
    team = KeptActions(lambda obs, avail, start: (avail[:, :, 1] > 0).astype(np.int32), 1)
    play_episodes(make_vector_env(config.env, 1, seed=0), team)
    return record_battle(config.env, team.of_battle(0), judge, seed=0, battle=0)


def _keep(replays, replay, evaluation):
    about = {**replay.about, "env_steps": 1000 * evaluation}
    replays.keep(dataclasses.replace(replay, about=about), evaluation)


def test_first_newest_and_some_between_are_kept(battle, tmp_path):
    replays = EvaluationReplays(tmp_path, evaluations=0)
    for evaluation in range(71):
        _keep(replays, battle, evaluation)
        names = [int(path.stem) for path in find_replays(tmp_path)]
        assert names[0] == 0
        assert names[-1] == evaluation
        assert len(names) <= 18
    assert names == [*range(0, 71, 8), 70]
    chosen = [read_replay(path).about["env_steps"] for path in replays_over_training(tmp_path)]
    assert chosen == [0, 8000, 32000, 70000]


def test_the_best_is_a_copy_that_stays(battle, tmp_path):
    replays = EvaluationReplays(tmp_path, evaluations=0)
    for evaluation in range(3):
        _keep(replays, battle, evaluation)
        if evaluation == 1:
            replays.keep_as_best()
    assert read_replay(tmp_path / "replays" / "best.npz").about["env_steps"] == 1000
    assert [path.name for path in find_replays(tmp_path)] == ["0000.npz", "0001.npz", "0002.npz"]


def test_a_resumed_run_forgets_later_replays(battle, tmp_path):
    replays = EvaluationReplays(tmp_path, evaluations=0)
    for evaluation in range(4):
        _keep(replays, battle, evaluation)
    EvaluationReplays(tmp_path, evaluations=2)
    assert [path.name for path in find_replays(tmp_path)] == ["0000.npz", "0001.npz"]


def test_a_replay_that_could_not_be_written_is_not_the_best(battle, tmp_path, limit_file_size):
    replays = EvaluationReplays(tmp_path, evaluations=0)
    _keep(replays, battle, 0)
    limit_file_size(10)
    with pytest.raises(OSError, match=r"cannot write .*0001\.npz"):
        _keep(replays, battle, 1)
    limit_file_size(None)
    replays.keep_as_best()
    assert not (tmp_path / "replays" / "best.npz").exists()


def test_replay_that_does_not_say_when_it_was_played_is_said(battle, tmp_path):
    EvaluationReplays(tmp_path, evaluations=0).keep(battle, 0)
    with pytest.raises(ValueError, match=r"0000\.npz does not say after how many env steps"):
        replays_over_training(tmp_path)


def test_run_without_replays_says_so(tmp_path):
    with pytest.raises(ValueError, match="has no replays"):
        replays_over_training(tmp_path)
