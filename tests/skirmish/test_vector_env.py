"""The interface of the simulator: shapes, alignment, errors, random streams."""

from __future__ import annotations

import numpy as np
import pytest

from seed_matrace.skirmish.maps import map_names
from seed_matrace.skirmish.vector_env import SkirmishVectorEnv
from seed_matrace.specs import empty_env_output, env_output_spec
from seed_matrace.types import EnvOutput, flatten


def assert_same(one: EnvOutput, other: EnvOutput, rows: slice = slice(None)) -> None:
    for left, right in zip(flatten(one), flatten(other), strict=True):
        np.testing.assert_array_equal(left[rows], right)


@pytest.mark.parametrize("name", map_names())
def test_output_has_the_declared_shapes(name: str) -> None:
    env = SkirmishVectorEnv(name, 3, seed=0)
    want = env_output_spec(env.spec, 3)
    for out in (env.reset(), env.step(env.sample_actions())):
        for array, spec in zip(flatten(out), flatten(want), strict=True):
            assert (array.shape, array.dtype) == (spec.shape, spec.dtype)


@pytest.mark.parametrize("name", ["3m", "10m_vs_11m"])
def test_environment_plays_the_same_whatever_the_batch(name: str) -> None:
    together, split = SkirmishVectorEnv(name, 6, seed=4), SkirmishVectorEnv(name, 2, seed=4, first_env=3)
    assert_same(together.reset(), split.reset(), slice(3, 5))
    for _ in range(90):
        actions = together.sample_actions()
        np.testing.assert_array_equal(actions[3:5], split.sample_actions())
        assert_same(together.step(actions), split.step(actions[3:5]), slice(3, 5))


def test_seeds_and_streams_differ() -> None:
    envs = [SkirmishVectorEnv("3m", 2, seed=seed) for seed in (0, 1)]
    actions = []
    for env in envs:
        env.reset()
        actions.append([env.sample_actions() for _ in range(20)])
    actions = np.array(actions)
    assert (actions[0] != actions[1]).any()
    assert (actions[:, :, 0] != actions[:, :, 1]).any()


def test_out_and_fresh_arrays_agree_and_fresh_arrays_stay() -> None:
    mine, fresh = SkirmishVectorEnv("8m", 4, seed=1), SkirmishVectorEnv("8m", 4, seed=1)
    buffer = empty_env_output(mine.spec, 4)
    for array in flatten(buffer):
        array[...] = 1
    first = fresh.reset()
    kept = [array.copy() for array in flatten(first)]
    assert mine.reset(buffer) is buffer
    assert_same(first, buffer)
    for _ in range(60):
        actions = fresh.sample_actions()
        out = fresh.step(actions)
        assert mine.step(actions, buffer) is buffer
        assert_same(out, buffer)
    for array, copy in zip(flatten(first), kept, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_step_that_ends_an_episode_shows_the_next_one() -> None:
    env = SkirmishVectorEnv("3m", 8, seed=2)
    start = env.reset()
    starts = {row.tobytes() for row in SkirmishVectorEnv("3m", 64, seed=3).reset().state}  # by the enemies' numbers
    ends = 0
    length = np.zeros(8, np.int32)
    total = np.zeros(8)
    for _ in range(200):
        out = env.step(env.sample_actions())
        ended = out.terminated | out.truncated
        assert not (out.terminated & out.truncated).any()
        length += 1
        total += out.reward
        np.testing.assert_array_equal(out.obs[ended], start.obs[ended])
        assert {row.tobytes() for row in out.state[ended]} <= starts
        np.testing.assert_array_equal(out.avail_actions[ended], start.avail_actions[ended])
        np.testing.assert_array_equal(out.episode.length, np.where(ended, length, 0))
        np.testing.assert_allclose(out.episode.episode_return, np.where(ended, total, 0), atol=1e-5)
        length[ended], total[ended] = 0, 0
        ends += ended.sum()
    assert ends > 20


def test_time_limit_truncates() -> None:
    env = SkirmishVectorEnv("3m", 1, seed=0)
    out = env.reset()
    steps = 0
    while not (out.terminated | out.truncated).any():  # runs away north-west and stays there
        choices = [action for action in (5, 2, 1) if out.avail_actions[0, 0, action]]
        actions = [choices[0] if out.avail_actions[0, agent, choices[0]] else 1 for agent in range(3)]
        actions = [0 if out.avail_actions[0, agent, 0] else action for agent, action in enumerate(actions)]
        out = env.step(np.array([actions], np.int32))
        steps += 1
    assert steps <= env.spec.episode_limit
    if out.truncated[0]:
        assert steps == env.spec.episode_limit
        assert not out.episode.battle_won[0]


def test_last_action_is_in_the_state() -> None:
    env = SkirmishVectorEnv("3m", 1, seed=0)
    assert not env.reset().state[0, -27:].any()
    out = env.step(np.array([[1, 4, 4]], np.int32))
    np.testing.assert_array_equal(out.state[0, -27:].reshape(3, 9).argmax(axis=1), [1, 4, 4])


def test_unavailable_action_names_everything_and_plays_nothing() -> None:
    env = SkirmishVectorEnv("3m", 2, seed=0)
    out = env.reset()
    before = env.units()
    for action in (0, 6, 9, -1):
        actions = np.array([[4, 4, 4], [4, 4, action]], np.int32)
        with pytest.raises(ValueError, match=rf"environment 1, agent 2: action {action} .* \[1, 2, 3, 4, 5\]"):
            env.step(actions, out)
    np.testing.assert_array_equal(env.units(), before)


@pytest.mark.parametrize(
    "actions",
    [np.ones((2, 4), np.int32), np.ones(6, np.int32), np.ones((2, 3), np.bool_), np.ones((2, 3)), [[1, 1, 1]] * 2],
    ids=["agents", "flat", "bool", "float", "list"],
)
def test_wrong_actions_are_refused(actions: np.ndarray) -> None:
    env = SkirmishVectorEnv("3m", 2, seed=0)
    env.reset()
    with pytest.raises(ValueError, match=r"an array of shape \(2, 3\) and an integer dtype"):
        env.step(actions)


def test_wrong_out_is_refused() -> None:
    env = SkirmishVectorEnv("3m", 2, seed=0)
    good = empty_env_output(env.spec, 2)
    with pytest.raises(ValueError, match=r"out.obs is float32 \(3, 3, 30\)"):
        env.reset(empty_env_output(env.spec, 3))
    with pytest.raises(ValueError, match=r"out.reward is float64"):
        env.reset(good._replace(reward=np.zeros(2)))
    with pytest.raises(ValueError, match=r"out.state must be C-contiguous"):
        env.reset(good._replace(state=np.zeros((48, 2), np.float32).T))
    frozen = np.zeros(2, np.float32)
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match=r"out.episode_return must be C-contiguous and writeable"):
        env.reset(good._replace(episode=good.episode._replace(episode_return=frozen)))


