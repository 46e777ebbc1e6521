"""A policy that attends to units: each agent looks at the rows that its observation has of the others."""

import math
from dataclasses import dataclass

import tensorflow as tf

from seed_matrace import research


@dataclass(frozen=True)
class AttentionOptions:
    width: int = research.option(32, "numbers that stand for a unit", low=1, high=1024)
    heads: int = research.option(4, "attention heads, which share the width", low=1, high=64)

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise ValueError(f"width = {self.width} is no multiple of heads = {self.heads}")


class Dense(tf.Module):
    """x W + b of the last axis."""

    def __init__(self, inputs, outputs, rng):
        super().__init__()
        limit = math.sqrt(6 / (inputs + outputs))
        self.kernel = tf.Variable(rng.uniform(-limit, limit, (inputs, outputs)).astype("float32"))
        self.bias = tf.Variable(tf.zeros(outputs))

    def __call__(self, x):
        inputs, outputs = self.kernel.shape
        flat = tf.matmul(tf.reshape(x, [-1, inputs]), self.kernel) + self.bias
        return tf.reshape(flat, tf.concat([tf.shape(x)[:-1], [outputs]], axis=0))


@research.policy("attention", options=AttentionOptions)
class AttentionPolicy(research.PolicyNetwork):
    """Each agent attends to all units; an attack is also judged by the enemy that it is aimed at."""

    def __init__(self, setup):
        super().__init__(name="attention")
        spec, units, rng, network = setup.spec, setup.spec.units, setup.rng, setup.network
        if units is None or units.healers:
            raise ValueError("the attention policy is for environments of units, none of which heals")
        self._units, self._inputs, self._heads = units, setup.inputs, setup.options.heads
        self._width, self._actions = setup.options.width, spec.n_actions
        own, allies, enemies = (sum(rows.width for rows in kind) for kind in (units.own, units.allies, units.enemies))
        self._embed = [Dense(columns, self._width, rng) for columns in (own, allies, enemies)]
        self._query, self._key, self._value = (Dense(self._width, self._width, rng) for _ in range(3))
        sizes = [own + self._width, *network.policy_layers, spec.n_actions + self._width]
        self._mlp = research.Mlp(sizes, rng, layer_norm=network.layer_norm)

    def forward(self, obs, last_action=None, past=None):
        obs, units = self._inputs.normalise(obs), self._units
        rows = [research.unit_rows(obs, kind) for kind in (units.own, units.allies, units.enemies)]
        own, allies, enemies = (tf.nn.relu(embed(x)) for embed, x in zip(self._embed, rows, strict=True))
        seen = tf.concat([tf.reduce_any(x != 0, axis=-1) for x in rows], axis=-1)  # the rows of the dead are all 0
        context = self._attend(own, tf.concat([own, allies, enemies], axis=-2), seen)
        x = tf.concat([rows[0][..., 0, :], context], axis=-1)
        outputs, _ = self._mlp(tf.reshape(x, [-1, x.shape[-1]]))
        outputs = tf.reshape(outputs, tf.concat([tf.shape(obs)[:-1], [self._actions + self._width]], axis=0))
        logits, query = tf.split(outputs, [self._actions, self._width], axis=-1)
        attacks = tf.linalg.matvec(enemies, query) / math.sqrt(self._width)
        return logits + tf.pad(attacks, [[0, 0]] * (obs.shape.rank - 1) + [[units.first_target, 0]]), None

    def _attend(self, own, everyone, seen):
        """[..., 1, W], [..., U, W] and bool [..., U] to [..., W]."""
        scores = self._split(self._query(own)) * self._split(self._key(everyone))  # [..., U, heads, W / heads]
        scores = tf.reduce_sum(scores, axis=-1) / math.sqrt(self._width / self._heads)
        weights = tf.nn.softmax(scores - 1e9 * (1 - tf.cast(seen, tf.float32))[..., None], axis=-2)
        mixed = tf.reduce_sum(weights[..., None] * self._split(self._value(everyone)), axis=-3)
        return tf.reshape(mixed, tf.concat([tf.shape(mixed)[:-2], [self._width]], axis=0))

    def _split(self, x):
        return tf.reshape(x, tf.concat([tf.shape(x)[:-1], [self._heads, self._width // self._heads]], axis=0))
