"""Where training batches come from: environments stepped here in lockstep, or actors served by inference threads."""

from __future__ import annotations

import dataclasses
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from absl import logging

from seed_matrace.config import Config
from seed_matrace.evaluation.battle_seeds import BattlesOf
from seed_matrace.inference.actors import ActorFigures
from seed_matrace.inference.groups import GroupPlan, GroupTable
from seed_matrace.inference.inference import (
    ActingCounts,
    Alias,
    Inference,
    PolicyStep,
    VersionedPolicy,
    take_as_it_is,
)
from seed_matrace.inference.own_rewards import OwnRewards, RewardFunction
from seed_matrace.inference.rewards import check_reward
from seed_matrace.inference.server import InferenceServer, Note
from seed_matrace.inference.unrolls import Unrolls, UnrollSizes
from seed_matrace.sections.env import EnvConfig
from seed_matrace.specs import empty_unroll
from seed_matrace.training.batcher import Batcher, BatcherThread
from seed_matrace.training.divergence import largest_reward
from seed_matrace.training.replay_buffer import ReplayBuffer
from seed_matrace.training_env import make_schema, make_training_env, map_config, map_to_tell, training_spec
from seed_matrace.transport.address import Address
from seed_matrace.transport.carriers import listen
from seed_matrace.transport.messages import MAX_HANDSHAKE_BYTES
from seed_matrace.transport.security import NO_SECURITY, Security
from seed_matrace.transport.server import Admission
from seed_matrace.transport.slots import empty_slot
from seed_matrace.types import ONE_HOST, Host, Unroll, flatten
from seed_matrace.vector_env import VectorEnv

_BATCH_TIMEOUT_S = 0.5
_LONGEST_SCENARIO = MAX_HANDSHAKE_BYTES - 4096  # as JSON
_STREAMS_OF_A_MAP = 1 << 48  # more than all lives of all groups have
NamedReward = tuple[RewardFunction, str]
_SEEDS_OF_A_HOST = 1 << 20  # of the noise in acting; the battles of hosts are other streams of one seed


class BatchSource(ABC):
    """Gives the learner its batches; what is not overridden says that nobody acts elsewhere."""

    @abstractmethod
    def next_batch(self) -> Unroll | None:
        """The next batch, or None if it is not there yet (ask again); raises what broke the source."""

    def play(self, env: EnvConfig, change: int) -> None:  # noqa: B027
        """Lets the environments play another map of equal sizes: the ``change``-th that the run changes to.

        Raises:
          ValueError: they cannot.
        """

    def release(self, batch: Unroll) -> None:  # noqa: B027
        """Says that a batch is no longer needed."""

    def take_counts(self) -> ActingCounts:
        """What the environments did since the last call."""
        return ActingCounts()

    def state(self) -> dict[str, np.ndarray]:
        """What a checkpoint must keep so that a new source resumes exactly here; empty if it could not."""
        return {}

    @property
    def actors_alive(self) -> int:
        return 0

    @property
    def dropped_env_steps(self) -> int:
        """Since the source was made."""
        return 0

    @property
    def waiting_env_steps(self) -> int:
        """Not yet trained on, and lost when the process ends; 0 where ``state`` keeps them."""
        return 0

    @property
    def restarted_groups(self) -> int:
        return 0

    def actor_figures(self) -> dict[int, ActorFigures]:
        """Of every actor that ever came, by its task id."""
        return {}

    @abstractmethod
    def close(self) -> None: ...


class CanFail(Protocol):
    """A part with a thread of its own."""

    error: BaseException | None


def unroll_sizes(config: Config, plan: GroupPlan) -> UnrollSizes:
    """How many unrolls of which size a run of ``config`` holds."""
    return UnrollSizes(
        num_groups=plan.num_groups,
        group_size=plan.group_size,
        unroll_length=config.learner.unroll_length,
        queued=config.learner.queued_unrolls,
        fields=config.network.unroll_fields,
    )


def check_memory(config: Config, plan: GroupPlan) -> None:
    """Raises ValueError if the unrolls and batches of a run would not fit into this machine's free memory."""
    sizes, spec = unroll_sizes(config, plan), training_spec(config)
    per_env_step = sizes.memory_bytes(spec) / (plan.num_groups * (1 + sizes.queued) * plan.group_size)
    # Two batches under way, and about as much again in the train step.
    batches = per_env_step * (4 * config.learner.batch_size + config.learner.replay_buffer)
    needed = sizes.memory_bytes(spec) + batches
    free = _free_bytes()
    if needed > free:
        raise ValueError(
            f"this run needs about {needed / 1e9:.1f} GB for its unrolls and {free / 1e9:.1f} GB is free; lower "
            f"run.num_envs ({config.run.num_envs}), learner.unroll_length ({config.learner.unroll_length}) or "
            f"learner.batch_size ({config.learner.batch_size})"
        )


