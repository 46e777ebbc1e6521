"""The scores of many runs, side by side, as long as they compare."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from seed_matrace.envs.backend import SMAC_PREFIX
from seed_matrace.evaluation.results import ABSOLUTE, evaluations_of, only_run, read_results
from seed_matrace.evaluation.statistics import Estimate, Measure, Sample, estimate
from seed_matrace.learner.run_info import scenario_of

ENV_STEPS = "env_steps"


@dataclass(frozen=True)
class Score:
    """What one run achieved.

    Attributes:
      variant: what was tried, e.g. "entropy_cost=0.1".
      task: SMAC map.
      backend: what played the battles, with its version, e.g. "skirmish-1".
      seed: the run's seed.
      win_rate: fraction of battles won.
      episodes: how many battles that is.
      steps: how long it was trained, in ``step_unit``.
      step_unit: "env_steps", or what another tool counted.
      kind: "final" (the last evaluation) or "absolute" (the best weights replayed over many episodes).
      scenario: what tells a scenario file from others of its name; "" for a map of SMAC's.
    """

    variant: str
    task: str
    backend: str
    seed: int
    win_rate: float
    episodes: int
    steps: int
    step_unit: str = ENV_STEPS
    kind: str = "final"
    scenario: str = ""


def read_scores(run_dir: str | Path, variant: str) -> dict[str, Score]:
    """The final score of a run, and its absolute one if that was played, by kind.

    There is none before an evaluation, and where nobody wins.

    Raises:
      ValueError: there is no such directory, or its ``eval/results.json`` is not that of one run.
    """
    if not Path(run_dir).is_dir():
        raise ValueError(f"{run_dir} is not a run directory: it does not exist")
    try:
        results = read_results(run_dir)
    except FileNotFoundError:
        return {}
    (environment, task, _, run_name), run = only_run(results, run_dir)
    steps = evaluations_of(run)
    if not steps or "win_rate" not in steps[-1]:
        return {}

    scenario = scenario_of(run_dir)

    def score(outcomes: dict[str, Any], kind: str) -> Score:
        won = outcomes["win_rate"]
        return Score(
            variant=variant,
            task=task,
            backend=environment.removeprefix(SMAC_PREFIX),
            seed=int(run_name.removeprefix("seed_")),
            win_rate=float(np.mean(won)),
            episodes=len(won),
            steps=int(steps[-1]["step_count"]),
            kind=kind,
            scenario=scenario,
        )

    scores = {"final": score(steps[-1], "final")}
    if ABSOLUTE in run:
        scores["absolute"] = score(run[ABSOLUTE], "absolute")
    return scores


def one_score_per_seed(scores: Iterable[Score]) -> list[Score]:
    """Scores in which several runs of one variant, task and seed count as one: their mean, of all their episodes."""
    groups: dict[tuple[Any, ...], list[Score]] = {}
    for score in scores:
        key = (score.variant, score.task, score.seed, score.backend, score.step_unit, score.kind, score.scenario)
        groups.setdefault(key, []).append(score)
    return [
        replace(
            same[0],
            win_rate=float(np.mean([score.win_rate for score in same])),
            episodes=sum(score.episodes for score in same),
            steps=min(score.steps for score in same),
        )
        for same in groups.values()
    ]


class ScoreTable:
    """Scores of several variants on several tasks that may stand in one table.

    Raises:
      ValueError: no score; scores of different backends, step units or kinds, or of different maps of one name; one
        variant, task and seed twice.
    """

    def __init__(self, scores: Iterable[Score]) -> None:
        self._scores = list(scores)
        if not self._scores:
            raise ValueError("no run has a score yet: none was evaluated, or nobody wins in what they play")
        for what in ("backend", "step_unit", "kind"):
            found = sorted({getattr(score, what) for score in self._scores})
            if len(found) > 1:
                raise ValueError(f"scores of different {what}s do not compare: {', '.join(found)}")
        for task in self.tasks:
            scenarios = sorted({score.scenario for score in self._scores if score.task == task})
            if len(scenarios) > 1:
                raise ValueError(
                    f"runs of {task} play different scenario files (SHA-256 {', '.join(map(repr, scenarios))}): their "
                    "scores do not compare"
                )
        self._refuse_repeats()

    def _refuse_repeats(self) -> None:
        seen = set()
        for score in self._scores:
            key = (score.variant, score.task, score.seed)
            if key in seen:
                raise ValueError(f"two runs of {score.variant} on {score.task} have seed {score.seed}")
            seen.add(key)

    @property
    def backend(self) -> str:
        return self._scores[0].backend

    @property
    def kind(self) -> str:
        return self._scores[0].kind

    @property
    def variants(self) -> list[str]:
        """In the order in which they were given."""
        return list(dict.fromkeys(score.variant for score in self._scores))

    @property
    def tasks(self) -> list[str]:
        """In the order in which they were given."""
        return list(dict.fromkeys(score.task for score in self._scores))

    def of(self, variant: str, task: str) -> list[Score]:
        """A variant's scores on a task, one per seed; perhaps none."""
        return [score for score in self._scores if (score.variant, score.task) == (variant, task)]

    def common_tasks(self, variants: Sequence[str] | None = None) -> list[str]:
        """Tasks on which each of ``variants`` (all, if None) has a score."""
        wanted = self.variants if variants is None else variants
        return [task for task in self.tasks if all(self.of(variant, task) for variant in wanted)]

    def sample(self, variant: str, tasks: Sequence[str]) -> Sample:
        """Win rates as ``statistics`` takes them: one array per task."""
        return [np.array([score.win_rate for score in self.of(variant, task)]) for task in tasks]

    def estimate(self, measure: Measure, *variants: str, tasks: Sequence[str] | None = None) -> Estimate:
        """A measure of one variant, or of two against each other.

        Args:
          tasks: over which; those that the variants share, if None.

        Raises:
          ValueError: a variant has no score on one of the tasks, or there is no task.
        """
        tasks = self.common_tasks(variants) if tasks is None else tasks
        episodes = [score.episodes for variant in variants for task in tasks for score in self.of(variant, task)]
        return estimate(measure, *(self.sample(variant, tasks) for variant in variants), episodes=episodes or [0])
