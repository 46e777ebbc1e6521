"""An episode of SMAC's class as a replay file: it is played once more and looked at closely."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seed_matrace._cext._skirmish import Skirmish
from seed_matrace.replay import SUFFIX, Replay, unknown_policy
from seed_matrace.skirmish.battles import step_battles
from seed_matrace.skirmish.maps import SkirmishMap
from seed_matrace.skirmish.recording import Recording
from seed_matrace.skirmish.units import UnitType
from seed_matrace.types import EnvOutput

_AVAIL = 5  # of Skirmish.memory(): what agents can do


class EpisodeSoFar:
    """What it takes to play one episode again.

    Args:
      battles: right after their reset.
      types: unit type of every slot in this episode.
    """

    def __init__(self, battles: Skirmish, types: Sequence[UnitType]) -> None:
        self._begun = [array.copy() for array in battles.memory()]
        self._types = types
        self._steps: list[tuple[list[int], float]] = []

    def add(self, orders: list[int], reward: float) -> None:
        """Takes one step: an order for each agent, and what it was worth."""
        self._steps.append((orders, reward))

    def replay(
        self, battle_map: SkirmishMap, battles: Skirmish, out: EnvOutput, loops_per_step: int, about: dict[str, Any]
    ) -> Replay:
        """The episode, game loop by game loop.

        Args:
          battles: as those that played it, of the same seed and options; they play it again.
          out: arrays for what they show.
          about: what the replay is to say: backend, seed, battle_won.

        Raises:
          RuntimeError: no step was played.
        """
        if not self._steps:
            raise RuntimeError("save_replay() before the first step(): there is nothing to see yet")
        for array, stood in zip(battles.memory(), self._begun, strict=True):
            array[...] = stood
        recording = Recording(battle_map, loops_per_step, self._types, battles.units()[0])
        battles.record(recording.log)
        avail_actions = []
        for orders, reward in self._steps:
            avail_actions.append(battles.memory()[_AVAIL][0].copy())
            step_battles(battles, np.array([orders], np.int32), out)
            recording.add(*battles.recorded(), battles.last_step()[1][0], reward)
        return recording.replay(about, unknown_policy(np.stack(avail_actions)))


def unused_path(folder: Path, prefix: str) -> Path:
    """A name for a new replay: the prefix, the time, and from the second in a second on a number."""
    name = f"{prefix}_{time.strftime('%Y-%m-%d-%H-%M-%S', time.gmtime())}"
    numbers = itertools.chain([""], (f"_{number}" for number in itertools.count(2)))
    return next(path for path in (folder / f"{name}{number}{SUFFIX}" for number in numbers) if not path.exists())
