"""Whether the parts of a replay fit one another, so that whatever shows it need not ask."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seed_matrace.foreign_files import shown
from seed_matrace.skirmish.units import EFFECTS, Order

if TYPE_CHECKING:
    from seed_matrace.replay import Replay

EVENTS = ("shot", "hit", "heal", "blast")  # the C enum Event of cext/battle_log.pxd
DTYPES = {
    "units": "<u2", "events": "<u4", "intents": "<i2", "actions": "<i2", "avail_actions": "|u1",
    "probabilities": "<u2", "values": "<f4", "rewards": "<f4", "ground": "|u1", "height": "|u1",
}  # fmt: skip
_MOST = {"n_agents": 1000, "frames_per_step": 1000, "loops_per_frame": 1000}  # and at least 1
_COUNTS = ("seed", "battle", "env_steps")  # may be left out
_LENGTHS = ("radius", "health", "shield", "gauge", "range", "splash_radius", "sweep_reach", "sweep_speed")
_ABOVE_ZERO = ("radius", "health", "gauge")  # divided by
_LARGEST = 1e6
_LONGEST_NAME = 200
_WIDEST = 1024  # cells


def check_replay(replay: Replay) -> None:
    """Raises ValueError with the first thing that does not fit."""
    _check_about(replay.about)
    _check_shapes(replay)
    _check_values(replay)


def _require(fits: bool, field: str, value: Any, expected: str) -> None:
    if not fits:
        raise ValueError(f"about.{field} is {shown(value)}; {expected} expected")


def _check_about(about: dict[str, Any]) -> None:
    for field in ("map", "backend"):
        _require(_is_name(about.get(field)), field, about.get(field), "a name")
    for field, most in _MOST.items():
        _require(_is_count(about.get(field), 1, most), field, about.get(field), f"1 to {most}")
    for field in _COUNTS:
        _require(_is_count(about.get(field, 0), 0, 2**63), field, about.get(field), "a whole number")
    _require(_is_number(about.get("sight_range")), "sight_range", about.get("sight_range"), "a number of cells")
    _require(isinstance(about.get("battle_won"), bool), "battle_won", about.get("battle_won"), "true or false")
    units, types = about.get("units"), about.get("types")
    _require(isinstance(units, list) and all(map(_is_name, units)), "units", units, "a list of unit types")
    _require(len(units or ()) >= about["n_agents"], "n_agents", about["n_agents"], f"at most {len(units or ())} units")
    _require(isinstance(types, dict), "types", types, "a description of every unit type")
    for name in dict.fromkeys(units or ()):
        _check_type(f"types.{name}", (types or {}).get(name))


def _check_type(field: str, kind: Any) -> None:
    _require(isinstance(kind, dict), field, kind, "a description of the unit type")
    for name in _LENGTHS:
        fits = _is_number(kind.get(name)) and (kind[name] > 0 or name not in _ABOVE_ZERO)
        _require(fits, f"{field}.{name}", kind.get(name), "a number, and above 0 if it is divided by,")
    _require(kind.get("effect") in EFFECTS, f"{field}.effect", kind.get("effect"), f"one of {', '.join(EFFECTS)}")
    _require(isinstance(kind.get("flies"), bool), f"{field}.flies", kind.get("flies"), "true or false")
    sweeps = kind["effect"] != "sweep" or kind["sweep_speed"] > 0
    _require(sweeps, f"{field}.sweep_speed", kind["sweep_speed"], "a speed above 0")


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable() and 0 < len(value) <= _LONGEST_NAME


def _is_count(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_number(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value) and 0 <= value <= _LARGEST


def _check_shapes(replay: Replay) -> None:
    steps, agents = replay.actions.shape if replay.actions.ndim == 2 else (0, 0)
    units, per_step = len(replay.about["units"]), replay.about["frames_per_step"]
    n_actions = replay.avail_actions.shape[-1] if replay.avail_actions.ndim else 0
    expected: dict[str, Sequence[int | None]] = {
        "units": (steps * per_step + 1, 5, units),
        "events": (None, 5),
        "intents": (steps, 2, units),
        "actions": (steps, replay.about["n_agents"]),
        "avail_actions": (steps, agents, n_actions),
        "probabilities": (steps, agents, None),
        "values": (steps, None),
        "rewards": (steps,),
        "ground": (None, None),
        "height": replay.ground.shape,
    }
    for name, shape in expected.items():
        array = getattr(replay, name)
        fits = len(array.shape) == len(shape) and all(b in (None, a) for a, b in zip(array.shape, shape, strict=True))
        if not fits or array.dtype != np.dtype(DTYPES[name]):
            raise ValueError(f"{name} is {array.dtype} {array.shape}; {DTYPES[name]} {tuple(shape)} expected")
    if not steps:
        raise ValueError("it has no steps")
    for name, sizes in (("probabilities", (0, n_actions)), ("values", (0, 1, agents))):
        if getattr(replay, name).shape[-1] not in sizes:
            raise ValueError(f"{name} is {getattr(replay, name).shape}; the last size should be one of {sizes}")
    if max(replay.ground.shape) > _WIDEST or not (replay.ground == 1).any():
        raise ValueError(f"ground is {replay.ground.shape}; at most {_WIDEST} cells wide and a walkable one expected")


def _check_values(replay: Replay) -> None:
    units, n_actions = len(replay.about["units"]), replay.avail_actions.shape[-1]
    for name, array, least, most in (
        ("actions", replay.actions, 0, n_actions - 1),
        ("orders of intents", replay.intents[:, 0], min(Order), max(Order)),
        ("targets of intents", replay.intents[:, 1], -1, units - 1),
    ):
        if array.size and not least <= array.min() <= array.max() <= most:
            raise ValueError(f"{name} are from {array.min()} to {array.max()}; {least} to {most} expected")
    for name in ("rewards", "values"):
        if not np.isfinite(getattr(replay, name)).all():
            raise ValueError(f"{name} are not all finite numbers")
    events = replay.events.astype(int)
    if len(events) and (events.max(axis=0)[:4] >= (len(replay.units), len(EVENTS), units, units)).any():
        raise ValueError("an event of a frame, a kind or a unit that there is not")
    if (np.diff(events[:, 0]) < 0).any():
        raise ValueError("its events are not in the order of their frames")
