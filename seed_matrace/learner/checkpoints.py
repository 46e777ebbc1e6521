"""Checkpoints that are whole or not there: written aside, committed by one rename, checked before use.

A checkpoint is a folder: TensorFlow's variables, NumPy arrays (environments and unfinished unrolls), and state.json,
which holds the run's counters, whose checkpoint it is, the size and CRC-32 of every other file, and one of itself.
Nothing in it is ever unpickled.
"""

from __future__ import annotations

import os
import re
import shutil
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from seed_matrace.arrays_file import read_arrays
from seed_matrace.files import parse_line, sync, to_line
from seed_matrace.foreign_files import parse_json
from seed_matrace.learner.run_directory import CHECKPOINT_STATE

_NAME = re.compile(r"(step|best)-(\d{12,})(?:-(\d+))?")
_MOST_ARRAYS = 10**6
_VARIABLES = "variables"
_ARRAYS = "arrays.npz"


class CheckpointError(RuntimeError):
    """A checkpoint that cannot be used; the message says why."""


class Restored(NamedTuple):
    """A checkpoint that was restored."""

    folder: Path
    state: dict[str, Any]
    arrays: dict[str, np.ndarray]
    problems: list[str]  # one sentence for each newer checkpoint that was damaged and passed over


class Checkpoints:
    """The checkpoints of one run: "step-N" at env step N, and "best-N" for the best evaluated weights.

    One that is saved at the same step again is called "step-N-1" until the one before it is gone.

    Args:
      run_id: the run's, see ``metrics.run_id``; checkpoints of other runs are refused. "" knows no other run.
    """

    def __init__(self, folder: Path, keep: int, run_id: str = "") -> None:
        self._folder = folder
        self._keep = {"step": keep, "best": 1}
        self._run_id = run_id

    def save(
        self,
        kind: str,
        env_steps: int,
        trackables: Mapping[str, Any],
        state: Mapping[str, Any],
        arrays: Mapping[str, np.ndarray] | None = None,
    ) -> Path:
        """Commits a checkpoint, then removes the oldest of its kind.

        Args:
          kind: "step" or "best".
          trackables: what ``tf.train.Checkpoint`` takes.
          state: JSON values, returned by ``restore_newest``.
          arrays: NumPy arrays, returned by ``restore_newest``.

        Raises:
          OSError: not enough space or rights; the checkpoints before are untouched.
        """
        final = self._unused(kind, env_steps)
        aside = self._folder / f".{final.name}"
        about = {"run": self._run_id, "kind": kind, "env_steps": env_steps}
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for left_by_a_kill in self._folder.glob(".*"):
                shutil.rmtree(left_by_a_kill, ignore_errors=True)
            aside.mkdir()
            tf.train.Checkpoint(**trackables).write(str(aside / _VARIABLES))
            np.savez(aside / _ARRAYS, **(arrays or {}))  # type: ignore[arg-type]
            files = {file.name: [file.stat().st_size, _crc(file)] for file in sorted(aside.iterdir())}
            (aside / CHECKPOINT_STATE).write_text(to_line({**state, **about, "files": files})[0])
            for file in (*aside.iterdir(), aside):
                sync(file)
            os.rename(aside, final)
            sync(self._folder)
            sync(self._folder.parent)
        except BaseException as error:
            shutil.rmtree(aside, ignore_errors=True)
            if isinstance(error, (tf.errors.OpError, OSError)):
                reason = error.message if isinstance(error, tf.errors.OpError) else error.strerror or error
                raise OSError(f"cannot write checkpoint {final} ({reason})") from None
            raise
        self._prune(kind, final)
        plain = self._folder / f"{kind}-{env_steps:012d}"
        return final if plain.exists() else final.rename(plain)

    def _unused(self, kind: str, env_steps: int) -> Path:
        """A name for a new checkpoint that sorts behind those of the same step, which a resumed run came by again."""
        name = f"{kind}-{env_steps:012d}"
        again = [_order(folder)[1] for folder in self.find(kind) if _order(folder)[0] == env_steps]
        return self._folder / (f"{name}-{max(again) + 1}" if again else name)

    def _prune(self, kind: str, newest: Path) -> None:
        """Keeps ``newest`` and those of steps just before; what bears a later number is of a lost future."""
        found = self.find(kind)
        by_step: dict[int, Path] = {}
        for folder in found:
            if _order(folder) <= _order(newest):
                by_step.setdefault(_order(folder)[0], folder)
        for folder in set(found) - set([*by_step.values()][: self._keep[kind]]):
            shutil.rmtree(folder, ignore_errors=True)

    def find(self, kind: str) -> list[Path]:
        """Committed checkpoints of one kind, newest first."""
        named = [folder for folder in self._folder.glob(f"{kind}-*") if _NAME.fullmatch(folder.name)]
        return sorted(named, key=_order, reverse=True)

    def problems(self, kind: str) -> list[str]:
        """What is wrong with the checkpoints of a kind, a sentence for each; [] if one of them is intact."""
        found = []
        for folder in self.find(kind):
            try:
                _read_state(folder, self._run_id)
            except CheckpointError as error:
                found.append(str(error))
            else:
                return []
        return found or [f"{self._folder} has no {kind} checkpoint"]

    def restore_newest(
        self, kind: str, trackables: Mapping[str, Any], check: Callable[[Mapping[str, Any]], object] = lambda _: None
    ) -> Restored | None:
        """Restores the newest intact checkpoint of a kind; None if there is none at all.

        Args:
          trackables: may be some of those saved.
          check: raises ValueError about a state that cannot be used.

        Raises:
          CheckpointError: checkpoints exist, but none can be used.
        """
        problems: list[str] = []
        seen: set[Path] = set()
        while waiting := [folder for folder in self.find(kind) if folder not in seen]:
            folder = waiting[0]
            seen.add(folder)
            try:
                state = _read_state(folder, self._run_id)
                try:
                    check(state)
                except ValueError as error:
                    raise CheckpointError(f"{folder} is damaged: {error}") from None
                arrays = _load_arrays(folder)
                _restore(folder, trackables)
                return Restored(folder, state, arrays, problems)
            except CheckpointError as error:
                if folder.exists():  # else a run that is at work has put a newer one in its place
                    problems.append(str(error))
        if problems:
            raise CheckpointError("no checkpoint can be used: " + "; ".join(problems))
        return None


