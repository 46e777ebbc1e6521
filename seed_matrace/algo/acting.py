"""A policy network compiled for choosing actions, one call per batch of observations."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from seed_matrace.algo.distributions import MaskedCategorical
from seed_matrace.algo.networks import Policy
from seed_matrace.specs import EnvSpec
from seed_matrace.types import PolicyOutput

Tensor = Any

_ALIGNMENT = 64  # bytes; TensorFlow's kernels abort the process on less


class CompiledPolicy:
    """Chooses actions with the weights that a policy has at the time of the call.

    Everything is traced here and batch sizes may differ from call to call, so that calls never trace, whichever
    thread they come from, and may overlap with training of the same weights.
    """

    def __init__(
        self,
        policy: Policy,
        spec: EnvSpec,
        *,
        with_last_action: bool = False,
        device: str = "",
        jit_compile: bool = False,
    ) -> None:
        """Compiles.

        Args:
          policy: its weights are not copied.
          spec: sizes of the environment.
          with_last_action: whether the policy sees what each agent did before.
          device: runs there; "": where TensorFlow likes.
          jit_compile: by XLA, as TPUs need; then once more for every new batch size.
        """
        self._with_last_action = with_last_action
        self._device = device
        obs = tf.TensorSpec([None, spec.n_agents, spec.obs_dim], tf.float32)
        avail_actions = tf.TensorSpec([None, spec.n_agents, spec.n_actions], tf.uint8)
        seed = tf.TensorSpec([2], tf.int64)
        last_action = [tf.TensorSpec([None, spec.n_agents], tf.int32)] if with_last_action else []

        def sample(obs: Tensor, avail_actions: Tensor, seed: Tensor, *last_action: Tensor) -> PolicyOutput:
            distribution = MaskedCategorical(policy(obs, *last_action), avail_actions)
            action = distribution.sample(seed)
            return PolicyOutput(action, distribution.log_prob(action))

        def greedy(obs: Tensor, avail_actions: Tensor, *last_action: Tensor) -> Tensor:
            return MaskedCategorical(policy(obs, *last_action), avail_actions).greedy()

        def compiled(function: Callable[..., Any], *signature: tf.TensorSpec) -> Any:
            traced = tf.function(function, autograph=False, jit_compile=jit_compile or None)
            return traced.get_concrete_function(*signature)

        self._sample = compiled(sample, obs, avail_actions, seed, *last_action)
        self._greedy = compiled(greedy, obs, avail_actions, *last_action)

    def sample(
        self, obs: np.ndarray, avail_actions: np.ndarray, seed: np.ndarray, last_action: np.ndarray | None = None
    ) -> PolicyOutput:
        """Draws actions from the policy.

        Args:
          obs: float32 [B, N, O].
          avail_actions: uint8 [B, N, A], 1 = may be chosen; never all 0.
          seed: int32 or int64 [2]; equal seeds and batches draw equal actions.
          last_action: int32 [B, N], -1 at the start of an episode; not looked at unless the policy sees it.

        Returns:
          PolicyOutput of tensors: action int32 [B, N], log_prob float32 [B, N].
        """
        seen = self._seen(last_action)
        with self._on_device():
            return self._sample(as_tensor(obs), as_tensor(avail_actions), tf.constant(seed, tf.int64), *seen)

    def greedy(self, obs: np.ndarray, avail_actions: np.ndarray, last_action: np.ndarray | None = None) -> Tensor:
        """The likeliest actions, int32 [B, N]; arguments as in ``sample``."""
        with self._on_device():
            return self._greedy(as_tensor(obs), as_tensor(avail_actions), *self._seen(last_action))

    def _on_device(self) -> contextlib.AbstractContextManager[Any]:
        return tf.device(self._device) if self._device else contextlib.nullcontext()

    def _seen(self, last_action: np.ndarray | None) -> list[Tensor]:
        return [tf.constant(last_action, tf.int32)] if self._with_last_action else []


def as_tensor(array: np.ndarray | Tensor) -> Tensor:
    """Hands an array to TensorFlow, without a copy if it is writable, contiguous and aligned to 64 bytes.

    A tensor without a copy shows later writes to the array: leave the array alone until the results of what was done
    with the tensor have been read.
    """
    if not isinstance(array, np.ndarray):
        return tf.convert_to_tensor(array)
    flags = array.flags
    if flags.writeable and flags.c_contiguous and array.ctypes.data % _ALIGNMENT == 0:
        return tf.experimental.dlpack.from_dlpack(array.__dlpack__())
    return tf.constant(array)
