"""What the inference loop knows of its actors, whichever carrier they use."""

from __future__ import annotations

import selectors
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

from seed_matrace.transport.messages import Hello, OccupiedError, RefusedError, Welcome
from seed_matrace.transport.schema import Schema, schema_mismatch
from seed_matrace.transport.slots import Slot

SPARE_CONNECTIONS = 8  # beyond the actors' own, for those that are about to be refused


class Joined(NamedTuple):
    task_id: int
    groups: tuple[int, ...]


class Ready(NamedTuple):
    """The group's slot holds a step and waits for its actions."""

    group: int
    restarted: bool = False  # its environments were lost and began anew: its unfinished unroll does not count


class Left(NamedTuple):
    task_id: int
    groups: tuple[int, ...]
    reason: str


Event = Joined | Ready | Left


class Server(Protocol):
    """The learner's end of a carrier; one thread calls everything but ``wake``."""

    def fileno(self) -> int:
        """Readable when ``poll`` has something to do."""

    def wake(self) -> None:
        """Makes a ``poll`` that waits in another thread return; any thread may call it."""

    def poll(self, timeout_s: float | None) -> list[Event]:
        """What has happened since the last call; waits up to ``timeout_s`` for something to happen."""

    def slot(self, group: int) -> Slot:
        """The arrays of a group that is ready. Its actor may still write to them: copy before use."""

    def answer(self, groups: list[int]) -> list[Event]:
        """Tells the actors of ``groups`` that their actions are written; returns who has left meanwhile."""

    def cut_off(self, group: int, reason: str) -> list[Event]:
        """Ends the connection of the actor that runs ``group``; returns who has left now, or else ``poll`` tells."""

    def say_goodbye(self) -> None:
        """Tells all actors that the run is over; they leave, which ``poll`` tells."""

    def close(self) -> None:
        """Cuts all actors off and leaves no socket or memory behind."""


@dataclass(frozen=True)
class Capacity:
    """How many actors of how many groups there may be."""

    num_actors: int
    groups_per_actor: int  # at most
    group_size: int


class Admission:
    """Decides who may join, for all carriers of a learner together.

    Args:
      schema: what actors must agree with.
      assign: from the actor's task id to its groups (and the Welcome that says so), or ValueError with the reason.
    """

    def __init__(
        self, schema: Schema, capacity: Capacity, assign: Callable[[int], tuple[tuple[int, ...], Welcome]]
    ) -> None:
        self.schema = schema
        self.capacity = capacity
        self._assign = assign
        self._present: set[int] = set()

    def admit(self, hello: Hello) -> tuple[tuple[int, ...], Welcome]:
        """The groups of an actor and what to tell it; RefusedError if it may not join."""
        reason = schema_mismatch(self.schema, hello.schema)
        if reason is not None:
            raise RefusedError(reason)
        if hello.task_id in self._present:
            raise OccupiedError(
                f"an actor with task id {hello.task_id} is already connected; every actor needs its own --task_id"
            )
        try:
            groups, welcome = self._assign(hello.task_id)
        except ValueError as error:
            raise RefusedError(str(error)) from None
        self._present.add(hello.task_id)
        return groups, welcome

    def leave(self, task_id: int) -> None:
        """Makes room for the next actor of that number."""
        self._present.discard(task_id)


class _HasGroups(Protocol):
    groups: tuple[int, ...]


_Connection = TypeVar("_Connection", bound=_HasGroups)


def by_connection(groups: Sequence[int], owner: Mapping[int, _Connection]) -> list[tuple[_Connection, list[int]]]:
    """The connections of ``groups``, each with its groups as it counts them."""
    found: dict[int, tuple[_Connection, list[int]]] = {}
    for group in groups:
        connection = owner[group]
        _, local = found.setdefault(id(connection), (connection, []))
        local.append(connection.groups.index(group))
    return list(found.values())


class SeveralServers:
    """Several carriers as one Server."""

    def __init__(self, servers: Sequence[Server]) -> None:
        self._servers = servers
        self._owner: dict[int, Server] = {}
        self._selector = selectors.EpollSelector()
        for server in servers:
            self._selector.register(server.fileno(), selectors.EVENT_READ)

    def fileno(self) -> int:
        return self._selector.fileno()

    def wake(self) -> None:
        self._servers[0].wake()

    def poll(self, timeout_s: float | None) -> list[Event]:
        self._selector.select(timeout_s)
        events = []
        for server in self._servers:
            for event in server.poll(0):
                if isinstance(event, Joined):
                    self._owner |= dict.fromkeys(event.groups, server)
                events.append(event)
        return events

    def slot(self, group: int) -> Slot:
        return self._owner[group].slot(group)

    def answer(self, groups: list[int]) -> list[Event]:
        events = []
        for server in self._servers:
            own = [group for group in groups if self._owner[group] is server]
            if own:
                events.extend(server.answer(own))
        return events

    def cut_off(self, group: int, reason: str) -> list[Event]:
        return self._owner[group].cut_off(group, reason)

    def say_goodbye(self) -> None:
        for server in self._servers:
            server.say_goodbye()

    def close(self) -> None:
        for server in self._servers:
            server.close()
        self._selector.close()
