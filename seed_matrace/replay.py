"""Replay files: one battle as plain arrays, whoever played it.

A ``.npz`` file of integers and floats and one JSON text, never pickled. Numbers that only eyes look at are rounded to
fixed steps (``STEPS``, ``PROBABILITY``), which keeps a battle of 57 units well under 1 MB. docs/watching.md lists them.
"""

from __future__ import annotations

import io
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seed_matrace.arrays_file import open_arrays
from seed_matrace.replay_check import DTYPES, check_replay
from seed_matrace.files import write_file
from seed_matrace.foreign_files import shown

FORMAT = "seed_matrace replay 1"
SUFFIX = ".npz"
COLUMNS = ("x", "y", "health", "shield", "gauge")
STEPS = np.array([256, 256, 16, 16, 16], np.float32)  # of each column in one unit of it
AMOUNT = 16  # steps of a hit point
PROBABILITY = 65535  # steps from 0 to 1
_MOST_BYTES = 256 * 2**20  # a battle of 57 units over 400 steps is 5 MB


@dataclass(frozen=True, eq=False)
class Replay:
    """One battle of T env steps, N agents, A actions, U units (agents first) and F frames.

    Frame 0 is the start; env step t, from 0, leads to frame ``(t + 1) * frames_per_step``. What the policy saw and
    chose at step t was seen at frame ``t * frames_per_step``.

    Attributes:
      about: what JSON says well: map, backend, unit types, outcome; see docs/watching.md.
      units: uint16 [F, 5, U], ``COLUMNS`` times ``STEPS``; the gauge is the cooldown in loops or a healer's energy.
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


def in_steps(values: np.ndarray, steps: np.ndarray | float) -> np.ndarray:
    """``values`` in fixed steps, uint16; beyond what that holds, the most it does."""
    return np.clip(np.rint(np.asarray(values) * steps), 0, 65535).astype(np.uint16)


def write_replay(path: str | os.PathLike[str], replay: Replay) -> Path:
    """Writes the file, whole or not at all.

    Raises:
      ValueError: arrays that do not fit one another.
      OSError: it cannot be written.
    """
    check_replay(replay)
    arrays = {name: np.asarray(array, DTYPES[name]) for name, array in replay.arrays().items()}
    arrays["units"] = np.diff(arrays["units"], axis=0, prepend=np.zeros_like(arrays["units"][:1]))  # small numbers
    arrays["about"] = np.frombuffer(json.dumps({"format": FORMAT, **replay.about}).encode(), np.uint8)
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)  # type: ignore[arg-type]
    write_file(path, content.getvalue())
    return Path(path)


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
        raise ValueError(f"{path} is not a replay of this program, or damaged: {error}") from None
    return replay


def _checked_about(about: Any) -> dict[str, Any]:
    """ValueError if it is none, or of another format."""
    written = about.get("format") if isinstance(about, dict) else None
    if not isinstance(about, dict) or written != FORMAT:
        raise ValueError(f"its format is {shown(written)}, this program reads {FORMAT!r}")
    return about
