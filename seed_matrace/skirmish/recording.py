"""Records one battle of the simulator, game loop by game loop, as a replay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seed_matrace.replay import AMOUNT, PROBABILITY, STEPS, Replay, Seen, in_steps
from seed_matrace.skirmish.layout import FLOOR_HEIGHT, PIT_HEIGHT
from seed_matrace.skirmish.maps import SkirmishMap
from seed_matrace.skirmish.units import UnitType

SIGHT_RANGE = 9.0  # of every agent, as SMAC has it


@dataclass(frozen=True, eq=False)
class StepLog:
    """What the kernel writes of one env step; the C struct BattleLog of cext/battle_log.pxd."""

    units: np.ndarray  # float32 [loops, 5, U], after each loop
    intents: np.ndarray  # int32 [2, U]
    events: np.ndarray  # int32 [capacity, 4]: loop, event, unit, target
    amounts: np.ndarray  # float32 [capacity]


def empty_log(n_units: int, loops: int) -> StepLog:
    """Room for a step: every unit may explode among all others, or sweep over them, once or twice."""
    events = 4 * n_units * (n_units + loops)
    return StepLog(
        units=np.zeros((loops, 5, n_units), np.float32),
        intents=np.zeros((2, n_units), np.int32),
        events=np.zeros((events, 4), np.int32),
        amounts=np.zeros(events, np.float32),
    )


class Recording:
    """Collects battle 0 of a ``SkirmishVectorEnv`` from its first step to its end.

    Args:
      battle_map: what is played.
      loops_per_step: game loops of an env step.
      types: unit type of every slot in this episode.
      units: float32 [5, U], where they start.
    """

    def __init__(
        self, battle_map: SkirmishMap, loops_per_step: int, types: Sequence[UnitType], units: np.ndarray
    ) -> None:
        self.log = empty_log(len(battle_map.units), loops_per_step)
        self._map, self._loops_per_step = battle_map, loops_per_step
        self._types = types
        self._frames = [units]
        self._events: list[np.ndarray] = []
        self._intents: list[np.ndarray] = []
        self._actions: list[np.ndarray] = []
        self._rewards: list[float] = []

    def add(self, loops: int, events: int, actions: np.ndarray, reward: float) -> None:
        """Takes over the so many loops and events that the log holds of the last step."""
        rows = self.log.events[:events] + np.array([len(self._frames), 0, 0, 0])
        amounts = in_steps(self.log.amounts[:events], AMOUNT)
        self._events.append(np.column_stack([rows, amounts]).astype(np.uint32))
        self._frames += list(self.log.units[:loops].copy())
        self._intents.append(self.log.intents.astype(np.int16))
        self._actions.append(actions.astype(np.int16))
        self._rewards.append(reward)

    @property
    def played(self) -> np.ndarray:
        """What was played, int16 [T, N]."""
        return np.stack(self._actions)

    def replay(self, about: dict[str, Any], seen: Seen) -> Replay:
        """The whole battle.

        Args:
          about: seed, battle, env_steps, outcome and whatever else to say of it.
          seen: what the policy saw and thought.
        """
        return Replay(
            about={
                "map": self._map.name,
                "n_agents": self._map.n_agents,
                "units": [unit.name for unit in self._types],
                "types": {unit.name: describe(unit) for unit in self._types},
                "frames_per_step": self._loops_per_step,
                "loops_per_frame": 1,
                "sight_range": SIGHT_RANGE,
                **about,
            },
            units=in_steps(np.stack(self._frames), STEPS[:, None]),
            events=np.concatenate(self._events),
            intents=np.stack(self._intents),
            actions=self.played,
            avail_actions=seen.avail_actions,
            probabilities=in_steps(seen.probabilities, PROBABILITY),
            values=np.asarray(seen.values, np.float32),
            rewards=np.array(self._rewards, np.float32),
            ground=_ground(self._map),
            height=_height(self._map),
        )


def describe(unit: UnitType) -> dict[str, Any]:
    """What a picture needs to know of a unit type; lengths in cells, times in game loops."""
    weapon = unit.weapon
    return {
        "radius": unit.radius,
        "health": unit.health,
        "shield": unit.shield,
        "gauge": unit.energy_max if unit.heals else unit.smac_max_cooldown,
        "range": weapon.range,
        "effect": weapon.effect,
        "flies": unit.mover == "air",
        "splash_radius": weapon.splash_radius,
        "sweep_reach": weapon.sweep_reach,
        "sweep_speed": weapon.sweep_rate * weapon.sweep_step,
    }


def _ground(battle_map: SkirmishMap) -> np.ndarray:
    """uint8 [width, height] as ``Replay.ground``."""
    walkable, climbable = battle_map.walkable.astype(np.uint8), battle_map.climbable.astype(np.uint8)
    return np.where(walkable, 1, 2 * climbable).astype(np.uint8)


def _height(battle_map: SkirmishMap) -> np.ndarray:
    height = battle_map.height
    if height is None:
        height = np.where(battle_map.walkable, FLOOR_HEIGHT, PIT_HEIGHT)
    return np.rint(height * 255).astype(np.uint8)
