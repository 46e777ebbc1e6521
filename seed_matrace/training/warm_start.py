"""Weights of one run as the start of another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from seed_matrace.algo.team_networks import Networks
from seed_matrace.envs.registry import backend_name
from seed_matrace.learner.checkpoints import CheckpointError, Checkpoints
from seed_matrace.learner.learner import Learner
from seed_matrace.learner.networks_file import named_variables, restore_networks
from seed_matrace.learner.run_directory import CHECKPOINTS_DIR, backend_of, is_team, load_run_config
from seed_matrace.learner.run_info import run_id
from seed_matrace.registered import OPEN
from seed_matrace.training_env import training_spec

if TYPE_CHECKING:
    from seed_matrace.config import Config


def start_from(learner: Learner, run_dir: Path) -> str:
    """Copies the best policy and critic of the run, or the team, in ``run_dir`` into ``learner``, where shapes agree.

    The optimizer and the entropy cost start fresh.

    Returns:
      A sentence saying what was taken over.

    Raises:
      ValueError: not a run directory, or no checkpoint in it.
    """
    networks = _best_networks(run_dir)
    copied, totals = {}, {}
    for name, source in networks.items():
        ours = getattr(learner, name).variables
        fitting = _fitting(getattr(learner, name), source)
        for variable, value in fitting:
            variable.assign(value)
        copied[name], totals[name] = len(fitting), len(ours)
    learner.publish()
    for follower in (learner.policy_lag, learner.proximal_policy):
        if follower:
            follower.restart()
    parts = ", ".join(f"{copied[name]} of {totals[name]} {name} variables" for name in networks)
    return f"started from {run_dir}{_trained_elsewhere(run_dir)}: {parts} taken over"


def check_start(config: Config, run_dir: Path) -> None:
    """Raises ValueError or CheckpointError if ``start_from`` has nothing to take over for a run of ``config``."""
    ours = Networks(training_spec(config), config, 0)
    theirs = _best_networks(run_dir)
    if not any(_fitting(getattr(ours, name), source) for name, source in theirs.items()):
        raise ValueError(f"--init_from={run_dir}: none of its weights have the shapes that {config.env.title} needs")


def _trained_elsewhere(run_dir: Path) -> str:
    """What the weights were trained on, where this version would not play it."""
    trained_on, plays = backend_of(run_dir), backend_name(load_run_config(run_dir, registry=OPEN)[0].env)
    return "" if trained_on in ("", plays) else f", trained on {trained_on} and not on {plays}"


def _best_networks(run_dir: Path) -> dict[str, Any]:
    config, _, _ = load_run_config(run_dir)
    best = Networks(training_spec(config), config, 0)
    networks: dict[str, Any] = {"policy": best.policy, "critic": best.critic}
    if is_team(run_dir):
        restore_networks(run_dir, networks)
        return networks
    checkpoints = Checkpoints(run_dir / CHECKPOINTS_DIR, 1, run_id(run_dir))
    advice = (
        "; that run, gone on with for more env steps, keeps the best of its next evaluations, and seed-matrace eval "
        "--checkpoint=latest plays its newest weights"
        if checkpoints.find("step")
        else ""
    )
    try:
        restored = checkpoints.restore_newest("best", networks)
    except CheckpointError as error:
        raise CheckpointError(f"{error}{advice}") from None
    if restored is None:
        raise CheckpointError(f"{run_dir} has no best checkpoint to start from{advice or ' yet'}")
    return networks


def _fitting(ours: Any, theirs: Any) -> list[tuple[Any, Any]]:
    """Variables of our network with those of theirs that have their names and shapes."""
    named = named_variables(theirs)
    pairs = [(variable, named.get(name)) for name, variable in named_variables(ours).items()]
    return [(variable, value) for variable, value in pairs if value is not None and value.shape == variable.shape]
