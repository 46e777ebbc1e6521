"""MA-Trace on a TensorFlow 2 SEED RL: train teams of agents on the StarCraft Multi-Agent Challenge.

Importing this package is light: TensorFlow is loaded only by what needs it.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from seed_matrace.version import __version__

if TYPE_CHECKING:
    from seed_matrace.evaluation.team import Team
    from seed_matrace.skirmish.smac_env import StarCraft2Env
    from seed_matrace.vector_env import VectorEnv

__all__ = ["StarCraft2Env", "__version__", "load_policy", "make_env", "make_vector_env"]


def __getattr__(name: str) -> Any:
    if name == "StarCraft2Env":  # the compiled simulator comes with it
        from seed_matrace.skirmish.smac_env import StarCraft2Env

        return StarCraft2Env
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def make_env(map_name: str = "8m", *more: Any, seed: int | None = None, **smac_options: Any) -> StarCraft2Env:
    """One battle as a ``StarCraft2Env``, for code written for SMAC (docs/smac_interface.md).

    Args:
      more: nothing; what follows the map is given by name.
      seed: at least 0; random if None.
      smac_options: SMAC's options by name, as ``obs_last_action=True``.

    Raises:
      TypeError: a second argument by position; an unknown option, where the message names the near ones.
      ValueError: unknown map, likewise; a value of the wrong type or out of range.
    """
    from seed_matrace.skirmish.smac_env import StarCraft2Env

    if more:
        raise TypeError(
            f"make_env takes the map by position and the rest by name: is {more[0]!r} the seed (seed={more[0]!r}) or "
            f"SMAC's second argument (step_mul={more[0]!r})? StarCraft2Env takes SMAC's order"
        )
    return StarCraft2Env(map_name, seed=seed, **smac_options)


def make_vector_env(map_name: str, num_envs: int, seed: int = 0, **smac_options: Any) -> VectorEnv:
    """``num_envs`` battles on ``map_name`` that step together, with ``.spec``, ``.reset()`` and ``.step(actions)``.

    Args:
      smac_options: SMAC's options by name, as ``obs_last_action=True``.

    Raises:
      TypeError: unknown option; the message names the near ones.
      ValueError: unknown map, likewise; a number or an option's value of the wrong type or out of range.
    """
    from seed_matrace.skirmish.vector_env import SkirmishVectorEnv
    from seed_matrace.smac_options import SkirmishOptions

    return SkirmishVectorEnv(map_name, num_envs, seed, options=SkirmishOptions.from_dict(smac_options))


def load_policy(
    path: str | os.PathLike[str], checkpoint: str = "best", *, modules: Iterable[str | os.PathLike[str]] = ()
) -> Team:
    """A trained team; its ``.act(obs, avail_actions, episode_start)`` plays.

    Warns of one that was trained on another version of the simulator, with other rules.

    Args:
      path: run directory, which takes TensorFlow to load; a team of the zoo, as "zoo/3m", or a .npz of
        ``seed-matrace export``, which do not.
      checkpoint: of a run directory: "best" (best evaluated weights) or "latest".
      modules: of a run that was trained with --module: files in the place of its own copies, which are run else.

    Raises:
      ValueError: there is nothing of that kind.
      RuntimeError: the run has no usable checkpoint yet.
    """
    from pathlib import Path

    from seed_matrace.learner.run_directory import is_team
    from seed_matrace.skirmish.vector_env import BACKEND, is_other_version
    from seed_matrace.zoo.index import find_run
    from seed_matrace.zoo.team import POLICY_FILE

    team: Team
    path = find_run(os.fspath(path))
    if is_team(Path(path)):
        if checkpoint != "best" or tuple(modules):
            raise ValueError(f"{path} is a team of the zoo: leave checkpoint and modules out")
        path = os.path.join(path, POLICY_FILE)
    if os.fspath(path).endswith(".npz"):
        from seed_matrace.evaluation.numpy_policy import load_numpy_policy

        team = load_numpy_policy(path)
    else:
        from seed_matrace.evaluation.policy import load_policy as load
        from seed_matrace.modules import read_modules

        team = load(path, checkpoint, read_modules(modules))
    if is_other_version(team.backend):
        warnings.warn(team.other_rules(BACKEND), stacklevel=2)
    return team