def _free_bytes() -> float:
    """Free memory of this machine; infinity where it cannot be known."""
    try:
        import psutil

        return psutil.virtual_memory().available
    except Exception as error:
        logging.warning("it is not known how much memory is free (%s: %s)", type(error).__name__, error)
        return math.inf


@dataclass(frozen=True)
class Acting:
    """What a source needs to act for a run."""

    config: Config
    policy_step: PolicyStep
    policy_version: Callable[[], int]  # learner steps done so far
    seed: int
    session: int  # how often the run was resumed
    resume: Mapping[str, np.ndarray]  # what a checkpoint kept of its source
    host: Host = ONE_HOST  # every host acts with random numbers of its own
    alias: Alias = take_as_it_is  # as of ``VersionedPolicy``
    map_changes: int = 0  # how often the run has changed its map
    map_name: str = ""  # to this one; "": it is that of ``config``
    reward: NamedReward | None = None  # in the place of the environments'

    @property
    def played(self) -> Config:
        """``config`` on the map that the run has changed to."""
        env = self.config.env
        return dataclasses.replace(self.config, env=map_config(env, self.map_name) if self.map_name else env)

    @property
    def battle_seed(self) -> int:
        return BattlesOf.TRAINING.seed(self.seed)

    def make_parts(self, plan: GroupPlan) -> tuple[Unrolls, Batcher, Inference]:
        """The parts that every source is made of."""
        spec, sizes = training_spec(self.config), unroll_sizes(self.config, plan)
        unrolls = Unrolls(spec, sizes)
        learner, replay_buffer = self.config.learner, None
        if learner.replay_buffer:
            columns = empty_unroll(spec, sizes.unroll_length, learner.replay_buffer, sizes.fields)
            newest_first = learner.replay_order == "newest"
            replay_buffer = ReplayBuffer(columns, newest_first=newest_first, seed=self.seed + self.host.index)
        fresh = learner.fresh_columns
        batcher = Batcher(unrolls, spec, learner.batch_size, sizes, fresh=fresh, replay_buffer=replay_buffer)
        policy = VersionedPolicy(self.policy_step, self.policy_version, self.alias)
        largest, name = largest_reward(self.config), self.config.env.title
        seed = self.seed + self.session + self.host.index * _SEEDS_OF_A_HOST
        own = OwnRewards(*self.reward, spec, plan.num_groups, plan.group_size) if self.reward else None
        inference = Inference(
            policy, unrolls, spec, plan, seed=seed, largest_reward=largest, environment=name, own_rewards=own
        )
        return unrolls, batcher, inference


class LockstepSource(BatchSource):
    """One process, one thread: the same parts as with actors, in an order that only the seed decides."""

    def __init__(self, acting: Acting, plan: GroupPlan) -> None:
        self._unrolls, self._batcher, self._inference = acting.make_parts(plan)
        self._batch = self._batcher.new_batch()
        self._largest_reward, self._environment = largest_reward(acting.config), acting.config.env.title
        self._session = int(acting.resume.get("session", acting.session))
        _, welcome = GroupTable(plan, seed=acting.battle_seed, session=self._session).assign(0)
        self._acting, self._group_size, self._first_envs = acting, plan.group_size, welcome.first_envs
        self._dropped_env_steps = 0
        self._slots = [empty_slot(training_spec(acting.config), plan.group_size) for _ in self._first_envs]
        self._envs = self._begin(acting.played, acting.map_changes)
        if acting.resume:
            self._set_state(acting.resume)

    def next_batch(self) -> Unroll | None:
        while not self._batcher.fill(self._batch):
            self._inference.infer(range(len(self._slots)), self._slots)
            for env, slot in zip(self._envs, self._slots, strict=True):
                env.step(slot.action, out=slot.env)
        return self._batch

    def play(self, env: EnvConfig, change: int) -> None:
        before, self._envs = self._envs, self._begin(dataclasses.replace(self._acting.config, env=env), change)
        for group, left in enumerate(before):
            left.close()
            self._dropped_env_steps += self._unrolls.drop(group)

    def _begin(self, config: Config, map_changes: int) -> list[VectorEnv]:
        """Environments that have begun, their first steps in the slots; no two maps share a random stream."""
        seed, offset = self._acting.battle_seed, map_changes * _STREAMS_OF_A_MAP
        envs = [make_training_env(config, self._group_size, seed, first + offset) for first in self._first_envs]
        for env, slot in zip(envs, self._slots, strict=True):
            env.reset(out=slot.env)
        return envs

    @property
    def dropped_env_steps(self) -> int:
        return self._dropped_env_steps

    def take_counts(self) -> ActingCounts:
        return self._inference.statistics.take()

    def state(self) -> dict[str, np.ndarray]:
        arrays = {"session": np.array(self._session)}
        for name, part in self._parts().items():
            arrays |= {f"{name}/{key}": array for key, array in part.state().items()}
        for index, (env, slot) in enumerate(zip(self._envs, self._slots, strict=True)):
            arrays[f"env/{index}"] = np.frombuffer(env.get_state_bytes(), np.uint8)
            arrays |= {f"slot/{index}/{number}": array for number, array in enumerate(flatten(slot.env))}
            check_reward(slot.env.reward, self._largest_reward, self._environment)  # inference would see it next
        return arrays

    def _set_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        for name, part in self._parts().items():
            part.set_state({key.removeprefix(f"{name}/"): array for key, array in arrays.items()})
        for index, (env, slot) in enumerate(zip(self._envs, self._slots, strict=True)):
            try:
                env.set_state_bytes(arrays[f"env/{index}"].tobytes())
            except ValueError as error:
                raise ValueError(
                    f"the run's environments cannot go on where they stood ({error}): --num_actors=1 goes on with the "
                    "same weights and counts and begins episodes anew; --init_from begins another run from its best "
                    "weights"
                ) from None
            for number, array in enumerate(flatten(slot.env)):
                if array.size:  # an older program did not know of every array that is empty here
                    array[...] = arrays[f"slot/{index}/{number}"]

    def _parts(self) -> dict[str, Unrolls | Batcher | Inference]:
        return {"unrolls": self._unrolls, "batcher": self._batcher, "inference": self._inference}

    def close(self) -> None:
        for env in self._envs:
            env.close()


