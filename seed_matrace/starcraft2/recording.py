"""Battles of StarCraft II as replays: written down in the process that plays, read by the one that asked for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from absl import logging

from seed_matrace.arrays_file import read_arrays, write_arrays
from seed_matrace.replay import STEPS, Order, PlayedBattle, Replay, in_steps, read_replay, write_replay
from seed_matrace.skirmish.maps import load_map
from seed_matrace.skirmish.recording import SIGHT_RANGE, describe
from seed_matrace.skirmish.units import UnitType, load_unit_type, unit_type_names
from seed_matrace.starcraft2.unit_events import told_targets, unit_events
from seed_matrace.transport.slots import Slot

_ORDERS = {16: Order.MOVE, 23: Order.ATTACK, 386: Order.ATTACK}  # the game's numbers: move, attack, heal
_REPLAY, _SHOWN = "battle.npz", "shown.npz"


def read_battle(folder: Path) -> PlayedBattle:
    """The battle that a ``BattleRecorder`` wrote last.

    Raises:
      ValueError, OSError: there is none.
    """
    shown = read_arrays(folder / _SHOWN, most_arrays=2)
    return PlayedBattle(read_replay(folder / _REPLAY), shown["obs"], shown["state"])


class BattleRecorder:
    """Writes down every battle of a ``StarCraft2Env``, one frame for each env step.

    Args:
      env: what SMAC holds of the game.
      slot: where its steps end.
      folder: where battles are left, each in the place of the one before.
      loops: game loops of an env step.
      about: what replays are to say besides: backend, seed.
    """

    def __init__(self, env: Any, slot: Slot, folder: Path, loops: int, about: dict[str, Any]) -> None:
        self._env, self._slot, self._folder, self._loops, self._about = env, slot, folder, loops, about

    def start(self) -> None:
        """The first look at a new battle."""
        self._kinds = _kinds(self._env)
        self._units = [self._look()]
        self._number = {unit.tag: number for number, unit in enumerate(_units_of(self._env))}
        self._intents: list[np.ndarray] = []
        self._steps: list[tuple[np.ndarray, ...]] = []
        self._rewards: list[float] = []

    def before_step(self) -> None:
        """Takes what the slot shows and what is to be played."""
        shown = self._slot.env
        self._steps.append(
            tuple(array[0].copy() for array in (self._slot.action, shown.avail_actions, shown.obs, shown.state))
        )

    def after_step(self, reward: float, *, won: bool | None) -> None:
        """Takes what it led to.

        Args:
          won: None while the battle goes on; at its end the battle is left in the folder, unless the disk is full.
        """
        self._units.append(self._look())
        self._intents.append(np.array([self._intent(unit) for unit in _units_of(self._env)], np.int16).T)
        self._rewards.append(reward)
        if won is not None:
            try:
                self._write(won)
            except OSError as error:
                logging.warning("%s", error)

    def _write(self, won: bool) -> None:
        for name in (_REPLAY, _SHOWN):
            (self._folder / name).unlink(missing_ok=True)
        actions, avail_actions, obs, state = map(np.stack, zip(*self._steps, strict=True))
        replay = self._replay(actions.astype(np.int16), avail_actions, {**self._about, "battle_won": won})
        write_replay(self._folder / _REPLAY, replay)
        write_arrays(self._folder / _SHOWN, {"obs": obs, "state": state}, compressed=False)

    def _replay(self, actions: np.ndarray, avail_actions: np.ndarray, about: dict[str, Any]) -> Replay:
        env, units, intents = self._env, np.stack(self._units), np.stack(self._intents)
        types = {kind.name: describe(kind) for kind in self._kinds}
        kinds = [types[kind.name] for kind in self._kinds]
        told = told_targets(actions, [kind.heals for kind in self._kinds], env.n_agents)
        steps, agents = actions.shape
        return Replay(
            about={
                "map": env.map_name,
                "n_agents": env.n_agents,
                "units": [kind.name for kind in self._kinds],
                "types": types,
                "frames_per_step": 1,
                "loops_per_frame": self._loops,
                "sight_range": SIGHT_RANGE,
                **about,
            },
            units=in_steps(units, STEPS[:, None]),
            events=unit_events(units, intents[:, 1], told, kinds, n_agents=env.n_agents, loops=self._loops),
            intents=intents,
            actions=actions,
            avail_actions=avail_actions,
            probabilities=np.zeros((steps, agents, 0), np.uint16),
            values=np.zeros((steps, 0), np.float32),
            rewards=np.array(self._rewards, np.float32),
            ground=np.asarray(env.pathing_grid).astype(np.uint8),
            height=np.rint(np.asarray(env.terrain_height)[:, ::-1] * 255).astype(np.uint8),
        )

    def _look(self) -> np.ndarray:
        """Units as float32 [5, U]; of the dead only the position where they were seen last."""
        rows = [
            (unit.pos.x, unit.pos.y, unit.health, unit.shield, unit.energy if kind.heals else unit.weapon_cooldown)
            for unit, kind in zip(_units_of(self._env), self._kinds, strict=True)
        ]
        table = np.array(rows, np.float32).T
        table[3:, table[2] <= 0] = 0
        return table

    def _intent(self, unit: Any) -> tuple[int, int]:
        """Order and target."""
        if unit.health <= 0:
            return Order.IDLE, -1
        order = _ORDERS.get(unit.orders[0].ability_id, Order.MOVE) if unit.orders else Order.IDLE
        aim = self._number.get(unit.orders[0].target_unit_tag, -1) if unit.orders else -1
        if order == Order.ATTACK and aim < 0:
            order = Order.ATTACK_MOVE
        return order, aim if aim >= 0 else self._number.get(unit.engaged_target_tag, -1)


def _units_of(env: Any) -> list[Any]:
    """Agents, then enemies, as SMAC numbers them."""
    return [env.agents[index] for index in range(env.n_agents)] + [env.enemies[index] for index in range(env.n_enemies)]


def _kinds(env: Any) -> list[UnitType]:
    """Own units are of the types that the map has in their slots; enemies have the game's own numbers."""
    expected = list(load_map(env.map_name).units)
    stock = {kind.stock_type_id: kind for kind in map(load_unit_type, unit_type_names())}
    pairs = zip(_units_of(env), expected, strict=True)
    return expected[: env.n_agents] + [stock.get(unit.unit_type, kind) for unit, kind in pairs][env.n_agents :]
