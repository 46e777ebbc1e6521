"""When a run had won as much as it should: its marks, read from what it reported."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seed_matrace.learner.metrics import METRICS_FILE, read_metrics

TARGET = "target"


@dataclass(frozen=True)
class Marks:
    """What is to be reached.

    Attributes:
      training: fractions of the training battles, each won in the window of one report.
      target: fraction of the newest evaluated battles, and how many these are; None asks for none.
    """

    training: tuple[float, ...]
    target: tuple[float, int] | None

    @property
    def names(self) -> list[str]:
        """As results call them: "0.8", "0.95", "target"."""
        return [*(f"{fraction:g}" for fraction in self.training), *([TARGET] if self.target else [])]


@dataclass(frozen=True)
class Point:
    """A moment of a run: what was won of the training battles since the one before, or of an evaluation's."""

    env_steps: int
    seconds: float  # without the start-up
    won: float | None = None
    evaluated: tuple[float, int] | None = None  # fraction won, of how many battles


@dataclass(frozen=True)
class Curve:
    """A run as far as it has come."""

    points: Sequence[Point]
    start_up_s: float  # from the start of its process until the first batch was trained on
    sessions: int = 1

    @property
    def env_steps(self) -> int:
        return self.points[-1].env_steps if self.points else 0


def reached(points: Iterable[Point], marks: Marks) -> dict[str, Point | None]:
    """The first point at which each mark was reached, by its name; None where none is."""
    found: dict[str, Point | None] = dict.fromkeys(marks.names)
    battles: list[tuple[float, int]] = []
    for point in points:
        for fraction in marks.training:
            if point.won is not None and point.won >= fraction and found[f"{fraction:g}"] is None:
                found[f"{fraction:g}"] = point
        if point.evaluated is not None and marks.target and found[TARGET] is None:
            battles.append(point.evaluated)
            if _newest(battles, marks.target[1]) >= marks.target[0]:
                found[TARGET] = point
    return found


def _newest(battles: Sequence[tuple[float, int]], wanted: int) -> float:
    """Fraction won of the newest evaluations that hold ``wanted`` battles together; NaN of too few."""
    won, count = 0.0, 0
    for fraction, episodes in reversed(battles):
        won, count = won + fraction * episodes, count + episodes
        if count >= wanted:
            return won / count
    return math.nan


def curve_of(run_dir: Path, eval_episodes: int) -> Curve:
    """The points of a run; none before its first report.

    Args:
      eval_episodes: battles of each evaluation.

    Raises:
      ValueError: its reports are not what was written.
    """
    try:
        reports = read_metrics(run_dir)
    except FileNotFoundError:
        reports = []
    points: list[Point] = []
    start_ups: list[float] = []
    at_first = 0.0
    for report in reports:
        if "perf/first_update_s" in report:  # a session begins; that of a resumed run compiles again
            if not start_ups:
                at_first = _number(report, "perf/start_up_s")
            start_ups.append(_number(report, "perf/first_update_s"))
        evaluated = report.get("eval/win_rate")
        points.append(
            Point(
                report["env_steps"],
                max(report["wall_s"] - sum(start_ups), 0.0),
                report.get("train/win_rate"),
                None if evaluated is None else (evaluated, eval_episodes),
            )
        )
    return Curve(points, at_first + sum(start_ups[:1]), max(len(start_ups), 1))


def _number(report: Mapping[str, Any], key: str) -> float:
    return report.get(key) or 0.0  # null where the machine did not tell


class Winning:
    """Whether runs have reached every mark; a run's reports are read again only when there are more of them."""

    def __init__(self, marks: Mapping[Path, Marks], eval_episodes: Mapping[Path, int]) -> None:
        """Both by the directory of the run."""
        self._marks, self._eval_episodes = marks, eval_episodes
        self._known: dict[Path, tuple[int, bool]] = {}

    def enough(self, run_dir: Path) -> bool:
        try:
            size = (run_dir / METRICS_FILE).stat().st_size
        except FileNotFoundError:
            return False
        known_size, answer = self._known.get(run_dir, (-1, False))
        if size == known_size or run_dir not in self._marks:
            return answer
        try:
            points = curve_of(run_dir, self._eval_episodes[run_dir]).points
        except ValueError:
            return answer  # being cut back by a resume; what is damaged is said when results are read
        answer = None not in reached(points, self._marks[run_dir]).values()
        self._known[run_dir] = size, answer
        return answer
