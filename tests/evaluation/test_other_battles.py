"""Battles that a team was not trained in, and actions that it samples."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from seed_matrace.config import load_config
from seed_matrace.evaluation.other_battles import battles_config
from seed_matrace.evaluation.policy import TrainedPolicy, check_playable
from seed_matrace.files import write_checked
from seed_matrace.learner.learner import Learner
from seed_matrace.sections.env import EnvConfig
from seed_matrace.training_env import training_spec


def team(*params, sampling_seed=None):
    config = load_config(["maps/3m.gin"], ["network.policy_layers=(8,)", "network.critic_layers=(8,)", *params])[0]
    spec = training_spec(config)
    return TrainedPolicy(Learner(config, spec, seed=0), config, spec, 0, sampling_seed=sampling_seed)


@pytest.fixture
def run_dir(tmp_path):
    write_checked(tmp_path / "operative_config.gin", load_config(["maps/3m.gin"])[2])
    return tmp_path


def test_battles_are_those_of_the_run_with_what_eval_is_told(run_dir):
    given = ["env.shuffle_enemies=False", "starcraft2.evaluation_games=3"]
    config = battles_config(run_dir, given)
    assert (config.env.map_name, config.env.shuffle_enemies, config.starcraft2.evaluation_games) == ("3m", False, 3)
    assert battles_config(run_dir, (), "counting").env.backend == "counting"
    assert battles_config(run_dir).env == load_config(["maps/3m.gin"])[0].env


@pytest.mark.parametrize("name", ["loss.discount=0.9", "run.num_envs=3", "env.frame_stack=2", "env.map=1"])
def test_binding_that_decides_nothing_of_battles_is_refused(run_dir, name):
    with pytest.raises(ValueError, match=name.partition("=")[0]):
        battles_config(run_dir, [name])


def test_team_plays_where_only_the_time_limit_differs(monkeypatch):
    policy = team()
    longer = dataclasses.replace(policy.spec, episode_limit=policy.spec.episode_limit + 40)
    monkeypatch.setattr("seed_matrace.evaluation.policy.env_spec", lambda env: longer)
    check_playable(policy, EnvConfig("3m"), replays=False)
    monkeypatch.undo()
    with pytest.raises(ValueError, match="8m on skirmish-"):
        check_playable(policy, EnvConfig("8m"), replays=False)


@pytest.mark.parametrize(
    "params", [(), ("network.policy_gru_units=4", "network.critic_gru_units=3")], ids=["layers", "recurrent"]
)
def test_sampled_actions_are_available_differ_and_repeat_with_their_seed(params):
    rng = np.random.default_rng(0)
    start = np.ones(64, np.bool_)
    teams = [team(*params, sampling_seed=seed) for seed in (5, 5, 6, None)]
    spec = teams[0].spec
    obs = rng.random((64, spec.n_agents, spec.obs_dim), np.float32)
    avail = (rng.random((64, spec.n_agents, spec.n_actions)) < 0.5).astype(np.uint8)
    avail[..., 1] = 1
    first, same, other, greedy = ([one.act(obs, avail, start & (step == 0)) for step in range(3)] for one in teams)
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other) and not np.array_equal(first, greedy)
    assert not np.array_equal(first[0], first[1])
    for actions in first:
        assert np.take_along_axis(avail, actions[..., None], axis=-1).all()
