"""What plots and reports know of runs: their curves, what sets them apart, and several of them as a band."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seed_matrace.config import decides_learning, options
from seed_matrace.evaluation.statistics import MIN_RUNS, bootstrap_interval, iqm
from seed_matrace.evaluation.sweep_record import PLAIN_VARIANT
from seed_matrace.learner.metrics import read_metrics
from seed_matrace.learner.run_directory import OPERATIVE_CONFIG, load_run_config
from seed_matrace.learner.run_info import read_run_info, scenario_of
from seed_matrace.registered import OPEN
from seed_matrace.skirmish.maps import map_names

_NO_VARIANT = ("env.map_name", "env.backend", "run.report_fraction", "run.checkpoint_fraction")


class Curve(NamedTuple):
    """Values of one tag in one run; reports without the tag, or with a null, are left out."""

    env_steps: np.ndarray  # float64 [reports], ascending
    values: np.ndarray  # float64 [reports]


class Band(NamedTuple):
    """Several runs at once, over the env steps that all of them have reached."""

    env_steps: np.ndarray
    low: np.ndarray
    middle: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class Run:
    """A run as plots need it, or several of one configuration and seed, ``parts``, which count as one."""

    path: Path
    map_name: str
    backend: str
    seed: int
    reports: Sequence[dict[str, Any]]
    parts: tuple[Run, ...] = ()

    def curve(self, tag: str) -> Curve:
        """The values of ``tag`` in the order of env steps; of several runs their mean, as far as all have it."""
        if self.parts:
            return _mean([curve for part in self.parts if len((curve := part.curve(tag)).values)])
        points = [(report["env_steps"], report[tag]) for report in self.reports if report.get(tag) is not None]
        return Curve(*np.array(points, np.float64).reshape(-1, 2).T)

    def throughput(self) -> Curve:
        """Env steps per second over the last 25th of the run, pauses for evaluation and checkpoints included.

        The rate of a single report says little: reports may be a few learner steps apart.
        """
        timed = [report for report in self.reports if "wall_s" in report]
        points = np.array([(report["env_steps"], report["wall_s"]) for report in timed], np.float64).reshape(-1, 2)
        points = points[np.append(np.diff(points[:, 0]) != 0, True)]  # an evaluation reports at an env step once more
        window = max(1, len(points) // 25)
        steps, seconds = (points[window:] - points[:-window]).T
        measured = seconds > 0
        return Curve(points[window:, 0][measured], steps[measured] / seconds[measured])


def read_run(run_dir: str | Path) -> Run:
    """Reads run.json and metrics.jsonl; a run that has reported nothing yet has no reports.

    Raises:
      ValueError: not a run directory.
    """
    path = Path(run_dir)
    try:
        info = read_run_info(path)
    except FileNotFoundError:
        raise ValueError(f"{path} is not a run directory: it has no run.json") from None
    try:
        reports = read_metrics(path)
    except FileNotFoundError:
        reports = []
    return Run(path, info["map"], info["backend"], info["seed"], reports)


def each_run(runs: Iterable[Run]) -> list[Run]:
    """The runs themselves, also those that count as one seed."""
    return [part for run in runs for part in (run.parts or (run,))]


def one_per_seed(runs: Iterable[Run]) -> list[Run]:
    """Runs of one configuration such that each map, backend and seed is there once: what is there again is averaged."""
    groups: dict[tuple[str, str, int], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.map_name, run.backend, run.seed), []).append(run)
    return [parts[0] if len(parts) == 1 else replace(parts[0], parts=tuple(parts)) for parts in groups.values()]


def averages_said(variants: Mapping[str, Sequence[Run]]) -> list[str]:
    """A sentence for each seed of which there are several runs."""
    return [
        f"{name}, {run.map_name}: {len(run.parts)} runs of seed {run.seed} count as one seed, their mean: "
        f"{', '.join(str(part.path) for part in run.parts)}"
        for name, runs in variants.items()
        for run in runs
        if run.parts
    ]


def tell_maps_apart(runs: Sequence[Run]) -> list[Run]:
    """The runs, with maps called after their contents, too, where a name alone does not say which one is meant.

    That is where scenario files of one name differ, or where one is called like a map of SMAC's.
    """
    scenarios = [scenario_of(run.path) for run in runs]
    contents: dict[str, set[str]] = {name: {""} for name in map_names()}
    for run, scenario in zip(runs, scenarios, strict=True):
        contents.setdefault(run.map_name, set()).add(scenario)
    return [
        replace(run, map_name=f"{run.map_name} ({scenario})") if scenario and len(contents[run.map_name]) > 1 else run
        for run, scenario in zip(runs, scenarios, strict=True)
    ]


def band(curves: Sequence[Curve], statistic: str = "median") -> Band:
    """Middle and spread of several runs, interpolated at every env step that one of them reported.

    ``median`` has the quartiles from four runs on, ``iqm`` the 95% bootstrap interval from three on; fewer runs have
    minimum and maximum (``spread_name`` says which). The band spans the env steps that every run covers: further out,
    runs that went on would stand for those that stopped.
    """
    steps, values = _side_by_side(curves)
    if statistic == "iqm" and len(curves) >= MIN_RUNS and len(steps):
        low, high = bootstrap_interval(iqm, [values.T])
        return Band(steps, low, iqm([values.T]), high)
    low_percent, high_percent = (25, 75) if statistic == "median" and len(curves) >= 4 else (0, 100)
    low, high = np.percentile(values, (low_percent, high_percent), axis=0)
    return Band(steps, low, iqm([values.T]) if statistic == "iqm" else np.median(values, axis=0), high)


def _side_by_side(curves: Sequence[Curve]) -> tuple[np.ndarray, np.ndarray]:
    """Env steps that all curves cover, at every report of one of them, and the curves there, [curves, env steps]."""
    if not all(len(c.env_steps) for c in curves):
        return np.empty(0), np.empty((len(curves), 0))
    first, last = max(c.env_steps[0] for c in curves), min(c.env_steps[-1] for c in curves)
    steps = np.unique(np.concatenate([c.env_steps for c in curves]))
    steps = steps[(steps >= first) & (steps <= last)]
    return steps, np.stack([np.interp(steps, c.env_steps, c.values) for c in curves])


def _mean(curves: Sequence[Curve]) -> Curve:
    if not curves:
        return Curve(np.empty(0), np.empty(0))
    steps, values = _side_by_side(curves)
    return Curve(steps, values.mean(axis=0))


def spread_name(num_runs: int, statistic: str = "median") -> str:
    """What ``band`` shows of so many runs: "median and quartiles"."""
    if statistic == "iqm":
        return "IQM and 95% interval" if num_runs >= MIN_RUNS else "mean and range"
    return "median and quartiles" if num_runs >= 4 else "median and range"


def spreads_named(groups: Iterable[Sequence[Run]], statistic: str) -> list[str]:
    """What the bands of several groups show, if it is one and the same of all that have one."""
    names = {spread_name(len(runs), statistic) for runs in groups if len(runs) > 1}
    return list(names) if len(names) == 1 else []


def seeds_text(runs: Sequence[Run]) -> str:
    """As ``seed 7``, ``seeds 1, 2, 6``, ``seeds 0-4``, ``12 seeds`` or ``seeds 0-4 (seed 1: mean of 2 runs)``."""
    several = [f"seed {run.seed}: mean of {len(run.parts)} runs" for run in runs if run.parts]
    return _seeds(sorted(run.seed for run in runs)) + (f" ({', '.join(several)})" if several else "")


def _seeds(seeds: Sequence[int]) -> str:
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    if len(seeds) > 2 and seeds == list(range(seeds[0], seeds[-1] + 1)):
        return f"seeds {seeds[0]}-{seeds[-1]}"
    return f"seeds {', '.join(map(str, seeds))}" if len(seeds) <= 8 else f"{len(seeds)} seeds"


def by_variant(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Runs of one configuration, see ``one_per_seed``, under a name that says what sets it apart from the others.

    Only options that decide what is learnt count, and only where they differ between runs of one map: what a map's own
    gin file sets is no variant.
    """
    settings = [_settings(run) for run in runs]
    apart: dict[str, None] = {}
    for map_name in dict.fromkeys(run.map_name for run in runs):
        here = [chosen for run, chosen in zip(runs, settings, strict=True) if run.map_name == map_name]
        apart |= dict.fromkeys(name for name in _names(here) if len({repr(s.get(name)) for s in here}) > 1)
    groups: dict[str, list[Run]] = {}
    for run, chosen in zip(runs, settings, strict=True):
        groups.setdefault(_label({name: chosen.get(name) for name in apart}), []).append(run)
    return {name: one_per_seed(of_variant) for name, of_variant in groups.items()}


def _settings(run: Run) -> dict[str, Any]:
    if not (run.path / OPERATIVE_CONFIG).exists():
        return {}
    chosen = options(load_run_config(run.path, registry=OPEN)[0])
    return {name: value for name, value in chosen.items() if decides_learning(name) and name not in _NO_VARIANT}


def _names(settings: Iterable[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for chosen in settings for name in chosen))


def _label(chosen: dict[str, Any]) -> str:
    return ", ".join(f"{name.rpartition('.')[2]}={_value(value)}" for name, value in chosen.items()) or PLAIN_VARIANT


def _value(value: Any) -> str:
    return "x".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
