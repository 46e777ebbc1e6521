"""Checkpoints that are whole or not there: written aside, committed by one rename, checked before use.

A checkpoint is a folder: TensorFlow's variables, NumPy arrays (environments and unfinished unrolls), and state.json,
which holds the run's counters and the size and CRC-32 of every other file. Nothing in it is ever unpickled.
"""

from __future__ import annotations

import json
import os
import shutil
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from seed_matrace.learner.run_directory import CHECKPOINT_STATE

_VARIABLES = "variables"
_ARRAYS = "arrays.npz"


class CheckpointError(RuntimeError):
    """A checkpoint that cannot be used; the message says why."""


class Restored(NamedTuple):
    """A checkpoint that was restored."""

    folder: Path
    state: dict[str, Any]
    problems: list[str]  # one sentence for each newer checkpoint that was damaged and passed over


class Checkpoints:
    """The checkpoints of one run: "step-N" at env step N, and "best-N" for the best evaluated weights."""

    def __init__(self, folder: Path, keep: int) -> None:
        self._folder = folder
        self._keep = {"step": keep, "best": 1}

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
          state: JSON values, returned by ``restore``.
          arrays: NumPy arrays, returned by ``load_arrays``.

        Raises:
          OSError: not enough space or rights; the checkpoints before are untouched.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        final = self._folder / f"{kind}-{env_steps:012d}"
        aside = self._folder / f".{final.name}"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        try:
            tf.train.Checkpoint(**trackables).write(str(aside / _VARIABLES))
            np.savez(aside / _ARRAYS, **(arrays or {}))  # type: ignore[arg-type]
            files = {file.name: [file.stat().st_size, _crc(file)] for file in sorted(aside.iterdir())}
            (aside / CHECKPOINT_STATE).write_text(json.dumps({**state, "files": files}, indent=1))
            for file in (*aside.iterdir(), aside):
                _sync(file)
        except BaseException as error:
            shutil.rmtree(aside, ignore_errors=True)
            if isinstance(error, (tf.errors.OpError, OSError)):
                reason = error.message if isinstance(error, tf.errors.OpError) else error.strerror or error
                raise OSError(f"cannot write checkpoint {final} ({reason})") from None
            raise
        if final.exists():  # a resumed run came by the same step again
            shutil.rmtree(final)
        os.rename(aside, final)
        _sync(self._folder)
        self._prune(kind, final)
        return final

    def _prune(self, kind: str, newest: Path) -> None:
        """Keeps ``newest`` and those just before it; what bears a later number is of a future that was lost."""
        up_to_newest = [folder for folder in self.find(kind) if folder.name <= newest.name]
        for folder in set(self.find(kind)) - set(up_to_newest[: self._keep[kind]]):
            shutil.rmtree(folder, ignore_errors=True)

    def find(self, kind: str) -> list[Path]:
        """Committed checkpoints of one kind, newest first."""
        return sorted(self._folder.glob(f"{kind}-*"), reverse=True)

    def restore_newest(self, kind: str, trackables: Mapping[str, Any]) -> Restored | None:
        """Restores the newest intact checkpoint of a kind; None if there is none at all.

        Raises:
          CheckpointError: checkpoints exist, but none can be used.
        """
        problems: list[str] = []
        for folder in self.find(kind):
            try:
                return Restored(folder, restore(folder, trackables), problems)
            except CheckpointError as error:
                problems.append(str(error))
        if problems:
            raise CheckpointError("no checkpoint can be used: " + "; ".join(problems))
        return None


def read_state(folder: Path) -> dict[str, Any]:
    """The state saved with a checkpoint; CheckpointError if it is damaged."""
    return _verified_state(folder)


def load_arrays(folder: Path) -> dict[str, np.ndarray]:
    """The arrays saved with a checkpoint that ``restore`` has found intact."""
    with np.load(folder / _ARRAYS, allow_pickle=False) as arrays:
        return dict(arrays)


def restore(folder: Path, trackables: Mapping[str, Any]) -> dict[str, Any]:
    """Restores ``trackables``, which may be some of those saved, and returns the state saved with them.

    Raises:
      CheckpointError: damaged, or made by a network of other shapes.
    """
    state = _verified_state(folder)
    try:
        status = tf.train.Checkpoint(**trackables).read(str(folder / _VARIABLES))
        status.assert_existing_objects_matched()
        status.expect_partial()
    except (ValueError, AssertionError, tf.errors.OpError) as error:
        raise CheckpointError(f"{folder} does not fit this configuration: {str(error).splitlines()[0]}") from None
    return state


def _verified_state(folder: Path) -> dict[str, Any]:
    try:
        state = json.loads((folder / CHECKPOINT_STATE).read_text())
        files = state.pop("files")
        for name, (size, crc) in files.items():
            if (folder / name).stat().st_size != size or _crc(folder / name) != crc:
                raise CheckpointError(f"{folder} is damaged: {name} is not what was written")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{folder} is damaged: {type(error).__name__} {error}") from None
    return state


def _crc(file: Path) -> int:
    return zlib.crc32(file.read_bytes())


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
