"""One battle as a small JSON file: every unit after every env step."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seed_matrace.skirmish.maps import SkirmishMap
from seed_matrace.skirmish.units import UnitType

FORMAT = "seed_matrace units 1"
COLUMNS = ("x", "y", "health", "shield", "cooldown")


class EpisodeRecord:
    """Collects an episode and writes it.

    Args:
      battle_map: the map played.
      about: what else the file shall say: seed, backend, options.
    """

    def __init__(self, battle_map: SkirmishMap, about: dict[str, Any]) -> None:
        self._map = battle_map
        self._about = about
        self.clear()

    def clear(self) -> None:
        """Forgets the episode."""
        self._units: list[np.ndarray] = []
        self._types: Sequence[UnitType] = ()
        self._actions: list[list[int]] = []
        self._rewards: list[float] = []

    def start(self, units: np.ndarray, types: Sequence[UnitType]) -> None:
        """Begins an episode with ``units`` float32 [5, U] of ``types`` [U]."""
        self.clear()
        self._types = types
        self._units.append(units)

    def add(self, units: np.ndarray, actions: Sequence[int] = (), reward: float = 0.0, limit: float = math.inf) -> None:
        """Adds what was played and the ``units`` that it led to, unless there are ``limit`` steps already."""
        if len(self._actions) >= limit:
            return
        self._units.append(units)
        self._actions.append(list(actions))
        self._rewards.append(reward)

    def write(self, folder: Path, prefix: str) -> Path:
        """Writes ``folder``/``prefix``_<UTC time>.json and returns its path."""
        folder.mkdir(parents=True, exist_ok=True)
        stamp = time.strftime("%Y-%m-%d-%H-%M-%S", time.gmtime())
        path = folder / f"{prefix}_{stamp}.json"
        number = 1
        while path.exists():
            number += 1
            path = folder / f"{prefix}_{stamp}_{number}.json"
        path.write_text(self.to_json(), encoding="utf-8")
        return path

    def to_json(self) -> str:
        """What ``write`` writes."""
        units = [
            {"type": unit.name, "team": "ally" if slot < self._map.n_agents else "enemy"}
            for slot, unit in enumerate(self._types)
        ]
        frames = [dict(zip(COLUMNS, frame.astype(np.float64).round(3).tolist(), strict=True)) for frame in self._units]
        about = {"format": FORMAT, "map": self._map.name, **self._about}
        document = {**about, "units": units, "frames": frames, "actions": self._actions, "rewards": self._rewards}
        return json.dumps(document, separators=(",", ":"))
