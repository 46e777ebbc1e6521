"""What a registered policy or critic is made from, and what it must be able to do.

N: agents, A: actions, O: obs_dim, S: state_dim, "...": any leading axes, such as T steps and B unroll columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from seed_matrace.algo.agent_inputs import AgentInputs
from seed_matrace.algo.recurrence import Past
from seed_matrace.specs import EnvSpec

if TYPE_CHECKING:
    from seed_matrace.sections.network import NetworkConfig

Tensor = Any


@dataclass(frozen=True)
class NetworkSetup:
    """All that a policy or critic is made from; the same setup makes the same weights.

    Attributes:
      spec: sizes of the environment; ``spec.units`` says which columns belong to which unit.
      inputs: what networks of one agent see of an observation, shared by policy and critic: normalised observations,
        the agent's number, its last action, as configured.
      network: options of all networks.
      options: those of the registered name, an instance of its dataclass; None if it has none.
      rng: samples the initial weights.
    """

    spec: EnvSpec
    inputs: AgentInputs
    network: NetworkConfig
    options: Any
    rng: np.random.Generator


class PolicyNetwork(tf.Module):
    """Maps each agent's observation to the logits of its actions; trained are its trainable variables.

    Attributes:
      recurrent_dim: width of its memory in one environment; N * ``network.policy_gru_units``.
    """

    recurrent_dim: int = 0

    def __call__(self, obs: Tensor, last_action: Tensor | None = None, past: Past | None = None) -> Tensor:
        """Logits float32 [..., N, A]; arguments as of ``forward``."""
        return self.forward(obs, last_action, past)[0]

    def forward(
        self, obs: Tensor, last_action: Tensor | None = None, past: Past | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Logits and, of a recurrent policy, its state after the last step.

        Args:
          obs: float32 [..., N, O]; of a recurrent policy [T, B, N, O], or [B, N, O] for a single step.
          last_action: int32 [..., N], -1 at an episode start; only where it is seen.
          past: of a recurrent policy.

        Returns:
          float32 [..., N, A], and float32 [B, recurrent_dim] or None.
        """
        raise NotImplementedError

    def arrays(self) -> dict[str, np.ndarray] | None:
        """All that ``forward`` computes with, as ``evaluation.numpy_policy`` knows it; None: it has no twin there."""
        return None


class CriticNetwork(tf.Module):
    """Values of environments, or with ``network.one_value_per_agent`` of agents.

    Attributes:
      recurrent_dim: width of its memory in one environment: ``network.critic_gru_units`` for each value.
      sees_state: whether a recurrent one looks at the state.
      value_scale: what value errors are measured in, float32 scalar; None: 1.
    """

    recurrent_dim: int = 0
    sees_state: bool = False

    def __call__(
        self, obs: Tensor, state: Tensor, last_action: Tensor | None = None, past: Past | None = None
    ) -> Tensor:
        """Values float32 [...], or [..., N] of agents; arguments as of ``forward``."""
        return self.forward(obs, state, last_action, past)[0]

    def forward(
        self, obs: Tensor, state: Tensor, last_action: Tensor | None = None, past: Past | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Values, and the state of a recurrent critic after the last step.

        Args:
          obs: float32 [..., N, O]; of a recurrent critic [T, B, N, O], or [B, N, O] for a single step.
          state: float32 [..., S] of the environments; S is 0 unless ``network.critic_input`` is "state".
          last_action: int32 [..., N], -1 at an episode start; only where it is seen.
          past: of a recurrent critic.

        Returns:
          float32 [...], or of agents [..., N]; and float32 [B, recurrent_dim] or None.
        """
        raise NotImplementedError

    @property
    def value_scale(self) -> Tensor | None:
        return None

    def observe(self, state: Tensor, value_targets: Tensor) -> None:
        """Takes a training batch of states and value targets into account, after the optimizer's step."""
