"""The finished runs of a sweep, and the score that the tables of this folder give them."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, TypeVar

import numpy as np

from seed_matrace.config import Config
from seed_matrace.evaluation.statistics import estimate, iqm
from seed_matrace.evaluation.sweep_record import read_sweep
from seed_matrace.learner.run_directory import load_run_config
from seed_matrace.learner.run_info import why_finished
from seed_matrace.viewer.runs import Curve, Run, band, read_run

Key = TypeVar("Key")

LAST = 0.2  # fraction of a run that its score is taken from
SOLVED = 0.8  # win rate of the sampling policy that counts as having learnt a map
GREEDY, SAMPLED = "eval/win_rate", "train/win_rate"  # battles of evaluation; battles of training


class FinishedRun(NamedTuple):
    variant: str
    config: Config
    run: Run


def finished_runs(sweep_dir: str | Path) -> Iterator[FinishedRun]:
    """The runs of a sweep that are over, in its order."""
    for planned in read_sweep(sweep_dir):
        path = Path(sweep_dir) / planned.name
        if why_finished(path):
            yield FinishedRun(planned.variant, load_run_config(path)[0], read_run(path))


def grouped(sweep_dir: str | Path, key: Callable[[FinishedRun], Key]) -> dict[Key, list[Run]]:
    """Finished runs by what sets them apart, in the sweep's order; ends the program where there is none."""
    groups: dict[Key, list[Run]] = {}
    for finished in finished_runs(sweep_dir):
        groups.setdefault(key(finished), []).append(finished.run)
    return groups or sys.exit(f"{sweep_dir} has no finished run yet")


def save_results(results: Any, output: str | Path) -> None:
    """Writes OUTPUT.json."""
    path = Path(f"{output}.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n")


def score(run: Run, tag: str) -> float:
    """Mean win rate over the last fifth of the run: one evaluation of 32 battles says too little."""
    steps, values = run.curve(tag)
    return float(values[steps >= (1 - LAST) * steps[-1]].mean())


def count(runs: Sequence[Run]) -> str:
    """How many seeds stand behind a curve."""
    return "one seed" if len(runs) == 1 else f"{len(runs)} seeds"


def summary(runs: Sequence[Run]) -> dict[str, Any]:
    """What the runs of one variant achieved: scores, and their interquartile mean with its interval."""
    result: dict[str, Any] = {
        "seeds": [run.seed for run in runs],
        "env_steps": int(runs[0].reports[-1]["env_steps"]),
        "solved_at": [solved_at(run) for run in runs],
    }
    for name, tag in (("greedy", GREEDY), ("sampled", SAMPLED)):
        result[name] = aggregate([score(run, tag) for run in runs])
    return result


def aggregate(scores: Sequence[float]) -> dict[str, Any]:
    """Scores of several seeds and their interquartile mean: as numbers, and as ``text`` for a table."""
    overall = estimate(iqm, [np.array(scores)], episodes=[0])
    return {"scores": scores, "iqm": overall.value, "interval": overall.interval, "text": overall.figures()}


def solved_at(run: Run) -> int | None:
    """Env steps after which the sampling policy won 80% of its battles for the first time; None if it never did."""
    steps, values = run.curve(SAMPLED)
    solved = steps[values >= SOLVED]
    return int(solved[0]) if len(solved) else None


def solved_text(result: dict[str, Any]) -> str:
    """Median over seeds of a summary's ``solved_at``, as 1.04M; a seed that never got there counts as the latest."""
    middle = median(math.inf if at is None else at for at in result["solved_at"])
    return f"{middle / 1e6:.2f}M" if math.isfinite(middle) else "not reached"


def plot_curves(axes: Any, curves: Sequence[Curve], label: str, style: dict[str, Any]) -> None:
    """Interquartile mean and 95% interval of the curves of several seeds."""
    spread = band(curves, "iqm")
    marks = {"markevery": max(1, len(spread.env_steps) // 8), "markersize": 4}
    axes.plot(spread.env_steps, spread.middle, label=label, **style, **marks)
    axes.fill_between(spread.env_steps, spread.low, spread.high, color=style["color"], alpha=0.2, linewidth=0)


def sampled_curves(runs: Sequence[Run]) -> list[Curve]:
    """Win rate in training against env steps."""
    return [run.curve(SAMPLED) for run in runs]
