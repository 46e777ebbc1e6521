"""Stacked observations: what they hold, where they are written, how they are saved."""

import numpy as np
import pytest

from seed_matrace.config import load_config
from seed_matrace.envs.frame_stack import FrameStack, FrameStackVectorEnv
from seed_matrace.envs.registry import env_spec, make_vector_env
from seed_matrace.sections.env import EnvConfig
from seed_matrace.specs import empty_env_output
from seed_matrace.training_env import make_schema
from seed_matrace.transport.schema import schema_mismatch
from seed_matrace.types import flatten

NUM_ENVS = 4


def random_actions(rng, avail_actions):
    return np.argmax(rng.random(avail_actions.shape) * avail_actions, axis=-1).astype(np.int32)


@pytest.mark.parametrize("backend", ["counting", "skirmish"])
@pytest.mark.parametrize("depth", [2, 3, 20])
def test_stack_is_the_newest_observations_of_the_episode_oldest_first(backend, depth):
    plain = make_vector_env(EnvConfig(backend=backend), NUM_ENVS, seed=1)
    stacked = make_vector_env(EnvConfig(backend=backend, frame_stack=depth), NUM_ENVS, seed=1)
    rng = np.random.default_rng(0)
    expected, output = plain.reset(), stacked.reset(empty_env_output(stacked.spec, NUM_ENVS))
    history = [[] for _ in range(NUM_ENVS)]
    ends = 0
    for _ in range(130):
        ended = expected.terminated | expected.truncated
        for env, seen in enumerate(history):
            if ended[env]:
                seen.clear()
            seen.append(expected.obs[env].copy())
            frames = [np.zeros_like(seen[0])] * (depth - len(seen)) + seen[-depth:]
            np.testing.assert_array_equal(output.obs[env], np.concatenate(frames, axis=-1))
        for array, other in zip(flatten(output)[1:], flatten(expected)[1:], strict=True):
            np.testing.assert_array_equal(array, other)
        ends += ended.sum()
        actions = random_actions(rng, expected.avail_actions)
        expected, output = plain.step(actions), stacked.step(actions, output)
    assert ends > NUM_ENVS


def test_observations_are_never_copied_on_their_way_into_the_stack():
    """The other environment writes into the stack's memory and into the caller's: nothing lies between."""

    class Spy:
        def __init__(self, env):
            self.spec, self.num_envs, self._env, self.outs = env.spec, env.num_envs, env, []

        def reset(self, out):
            self.outs.append(out)
            return self._env.reset(out)

        def step(self, actions, out):
            self.outs.append(out)
            return self._env.step(actions, out)

    spy = Spy(make_vector_env(EnvConfig(backend="counting"), NUM_ENVS, seed=0))
    env = FrameStackVectorEnv(spy, 3)
    out = env.reset(empty_env_output(env.spec, NUM_ENVS))
    for _ in range(6):
        env.step(np.argmax(out.avail_actions, axis=-1).astype(np.int32), out)
    assert all(given.state is out.state and given.reward is out.reward for given in spy.outs)
    assert len({id(given.obs) for given in spy.outs}) == 3
    assert len({id(given) for given in spy.outs}) == 3  # an environment has to check each only once


@pytest.mark.parametrize("backend", ["counting", "skirmish"])
def test_restored_environment_goes_on_with_the_same_stacks(backend):
    config = EnvConfig(backend=backend, frame_stack=3)
    env, other = (make_vector_env(config, NUM_ENVS, seed=1) for _ in range(2))
    rng = np.random.default_rng(0)
    output = env.reset()
    for _ in range(7):
        output = env.step(random_actions(rng, output.avail_actions))
    other.set_state_bytes(env.get_state_bytes())
    for _ in range(40):
        actions = random_actions(rng, output.avail_actions)
        output, again = env.step(actions), other.step(actions)
        for array, expected in zip(flatten(again), flatten(output), strict=True):
            np.testing.assert_array_equal(array, expected)


def test_state_of_something_else_is_refused_and_changes_nothing():
    env, deeper, twin = (
        make_vector_env(EnvConfig(backend="counting", frame_stack=depth), NUM_ENVS, seed=1) for depth in (2, 3, 2)
    )
    for each in (env, deeper, twin):
        each.reset()
    state = deeper.get_state_bytes()
    with pytest.raises(ValueError, match="not a state of a stack of 2 observations"):
        env.set_state_bytes(state)
    with pytest.raises(ValueError, match="not a state"):
        env.set_state_bytes(env.get_state_bytes()[:-8])
    actions = np.ones((NUM_ENVS, env.spec.n_agents), np.int32)
    np.testing.assert_array_equal(env.step(actions).obs, twin.step(actions).obs)


def test_output_for_other_observations_is_refused_before_anything_is_played():
    env, untouched = (make_vector_env(EnvConfig("3m", frame_stack=2), NUM_ENVS, seed=1) for _ in range(2))
    avail_actions = env.reset().avail_actions
    untouched.reset()
    actions = np.argmax(avail_actions, axis=-1).astype(np.int32)
    with pytest.raises(ValueError, match=r"out\.obs is float32 \(4, 3, 30\); float32 \(4, 3, 60\) expected"):
        env.step(actions, empty_env_output(env_spec(EnvConfig("3m")), NUM_ENVS))
    np.testing.assert_array_equal(env.step(actions).obs, untouched.step(actions).obs)


def test_stack_of_nothing_is_an_error():
    with pytest.raises(ValueError, match="frame_stack is 0; at least 1 expected"):
        FrameStack(0, NUM_ENVS, env_spec(EnvConfig("3m")))
    with pytest.raises(ValueError, match=r"env\.frame_stack must be at least 1, not 0"):
        EnvConfig(frame_stack=0)


def test_actor_and_learner_of_other_stacks_do_not_meet():
    learner, actor = (make_schema(load_config([], [f"env.frame_stack={depth}"])[0]) for depth in (4, 1))
    said = schema_mismatch(learner, actor)
    assert "(env.frame_stack: learner 4, actor 1)" in said and "same gin files" in said
