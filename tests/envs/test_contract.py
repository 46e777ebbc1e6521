"""What every vector environment must do, tried on each backend."""

import dataclasses

import numpy as np
import pytest

from seed_matrace.envs.registry import backend_name, can_record, env_spec, make_vector_env
from seed_matrace.sections.env import EnvConfig
from seed_matrace.specs import empty_env_output, env_output_spec
from seed_matrace.types import flatten

OPTIONS = {"obs_last_action": True, "obs_timestep_number": True, "reward_only_positive": False}
BACKENDS = [
    *(EnvConfig("3m"), EnvConfig("5m_vs_6m"), EnvConfig("2s3z", **OPTIONS), EnvConfig(backend="counting")),
    EnvConfig("roles", "pettingzoo", episode_limit=9),
    *(EnvConfig("2s3z", frame_stack=3), EnvConfig(backend="counting", frame_stack=2)),
]
NUM_ENVS = 5


@pytest.fixture(params=BACKENDS, ids=lambda env: f"{env.backend}-{env.map_name}-{env.frame_stack}")
def env_config(request):
    return request.param


def random_actions(rng, avail_actions):
    return np.argmax(rng.random(avail_actions.shape) * avail_actions, axis=-1).astype(np.int32)


def play(env, steps, seed=0):
    rng = np.random.default_rng(seed)
    outputs = [env.reset()]
    for _ in range(steps):
        outputs.append(env.step(random_actions(rng, outputs[-1].avail_actions)))
    return outputs


def test_arrays_are_as_specified(env_config):
    env = make_vector_env(env_config, NUM_ENVS, seed=0)
    assert env.spec == env_spec(env_config)
    for output in play(env, 3):
        for array, spec in zip(flatten(output), flatten(env_output_spec(env.spec, NUM_ENVS)), strict=True):
            assert (array.shape, array.dtype) == (spec.shape, spec.dtype)


def test_reset_starts_without_reward_or_end(env_config):
    output = make_vector_env(env_config, NUM_ENVS, seed=0).reset()
    for array in (output.reward, output.terminated, output.truncated, *output.episode):
        assert not array.any()


def test_somebody_can_always_act(env_config):
    env = make_vector_env(env_config, NUM_ENVS, seed=0)
    for output in play(env, 2 * env.spec.episode_limit):
        assert output.avail_actions.max() == 1
        assert output.avail_actions.any(axis=-1).all()


def test_episodes_end_once_and_say_how_they_went(env_config):
    env = make_vector_env(env_config, NUM_ENVS, seed=0)
    length = np.zeros(NUM_ENVS, int)
    total = np.zeros(NUM_ENVS)
    ends = 0
    for output in play(env, 2 * env.spec.episode_limit)[1:]:
        length += 1
        total += output.reward
        ended = output.terminated | output.truncated
        assert not (output.terminated & output.truncated).any()
        np.testing.assert_array_equal(output.episode.length, np.where(ended, length, 0))
        np.testing.assert_allclose(output.episode.episode_return, np.where(ended, total, 0), rtol=1e-5)
        assert (length <= env.spec.episode_limit).all()
        length[ended], total[ended] = 0, 0
        ends += ended.sum()
    assert ends >= 2 * NUM_ENVS


def test_output_memory_may_be_the_callers(env_config):
    fresh, given = (make_vector_env(env_config, NUM_ENVS, seed=3) for _ in range(2))
    out = empty_env_output(given.spec, NUM_ENVS)
    rng = np.random.default_rng(0)
    expected = fresh.reset()
    assert given.reset(out) is out
    for _ in range(20):
        for array, other in zip(flatten(out), flatten(expected), strict=True):
            np.testing.assert_array_equal(array, other)
        actions = random_actions(rng, expected.avail_actions)
        expected = fresh.step(actions)
        assert given.step(actions, out) is out


def test_same_seed_plays_the_same_and_steps_do_not_overwrite_each_other(env_config):
    first, second = (play(make_vector_env(env_config, NUM_ENVS, seed=3), 30) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        for array, expected in zip(flatten(one), flatten(other), strict=True):
            np.testing.assert_array_equal(array, expected)


def test_environment_plays_the_same_in_any_group(env_config):
    whole = make_vector_env(env_config, 4, seed=5).reset()
    half = make_vector_env(env_config, 2, seed=5, first_env=2).reset()
    np.testing.assert_array_equal(whole.state[2:], half.state)
    np.testing.assert_array_equal(whole.obs[2:], half.obs)


@pytest.mark.parametrize("kind", ["shape", "dtype", "wide", "unavailable", "negative", "too large"])
def test_bad_action_is_an_error_and_changes_nothing(env_config, kind):
    env, untouched = (make_vector_env(env_config, NUM_ENVS, seed=0) for _ in range(2))
    avail = env.reset().avail_actions
    untouched.reset()
    good = np.argmax(avail, axis=-1).astype(np.int32)
    bad = good.copy()
    if kind == "shape":
        bad = good[:, :1]
    elif kind == "wide":
        bad = good.astype(np.int64)
        bad[1, 0] += 1 << 32  # int32 would make an available action of it
    elif kind == "dtype":
        bad = good.astype(np.float32)
    elif kind == "unavailable":
        bad[1, 0] = np.argmin(avail[1, 0])
    else:
        bad[1, 0] = -1 if kind == "negative" else env.spec.n_actions
    elsewhere = "an integer dtype, best int32, expected"
    with pytest.raises(ValueError, match=elsewhere if kind in ("shape", "dtype") else "environment 1, agent 0"):
        env.step(bad)
    for array, expected in zip(flatten(env.step(good)), flatten(untouched.step(good)), strict=True):
        np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.uint64, ">i4"])
def test_actions_of_any_integer_dtype_are_played(env_config, dtype):
    env, same = (make_vector_env(env_config, NUM_ENVS, seed=0) for _ in range(2))
    rng = np.random.default_rng(0)
    out, expected = env.reset(), same.reset()
    for _ in range(5):
        actions = random_actions(rng, out.avail_actions)
        out, expected = env.step(np.asfortranarray(actions.astype(dtype))), same.step(actions)
        for array, wanted in zip(flatten(out), flatten(expected), strict=True):
            np.testing.assert_array_equal(array, wanted)


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ({"num_envs": 0}, "num_envs is 0"),
        ({"num_envs": 2.0}, "num_envs is 2.0"),
        ({"num_envs": True}, "num_envs is True"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": None}, "seed is None"),
        ({"first_env": -1}, "first_env is -1"),
    ],
)
def test_number_that_cannot_be_is_said_at_once(env_config, numbers, said):
    with pytest.raises(ValueError, match=said):
        make_vector_env(env_config, **{"num_envs": 2, "seed": 0, **numbers})


def test_step_before_reset_is_an_error(env_config):
    env = make_vector_env(env_config, NUM_ENVS, seed=0)
    with pytest.raises(RuntimeError):
        env.step(np.ones((NUM_ENVS, env.spec.n_agents), np.int32))


def test_environments_record_if_the_backend_leaves_replays(env_config):
    env = make_vector_env(dataclasses.replace(env_config, frame_stack=1), 1, seed=0)
    env.reset()
    assert hasattr(env, "record") == can_record(env_config)
    assert not can_record(env_config) or hasattr(env.record(), "replay")


def test_close_may_be_called_twice(env_config):
    env = make_vector_env(env_config, NUM_ENVS, seed=0)
    env.reset()
    env.close()
    env.close()
    assert backend_name(env_config).startswith(env_config.backend)
