"""One inference step: gather ready groups, run the policy once, remember the step, answer."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from seed_matrace._cext._batching import copy_rows, sum_episodes
from seed_matrace.inference.groups import GroupPlan
from seed_matrace.inference.own_rewards import OwnRewards
from seed_matrace.inference.rewards import LARGEST, check_reward
from seed_matrace.inference.unrolls import Unrolls
from seed_matrace.specs import ArraySpec, EnvSpec, empty_env_output
from seed_matrace.transport.slots import Slot
from seed_matrace.types import EnvOutput, Memory, PolicyOutput, flatten

# (obs [B, N, O], avail_actions [B, N, A], seed int64 [2], memory of B environments, state [B, S]) -> PolicyOutput
PolicyStep = Callable[[Any, Any, Any, Memory, Any], PolicyOutput]
Alias = Callable[[np.ndarray], Any]


def take_as_it_is(array: np.ndarray) -> np.ndarray:
    """The ``Alias`` of policies that work on arrays."""
    return array


class VersionedPolicy(NamedTuple):
    """The behaviour policy and its age."""

    step: PolicyStep
    version: Callable[[], int]  # learner steps done so far
    alias: Alias = take_as_it_is  # of an array, for ``step``: made once, shows all that is written to the array later


@dataclass
class ActingCounts:
    """What the environments did since the last report."""

    acted_env_steps: int = 0
    batches: int = 0
    episodes: int = 0
    battles_won: int = 0
    episode_return: float = 0.0
    episode_length: int = 0


@dataclass
class ActingStatistics:
    """Adds up what inference sees; read and reset by the learner's thread."""

    _counts: ActingCounts = field(default_factory=ActingCounts)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, env: EnvOutput, rows: int) -> None:
        """Counts one gathered batch, the first ``rows`` of ``env``."""
        episode = env.episode
        episodes, won, total_return, total_length = sum_episodes(
            env.terminated, env.truncated, episode.battle_won, episode.episode_return, episode.length, rows
        )
        with self._lock:
            counts = self._counts
            counts.acted_env_steps += rows
            counts.batches += 1
            counts.episodes += episodes
            counts.battles_won += won
            counts.episode_return += total_return
            counts.episode_length += total_length

    def take(self) -> ActingCounts:
        """The counts since the last call."""
        with self._lock:
            counts, self._counts = self._counts, ActingCounts()
        return counts

    def state(self) -> np.ndarray:
        """The counts since the last ``take``."""
        with self._lock:
            return np.array(dataclasses.astuple(self._counts), np.float64)

    def set_state(self, counts: np.ndarray) -> None:
        """Puts back what ``state`` returned."""
        names = [item.name for item in dataclasses.fields(ActingCounts)]
        values = dict(zip(names, counts.tolist(), strict=True))
        episode_return = values.pop("episode_return")
        with self._lock:
            self._counts = ActingCounts(
                **{name: int(value) for name, value in values.items()}, episode_return=episode_return
            )


