"""What a person is told of a run at its beginning and at its end."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from seed_matrace.config import Config
from seed_matrace.envs.registry import backend_name, has_winner
from seed_matrace.learner.run_directory import CHECKPOINTS_DIR
from seed_matrace.training.display import duration
from seed_matrace.training.progress import Progress
from seed_matrace.training.start import Start

if TYPE_CHECKING:
    from seed_matrace.learner.strategy import Devices


def introduction(start: Start, devices: Devices) -> str:
    """What is about to be trained, where, and where it is kept."""
    config, num_actors = start.config, start.topology.num_actors
    where = f"{num_actors} actor{'s' if num_actors > 1 else ''}" if num_actors else "one process"
    return (
        f"training on {config.env.title} ({backend_name(config.env)}), {config.run.num_envs} environments, "
        f"{where}, seed {start.seed}\nlearner on {devices.description}\nrun directory {start.path}; "
        "Ctrl-C stops cleanly"
    )


def conclusion(config: Config, path: Path, progress: Progress, finished: str) -> str:
    """How a run ended and how to go on, a line each; plots its learning curve."""
    from seed_matrace.viewer.curves import plot_learning_curve  # Matplotlib takes its time

    why, go_on = {
        "target": ("target win rate reached", " --gin_param=run.stop_win_rate=0"),
        "budget": ("budget of env steps used", f" --gin_param=run.total_env_steps={2 * progress.env_steps}"),
        "": ("stopped before the end", ""),
    }[finished]
    curve = path / "learning_curve.png"
    program, here = _program("seed-matrace"), shlex.quote(f"--run_dir={path}")
    logs = shlex.quote(f"--logdir={path / 'tb'}")
    try:
        plot_learning_curve([path], curve)
        plotted = str(curve)
    except Exception as error:  # whatever plotting fails of, the run is over and whole
        plotted = f"cannot be plotted ({error})"
    newest = progress.newest_outcomes
    battles = f"{sum(newest)} of the newest {len(newest)} evaluation battles won"
    outcome = battles if has_winner(config.env) else f"the best evaluation's return {progress.best[1]:.1f}"
    return "\n".join(
        [
            f"{why}: {progress.env_steps:,} env steps in {duration(progress.wall_s)}, {outcome}",
            f"  learning curve  {plotted}",
            f"  evaluate        {program} eval {here} --episodes=400",
            f"  train on        {program} train {here}{go_on}",
            f"  all metrics     {_program('tensorboard')} {logs}",
        ]
    )


def interrupted(run_dir: Path | None) -> str:
    """One sentence of a run that ends without waiting: what is kept of it and how to resume it."""
    if run_dir is None:
        return "interrupted before a run was begun"
    go_on = f"{_program('seed-matrace')} train {shlex.quote(f'--run_dir={run_dir}')}"
    kept = sorted(int(folder.name.split("-")[1]) for folder in (run_dir / CHECKPOINTS_DIR).glob("step-*"))
    if not kept:
        return f"interrupted before a checkpoint was written; the run begins again with: {go_on}"
    return f"interrupted; the newest checkpoint is of {kept[-1]:,} env steps, the run goes on from it with: {go_on}"


def _program(name: str) -> str:
    """What to type to start a command that was installed with this one."""
    if shutil.which(name):
        return name
    installed = Path(sys.executable).with_name(name)
    return shlex.quote(str(installed.relative_to(Path.cwd()) if installed.is_relative_to(Path.cwd()) else installed))
