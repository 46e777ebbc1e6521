"""What a run writes down about itself: metrics.jsonl, the same numbers for TensorBoard, and run.json.

``metrics.jsonl`` is the record; ``tb/`` is a copy for looking at. Nothing here imports TensorFlow.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import json
import math
import os
import platform
import secrets
import socket
import subprocess
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seed_matrace.files import parse_json, parse_line, read_checked, to_line, write_checked
from seed_matrace.learner.growing_file import GrowingFile
from seed_matrace.version import __version__

METRICS_FILE = "metrics.jsonl"
TENSORBOARD_DIR = "tb"
RUN_FILE = "run.json"
_ALWAYS = ("env_steps", "wall_s", "learner_steps")
_CHECKSUM = "perf/crc32"  # of its line; as all of "perf/" it differs between two runs of a seed
_ADVICE = (
    "the file was damaged, changed by hand, or is of another run; put back a copy of it, or remove it to go on without"
)


class MetricsWriter:
    """Appends reports to ``metrics.jsonl`` and to TensorBoard event files.

    Args:
      run_dir: the run directory, made if missing.
      resume_bytes: ``position`` at the checkpoint that the run goes on from: the file is cut back to it, so that no
        env step is reported twice. None starts the file over, as does a file that was removed.
      tensorboard: whether to write event files too; they need the tensorboard package.

    Raises:
      ValueError: reports that the checkpoint counts are missing or damaged.
    """

    def __init__(self, run_dir: str | Path, resume_bytes: int | None = None, tensorboard: bool = True) -> None:
        path = Path(run_dir) / METRICS_FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = resume_bytes or 0 if path.exists() else 0
        self._chain = _Chain(run_id(run_dir))
        self._events: _EventFile | None = None
        try:
            reports = _reports_within(path, kept, self._chain) if kept else []
            self._file = GrowingFile(path, kept)
            if tensorboard:
                tb = Path(run_dir) / TENSORBOARD_DIR
                self._events = _EventFile(tb, reports[-1]["env_steps"] + 1 if reports else 0)
        except OSError as error:
            raise ValueError(f"{error.filename or path} cannot be written: {error.strerror or error}") from None

    @property
    def position(self) -> int:
        """Bytes of metrics.jsonl written so far; a checkpoint stores it."""
        return self._file.size

    def flush(self) -> None:
        """Brings all reports to the disk, also those that had to wait for space; OSError if there still is none."""
        self._file.append(b"")
        self._file.sync()
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
        self._file.append(self._chain.line_of(report))
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
      ValueError: a line is not the report that was written.
    """
    path = Path(run_dir) / METRICS_FILE
    try:
        *lines, torn = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from None
    if b"}" in torn[:-1]:  # a line's end is not missing but damaged
        raise ValueError(f"{path}, line {len(lines) + 1} is not a report: it does not end where it should; {_ADVICE}")
    return list(_parse_reports(path, lines, _Chain(run_id(run_dir))))


class _Chain:
    """Checksums that each cover the one before, the first the run's id: a line tells its place and its run.

    Lines of older versions, which have none, may only come first, and only in a run that has no id.
    """

    def __init__(self, owner: str) -> None:
        self._newest = zlib.crc32(owner.encode())
        self._begun = bool(owner)

    def line_of(self, report: Mapping[str, Any]) -> bytes:
        """The line that comes next."""
        line, self._newest = to_line(report, _CHECKSUM, self._newest)
        return line.encode() + b"\n"

    def parse(self, line: bytes) -> dict[str, Any]:
        """The report in the line that comes next; ValueError if it is another one."""
        report, crc = parse_line(line, _CHECKSUM, self._newest)
        if crc is not None:
            self._newest, self._begun = crc, True
        elif self._begun:
            raise ValueError("it is not what was written there")
        return report


def _parse_reports(path: Path, lines: Sequence[bytes], chain: _Chain) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, start=1):
        try:
            report = chain.parse(line)
            if "env_steps" not in report:
                raise ValueError("it has no env_steps")
            for tag, value in report.items():
                if not isinstance(value, (int, float)) and (value is not None or tag in _ALWAYS):
                    raise ValueError(f"{tag} is {value!r:.40}")
        except ValueError as error:
            raise ValueError(f"{path}, line {number} is not a report: {error}; {_ADVICE}") from None
        yield report


