"""Which columns of observations and state belong to which unit, and which action is aimed at whom."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np

from seed_matrace.foreign_files import shown

_MOST = 10**7  # columns, of a file


class Rows(NamedTuple):
    """Rows of ``width`` columns for ``units`` units, one after the other from column ``start`` on."""

    start: int
    width: int
    units: int


@dataclass(frozen=True)
class UnitColumns:
    """Where units stand in the vectors of an environment of units; agents come first, each is one ally.

    A unit's row is what its blocks hold of it, one after the other: a block ``Rows`` has a part of the row of every
    unit of its kind. Stacked observations have a block for each frame, the oldest first. ``columns_of`` turns blocks
    into indices.

    Attributes:
      own: blocks of one row, what an observation says of the agent itself and of what is around it.
      allies: N-1 rows, the other agents in the order of their numbers: ``ally_numbers``.
      enemies: M rows, the enemies in the order of their numbers.
      state_allies: N rows of the state, the agents in the order of their numbers; no block where the state has none.
      state_enemies: M rows, likewise.
      first_target: the action that is aimed at number 0; those before are aimed at nobody.
      healers: agents whose action ``first_target + j`` heals agent j; that of all others attacks enemy j.
    """

    own: tuple[Rows, ...]
    allies: tuple[Rows, ...]
    enemies: tuple[Rows, ...]
    state_allies: tuple[Rows, ...]
    state_enemies: tuple[Rows, ...]
    first_target: int
    healers: tuple[int, ...] = ()

    @property
    def n_enemies(self) -> int:
        return self.enemies[0].units

    def stacked(self, frames: int, obs_dim: int) -> UnitColumns:
        """The same of ``frames`` stacked observations of ``obs_dim`` columns each."""

        def stack(blocks: tuple[Rows, ...]) -> tuple[Rows, ...]:
            starts = [frame * obs_dim for frame in range(frames)]
            return tuple(rows._replace(start=start + rows.start) for start in starts for rows in blocks)

        return replace(self, own=stack(self.own), allies=stack(self.allies), enemies=stack(self.enemies))


def columns_of(blocks: tuple[Rows, ...]) -> np.ndarray:
    """int32 [units, width], the columns of each unit's row; width is that of all blocks together."""
    parts = [start + np.arange(width * units).reshape(units, width) for start, width, units in blocks]
    return np.concatenate(parts, axis=1).astype(np.int32)


def ally_numbers(n_agents: int) -> np.ndarray:
    """int32 [N, N-1], which agent each row of ``UnitColumns.allies`` is, in the observation of every agent."""
    numbers = np.arange(n_agents)
    return np.array([numbers[numbers != agent] for agent in numbers], np.int32).reshape(n_agents, -1)


def ally_slots(units: UnitColumns, n_agents: int) -> np.ndarray:
    """float32 [N, N-1, M]: 1 where a row of ``UnitColumns.allies`` is of the agent with the number of the target."""
    slots = ally_numbers(n_agents)[..., np.newaxis] == np.arange(units.n_enemies)
    return slots.astype(np.float32)


def targets_of(units: UnitColumns, n_agents: int, n_actions: int) -> np.ndarray:
    """int32 [N, A], the unit that each action of an agent is aimed at, allies counted before enemies; -1: at nobody."""
    numbers = np.arange(n_actions) - units.first_target
    targets = np.tile(np.where(numbers < 0, -1, numbers + n_agents), (n_agents, 1))
    for agent in units.healers:
        targets[agent] = np.where((numbers >= 0) & (numbers < n_agents), numbers, -1)
    return targets.astype(np.int32)


def read_unit_columns(found: Any, *, n_agents: int, n_actions: int, obs_dim: int, state_dim: int) -> UnitColumns:
    """What ``dataclasses.asdict`` made of one, from a file that somebody else may have written.

    Raises:
      ValueError: says what of it cannot be.
    """
    names = [item.name for item in fields(UnitColumns)]
    if not isinstance(found, dict) or set(found) != set(names):
        raise ValueError(f"units are {shown(found)}; {', '.join(names)} expected")
    first, healers = found["first_target"], found["healers"]
    if not _whole(first, 0, n_actions) or not isinstance(healers, list):
        raise ValueError(f"first_target is {shown(first)} and healers are {shown(healers)}; numbers expected")
    if not all(_whole(agent, 0, n_agents - 1) for agent in healers):
        raise ValueError(f"healers are {shown(healers)}; numbers of agents below {n_agents} expected")
    counts = {"own": 1, "allies": n_agents - 1, "state_allies": n_agents}
    blocks = {}
    for name in names[:5]:
        width = state_dim if name.startswith("state_") else obs_dim
        blocks[name] = _blocks(name, found[name], counts.get(name, n_actions - first), width)
    units = UnitColumns(**blocks, first_target=first, healers=tuple(healers))
    check_covered(units, obs_dim)
    return units


def check_covered(units: UnitColumns, obs_dim: int) -> None:
    """Raises ValueError unless each column of an observation belongs to one block: others would not be seen."""
    columns = np.concatenate([columns_of(blocks).ravel() for blocks in (units.own, units.allies, units.enemies)])
    if not np.array_equal(np.sort(columns), np.arange(obs_dim)):
        raise ValueError(f"units: blocks have {len(columns)} columns of observations; {obs_dim}, each once, expected")


def _blocks(name: str, found: Any, units: int, columns: int) -> tuple[Rows, ...]:
    blocks = []
    for rows in found if isinstance(found, list) else [None]:
        if not isinstance(rows, list) or len(rows) != 3 or not all(_whole(number, 0, _MOST) for number in rows):
            raise ValueError(f"units: {name} has {shown(rows)}; start, width and number of units expected")
        block = Rows(*rows)
        if block.units != units or block.start + block.width * units > columns:
            raise ValueError(f"units: {name} has {shown(rows)}; {units} units within {columns} columns expected")
        blocks.append(block)
    return tuple(blocks)


def _whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
