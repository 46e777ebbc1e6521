"""What several hosts that train together agree on: one start, one end, one configuration."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from seed_matrace.config import Config
from seed_matrace.learner.learner import Learner
from seed_matrace.learner.strategy import Devices

Tensor = Any


class Hosts:
    """All hosts of a run. Each acts and trains; host 0, the chief, alone evaluates, reports and writes checkpoints.

    What the hosts say to one another goes by the way of gradients: every host must call the same methods in the same
    order, between the same learner steps. With one host nothing is said.
    """

    def __init__(self, devices: Devices) -> None:
        self.this = devices.host
        self.count = devices.host.count
        self.chief = devices.host.chief
        self._devices = devices
        self._sum = tf.function(self._sum_over_hosts, autograph=False)

    def part_of(self, config: Config) -> Config:
        """What one host acts and trains on of ``config``, whose batch and environments are those of all hosts.

        Raises:
          ValueError: the environments cannot be divided among the hosts.
        """
        if config.run.num_envs % self.count:
            raise ValueError(f"run.num_envs = {config.run.num_envs} cannot be divided among {self.count} hosts")
        learner = dataclasses.replace(config.learner, batch_size=config.learner.batch_size // self.count)
        run = dataclasses.replace(config.run, num_envs=config.run.num_envs // self.count)
        return dataclasses.replace(config, learner=learner, run=run) if self.count > 1 else config

    def any(self, condition: bool) -> bool:
        """Whether it is true on any host."""
        if self.count == 1:
            return condition
        return bool(self._sum([tf.constant(int(condition), tf.int64)])[0] > 0)

    def check_alike(self, started_with: str) -> None:
        """Raises ValueError on every host unless all were started with the same."""
        own = zlib.crc32(started_with.encode())
        if self.any(own != self.from_chief(own)):
            raise ValueError("the hosts were not started with the same configuration; give all the same flags")

    def from_chief(self, number: int) -> int:
        """The chief's number."""
        return int(self._from_chief([tf.constant(number, tf.int64)])[0]) if self.count > 1 else number

    def copy_weights(self, learner: Learner) -> None:
        """Gives every host the chief's variables, all that training changes."""
        if self.count > 1:
            variables = learner.variables
            for variable, value in zip(variables, self._from_chief(variables), strict=True):
                variable.assign(value)

    def _from_chief(self, values: Sequence[Tensor]) -> list[Tensor]:
        return self._sum([tf.convert_to_tensor(value) if self.chief else tf.zeros_like(value) for value in values])

    def _sum_over_hosts(self, values: list[Tensor]) -> list[Tensor]:
        strategy = self._devices.strategy
        assert strategy is not None
        local = self._devices.replicas // self.count

        def add(values: list[Tensor]) -> list[Tensor]:
            context = tf.distribute.get_replica_context()
            first = context.replica_id_in_sync_group % local == 0  # one voice for each host
            own = [tf.where(first, value, tf.zeros_like(value)) for value in values]
            return [context.all_reduce(tf.distribute.ReduceOp.SUM, value) for value in own]  # one call takes one dtype

        return [strategy.experimental_local_results(total)[0] for total in strategy.run(add, args=(values,))]
