"""MA-Trace on a TensorFlow 2 SEED RL: train teams of agents on the StarCraft Multi-Agent Challenge.

Importing this package is light: TensorFlow is loaded only by what needs it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seed_matrace.envs.base import VectorEnv
    from seed_matrace.evaluation.policy import TrainedPolicy

__version__ = "0.1.0"
__all__ = ["load_policy", "make_vector_env"]


def make_vector_env(map_name: str, num_envs: int, seed: int = 0) -> VectorEnv:
    """``num_envs`` battles on ``map_name`` that step together, with ``.spec``, ``.reset()`` and ``.step(actions)``.

    Raises:
      ValueError: unknown map; the message names the near ones.
    """
    from seed_matrace.config import EnvConfig
    from seed_matrace.envs.registry import make_vector_env as make

    return make(EnvConfig(map_name=map_name), num_envs, seed)


def load_policy(run_dir: str | os.PathLike[str], checkpoint: str = "best") -> TrainedPolicy:
    """The trained team of a run; its ``.act(obs, avail_actions, episode_start)`` plays. Needs TensorFlow.

    Args:
      checkpoint: "best" (best evaluated weights) or "latest".
    """
    from seed_matrace.evaluation.policy import load_policy as load

    return load(run_dir, checkpoint)
