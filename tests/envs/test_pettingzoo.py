"""The simulator as a parallel environment: PettingZoo's own checks, and that it is the same battle."""

import warnings
from functools import partial

import numpy as np
import pytest
from pettingzoo.test import parallel_api_test, parallel_seed_test, render_test
from pettingzoo.utils import parallel_to_aec

from seed_matrace.envs.pettingzoo import parallel_env
from seed_matrace.skirmish.vector_env import SkirmishVectorEnv

MAPS = ("3m", "2s3z", "MMM", "2c_vs_64zg")


@pytest.fixture(autouse=True)
def _warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def masked(env, masks):
    """Available actions, by what holds the masks."""
    return {agent: env.action_space(agent).sample(masks[agent]["action_mask"]) for agent in env.agents}


@pytest.mark.parametrize("dead_agents", ["kept", "black_death", "removed"])
@pytest.mark.parametrize("map_name", MAPS)
def test_pettingzoos_check_of_the_interface(map_name, dead_agents):
    parallel_api_test(parallel_env(map_name, dead_agents=dead_agents), num_cycles=200)


def test_pettingzoos_checks_of_flat_observations():
    parallel_api_test(parallel_env("2s3z", flat_observations=True), num_cycles=200)
    parallel_seed_test(partial(parallel_env, "2s3z", flat_observations=True))


@pytest.mark.parametrize("dead_agents", ["kept", "black_death", "removed"])
@pytest.mark.parametrize("map_name", MAPS)
def test_pettingzoos_check_of_seeds(map_name, dead_agents):
    parallel_seed_test(partial(parallel_env, map_name, dead_agents=dead_agents))


@pytest.mark.parametrize("map_name", MAPS)
def test_pettingzoos_check_of_pictures(map_name):
    render_test(lambda render_mode: parallel_to_aec(parallel_env(map_name, render_mode=render_mode)))


@pytest.mark.parametrize("map_name", MAPS)
def test_whole_episodes_of_one_seed_are_alike(map_name):
    """PettingZoo's own check looks at one step."""
    first, second = (parallel_env(map_name, dead_agents="removed") for _ in range(2))
    for seed in (3, None):
        shown, _ = first.reset(seed)
        second.reset(seed)
        while first.agents:
            actions = masked(first, shown)
            one, other = first.step(actions), second.step(actions)
            assert one[1:4] == other[1:4] and first.agents == second.agents
            np.testing.assert_array_equal(first.state(), second.state())
            shown = one[0]


@pytest.mark.parametrize("map_name", MAPS)
def test_kept_agents_play_the_vector_environments_battles(map_name):
    env, battles = parallel_env(map_name, obs_last_action=True), None
    battles = SkirmishVectorEnv(map_name, 1, 4, options=env._options, with_final=True)
    shown, _ = env.reset(seed=4)
    expected = battles.reset()
    while env.agents:
        np.testing.assert_array_equal(np.stack([shown[a]["observation"] for a in env.agents]), expected.obs[0])
        np.testing.assert_array_equal(
            np.stack([shown[a]["action_mask"] for a in env.agents]), expected.avail_actions[0]
        )
        np.testing.assert_array_equal(env.state(), expected.state[0])
        assert all(env.observation_space(agent).contains(shown[agent]) for agent in env.agents)
        assert env.state_space.contains(env.state())
        actions = masked(env, shown)
        expected = battles.step(np.array([list(actions.values())], np.int32))
        shown, rewards, terminations, truncations, infos = env.step(actions)
        assert set(rewards.values()) == {float(expected.reward[0])}
        assert set(terminations.values()) == {bool(expected.terminated[0])}
        assert set(truncations.values()) == {bool(expected.truncated[0])}
        assert {info["battle_won"] for info in infos.values()} == {bool(expected.episode.battle_won[0])}
    np.testing.assert_array_equal(env.state(), expected.final_state[0])  # what the episode showed last
    np.testing.assert_array_equal(np.stack([seen["observation"] for seen in shown.values()]), expected.final_obs[0])


def test_removed_agents_leave_when_they_die_and_the_others_play_on():
    removed, kept = (parallel_env("8m", dead_agents=how) for how in ("removed", "kept"))
    (shown, _), (others, _) = removed.reset(seed=1), kept.reset(seed=1)
    left = []
    while removed.agents:
        actions = masked(removed, shown)
        acting = removed.agents
        shown, rewards, terminations, truncations, infos = removed.step(actions)
        others, *_ = kept.step({agent: actions.get(agent, 0) for agent in kept.agents})
        for part in (shown, rewards, terminations, truncations, infos):
            assert list(part) == acting
        for agent in acting:
            np.testing.assert_array_equal(shown[agent]["observation"], others[agent]["observation"])
        if removed.agents:
            gone = [agent for agent in acting if terminations[agent]]
            assert removed.agents == [agent for agent in acting if agent not in gone]
            assert all(not shown[agent]["observation"].any() for agent in gone)
            assert all(np.flatnonzero(shown[agent]["action_mask"]).tolist() == [0] for agent in gone)
            left += gone
    assert left and not kept.agents


def test_the_dead_of_a_black_death_see_zeros_are_paid_nothing_and_asked_nothing():
    """The rest is as where they are kept."""
    black, kept = (
        parallel_env("8m", dead_agents=how, unavailable_actions="refused", obs_timestep_number=True)
        for how in ("black_death", "kept")
    )
    (shown, _), (others, _) = black.reset(seed=1), kept.reset(seed=1)
    dead, unpaid = [], 0
    while kept.agents:
        actions = masked(kept, others)
        shown, rewards, terminations, _, infos = black.step(actions | dict.fromkeys(dead, 5))
        others, paid, *_ = kept.step(actions)
        assert black.agents == kept.agents
        assert rewards == paid | dict.fromkeys(dead, 0.0) and len(set(terminations.values())) == 1
        unpaid += len(dead) * (paid["agent_0"] > 0)
        dead = [agent for agent in shown if others[agent]["action_mask"][0]]
        for agent in shown:
            assert "action" not in infos[agent] and "action_mask" not in infos[agent]
            np.testing.assert_array_equal(shown[agent]["action_mask"], others[agent]["action_mask"])
            alive = agent not in dead
            assert others[agent]["observation"].any()  # the clock
            np.testing.assert_array_equal(shown[agent]["observation"], others[agent]["observation"] * alive)
    assert unpaid


