"""Policy and critic of multilayer perceptrons, the program's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from seed_matrace import registered
from seed_matrace.algo.agent_inputs import AgentInputs
from seed_matrace.algo.layers import mlp_with_memory
from seed_matrace.algo.network_setup import CriticNetwork, NetworkSetup, PolicyNetwork
from seed_matrace.algo.normalisation import RunningMoments
from seed_matrace.algo.recurrence import Past
from seed_matrace.specs import EnvSpec

Tensor = Any


class Policy(PolicyNetwork):
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
        dtype: str = "float32",
        gru_units: int = 0,
        output_gain: float = 1.0,
    ) -> None:
        """Creates the policy.

        Args:
          spec: sizes of the environment.
          layers: widths of the hidden layers.
          rng: samples the initial weights.
          inputs: what the network sees of an observation; all of it, as it is, unless given.
          share: the same weights for every agent, or each agent its own.
          layer_norm: as of ``Mlp``.
          dtype: as of ``Mlp``.
          gru_units: of a GRU after the hidden layers, with a state for each agent; 0 for none.
          output_gain: as of ``Mlp``; little makes all actions alike at first.
        """
        super().__init__(name="policy")
        self._spec, self._share = spec, share
        self._inputs = inputs or AgentInputs(spec)
        sizes = [self._inputs.dim, *layers, spec.n_actions]
        self._mlp = mlp_with_memory(
            sizes, gru_units, spec.n_agents, rng,
            share=share, layer_norm=layer_norm, dtype=dtype, output_gain=output_gain,
        )  # fmt: skip
        self.recurrent_dim = self._mlp.recurrent_dim

    def arrays(self) -> dict[str, np.ndarray]:
        """All that ``forward`` computes with, by name."""
        return self._mlp.arrays() | self._inputs.arrays()

    def forward(
        self, obs: Tensor, last_action: Tensor | None = None, past: Past | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """As of ``PolicyNetwork``."""
        rows = rows_of(self._inputs(obs, last_action), self._spec.n_agents, share=self._share)
        logits, state = self._mlp(rows, past)
        if not self._share:
            logits = agents_last(logits)
        return tf.reshape(logits, tf.concat([sizes_but(obs, 1), [self._spec.n_actions]], axis=0)), state


class Critic(CriticNetwork):
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
        dtype: str = "float32",
        gru_units: int = 0,
        normalise_state: bool = False,
        normalise_values: bool = False,
    ) -> None:
        """Creates the critic.

        Args:
          spec: sizes of the environment.
          critic_input: "joint_obs", all agents' observations one after the other (MA-Trace (obs)); "state" (MA-Trace
            (state)); "own_obs", each agent's own, with the same weights for every agent (DecMA-Trace); or
            "joint_obs_and_actions", for each agent its own observation, then those of the agents after it, in a circle,
            each with that agent's previous action, and the same weights for every agent.
          layers: widths of the hidden layers.
          rng: samples the initial weights.
          inputs: what networks see of an observation; all of it, as it is, unless given.
          layer_norm: as of ``Mlp``.
          dtype: as of ``Mlp``.
          gru_units: of a GRU after the hidden layers, with a state for each value; 0 for none.
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
            "joint_obs_and_actions": spec.n_agents * (spec.obs_dim + spec.n_actions),
        }
        if critic_input not in input_dims:
            raise ValueError(f"critic_input must be one of {', '.join(input_dims)}, not {critic_input!r}")
        self._spec, self._critic_input, self._input_dim = spec, critic_input, input_dims[critic_input]
        self.sees_state = critic_input == "state"
        self._central = critic_input in ("joint_obs", "state")
        sizes, agents = [self._input_dim, *layers, 1], 1 if self._central else spec.n_agents
        self._mlp = mlp_with_memory(sizes, gru_units, agents, rng, layer_norm=layer_norm, dtype=dtype)
        self.recurrent_dim = self._mlp.recurrent_dim
        self._state_moments = RunningMoments((spec.state_dim,), "state") if normalise_state else None
        self._value_moments = RunningMoments((), "value") if normalise_values else None

    def forward(
        self, obs: Tensor, state: Tensor, last_action: Tensor | None = None, past: Past | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Values of environments, or of agents, and the state of a recurrent critic after the last step.

        Args:
          obs: float32 [..., N, O]; of a recurrent critic [T, B, N, O], or [B, N, O] for a single step.
          state: float32 [..., S] of the environments; S may be 0 where it is not the critic's input.
          last_action: int32 [..., N], -1 at an episode start; only where it is seen.
          past: of a recurrent critic.

        Returns:
          float32 [...], for "own_obs" and "joint_obs_and_actions" [..., N]; and float32 [B, recurrent_dim] or None.
        """
        if self._critic_input == "joint_obs_and_actions":
            values, recurrent = self._mlp.finish(self._circle_products(obs, last_action), past)
        else:
            x = tf.reshape(self._seen(obs, state, last_action), [-1, self._input_dim])
            values, recurrent = self._mlp(x, past)
        values = tf.reshape(values, sizes_but(obs, 2 if self._central else 1))
        if self._value_moments is not None:
            values = self._value_moments.std * values + self._value_moments.mean
        return values, recurrent

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

    def _circle_products(self, obs: Tensor, last_action: Tensor) -> Tensor:
        """Every agent's view times the first kernel, [M * N, width], without writing out the N views.

        Agent i sees agent j at position (j - i) mod N. All views are the same N blocks in another order, and so are the
        kernels' rows: their product is that of the blocks, once, with a block-circulant kernel.
        """
        agents, dim = self._spec.n_agents, self._spec.obs_dim + self._spec.n_actions
        blocks = tf.concat([self._inputs.normalise(obs), tf.one_hot(last_action, self._spec.n_actions)], axis=-1)
        others = np.ones((agents, dim, 1), np.float32)
        others[0, self._spec.obs_dim :] = 0  # not the agent's own action
        positions = (np.arange(agents)[:, np.newaxis] - np.arange(agents)) % agents  # [j, i]
        kernel = tf.reshape(self._mlp.kernels[0], [agents, dim, -1]) * others
        circulant = tf.transpose(tf.gather(kernel, positions), [0, 2, 1, 3])  # [j, dim, i, width]
        width = kernel.shape[-1]
        products = self._mlp.product(
            tf.reshape(blocks, [-1, agents * dim]), tf.reshape(circulant, [agents * dim, agents * width])
        )
        return tf.reshape(products, [-1, width])

    def _seen(self, obs: Tensor, state: Tensor, last_action: Tensor | None) -> Tensor:
        if self.sees_state:
            return state if self._state_moments is None else self._state_moments.normalise(state)
        return self._inputs(obs, last_action) if self._critic_input == "own_obs" else self._inputs.normalise(obs)


def rows_of(x: Tensor, agents: int, *, share: bool) -> Tensor:
    """What agents see, float32 [..., N, dim], for one network, [M * N, dim], or for each agent's own, [N, M, dim]."""
    if share:
        return tf.reshape(x, [-1, x.shape[-1]])  # one large matmul
    return tf.transpose(tf.reshape(x, [-1, agents, x.shape[-1]]), [1, 0, 2])


def agents_last(outputs: Tensor) -> Tensor:
    """[N, M, ...] of each agent's own network to [M * N, ...]."""
    axes = [1, 0, *range(2, outputs.shape.rank)]
    return tf.reshape(tf.transpose(outputs, axes), [-1, *outputs.shape[2:]])


def sizes_but(tensor: Tensor, left_out: int) -> list[int] | Tensor:
    """For ``tf.reshape``: all but the last ``left_out``; constants if at most one, then -1, is unknown when traced."""
    sizes = list(tensor.shape[:-left_out])
    if sizes.count(None) > 1:
        return tf.shape(tensor)[:-left_out]
    return [-1 if size is None else size for size in sizes]


@registered.policy("mlp")
def mlp_policy(setup: NetworkSetup) -> Policy:
    """The policy of ``network.policy = 'mlp'``."""
    network = setup.network
    return Policy(
        setup.spec,
        network.policy_layers,
        setup.rng,
        inputs=setup.inputs,
        share=network.share_policy,
        layer_norm=network.layer_norm,
        dtype=network.dtype,
        gru_units=network.policy_gru_units,
        output_gain=network.policy_output_gain,
    )


@registered.critic("mlp")
def mlp_critic(setup: NetworkSetup) -> Critic:
    """The critic of ``network.critic = 'mlp'``."""
    network = setup.network
    return Critic(
        setup.spec,
        network.critic_input,
        network.critic_layers,
        setup.rng,
        inputs=setup.inputs,
        layer_norm=network.layer_norm,
        dtype=network.dtype,
        gru_units=network.critic_gru_units,
        normalise_state=network.normalise_obs and network.critic_input == "state",
        normalise_values=network.normalise_values,
    )