def _order(folder: Path) -> tuple[int, int]:
    """By which checkpoints of one kind are sorted: env steps, and the how-manieth there."""
    _, env_steps, again = _NAME.fullmatch(folder.name).groups()  # type: ignore[union-attr]
    return int(env_steps), int(again or 0)


def _read_state(folder: Path, run_id: str) -> dict[str, Any]:
    """The state saved with a checkpoint all of whose files are what was written.

    Checkpoints of older versions, whose state.json has no checksum and names no run, are read if all that they do say
    agrees.

    Raises:
      CheckpointError: damaged, renamed, or of another run than ``run_id``.
    """
    try:
        return _verified_state(folder, run_id)
    except CheckpointError:
        raise
    except OSError as error:
        name = Path(error.filename or folder).name
        raise CheckpointError(f"{folder} is damaged: {name} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise CheckpointError(f"{folder} is damaged: {CHECKPOINT_STATE}: {error}") from None
    except (KeyError, TypeError, AttributeError):
        raise CheckpointError(f"{folder} is damaged: {CHECKPOINT_STATE} is not what was written") from None


def _load_arrays(folder: Path) -> dict[str, np.ndarray]:
    """The arrays saved with a checkpoint; CheckpointError if they cannot be read."""
    path = folder / _ARRAYS
    try:
        return read_arrays(path, most_bytes=path.stat().st_size, most_arrays=_MOST_ARRAYS)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{folder} is damaged: {_ARRAYS} cannot be read: {error}") from None


def _restore(folder: Path, trackables: Mapping[str, Any]) -> None:
    try:
        status = tf.train.Checkpoint(**trackables).read(str(folder / _VARIABLES))
        status.assert_existing_objects_matched()
        status.expect_partial()
    except Exception as error:  # TensorFlow has many kinds
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"{folder} does not fit this configuration: {said}") from None


def _verified_state(folder: Path, run_id: str) -> dict[str, Any]:
    content = (folder / CHECKPOINT_STATE).read_bytes()
    state, checked = parse_line(content) if b"\n" not in content else (parse_json(content), None)
    files = state.pop("files")
    about = {name: state.pop(name) for name in ("run", "kind") if name in state}
    if about and checked is None:
        raise CheckpointError(f"{folder} is damaged: {CHECKPOINT_STATE} is not what was written")
    name = _NAME.fullmatch(folder.name)
    steps = state["env_steps"]
    if type(steps) is not int or not name or (about.get("kind", name[1]), steps) != (name[1], int(name[2])):
        raise CheckpointError(
            f"{folder} is not the checkpoint that it is called: it holds {about.get('kind', '')}-{steps!r:.40}"
        )
    if about.get("run") and run_id and about["run"] != run_id:
        raise CheckpointError(f"{folder} is a checkpoint of another run")
    there = {file.name for file in folder.iterdir()} - {CHECKPOINT_STATE}
    if there != set(files):
        raise CheckpointError(f"{folder} is damaged: {', '.join(sorted(there ^ set(files)))} is missing or was added")
    for file, (size, crc) in files.items():
        if (folder / file).stat().st_size != size or _crc(folder / file) != crc:
            raise CheckpointError(f"{folder} is damaged: {file} is not what was written")
    return state


def _crc(file: Path) -> int:
    return zlib.crc32(file.read_bytes())
