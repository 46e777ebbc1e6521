"""A policy that sees rows of units, not one long vector.

Every enemy's row goes through the same small layer, every ally's through another; their sums are what a multilayer
perceptron sees (Deep Sets, Zaheer et al. 2017, arXiv 1703.06114), and an action that is aimed at a unit is judged by
that unit's own row too (as in the hyper policy networks of Hao et al. 2023, arXiv 2203.05285). So what was learnt of
one enemy holds for all, however they are numbered in a battle.

N: agents, A: actions, D: embedding_dim, M: rows of a batch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from seed_matrace import registered
from seed_matrace.algo.layers import mlp_with_memory
from seed_matrace.algo.network_setup import NetworkSetup, PolicyNetwork
from seed_matrace.algo.networks import agents_last, rows_of, sizes_but
from seed_matrace.algo.recurrence import Past
from seed_matrace.unit_columns import Rows, UnitColumns, ally_slots, check_covered

Tensor = Any


class UnitEncoder(tf.Module):
    """One dense layer and a ReLU, the same for every unit of a kind."""

    def __init__(
        self, blocks: tuple[Rows, ...], width: int, rng: np.random.Generator, dtype: str, copies: int | None = None
    ) -> None:
        """Args: blocks: where the rows stand; width: D; dtype, copies: as of ``Mlp``."""
        super().__init__(name="unit_encoder")
        stack, row = ((), ()) if copies is None else ((copies,), (copies, 1))
        self._blocks, self._dtype, self._shape = blocks, dtype, [*stack, -1, blocks[0].units, width]
        columns = sum(rows.width for rows in blocks)
        limit = np.sqrt(6.0 / (columns + width))
        kernel = rng.uniform(-limit, limit, (*stack, columns, width)).astype(np.float32)
        self.kernel = tf.Variable(kernel, name="kernel")
        self.bias = tf.Variable(tf.zeros((*row, width)), name="bias")

    def __call__(self, x: Tensor) -> Tensor:
        """float32 [M, columns] to [M, units, D]; of copies [copies, M, columns] and [copies, M, units, D]."""
        rows, kernel = tf.cast(_rows(x, self._blocks), self._dtype), tf.cast(self.kernel, self._dtype)
        products, bias = tf.cast(tf.matmul(rows, kernel), tf.float32), self.bias
        # TensorFlow makes one operation of a product, bias_add and a ReLU.
        hidden = tf.nn.bias_add(products, bias) if bias.shape.rank == 1 else products + bias
        return tf.reshape(tf.nn.relu(hidden), self._shape)


class UnitView(tf.Module):
    """What a network of one agent sees: what is of no other unit, then the sum over each kind's embeddings.

    Without units in the environment that is all there is, as it is.
    """

    def __init__(self, setup: NetworkSetup) -> None:
        super().__init__(name="unit_view")
        units, width, dtype = setup.spec.units, setup.network.embedding_dim, setup.network.dtype
        if units:
            check_covered(units, setup.spec.obs_dim)
        copies = None if setup.network.share_policy else setup.spec.n_agents
        kinds = [units.enemies, units.allies] if units else []
        self.encoders = [UnitEncoder(rows, width, setup.rng, dtype, copies) for rows in kinds if rows[0].units]
        # Behind the observation stand the agent's number and its last action, if they are seen.
        self._own, self._end = (units.own, setup.spec.obs_dim) if units else ((), 0)
        own = sum(rows.width for rows in self._own)
        self.dim = own + setup.inputs.dim - self._end + width * len(self.encoders)

    def embed(self, x: Tensor) -> list[Tensor]:
        """float32 [M, columns] to each kind's embeddings, [M, units, D]; of copies as of ``UnitEncoder``."""
        return [encoder(x) for encoder in self.encoders]

    def __call__(self, x: Tensor, embeddings: list[Tensor]) -> Tensor:
        """float32 [M, columns] and its embeddings to [M, dim]."""
        own = [_rows(x, self._own)] if self._own else []
        # Over the root of their number: what the sum is like then depends less on how many there are.
        sums = [tf.reduce_sum(units, axis=-2) / np.sqrt(units.shape[-2]) for units in embeddings]
        return tf.concat([*own, x[..., self._end :], *sums], axis=-1)

    def arrays(self) -> dict[str, np.ndarray]:
        """unit_kernel_0 and unit_bias_0 of the first kind, and so on."""
        kinds = enumerate(self.encoders)
        return {f"unit_{name}_{i}": getattr(kind, name).numpy() for i, kind in kinds for name in ("kernel", "bias")}


