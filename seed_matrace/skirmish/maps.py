"""Maps of the embedded simulator, read from the data files beside this module."""

from __future__ import annotations

import difflib
import json
import os
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import Any

import numpy as np

from seed_matrace.files import digest
from seed_matrace.foreign_files import shown
from seed_matrace.skirmish.layout import FeatureLayout
from seed_matrace.skirmish.paths import Paths, check_size, find_paths
from seed_matrace.skirmish.placement import on_grid, pack
from seed_matrace.skirmish.random_teams import DrawTables, RandomTeams, Start, reflect, surround, team_tables
from seed_matrace.skirmish.scenario import read_scenario
from seed_matrace.skirmish.terrains import load_terrain, terrain_of_rows
from seed_matrace.skirmish.units import UNIT_STATS_DTYPE, UnitType, load_unit_type
from seed_matrace.specs import EnvSpec

_WORDS = {"name", "source", "map_type"}  # fields of a map file that change nothing of a battle


@dataclass(frozen=True)
class UnitGroup:
    """Units of one type created together at one point, or each at its own."""

    unit: UnitType
    count: int
    at: tuple[float, float]
    positions: tuple[tuple[float, float], ...] = ()  # of every unit, if not packed around ``at``


@dataclass(frozen=True)
class EnemyOrder:
    """What the enemy is told when it is created."""

    kind: str  # "attack_move" to a point; "hunt" allies wherever they are; "none": stay and fight what comes
    target: tuple[float, float] = (0.0, 0.0)
    to: tuple[float, float] = (0.0, 0.0)  # the point is sampled between target and this, for every episode


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
    enemy_order: EnemyOrder
    playable_area: tuple[float, float, float, float]  # x0, y0, x1, y1
    walkable: np.ndarray  # uint8 [width, height], indexed [x, y]
    climbable: np.ndarray  # the same for units that walk cliffs
    type_order: tuple[tuple[str, ...], tuple[str, ...]]  # own, enemy: unit types by their number in SMAC's one-hot
    content: str  # tells apart maps of one name: a digest of the file less what is only said of it
    height: np.ndarray | None = None  # float64 [width, height] in 0..1, what the game reports; None: flat
    random_teams: RandomTeams | None = None  # then ``units`` and ``spawn`` only stand for what every episode samples

    def __deepcopy__(self, memo: object) -> SkirmishMap:
        return self  # nothing in it changes

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
        return np.array([position for _, position in self._slots], np.float32)

    @property
    def possible_units(self) -> tuple[UnitType, ...]:
        """Every unit type that can take part, once."""
        sampled = self.random_teams.units if self.random_teams else ()
        units = (*sampled, *(load_unit_type(unit.name, enemy=True) for unit in sampled)) or self.units
        return tuple(dict.fromkeys(units))

    @cached_property
    def _slots(self) -> list[tuple[UnitType, tuple[float, float]]]:
        # SMAC numbers its agents by (unit type id, x, y); ids of the allied types follow their order.
        own = self.type_order[0]
        allies = sorted(_positioned(self.allies, self.walkable), key=lambda slot: (own.index(slot[0].name), *slot[1]))
        return allies + _positioned(self.enemies, self.walkable)

    @cached_property
    def paths(self) -> Paths | None:
        """Ways round the obstacles of the terrain; None where there are none."""
        return find_paths(self.walkable)

    @cached_property
    def stats(self) -> np.ndarray:
        """UNIT_STATS_DTYPE [U]."""
        stats = np.array([unit.stats_row() for unit in self.units], UNIT_STATS_DTYPE)
        if self.enemy_order.kind == "hunt":
            stats["scan"][self.n_agents :] = np.inf  # sees everything, and looks in every loop
        return stats

    @cached_property
    def team_tables(self) -> DrawTables | None:
        """What the compiled battle takes random teams and their positions from, if it does."""
        if self.random_teams is None:
            return None
        hunting = self.enemy_order.kind == "hunt"
        return team_tables(self.random_teams, self.walkable, numbered=self.unit_type_bits > 0, hunting=hunting)

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
            type_number=np.array([self._type_number(slot) for slot in range(len(units))], np.int32),
            healer=np.array([unit.heals for unit in units], np.uint8),
            height=self.height,
        )

    def _type_number(self, slot: int) -> int:
        return self.type_order[slot >= self.n_agents].index(self.units[slot].name) if self.unit_type_bits else 0


def _positioned(groups: tuple[UnitGroup, ...], walkable: np.ndarray) -> list[tuple[UnitType, tuple[float, float]]]:
    slots: list[tuple[UnitType, tuple[float, float]]] = []
    for group in groups:
        layer = group.unit.above_ground
        taken = [(x, y, unit.radius) for unit, (x, y) in slots if unit.above_ground == layer]
        positions = group.positions or pack(group.at, group.unit.radius, group.count, walkable.astype(bool), taken)
        slots += [(group.unit, position) for position in positions]
    return slots


def map_names() -> list[str]:
    """Names of all maps that ``load_map`` knows, sorted."""
    folder = resources.files("seed_matrace.skirmish") / "data" / "maps"
    return sorted(entry.name.removesuffix(".json") for entry in folder.iterdir() if entry.name.endswith(".json"))


