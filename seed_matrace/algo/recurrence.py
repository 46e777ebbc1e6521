"""Gated recurrent units over the steps of an unroll."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

Tensor = Any


class Past(NamedTuple):
    """What a recurrent network knows of the steps before those it is given, and where to forget it.

    B environments, T steps; R is the network's ``recurrent_dim``.
    """

    state: Tensor  # float32 [B, R], entering the first step; no gradient flows into it
    episode_starts: Tensor  # bool [T, B], True at an episode start: the state is 0 before it

    @classmethod
    def of_one_step(cls, state: Tensor) -> Past:
        """Of a single step, before which ``state`` was already put to 0 at an episode start."""
        return cls(state, tf.zeros([1, tf.shape(state)[0]], tf.bool))


class Gru(tf.Module):
    """Gated recurrent units (Cho et al. 2014), the reset gate applied to the product, as in cuDNN.

        z = sigmoid(x_z + h W_z)    r = sigmoid(x_r + h W_r)    n = tanh(x_n + r * (h W_n + c))
        h' = z * h + (1 - z) * n

    x comes from the layer before, computed for all steps at once: 3 * units wide, for z, r and n.
    """

    def __init__(self, units: int, rng: np.random.Generator, *, agents: int = 1, copies: bool = False) -> None:
        """Creates the weights: an orthogonal kernel for each gate, as Keras does, and a bias of 0.

        Args:
          units: width of the state.
          rng: samples the kernels.
          agents: states per environment.
          copies: different weights for each of ``agents``, instead of the same.
        """
        super().__init__(name="gru")
        self.units, self._agents, self._copies = units, agents, copies
        stack, row = ((agents,), (agents, 1)) if copies else ((), ())
        orthogonal, _ = np.linalg.qr(rng.normal(size=(*stack, 3, units, units)))
        kernel = np.concatenate(np.moveaxis(orthogonal, -3, 0), axis=-1).astype(np.float32)
        self.kernel = tf.Variable(kernel, name="recurrent_kernel")
        self.bias = tf.Variable(tf.zeros((*row, units)), name="recurrent_bias")
        self.recurrent_dim = agents * units

    def __call__(self, x: Tensor, past: Past | None) -> tuple[Tensor, Tensor]:
        """Goes through the steps.

        Args:
          x: float32 [T * B * agents, 3 * units], or of copies [agents, T * B, 3 * units].
          past: the state entering step 0; T must be known when the graph is built.

        Returns:
          The state after every step, as ``x`` but ``units`` wide, and after the last one, float32 [B, recurrent_dim].

        Raises:
          ValueError: no past.
        """
        if past is None:
            raise ValueError("a recurrent network needs the state that enters the first step: pass its past")
        steps, units, agents = past.episode_starts.shape[0], self.units, self._agents
        state, keep = tf.stop_gradient(past.state), 1.0 - tf.cast(past.episode_starts, tf.float32)
        if self._copies:
            x = tf.transpose(tf.reshape(x, [agents, steps, -1, 3 * units]), [1, 0, 2, 3])
            state = tf.transpose(tf.reshape(state, [-1, agents, units]), [1, 0, 2])
            keep = keep[:, tf.newaxis, :, tf.newaxis]
        else:
            x, state = tf.reshape(x, [steps, -1, 3 * units]), tf.reshape(state, [-1, units])
            keep = tf.repeat(keep, agents, axis=1)[..., tf.newaxis]
        outputs = gru_states(x, state, keep, tf.identity(self.kernel), tf.identity(self.bias))
        last = outputs[-1]
        if self._copies:
            outputs, last = tf.transpose(outputs, [1, 0, 2, 3]), tf.transpose(last, [1, 0, 2])
            return tf.reshape(outputs, [agents, -1, units]), tf.reshape(last, [-1, self.recurrent_dim])
        return tf.reshape(outputs, [-1, units]), tf.reshape(last, [-1, self.recurrent_dim])


@tf.custom_gradient
def gru_states(x: Tensor, state: Tensor, keep: Tensor, kernel: Tensor, bias: Tensor) -> tuple[Tensor, Any]:
    """The states of a GRU after each of T steps.

    The gradient is written out, for it needs only two products of a step's width in its own loop over the steps; all
    else is done for all steps at once, and the gates are computed again instead of kept.

    Args:
      x: float32 [T, ..., M, 3 * units], what enters the gates from the inputs; T known when the graph is built.
      state: float32 [..., M, units], before step 0.
      keep: float32 [T, ..., M, 1], multiplies the state before each step; no gradient.
      kernel: float32 [..., units, 3 * units].
      bias: float32 [..., units].

    Returns:
      float32 [T, ..., M, units].
    """
    states, before = [], state
    for step_x, step_keep in zip(tf.unstack(x), tf.unstack(keep), strict=True):
        kept = before * step_keep
        z, _, _, n = _gates(step_x, kept, kernel, bias)
        before = n + z * (kept - n)
        states.append(before)
    outputs = tf.stack(states)

    def gradient(output_gradient: Tensor) -> tuple[Tensor | None, ...]:
        kept = tf.concat([state[tf.newaxis], outputs[:-1]], axis=0) * keep
        z, r, product, n = _gates(x, kept, kernel, bias)
        of_n = (1.0 - z) * (1.0 - n * n)
        # d h' / d (h W) for each gate
        slopes = tf.concat([(kept - n) * z * (1.0 - z), of_n * product * r * (1.0 - r), of_n * r], axis=-1)
        of_states, carried = _through_time(output_gradient, slopes, z, keep, kernel)
        of_products = _thrice(of_states) * slopes
        units = state.shape[-1]
        of_x = tf.concat([of_products[..., : 2 * units], of_states * of_n], axis=-1)
        of_kernel = tf.einsum("t...mu,t...mg->...ug", kept, of_products)
        of_bias = tf.reshape(tf.reduce_sum(of_products[..., 2 * units :], axis=[0, -2]), tf.shape(bias))
        return of_x, carried, None, of_kernel, of_bias

    return outputs, gradient


def _gates(x: Tensor, state: Tensor, kernel: Tensor, bias: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """z, r, h W_n + c and n for x [..., M, 3 * units] and a state [..., M, units]."""
    units = state.shape[-1]
    products = tf.matmul(state, kernel)
    z, r = tf.split(tf.sigmoid(x[..., : 2 * units] + products[..., : 2 * units]), 2, axis=-1)
    product = products[..., 2 * units :] + bias
    return z, r, product, tf.tanh(x[..., 2 * units :] + r * product)


def _through_time(
    output_gradient: Tensor, slopes: Tensor, z: Tensor, keep: Tensor, kernel: Tensor
) -> tuple[Tensor, Tensor]:
    """The gradients of the states after each step, [T, ..., M, units], and of the one before step 0."""
    of_states: list[Tensor] = []
    carried = tf.zeros_like(output_gradient[0])
    for own, slope, step_z, step_keep in zip(
        *(reversed(tf.unstack(steps)) for steps in (output_gradient, slopes, z, keep)), strict=True
    ):
        of_state = own + carried
        of_states.append(of_state)
        carried = step_keep * (of_state * step_z + tf.matmul(_thrice(of_state) * slope, kernel, transpose_b=True))
    return tf.stack(of_states[::-1]), carried


def _thrice(x: Tensor) -> Tensor:
    return tf.concat([x, x, x], axis=-1)
