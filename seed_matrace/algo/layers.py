"""ReLU multilayer perceptrons, recurrent if wished.

Weights are sampled with NumPy from a generator the caller seeds, so that a seed means the same weights on every device.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from seed_matrace.algo.layer_norm import normalised_relu
from seed_matrace.algo.recurrence import Gru, Past

Tensor = Any


class Mlp(tf.Module):
    """Dense layers with ReLU between them; initialised as Keras' Dense: Glorot uniform kernels, zero biases.

    With a GRU one more dense layer feeds it, and it stands between the hidden layers and the last one.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        rng: np.random.Generator,
        *,
        copies: int | None = None,
        layer_norm: bool = False,
        dtype: str = "float32",
        gru: Gru | None = None,
        output_gain: float = 1.0,
        name: str = "mlp",
    ) -> None:
        """Creates the weights.

        Args:
          sizes: widths from input to output, at least two.
          rng: samples the kernels.
          copies: makes this many networks of different weights that are evaluated together.
          layer_norm: normalises the units of each hidden layer before its ReLU (Ba, Kiros and Hinton 2016).
          dtype: hidden layers multiply in it; weights, sums, outputs, a GRU and the last layer are float32.
          gru: makes the network recurrent; with as many copies as the network, if any.
          output_gain: what the last kernel is multiplied by.
          name: of the module.
        """
        super().__init__(name=name)
        self._dtype = dtype
        stack, row = ((), ()) if copies is None else ((copies,), (copies, 1))
        self.kernels, self.biases, self.gru = [], [], gru
        fans = list(itertools.pairwise(sizes))
        if gru is not None:
            fans[-1:] = [(sizes[-2], 3 * gru.units), (gru.units, sizes[-1])]
        for i, (fan_in, fan_out) in enumerate(fans):
            limit = np.sqrt(6.0 / (fan_in + fan_out)) * (output_gain if i == len(fans) - 1 else 1.0)
            kernel = rng.uniform(-limit, limit, (*stack, fan_in, fan_out)).astype(np.float32)
            self.kernels.append(tf.Variable(kernel, name=f"kernel_{i}"))
            self.biases.append(tf.Variable(tf.zeros((*row, fan_out)), name=f"bias_{i}"))
        self._layer_norm = layer_norm
        if layer_norm:
            hidden = list(enumerate(sizes[1:-1]))
            self.gains = [tf.Variable(tf.ones((*row, width)), name=f"gain_{i}") for i, width in hidden]
            self.offsets = [tf.Variable(tf.zeros((*row, width)), name=f"offset_{i}") for i, width in hidden]

    def __call__(self, x: Tensor, past: Past | None = None) -> tuple[Tensor, Tensor | None]:
        """The outputs and, of a recurrent network, its state after the last step.

        Args:
          x: float32 [M, inputs]; of copies [copies, M, inputs].
          past: of a recurrent network; the M rows are then those of its steps, one step after the other.

        Returns:
          float32 [M, outputs] or [copies, M, outputs], and as ``Gru`` or None.
        """
        return self.finish(self.product(x, self.kernels[0]), past)

    def product(self, x: Tensor, kernel: Tensor) -> Tensor:
        """Product of a hidden layer, [..., inputs] and [..., inputs, outputs] to float32 [..., outputs]."""
        return tf.cast(tf.matmul(tf.cast(x, self._dtype), tf.cast(kernel, self._dtype)), tf.float32)

    def finish(self, x: Tensor, past: Past | None = None) -> tuple[Tensor, Tensor | None]:
        """Goes on from the product of the inputs and the first kernel, [M, first width]."""
        last, state = len(self.kernels) - 1, None
        for i, bias in enumerate(self.biases):
            x = tf.nn.bias_add(x, bias) if bias.shape.rank == 1 else x + bias
            if self.gru is not None and i == last - 1:
                x, state = self.gru(x, past)
            elif i < last:
                x = normalised_relu(x, self.gains[i], self.offsets[i]) if self._layer_norm else tf.nn.relu(x)
            if i < last:
                multiply = self.product if i + 1 < last else tf.matmul
                x = multiply(x, self.kernels[i + 1])
        return x, state

    @property
    def recurrent_dim(self) -> int:
        """Numbers of an environment's recurrent state."""
        return self.gru.recurrent_dim if self.gru is not None else 0

    def arrays(self) -> dict[str, np.ndarray]:
        """All weights: kernel_0, bias_0, gain_0, offset_0, ... and of a GRU gru_kernel and gru_bias."""
        stacks = {"kernel": self.kernels, "bias": self.biases}
        if self._layer_norm:
            stacks |= {"gain": self.gains, "offset": self.offsets}
        arrays = {f"{name}_{i}": weight.numpy() for name, weights in stacks.items() for i, weight in enumerate(weights)}
        return arrays | ({"gru_kernel": self.gru.kernel.numpy(), "gru_bias": self.gru.bias.numpy()} if self.gru else {})

    def rescale_outputs(self, *, factor: Tensor, shift: Tensor) -> None:
        """Changes the last layer so that every output y becomes factor * y + shift."""
        self.kernels[-1].assign(factor * self.kernels[-1])
        self.biases[-1].assign(factor * self.biases[-1] + shift)


def mlp_with_memory(
    sizes: Sequence[int],
    gru_units: int,
    agents: int,
    rng: np.random.Generator,
    *,
    share: bool = True,
    layer_norm: bool = False,
    dtype: str = "float32",
    output_gain: float = 1.0,
) -> Mlp:
    """An ``Mlp`` of ``sizes`` for each of ``agents``, of the same weights if they ``share``.

    Args:
      gru_units: of a GRU after the hidden layers, with a state for each agent; 0 for none.
      output_gain: as of ``Mlp``.
    """
    gru = Gru(gru_units, rng, agents=agents, copies=not share) if gru_units else None
    copies = None if share else agents
    return Mlp(sizes, rng, copies=copies, layer_norm=layer_norm, dtype=dtype, gru=gru, output_gain=output_gain)