def test_wrong_room_for_sampled_actions_is_refused() -> None:
    env = SkirmishVectorEnv("3m", 2, seed=0)
    env.reset()
    for wrong in (np.zeros((1, 3), np.int32), np.zeros((2, 3), np.int64), np.zeros((3, 2), np.int32).T):
        with pytest.raises(ValueError, match=r"expected|contig|Buffer"):
            env.sample_actions(wrong)


def test_sampled_actions_are_uniform_over_the_available_ones() -> None:
    env = SkirmishVectorEnv("3m", 3000, seed=0)
    out = env.reset()
    counts = np.bincount(env.sample_actions().ravel(), minlength=9)
    assert not counts[~out.avail_actions[0].any(axis=0)].any()
    np.testing.assert_allclose(counts[1:6] / 9000, 0.2, atol=0.03)


def test_calls_out_of_order() -> None:
    env = SkirmishVectorEnv("3m", 1, seed=0)
    with pytest.raises(RuntimeError, match="before the first reset"):
        env.step(np.ones((1, 3), np.int32))
    with pytest.raises(RuntimeError, match="before the first reset"):
        env.sample_actions()
    env.reset()
    env.close()
    env.close()
    for call in (env.reset, env.sample_actions, env.units, lambda: env.step(np.ones((1, 3), np.int32))):
        with pytest.raises(RuntimeError, match="closed"):
            call()


@pytest.mark.parametrize("wrong", [{"num_envs": 0}, {"num_envs": 1, "seed": -1}, {"num_envs": 1, "first_env": -1}])
def test_numbers_out_of_range(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least"):
        SkirmishVectorEnv("3m", **wrong)


@pytest.mark.parametrize("map_name", ["2s3z", "MMM2", "corridor"])
def test_battles_that_are_started_anew_by_hand_are_those_that_start_by_themselves(map_name):
    """And the others go on as if nothing had happened, whether they have ended or not."""
    by_hand, own = (SkirmishVectorEnv(map_name, 5, 3, autoreset=auto) for auto in (False, True))
    out, expected, ends = by_hand.reset(), own.reset(), 0
    for _ in range(150):
        actions = own.sample_actions()
        by_hand.step(actions, out), own.step(actions, expected)
        ended = out.terminated | out.truncated
        np.testing.assert_array_equal(out.reward, expected.reward)
        np.testing.assert_array_equal(ended, expected.terminated | expected.truncated)
        np.testing.assert_array_equal(out.episode.episode_return, expected.episode.episode_return)
        if ended.any():
            reward = out.reward.copy()
            assert by_hand.reset_some(ended, out) is out
            np.testing.assert_array_equal(out.reward, np.where(ended, 0, reward))
            assert not (out.terminated | out.truncated).any()
            ends += 1
        for one, other in zip(flatten(out)[:3], flatten(expected)[:3], strict=True):
            np.testing.assert_array_equal(one, other)
    assert ends


def test_battles_are_started_anew_by_hand_in_the_middle():
    env, twin = (SkirmishVectorEnv("3m", 3, 3, autoreset=False) for _ in range(2))
    out, others = env.reset(), twin.reset()
    for _ in range(4):
        env.step(np.full((3, 3), 4, np.int32), out), twin.step(np.full((3, 3), 4, np.int32), others)
    env.reset_some(np.array([False, True, False]), out)
    fresh = SkirmishVectorEnv("3m", 3, 3, autoreset=False)
    fresh.reset(), fresh.reset()
    np.testing.assert_array_equal(env.units()[1], fresh.units()[1])  # its stream's second battle
    np.testing.assert_array_equal(env.units()[[0, 2]], twin.units()[[0, 2]])
    np.testing.assert_array_equal(out.obs[[0, 2]], others.obs[[0, 2]])
    for bad in (np.ones(2, bool), np.ones(3, int), None, [True] * 3):
        with pytest.raises(ValueError, match=r"which is .*; bool \[3\] expected"):
            env.reset_some(bad, out)
    with pytest.raises(RuntimeError, match="before the first reset"):
        SkirmishVectorEnv("3m", 3).reset_some(np.ones(3, bool), out)