def _reports_within(path: Path, size: int, chain: _Chain) -> list[dict[str, Any]]:
    """The reports in the first ``size`` bytes."""
    with path.open("rb") as file:
        *lines, rest = file.read(size).split(b"\n")
    if rest or sum(map(len, lines)) + len(lines) != size:
        raise ValueError(
            f"{path} lacks reports that the newest checkpoint counts ({size} bytes of them); put back a copy of it, or "
            "remove it to go on without"
        )
    return list(_parse_reports(path, lines, chain))


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

    def state(self) -> dict[str, list[float | None]]:
        """(total, count) of each tag, for a checkpoint; None for a total that is not finite."""
        return {
            tag: [total if math.isfinite(total) else None, self._counts[tag]] for tag, total in self._totals.items()
        }

    def set_state(self, state: Mapping[str, Sequence[float | None]]) -> None:
        """Puts back what ``state`` returned."""
        self._totals = {tag: math.nan if total is None else total for tag, (total, _) in state.items()}
        self._counts = {tag: int(count or 0) for tag, (_, count) in state.items()}

    def pop(self) -> dict[str, float]:
        """The mean (or largest) value of each tag since the last call; starts anew."""
        result = {
            tag: total if tag.endswith("_max") else total / self._counts[tag] for tag, total in self._totals.items()
        }
        self._totals, self._counts = {}, {}
        return result


def write_run_info(
    run_dir: str | Path,
    *,
    backend: str,
    map_name: str,
    seed: int,
    argv: Sequence[str],
    devices: str = "",
    init_from: str | None = None,
    num_actors: int | None = None,
    scenario: Mapping[str, str] | None = None,
    sizes: Mapping[str, Any] | None = None,
) -> None:
    """Writes run.json: what was started, when, where, with which versions; a resumed run adds itself under ``resumed``.

    From here on the directory holds a run. Its ``id`` is in each of its checkpoints, too, and its reports and results
    are bound to it; a run with one keeps checksums of its files. Runs of older versions have none, and get none.

    Args:
      run_dir: the run directory, made if missing.
      backend: what plays the battles, with its version, e.g. "skirmish-1".
      map_name: SMAC map, or the stem of a scenario file.
      seed: the run's seed.
      argv: the command line.
      devices: what the learner runs on.
      init_from: the run directory from whose weights it starts.
      num_actors: processes that step environments; what the run has unless a command says otherwise.
      scenario: of a scenario file name and digest, as ``run_directory.scenario_info`` has them.
      sizes: of the environment, where the run has to note them (``registry.noted_spec``).
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
        about = {"map": map_name, "backend": backend, "seed": int(seed)}
        info = {"id": secrets.token_hex(8), **about, "init_from": init_from, **start}
        if init_from and (of_source := run_id(init_from)):
            info["init_from_id"] = of_source  # finds it again wherever it is moved to
    if num_actors is not None:
        info["num_actors"] = num_actors
    if scenario is not None:
        info.setdefault("scenario", dict(scenario))
    if sizes is not None:
        info["sizes"] = dict(sizes)
    _write_run_file(path, info)


def write_finished(run_dir: str | Path, why: str) -> None:
    """Notes in run.json that the run is over, and why: its budget or its target was reached."""
    _write_run_file(Path(run_dir) / RUN_FILE, {**read_run_info(run_dir), "finished": why})


def write_checkpointed(run_dir: str | Path) -> None:
    """Notes in run.json that there has been a checkpoint: from now on a run without any is not one that just began."""
    with contextlib.suppress(FileNotFoundError):
        info = read_run_info(run_dir)
        if not info.get("checkpointed"):
            _write_run_file(Path(run_dir) / RUN_FILE, {**info, "checkpointed": True})


def was_checkpointed(run_dir: str | Path) -> bool:
    """Whether ``write_checkpointed`` was called; False without run.json, or of a run of an older version."""
    try:
        return bool(read_run_info(run_dir).get("checkpointed"))
    except FileNotFoundError:
        return False


def _write_run_file(path: Path, info: Mapping[str, Any]) -> None:
    write_checked(path, json.dumps(info, indent=2) + "\n")


def read_run_info(run_dir: str | Path) -> dict[str, Any]:
    """What ``write_run_info`` wrote.

    Raises:
      FileNotFoundError: the directory has no run.json.
      ValueError: the file is not what ``write_run_info`` writes.
    """
    path = Path(run_dir) / RUN_FILE
    content = read_checked(path)
    try:
        info = parse_json(content)
    except ValueError as error:
        raise ValueError(f"{path} cannot be read: {error}; put back a copy of it") from None
    if isinstance(info, dict) and "id" in info:
        read_checked(path, must_be_noted=True)
    wanted = {"map": str, "backend": str, "seed": int}
    missing = [name for name, kind in wanted.items() if not isinstance(info, dict) or type(info.get(name)) is not kind]
    if missing:
        raise ValueError(f"{path} lacks {', '.join(sorted(missing))}")
    return dict(info)


def scenario_of(run_dir: str | Path) -> str:
    """What tells the scenario file of a run from others of its name; "" of a map of SMAC's, or without run.json."""
    try:
        return str(read_run_info(run_dir).get("scenario", {}).get("sha256", ""))
    except FileNotFoundError:
        return ""


def run_id(run_dir: str | os.PathLike[str]) -> str:
    """What tells the run's checkpoints from those of others; "" of a run of an older version, or without run.json."""
    try:
        return str(read_run_info(Path(run_dir)).get("id", ""))
    except FileNotFoundError:
        return ""


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