class UnitPolicy(PolicyNetwork):
    """A multilayer perceptron whose logits of actions at units also have <query, the unit's embedding> / sqrt(D)."""

    def __init__(self, setup: NetworkSetup) -> None:
        super().__init__(name="policy")
        network, spec, units = setup.network, setup.spec, setup.spec.units
        self._spec, self._inputs, self._width = spec, setup.inputs, network.embedding_dim
        self._view = UnitView(setup)
        self._slots = ally_slots(units, spec.n_agents) if units and units.healers and spec.n_agents > 1 else None
        self._queries = 0 if units is None else 1 if self._slots is None else 2
        self._share = network.share_policy
        self._mlp = mlp_with_memory(
            [self._view.dim, *network.policy_layers, spec.n_actions + self._width * self._queries],
            network.policy_gru_units,
            spec.n_agents,
            setup.rng,
            share=self._share,
            layer_norm=network.layer_norm,
            dtype=network.dtype,
            output_gain=network.policy_output_gain,
        )
        self.recurrent_dim = self._mlp.recurrent_dim

    def arrays(self) -> dict[str, np.ndarray]:
        """All that ``forward`` computes with, by name."""
        return self._mlp.arrays() | self._view.arrays() | self._inputs.arrays()

    def forward(
        self, obs: Tensor, last_action: Tensor | None = None, past: Past | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """As of ``PolicyNetwork``."""
        x = rows_of(self._inputs(obs, last_action), self._spec.n_agents, share=self._share)
        embeddings = self._view.embed(x)
        outputs, state = self._mlp(self._view(x, embeddings), past)
        if not self._share:
            outputs, *embeddings = (agents_last(array) for array in (outputs, *embeddings))
        actions = self._spec.n_actions
        # The gradient of a split is one concatenation, that of each slice an array of the whole size.
        logits, *queries = tf.split(outputs, [actions, *[self._width] * self._queries], axis=-1)
        if units := self._spec.units:
            at_units = self._at_units(units, embeddings, queries)
            logits += tf.pad(at_units, [[0, 0], [units.first_target, 0]])
        return tf.reshape(logits, tf.concat([sizes_but(obs, 1), [actions]], axis=0)), state

    def _at_units(self, units: UnitColumns, embeddings: list[Tensor], queries: list[Tensor]) -> Tensor:
        """What speaks for each target, [M, enemies]: of a healer's action number j that is agent j, else enemy j."""
        at_enemies = _scores(embeddings[0], queries[0])
        if self._slots is None:
            return at_enemies
        agents, first, end = self._spec.n_agents, min(units.healers), max(units.healers) + 1
        embedded = tf.reshape(embeddings[1], [-1, agents, agents - 1, self._width])[:, first:end]
        of_allies = _scores(embedded, tf.reshape(queries[1], [-1, agents, self._width])[:, first:end])
        at_allies = tf.squeeze(tf.matmul(of_allies[:, :, tf.newaxis], self._slots[first:end]), axis=2)
        at_allies = tf.pad(at_allies, [[0, 0], [first, agents - end], [0, 0]])
        heals = np.isin(np.arange(agents), units.healers)[:, np.newaxis]
        at_units = tf.where(heals, at_allies, tf.reshape(at_enemies, [-1, agents, units.n_enemies]))
        return tf.reshape(at_units, [-1, units.n_enemies])


@registered.policy("units")
def unit_policy(setup: NetworkSetup) -> UnitPolicy:
    """The policy of ``network.policy = 'units'``."""
    return UnitPolicy(setup)


def _rows(x: Tensor, blocks: tuple[Rows, ...]) -> Tensor:
    """float32 [..., M, columns] to [..., M * units, width], the rows of all units of a kind."""
    copies = x.shape[:-2]
    parts = [tf.reshape(x[..., start : start + width * units], [*copies, -1, width]) for start, width, units in blocks]
    return parts[0] if len(parts) == 1 else tf.concat(parts, axis=-1)


def _scores(embeddings: Tensor, query: Tensor) -> Tensor:
    """[..., units, D] and [..., D] to [..., units]."""
    return tf.reduce_sum(embeddings * query[..., tf.newaxis, :], axis=-1) / np.sqrt(query.shape[-1])