class ActorSource(BatchSource):
    """Actors in other processes, served by an inference thread; a batcher thread assembles ahead.

    Environments in other processes are not restored: their groups begin fresh unrolls.
    """

    def __init__(
        self,
        acting: Acting,
        plan: GroupPlan,
        addresses: Sequence[Address],
        security: Security = NO_SECURITY,
        note: Note = lambda _: None,
    ) -> None:
        """Listens at ``addresses`` (ValueError if one of them cannot be had); ``note`` is told which actor was lost."""
        self._unrolls, batcher, self._inference = acting.make_parts(plan)
        self._handed_out = 0  # env steps
        self._env_steps_per_batch = acting.config.learner.env_steps_per_batch
        self._run_over = False
        self._own_map = acting.config.env
        self._table = GroupTable(plan, seed=acting.battle_seed, session=acting.session)
        self._tell_map(acting.played.env)
        admission = Admission(make_schema(acting.config), plan.capacity, self._table.assign)
        transport = listen(addresses, admission, security)
        self._server = InferenceServer(transport, self._inference, self._unrolls, acting.config.inference, note)
        self._batcher = BatcherThread(batcher)
        self._parts: list[CanFail] = [self._server, self._batcher]
        self._server.start()
        self._batcher.start()

    def play(self, env: EnvConfig, change: int) -> None:
        self._tell_map(env)
        self._server.send_back(f"the map changes to {env.title}")

    def _tell_map(self, env: EnvConfig) -> None:
        """Tells actors that join from here on what to play."""
        name, scenario = ("", "") if env == self._own_map else map_to_tell(env)
        if (size := len(json.dumps(scenario))) > _LONGEST_SCENARIO:
            raise ValueError(f"{env.map_name} is too long for actors: {size:,} bytes, {_LONGEST_SCENARIO:,} at most")
        self._table.play(name, scenario)

    def depend_on(self, part: CanFail) -> None:
        """From now on ``next_batch`` raises what broke ``part``, too."""
        self._parts.append(part)

    def next_batch(self) -> Unroll | None:
        for part in self._parts:
            if part.error is not None:
                raise part.error
        batch = self._batcher.next_batch(_BATCH_TIMEOUT_S)
        if batch is not None:
            self._handed_out += self._env_steps_per_batch
        return batch

    def release(self, batch: Unroll) -> None:
        self._batcher.release(batch)

    def take_counts(self) -> ActingCounts:
        return self._inference.statistics.take()

    @property
    def actors_alive(self) -> int:
        return self._server.connected_actors

    @property
    def dropped_env_steps(self) -> int:
        return self._server.dropped_env_steps

    @property
    def restarted_groups(self) -> int:
        return self._server.restarted_groups

    @property
    def waiting_env_steps(self) -> int:
        return self._unrolls.accepted_env_steps - self.dropped_env_steps - self._handed_out

    def let_actors_go(self, *, run_over: bool = False) -> None:
        """From now on nobody is told that an actor has left; ``run_over``: ``close`` tells actors to end for good."""
        self._server.note = lambda _: None
        self._run_over = run_over

    def actor_figures(self) -> dict[int, ActorFigures]:
        return self._server.actor_figures()

    def acted_env_steps(self, task_id: int) -> int:
        """Of one actor, in all its lives."""
        figures = self._server.actor_figures().get(task_id)
        return figures.acted_env_steps if figures else 0

    def close(self) -> None:
        self._batcher.stop()  # first: it wakes the server
        self._server.stop(run_over=self._run_over)
