"""The unfinished unroll of every group, and the bounded queue of full ones.

Each group owns a fixed number of buffers. A group that has filled them all waits until the batcher has taken one:
this is what bounds the policy lag and the memory.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from seed_matrace.specs import EnvSpec, empty_unroll, unroll_spec
from seed_matrace.types import EnvOutput, Unroll

_NONE = -1  # no action before


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
    with_state: bool
    with_last_action: bool = False

    def memory_bytes(self, spec: EnvSpec) -> int:
        """Bytes of all unrolls together."""
        arrays = unroll_spec(spec, self.unroll_length, self.group_size, **self.fields)
        return sum(array.nbytes for array in arrays) * self.num_groups * (1 + self.queued)

    @property
    def fields(self) -> dict[str, bool]:
        """Which optional fields unrolls have, as arguments of ``specs.unroll_spec``."""
        return {"with_state": self.with_state, "with_last_action": self.with_last_action}


def _named(prefix: str, unroll: Unroll, steps: int | None = None) -> dict[str, np.ndarray]:
    return {f"{prefix}/{name}": array[:steps] for name, array in zip(Unroll._fields, unroll, strict=True)}


def _fill(unroll: Unroll, arrays: Mapping[str, np.ndarray], prefix: str) -> None:
    for name, array in zip(Unroll._fields, unroll, strict=True):
        if array.size:  # an older program did not know of every field that is empty here
            stored = arrays[f"{prefix}/{name}"]
            array[: len(stored)] = stored


class Unrolls:
    """Written by the inference loop, emptied by the batcher; the two may be different threads."""

    def __init__(self, spec: EnvSpec, sizes: UnrollSizes) -> None:
        def new_unroll() -> Unroll:
            return empty_unroll(spec, sizes.unroll_length, sizes.group_size, **sizes.fields)

        self.with_last_action = sizes.with_last_action
        self._length = sizes.unroll_length
        self._changed = threading.Condition()
        self._on_release: Callable[[], None] = lambda: None
        self._queue: deque[FullUnroll] = deque()
        self._free = [[new_unroll() for _ in range(sizes.queued)] for _ in range(sizes.num_groups)]
        self._current = [new_unroll() for _ in range(sizes.num_groups)]
        self._step = [0] * sizes.num_groups
        self._last_action = [
            np.full((sizes.group_size, spec.n_agents), _NONE, np.int32) for _ in range(sizes.num_groups)
        ]

    def call_on_release(self, callback: Callable[[], None]) -> None:
        """``callback`` is called, in the batcher's thread, whenever a group that had to wait may go on."""
        self._on_release = callback

    def can_append(self, group: int) -> bool:
        """False while the group would complete an unroll and has no buffer for its next one."""
        return self._step[group] < self._length or bool(self._free[group])

    def last_action(self, group: int, env: EnvOutput) -> np.ndarray:
        """What the agents of a group did before the step ``env`` of the same episode, int32 [E, N]; -1: nothing."""
        started = np.logical_or(env.terminated, env.truncated)
        return np.where(started[:, np.newaxis], _NONE, self._last_action[group])

    def append(self, group: int, env: EnvOutput, action: np.ndarray, log_prob: np.ndarray, version: int) -> None:
        """Adds one step of a group; ``can_append`` must hold. A full unroll goes to the queue."""
        self._write(group, env, action, log_prob, version)
        if self.with_last_action:
            self._last_action[group][...] = action
        if self._step[group] < self._length:
            self._step[group] += 1
            return
        full = self._current[group]
        with self._changed:
            self._current[group] = self._free[group].pop()
        for source, target in zip(full, self._current[group], strict=True):
            target[0] = source[-1]  # unrolls overlap by one step
        self._step[group] = 1
        with self._changed:
            self._queue.append(FullUnroll(group, full))
            self._changed.notify_all()

    def drop(self, group: int) -> int:
        """Forgets the group's unfinished unroll; returns the env steps lost with it."""
        steps = max(self._step[group] - 1, 0) * self._current[group].reward.shape[1]
        self._step[group] = 0
        self._last_action[group][...] = _NONE
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
            "last_action": np.array(self._last_action),
        }
        for group, unroll in enumerate(self._current):
            arrays |= _named(f"current/{group}", unroll, self._step[group])
        for index, full in enumerate(self._queue):
            arrays |= _named(f"queue/{index}", full.unroll)
        return arrays

    def set_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Puts fresh unrolls where ``state`` left others of the same sizes."""
        self._step = arrays["step"].tolist()
        if self.with_last_action:
            self._last_action = list(arrays["last_action"])
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

    def _write(self, group: int, env: EnvOutput, action: np.ndarray, log_prob: np.ndarray, version: int) -> None:
        unroll, step = self._current[group], self._step[group]
        if self.with_last_action:
            unroll.last_action[step] = self.last_action(group, env)
        unroll.obs[step] = env.obs
        unroll.avail_actions[step] = env.avail_actions
        for name in ("state", "final_obs", "final_state"):
            if getattr(unroll, name).shape[-1]:
                getattr(unroll, name)[step] = getattr(env, name)
        unroll.reward[step] = env.reward
        unroll.terminated[step] = env.terminated
        unroll.truncated[step] = env.truncated
        unroll.action[step] = action
        unroll.log_prob[step] = log_prob
        unroll.policy_version[step] = version
