"""The unfinished unroll of every group, and the bounded queue of full ones.

Each group owns a fixed number of buffers. A group that has filled them all waits until the batcher has taken one:
this is what bounds the policy lag and the memory.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from seed_matrace._cext._batching import copy_rows
from seed_matrace.specs import EnvSpec, empty_memory, empty_unroll, unroll_spec
from seed_matrace.types import REQUIRED_FIELDS, EnvOutput, Memory, PolicyOutput, Unroll, UnrollFields


class FullUnroll(NamedTuple):
    group: int
    unroll: Unroll  # [T+1, E, ...]


@dataclass(frozen=True)
class UnrollSizes:
    """How many unrolls of which size a run holds: T = unroll_length, E = group_size."""

    num_groups: int
    group_size: int
    unroll_length: int
    queued: int  # full unrolls that may wait per group
    fields: UnrollFields = REQUIRED_FIELDS

    def memory_bytes(self, spec: EnvSpec) -> int:
        """Bytes of all unrolls together."""
        arrays = unroll_spec(spec, self.unroll_length, self.group_size, self.fields)
        return sum(array.nbytes for array in arrays) * self.num_groups * (1 + self.queued)


def _named(prefix: str, unroll: Unroll, steps: int | None = None) -> dict[str, np.ndarray]:
    return {f"{prefix}/{name}": array[:steps] for name, array in zip(Unroll._fields, unroll, strict=True)}


def _fill(unroll: Unroll, arrays: Mapping[str, np.ndarray], prefix: str) -> None:
    for name, array in zip(Unroll._fields, unroll, strict=True):
        if array.size:  # an older program did not know of every field that is empty here
            stored = arrays[f"{prefix}/{name}"]
            array[: len(stored)] = stored


class Unrolls:
    """Written by the inference loop, emptied by the batcher; the two may be different threads.

    ``accepted_env_steps``: transitions appended so far; each is taken in a full unroll, dropped, or still here.
    ``policy_lags``: of each group, the mean age of the actions in its newest full unroll, when it was full.
    """

    def __init__(self, spec: EnvSpec, sizes: UnrollSizes) -> None:
        def new_unroll() -> Unroll:
            return empty_unroll(spec, sizes.unroll_length, sizes.group_size, sizes.fields)

        self._length = sizes.unroll_length
        self._changed = threading.Condition()
        self._on_release: Callable[[], None] = lambda: None
        self._queue: deque[FullUnroll] = deque()
        self._free = [[new_unroll() for _ in range(sizes.queued)] for _ in range(sizes.num_groups)]
        self._current = [new_unroll() for _ in range(sizes.num_groups)]
        self._step = [0] * sizes.num_groups
        self._spec, self._sizes = spec, sizes
        self.accepted_env_steps = 0
        self.policy_lags = [0.0] * sizes.num_groups
        names = [name for name in EnvOutput._fields if name in Unroll._fields and getattr(self._current[0], name).size]
        self._env_fields = attrgetter(*names)
        self._targets = [self._step_fields(unroll) for unroll in self._current]
        self._versions = np.full(sizes.num_groups * sizes.group_size, -1, np.int64)  # all the newest
        self._memory = self.new_memory()
        self.remembers = any(array.size for array in self._memory)

    @property
    def group_size(self) -> int:
        return self._sizes.group_size

    def call_on_release(self, callback: Callable[[], None]) -> None:
        """``callback`` is called, in the batcher's thread, whenever a group that had to wait may go on."""
        self._on_release = callback

    def can_append(self, group: int) -> bool:
        """False while the group would complete an unroll and has no buffer for its next one."""
        return self._step[group] < self._length or bool(self._free[group])

    def begins(self, group: int) -> bool:
        """Whether the group's next step is the first of a life: no transition led there."""
        return self._step[group] == 0

    def new_memory(self) -> Memory:
        """Arrays for what there is to know of the environments of all groups."""
        return empty_memory(self._spec, self._sizes.num_groups * self._sizes.group_size, self._sizes.fields)

    def memory(self, group: int, env: EnvOutput, row: int = 0) -> Memory:
        """What there is to know, before a step of a group, of the steps before in the same episode.

        Args:
          env: steps of environments, from ``row`` on the group's.
        """
        memory = self._memory_of(group)
        if self.remembers:
            rows = slice(row, row + self.group_size)
            memory.forget(np.logical_or(env.terminated[rows], env.truncated[rows]))
        return memory

    def append(self, group: int, env: EnvOutput, output: PolicyOutput, version: int, row: int = 0) -> None:
        """Adds one step of a group; ``can_append`` must hold. A full unroll goes to the queue.

        Args:
          env: C-contiguous steps of environments, from ``row`` on the group's; so ``output``.
          version: learner steps done when ``output`` was chosen.
        """
        memory = self.memory(group, env, row) if self.remembers else self._memory
        self._write(group, env, memory, output, version, row)
        if self._step[group]:  # a life's first step is no transition
            self.accepted_env_steps += self.group_size
        if self._step[group] == self._length:
            full = self._current[group]
            self.policy_lags[group] = version - float(full.policy_version[:-1].mean())
            with self._changed:
                self._current[group] = self._free[group].pop()
                self._targets[group] = self._step_fields(self._current[group])
                self._queue.append(FullUnroll(group, full))
                self._changed.notify_all()
            self._step[group] = 0
            self._write(group, env, memory, output, version, row)  # unrolls overlap by one step
        self._step[group] += 1
        if self.remembers:
            rows = slice(row, row + self.group_size)
            memory.remember(PolicyOutput(*(field if field is None else field[rows] for field in output)))

    def drop(self, group: int) -> int:
        """Forgets the group's unfinished unroll; returns the env steps lost with it."""
        steps = max(self._step[group] - 1, 0) * self._current[group].reward.shape[1]
        self._step[group] = 0
        self._memory_of(group).forget(np.ones(self._sizes.group_size, np.bool_))
        return steps

    def take(self, timeout_s: float | None = None) -> FullUnroll | None:
        """The oldest full unroll, or None if none came within ``timeout_s``."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._queue), timeout_s)
            return self._queue.popleft() if self._queue else None

    def release(self, full: FullUnroll) -> None:
        """Gives a taken unroll's buffer back to its group."""
        with self._changed:
            self._free[full.group].append(full.unroll)
        self._on_release()

    def state(self) -> dict[str, np.ndarray]:
        """Everything unfinished or untaken, as arrays (views, not copies)."""
        arrays = {
            "step": np.array(self._step),
            "queue": np.array([full.group for full in self._queue], np.int64),
            **self._memory._asdict(),
        }
        for group, unroll in enumerate(self._current):
            arrays |= _named(f"current/{group}", unroll, self._step[group])
        for index, full in enumerate(self._queue):
            arrays |= _named(f"queue/{index}", full.unroll)
        return arrays

    def set_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Puts fresh unrolls where ``state`` left others of the same sizes."""
        self._step = arrays["step"].tolist()
        for name, array in self._memory._asdict().items():
            if array.size:  # an older program did not know of every field that is empty here
                array[...] = arrays[name].reshape(array.shape)
        for group, unroll in enumerate(self._current):
            _fill(unroll, arrays, f"current/{group}")
        for index, group in enumerate(arrays["queue"].tolist()):
            full = self.borrow(group)
            _fill(full.unroll, arrays, f"queue/{index}")
            self._queue.append(full)

    def borrow(self, group: int) -> FullUnroll:
        """A free buffer of a group, to be given back with ``release``."""
        with self._changed:
            return FullUnroll(group, self._free[group].pop())

    def _memory_of(self, group: int) -> Memory:
        size = self._sizes.group_size
        return Memory(*(array[group * size : (group + 1) * size] for array in self._memory))

    def _write(self, group: int, env: EnvOutput, memory: Memory, output: PolicyOutput, version: int, row: int) -> None:
        unroll, step = self._current[group], self._step[group]
        if self.remembers:
            unroll.last_action[step] = memory.last_action
            if step == 0:
                unroll.recurrent[0] = memory.recurrent
        if self._versions[0] != version:
            self._versions[:] = version
        sources = [output.action, output.log_prob, self._versions, *self._env_fields(env)]
        copy_rows(self._targets[group], step * self.group_size, sources, row, self.group_size)

    def _step_fields(self, unroll: Unroll) -> list[np.ndarray]:
        """What is written at every step, in the order of ``_write``."""
        return [unroll.action, unroll.log_prob, unroll.policy_version, *self._env_fields(unroll)]
