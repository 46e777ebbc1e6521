"""The simulator as a vector environment of Gymnasium: its checks, and what its own vector environments would tell."""

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils import env_checker
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorWrapper

from seed_matrace.envs.gymnasium import SkirmishGymnasiumVectorEnv
from seed_matrace.skirmish.vector_env import SkirmishVectorEnv

MAPS = ("3m", "2s3z", "MMM")
NUM_ENVS = 4
NAME = "seed_matrace.envs.gymnasium:seed_matrace/Skirmish-v1"


class OneBattle(gymnasium.Env):
    """Battle ``number`` of the seed, for Gymnasium to put together."""

    def __init__(self, map_name, number, mask_at_end):
        self._mask_at_end = mask_at_end
        self._battle = SkirmishVectorEnv(map_name, 1, 7, number, autoreset=False)
        vector = SkirmishGymnasiumVectorEnv(map_name)
        self.observation_space, self.action_space = vector.single_observation_space, vector.single_action_space

    def reset(self, *, seed=None, options=None):
        return self._shown(self._battle.reset())

    def step(self, action):
        out = self._battle.step(action[None].astype(np.int32))
        obs, info = self._shown(out)
        if ended := bool(out.terminated[0] or out.truncated[0]):
            info = {} if not self._mask_at_end else info
            info |= {
                name: getattr(out.episode, name)[0].item() for name in ("battle_won", "dead_allies", "dead_enemies")
            }
        assert ended == bool(out.episode.length[0])
        return obs, float(out.reward[0]), bool(out.terminated[0]), bool(out.truncated[0]), info

    def _shown(self, out):
        return {"obs": out.obs[0], "state": out.state[0]}, {"action_mask": out.avail_actions[0].astype(np.int8)}


class OneFlag(VectorWrapper):
    """Gymnasium's checks are for single environments: they take an end for one bool."""

    def step(self, actions):
        obs, reward, terminated, truncated, infos = super().step(actions)
        return obs, reward, bool(terminated.any()), bool(truncated.any()), infos


@pytest.fixture
def env():
    env = SkirmishGymnasiumVectorEnv("2s3z", NUM_ENVS)
    yield env
    env.close()


def available(rng, infos):
    return np.argmax(rng.random(infos["action_mask"].shape) * infos["action_mask"], axis=-1)


def assert_alike(one, other):
    if isinstance(one, dict):
        assert set(one) == set(other)
        for name in one:
            assert_alike(one[name], other[name])
    elif isinstance(one, np.ndarray) and one.dtype == object:
        for first, second in zip(one, other, strict=True):
            assert_alike(first, second)
    else:
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("map_name", MAPS)
def test_gymnasiums_checks(map_name):
    env = OneFlag(gymnasium.make_vec(NAME, NUM_ENVS, map_name=map_name))
    assert not env.spec.nondeterministic
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env_checker.check_reset_return_type(env)
        env_checker.check_reset_seed_determinism(env)
        env_checker.check_reset_options(env)
        env_checker.check_step_determinism(env)
        env_checker.check_returned_data_not_reused(env)


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP])
@pytest.mark.parametrize("map_name", MAPS)
def test_it_tells_what_gymnasiums_own_vector_environment_does(map_name, mode):
    """Autoreset in the same step or the next, final observations and infos, and the masks of all infos."""
    env = SkirmishGymnasiumVectorEnv(map_name, NUM_ENVS, autoreset_mode=mode)
    masks = mode is AutoresetMode.NEXT_STEP  # in the same step final_info has none
    battles = [lambda number=number: OneBattle(map_name, number, masks) for number in range(NUM_ENVS)]
    own = SyncVectorEnv(battles, autoreset_mode=mode)
    assert env.metadata["autoreset_mode"] == own.metadata["autoreset_mode"]
    assert env.observation_space == own.observation_space and env.action_space == own.action_space
    (obs, infos), expected = env.reset(seed=7), own.reset(seed=7)
    assert_alike([obs, infos][1], expected[1])
    rng, ends = np.random.default_rng(0), 0
    for _ in range(150):
        actions = available(rng, infos)
        *step, infos = env.step(actions)
        *other, other_infos = own.step(actions)
        for part, wanted in zip([*step, infos], [*other, other_infos], strict=True):
            assert_alike(part, wanted)
        assert [part.dtype for part in step[1:]] == [part.dtype for part in other[1:]]
        ends += (step[2] | step[3]).any()
        assert step[0] in env.observation_space
    assert ends > 1


def test_steps_do_not_overwrite_each_other(env):
    _, infos = env.reset(seed=0)
    first = env.step(available(np.random.default_rng(0), infos))
    kept = first[0]["obs"].copy(), first[4]["action_mask"].copy()
    for _ in range(3):
        env.step(env.action_space.sample())
    np.testing.assert_array_equal(first[0]["obs"], kept[0])
    np.testing.assert_array_equal(first[4]["action_mask"], kept[1])


def test_wrappers_of_gymnasium(env):
    recorded = gymnasium.wrappers.vector.RecordEpisodeStatistics(env)
    _, infos = recorded.reset(seed=1)
    rng, returns = np.random.default_rng(0), np.zeros(NUM_ENVS)
    for _ in range(200):
        _, rewards, terminated, truncated, infos = recorded.step(available(rng, infos))
        returns += rewards
        ended = terminated | truncated
        if ended.any():
            np.testing.assert_allclose(
                infos["final_info"]["episode"]["r"] if "episode" not in infos else infos["episode"]["r"][ended],
                returns[ended],
                rtol=1e-5,
            )
            return
        returns[ended] = 0
    raise AssertionError("no battle ended")


def test_unavailable_actions_are_replaced_or_refused(env):
    strict = SkirmishGymnasiumVectorEnv("2s3z", NUM_ENVS, unavailable_actions="refused")
    env.reset(seed=0), strict.reset(seed=0)
    actions = np.zeros((NUM_ENVS, 5), np.int64)  # no-op is for the dead
    with pytest.raises(ValueError, match="not available"):
        strict.step(actions)
    np.testing.assert_array_equal(env.step(actions)[0]["state"], strict.step(actions + 1)[0]["state"])


def test_bad_calls_are_errors(env):
    with pytest.raises(RuntimeError, match="reset"):
        env.step(np.ones((NUM_ENVS, 5), int))
    env.reset(seed=0)
    for bad in (
        *(np.ones((NUM_ENVS, 4), int), np.ones((NUM_ENVS, 5)), np.full((NUM_ENVS, 5), 99), None, "x"),
        *([[1], [1, 2]], {}, np.ones((NUM_ENVS, 5), bool), [[10**30] * 5] * NUM_ENVS),
    ):
        with pytest.raises(ValueError, match=r"expected|must be"):
            env.step(bad)
    for number in (0, -1, 1.5, "2", True):
        with pytest.raises(ValueError, match=r"num_envs is .* from 1 expected"):
            SkirmishGymnasiumVectorEnv("3m", number)
    with pytest.raises(ValueError, match="unavailable_actions"):
        SkirmishGymnasiumVectorEnv("3m", unavailable_actions="played")
    for mode in ("Disabled", None, []):
        with pytest.raises(ValueError, match=r"autoreset_mode is .*; 'SameStep' or 'NextStep' expected"):
            SkirmishGymnasiumVectorEnv("3m", autoreset_mode=mode)
    env.close()
    env.close()
    with pytest.raises(RuntimeError, match="closed"):
        env.reset()
