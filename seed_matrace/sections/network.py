"""Policy and critic: ``network.*``."""

from __future__ import annotations

from dataclasses import dataclass

from seed_matrace.fields import option as _option
from seed_matrace.sections.checked import Checked
from seed_matrace.types import UnrollFields


@dataclass(frozen=True)
class NetworkConfig(Checked):
    policy: str = _option("mlp", "which policy, by the name that it is registered by")
    critic: str = _option("mlp", "which critic, likewise")
    policy_layers: tuple[int, ...] = _option((64, 64), "hidden layers of the policy", low=1, high=1 << 16)
    policy_output_gain: float = _option(
        1.0, "what the initial weights of the policy's last layer are multiplied by", above=0.0
    )
    critic_layers: tuple[int, ...] = _option((64, 64), "hidden layers of the critic", low=1, high=1 << 16)
    critic_input: str = _option(
        "joint_obs",
        "what the critic sees; own_obs and joint_obs_and_actions: one value per agent",
        choices=("joint_obs", "state", "own_obs", "joint_obs_and_actions"),
    )
    embedding_dim: int = _option(32, "'units': numbers that the row of a unit is turned into", low=1, high=1 << 16)
    policy_gru_units: int = _option(0, "units of a GRU after the policy's hidden layers; 0: none", low=0, high=1 << 16)
    critic_gru_units: int = _option(0, "units of a GRU after the critic's hidden layers; 0: none", low=0, high=1 << 16)
    share_policy: bool = _option(True, "one policy network for all agents, or one for each")
    agent_id: bool = _option(False, "networks of one agent also see its number, one-hot")
    last_action: bool = _option(False, "networks of one agent also see its previous action, one-hot")
    layer_norm: bool = _option(False, "normalises the units of each hidden layer before its ReLU")
    dtype: str = _option("float32", "what hidden layers multiply in", choices=("float32", "bfloat16"))
    normalise_obs: bool = _option(False, "normalises what networks see by its running mean and standard deviation")
    normalise_values: bool = _option(False, "the critic predicts in units of the value targets' standard deviation")

    @property
    def one_value_per_agent(self) -> bool:
        """Whether critics are decentralised."""
        return self.critic_input in ("own_obs", "joint_obs_and_actions")

    @property
    def unroll_fields(self) -> UnrollFields:
        """Which optional fields of an unroll training needs."""
        return UnrollFields(
            with_state=self.critic_input == "state",
            with_last_action=self.last_action or self.critic_input == "joint_obs_and_actions",
            units_per_agent=self.policy_gru_units + self.critic_gru_units * self.one_value_per_agent,
            units_per_env=self.critic_gru_units * (not self.one_value_per_agent),
        )
