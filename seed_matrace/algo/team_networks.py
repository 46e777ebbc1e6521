"""The two networks of a team, made by what is registered under the configured names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from seed_matrace.algo.agent_inputs import AgentInputs
from seed_matrace.algo.built_in import maker
from seed_matrace.algo.network_setup import CriticNetwork, NetworkSetup, PolicyNetwork
from seed_matrace.algo.recurrence import Past
from seed_matrace.specs import EnvSpec
from seed_matrace.types import Unroll

if TYPE_CHECKING:
    from seed_matrace.config import Config

Tensor = Any


class Networks(tf.Module):
    """Policy and critic of one team, and what they share."""

    def __init__(self, spec: EnvSpec, config: Config, seed: int) -> None:
        """Creates both; the same arguments give the same weights."""
        super().__init__(name="networks")
        policy_rng, critic_rng = map(np.random.default_rng, np.random.SeedSequence(seed).spawn(2))
        network = config.network
        self.inputs = AgentInputs(
            spec, normalise=network.normalise_obs, agent_id=network.agent_id, last_action=network.last_action
        )
        self.n_agents = spec.n_agents
        setups = [
            NetworkSetup(spec, self.inputs, network, config.options_of(kind), rng)
            for kind, rng in (("policy", policy_rng), ("critic", critic_rng))
        ]
        self.policy: PolicyNetwork = maker(config.entry("policy"))(setups[0])
        self.critic: CriticNetwork = maker(config.entry("critic"))(setups[1])

    @property
    def trained(self) -> list[tf.Variable]:
        """The variables that have a gradient: the policy's, then the critic's."""
        return [*self.policy.trainable_variables, *self.critic.trainable_variables]

    def __call__(self, unroll: Unroll) -> tuple[Tensor, Tensor]:
        """Logits at the steps 0 .. T-1 and values at all T+1 steps of a batch of unrolls."""
        past = Past(unroll.recurrent[0][:, self.policy.recurrent_dim :], _episode_starts(unroll))
        return self.logits(unroll), self.critic(unroll.obs, unroll.state, unroll.last_action, past)

    def logits(self, unroll: Unroll) -> Tensor:
        """Logits at the steps 0 .. T-1 of a batch of unrolls, float32 [T, B, N, A]."""
        past = Past(unroll.recurrent[0][:, : self.policy.recurrent_dim], _episode_starts(unroll)[:-1])
        return self.policy(unroll.obs[:-1], unroll.last_action[:-1], past)

    def observe(self, obs: Tensor, state: Tensor, value_targets: Tensor) -> None:
        """Takes a training batch into all running moments; call it after the optimizer's step."""
        self.inputs.observe(obs)
        self.critic.observe(state, value_targets)


def _episode_starts(unroll: Unroll) -> Tensor:
    return tf.logical_or(unroll.terminated, unroll.truncated)
