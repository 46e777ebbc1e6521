"""Terrains: where units can be, and how high the ground is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources

import numpy as np

WALKABLE, CLIMBABLE = ".", ".^"  # symbols of the terrain files; '#' is blocked


@dataclass(frozen=True, eq=False)
class Terrain:
    """The ground of a map, arrays indexed [x, y]."""

    walkable: np.ndarray  # uint8 [width, height]
    climbable: np.ndarray  # the same for units that walk cliffs
    height: np.ndarray | None = None  # float64 [width, height] in 0..1, as the game reports it; None: flat


def terrain_names() -> list[str]:
    """Names of the terrains that ``load_terrain`` knows, sorted."""
    folder = resources.files("seed_matrace.skirmish") / "data" / "terrains"
    return sorted(entry.name.removesuffix(".json") for entry in folder.iterdir() if entry.name.endswith(".json"))


def load_terrain(name: str) -> Terrain:
    """Reads a terrain of the data folder."""
    path = resources.files("seed_matrace.skirmish") / "data" / "terrains" / f"{name}.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    heights = document["heights"]
    levels = [[heights["levels"][symbol] / 255 for symbol in row] for row in heights["rows"]]
    return Terrain(*_grounds(document["rows"]), _from_top_down(np.array(levels, np.float64)))


def terrain_of_rows(rows: list[str]) -> Terrain:
    """A flat terrain from its rows, top row first."""
    return Terrain(*_grounds(rows))


def _grounds(rows: list[str]) -> tuple[np.ndarray, np.ndarray]:
    walkable, climbable = (
        _from_top_down(np.array([[cell in symbols for cell in row] for row in rows], np.uint8))
        for symbols in (WALKABLE, CLIMBABLE)
    )
    return walkable, climbable


def _from_top_down(rows: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(rows[::-1].T)
