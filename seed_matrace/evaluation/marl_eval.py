"""What the reader of marl-eval 0.0.4 takes of merged results, and what it would stumble over.

Its ``create_matrices_for_rliable`` goes by the first run of an environment: every other one must have the same steps,
the same metrics and ``absolute_metrics``, every variant the same seeds, every map the same variants. It reads names in
lower case, and steps by their number, not by their env steps.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from seed_matrace.evaluation.results import ABSOLUTE, evaluations_of
from seed_matrace.learner.run_info import why_finished

_SHOWN = 3  # runs that a sentence names


def of_equal_length(merged: dict[str, Any]) -> dict[str, Any]:
    """The results with the evaluations that all runs of an environment have by their number, and absolute metrics."""
    return {
        environment: {
            task: {
                algorithm: {run: _first(steps, _fewest(tasks)) for run, steps in runs.items()}
                for algorithm, runs in algorithms.items()
            }
            for task, algorithms in tasks.items()
        }
        for environment, tasks in merged.items()
    }


def what_is_missing(merged: dict[str, Any], path_of: Callable[[str], Path], sweep_dir: Path) -> list[str]:
    """What keeps ``merged`` from being read as it is, a sentence each: which runs lack what, and what mends it.

    Args:
      path_of: the run directory of "task/algorithm/run".
    """
    sentences: list[str] = []
    for tasks in merged.values():
        sentences += [
            *_absent(tasks, sweep_dir),
            *_without_absolute(tasks, path_of),
            *_cut(tasks, path_of),
            *_not_at_the_same_steps(tasks),
            *_spelt_alike(tasks),
        ]
    return sentences


def _absent(tasks: dict[str, Any], sweep_dir: Path) -> Iterator[str]:
    algorithms = dict.fromkeys(name for of_task in tasks.values() for name in of_task)
    seeds = dict.fromkeys(name for of_task in tasks.values() for runs in of_task.values() for name in runs)
    absent = [
        f"{task}/{algorithm}/{seed}"
        for task in tasks
        for algorithm in algorithms
        for seed in seeds
        if seed not in tasks[task].get(algorithm, {})
    ]
    if absent:
        yield (
            f"marl-eval needs the same variants and seeds on every map, and there is no finished {_listed(absent)}: "
            f"seed-matrace sweep --sweep_dir={shlex.quote(str(sweep_dir))} goes on with those that are planned."
        )


def _without_absolute(tasks: dict[str, Any], path_of: Callable[[str], Path]) -> Iterator[str]:
    without = [name for name, steps in _runs(tasks) if ABSOLUTE not in steps]
    if without:
        yield (
            f"marl-eval needs the absolute metric of every run, and there is none of {_listed(without)}: "
            f"{_train(path_of(without[0]), 'evaluation.absolute_episodes=320')} plays it with the best weights, "
            f"{_of_each(without)}."
        )


def _cut(tasks: dict[str, Any], path_of: Callable[[str], Path]) -> Iterator[str]:
    counts = {name: len(evaluations_of(steps)) for name, steps in _runs(tasks)}
    shortest = min(counts, key=lambda name: counts[name])
    longer = [name for name, count in counts.items() if count > counts[shortest]]
    if longer:
        short = [name for name in counts if name not in longer]
        mends = "give all runs one budget and one evaluation.every_env_steps"
        if why_finished(path_of(shortest)) == "target":
            mends = f"{_train(path_of(shortest), 'run.stop_win_rate=0')} uses up a run's budget, {_of_each(short)}"
        yield (
            f"marl-eval takes runs of equal length, so results.json holds the first {counts[shortest]} evaluations of "
            f"each, all that there are of {_listed(short)}, where others have up to {max(counts.values())}: {mends}."
        )


def _not_at_the_same_steps(tasks: dict[str, Any]) -> Iterator[str]:
    count = _fewest(tasks)
    for task, algorithms in tasks.items():
        entries = [evaluations_of(steps) for runs in algorithms.values() for steps in runs.values()]
        last = [entry[count - 1]["step_count"] for entry in entries if count]
        if count > 1 and max(last) - min(last) > min(last) / (2 * (count - 1)):
            yield (
                f"marl-eval takes evaluations by their number, and number {count} of {task} came after {min(last):,} "
                f"to {max(last):,} env steps: its curves do not compare; give all runs one evaluation.every_env_steps."
            )


def _spelt_alike(tasks: dict[str, Any]) -> Iterator[str]:
    for names in [tasks, *tasks.values()]:
        spellings: dict[str, list[str]] = {}
        for name in names:
            spellings.setdefault(name.lower(), []).append(name)
        for alike in spellings.values():
            if len(alike) > 1:
                yield f"marl-eval reads names in lower case and takes {' and '.join(alike)} for one: rename one."


def _runs(tasks: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for task, algorithms in tasks.items():
        for algorithm, runs in algorithms.items():
            for run, steps in runs.items():
                yield f"{task}/{algorithm}/{run}", steps


def _fewest(tasks: dict[str, Any]) -> int:
    return min(len(evaluations_of(steps)) for _, steps in _runs(tasks))


def _first(steps: dict[str, Any], count: int) -> dict[str, Any]:
    kept = [name for name in steps if name != ABSOLUTE][:count]
    return {name: steps[name] for name in [*kept, *([ABSOLUTE] if ABSOLUTE in steps else [])]}


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _train(run_dir: Path, param: str) -> str:
    return f"seed-matrace train --run_dir={shlex.quote(str(run_dir))} --gin_param={param}"


def _of_each(names: Sequence[str]) -> str:
    return "and so on for each" if len(names) > 1 else "no more is needed"
