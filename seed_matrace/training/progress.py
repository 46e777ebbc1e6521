"""How far a run is: what a checkpoint stores besides the variables."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

ENDS = ("", "budget", "target")


@dataclass
class Progress:
    """A run's counters."""

    env_steps: int = 0
    learner_steps: int = 0
    acted_env_steps: int = 0
    episodes: int = 0
    evaluations: int = 0
    dropped_env_steps: int = 0
    wall_s: float = 0.0
    session: int = 0  # how often the run was resumed
    metrics_bytes: int = 0
    best: tuple[float, float] = (-1.0, 0.0)  # win rate, return
    newest_outcomes: list[bool] = field(default_factory=list)
    means: dict[str, list[float | None]] = field(default_factory=dict)  # of the scalars not yet reported
    finished: str = ""  # why the run is over, one of ENDS
    map_name: str = ""  # what a curriculum has changed to; "": the run's own
    map_changes: int = 0
    hooks: dict[str, Any] = field(default_factory=dict)  # what they keep, by their names
    evaluation_due: bool = False  # it was stopped in an evaluation, which a resumed run plays first


def progress_from(state: Mapping[str, Any]) -> Progress:
    """The progress that a checkpoint's state says; ValueError where it says something else."""
    newer = {"evaluation_due": False, "hooks": {}, "map_name": "", "map_changes": 0}  # than some checkpoints
    state = {**newer, **state}
    names = {item.name for item in fields(Progress)}
    if set(state) != names:
        raise ValueError(f"its state has {', '.join(sorted(set(state) ^ names))} too much or too little")
    for name, value in state.items():
        if not _sound(name, value):
            raise ValueError(f"{name} is {value!r:.60} in its state")
    plain = json.loads(json.dumps(state["hooks"]))  # dicts that are nothing more can be copied
    return Progress(**{**state, "best": tuple(state["best"]), "hooks": plain})


def _sound(name: str, value: Any) -> bool:
    if name == "evaluation_due":
        return type(value) is bool
    if name == "map_name":
        return isinstance(value, str)
    if name == "hooks":
        return isinstance(value, dict)
    if name == "finished":
        return value in ENDS
    if name == "newest_outcomes":
        return isinstance(value, list) and all(type(won) is bool for won in value)
    if name == "means":
        return isinstance(value, dict) and all(map(_is_mean, value.values()))
    if name == "best":
        return _are_numbers(value, 2)
    return _are_numbers([value], 1) and value >= 0 and (name == "wall_s" or type(value) is int)


def _is_mean(value: Any) -> bool:
    """A total, None if it was not finite, and of how many."""
    return isinstance(value, list) and len(value) == 2 and _are_numbers([value[0] or 0, value[1]], 2) and value[1] >= 1


def _are_numbers(values: Any, count: int) -> bool:
    return (
        isinstance(values, (list, tuple))
        and len(values) == count
        and all(type(value) in (int, float) and math.isfinite(value) for value in values)
    )
