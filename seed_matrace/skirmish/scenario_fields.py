"""Checks of single values of a scenario file; a field is called by its path, as ``allies[1].count``."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from seed_matrace.foreign_files import shown
from seed_matrace.skirmish.units import unit_type_names

MAX_TEAM = 128


class ScenarioError(ValueError):
    """A scenario file says something that cannot be played."""


def require(condition: bool, field: str, value: Any, expected: str, hint: str = "") -> None:
    """Raises ScenarioError with the field, its value and what is expected, unless the condition holds."""
    if not condition:
        raise ScenarioError(f"{field} is {shown(value)}; {expected} expected{hint}")


def check_fields(path: str, entry: Mapping[str, Any], known: Sequence[str]) -> None:
    """Raises ScenarioError for a field that there is not; ``path`` is what comes before its name."""
    for field in entry:
        if field not in known:
            near = difflib.get_close_matches(field, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            raise ScenarioError(f"{path}{shown(field)[1:-1]} is no field of a scenario file; {hint}")


def check_unit(field: str, name: Any) -> None:
    """Raises ScenarioError unless it is the name of a unit type."""
    known = unit_type_names()
    near = difflib.get_close_matches(str(name), known, 1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    require(isinstance(name, str) and name in known, field, name, f"one of {', '.join(known)}", hint)


def is_whole(value: Any, least: int, most: int) -> bool:
    """Whether it is a whole number in a range; True and 1.0 are none."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def is_number(value: Any, least: float, most: float) -> bool:
    """Whether it is a number in a range; True is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most


def check_point(field: str, value: Any, most: Sequence[float], expected: str = "") -> None:
    """Raises ScenarioError unless it is a list of numbers from 0 to ``most``, each to its own."""
    fits = isinstance(value, list) and len(value) == len(most)
    fits = fits and all(is_number(number, 0, limit) for number, limit in zip(value, most, strict=True))
    require(fits, field, value, expected or f"[x, y] on the map of {most[0]} x {most[1]} cells")
