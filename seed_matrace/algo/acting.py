"""A policy network compiled for choosing actions, one call per batch of observations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from seed_matrace.algo.calling_thread import on_calling_thread
from seed_matrace.algo.distributions import MaskedCategorical
from seed_matrace.algo.network_setup import CriticNetwork, PolicyNetwork
from seed_matrace.algo.recurrence import Past
from seed_matrace.specs import ALIGNMENT, EnvSpec
from seed_matrace.types import Memory, PolicyOutput

Tensor = Any


class CompiledPolicy:
    """Chooses actions with the weights that a policy has at the time of the call.

    Everything is traced here and batch sizes may differ from call to call, so that calls never trace, whichever
    thread they come from, and may overlap with training of the same weights.
    """

    def __init__(
        self,
        policy: PolicyNetwork,
        spec: EnvSpec,
        *,
        with_last_action: bool = False,
        critic: CriticNetwork | None = None,
        device: str = "",
        jit_compile: bool = False,
        own_thread: bool = False,
    ) -> None:
        """Compiles.

        Args:
          policy: its weights are not copied.
          spec: sizes of the environment.
          with_last_action: whether the networks see what each agent did before.
          critic: a recurrent one, whose state ``sample`` carries along.
          device: runs there; "": where TensorFlow likes.
          jit_compile: by XLA, as TPUs need; then once more for every new batch size.
          own_thread: keeps to the thread that calls, see ``on_calling_thread``.
        """
        self._device = device
        critic_dim = critic.recurrent_dim if critic else 0
        self._sampling = _Seen(with_last_action, policy.recurrent_dim + critic_dim, bool(critic and critic.sees_state))
        self._playing = _Seen(with_last_action, policy.recurrent_dim, state=False)

        def sample(obs: Tensor, avail_actions: Tensor, seed: Tensor, *seen: Tensor | None) -> PolicyOutput:
            last_action, recurrent, state = seen
            of_policy, of_critic = _pasts(recurrent, policy.recurrent_dim, critic_dim)
            logits, carried = policy.forward(obs, last_action, of_policy)
            if critic is not None:
                _, carried_by_critic = critic.forward(obs, state, last_action, of_critic)
                carried = carried_by_critic if carried is None else tf.concat([carried, carried_by_critic], axis=-1)
            distribution = MaskedCategorical(logits, avail_actions)
            action = distribution.sample(seed)
            return PolicyOutput(action, distribution.log_prob(action), carried)

        def greedy(obs: Tensor, avail_actions: Tensor, *seen: Tensor | None) -> PolicyOutput:
            last_action, recurrent, _ = seen
            of_policy, _ = _pasts(recurrent, policy.recurrent_dim, 0)
            logits, carried = policy.forward(obs, last_action, of_policy)
            distribution = MaskedCategorical(logits, avail_actions)
            action = distribution.greedy()
            return PolicyOutput(action, distribution.log_prob(action), carried)

        obs = tf.TensorSpec([None, spec.n_agents, spec.obs_dim], tf.float32)
        avail_actions = tf.TensorSpec([None, spec.n_agents, spec.n_actions], tf.uint8)
        seed = tf.TensorSpec([2], tf.int64)

        def compiled(function: Callable[..., Any], *signature: tf.TensorSpec | None) -> Any:
            traced = tf.function(function, autograph=False, jit_compile=jit_compile or None)
            concrete = traced.get_concrete_function(*signature)
            return on_calling_thread(concrete) if own_thread else concrete

        self._sample = compiled(sample, obs, avail_actions, seed, *self._sampling.specs(spec))
        self._greedy = compiled(greedy, obs, avail_actions, *self._playing.specs(spec))

    def sample(
        self,
        obs: np.ndarray,
        avail_actions: np.ndarray,
        seed: np.ndarray,
        memory: Memory | None = None,
        state: np.ndarray | None = None,
    ) -> PolicyOutput:
        """Samples actions from the policy.

        Arrays may also be tensors of the same shapes, ``seed`` then of int64.

        Args:
          obs: float32 [B, N, O].
          avail_actions: uint8 [B, N, A], 1 = may be chosen; never all 0.
          seed: int32 or int64 [2]; equal seeds and batches give equal actions.
          memory: of the steps before; not looked at unless networks do.
          state: float32 [B, S]; not looked at unless a recurrent critic does.

        Returns:
          PolicyOutput of tensors: action int32 [B, N], log_prob float32 [B, N], and the recurrent networks' state after
          the step, float32 [B, R], or None.
        """
        seen = self._sampling.chosen(memory, state)
        seed = seed if isinstance(seed, tf.Tensor) else np.asarray(seed, np.int64)
        return self._on_device(self._sample, obs, avail_actions, seed, *seen)

    def greedy(self, obs: np.ndarray, avail_actions: np.ndarray, memory: Memory | None = None) -> PolicyOutput:
        """Chooses the likeliest actions; as ``sample``, but its memory holds the state of the policy alone."""
        return self._on_device(self._greedy, obs, avail_actions, *self._playing.chosen(memory, None))

    def _on_device(self, function: Callable[..., PolicyOutput], *arrays: np.ndarray | None) -> PolicyOutput:
        inputs = [array if array is None else as_tensor(array) for array in arrays]
        if not self._device:  # TensorFlow's scopes take longer than single operations
            return function(*inputs)
        with tf.device(self._device):
            return function(*inputs)


class _Seen(NamedTuple):
    """What else a compiled function looks at: last actions, states of recurrent networks, environments' states."""

    last_action: bool
    recurrent_dim: int
    state: bool

    def specs(self, spec: EnvSpec) -> list[tf.TensorSpec | None]:
        """What to trace with; None for what is not looked at."""
        return [
            tf.TensorSpec([None, spec.n_agents], tf.int32) if self.last_action else None,
            tf.TensorSpec([None, self.recurrent_dim], tf.float32) if self.recurrent_dim else None,
            tf.TensorSpec([None, spec.state_dim], tf.float32) if self.state else None,
        ]

    def chosen(self, memory: Memory | None, state: np.ndarray | None) -> list[np.ndarray | None]:
        """What to call with."""
        last_action, recurrent = memory or (None, None)
        return [
            last_action if self.last_action else None,
            recurrent if self.recurrent_dim else None,
            state if self.state else None,
        ]


def _pasts(recurrent: Tensor | None, *dims: int) -> list[Past | None]:
    """The parts of one step's ``recurrent``, float32 [B, sum of dims]."""
    if recurrent is None:
        return [None] * len(dims)
    return [Past.of_one_step(state) for state in tf.split(recurrent, dims, axis=-1)]


def as_tensor(array: np.ndarray | Tensor) -> Tensor:
    """Hands an array to TensorFlow, as an alias of its memory where it ``can_alias``; a tensor is returned as it is.

    An alias shows later writes to the array: leave the array alone until the results of what was done
    with the tensor have been read.
    """
    if isinstance(array, tf.Tensor):
        return array
    if isinstance(array, np.ndarray) and can_alias(array):
        return tf.experimental.dlpack.from_dlpack(array.__dlpack__())
    return tf.constant(array)


def can_alias(array: np.ndarray) -> bool:
    """Whether TensorFlow can read and write the array where it is, without a copy."""
    flags = array.flags
    return flags.writeable and flags.c_contiguous and array.size > 0 and array.ctypes.data % ALIGNMENT == 0
