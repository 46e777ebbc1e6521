"""Scenario files: battles of a user's own, checked field by field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from seed_matrace.skirmish.terrains import terrain_names
from seed_matrace.skirmish.units import UnitType, load_unit_type, unit_type_names

FIELDS = {
    "name", "source", "terrain", "playable_area", "episode_limit", "map_type", "races", "unit_type_bits",
    "ally_types", "enemy_types", "allies", "enemies", "enemy_order", "draw",
}  # fmt: skip
ORDERS = ("attack_move", "hunt", "none")
STARTS = ("surround", "reflect", "boxes")
MAX_TEAM = 128


class ScenarioError(ValueError):
    """A scenario file says something that cannot be played."""


def read_scenario(path: str) -> dict[str, Any]:
    """Reads a scenario file and completes it to what a map file says.

    Args:
      path: JSON file; see docs/simulator.md for its fields.

    Returns:
      The document with all fields of a map file; ``terrain`` is a name, or a list of rows.

    Raises:
      ValueError: no such file, no JSON, or a bad field, which the message names.
    """
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ScenarioError(f"scenario {path}: {error.strerror or error}") from None
    except ValueError as error:
        raise ScenarioError(f"scenario {path} is not JSON: {error}") from None
    try:
        return _complete(document, Path(path).stem)
    except ScenarioError as error:
        raise ScenarioError(f"scenario {path}: {error}") from None


def _complete(document: Any, stem: str) -> dict[str, Any]:
    _require(isinstance(document, dict), "the file", document, "an object")
    for field in document:
        _require(field in FIELDS, "field", field, f"one of {', '.join(sorted(FIELDS))}")
    full: dict[str, Any] = {"name": stem, "source": "scenario file", "map_type": "scenario"}
    full |= {"enemy_order": {"kind": "hunt"}} | document
    _require(_is_count(full.get("episode_limit"), 100_000), "episode_limit", full.get("episode_limit"), "env steps > 0")
    full["terrain"] = _terrain(full.get("terrain"))
    size = 32 if isinstance(full["terrain"], str) else len(full["terrain"])
    full.setdefault("playable_area", [0, 0, size, size])
    if "draw" in document:
        full |= _drawn_teams(document)
    for side in ("allies", "enemies"):
        full[side] = _groups(full.get(side), side)
    full["enemy_order"] = _order(full["enemy_order"])
    return full | _shown_types(full)


def _shown_types(full: dict[str, Any]) -> dict[str, Any]:
    """What SMAC shows of unit types and races, where the file leaves it to us."""
    types = {side: list(dict.fromkeys(group["unit"] for group in full[side])) for side in ("allies", "enemies")}
    if "draw" in full:
        types = {side: list(full["draw"]["units"]) for side in types}
    shown = max(len(names) for names in types.values())
    bits = full.get("unit_type_bits", shown if shown > 1 else 0)
    _require(bits == 0 or _is_count(bits, 32), "unit_type_bits", bits, "0 to 32")
    fields: dict[str, Any] = {"unit_type_bits": bits}
    for field, side in (("ally_types", "allies"), ("enemy_types", "enemies")):
        order = full.get(field, types[side])
        fits = isinstance(order, list) and set(types[side]) <= set(order) and (not bits or len(order) <= bits)
        _require(fits, field, order, f"{types[side]} in some order, no more than unit_type_bits")
        fields[field] = order
    fields["races"] = full.get("races", [_race(names) for names in types.values()])
    _require(isinstance(fields["races"], list) and len(fields["races"]) == 2, "races", fields["races"], "two letters")
    return fields


def _require(condition: bool, field: str, value: Any, expected: str) -> None:
    if not condition:
        raise ScenarioError(f"{field} is {value!r}; {expected} expected")


def _is_count(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= most


def _is_point(value: Any, length: int = 2) -> bool:
    return (
        isinstance(value, list)
        and len(value) == length
        and all(isinstance(v, int | float) and not isinstance(v, bool) and 0 <= v <= 256 for v in value)
    )


def _unit(name: Any, field: str) -> UnitType:
    _require(name in unit_type_names(), field, name, f"one of {', '.join(unit_type_names())}")
    return load_unit_type(name)


def _terrain(value: Any) -> Any:
    if isinstance(value, str):
        _require(value in terrain_names(), "terrain", value, f"one of {', '.join(terrain_names())}, or rows")
        return value
    rows = value.get("rows") if isinstance(value, dict) else None
    if not isinstance(rows, list):
        rows = []
    square = all(isinstance(row, str) and len(row) == len(rows) and set(row) <= set(".#^") for row in rows)
    grid = square and 0 < len(rows) <= 256
    _require(grid, "terrain", value, 'a terrain of the simulator, or {"rows": square rows of . # ^}')
    _require(any("." in row for row in rows), "terrain", "rows", "a walkable cell")
    return rows


def _groups(entries: Any, side: str) -> list[dict[str, Any]]:
    _require(isinstance(entries, list) and bool(entries), side, entries, "a list of groups")
    for index, entry in enumerate(entries):
        field = f"{side}[{index}]"
        _require(isinstance(entry, dict), field, entry, "an object")
        _unit(entry.get("unit"), f"{field}.unit")
        for key in entry:
            _require(key in ("unit", "count", "at", "places"), field, key, "unit, count and at, or unit and places")
        if "places" in entry:
            places = entry["places"]
            _require(isinstance(places, list) and bool(places), f"{field}.places", places, "a list of [x, y]")
            for place in places:
                _require(_is_point(place), f"{field}.places", place, "[x, y]")
            entry = entry | {"count": entry.get("count", len(places)), "at": places[0]}
            _require(entry["count"] == len(places), f"{field}.count", entry["count"], f"{len(places)}")
            entries[index] = entry
        _require(_is_count(entry.get("count"), MAX_TEAM), f"{field}.count", entry.get("count"), f"1 to {MAX_TEAM}")
        _require(_is_point(entry.get("at")), f"{field}.at", entry.get("at"), "[x, y]")
    total = sum(entry["count"] for entry in entries)
    _require(total <= MAX_TEAM, side, f"{total} units", f"at most {MAX_TEAM}")
    return entries


def _order(entry: Any) -> dict[str, Any]:
    kind = entry.get("kind") if isinstance(entry, dict) else entry
    _require(isinstance(entry, dict) and kind in ORDERS, "enemy_order.kind", kind, f"one of {', '.join(ORDERS)}")
    for key in ("target", "to"):
        if key in entry or (key == "target" and kind == "attack_move"):
            _require(_is_point(entry.get(key)), f"enemy_order.{key}", entry.get(key), "[x, y]")
    return entry


def _drawn_teams(document: dict[str, Any]) -> dict[str, Any]:
    """Stand-ins of the drawn teams, with checks of what they are drawn from."""
    draw = document["draw"]
    _require(isinstance(draw, dict), "draw", draw, "an object")
    for key in draw:
        _require(key in ("units", "n_allies", "n_enemies", "start"), "draw", key, "units, n_allies, n_enemies, start")
    for side in ("allies", "enemies"):
        _require(side not in document, side, "given", "either teams or draw, not both")
    for key in ("n_allies", "n_enemies"):
        _require(_is_count(draw.get(key), MAX_TEAM), f"draw.{key}", draw.get(key), f"1 to {MAX_TEAM}")
    _weights(draw.get("units"), "draw.units")
    for name in draw["units"]:
        _unit(name, "draw.units")
    start = draw.get("start")
    _require(isinstance(start, dict) and bool(start), "draw.start", start, f"some of {', '.join(STARTS)}")
    for kind in start:
        _require(kind in STARTS, "draw.start", kind, f"one of {', '.join(STARTS)}")
    _weights({kind: value for kind, value in start.items() if kind != "boxes"} or {"boxes": 1}, "draw.start")
    if "boxes" in start:
        _boxes(start["boxes"])
    first = next(iter(draw["units"]))
    return {
        "allies": [{"unit": first, "count": draw["n_allies"], "at": [0, 0], "places": [[0, 0]] * draw["n_allies"]}],
        "enemies": [{"unit": first, "count": draw["n_enemies"], "at": [0, 0], "places": [[0, 0]] * draw["n_enemies"]}],
    }


def _weights(table: Any, field: str) -> None:
    _require(isinstance(table, dict) and bool(table), field, table, "weights by name")
    for name, weight in table.items():
        number = isinstance(weight, int | float) and not isinstance(weight, bool)
        _require(number and np.isfinite(weight) and weight > 0, f"{field}.{name}", weight, "a weight above 0")


def _boxes(entry: Any) -> None:
    _require(isinstance(entry, dict), "draw.start.boxes", entry, "an object")
    weight = entry.get("weight", 1.0)
    _weights({"weight": weight}, "draw.start.boxes")
    for side in ("allies", "enemies"):
        boxes = entry.get(side)
        field = f"draw.start.boxes.{side}"
        _require(isinstance(boxes, list) and 0 < len(boxes) <= 4, field, boxes, "1 to 4 boxes [x0, y0, x1, y1]")
        for box in boxes:
            good = _is_point(box, 4) and box[0] <= box[2] and box[1] <= box[3]
            _require(good, field, box, "[x0, y0, x1, y1], lower corner first")


def _race(names: list[str]) -> str:
    """What matters of a race is whether its units show shields."""
    return "P" if any(load_unit_type(name).shield for name in names) else "T"
