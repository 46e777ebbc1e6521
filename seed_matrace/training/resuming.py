"""Where a run stands when it goes on: its newest checkpoint, and what a person has removed since."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from seed_matrace.evaluation.results import RESULTS_FILE, read_results
from seed_matrace.learner.checkpoints import CheckpointError, Checkpoints
from seed_matrace.learner.learner import Learner
from seed_matrace.learner.metrics import METRICS_FILE, check_reports
from seed_matrace.learner.run_directory import CHECKPOINTS_DIR
from seed_matrace.learner.run_info import was_checkpointed
from seed_matrace.sections.run import RunConfig
from seed_matrace.training.progress import Progress, progress_from

Say = Callable[[str], None]


def restored(
    checkpoints: Checkpoints, learner: Learner, run_dir: Path, run: RunConfig, say: Say
) -> tuple[Progress, dict[str, np.ndarray]] | None:
    """The counts of the newest intact checkpoint, a session on, and what it kept of the batch source.

    The learner's variables are those of the checkpoint then; None if there is none.

    Raises:
      CheckpointError: the run had checkpoints, and they are gone.
    """
    found = checkpoints.restore_newest("step", learner.trackables, progress_from)
    if found is None and was_checkpointed(run_dir):
        raise CheckpointError(
            f"{run_dir} had checkpoints and has none now: put its {CHECKPOINTS_DIR} back, or choose another "
            "--run_dir to begin again"
        )
    if found is None:
        return None
    learner.publish()
    for problem in found.problems:
        say(f"passed over a checkpoint: {problem}")
    progress = progress_from(found.state)
    progress.session += 1
    budget_used = progress.env_steps >= run.total_env_steps
    still_over = {"budget": budget_used, "target": target_reached(run, progress), "": False}
    if not still_over[progress.finished]:
        progress.finished = ""  # the budget or the target was raised
    return progress, found.arrays


def check_written(run_dir: Path, progress: Progress) -> None:
    """Raises ValueError unless reports and results, where they are there, can be gone on with from ``progress``."""
    check_reports(run_dir, progress.metrics_bytes)
    with contextlib.suppress(FileNotFoundError):
        read_results(run_dir)


def target_reached(run: RunConfig, progress: Progress) -> bool:
    """Whether so many of the newest evaluation battles were won that the run is over."""
    outcomes = progress.newest_outcomes
    return bool(run.stop_win_rate and len(outcomes) == run.stop_episodes and np.mean(outcomes) >= run.stop_win_rate)


def say_what_is_missing(run_dir: Path, progress: Progress, checkpoints: Checkpoints, say: Say) -> bool:
    """What a person removed, or lost, is gone on without; but it is said.

    Without the best checkpoint, the best of the evaluations to come is the best.

    Returns:
      Whether the newest checkpoint counts reports or results that are gone.
    """
    back = "to have it back, stop, put back a copy of it and go on from there"
    outcomes = f"the outcomes of {progress.evaluations} evaluations"
    is_counted = False
    for file, counted, what in (
        (METRICS_FILE, progress.metrics_bytes, f"all of its reports until {progress.env_steps:,} env steps"),
        (RESULTS_FILE, progress.evaluations, outcomes),
    ):
        path = run_dir / file
        if counted and not path.exists():
            is_counted = True
            say(f"{path} is missing, and with it {what}; the run goes on with a new one: {back}")
    if progress.best != Progress().best and (problems := checkpoints.problems("best")):
        say(f"{'; '.join(problems)}; the best of the evaluations to come is kept instead: {back}")
        progress.best = Progress().best
    return is_counted
