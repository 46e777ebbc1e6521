"""What a run writes down about itself: metrics.jsonl, the same numbers for TensorBoard, and run.json.

``metrics.jsonl`` is the record; ``tb/`` is a copy for looking at. Nothing here imports TensorFlow.
"""

from __future__ import annotations

import importlib.metadata
import io
import json
import math
import os
import platform
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seed_matrace import __version__
from seed_matrace.learner.growing_file import GrowingFile

METRICS_FILE = "metrics.jsonl"
TENSORBOARD_DIR = "tb"
RUN_FILE = "run.json"


class MetricsWriter:
    """Appends reports to ``metrics.jsonl`` and to TensorBoard event files.

    Args:
      run_dir: the run directory, made if missing.
      resume_bytes: ``position`` at the checkpoint that the run goes on from: the file is cut back to it, so that no
        env step is reported twice. None starts the file over.
      tensorboard: whether to write event files too; they need the tensorboard package.
    """

    def __init__(self, run_dir: str | Path, resume_bytes: int | None = None, tensorboard: bool = True) -> None:
        path = Path(run_dir) / METRICS_FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        self._file = GrowingFile(path, _end_of_last_line(path, resume_bytes or 0))
        self._events: _EventFile | None = None
        if tensorboard:
            reports = read_metrics(run_dir)
            self._events = _EventFile(Path(run_dir) / TENSORBOARD_DIR, reports[-1]["env_steps"] + 1 if reports else 0)

    @property
    def position(self) -> int:
        """Bytes of metrics.jsonl written so far; a checkpoint stores it."""
        return self._file.size

    def flush(self) -> None:
        """Writes the reports that had to wait for space on the disk; OSError if there still is none."""
        self._file.append(b"")
        if self._file.problem:
            raise OSError(f"cannot write {METRICS_FILE} ({self._file.problem})")

    def write(self, env_steps: int, wall_s: float, learner_steps: int, scalars: Mapping[str, Any]) -> None:
        """Appends one report; it waits in memory while the disk is full.

        Args:
          env_steps: env steps trained on so far, the x axis of everything.
          wall_s: seconds of training so far, those before a resume included.
          learner_steps: learner steps so far.
          scalars: tag -> number; NaN and infinities are stored as null and left out of TensorBoard.
        """
        tags = {tag: _plain(scalars[tag]) for tag in sorted(scalars)}
        report = {
            "env_steps": int(env_steps),
            "wall_s": round(float(wall_s), 3),
            "learner_steps": int(learner_steps),
            **tags,
        }
        self._file.append(json.dumps(report, allow_nan=False).encode() + b"\n")
        if self._events:
            self._events.write(int(env_steps), tags)

    def close(self) -> None:
        """Closes the files; safe to call twice."""
        self._file.close()
        if self._events:
            self._events.close()

    def __enter__(self) -> MetricsWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_metrics(run_dir: str | Path) -> list[dict[str, Any]]:
    """The reports of a run, oldest first; a last line torn by a crash, or being written right now, is left out.

    Raises:
      FileNotFoundError: the directory has no metrics.jsonl.
      ValueError: a line other than the last is not a report.
    """
    path = Path(run_dir) / METRICS_FILE
    return list(_parse_reports(path, path.read_bytes().split(b"\n")[:-1]))


def _parse_reports(path: Path, lines: Sequence[bytes]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, start=1):
        try:
            report = json.loads(line)
        except ValueError as error:
            raise ValueError(f"{path}, line {number} is not a report: {error}") from None
        if not isinstance(report, dict) or "env_steps" not in report:
            raise ValueError(f"{path}, line {number} is not a report: it has no env_steps")
        yield report


def _end_of_last_line(path: Path, limit: int) -> int:
    """Where the last complete line within the first ``limit`` bytes ends."""
    with path.open("rb") as file:
        return file.read(limit).rfind(b"\n") + 1


def _plain(value: Any) -> float | None:
    """A number that JSON can hold; float32 in the shortest digits that give it back, e.g. 0.93."""
    number = np.asarray(value)
    plain = float(str(number)) if number.dtype == np.float32 else float(number)
    return plain if math.isfinite(plain) else None


