"""Batches, and who fills them: ``learner.*``, ``inference.*`` and ``actor.*``."""

from __future__ import annotations

from dataclasses import dataclass

from seed_matrace.fields import option as _option
from seed_matrace.sections.checked import Checked

_LONGEST_S = 1e7  # four months; waits for much longer overflow


@dataclass(frozen=True)
class LearnerConfig(Checked):
    batch_size: int = _option(32, "unroll columns of one learner step (B)", low=1)
    unroll_length: int = _option(100, "env steps of one unroll (T)", low=1)
    updates_per_batch: int = _option(
        1, "learner steps on each batch; V-trace corrects for the policy that the earlier ones moved", low=1, high=64
    )
    minibatches: int = _option(
        1,
        "parts of a batch's columns; learner steps behind its first are on one of them each, in turn",
        low=1,
        high=1 << 16,
    )
    max_kl: float = _option(
        0.0,
        "nats per agent from the policy that a batch found beyond which it gets no further learner step; 0 is off",
        low=0.0,
    )
    proximal_age: float = _option(
        0.0,
        "batches that the average of policies is old which loss.clip_ratio measures from; 0: the policy a batch found",
        low=0.0,
        high=1e6,
    )
    replay_buffer: int = _option(
        0, "newest unroll columns that are kept to be trained on again; 0 keeps none", low=0, high=1 << 20
    )
    replay_fraction: float = _option(
        0.5, "fraction of each batch's columns that comes from the replay buffer, if there is one", above=0.0, high=0.99
    )
    replay_order: str = _option(
        "uniform", "which of the kept columns a batch gets: any alike, or the newest", choices=("uniform", "newest")
    )
    policy_lag: int = _option(
        0, "acts with weights so many learner steps old, to measure what lag does", low=0, high=10_000
    )
    queued_unrolls: int = _option(1, "full unrolls that may wait per group before it has to", low=1)
    strategy: str = _option(
        "auto",
        "where training runs; auto takes what it finds",
        choices=("auto", "one_device", "mirrored", "tpu", "multi_worker"),
        machine=True,
    )
    replicas: int = _option(
        0, "devices that train on a part of each batch; 0 takes all that divide it", low=0, machine=True
    )
    intra_op_threads: int = _option(
        0,
        "TensorFlow threads inside one operation; 0 takes the cores that acting leaves free",
        low=0,
        high=1024,
        machine=True,
    )
    inter_op_threads: int = _option(
        2, "TensorFlow threads across operations; 0 lets TensorFlow choose", low=0, high=1024, machine=True
    )

    @property
    def fresh_columns(self) -> int:
        """Columns of a batch that were never trained on before."""
        return self.batch_size - (int(self.batch_size * self.replay_fraction) if self.replay_buffer else 0)

    @property
    def env_steps_per_batch(self) -> int:
        return self.fresh_columns * self.unroll_length


@dataclass(frozen=True)
class InferenceConfig(Checked):
    max_wait_ms: float = _option(
        0.0, "how long a ready group waits for others to join its batch", low=0.0, high=60_000, machine=True
    )
    actor_timeout_s: float = _option(
        300.0,
        "an actor that owes a step for so long is cut off; 0 waits for ever",
        low=0.0,
        high=_LONGEST_S,
        machine=True,
    )


@dataclass(frozen=True)
class ActorConfig(Checked):
    groups_per_actor: int = _option(
        0,
        "groups an actor alternates between, at least; 0: one if all cores of its machine have actors, else two",
        low=0,
        machine=True,
    )
