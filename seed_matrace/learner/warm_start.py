"""Weights of one run as the start of another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seed_matrace.envs.registry import training_spec
from seed_matrace.learner.checkpoints import CheckpointError, Checkpoints
from seed_matrace.learner.learner import Learner
from seed_matrace.learner.metrics import run_id
from seed_matrace.learner.run_directory import CHECKPOINTS_DIR, load_run_config


def start_from(learner: Learner, run_dir: Path) -> str:
    """Copies the best policy and critic of the run in ``run_dir`` into ``learner``, where shapes agree.

    The optimizer and the entropy cost start fresh.

    Returns:
      A sentence saying what was taken over.

    Raises:
      ValueError: not a run directory, no checkpoint in it, or no weights that fit.
    """
    config, _, _ = load_run_config(run_dir)
    other = Learner(config, training_spec(config), seed=0)
    networks: dict[str, Any] = {"policy": other.policy, "critic": other.critic}
    if Checkpoints(run_dir / CHECKPOINTS_DIR, 1, run_id(run_dir)).restore_newest("best", networks) is None:
        raise CheckpointError(f"{run_dir} has no best checkpoint to start from yet")
    copied, totals = {}, {}
    for name, source in networks.items():
        theirs = {variable.name: variable for variable in source.variables}
        pairs = [(ours, theirs.get(ours.name)) for ours in getattr(learner, name).variables]
        fitting = [(ours, value) for ours, value in pairs if value is not None and value.shape == ours.shape]
        for ours, value in fitting:
            ours.assign(value)
        copied[name], totals[name] = len(fitting), len(pairs)
    if not any(copied.values()):
        raise ValueError(f"no weights of {run_dir} ({config.env.title}) have the shapes this run needs")
    learner.publish()
    if learner.policy_lag:
        learner.policy_lag.restart()
    parts = ", ".join(f"{copied[name]} of {totals[name]} {name} variables" for name in networks)
    return f"started from {run_dir}: {parts} taken over"
