"""Policy and critic, and what they see of an observation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from seed_matrace.algo.layers import Mlp
from seed_matrace.algo.normalisation import RunningMoments
from seed_matrace.specs import EnvSpec

if TYPE_CHECKING:
    from seed_matrace.config import NetworkConfig

Tensor = Any


class AgentInputs(tf.Module):
    """What a network of one agent sees: its observation, normalised if wished, and who it is, if wished."""

    def __init__(self, spec: EnvSpec, *, normalise: bool = False, agent_id: bool = False) -> None:
        """Args: normalise: by running moments over all agents; agent_id: adds the agent's number, one-hot."""
        super().__init__(name="agent_inputs")
        self._moments = RunningMoments((spec.obs_dim,), "obs") if normalise else None
        self._agent_id = tf.eye(spec.n_agents) if agent_id else None
        self.dim = spec.obs_dim + (spec.n_agents if agent_id else 0)

    def normalise(self, obs: Tensor) -> Tensor:
        """float32 [..., N, O] to the same."""
        return obs if self._moments is None else self._moments.normalise(obs)

    def __call__(self, obs: Tensor) -> Tensor:
        """float32 [..., N, O] to [..., N, dim]."""
        x = self.normalise(obs)
        if self._agent_id is None:
            return x
        numbers = tf.broadcast_to(self._agent_id, tf.concat([tf.shape(x)[:-2], self._agent_id.shape], axis=0))
        return tf.concat([x, numbers], axis=-1)

    def observe(self, obs: Tensor) -> None:
        """Takes a training batch of observations into the moments."""
        if self._moments is not None:
            self._moments.update(obs)


class Policy(tf.Module):
    """Maps each agent's observation to the logits of its actions."""

    def __init__(
        self,
        spec: EnvSpec,
        layers: Sequence[int],
        rng: np.random.Generator,
        *,
        inputs: AgentInputs | None = None,
        share: bool = True,
        layer_norm: bool = False,
    ) -> None:
        """Creates the policy.

        Args:
          spec: sizes of the environment.
          layers: widths of the hidden layers.
          rng: draws the initial weights.
          inputs: what the network sees of an observation; all of it, as it is, unless given.
          share: the same weights for every agent, or each agent its own.
          layer_norm: as of ``Mlp``.
        """
        super().__init__(name="policy")
        self._spec, self._share = spec, share
        self._inputs = inputs or AgentInputs(spec)
        sizes = [self._inputs.dim, *layers, spec.n_actions]
        self._mlp = Mlp(sizes, rng, copies=None if share else spec.n_agents, layer_norm=layer_norm)

    def __call__(self, obs: Tensor) -> Tensor:
        """float32 [..., N, O] to logits float32 [..., N, A]."""
        x = self._inputs(obs)
        if self._share:
            logits = self._mlp(tf.reshape(x, [-1, self._inputs.dim]))  # one large matmul; a view, not a copy
        else:
            by_agent = tf.transpose(tf.reshape(x, [-1, self._spec.n_agents, self._inputs.dim]), [1, 0, 2])
            logits = tf.transpose(self._mlp(by_agent), [1, 0, 2])
        return tf.reshape(logits, tf.concat([tf.shape(obs)[:-1], [self._spec.n_actions]], axis=0))


