"""Replay files: one battle as plain arrays, whoever played it.

A ``.npz`` file of integers and floats and one JSON text, never pickled. Numbers that only eyes look at are rounded to
fixed steps (``STEPS``, ``PROBABILITY``), which keeps a battle of 57 units well under 1 MB. docs/watching.md lists them.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seed_matrace.arrays_file import open_arrays, pack_arrays
from seed_matrace.files import write_file
from seed_matrace.foreign_files import open_file, shown

FORMAT = "seed_matrace replay 1"
SUFFIX = ".npz"
STEPS = np.array([256, 256, 16, 16, 16], np.float32)  # of each column in one unit of it
AMOUNT = 16  # steps of a hit point
PROBABILITY = 65535  # steps from 0 to 1
_FORMER = b'{"format":"seed_matrace units'
_MOST_BYTES = 256 * 2**20  # a battle of 57 units over 400 steps is 5 MB
EFFECTS = ("direct", "burst", "missile", "sweep", "explosion", "heal")  # the C enum Effect of cext/battle.pxd
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


class Order(IntEnum):
    """What a unit is at; the C enum Order of cext/battle.pxd."""

    IDLE = 0
    MOVE = 1
    ATTACK = 2  # of a healer: heal
    ATTACK_MOVE = 3


@dataclass(frozen=True, eq=False)
class Replay:
    """One battle of T env steps, N agents, A actions, U units (agents first) and F frames.

    Frame 0 is the start; env step t, from 0, leads to frame ``(t + 1) * frames_per_step``. What the policy saw and
    chose at step t was seen at frame ``t * frames_per_step``.

    Attributes:
      about: what JSON says well: map, backend, unit types, outcome; see docs/watching.md.
      units: uint16 [F, 5, U], ``UNIT_ROWS`` times ``STEPS``; the gauge is the cooldown in loops or a healer's energy.
      events: uint32 [K, 5], ascending by frame: frame it led to, index in ``EVENTS``, unit, target, ``AMOUNT`` times
        health and shield taken or health restored.
      intents: int16 [T, 2, U], order (``skirmish.units.Order``) and target (-1: none) at the end of each step.
      actions: int16 [T, N].
      avail_actions: uint8 [T, N, A], 1 = could be chosen.
      probabilities: uint16 [T, N, A], ``PROBABILITY`` times the policy's; A = 0 where no policy is known.
      values: float32 [T, V], the critic's; V = 1, or N of a decentralised one, or 0 where no critic is known.
      rewards: float32 [T].
      ground: uint8 [width, height], 0 blocked, 1 walkable, 2 for cliff walkers alone.
      height: uint8 [width, height], as the game reports it.
    """

    about: dict[str, Any]
    units: np.ndarray
    events: np.ndarray
    intents: np.ndarray
    actions: np.ndarray
    avail_actions: np.ndarray
    probabilities: np.ndarray
    values: np.ndarray
    rewards: np.ndarray
    ground: np.ndarray
    height: np.ndarray

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything but ``about``, by name."""
        return {name: getattr(self, name) for name in DTYPES}

    def table(self) -> np.ndarray:
        """The units in cells, points and game loops, float32 [F, 5, U]."""
        return self.units / STEPS[:, None]


class PlayedBattle(NamedTuple):
    """A battle of T steps: the replay without what a policy made of it, and what it was shown."""

    replay: Replay
    obs: np.ndarray  # float32 [T, N, O]
    state: np.ndarray  # float32 [T, S]


@dataclass(frozen=True, eq=False)
class Seen:
    """What a policy saw and thought in a battle of T steps."""

    avail_actions: np.ndarray  # uint8 [T, N, A]
    probabilities: np.ndarray  # float [T, N, A]; A = 0: not known
    values: np.ndarray  # float [T, V]; V = 0: not known


def unknown_policy(avail_actions: np.ndarray) -> Seen:
    """What is known of a policy that nobody knows: uint8 [T, N, A], what it could choose."""
    steps, agents, _ = avail_actions.shape
    return Seen(avail_actions, np.zeros((steps, agents, 0), np.float32), np.zeros((steps, 0), np.float32))


def in_steps(values: np.ndarray, steps: np.ndarray | float) -> np.ndarray:
    """``values`` in fixed steps, uint16; beyond what that holds, the most it does."""
    return np.clip(np.rint(np.asarray(values) * steps), 0, 65535).astype(np.uint16)


def write_replay(path: str | os.PathLike[str], replay: Replay) -> Path:
    """Writes the file, whole or not at all.

    Raises:
      ValueError: arrays that do not fit one another.
      OSError: it cannot be written.
    """
    write_file(path, pack_replay(replay))
    return Path(path)


def pack_replay(replay: Replay) -> bytes:
    """What ``write_replay`` writes; ValueError likewise."""
    check_replay(replay)
    arrays = {name: np.asarray(array, DTYPES[name]) for name, array in replay.arrays().items()}
    arrays["units"] = np.diff(arrays["units"], axis=0, prepend=np.zeros_like(arrays["units"][:1]))  # small numbers
    arrays["about"] = np.frombuffer(json.dumps({"format": FORMAT, **replay.about}).encode(), np.uint8)
    return pack_arrays(arrays)


def read_replay(path: str | os.PathLike[str]) -> Replay:
    """Reads a file that ``write_replay`` wrote.

    Raises:
      ValueError: there is no such file, or it is not a replay of this version; the message says what it is.
    """
    try:
        with open_arrays(path, most_bytes=_MOST_BYTES, most_arrays=1 + len(DTYPES)) as file:
            about = _checked_about(file.document("about"))
            missing = [name for name in DTYPES if name not in file.declared]
            if missing:
                raise ValueError(f"there is no array {missing[0]!r} in it")
            arrays = {name: file.read(name) for name in DTYPES}
        if arrays["units"].ndim and arrays["units"].dtype == np.uint16:  # else it is refused below
            arrays["units"] = np.cumsum(arrays["units"], axis=0, dtype=np.uint16)
        replay = Replay(about, **arrays)
        check_replay(replay)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        if _begins_with(path, _FORMER):
            raise ValueError(
                f"{path} is what save_replay() wrote before it wrote replays ({SUFFIX}), units as JSON, and cannot be "
                "played: save the battle again"
            ) from None
        raise ValueError(f"{path} is not a replay of this program, or damaged: {error}") from None
    return replay


def _begins_with(path: str | os.PathLike[str], words: bytes) -> bool:
    with open_file(path) as file:
        return file.read(len(words)) == words


def _checked_about(about: Any) -> dict[str, Any]:
    """ValueError if it is none, or of another format."""
    written = about.get("format") if isinstance(about, dict) else None
    if not isinstance(about, dict) or written != FORMAT:
        raise ValueError(f"its format is {shown(written)}, this program reads {FORMAT!r}")
    return about


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
