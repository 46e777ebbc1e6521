"""Metrics of a run: metrics.jsonl is the record, which every other sink follows. Nothing here imports TensorFlow."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seed_matrace.files import parse_line, to_line
from seed_matrace.learner.growing_file import GrowingFile
from seed_matrace.learner.run_info import run_id

METRICS_FILE = "metrics.jsonl"
ALWAYS = ("env_steps", "wall_s", "learner_steps")  # in every report
_CHECKSUM = "perf/crc32"  # of its line; as all of "perf/" it differs between two runs of a seed
_ADVICE = (
    "the file was damaged, changed by hand, or is of another run; put back a copy of it, or remove it to go on without"
)


def report_of(env_steps: int, wall_s: float, learner_steps: int, scalars: Mapping[str, Any]) -> dict[str, Any]:
    """A report as ``metrics.jsonl`` holds it.

    Args:
      env_steps: env steps trained on so far, the x axis of everything.
      wall_s: seconds of training so far, those before a resume included.
      learner_steps: learner steps so far.
      scalars: tag -> number; NaN and infinities become None.
    """
    tags = {tag: _plain(scalars[tag]) for tag in sorted(scalars)}
    return {"env_steps": int(env_steps), "wall_s": round(float(wall_s), 3), "learner_steps": int(learner_steps), **tags}


class MetricsWriter:
    """Appends reports to ``metrics.jsonl``.

    Args:
      run_dir: the run directory, made if missing.
      resume_bytes: ``position`` at the checkpoint that the run resumes from: the file is cut back to it, so that no
        env step is reported twice. None starts the file over, as does a file that was removed.

    ``kept`` are the reports that were there and stay.

    Raises:
      ValueError: reports that the checkpoint counts are missing or damaged.
    """

    def __init__(self, run_dir: str | Path, resume_bytes: int | None = None) -> None:
        path = Path(run_dir) / METRICS_FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = resume_bytes or 0 if path.exists() else 0
        self._chain = _Chain(run_id(run_dir))
        try:
            self.kept = _reports_within(path, kept, self._chain) if kept else []
            self._file = GrowingFile(path, kept)
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

    def write(self, report: Mapping[str, Any]) -> None:
        """Appends what ``report_of`` made; it waits in memory while the disk is full."""
        self._file.append(self._chain.line_of(report))

    def close(self) -> None:
        """Closes the file; safe to call twice."""
        self._file.close()

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


def check_reports(run_dir: Path, size: int) -> None:
    """Raises ValueError unless the first ``size`` bytes of a run's reports, if it has any, are what was written."""
    if size and (run_dir / METRICS_FILE).exists():
        _reports_within(run_dir / METRICS_FILE, size, _Chain(run_id(run_dir)))


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
                if not isinstance(value, (int, float)) and (value is not None or tag in ALWAYS):
                    raise ValueError(f"{tag} is {value!r:.40}")
        except ValueError as error:
            raise ValueError(f"{path}, line {number} is not a report: {error}; {_ADVICE}") from None
        yield report


def _reports_within(path: Path, size: int, chain: _Chain) -> list[dict[str, Any]]:
    """The reports in the first ``size`` bytes of a file that can be written, too."""
    try:
        with path.open("r+b") as file:
            *lines, rest = file.read(size).split(b"\n")
    except OSError as error:
        raise ValueError(f"{path} cannot be written: {error.strerror or error}") from None
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
