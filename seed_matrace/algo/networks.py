"""The policy, shared by all agents, and the central critic: ReLU multilayer perceptrons.

Weights are drawn with NumPy from a generator the caller seeds, so that a seed means the same weights on every device.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from seed_matrace.specs import EnvSpec

Tensor = Any


class Mlp(tf.Module):
    """Dense layers with ReLU between them; initialised as Keras' Dense: Glorot uniform kernels, zero biases."""

    def __init__(self, sizes: Sequence[int], rng: np.random.Generator, name: str = "mlp") -> None:
        """Args: sizes: widths from input to output, at least two; rng: draws the kernels."""
        super().__init__(name=name)
        self.kernels, self.biases = [], []
        for i, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes)):
            limit = np.sqrt(6.0 / (fan_in + fan_out))
            kernel = rng.uniform(-limit, limit, (fan_in, fan_out)).astype(np.float32)
            self.kernels.append(tf.Variable(kernel, name=f"kernel_{i}"))
            self.biases.append(tf.Variable(tf.zeros(fan_out), name=f"bias_{i}"))

    def __call__(self, x: Tensor) -> Tensor:
        """float32 [M, inputs] to float32 [M, outputs]."""
        last = len(self.kernels) - 1
        for i, (kernel, bias) in enumerate(zip(self.kernels, self.biases, strict=True)):
            x = tf.nn.bias_add(tf.matmul(x, kernel), bias)
            if i < last:
                x = tf.nn.relu(x)
        return x


class Policy(tf.Module):
    """Maps each agent's observation to the logits of its actions, with the same weights for every agent."""

    def __init__(self, spec: EnvSpec, layers: Sequence[int], rng: np.random.Generator) -> None:
        """Args: layers: widths of the hidden layers; rng: draws the initial weights."""
        super().__init__(name="policy")
        self._spec = spec
        self._mlp = Mlp([spec.obs_dim, *layers, spec.n_actions], rng)

    def __call__(self, obs: Tensor) -> Tensor:
        """float32 [..., N, O] to logits float32 [..., N, A]."""
        logits = self._mlp(tf.reshape(obs, [-1, self._spec.obs_dim]))  # one large matmul; a view, not a copy
        return tf.reshape(logits, tf.concat([tf.shape(obs)[:-1], [self._spec.n_actions]], axis=0))


class Critic(tf.Module):
    """One value per environment, from what all agents see or from the state, or one per agent from what it sees."""

    def __init__(self, spec: EnvSpec, critic_input: str, layers: Sequence[int], rng: np.random.Generator) -> None:
        """Creates the critic.

        Args:
          spec: sizes of the environment.
          critic_input: "joint_obs", all agents' observations one after the other (MA-Trace (obs)); "state" (MA-Trace
            (state)); or "own_obs", each agent's own, with the same weights for every agent (DecMA-Trace).
          layers: widths of the hidden layers.
          rng: draws the initial weights.

        Raises:
          ValueError: an unknown critic_input.
        """
        super().__init__(name="critic")
        input_dims = {"joint_obs": spec.n_agents * spec.obs_dim, "state": spec.state_dim, "own_obs": spec.obs_dim}
        if critic_input not in input_dims:
            raise ValueError(f"critic_input must be one of {', '.join(input_dims)}, not {critic_input!r}")
        self._critic_input, self._input_dim = critic_input, input_dims[critic_input]
        self._mlp = Mlp([self._input_dim, *layers, 1], rng)

    def __call__(self, obs: Tensor, state: Tensor) -> Tensor:
        """Values of environments, or of agents.

        Args:
          obs: float32 [..., N, O].
          state: float32 [..., S]; S may be 0 where it is not the critic's input.

        Returns:
          float32 [...]; for "own_obs" [..., N].
        """
        x = state if self._critic_input == "state" else obs
        values = self._mlp(tf.reshape(x, [-1, self._input_dim]))
        if self._critic_input == "own_obs":
            return tf.reshape(values, tf.shape(obs)[:-1])
        return tf.reshape(values, tf.shape(state)[:-1])
