"""``eval/results.json``: how every evaluated episode went, in the format of marl-eval (Gorsane et al. 2022).

{environment: {task: {algorithm: {"seed_7": {"step_0": {step_count, elapsed_time, win_rate: [...], ...}, ...,
"absolute_metrics": {win_rate: [...], ...}}}}}}. The environment names its backend, as "smac-skirmish-3": results of
two backends never meet under one key.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from seed_matrace.envs.backend import SMAC_PREFIX
from seed_matrace.envs.backends import backend_stamped
from seed_matrace.files import read_checked, write_checked
from seed_matrace.foreign_files import parse_json
from seed_matrace.learner.run_info import read_run_info, run_id
from seed_matrace.types import EpisodeStats

RESULTS_FILE = Path("eval", "results.json")
ABSOLUTE = "absolute_metrics"
_ADVICE = "put back a copy of it, or remove it to go on without"
_LEVELS = ("environment", "task", "algorithm", "run")


class ResultsWriter:
    """Keeps ``eval/results.json`` of one run; the file on disk is whole at any moment.

    Args:
      run_dir: the run directory; ``eval`` is made in it if missing.
      backend: what plays the battles, with its version, e.g. "skirmish-1".
      map_name: SMAC map.
      seed: the run's seed.
      algorithm: name of the algorithm's variant; marl-eval allows no comma in it.
      resume_env_steps: env steps of the checkpoint that the run resumes from: later evaluations are dropped, as is
        the absolute metric. None starts over.
      won: whether episodes are won or lost; if not, no win rates are written.

    Raises:
      ValueError: the file to resume is not of this run, or ``algorithm`` has a comma.
    """

    def __init__(
        self,
        run_dir: str | Path,
        *,
        backend: str,
        map_name: str,
        seed: int,
        algorithm: str = "matrace",
        resume_env_steps: int | None = None,
        won: bool = True,
    ) -> None:
        if "," in algorithm:
            raise ValueError(f"algorithm must not contain a comma (marl-eval), not {algorithm!r}")
        self._path = Path(run_dir) / RESULTS_FILE
        self._won = won
        self._owner = run_id(run_dir)
        environment, task, run = keys_of_run(backend, map_name, seed)
        self._keys = (environment, task, algorithm, run)
        self._steps: list[dict[str, Any]] = []
        self._absolute: dict[str, list] | None = None
        self._unsaved = False
        if resume_env_steps is None:
            self._path.unlink(missing_ok=True)
        elif self._path.exists():
            steps = evaluations_of(_run_of(read_results(run_dir), self._keys, self._path))
            self._steps = [step for step in steps if step["step_count"] <= resume_env_steps]
            self._save()

    def append(self, env_steps: int, elapsed_s: float, stats: EpisodeStats) -> None:
        """Adds the episodes of one evaluation; after an OSError ``flush`` or the next one writes them.

        Args:
          env_steps: env steps trained on when the weights were taken.
          elapsed_s: seconds of training until then.
          stats: arrays [episodes].
        """
        self._steps.append({"step_count": int(env_steps), "elapsed_time": round(elapsed_s, 3), **self._outcomes(stats)})
        self._save()

    def flush(self) -> None:
        """Writes what could not be written before; OSError if it still cannot."""
        if self._unsaved:
            self._save()

    def set_absolute(self, stats: EpisodeStats) -> None:
        """Stores the absolute metric: many more episodes, played with the best weights of the run."""
        self._absolute = self._outcomes(stats)
        self._save()

    def _outcomes(self, stats: EpisodeStats) -> dict[str, list]:
        """One entry per episode: won or not as 1.0 and 0.0, so that the mean is the win rate."""
        return {
            **({"win_rate": [float(won) for won in stats.battle_won]} if self._won else {}),
            "return": [float(str(value)) for value in stats.episode_return],  # float32 in its shortest digits
            "length": [int(value) for value in stats.length],
            "dead_allies": [int(value) for value in stats.dead_allies],
            "dead_enemies": [int(value) for value in stats.dead_enemies],
        }

    def _save(self) -> None:
        self._unsaved = True
        content: dict[str, Any] = {f"step_{i}": step for i, step in enumerate(self._steps)}
        if self._absolute is not None:
            content[ABSOLUTE] = self._absolute
        for key in reversed(self._keys):
            content = {key: content}
        write_checked(self._path, json.dumps(content), owner=self._owner)
        self._unsaved = False


def read_results(run_dir: str | Path) -> dict[str, Any]:
    """The whole of a run's ``eval/results.json``.

    Raises:
      FileNotFoundError: the run has no evaluation yet.
      ValueError: the file is not what was written, or is of another run.
    """
    path, owner = Path(run_dir) / RESULTS_FILE, run_id(run_dir)
    content = read_checked(path, _ADVICE, owner=owner, must_be_noted=bool(owner))
    try:
        results = parse_json(content)
        _check(results)
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}; {_ADVICE}") from None
    with contextlib.suppress(FileNotFoundError):
        info = read_run_info(run_dir)
        environment, task, run = keys_of_run(info["backend"], info["map"], info["seed"])
        for algorithm in _run_of(results, (environment, task), path).values():
            _run_of(algorithm, (run,), path)
    return dict(results)


def keys_of_run(backend: str, map_name: str, seed: int) -> tuple[str, str, str]:
    """What a run's results stand under: environment, task and run."""
    of = backend_stamped(backend)
    return f"{SMAC_PREFIX}{backend}" if of and of.is_smac else backend, map_name, f"seed_{seed}"


