"""The simulator in TorchRL, run by a Python that has it: its checks, rollouts, and that they are the same battles."""

import copy
import pickle

import numpy as np
import pytest
import torch
from tensordict import TensorDict
from torchrl.envs import PettingZooWrapper, RewardSum, StepCounter, TransformedEnv
from torchrl.envs.utils import check_env_specs

from seed_matrace.envs.pettingzoo import parallel_env
from seed_matrace.envs.torchrl import SkirmishEnv
from seed_matrace.skirmish.vector_env import SkirmishVectorEnv

MAPS = ("3m", "2s3z", "MMM2")


def assert_same(one, other):
    assert set(one.keys(True, True)) == set(other.keys(True, True))
    for key in one.keys(True, True):
        torch.testing.assert_close(one[key], other[key], rtol=0, atol=0)


@pytest.mark.parametrize("num_envs", [1, 5])
@pytest.mark.parametrize("map_name", MAPS)
def test_torchrls_check_of_specs(map_name, num_envs):
    env = SkirmishEnv(map_name, num_envs, seed=1, obs_last_action=True)
    check_env_specs(env)
    check_env_specs(TransformedEnv(env, StepCounter(max_steps=7)))


@pytest.mark.parametrize("map_name", MAPS)
def test_rollouts_are_the_vector_environments_battles(map_name):
    """With what each battle showed last, and the next one begun after it."""
    steps = SkirmishEnv(map_name, 6, seed=3).rollout(150, break_when_any_done=False)
    battles = SkirmishVectorEnv(map_name, 6, 3, with_final=True)
    expected, ends = battles.reset(), 0
    for t in range(150):
        now, after = steps[:, t], steps[:, t]["next"]
        np.testing.assert_array_equal(now["agents", "observation"], expected.obs)
        np.testing.assert_array_equal(now["agents", "action_mask"], expected.avail_actions == 1)
        np.testing.assert_array_equal(now["state"], expected.state)
        expected = battles.step(now["agents", "action"].numpy().astype(np.int32))
        ended = expected.terminated | expected.truncated
        np.testing.assert_array_equal(after["reward"][:, 0], expected.reward)
        np.testing.assert_array_equal(after["terminated"][:, 0], expected.terminated)
        np.testing.assert_array_equal(after["truncated"][:, 0], expected.truncated)
        np.testing.assert_array_equal(after["done"][:, 0], ended)
        np.testing.assert_array_equal(after["info", "battle_won"], expected.episode.battle_won)
        np.testing.assert_array_equal(after["info", "dead_allies"], expected.episode.dead_allies)
        last = np.where(ended[:, None, None], expected.final_obs, expected.obs)
        np.testing.assert_array_equal(after["agents", "observation"], last)
        np.testing.assert_array_equal(after["state"], np.where(ended[:, None], expected.final_state, expected.state))
        ends += ended.sum()
    assert ends > 3


def test_rollouts_to_the_first_and_to_the_last_end():
    env = SkirmishEnv("3m", 8, seed=1)
    first, last = env.rollout(200), env.rollout(200, break_when_any_done=False, break_when_all_done=True)
    assert first["next", "done"][:, -1].any() and not first["next", "done"][:, :-1].any()
    assert last["next", "done"][:, -1].all() and last.shape[1] > first.shape[1]


def test_battles_that_have_ended_stay_as_they_are_until_they_are_reset():
    env = SkirmishEnv("2s3z", 6, seed=1)
    shown = env.reset()
    for _ in range(200):
        shown = env.rand_step(shown)
        ended = shown["next", "done"][:, 0]
        if ended.any():
            break
        shown = shown["next"].exclude("reward")
    after = env.rand_step(shown["next"].exclude("reward"))["next"]
    assert not ended.all() and after["done"][ended].all()
    assert (after["reward"][ended] == 0).all()
    torch.testing.assert_close(after["state"][ended], shown["next", "state"][ended], rtol=0, atol=0)
    assert (after["state"][~ended] != shown["next", "state"][~ended]).any()


def test_time_limits_of_torchrl_start_battles_anew_in_the_middle():
    env = TransformedEnv(SkirmishEnv("3m", 4, seed=1), StepCounter(max_steps=5))
    steps = env.rollout(20, break_when_any_done=False)
    assert steps["next", "truncated"][:, 4::5].all() and steps["next", "done"].sum() == 16
    starts = steps["state"][:, ::5]
    assert (steps["step_count"][:, ::5] == 0).all() and (starts[..., :12:4] == 1).all()  # nobody is hurt
    torch.testing.assert_close(starts[..., 2:12:4], starts[:, :1, 2:12:4].expand(4, 4, 3))  # all where they begin


def test_the_sum_of_rewards_is_the_return():
    steps = TransformedEnv(SkirmishEnv("3m", 4, seed=1), RewardSum()).rollout(100, break_when_any_done=False)
    ended = steps["next", "done"][..., 0]
    assert ended.any() and (steps["next", "episode_reward"][ended] >= 0).all()


def test_seeds_and_copies_play_the_same():
    env, other = SkirmishEnv("2s3z", 3, seed=5), SkirmishEnv("2s3z", 3)
    other.set_seed(5)
    torch.manual_seed(0)
    steps = env.rollout(30, break_when_any_done=False)
    torch.manual_seed(0)
    assert_same(steps, other.rollout(30, break_when_any_done=False))
    for way in (copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))):
        twin = way(env)
        torch.manual_seed(1)
        steps = env.rollout(30, break_when_any_done=False, auto_reset=False, tensordict=env.reset())
        torch.manual_seed(1)
        assert_same(steps, twin.rollout(30, break_when_any_done=False, auto_reset=False, tensordict=twin.reset()))


def test_unavailable_actions_are_replaced_or_refused():
    env, strict = (SkirmishEnv("2s3z", 2, seed=1, unavailable_actions=how) for how in ("replaced", "refused"))
    noop = TensorDict({"agents": {"action": torch.zeros(2, 5, dtype=torch.int64)}}, batch_size=2)
    env.reset(), strict.reset()
    with pytest.raises(ValueError, match="not available"):
        strict.step(noop.clone())
    stop = TensorDict({"agents": {"action": torch.ones(2, 5, dtype=torch.int64)}}, batch_size=2)
    torch.testing.assert_close(env.step(noop)["next", "state"], strict.step(stop)["next", "state"], rtol=0, atol=0)


def test_mistakes_are_one_sentence():
    for options, error, said in (
        ({"map_name": "3n"}, ValueError, "3m"),
        ({"num_envs": 0}, ValueError, "num_envs"),
        ({"unavailable_actions": "played"}, ValueError, "unavailable_actions"),
        ({"obs_last_acton": True}, TypeError, "obs_last_action"),
    ):
        with pytest.raises(error, match=said):
            SkirmishEnv(**options)
    env = SkirmishEnv("3m")
    with pytest.raises(RuntimeError, match="before the first reset"):
        env.step(TensorDict({"agents": {"action": torch.ones(1, 3, dtype=torch.int64)}}, batch_size=1))
    env.close()
    with pytest.raises(RuntimeError, match="closed"):
        env.reset()


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("dead_agents", ["kept", "black_death", "removed"])
def test_torchrls_wrapper_takes_the_pettingzoo_environment(dead_agents, flat):
    env = parallel_env("3m", dead_agents=dead_agents, flat_observations=flat)
    env = PettingZooWrapper(env, use_mask=dead_agents == "removed", return_state=True)
    check_env_specs(env)
    steps = env.rollout(60, break_when_any_done=False)
    assert steps["agent", "action_mask"].shape == (60, 3, 9) and steps["next", "done"].any()
