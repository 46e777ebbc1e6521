"""The learner: all weights, the compiled policy that inference calls and the compiled train step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from seed_matrace.algo.acting import CompiledPolicy, as_tensor, can_alias
from seed_matrace.algo.calling_thread import on_calling_thread
from seed_matrace.algo.distributions import MaskedCategorical
from seed_matrace.algo.entropy_cost import EntropyCost, EntropySchedule, EntropyTarget
from seed_matrace.algo.recurrence import Past
from seed_matrace.algo.team_networks import Networks
from seed_matrace.learner.adam import Adam
from seed_matrace.learner.policy_lag import PolicyLag
from seed_matrace.learner.proximal_policy import ProximalPolicy
from seed_matrace.learner.schedules import LearningRate
from seed_matrace.learner.strategy import Devices
from seed_matrace.learner.train_step import TrainStep
from seed_matrace.specs import EnvSpec, unroll_spec
from seed_matrace.types import Memory, PolicyOutput, Unroll

if TYPE_CHECKING:
    from seed_matrace.config import Config

Tensor = Any


class Learner:
    """Trains a team's policy and critic with MA-Trace.

    ``policy_step`` and ``greedy_step`` may run in other threads than ``train_step``: they share its weights and see
    each variable either before or after a step. On a machine without a GPU each runs in the thread that calls it;
    elsewhere give TensorFlow two inter-op threads, or they wait for one another. The same config, spec and seed give
    the same weights.
    """

    def __init__(self, config: Config, spec: EnvSpec, seed: int, devices: Devices | None = None) -> None:
        """Creates the weights and traces everything for the configured unroll length.

        Args:
          config: network, loss and optimizer settings.
          spec: sizes of the environment.
          seed: of the initial weights.
          devices: which train and which act; one unless given.
        """
        self._config, self._spec = config, spec
        self._devices = devices or Devices()
        with self._devices.scope():
            self._team = Networks(spec, config, seed)
            self.policy, self.critic = self._team.policy, self._team.critic
            self.learner_steps = tf.Variable(0, dtype=tf.int64, name="learner_steps")
            self.env_steps = tf.Variable(0, dtype=tf.int64, name="env_steps")  # set by whoever goes on with a run
            self.entropy_cost = _entropy_cost(config, self.env_steps)
            self.proximal_policy: ProximalPolicy | None = None
            if config.learner.proximal_age:
                average = Networks(spec, config, seed)
                self.proximal_policy = ProximalPolicy(self._team, average, config.learner.proximal_age)
            rate = _learning_rate(config, self.env_steps)
            self.optimizer = Adam(rate, epsilon=config.optimizer.epsilon, name="adam")
            self.optimizer.build([*self._team.trained, *self.entropy_cost.trainable_variables])

        self._own_thread = not self._devices.strategy and not tf.config.list_logical_devices("GPU")
        acting = self._team
        if self._devices.acting or config.learner.policy_lag:
            with tf.device(self._devices.acting or None):
                acting = Networks(spec, config, seed)
        self._newest = self._acting = self._compiled(acting)
        self.policy_lag: PolicyLag | None = None
        self._copies: list[tuple[tf.Variable, tf.Variable]] = []  # each with the variable that it follows
        if config.learner.policy_lag:
            self._newest = self._compiled(self._team)
            self.policy_lag = PolicyLag(self._team.variables, acting.variables, config.learner.policy_lag)
        elif acting is not self._team:
            self._copies = list(zip(acting.variables, self._team.variables, strict=True))
        self._train = TrainStep(
            config, self._team, self.entropy_cost, self.optimizer, self.learner_steps, self._devices,
            self.proximal_policy, self._move_lag,
        )  # fmt: skip
        self._train_functions: dict[tuple[int, int], Any] = {}
        self._train_function(config.learner.unroll_length + 1, config.learner.batch_size // self._devices.host.count)

    def policy_step(
        self,
        obs: np.ndarray,
        avail_actions: np.ndarray,
        seed: np.ndarray,
        memory: Memory | None = None,
        state: np.ndarray | None = None,
    ) -> PolicyOutput:
        """Samples actions from the policy that acts, the newest unless ``learner.policy_lag`` holds it back.

        Arguments and result as of ``CompiledPolicy.sample``.
        """
        return self._acting.sample(obs, avail_actions, seed, memory, state)

    def alias(self, array: np.ndarray) -> Any:
        """An alias, for ``policy_step``, of an array that is written anew before each call; it takes that sooner.

        A tensor without a copy where policy steps read memory where it is, elsewhere the array itself: what a device
        keeps of a tensor would not show later writes.
        """
        return as_tensor(array) if self._own_thread and can_alias(array) else array

    def greedy_step(self, obs: np.ndarray, avail_actions: np.ndarray, memory: Memory | None = None) -> PolicyOutput:
        """The newest policy's likeliest actions; see ``CompiledPolicy.greedy``."""
        return self._newest.greedy(obs, avail_actions, memory)

    def judge(
        self, obs: np.ndarray, avail_actions: np.ndarray, state: np.ndarray, last_action: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """What the newest networks make of one whole episode of T steps.

        Args:
          obs: float32 [T, N, O].
          avail_actions: uint8 [T, N, A].
          state: float32 [T, S].
          last_action: int32 [T, N], -1 at the first step.

        Returns:
          Probabilities float32 [T, N, A]; values float32 [T, 1], or [T, N] of a critic of single agents.
        """
        steps = len(obs)
        obs, avail_actions, state, last_action = (
            tf.constant(array[:, None]) for array in (obs, avail_actions, state, last_action)
        )
        episode_starts = tf.range(steps)[:, None] == 0
        of_policy, of_critic = (
            Past(tf.zeros([1, network.recurrent_dim]), episode_starts) for network in (self.policy, self.critic)
        )
        logits = self.policy(obs, last_action, of_policy)
        values = self.critic(obs, state, last_action, of_critic)
        probabilities = MaskedCategorical(logits, avail_actions).probabilities()
        return probabilities.numpy()[:, 0], tf.reshape(values, [steps, -1]).numpy()

    def train_step(self, batch: Unroll) -> dict[str, float]:
        """Does the learner steps of one batch.

        Args:
          batch: arrays or tensors [T+1, B, ...], with several hosts this one's columns of the batch. Arrays aligned
            to 64 bytes are read in place; none is kept. Sizes other than the configured ones are traced when they are
            first seen.

        Returns:
          As of ``TrainStep``; all that was done is finite unless training has gone wrong.
        """
        values = self._train_function(*batch.reward.shape)(*map(as_tensor, batch)).numpy().tolist()
        return self._train.by_tag(values)

    def publish(self) -> None:
        """Hands weights that were set from outside to a device that acts with a copy; ``train_step`` does so itself."""
        for copy, variable in self._copies:
            copy.assign(variable)

    @property
    def trackables(self) -> dict[str, Any]:
        """Everything that training changes, by name, for ``tf.train.Checkpoint(**learner.trackables)``."""
        trackables = {
            "policy": self.policy,
            "critic": self.critic,
            "entropy_cost": self.entropy_cost,
            "optimizer": self.optimizer,
            "learner_steps": self.learner_steps,
        }
        others = {"policy_lag": self.policy_lag, "proximal_policy": self.proximal_policy}
        return trackables | {name: part for name, part in others.items() if part}

    @property
    def variables(self) -> list[tf.Variable]:
        """The variables of ``trackables``."""
        modules: list[tf.Module] = [
            self.policy,
            self.critic,
            self.entropy_cost,
            *(part for part in (self.policy_lag, self.proximal_policy) if part),
        ]
        of_modules = [variable for module in modules for variable in module.variables]
        return [*of_modules, *(variable.value for variable in self.optimizer.variables), self.learner_steps]

    def _compiled(self, team: Networks) -> CompiledPolicy:
        network = self._config.network
        return CompiledPolicy(
            team.policy,
            self._spec,
            with_last_action=network.unroll_fields.with_last_action,
            critic=team.critic if network.critic_gru_units else None,
            device=self._devices.acting,
            jit_compile=self._devices.compiled,
            own_thread=self._own_thread,
        )

    def _train_function(self, steps: int, columns: int) -> Any:
        """The train step compiled for unrolls of these sizes; known ones leave it no arithmetic of shapes to do."""
        if (steps, columns) not in self._train_functions:
            fields = unroll_spec(self._spec, steps - 1, columns=columns, fields=self._config.network.unroll_fields)
            signature = [tf.TensorSpec(field.shape, field.dtype) for field in fields]
            train = tf.function(self._train_and_publish, autograph=False).get_concrete_function(*signature)
            if self._own_thread:
                train = on_calling_thread(train, branches=self._config.learner.updates_per_batch > 1)
            self._train_functions[steps, columns] = train
        return self._train_functions[steps, columns]

    def _train_and_publish(self, *fields: Tensor) -> Tensor:
        metrics = self._train(*fields)
        self.env_steps.assign_add(self._config.learner.env_steps_per_batch)
        self.publish()
        return metrics

    def _move_lag(self) -> None:
        if self.policy_lag:
            self.policy_lag.advance()


def _entropy_cost(config: Config, env_steps: tf.Variable) -> EntropyCost | EntropySchedule | EntropyTarget:
    loss, learner = config.loss, config.learner
    if loss.entropy_schedule == "env_steps":
        return EntropySchedule(loss, env_steps)
    if loss.entropy_schedule == "target":
        return EntropyTarget(loss, learner.env_steps_per_batch / learner.updates_per_batch)
    return EntropyCost(loss.entropy_cost, loss.entropy_cost_speed)


def _learning_rate(config: Config, env_steps: tf.Variable) -> float | LearningRate:
    changes = config.optimizer.warmup_steps or config.optimizer.decay_env_steps
    return LearningRate(config, env_steps) if changes else config.optimizer.learning_rate
