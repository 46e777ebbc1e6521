"""What an episode showed last: there when it is asked for, and what SMAC shows before it resets."""

import numpy as np
import pytest

from seed_matrace import make_env
from seed_matrace.envs.registry import make_vector_env
from seed_matrace.sections.env import EnvConfig
from seed_matrace.types import flatten

NUM_ENVS = 4
ENVS = [
    *(EnvConfig("3m"), EnvConfig("3m", frame_stack=3), EnvConfig(backend="counting")),
    EnvConfig(backend="counting", frame_stack=4),
]


def random_actions(rng, avail_actions):
    return np.argmax(rng.random(avail_actions.shape) * avail_actions, axis=-1).astype(np.int32)


@pytest.mark.parametrize("config", ENVS, ids=lambda env: f"{env.backend}-{env.frame_stack}")
def test_asking_for_it_changes_nothing_else_and_it_is_0_but_at_ends(config):
    plain = make_vector_env(config, NUM_ENVS, seed=2)
    env = make_vector_env(config, NUM_ENVS, seed=2, with_final=True)
    rng = np.random.default_rng(0)
    expected, output = plain.reset(), env.reset()
    ends = 0
    for _ in range(70):
        assert expected.final_obs.size == expected.final_state.size == 0
        for array, other in zip(flatten(output)[:-2], flatten(expected)[:-2], strict=True):
            np.testing.assert_array_equal(array, other)
        ended = output.terminated | output.truncated
        assert not output.final_obs[~ended].any() and not output.final_state[~ended].any()
        assert output.final_state[ended].any(axis=1).all()  # the dead observe nothing
        ends += ended.sum()
        actions = random_actions(rng, output.avail_actions)
        expected, output = plain.step(actions), env.step(actions, output)
    assert ends > NUM_ENVS
    again = env.reset(output)
    assert not again.final_obs.any() and not again.final_state.any()


def test_counting_episode_shows_its_own_last_step():
    env = make_vector_env(EnvConfig(backend="counting"), NUM_ENVS, seed=0, with_final=True)
    output = env.reset()
    for _ in range(30):
        expected = output.state + np.array([0, 0, 1])
        output = env.step(random_actions(np.random.default_rng(0), output.avail_actions))
        ended = output.terminated | output.truncated
        np.testing.assert_array_equal(output.final_state[ended], expected[ended])
        np.testing.assert_array_equal(output.final_obs[ended][..., :3], output.final_state[ended][:, None].repeat(2, 1))
        np.testing.assert_array_equal(output.final_obs[ended][..., 3], np.tile([0, 1], (ended.sum(), 1)))


@pytest.mark.parametrize(("map_name", "episodes"), [("3m", 5), ("2s_vs_1sc", 1)])
def test_it_is_what_smacs_interface_shows_before_the_reset(map_name, episodes):
    """On 2s_vs_1sc agents that wait run out of time; nobody finds them."""
    env = make_vector_env(EnvConfig(map_name), 1, seed=4, with_final=True)
    smac = make_env(map_name, seed=4)
    rng = np.random.default_rng(0)
    output = env.reset()
    smac.reset()
    truncated = []
    while len(truncated) < episodes:
        actions = random_actions(rng, output.avail_actions)
        if map_name == "2s_vs_1sc":
            actions[:] = 1
        output = env.step(actions)
        _, ended, _ = smac.step(actions[0].tolist())
        assert ended == (output.terminated[0] or output.truncated[0])
        if ended:
            np.testing.assert_array_equal(output.final_obs[0], smac.get_obs())
            np.testing.assert_array_equal(output.final_state[0], smac.get_state())
            truncated.append(bool(output.truncated[0]))
            smac.reset()
            np.testing.assert_array_equal(output.obs[0], smac.get_obs())
    assert truncated == [map_name == "2s_vs_1sc"] * episodes


@pytest.mark.parametrize("depth", [2, 3, 6])
@pytest.mark.parametrize("backend", ["counting", "skirmish"])
def test_stack_ends_with_the_last_observation_of_its_episode(backend, depth):
    plain = make_vector_env(EnvConfig(backend=backend), NUM_ENVS, seed=3, with_final=True)
    stacked = make_vector_env(EnvConfig(backend=backend, frame_stack=depth), NUM_ENVS, seed=3, with_final=True)
    rng = np.random.default_rng(0)
    frame, output = plain.reset(), stacked.reset()
    shown_before = output.obs.copy()
    ends = 0
    for _ in range(60):
        actions = random_actions(rng, frame.avail_actions)
        frame, output = plain.step(actions), stacked.step(actions, output)
        np.testing.assert_array_equal(output.final_state, frame.final_state)
        ended = frame.terminated | frame.truncated
        last = np.concatenate([shown_before[..., frame.obs.shape[-1] :], frame.final_obs], axis=-1)
        np.testing.assert_array_equal(output.final_obs, np.where(ended[:, None, None], last, 0))
        shown_before = output.obs.copy()
        ends += ended.sum()
    assert ends > NUM_ENVS
