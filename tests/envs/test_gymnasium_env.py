"""The simulator as a single environment of Gymnasium: its checks, wrappers, and that it is the same battle."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import SyncVectorEnv

import seed_matrace.envs.gymnasium  # registers the maps
from seed_matrace.envs.gymnasium_env import SkirmishGymnasiumEnv
from seed_matrace.skirmish.maps import map_names
from seed_matrace.skirmish.vector_env import SkirmishVectorEnv

MAPS = ("3m", "2s3z", "MMM")


def available(env, info):
    return env.action_space.sample(mask=tuple(info["action_mask"]))


@pytest.mark.parametrize("map_name", map_names())
def test_every_map_has_a_name(map_name):
    env = gymnasium.make(f"seed_matrace/{map_name}-v0")
    assert env.unwrapped.map_name == map_name
    vector = gymnasium.make_vec(f"seed_matrace/{map_name}-v0", 2)
    assert isinstance(vector, seed_matrace.envs.gymnasium.SkirmishGymnasiumVectorEnv)
    assert env.observation_space == vector.single_observation_space and env.action_space == vector.single_action_space


@pytest.mark.parametrize("map_name", MAPS)
@pytest.mark.filterwarnings("ignore:.*Box observation space m")  # infinite, as nobody knows a bound
def test_gymnasiums_checks(map_name):
    env = gymnasium.make(f"seed_matrace/{map_name}-v0", render_mode="rgb_array")
    check_env(env.unwrapped)
    assert env.reset()[1] and env.render().dtype == np.uint8
    assert isinstance(gymnasium.make("seed_matrace/Skirmish-v1", map_name=map_name).unwrapped, SkirmishGymnasiumEnv)


@pytest.mark.parametrize("map_name", MAPS)
def test_it_plays_the_vector_environments_battles(map_name):
    env = gymnasium.make(f"seed_matrace/{map_name}-v0", obs_last_action=True)
    env.action_space.seed(0)
    battles = SkirmishVectorEnv(map_name, 1, 4, options=env.unwrapped._options, with_final=True)
    expected, (shown, info) = battles.reset(), env.reset(seed=4)
    for _ in range(2):
        ended = False
        while not ended:
            np.testing.assert_array_equal(shown["obs"], expected.obs[0])
            np.testing.assert_array_equal(shown["state"], expected.state[0])
            np.testing.assert_array_equal(info["action_mask"], expected.avail_actions[0])
            assert shown in env.observation_space and "battle_won" not in info
            actions = available(env, info)
            expected = battles.step(actions[None].astype(np.int32))
            shown, reward, terminated, truncated, info = env.step(actions)
            assert (reward, terminated, truncated) == (
                *(float(expected.reward[0]), expected.terminated[0], expected.truncated[0]),
            )
            ended = terminated or truncated
        np.testing.assert_array_equal(shown["obs"], expected.final_obs[0])
        np.testing.assert_array_equal(shown["state"], expected.final_state[0])
        assert info["battle_won"] == expected.episode.battle_won[0]
        assert info["dead_allies"] == expected.episode.dead_allies[0]
        with pytest.raises(RuntimeError, match="call reset"):
            env.unwrapped.step(actions)
        shown, info = env.reset()


def test_flattened_observations_are_those_of_single_and_many():
    one = gymnasium.wrappers.FlattenObservation(gymnasium.make("seed_matrace/2s3z-v0"))
    many = gymnasium.make_vec("seed_matrace/2s3z-v0", 3, autoreset_mode="NextStep")
    many = gymnasium.wrappers.vector.FlattenObservation(many)
    (shown, info), (shown_of_all, infos) = one.reset(seed=5), many.reset(seed=5)
    one.action_space.seed(0)
    for _ in range(20):
        assert shown in one.observation_space and shown_of_all in many.observation_space
        np.testing.assert_array_equal(shown, shown_of_all[0])
        actions = infos["action_mask"].argmax(axis=-1)
        actions[0] = available(one, info)
        shown, *_, info = one.step(actions[0])
        shown_of_all, *_, infos = many.step(actions)


def test_gymnasium_puts_single_ones_together():
    env = gymnasium.make_vec("seed_matrace/3m-v0", 2, vectorization_mode="sync")
    assert isinstance(env, SyncVectorEnv)
    assert env.reset(seed=1)[0]["obs"].shape == (2, 3, 30)
    env.close()


def test_unavailable_actions_are_replaced_or_refused():
    env, strict = (SkirmishGymnasiumEnv("2s3z", unavailable_actions=how) for how in ("replaced", "refused"))
    env.reset(seed=0), strict.reset(seed=0)
    actions = np.zeros(5, int)  # no-op is for the dead
    with pytest.raises(ValueError, match="not available"):
        strict.step(actions)
    np.testing.assert_array_equal(env.step(actions)[0]["state"], strict.step(actions + 1)[0]["state"])


def test_bad_calls_are_errors():
    env = SkirmishGymnasiumEnv("2s3z", render_mode="ansi")
    for call in (env.render, lambda: env.step(np.ones(5, int))):
        with pytest.raises(RuntimeError, match="reset"):
            call()
    env.reset(seed=0)
    assert isinstance(env.render(), str)
    for bad in (np.ones(4, int), np.ones((1, 5), int), np.ones(5), np.full(5, 99), None, "x"):
        with pytest.raises(ValueError, match=r"expected|must be"):
            env.step(bad)
    for options, said in (
        ({"render_mode": "human"}, "render_mode is 'human'"),
        ({"unavailable_actions": "played"}, "unavailable_actions"),
        ({"map_name": "3n"}, "3m"),
    ):
        with pytest.raises(ValueError, match=said):
            SkirmishGymnasiumEnv(**options)
    with pytest.raises(TypeError, match="obs_last_action"):
        SkirmishGymnasiumEnv(obs_last_acton=True)
    env.close()
    env.close()
    with pytest.raises(RuntimeError, match="closed"):
        env.reset()
