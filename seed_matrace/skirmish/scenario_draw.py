"""The field ``draw`` of a scenario file: teams and positions that every episode samples anew."""

from __future__ import annotations

from typing import Any

from seed_matrace.skirmish.scenario_fields import (
    MAX_TEAM,
    check_fields,
    check_point,
    check_unit,
    is_number,
    is_whole,
    require,
)

STARTS = ("surround", "reflect", "boxes")
_MOST_BOXES = 4
_HEAVIEST = 1e9


def check_draw(draw: Any, size: tuple[int, int]) -> dict[str, Any]:
    """Stand-ins of the random teams, with checks of what they are sampled from.

    Args:
      draw: the field.
      size: of the map in cells.

    Raises:
      ScenarioError: something in it cannot be sampled.
    """
    require(isinstance(draw, dict), "draw", draw, "an object")
    check_fields("draw.", draw, ("units", "n_allies", "n_enemies", "start", "exception_unit_types"))
    for key in ("n_allies", "n_enemies"):
        require(is_whole(draw.get(key), 1, MAX_TEAM), f"draw.{key}", draw.get(key), f"1 to {MAX_TEAM}")
    units = draw.get("units")
    require(isinstance(units, dict), "draw.units", units, "weights by unit type")
    for name in units:
        check_unit("draw.units", name)
    _check_weights("draw.units", units)
    _check_exceptions(draw.get("exception_unit_types", []), units)
    start = draw.get("start")
    require(isinstance(start, dict), "draw.start", start, f"weights of some of {', '.join(STARTS)}")
    check_fields("draw.start.", start, STARTS)
    if "boxes" in start:
        _check_boxes(start["boxes"], size)
    weights = {kind: value.get("weight", 1.0) if kind == "boxes" else value for kind, value in start.items()}
    _check_weights("draw.start", weights)
    first = next(iter(units))
    return {
        side: [{"unit": first, "count": count, "at": [0, 0], "places": [[0, 0]] * count}]
        for side, count in (("allies", draw["n_allies"]), ("enemies", draw["n_enemies"]))
    }


def _check_weights(field: str, table: dict[str, Any]) -> None:
    for name, weight in table.items():
        require(is_number(weight, 0, _HEAVIEST), f"{field}.{name}", weight, f"a weight of 0 to {_HEAVIEST:g}")
    require(any(weight >= 1e-9 for weight in table.values()), field, table, "a weight above 0")


def _check_exceptions(names: Any, units: dict[str, Any]) -> None:
    field = "draw.exception_unit_types"
    require(isinstance(names, list), field, names, "a list of unit types")
    for index, name in enumerate(names):
        require(isinstance(name, str) and name in units, f"{field}[{index}]", name, f"one of {', '.join(units)}")
    others = [name for name, weight in units.items() if weight and name not in names]
    require(bool(others), field, names, "at least one type of draw.units with a weight left out of it")


def _check_boxes(entry: Any, size: tuple[int, int]) -> None:
    require(isinstance(entry, dict), "draw.start.boxes", entry, "an object")
    check_fields("draw.start.boxes.", entry, ("weight", "allies", "enemies"))
    for side in ("allies", "enemies"):
        boxes, field = entry.get(side), f"draw.start.boxes.{side}"
        fits = isinstance(boxes, list) and 0 < len(boxes) <= _MOST_BOXES
        require(fits, field, boxes, f"1 to {_MOST_BOXES} boxes [x0, y0, x1, y1]")
        for index, box in enumerate(boxes):
            expected = f"[x0, y0, x1, y1], lower corner first, on the map of {size[0]} x {size[1]} cells,"
            check_point(f"{field}[{index}]", box, (*size, *size), expected)
            require(box[0] <= box[2] and box[1] <= box[3], f"{field}[{index}]", box, expected)