def _check(results: Any) -> None:
    """Raises ValueError unless it is what ``ResultsWriter`` writes, of however many runs."""
    inner = [("all", results)]
    for level in (*_LEVELS, "step"):
        if not all(isinstance(value, dict) for _, value in inner):
            raise ValueError(f"it is not made of each {level}'s name and results")
        inner = [item for _, value in inner for item in value.items()]
    for name, step in inner:
        if not isinstance(step, dict) or (name != ABSOLUTE and type(step.get("step_count")) is not int):
            raise ValueError(f"{name!r:.40} has no step_count")
        won = step.get("win_rate", [0.0])
        if not isinstance(won, list) or not won or not all(isinstance(value, (int, float)) for value in won):
            raise ValueError(f"win_rate of {name!r:.40} is no list of numbers")


def only_run(results: dict[str, Any], run_dir: str | Path) -> tuple[list[str], dict[str, Any]]:
    """The keys (environment, task, algorithm, run) of a run's file, and its entries by step.

    Raises:
      ValueError: the file holds several of them.
    """
    keys: list[str] = []
    inner: dict[str, Any] = results
    for level in _LEVELS:
        if len(inner) != 1:
            raise ValueError(f"the results of {run_dir} hold {len(inner)} of what should be one {level}")
        ((name, inner),) = inner.items()
        keys.append(name)
    return keys, inner


def evaluations_of(run: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The entries of one run but for its absolute metric, by env steps."""
    return sorted((step for name, step in run.items() if name != ABSOLUTE), key=lambda step: step["step_count"])


def merge_results(runs: Iterable[tuple[str, str | Path]], tasks: Mapping[Path, str] | None = None) -> dict[str, Any]:
    """The results of many runs in one, each under the name of its variant; runs without an evaluation are left out.

    Args:
      runs: name of the variant and run directory of each; commas in names become semicolons, as marl-eval allows none.
      tasks: what the map of a run directory is to be called, where its results do not say enough.
    """
    merged: dict[str, Any] = {}
    for variant, run_dir in runs:
        if not (Path(run_dir) / RESULTS_FILE).is_file():
            continue
        (environment, task, _, run_name), run = only_run(read_results(run_dir), run_dir)
        task = (tasks or {}).get(Path(run_dir), task)
        algorithms = merged.setdefault(environment, {}).setdefault(task, {})
        algorithms.setdefault(variant.replace(",", ";"), {})[run_name] = run
    return merged


def _run_of(results: dict[str, Any], keys: tuple[str, ...], path: Path) -> dict[str, Any]:
    for key in keys:
        if key not in results:
            raise ValueError(f"{path} holds results of {', '.join(map(repr, results))}, this run is {key!r}; {_ADVICE}")
        results = results[key]
    return results
