"""What a network of one agent sees of an observation."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from seed_matrace.algo.normalisation import RunningMoments
from seed_matrace.specs import EnvSpec

Tensor = Any


class AgentInputs(tf.Module):
    """What a network of one agent sees: its observation and, if wished, who it is and what it did last."""

    def __init__(
        self, spec: EnvSpec, *, normalise: bool = False, agent_id: bool = False, last_action: bool = False
    ) -> None:
        """Chooses what is seen.

        Args:
          spec: sizes of the environment.
          normalise: observations by running moments over all agents.
          agent_id: adds the agent's number, one-hot.
          last_action: adds the agent's previous action, one-hot, all 0 at an episode start.
        """
        super().__init__(name="agent_inputs")
        self._moments = RunningMoments((spec.obs_dim,), "obs") if normalise else None
        self._agent_id = np.eye(spec.n_agents, dtype=np.float32) if agent_id else None
        self._seen_actions = spec.n_actions if last_action else 0
        self.dim = spec.obs_dim + (spec.n_agents if agent_id else 0) + self._seen_actions

    def normalise(self, obs: Tensor) -> Tensor:
        """float32 [..., N, O] to the same."""
        return obs if self._moments is None else self._moments.normalise(obs)

    def __call__(self, obs: Tensor, last_action: Tensor | None = None) -> Tensor:
        """float32 [..., N, O] and, if it is seen, int32 [..., N] to [..., N, dim]."""
        parts = [self.normalise(obs)]
        if self._agent_id is not None:
            leading = tf.shape(obs)[:-2]
            parts.append(tf.broadcast_to(self._agent_id, tf.concat([leading, self._agent_id.shape], axis=0)))
        if self._seen_actions:
            last = tf.expand_dims(last_action, -1)  # -1 has no 1; not tf.one_hot, which is another in ONNX
            parts.append(tf.cast(tf.equal(last, np.arange(self._seen_actions, dtype=np.int32)), tf.float32))
        return parts[0] if len(parts) == 1 else tf.concat(parts, axis=-1)

    def arrays(self) -> dict[str, np.ndarray]:
        """obs_mean and obs_std, if observations are normalised."""
        moments = self._moments
        return {"obs_mean": moments.mean.numpy(), "obs_std": moments.std.numpy()} if moments else {}

    def observe(self, obs: Tensor) -> None:
        """Takes a training batch of observations into the moments."""
        if self._moments is not None:
            self._moments.update(obs)
