"""What must have happened between two looks at the units, where a game shows units and no events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seed_matrace.replay import AMOUNT, EVENTS, in_steps
from seed_matrace.types import UNIT_ROWS

_X, _Y, _HEALTH, _SHIELD, _GAUGE = range(len(UNIT_ROWS))
_SHOT, _HIT, _HEAL, _BLAST = range(len(EVENTS))
_LATE = ("missile", "sweep", "burst")  # effects that may hit in the step after the shot
_FIRST_TARGET = 6  # of the actions
_ROUNDING = 0.5  # loops: a cooldown that only ran out

Row = tuple[int, int, int, float]  # event, unit, target, amount


def unit_events(
    units: np.ndarray,
    targets: np.ndarray,
    told: np.ndarray,
    kinds: Sequence[Mapping[str, Any]],
    *,
    n_agents: int,
    loops: int,
) -> np.ndarray:
    """Shots, hits, heals and blasts as far as units tell.

    Whose cooldown rose has shot; what a unit lost is shared evenly by those who shot at it, whose sweep or blast
    reached it, or else by the nearest opponent; what it gained by the healers that aim at it.

    Args:
      units: float32 [T+1, 5, U], as ``Replay.units`` in cells, points and game loops; nothing is left of the dead.
      targets: int [T, U], of each unit at the end of each step, -1: none.
      told: int [T, U], target that a unit was given for the step, -1: none.
      kinds: of each unit, as ``skirmish.recording.describe`` says.
      n_agents: of U units the first.
      loops: game loops of a step.

    Returns:
      uint32 [K, 5], as ``Replay.events``, a frame for each step.
    """
    rows: list[tuple[int, ...]] = []
    late: dict[int, list[int]] = {}
    for step in range(len(targets)):
        before = targets[step - 1] if step else np.full_like(targets[0], -1)
        scene = _Scene(units[step], units[step + 1], np.where(told[step] < 0, before, told[step]), targets[step])
        events, late = scene.events(kinds, n_agents, loops, late)
        amounts = in_steps(np.array([event[3] for event in events]), AMOUNT).tolist()
        rows += [(step + 1, *event[:3], amount) for event, amount in zip(events, amounts, strict=True)]
    return np.array(rows, np.uint32).reshape(-1, 5)


def told_targets(actions: np.ndarray, healers: Sequence[bool], n_agents: int) -> np.ndarray:
    """The targets that SMAC's actions name.

    Args:
      actions: int [T, N].
      healers: of each of U units.
    """
    told = np.full((len(actions), len(healers)), -1)
    first = np.where(healers[:n_agents], 0, n_agents)
    told[:, :n_agents] = np.where(actions >= _FIRST_TARGET, actions - _FIRST_TARGET + first, -1)
    return told


class _Scene:
    """One step: units before and after, and whom they aimed at, first and last."""

    def __init__(self, before: np.ndarray, after: np.ndarray, first: np.ndarray, last: np.ndarray) -> None:
        self._before, self._after, self._first, self._last = before, after, first, last
        change = after[_HEALTH : _SHIELD + 1] - before[_HEALTH : _SHIELD + 1]
        self._lost = -np.minimum(change, 0).sum(axis=0)
        self._gained = np.maximum(change[0], 0)
        self._was, self._is = before[_HEALTH] > 0, after[_HEALTH] > 0

    def events(
        self, kinds: Sequence[Mapping[str, Any]], n_agents: int, loops: int, late: Mapping[int, list[int]]
    ) -> tuple[list[Row], dict[int, list[int]]]:
        """What happened, and by target who shot at it and may hit in the step to come; ``late`` is the last step's."""
        own = np.arange(len(kinds)) < n_agents
        opponents = [own != own[unit] for unit in range(len(kinds))]
        shots = self._shots(kinds, opponents, loops)
        blasts = [unit for unit, kind in enumerate(kinds) if self._explodes(unit, kind, opponents[unit])]
        events: list[Row] = [(_SHOT, unit, target, 0.0) for unit, target in shots.items()]
        events += [(_BLAST, unit, unit, 0.0) for unit in blasts]
        for target in np.flatnonzero(self._lost).tolist():
            near = [unit for unit, middle in shots.items() if self._reaches(middle, target, kinds[unit]["sweep_reach"])]
            near += [unit for unit in blasts if self._reaches(unit, target, kinds[unit]["splash_radius"])]
            hitters = {unit for unit, aim in shots.items() if aim == target}
            hitters |= {unit for unit in near if opponents[unit][target]} or set(late.get(target, ()))
            hitters = hitters or self._nearest(target, opponents[target], kinds)
            events += [(_HIT, unit, target, self._lost[target] / len(hitters)) for unit in sorted(hitters)]
        events += self._heals(kinds)
        next_late: dict[int, list[int]] = {}
        for unit, target in shots.items():
            if kinds[unit]["effect"] in _LATE:
                next_late.setdefault(target, []).append(unit)
        return events, next_late

    def _shots(self, kinds: Sequence[Mapping[str, Any]], opponents: list[np.ndarray], loops: int) -> dict[int, int]:
        """Target of each unit that shot."""
        rested = np.maximum(self._before[_GAUGE] - loops, 0) + _ROUNDING
        armed = np.array([kind["effect"] not in ("heal", "explosion") for kind in kinds])
        shots = {}
        for unit in np.flatnonzero(armed & self._is & (self._after[_GAUGE] > rested)).tolist():
            first, last = int(self._first[unit]), int(self._last[unit])
            aims = [aim for aim in (first, last) if aim >= 0 and opponents[unit][aim] and self._was[aim]]
            if aims:  # rather one who fell, then one who was hit; the newest aim before the older
                shots[unit] = max(aims[::-1], key=lambda aim: (not self._is[aim], self._lost[aim] > 0))
        return shots

    def _explodes(self, unit: int, kind: Mapping[str, Any], opponents: np.ndarray) -> bool:
        if kind["effect"] != "explosion" or not self._was[unit] or self._is[unit]:
            return False
        hurt = np.flatnonzero(opponents & (self._lost > 0)).tolist()
        return any(self._reaches(unit, target, kind["splash_radius"]) for target in hurt)

    def _reaches(self, middle: int, target: int, reach: float) -> bool:
        """Whether ``target`` is within ``reach`` of another unit's position, or within a cell's walk of that."""
        apart = self._before[:2, middle] - self._before[:2, target]
        return reach > 0 and bool(np.hypot(*apart) <= reach + 1)

    def _nearest(self, target: int, opponents: np.ndarray, kinds: Sequence[Mapping[str, Any]]) -> set[int]:
        armed = [unit for unit in np.flatnonzero(opponents & self._was).tolist() if kinds[unit]["effect"] != "heal"]
        at = self._before[:2]
        return {min(armed, key=lambda unit: float(np.hypot(*(at[:, unit] - at[:, target]))))} if armed else set()

    def _heals(self, kinds: Sequence[Mapping[str, Any]]) -> list[Row]:
        healers: dict[int, list[int]] = {}
        for unit, kind in enumerate(kinds):
            if kind["effect"] == "heal" and self._was[unit]:
                aims = [int(aim) for aim in (self._last[unit], self._first[unit]) if aim >= 0 and self._gained[aim] > 0]
                if aims:
                    healers.setdefault(aims[0], []).append(unit)
        return [(_HEAL, unit, aim, self._gained[aim] / len(units)) for aim, units in healers.items() for unit in units]
