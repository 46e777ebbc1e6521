"""Maps of the embedded simulator, read from the data files beside this module."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import Any

import numpy as np

from seed_matrace.skirmish.layout import FeatureLayout
from seed_matrace.skirmish.placement import pack
from seed_matrace.skirmish.units import UnitType, load_unit_type
from seed_matrace.specs import EnvSpec


@dataclass(frozen=True)
class UnitGroup:
    """Units of one type created together at one point."""

    unit: UnitType
    count: int
    at: tuple[float, float]


@dataclass(frozen=True, eq=False)
class SkirmishMap:
    """One battle: who fights whom, where, and for how long."""

    name: str
    source: str
    episode_limit: int  # env steps
    map_type: str
    races: tuple[str, str]  # own, enemy: T, P or Z
    unit_type_bits: int
    allies: tuple[UnitGroup, ...]  # in the order of creation
    enemies: tuple[UnitGroup, ...]
    attack_point: tuple[float, float]  # where the enemy's opening attack-move goes
    playable_area: tuple[float, float, float, float]  # x0, y0, x1, y1
    walkable: np.ndarray  # uint8 [width, height], indexed [x, y]

    @property
    def n_agents(self) -> int:
        return sum(group.count for group in self.allies)

    @property
    def n_enemies(self) -> int:
        return sum(group.count for group in self.enemies)

    @cached_property
    def spec(self) -> EnvSpec:
        """Shapes, without building an environment."""
        return self.layout.spec(self.episode_limit)

    @cached_property
    def units(self) -> tuple[UnitType, ...]:
        """Unit type of every slot: agents in SMAC's order, then enemies in the order of creation."""
        return tuple(unit for unit, _ in self._slots)

    @cached_property
    def spawn(self) -> np.ndarray:
        """float32 [U, 2]: where the unit of every slot stands at the start of an episode."""
        return np.array([place for _, place in self._slots], np.float32)

    @cached_property
    def _slots(self) -> list[tuple[UnitType, tuple[float, float]]]:
        allies = _place(self.allies, self.walkable)
        # SMAC numbers its agents by (unit type id, x, y); ids of the allied types follow the order of the file.
        rank = {group.unit.name: index for index, group in reversed(list(enumerate(self.allies)))}
        allies.sort(key=lambda slot: (rank[slot[0].name], *slot[1]))
        return allies + _place(self.enemies, self.walkable)

    @cached_property
    def layout(self) -> FeatureLayout:
        """What SMAC's observations of this map look like."""
        x0, y0, x1, y1 = self.playable_area
        units = self.units
        return FeatureLayout(
            n_agents=self.n_agents,
            n_enemies=self.n_enemies,
            unit_type_bits=self.unit_type_bits,
            ally_shields=self.races[0] == "P",
            enemy_shields=self.races[1] == "P",
            pathing=self.walkable,
            max_distance=(x1 - x0, y1 - y0),
            health_max=np.array([unit.health for unit in units], np.float64),
            shield_norm=np.array([unit.smac_max_shield for unit in units], np.float64),
            gauge_norm=np.array([unit.smac_max_cooldown for unit in units], np.float64),
            type_number=np.zeros(len(units), np.int32),
            healer=np.zeros(len(units), np.uint8),
        )


def _place(groups: tuple[UnitGroup, ...], walkable: np.ndarray) -> list[tuple[UnitType, tuple[float, float]]]:
    slots: list[tuple[UnitType, tuple[float, float]]] = []
    for group in groups:
        taken = [(x, y, unit.separation_radius) for unit, (x, y) in slots]
        places = pack(group.at, group.unit.separation_radius, group.count, walkable.astype(bool), taken)
        slots += [(group.unit, place) for place in places]
    return slots


def map_names() -> list[str]:
    """Names of all maps that ``load_map`` knows, sorted."""
    folder = resources.files("seed_matrace.skirmish") / "data" / "maps"
    return sorted(entry.name.removesuffix(".json") for entry in folder.iterdir() if entry.name.endswith(".json"))


def _read(folder: str, name: str) -> dict[str, Any]:
    path = resources.files("seed_matrace.skirmish") / "data" / folder / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))


def _walkable(terrain: str) -> np.ndarray:
    rows = _read("terrains", terrain)["rows"]
    top_down = np.array([[cell == "." for cell in row] for row in rows], np.uint8)
    return np.ascontiguousarray(top_down[::-1].T)


def _groups(entries: list[dict[str, Any]]) -> tuple[UnitGroup, ...]:
    return tuple(UnitGroup(load_unit_type(e["unit"]), e["count"], (e["at"][0], e["at"][1])) for e in entries)


@cache
def load_map(name: str) -> SkirmishMap:
    """Loads a map by its SMAC name.

    Raises:
      ValueError: unknown name; the message gives the nearest ones.
    """
    names = map_names()
    if name not in names:
        near = difflib.get_close_matches(str(name), names, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known maps: {', '.join(names)}"
        raise ValueError(f"unknown map {name!r}; {hint}")
    document = _read("maps", name)
    return SkirmishMap(
        name=document["name"],
        source=document["source"],
        episode_limit=document["episode_limit"],
        map_type=document["map_type"],
        races=(document["races"][0], document["races"][1]),
        unit_type_bits=document["unit_type_bits"],
        allies=_groups(document["allies"]),
        enemies=_groups(document["enemies"]),
        attack_point=tuple(document["enemy_order"]["target"]),
        playable_area=tuple(document["playable_area"]),
        walkable=_walkable(document["terrain"]),
    )
