"""Other battles for a trained team than those it was trained in: another map, opponents, rewards, backend."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from seed_matrace.config import SECTIONS, Config, bound_options
from seed_matrace.learner.run_directory import load_run_config
from seed_matrace.registered import OPEN
from seed_matrace.sections.env import EnvConfig, StarCraft2Config

_OF_BATTLES = (EnvConfig, StarCraft2Config)


def battles_config(run_dir: Path, gin_params: Sequence[str] = (), backend: str | None = None) -> Config:
    """The configuration of a run, with what ``eval`` is told of its battles.

    Args:
      gin_params: bindings of ``env.*`` and ``starcraft2.*``.
      backend: what plays; None leaves it to ``gin_params`` and the run.

    Raises:
      ValueError: as ``load_run_config``; a binding that decides nothing of battles, or contradicts ``backend``.
    """
    for name in bound_options(gin_params):
        if SECTIONS.get(name.partition(".")[0]) not in _OF_BATTLES:
            raise ValueError(
                f"--gin_param of {name}, which decides nothing of the battles that eval plays; env.* and starcraft2.* "
                "may be bound"
            )
        if name == "env.frame_stack":
            raise ValueError(
                "--gin_param of env.frame_stack: how many observations a team sees is its own; leave it out"
            )
        if name == "env.backend" and backend is not None:
            raise ValueError("--backend and --gin_param both say env.backend; leave one of them out")
    config = load_run_config(run_dir, gin_params, OPEN)[0]
    return dataclasses.replace(config, env=dataclasses.replace(config.env, backend=backend or config.env.backend))
