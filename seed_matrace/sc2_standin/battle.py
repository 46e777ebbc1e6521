"""Battles as the game plays them: waves of tagged units that are told what to do and live on game loops."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import numpy as np

from seed_matrace.replay import Order, pack_replay, unknown_policy
from seed_matrace.skirmish.battles import build_battles
from seed_matrace.skirmish.maps import SkirmishMap
from seed_matrace.skirmish.recording import Recording
from seed_matrace.skirmish.slots import slot_types
from seed_matrace.skirmish.smac_units import TAG_SHIFT, unit_tag, unit_type_id
from seed_matrace.skirmish.units import UnitType
from seed_matrace.skirmish.vector_env import BACKEND
from seed_matrace.specs import empty_env_output
from seed_matrace.types import HEALTH_ROW

MAX_RECORDED_LOOPS = 10_000  # of one battle


class Ability(IntEnum):
    """The abilities that units have here, by the game's numbers."""

    STOP = 4
    MOVE = 16
    ATTACK = 23
    HEAL = 386


class Battle:
    """One wave of units after another on a map.

    The first wave is there from the start. When everybody is dead, the next step brings a new wave at its end, as the
    triggers of SMAC's maps do: whoever steps and looks sees the units one loop after they were created. Each wave has
    the simulator's slots of that battle, in which the enemies are numbered anew: whoever numbers units in the order in
    which they are listed, as SMAC does, numbers them as the simulator.

    Args:
      battle_map: with fixed teams.
      seed: at least 0; battles are those of environment 0 of this seed.

    Raises:
      ValueError: the map samples its teams for every battle.
    """

    def __init__(self, battle_map: SkirmishMap, seed: int) -> None:
        if battle_map.random_teams is not None:
            raise ValueError(f"{battle_map.name} draws its teams for every battle; fixed teams expected")
        self.map = battle_map
        self.n_units = len(battle_map.units)
        self._battles = build_battles(battle_map, battle_map.layout, 1, seed, 0, reward_divisor=1.0, autoreset=False)
        self._health: np.ndarray = self._battles.memory()[0][0, HEALTH_ROW, : self.n_units]
        self._unseen = empty_env_output(battle_map.layout.spec(battle_map.episode_limit), 1)
        self._about = {"backend": BACKEND, "seed": seed}
        self._no_actions = np.zeros(battle_map.n_agents, np.int32)
        self._recorded: tuple[Recording, bool] | None = None  # the newest battle of which there is anything, and if won
        self._uses = np.zeros(self.n_units, np.int64)
        self._fallen: list[int] = []
        self.waves = 0
        self.restart()

    def start_wave(self) -> None:
        """A new battle with new units; the random stream goes on."""
        self._fall(self.alive)
        self._battles.reset(*self._unseen[:3])
        self.kinds: tuple[UnitType, ...] = slot_types(self.map, self._battles)
        self._uses += 1
        self.waves += 1
        self._recording, self._loops = Recording(self.map, 1, self.kinds, self.units()), 0

    def restart(self) -> None:
        """The same, and the game's clock begins anew; the units have lived for a loop."""
        self.start_wave()
        self.game_loop = 1

    def step(self, loops: int) -> None:
        """Plays game loops; on an empty field they pass, and then the next wave is there."""
        before = self.alive
        self.game_loop += loops
        if not before.any():
            self.start_wave()
            return
        recorded = min(loops, MAX_RECORDED_LOOPS - self._loops)
        for _ in range(recorded):
            self._record_loop()
        self._battles.advance(0, loops - recorded)
        self._fall(before & ~self.alive)
        if self._loops:
            self._recorded = self._recording, not self.alive[self.map.n_agents :].any()

    def _record_loop(self) -> None:
        log = self._recording.log
        self._battles.record(log)  # from its beginning
        self._battles.advance(0, 1)
        log.units[0], log.intents[...] = self.units(), self._battles.intents(0)[0]
        self._recording.add(1, self._battles.recorded()[1], self._no_actions, 0.0)
        self._loops += 1

    @property
    def alive(self) -> np.ndarray:
        """Bool [U]."""
        return self._health > 0

    def units(self) -> np.ndarray:
        """x, y, health, shield, gauge: float32 [5, U]; see ``SkirmishVectorEnv.units``."""
        return self._battles.units()[0]

    def intents(self) -> tuple[np.ndarray, np.ndarray]:
        """What units are at: order and target int32 [2, U], goal float32 [2, U]."""
        return self._battles.intents(0)

    def unit_type_id(self, slot: int) -> int:
        """See ``smac_units.unit_type_id``."""
        return unit_type_id(self.map, self.kinds[slot], own=slot < self.map.n_agents)

    def tag(self, slot: int) -> int:
        """Name of the unit in a slot; nobody else ever has it."""
        return unit_tag(slot, int(self._uses[slot]))

    def slot_of(self, tag: int) -> int | None:
        """The slot of a living unit."""
        slot = (tag >> TAG_SHIFT) - 1
        there = 0 <= slot < self.n_units and self.tag(slot) == tag and self._health[slot] > 0
        return slot if there else None

    def take_fallen(self) -> list[int]:
        """Tags of those who died since the last call."""
        fallen, self._fallen = self._fallen, []
        return fallen

    def order(self, slot: int, order: Order, target: int = -1, goal: tuple[float, float] = (0.0, 0.0)) -> bool:
        """Tells a living unit what to do; returns whether it can be told that.

        Args:
          target: slot of an opponent to attack, of a friend to heal.
          goal: where to go.
        """
        if order == Order.ATTACK and self._same_side(slot, target) != self.kinds[slot].heals:
            return False
        return self._battles.order(0, slot, order, target, *goal)

    def kill(self, slots: Sequence[int]) -> None:
        """Takes the lives of units."""
        dying = np.zeros(self.n_units, bool)
        dying[list(slots)] = True
        self._fall(dying & self.alive)
        self._health[dying] = 0

    def can_stand(self, slot: int, x: float, y: float) -> bool:
        """Whether (x, y) is ground for the unit of a slot."""
        ground = {"ground": self.map.walkable, "cliffs": self.map.climbable}.get(self.kinds[slot].mover)
        width, height = self.map.walkable.shape
        return 0 <= x < width and 0 <= y < height and (ground is None or bool(ground[int(x), int(y)]))

    def create(self, slot: int, x: float, y: float) -> None:
        """A new unit in a slot that is empty; an enemy stays there and fights what comes."""
        self._battles.place(0, slot, x, y)
        self._uses[slot] += 1
        if slot >= self.map.n_agents:
            self._battles.order(0, slot, Order.ATTACK_MOVE, -1, x, y)

    def replay(self) -> bytes | None:
        """A replay file of this battle, or of the one before if no time has passed in it, game loop by game loop.

        It knows of no actions: orders are given to single units at any time. None if no time has passed at all.
        """
        if self._recorded is None:
            return None
        recording, won = self._recorded
        seen = unknown_policy(np.ones((len(recording.played), self.map.n_agents, 1), np.uint8))
        return pack_replay(recording.replay({**self._about, "battle_won": bool(won)}, seen))

    def _same_side(self, slot: int, other: int) -> bool:
        return (slot < self.map.n_agents) == (other < self.map.n_agents)

    def _fall(self, slots: np.ndarray) -> None:
        self._fallen += [self.tag(slot) for slot in np.flatnonzero(slots).tolist()]
