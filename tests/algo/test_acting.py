"""The compiled policy and how arrays reach it."""

import numpy as np
import pytest
import tensorflow as tf

from seed_matrace.algo.acting import CompiledPolicy, as_tensor
from seed_matrace.algo.distributions import MaskedCategorical
from seed_matrace.algo.networks import Policy
from seed_matrace.specs import EnvSpec

SPEC = EnvSpec(n_agents=3, n_actions=4, obs_dim=5, state_dim=7, episode_limit=10)
SEED = np.array([5, 6], np.int64)


def _aligned(array: np.ndarray, shift: int = 0) -> np.ndarray:
    """A copy of ``array`` that begins ``shift`` bytes after a multiple of 64."""
    buffer = np.empty(array.nbytes + 128, np.uint8)
    start = -buffer.ctypes.data % 64 + shift
    copy = buffer[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def _batch(size: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(size)
    avail_actions = (rng.random((size, 3, 4)) < 0.5).astype(np.uint8)
    avail_actions[..., 2] = 1
    return rng.normal(size=(size, 3, 5)).astype(np.float32), avail_actions


@pytest.mark.parametrize("size", [1, 8])
def test_actions_are_available_and_carry_their_log_probability(size):
    policy = Policy(SPEC, (6,), np.random.default_rng(0))
    obs, avail_actions = _batch(size)
    action, log_prob, _ = CompiledPolicy(policy, SPEC).sample(obs, avail_actions, SEED)
    assert action.dtype == tf.int32
    assert np.take_along_axis(avail_actions, action.numpy()[..., None], -1).all()
    expected = MaskedCategorical(policy(obs), avail_actions).log_prob(action)
    np.testing.assert_allclose(log_prob, expected, rtol=1e-5, atol=1e-6)


def test_actions_follow_the_seed_whatever_its_dtype():
    compiled = CompiledPolicy(Policy(SPEC, (6,), np.random.default_rng(0)), SPEC)
    obs, avail_actions = _batch(50)
    first, again, other = (
        compiled.sample(obs, avail_actions, seed).action.numpy() for seed in (SEED, SEED.astype(np.int32), SEED + 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_new_weights_count_at_once():
    policy = Policy(SPEC, (6,), np.random.default_rng(0))
    compiled = CompiledPolicy(policy, SPEC)
    obs, avail_actions = _batch(4)
    for variable in policy.trainable_variables:
        variable.assign(tf.zeros_like(variable))
    bias = next(variable for variable in policy.trainable_variables if variable.name.startswith("bias_1"))
    bias.assign([0.0, 1.0, 2.0, 3.0])
    expected = np.where(avail_actions, np.arange(4), -1).argmax(-1)
    np.testing.assert_array_equal(compiled.greedy(obs, avail_actions).action, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.int32, np.int64, np.bool_])
def test_aligned_arrays_are_read_in_place(dtype):
    array = _aligned(np.zeros((3, 4), dtype))
    tensor = as_tensor(array)
    array[1, 2] = 1
    assert tensor.dtype == dtype
    np.testing.assert_array_equal(tensor, array)


def test_other_arrays_are_copied():
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    read_only = _aligned(values)
    read_only.flags.writeable = False
    for array in (_aligned(values, shift=4), _aligned(values).T, read_only):
        tensor = as_tensor(array)
        np.testing.assert_array_equal(tensor, array)
        assert not np.shares_memory(np.asarray(memoryview(tensor)), array)


def test_memory_lives_as_long_as_its_tensor():
    tensor = as_tensor(_aligned(np.full((1000,), 3.0, np.float32)))
    np.testing.assert_array_equal(tensor * 2, np.full((1000,), 6.0))