class Critic(tf.Module):
    """One value per environment, from what all agents see or from the state, or one per agent from what it sees."""

    def __init__(
        self,
        spec: EnvSpec,
        critic_input: str,
        layers: Sequence[int],
        rng: np.random.Generator,
        *,
        inputs: AgentInputs | None = None,
        layer_norm: bool = False,
        normalise_state: bool = False,
        normalise_values: bool = False,
    ) -> None:
        """Creates the critic.

        Args:
          spec: sizes of the environment.
          critic_input: "joint_obs", all agents' observations one after the other (MA-Trace (obs)); "state" (MA-Trace
            (state)); or "own_obs", each agent's own, with the same weights for every agent (DecMA-Trace).
          layers: widths of the hidden layers.
          rng: draws the initial weights.
          inputs: what networks see of an observation; all of it, as it is, unless given.
          layer_norm: as of ``Mlp``.
          normalise_state: by running moments.
          normalise_values: predict values less their mean over their standard deviation (van Hasselt et al. 2016,
            Pop-Art: a change of either changes no prediction).

        Raises:
          ValueError: an unknown critic_input.
        """
        super().__init__(name="critic")
        self._inputs = inputs or AgentInputs(spec)
        input_dims = {
            "joint_obs": spec.n_agents * spec.obs_dim,
            "state": spec.state_dim,
            "own_obs": self._inputs.dim,
        }
        if critic_input not in input_dims:
            raise ValueError(f"critic_input must be one of {', '.join(input_dims)}, not {critic_input!r}")
        self._critic_input, self._input_dim = critic_input, input_dims[critic_input]
        self._mlp = Mlp([self._input_dim, *layers, 1], rng, layer_norm=layer_norm)
        self._state_moments = RunningMoments((spec.state_dim,), "state") if normalise_state else None
        self._value_moments = RunningMoments((), "value") if normalise_values else None

    def __call__(self, obs: Tensor, state: Tensor) -> Tensor:
        """Values of environments, or of agents.

        Args:
          obs: float32 [..., N, O].
          state: float32 [..., S]; S may be 0 where it is not the critic's input.

        Returns:
          float32 [...]; for "own_obs" [..., N].
        """
        values = self._mlp(tf.reshape(self._seen(obs, state), [-1, self._input_dim]))
        values = tf.reshape(values, tf.shape(obs)[:-1] if self._critic_input == "own_obs" else tf.shape(state)[:-1])
        if self._value_moments is None:
            return values
        return self._value_moments.std * values + self._value_moments.mean

    @property
    def value_scale(self) -> Tensor | None:
        """Standard deviation that values are predicted in units of, float32 scalar; None where they are not."""
        return None if self._value_moments is None else self._value_moments.std

    def observe(self, state: Tensor, value_targets: Tensor) -> None:
        """Takes a training batch of states and value targets into the moments; no value changes by the latter."""
        if self._state_moments is not None:
            self._state_moments.update(state)
        if self._value_moments is not None:
            moments = self._value_moments
            old_mean, old_std = tf.identity(moments.mean), moments.std
            moments.update(value_targets)
            self._mlp.rescale_outputs(factor=old_std / moments.std, shift=(old_mean - moments.mean) / moments.std)

    def _seen(self, obs: Tensor, state: Tensor) -> Tensor:
        if self._critic_input == "state":
            return state if self._state_moments is None else self._state_moments.normalise(state)
        return self._inputs(obs) if self._critic_input == "own_obs" else self._inputs.normalise(obs)


class Networks(tf.Module):
    """Policy and critic of one team, and what they share."""

    def __init__(self, spec: EnvSpec, config: NetworkConfig, seed: int) -> None:
        """Creates both; the same arguments give the same weights."""
        super().__init__(name="networks")
        policy_rng, critic_rng = map(np.random.default_rng, np.random.SeedSequence(seed).spawn(2))
        self.inputs = AgentInputs(spec, normalise=config.normalise_obs, agent_id=config.agent_id)
        self.policy = Policy(
            spec,
            config.policy_layers,
            policy_rng,
            inputs=self.inputs,
            share=config.share_policy,
            layer_norm=config.layer_norm,
        )
        self.critic = Critic(
            spec,
            config.critic_input,
            config.critic_layers,
            critic_rng,
            inputs=self.inputs,
            layer_norm=config.layer_norm,
            normalise_state=config.normalise_obs and config.critic_input == "state",
            normalise_values=config.normalise_values,
        )

    def observe(self, obs: Tensor, state: Tensor, value_targets: Tensor) -> None:
        """Takes a training batch into all running moments; call it after the optimizer's step."""
        self.inputs.observe(obs)
        self.critic.observe(state, value_targets)