class Inference:
    """Answers groups with the newest policy; ``seed`` decides the sampling of actions.

    A reward beyond ``largest_reward`` is a DivergedError, which names the environment, before it is in an unroll.
    ``own_rewards`` stand in the place of the environments'; statistics stay theirs.
    """

    def __init__(
        self,
        policy: VersionedPolicy,
        unrolls: Unrolls,
        spec: EnvSpec,
        plan: GroupPlan,
        *,
        seed: int,
        largest_reward: float = LARGEST,
        environment: str = "",
        own_rewards: OwnRewards | None = None,
    ) -> None:
        self.statistics = ActingStatistics()
        self._own_rewards = own_rewards
        self._policy = policy
        self._unrolls = unrolls
        self._largest_reward, self._environment = largest_reward, environment
        self._group_size = plan.group_size
        self._batch_groups = _batch_sizes(plan.num_groups)
        self._staging = empty_env_output(spec, plan.num_groups * plan.group_size)
        self._fields = flatten(self._staging)
        self._memory = unrolls.new_memory()
        self._seed = ArraySpec((2,), np.dtype(np.int64)).empty()
        self._seed[0] = seed & 0x7FFFFFFF  # the second number counts the batches
        self._inputs = {count * plan.group_size: self._share(count * plan.group_size) for count in self._batch_groups}

    def infer(self, groups: Sequence[int], slots: Sequence[Slot]) -> None:
        """Writes the actions of every group into its slot.

        Each step is copied before it is looked at: whatever an actor does with its slot later, the unroll holds what
        the policy saw.
        """
        size = self._group_size
        for index, slot in enumerate(slots):
            copy_rows(self._fields, index * size, flatten(slot.env), 0, size)
        rows = len(groups) * size
        check_reward(self._staging.reward[:rows], self._largest_reward, self._environment)
        if self._own_rewards:
            self._exchange_rewards(self._own_rewards, groups)
        padded = next(count for count in self._batch_groups if count >= len(groups)) * size
        if padded > rows:
            self._pad(rows, padded)
        version = self._policy.version()
        self._recall(groups)
        self._count_batch()
        chosen = self._policy.step(*self._inputs[padded])
        output = PolicyOutput(*(field if field is None else field.__array__() for field in chosen))
        for index, (group, slot) in enumerate(zip(groups, slots, strict=True)):
            self._unrolls.append(group, self._staging, output, version, index * size)
            copy_rows([slot.action], 0, [output.action], index * size, size)
            if self._own_rewards:
                self._own_rewards.remember(group, output.action, index * size)
        self.statistics.add(self._staging, rows)

    def state(self) -> dict[str, np.ndarray]:
        """Where the sampling of actions stands, and what is counted but not yet reported."""
        own = self._own_rewards.state() if self._own_rewards else {}
        return {"seed": self._seed.copy(), "counts": self.statistics.state(), **own}

    def set_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Goes on where ``state`` left another one."""
        self._seed[:] = arrays["seed"]
        self.statistics.set_state(arrays["counts"])
        if self._own_rewards:
            self._own_rewards.set_state(arrays)

    def _exchange_rewards(self, own_rewards: OwnRewards, groups: Sequence[int]) -> None:
        for index, group in enumerate(groups):
            begins = self._unrolls.begins(group)
            own_rewards.replace(group, self._staging, index * self._group_size, begins=begins)
        rewards = self._staging.reward[: len(groups) * self._group_size]
        check_reward(rewards, self._largest_reward, f"{self._environment} by its own reward function")

    def _share(self, rows: int) -> tuple[Any, Any, Any, Memory, Any]:
        """What the policy is called with for a batch of so many rows."""
        env, alias = self._staging, self._policy.alias
        memory = Memory(*(alias(array[:rows]) for array in self._memory))
        return (
            alias(env.obs[:rows]),
            alias(env.avail_actions[:rows]),
            alias(self._seed),
            memory,
            alias(env.state[:rows]),
        )

    def _recall(self, groups: Sequence[int]) -> None:
        """Gathers what networks may know of the steps before."""
        if self._unrolls.remembers:
            for index, group in enumerate(groups):
                row = index * self._group_size
                remembered = self._unrolls.memory(group, self._staging, row)
                for source, target in zip(remembered, self._memory, strict=True):
                    target[row : row + self._group_size] = source

    def _pad(self, rows: int, padded: int) -> None:
        self._staging.obs[rows:padded] = 0.0
        self._staging.avail_actions[rows:padded] = 0
        self._staging.avail_actions[rows:padded, :, 0] = 1

    def _count_batch(self) -> None:
        self._seed[1] = (self._seed.item(1) + 1) & 0x7FFFFFFF


def _batch_sizes(num_groups: int) -> list[int]:
    """A few fixed sizes, in groups, so that compiled functions see few shapes: 1, 2, 4, ... and all."""
    return sorted({*(2**i for i in range(num_groups.bit_length()) if 2**i < num_groups), num_groups})
