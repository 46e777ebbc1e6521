"""Who runs where: one learner, and actors on one host or many. Every launcher starts what this value says.

The programs are the same everywhere, ``seed-matrace learner`` and ``seed-matrace actor``; a launcher only finds
machines for them and tells the actors where their learner listens.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from seed_matrace.config import Config


@dataclass(frozen=True)
class Topology:
    """The processes of a run and what they need.

    Attributes:
      actor_hosts: the numbers (--task_id) of the actors of each host; of all together 0 to num_actors - 1.
      learner_gpus: None takes one if there is any.
      learner_port: 0 takes any that is free.
    """

    actor_hosts: tuple[range, ...]
    cpus_per_actor: float
    learner_cpus: float
    learner_gpus: int | None
    learner_port: int

    @property
    def task_ids(self) -> range:
        """Of all actors on all hosts."""
        return range(self.actor_hosts[-1].stop if self.actor_hosts else 0)

    @property
    def num_actors(self) -> int:
        return len(self.task_ids)

    @property
    def cpus_per_actor_host(self) -> float:
        """Of a host with the most actors."""
        return self.cpus_per_actor * max(map(len, self.actor_hosts), default=0)


def plan_topology(config: Config, num_actors: int | None = None, *, default: int = 1) -> Topology:
    """Spreads the actors of a run evenly over as few hosts as ``topology.actors_per_host`` allows.

    Args:
      num_actors: from the command line, before ``topology.num_actors``, before ``default``; 0 is the one-process mode.
    """
    asked = config.topology
    count = next(number for number in (num_actors, asked.num_actors, default) if number is not None)
    num_hosts = -(-count // asked.actors_per_host)
    bounds = [count * host // max(num_hosts, 1) for host in range(num_hosts + 1)]
    return Topology(
        actor_hosts=tuple(range(*pair) for pair in itertools.pairwise(bounds)),
        cpus_per_actor=asked.cpus_per_actor,
        learner_cpus=asked.learner_cpus,
        learner_gpus=asked.learner_gpus,
        learner_port=asked.learner_port,
    )
