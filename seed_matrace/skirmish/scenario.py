"""Scenario files: battles of a user's own, checked field by field."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from pathlib import Path
from typing import Any

from seed_matrace.foreign_files import read_document, shown
from seed_matrace.skirmish.scenario_draw import check_draw
from seed_matrace.skirmish.scenario_fields import (
    MAX_TEAM,
    ScenarioError,
    check_fields,
    check_point,
    check_unit,
    is_whole,
    require,
)
from seed_matrace.skirmish.terrains import load_terrain, terrain_names, terrain_of_rows
from seed_matrace.skirmish.units import load_unit_type

FIELDS = (
    "name", "source", "terrain", "playable_area", "episode_limit", "map_type", "races", "unit_type_bits",
    "ally_types", "enemy_types", "allies", "enemies", "enemy_order", "draw",
)  # fmt: skip
ORDERS = ("attack_move", "hunt", "none")
RACES = {
    "Marine": "T", "Marauder": "T", "Medivac": "T", "Stalker": "P", "Zealot": "P", "Colossus": "P",
    "Hydralisk": "Z", "Zergling": "Z", "Baneling": "Z", "SpineCrawler": "Z",
}  # fmt: skip
_LONGEST_LIMIT = 100_000  # env steps
_MOST_BITS = 32
_WIDEST = 256  # cells
_MARGIN = 2  # cells beside the playable area of SMAC's maps
_LONGEST_TEXT = {"name": 100, "map_type": 100, "source": 2000}  # characters


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
        return _complete(read_document(path), Path(path).stem)
    except OSError as error:
        raise ScenarioError(f"scenario {path}: {error.strerror or error}") from None
    except ValueError as error:
        raise ScenarioError(f"scenario {path}: {error}") from None


def _complete(document: Any, stem: str) -> dict[str, Any]:
    require(isinstance(document, dict), "the document", document, 'an object, {"terrain": ...},')
    check_fields("", document, FIELDS)
    full: dict[str, Any] = {"name": stem, "source": "scenario file", "map_type": "scenario"}
    full |= {"enemy_order": {"kind": "hunt"}} | document
    for field, longest in _LONGEST_TEXT.items():
        _check_text(field, full[field], longest)
    limit = full.get("episode_limit")
    require(is_whole(limit, 1, _LONGEST_LIMIT), "episode_limit", limit, f"env steps, 1 to {_LONGEST_LIMIT:,},")
    full["terrain"] = _terrain(full.get("terrain"))
    size = _size(full["terrain"])
    full["playable_area"] = _area(full.get("playable_area", _usual_area(full["terrain"], size)), full["terrain"], size)
    if "draw" in document:
        for side in ("allies", "enemies", "ally_types", "enemy_types"):
            require(side not in document, side, document.get(side), "either teams or draw, not both,")
        full |= check_draw(document["draw"], size)
    else:
        for side in ("allies", "enemies"):
            full[side] = _groups(full.get(side), side, size)
    _check_order(full["enemy_order"], size)
    return full | _shown_types(full)


def _check_text(field: str, value: Any, longest: int) -> None:
    fits = isinstance(value, str) and 0 < len(value) <= longest and value.isprintable()
    require(fits, field, value, f"text of 1 to {longest} characters on one line")
    if field == "name":  # files are called by it
        require(not set("/\\") & set(value) and value not in (".", ".."), field, value, "a name without / and \\")


def _terrain(value: Any) -> str | list[str]:
    if not isinstance(value, dict):
        near = difflib.get_close_matches(str(value), terrain_names(), 1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        known = f'one of {", ".join(terrain_names())}, or {{"rows": square rows of . # ^}},'
        require(isinstance(value, str) and value in terrain_names(), "terrain", value, known, hint)
        assert isinstance(value, str)
        return value
    check_fields("terrain.", value, ("rows",))
    rows: Any = value.get("rows")
    fits = isinstance(rows, list) and 0 < len(rows) <= _WIDEST
    require(fits, "terrain.rows", rows, f"1 to {_WIDEST} rows of . # ^")
    for index, row in enumerate(rows):
        square = isinstance(row, str) and len(row) == len(rows) and set(row) <= set(".#^")
        require(square, f"terrain.rows[{index}]", row, f"{len(rows)} times . # or ^, as many as there are rows,")
    require(any("." in row for row in rows), "terrain.rows", rows, "a walkable cell (.)")
    return list(rows)


def _size(terrain: str | list[str]) -> tuple[int, int]:
    ground = load_terrain(terrain) if isinstance(terrain, str) else terrain_of_rows(terrain)
    return ground.walkable.shape[0], ground.walkable.shape[1]


def _usual_area(terrain: str | list[str], size: tuple[int, int]) -> list[int]:
    """All of a terrain of rows; of a named one what the game reports on SMAC's maps."""
    margin = _MARGIN if isinstance(terrain, str) else 0
    return [margin, margin, size[0] - margin, size[1] - margin]


