"""What the learner knows of each of its actors: whether it is there, what it does, how long it has been silent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class ActorsLostError(RuntimeError):
    """Actors cannot be kept running; the message says why."""


class ActorFigures(NamedTuple):
    """One actor so far; counts only grow."""

    connected: bool
    connections: int  # 1 for an actor that was never lost
    acted_env_steps: int
    policy_lag: float  # mean age of the actions in its newest unrolls when they were full, learner steps
    silent_s: float  # since it was last heard, while a step of it is awaited


@dataclass
class _Actor:
    task_id: int
    groups: tuple[int, ...]
    connected: bool = False
    connections: int = 0
    acted_env_steps: int = 0
    silent_s: float = 0.0
    owing: set[int] = field(default_factory=set)  # groups whose next step it has not sent yet


class Actors:
    """Kept by the inference loop's thread; ``figures`` may be asked for in any."""

    def __init__(self, group_size: int) -> None:
        self._group_size = group_size
        self._actors: dict[int, _Actor] = {}
        self._by_group: dict[int, _Actor] = {}

    @property
    def connected(self) -> int:
        """How many are there."""
        return sum(actor.connected for actor in list(self._actors.values()))

    @property
    def first_groups(self) -> list[int]:
        """A group of each that is there."""
        return [actor.groups[0] for actor in self._actors.values() if actor.connected]

    def task_id_of(self, group: int) -> int:
        """Whose group it is."""
        return self._by_group[group].task_id

    def joined(self, task_id: int, groups: tuple[int, ...]) -> int:
        """Returns how often it has joined."""
        actor = self._actors.setdefault(task_id, _Actor(task_id, groups))
        self._by_group |= dict.fromkeys(groups, actor)
        actor.connected, actor.owing, actor.silent_s = True, set(groups), 0.0
        actor.connections += 1
        return actor.connections

    def left(self, task_id: int) -> None:
        actor = self._actors[task_id]
        actor.connected, actor.owing, actor.silent_s = False, set(), 0.0

    def sent_step(self, group: int) -> None:
        actor = self._by_group[group]
        actor.owing.discard(group)
        actor.silent_s = 0.0

    def were_answered(self, groups: Iterable[int]) -> None:
        for group in groups:
            actor = self._by_group[group]
            actor.acted_env_steps += self._group_size
            if actor.connected:
                actor.owing.add(group)

    def wait(self, seconds: float, timeout_s: float) -> list[int]:
        """Lets time pass; a group of each actor that has now owed a step for ``timeout_s``, said once."""
        overdue = []
        for actor in self._actors.values():
            if actor.owing:
                before, actor.silent_s = actor.silent_s, actor.silent_s + seconds
                if before < timeout_s <= actor.silent_s:
                    overdue.append(actor.groups[0])
        return overdue

    def figures(self, policy_lags: Sequence[float]) -> dict[int, ActorFigures]:
        """By task id, of every actor that ever came; ``policy_lags`` of all groups' newest unrolls."""
        return {
            task_id: ActorFigures(
                actor.connected,
                actor.connections,
                actor.acted_env_steps,
                sum(policy_lags[group] for group in actor.groups) / len(actor.groups),
                actor.silent_s,
            )
            for task_id, actor in sorted(self._actors.copy().items())
        }