@pytest.mark.parametrize("dead_agents", ["kept", "black_death", "removed"])
def test_flat_observations_are_the_same_numbers_with_the_mask_in_the_info(dead_agents):
    flat, env = (parallel_env("8m", dead_agents=dead_agents, flat_observations=flat) for flat in (True, False))
    (numbers, infos), (shown, _) = flat.reset(seed=1), env.reset(seed=1)
    assert flat.observation_space("agent_0") == env.observation_space("agent_0")["observation"]
    while env.agents:
        assert numbers.keys() == shown.keys() == infos.keys()
        for agent in numbers:
            assert flat.observation_space(agent).contains(numbers[agent])
            np.testing.assert_array_equal(numbers[agent], shown[agent]["observation"])
            np.testing.assert_array_equal(infos[agent]["action_mask"], shown[agent]["action_mask"])
        actions = masked(flat, infos)
        shown, *expected, others = env.step(actions)
        numbers, *step, infos = flat.step(actions)
        assert step == expected and flat.agents == env.agents
        assert not any("action_mask" in info for info in others.values())


def test_time_limit_truncates():
    env = parallel_env("2s_vs_1sc", dead_agents="removed")  # nobody finds agents that wait
    env.reset(seed=0)
    stop = dict.fromkeys(env.agents, 1)
    for _ in range(env.max_cycles):
        _, _, terminations, truncations, _ = env.step(stop)
    assert all(truncations.values()) and not any(terminations.values()) and not env.agents


def test_unavailable_actions_are_replaced_and_said_or_refused():
    env, strict = parallel_env("3m"), parallel_env("3m", unavailable_actions="refused")
    env.reset(seed=0), strict.reset(seed=0)
    actions = {"agent_0": 0, "agent_1": 1, "agent_2": 1}  # no-op is for the dead
    with pytest.raises(ValueError, match=r"'agent_0': action 0 is not available; \[1, 2"):
        strict.step(actions)
    infos = env.step(actions)[-1]
    assert infos["agent_0"]["action"] == 1 and "action" not in infos["agent_1"]
    strict.step(actions | {"agent_0": 1})
    np.testing.assert_array_equal(env.state(), strict.state())


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"dead_agents": "gone"}, ValueError, "dead_agents is 'gone'"),
        ({"flat_observations": "yes"}, ValueError, "flat_observations is 'yes'; one of False, True expected"),
        ({"render_mode": "gif"}, ValueError, "render_mode is 'gif'"),
        ({"obs_last_acton": True}, TypeError, "obs_last_action"),
        ({"map_name": "3n"}, ValueError, "3m"),
    ],
)
def test_bad_options_are_errors(options, error, message):
    with pytest.raises(error, match=message):
        parallel_env(**options)


@pytest.mark.parametrize(
    ("actions", "said"),
    [
        (None, "actions are None; a dictionary by agent"),
        ([1, 1, 1], r"actions are \[1, 1, 1\]; a dictionary by agent"),
        ({"agent_0": 1, "agent_1": 1, "agent_2": 1, "agent_9": 1}, "there is an action of 'agent_9'"),
        ({"agent_0": 1.5, "agent_1": 1, "agent_2": 1}, "action of 'agent_0' is 1.5; a whole number"),
        ({"agent_0": "1", "agent_1": 1, "agent_2": 1}, "action of 'agent_0' is '1'; a whole number"),
        ({"agent_0": None, "agent_1": 1, "agent_2": 1}, "action of 'agent_0' is None; a whole number"),
        ({"agent_0": True, "agent_1": 1, "agent_2": 1}, "action of 'agent_0' is True; a whole number"),
        ({"agent_0": np.array([1, 2]), "agent_1": 1, "agent_2": 1}, "action of 'agent_0' is .*; a whole number"),
        ({"agent_0": -1, "agent_1": 1, "agent_2": 1}, "action -1 does not exist"),
        ({"agent_0": 10**30, "agent_1": 1, "agent_2": 1}, "action of 'agent_0' is 1000"),
    ],
)
def test_wrong_actions_are_one_sentence(actions, said):
    env = parallel_env("3m")
    env.reset(seed=0)
    with pytest.raises(ValueError, match=said):
        env.step(actions)
    env.step({agent: np.array([1]) for agent in env.agents})


@pytest.mark.parametrize("seed", [-1, 1.5, "1", True])
def test_wrong_seeds_are_one_sentence(seed):
    with pytest.raises(ValueError, match=r"seed is .*; None or a whole number from 0"):
        parallel_env("3m").reset(seed=seed)


def test_calls_out_of_order_are_errors():
    env = parallel_env("3m")
    with pytest.raises(RuntimeError, match="reset"):
        env.step({})
    with pytest.raises(RuntimeError, match="reset"):
        env.render()
    env.reset(seed=0)
    with pytest.raises(ValueError, match="no action of 'agent_1'"):
        env.step({"agent_0": 1})
    with pytest.raises(ValueError, match="does not exist"):
        env.step(dict.fromkeys(env.agents, 99))
    env.close()
    env.close()
    with pytest.raises(RuntimeError, match="closed"):
        env.reset()