def _area(value: Any, terrain: str | list[str], size: tuple[int, int]) -> list[float]:
    """The part of the map whose sides SMAC divides distances by; units walk wherever the terrain lets them."""
    expected = f"[x0, y0, x1, y1], lower corner first, within the map of {size[0]} x {size[1]} cells,"
    check_point("playable_area", value, (*size, *size), expected)
    require(value[0] < value[2] and value[1] < value[3], "playable_area", value, expected)
    ground = load_terrain(terrain) if isinstance(terrain, str) else terrain_of_rows(terrain)
    xs, ys = ground.walkable.nonzero()
    holds = value[0] <= xs.min() and value[1] <= ys.min() and value[2] > xs.max() and value[3] > ys.max()
    walked = [int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1]
    require(bool(holds), "playable_area", value, f"an area that holds all walkable cells, which fill {walked},")
    return list(value)


def _groups(entries: Any, side: str, size: tuple[int, int]) -> list[dict[str, Any]]:
    require(isinstance(entries, list) and 0 < len(entries) <= MAX_TEAM, side, entries, f"1 to {MAX_TEAM} groups")
    groups = [_group(entry, f"{side}[{index}]", size) for index, entry in enumerate(entries)]
    total = sum(group["count"] for group in groups)
    require(total <= MAX_TEAM, side, f"{total} units", f"at most {MAX_TEAM}")
    return groups


def _group(entry: Any, field: str, size: tuple[int, int]) -> dict[str, Any]:
    require(isinstance(entry, dict), field, entry, 'an object as {"unit": "Marine", "count": 3, "at": [9, 16]}')
    check_fields(f"{field}.", entry, ("unit", "count", "at", "places"))
    check_unit(f"{field}.unit", entry.get("unit"))
    if "places" in entry:
        positions = entry["places"]
        fits = isinstance(positions, list) and 0 < len(positions) <= MAX_TEAM
        require(fits, f"{field}.places", positions, f"a list of 1 to {MAX_TEAM} positions [x, y]")
        for index, position in enumerate(positions):
            check_point(f"{field}.places[{index}]", position, size)
        require("at" not in entry, f"{field}.at", entry.get("at"), "either places or at, not both,")
        entry = {"count": len(positions), **entry, "at": positions[0]}
        same = is_whole(entry["count"], len(positions), len(positions))
        require(same, f"{field}.count", entry["count"], f"{len(positions)}, as many as places,")
    require(is_whole(entry.get("count"), 1, MAX_TEAM), f"{field}.count", entry.get("count"), f"1 to {MAX_TEAM}")
    check_point(f"{field}.at", entry.get("at"), size)
    return entry


def _check_order(entry: Any, size: tuple[int, int]) -> None:
    require(isinstance(entry, dict), "enemy_order", entry, 'an object as {"kind": "hunt"}')
    check_fields("enemy_order.", entry, ("kind", "target", "to"))
    kind = entry.get("kind")
    require(isinstance(kind, str) and kind in ORDERS, "enemy_order.kind", kind, f"one of {', '.join(ORDERS)}")
    for key in ("target", "to"):
        if kind != "attack_move":
            require(key not in entry, f"enemy_order.{key}", entry.get(key), f"no place for the order {kind!r}")
        elif key in entry or key == "target":
            check_point(f"enemy_order.{key}", entry.get(key), size)


def _shown_types(full: dict[str, Any]) -> dict[str, Any]:
    """What SMAC shows of unit types and races, where the file leaves it to us."""
    types = {side: list(dict.fromkeys(group["unit"] for group in full[side])) for side in ("allies", "enemies")}
    if "draw" in full:
        types = {side: list(full["draw"]["units"]) for side in types}
    most = max(len(names) for names in types.values())
    bits = full.get("unit_type_bits", most if most > 1 else 0)
    require(is_whole(bits, 0, _MOST_BITS), "unit_type_bits", bits, f"0 to {_MOST_BITS}")
    require(not bits or bits >= most, "unit_type_bits", bits, f"0, or at least the {most} types of a team")
    fields: dict[str, Any] = {"unit_type_bits": bits}
    for field, side in (("ally_types", "allies"), ("enemy_types", "enemies")):
        fields[field] = _ordered_types(field, full.get(field, types[side]), types[side], bits)
    fields["races"] = _races(full, types)
    return fields


def _ordered_types(field: str, order: Any, types: Collection[str], bits: int) -> list[str]:
    require(isinstance(order, list), field, order, "a list of unit types")
    for index, name in enumerate(order):
        check_unit(f"{field}[{index}]", name)
    fits = len(set(order)) == len(order) and set(types) <= set(order) and (not bits or len(order) <= bits)
    most = f", and no more than unit_type_bits ({bits})" if bits else ""
    require(fits, field, order, f"each type once, with all of {', '.join(types)}{most},")
    return list(order)


def _races(full: dict[str, Any], types: dict[str, list[str]]) -> list[str]:
    """Letters of the two races: P shows shields."""
    fitting = [list(dict.fromkeys(RACES[name] for name in names)) for names in types.values()]
    shields = [any(load_unit_type(name).shield for name in names) for names in types.values()]
    own = ["P" if shield else letters[0] for shield, letters in zip(shields, fitting, strict=True)]
    given = full.get("races", own)
    require(isinstance(given, list) and len(given) == 2, "races", given, f"two letters as {shown(own)}")
    for index, letters in enumerate(fitting):
        fits = isinstance(given[index], str) and given[index] in letters
        require(fits, f"races[{index}]", given[index], f"{' or '.join(letters)}, the race of that team's units,")
    return list(given)