def load_map(name: str) -> SkirmishMap:
    """Loads a map by its SMAC name, or a scenario by its path.

    Args:
      name: of a map, or the path of a scenario file, which ends in ``.json`` (see ``scenario.read_scenario``).

    Raises:
      ValueError: unknown name (the message gives the nearest ones), or a bad scenario file (it names the field).
    """
    if not isinstance(name, (str, os.PathLike)):
        raise ValueError(
            f"the map is {shown(name)}; a name in quotes expected, as '3m', or the path of a scenario file"
        )
    if str(name).endswith(".json"):
        return _load_scenario(str(name))
    names = map_names()
    if name not in names:
        near = difflib.get_close_matches(str(name), names, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known maps: {', '.join(names)}"
        raise ValueError(f"unknown map {name!r}; {hint}")
    return _load_builtin(name)


@cache
def _load_builtin(name: str) -> SkirmishMap:
    path = resources.files("seed_matrace.skirmish") / "data" / "maps" / f"{name}.json"
    return _from_document(json.loads(path.read_text(encoding="utf-8")))


def _load_scenario(path: str) -> SkirmishMap:
    scenario = _from_document(read_scenario(path))
    try:
        _check_ground(scenario)
    except ValueError as error:
        raise ValueError(f"scenario {path}: {error}") from None
    return scenario


def _check_ground(scenario: SkirmishMap) -> None:
    """Raises ValueError, with the field, where units cannot stand or ways cannot be found."""
    try:
        check_size(scenario.walkable)
    except ValueError as error:
        raise ValueError(f"terrain: {error}") from None
    if scenario.random_teams is None:
        for side in ("allies", "enemies"):
            _check_positions(side, getattr(scenario, side), scenario.walkable)
        return
    try:
        scenario.team_tables  # noqa: B018 - boxes without walkable ground
    except ValueError as error:
        raise ValueError(f"draw.start: {error}") from None


def _check_positions(side: str, groups: tuple[UnitGroup, ...], walkable: np.ndarray) -> None:
    for index, group in enumerate(groups):
        named = [(f"places[{k}]", point) for k, point in enumerate(group.positions)] or [("at", group.at)]
        for field, (x, y) in named:
            if not (x < walkable.shape[0] and y < walkable.shape[1] and walkable[int(x), int(y)]):
                raise ValueError(f"{side}[{index}].{field} is [{x:g}, {y:g}]; a position on walkable ground expected")
    for index in range(len(groups)):
        try:
            _positioned(groups[: index + 1], walkable)
        except ValueError as error:
            raise ValueError(f"{side}[{index}].at: {error}") from None


def _from_document(document: dict[str, Any]) -> SkirmishMap:
    """A map file's contents as a map; scenario files have been completed and checked."""
    allies, enemies = _groups(document["allies"]), _groups(document["enemies"], enemy=True)
    terrain = document["terrain"]
    ground = load_terrain(terrain) if isinstance(terrain, str) else terrain_of_rows(terrain)
    return SkirmishMap(
        name=document["name"],
        source=document["source"],
        episode_limit=document["episode_limit"],
        map_type=document["map_type"],
        races=(document["races"][0], document["races"][1]),
        unit_type_bits=document["unit_type_bits"],
        allies=allies,
        enemies=enemies,
        enemy_order=_enemy_order(document["enemy_order"]),
        playable_area=tuple(document["playable_area"]),
        walkable=ground.walkable,
        climbable=ground.climbable,
        height=ground.height,
        type_order=(
            tuple(document.get("ally_types", _types(allies))),
            tuple(document.get("enemy_types", _types(enemies))),
        ),
        content=digest(json.dumps({field: document[field] for field in sorted(document.keys() - _WORDS)}).encode()),
        random_teams=_random_teams(document["draw"], ground.walkable) if "draw" in document else None,
    )


def _groups(entries: list[dict[str, Any]], *, enemy: bool = False) -> tuple[UnitGroup, ...]:
    return tuple(
        UnitGroup(
            load_unit_type(entry["unit"], enemy=enemy),
            entry["count"],
            (entry["at"][0], entry["at"][1]),
            tuple(on_grid(position) for position in entry.get("places", ())),
        )
        for entry in entries
    )


def _types(groups: tuple[UnitGroup, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(group.unit.name for group in groups))


def _enemy_order(entry: dict[str, Any]) -> EnemyOrder:
    target = entry.get("target", (0.0, 0.0))
    return EnemyOrder(entry["kind"], tuple(target), tuple(entry.get("to", target)))


def _random_teams(entry: dict[str, Any], walkable: np.ndarray) -> RandomTeams:
    starts = []
    for kind, value in entry["start"].items():
        if kind == "boxes":
            boxes = {side: tuple(tuple(box) for box in value[side]) for side in ("allies", "enemies")}
            starts.append(Start(value.get("weight", 1.0), boxes["allies"], boxes["enemies"]))
        else:
            starts.append({"surround": surround, "reflect": reflect}[kind](walkable, value))
    units = tuple(load_unit_type(name) for name in entry["units"])
    exceptions = tuple(load_unit_type(name) for name in entry.get("exception_unit_types", ()))
    return RandomTeams(units, tuple(entry["units"].values()), tuple(starts), exceptions)
