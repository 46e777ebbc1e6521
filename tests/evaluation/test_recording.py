"""Replays of evaluated battles: the same battle, and what the team made of it."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from seed_matrace.config import load_config
from seed_matrace.envs.registry import make_vector_env
from seed_matrace.evaluation.episodes import play_episodes
from seed_matrace.evaluation.greedy import GreedyTeam
from seed_matrace.evaluation.policy import TrainedPolicy, play
from seed_matrace.evaluation.recording import KeptActions, record_battle
from seed_matrace.learner.learner import Learner
from seed_matrace.replay import EVENTS, PROBABILITY, read_replay, write_replay
from seed_matrace.sections.env import EnvConfig
from seed_matrace.training_env import training_spec

PARAMS = ["network.policy_layers=(8,)", "network.critic_layers=(8,)", "learner.unroll_length=2"]
PARAMS += ["network.policy_output_gain=1.0"]  # likeliest by more than rounding


def sample(obs, avail_actions, episode_start):
    """Available actions that hang on nothing but the observation."""
    scores = np.abs(np.sin(1e3 * obs.sum(axis=2, keepdims=True) + np.arange(avail_actions.shape[2])))
    return (avail_actions * scores).argmax(axis=2).astype(np.int32)


@pytest.mark.parametrize("map_name", ["3m", "MMM2", "bane_vs_bane"])
def test_replay_is_the_evaluated_battle(map_name, tmp_path):
    env = EnvConfig(map_name=map_name)
    team = KeptActions(sample, 2)
    stats = play_episodes(make_vector_env(env, 3, seed=4, first_env=7), team)
    assert len(team) == 2
    for battle in range(2):
        replay = record_battle(env, team.of_battle(battle), None, seed=4, battle=7 + battle, env_steps=100)
        steps = stats.length[battle]
        assert replay.actions.shape[0] == steps
        assert replay.rewards.sum() == pytest.approx(stats.episode_return[battle], rel=1e-5)
        assert replay.about["battle_won"] == stats.battle_won[battle]
        dead = replay.units[-1, 2] == 0
        agents = replay.about["n_agents"]
        assert (dead[:agents].sum(), dead[agents:].sum()) == (stats.dead_allies[battle], stats.dead_enemies[battle])
        np.testing.assert_array_equal(replay.actions, team.of_battle(battle)[:steps])
        again = read_replay(write_replay(tmp_path / "a.npz", replay))
        assert again.about["env_steps"] == 100


def test_hits_add_up_to_the_damage_of_marines():
    """Marines neither heal nor have shields: what is missing in the end was taken by hits."""
    env = EnvConfig(map_name="3m")
    team = KeptActions(sample, 1)
    play_episodes(make_vector_env(env, 1, seed=4), team)
    replay = record_battle(env, team.of_battle(0), None, seed=4, battle=0)
    hits = replay.events[replay.events[:, 1] == EVENTS.index("hit")]
    lost = np.zeros(len(replay.about["units"]))
    np.add.at(lost, hits[:, 3].astype(int), hits[:, 4] / 16)
    np.testing.assert_allclose(lost, 45 - replay.table()[-1, 2])
    assert len(hits) == (replay.events[:, 1] == EVENTS.index("shot")).sum()


def test_other_actions_than_the_battles_are_refused():
    env = EnvConfig(map_name="3m")
    with pytest.raises(ValueError, match="not available"):
        record_battle(env, np.full((60, 3), 8, np.int32), None, seed=4, battle=0)
    with pytest.raises(RuntimeError, match="battle 0 of seed 4 had not ended after 3 steps"):
        record_battle(env, np.ones((3, 3), np.int32), None, seed=4, battle=0)


def test_only_the_first_chunk_is_kept():
    team = KeptActions(lambda obs, avail, start: np.full((len(obs), 2), len(obs), np.int32), 3)
    for start in ([True, True], [False, False], [True, False], [True, True, True], [False] * 3):
        team(np.zeros((len(start), 2, 1)), np.ones((len(start), 2, 1)), np.array(start))
    assert len(team) == 2
    np.testing.assert_array_equal(team.of_battle(1), np.full((3, 2), 2))


@pytest.mark.parametrize("map_name", ["2s3z", "MMM2"])
def test_units_are_named_by_the_numbers_that_they_have_in_the_battle(map_name):
    env, orders = EnvConfig(map_name=map_name), set()
    for battle in range(3):
        team = KeptActions(sample, 1)
        play_episodes(make_vector_env(env, 1, seed=2, first_env=battle), team)
        replay = record_battle(env, team.of_battle(0), None, seed=2, battle=battle)
        named = [replay.about["types"][name]["health"] for name in replay.about["units"]]
        np.testing.assert_array_equal(replay.table()[0, 2], named)
        orders.add(tuple(replay.about["units"]))
    assert len(orders) > 1


def test_sampled_units_are_named(tmp_path):
    scenario = {
        "terrain": "open", "episode_limit": 20, "enemy_order": {"kind": "hunt"},
        "draw": {
            "units": {"Stalker": 1, "Zealot": 1, "Colossus": 1}, "n_allies": 6, "n_enemies": 6, "start": {"surround": 1}
        },
    }  # fmt: skip
    path = tmp_path / "drawn.json"
    path.write_text(json.dumps(scenario))
    env = EnvConfig(map_name=str(path))
    team = KeptActions(sample, 1)
    play_episodes(make_vector_env(env, 1, seed=2), team)
    replay = record_battle(env, team.of_battle(0), None, seed=2, battle=0)
    types = [replay.about["types"][name] for name in replay.about["units"]]
    np.testing.assert_array_equal(replay.table()[0, 2], [unit["health"] for unit in types])
    assert len(set(replay.about["units"])) == 3


@pytest.mark.parametrize(
    "params",
    [
        ["env.frame_stack=3"],
        ["network.policy_gru_units=8", "network.critic_gru_units=8"],
        ["network.critic_input='own_obs'", "network.last_action=True"],
        ["network.critic_input='state'"],
    ],
)
def test_what_the_policy_saw_is_in_the_replay(params, tmp_path):
    """The action that was played is the likeliest of those that were available."""
    config, _, _ = load_config([], [*PARAMS, *params])
    learner = Learner(config, training_spec(config), seed=3)
    spec = training_spec(dataclasses.replace(config, env=dataclasses.replace(config.env, frame_stack=1)))
    policy = TrainedPolicy(learner, config, spec, env_steps=5)
    stats = play(policy, 3, seed=9, replays=2, replay_dir=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["eval_0000.npz", "eval_0001.npz"]
    for battle in range(2):
        replay = read_replay(tmp_path / f"eval_{battle:04d}.npz")
        assert len(replay.rewards) == stats.length[battle]
        np.testing.assert_array_equal(replay.probabilities.argmax(axis=2), replay.actions)
        assert (replay.probabilities[replay.avail_actions == 0] == 0).all()
        np.testing.assert_allclose(replay.probabilities.sum(axis=2) / PROBABILITY, 1, atol=1e-3)
        assert replay.values.shape == (len(replay.rewards), 3 if "'own_obs'" in params[0] else 1)
        assert np.isfinite(replay.values).all()


def test_memory_of_the_team_is_that_of_the_replay():
    """Probabilities computed of the whole episode at once are those of its steps one by one."""
    config, _, _ = load_config([], [*PARAMS, "network.policy_gru_units=8", "network.last_action=True"])
    learner = Learner(config, training_spec(config), seed=3)
    log_probs = []

    def step(*given):
        output = learner.greedy_step(*given)
        log_probs.append(output.log_prob[0].numpy())
        return output

    kept = KeptActions(GreedyTeam(step, learner.policy.recurrent_dim), 1)
    play_episodes(make_vector_env(config.env, 1, seed=6), kept)
    replay = record_battle(config.env, kept.of_battle(0), learner.judge, seed=6, battle=0)
    taken = np.take_along_axis(replay.probabilities, replay.actions[:, :, None].astype(int), axis=2)[:, :, 0]
    np.testing.assert_allclose(taken / PROBABILITY, np.exp(log_probs), atol=1e-4)


def test_replays_of_other_backends_are_refused(tmp_path):
    config, _, _ = load_config([], [*PARAMS, "env.backend='counting'"])
    learner = Learner(config, training_spec(config), seed=3)
    policy = TrainedPolicy(learner, config, training_spec(config), env_steps=0)
    with pytest.raises(ValueError, match="not of backend 'counting'"):
        play(policy, 3, seed=9, replays=2, replay_dir=tmp_path)