class _EventFile:
    """One TensorBoard event file, written at once by the caller's thread.

    TensorBoard's own EventFileWriter imports TensorFlow to open a file and keeps a thread; its record writer does not.
    """

    def __init__(self, directory: Path, purge_step: int) -> None:
        """Opens a new file in which whatever older files hold from ``purge_step`` on no longer counts."""
        from tensorboard.compat.proto import event_pb2, summary_pb2
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._event, self._summary = event_pb2.Event, summary_pb2.Summary
        directory.mkdir(parents=True, exist_ok=True)
        # TensorBoard reads files in the order of their names.
        stem = f"events.out.tfevents.{int(time.time()):010d}.{len(list(directory.iterdir())):04d}"
        self._file = GrowingFile(directory / f"{stem}.{socket.gethostname()}.{os.getpid()}")
        self._record = RecordWriter
        start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        self._append(self._event(wall_time=time.time(), file_version="brain.Event:2"))
        self._append(self._event(wall_time=time.time(), step=purge_step, session_log=start))

    def write(self, step: int, tags: Mapping[str, float | None]) -> None:
        values = [self._summary.Value(tag=tag, simple_value=v) for tag, v in tags.items() if v is not None]
        self._append(self._event(wall_time=time.time(), step=step, summary=self._summary(value=values)))

    def _append(self, event: Any) -> None:
        piece = io.BytesIO()
        self._record(piece).write(event.SerializeToString())
        self._file.append(piece.getvalue())

    def close(self) -> None:
        self._file.close()


class ScalarMeans:
    """Averages scalars between two reports; of a tag that ends in ``_max`` it keeps the largest value."""

    def __init__(self) -> None:
        self._totals: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def add(self, scalars: Mapping[str, Any]) -> None:
        """Takes one value for each tag given; different calls may give different tags."""
        for tag, value in scalars.items():
            number = float(value)
            if tag not in self._counts:
                self._totals[tag] = number
            elif tag.endswith("_max"):
                self._totals[tag] = max(self._totals[tag], number)
            else:
                self._totals[tag] += number
            self._counts[tag] = self._counts.get(tag, 0) + 1

    def state(self) -> dict[str, list[float]]:
        """(total, count) of each tag, for a checkpoint."""
        return {tag: [total, self._counts[tag]] for tag, total in self._totals.items()}

    def set_state(self, state: Mapping[str, Sequence[float]]) -> None:
        """Puts back what ``state`` returned."""
        self._totals = {tag: total for tag, (total, _) in state.items()}
        self._counts = {tag: int(count) for tag, (_, count) in state.items()}

    def pop(self) -> dict[str, float]:
        """The mean (or largest) value of each tag since the last call; starts anew."""
        result = {
            tag: total if tag.endswith("_max") else total / self._counts[tag] for tag, total in self._totals.items()
        }
        self._totals, self._counts = {}, {}
        return result


def write_run_info(
    run_dir: str | Path, *, backend: str, map_name: str, seed: int, argv: Sequence[str], devices: str = ""
) -> None:
    """Writes run.json: what was started, when, where, with which versions; a resumed run adds itself under ``resumed``.

    Args:
      run_dir: the run directory, made if missing.
      backend: what plays the battles, with its version, e.g. "skirmish-1".
      map_name: SMAC map.
      seed: the run's seed.
      argv: the command line.
      devices: what the learner runs on.
    """
    path = Path(run_dir) / RUN_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    start = {
        "start_time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "argv": list(argv),
        "devices": devices,
        "git": _git_commit(),
        "versions": _versions(),
    }
    if path.exists():
        info = read_run_info(run_dir)
        info.pop("finished", None)
        info["resumed"] = [*info.get("resumed", []), start]
    else:
        info = {"map": map_name, "backend": backend, "seed": int(seed), **start}
    _write_run_file(path, info)


def write_finished(run_dir: str | Path, why: str) -> None:
    """Notes in run.json that the run is over, and why: its budget or its target was reached."""
    _write_run_file(Path(run_dir) / RUN_FILE, {**read_run_info(run_dir), "finished": why})


def _write_run_file(path: Path, info: Mapping[str, Any]) -> None:
    aside = path.with_suffix(".json.tmp")
    aside.write_text(json.dumps(info, indent=2) + "\n")
    os.replace(aside, path)


def read_run_info(run_dir: str | Path) -> dict[str, Any]:
    """What ``write_run_info`` wrote.

    Raises:
      FileNotFoundError: the directory has no run.json.
      ValueError: the file is not what ``write_run_info`` writes.
    """
    path = Path(run_dir) / RUN_FILE
    try:
        info = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
    missing = {"map", "backend", "seed"} - set(info)
    if missing:
        raise ValueError(f"{path} lacks {', '.join(sorted(missing))}")
    return info


def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {"python": platform.python_version(), "seed_matrace": __version__}
    for package in ("numpy", "tensorflow"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    return found


def _git_commit() -> str | None:
    """Commit of the checkout this program runs from, "-dirty" added where it was changed; None outside of one."""
    # git itself would look further up, and an installed package may lie inside somebody else's checkout.
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--match="]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip() or None
