"""The policy that clipped ratios are measured from: an average of the trained one's weights over batches.

Hilton, Cobbe and Schulman 2022 (Batch size-invariance for policy optimization), section 3: how far a batch may move the
policy is one thing, which policy acted another.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from seed_matrace.algo.distributions import MaskedCategorical
from seed_matrace.algo.team_networks import Networks
from seed_matrace.types import Unroll

Tensor = Any


class ProximalPolicy(tf.Module):
    """An average whose weights fall by equal factors from batch to batch, ``age`` batches old on average."""

    def __init__(self, newest: Networks, average: Networks, age: float) -> None:
        """Args: newest: what is trained; average: networks of the same sizes, set here; age: batches, > 0."""
        super().__init__(name="proximal_policy")
        self._newest, self._networks, self._age = newest, average, age
        self.batches = tf.Variable(0.0, trainable=False, name="batches")  # that the average is over
        self.restart()

    def restart(self) -> None:
        """Begins the average anew with the newest weights."""
        self.batches.assign(0.0)
        self._move(1.0)

    def log_pi(self, batch: Unroll) -> Tensor:
        """Log-probabilities of the actions that were taken, float32 [T, B, N]; no gradient."""
        chosen = MaskedCategorical(self._networks.logits(batch), batch.avail_actions[:-1])
        return tf.stop_gradient(chosen.log_prob(batch.action[:-1]))

    def advance(self) -> None:
        """Takes the newest weights in; call it after the learner steps of a batch.

        Until there were ``age`` batches all count alike, so that what was drawn at the start is soon forgotten.
        """
        self.batches.assign_add(1.0)
        self._move(1.0 / (1.0 + tf.minimum(self.batches, self._age)))

    def _move(self, fraction: Tensor) -> None:
        pairs = zip(self._networks.policy.variables, self._newest.policy.variables, strict=True)
        for average, newest in pairs:
            if newest.dtype.is_floating:
                average.assign_add(fraction * (newest - average))
            else:
                average.assign(newest)  # a count
