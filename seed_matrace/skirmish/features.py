"""SMAC's observation, availability and state of unit tables that come as NumPy arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seed_matrace._cext._features import write_smac_features
from seed_matrace.skirmish.layout import FeatureLayout
from seed_matrace.types import UNIT_ROWS


class Features(NamedTuple):
    """What SMAC shows of E environments."""

    obs: np.ndarray  # float32 [E, N, O]
    avail_actions: np.ndarray  # uint8 [E, N, A]
    state: np.ndarray  # float32 [E, S]


def smac_features(
    layout: FeatureLayout, units: np.ndarray, last_action: np.ndarray, step: np.ndarray | None = None
) -> Features:
    """Features of E environments, bit for bit SMAC's.

    Args:
      layout: sizes, constants and options of the map.
      units: float32 [E, 5, U], rows as in ``UNIT_ROWS``, units allies first; a dead unit has health 0. The
        gauge is the weapon cooldown in game loops, or the energy of a healer.
      last_action: int32 [E, N], -1 right after a reset.
      step: int32 [E], env steps of the episode so far, which only the timestep options show; zeros if None.

    Raises:
      ValueError: wrong shape or dtype, or an action that does not exist.
    """
    envs = len(units)
    shape = (envs, len(UNIT_ROWS), layout.n_agents + layout.n_enemies)
    if units.shape != shape or units.dtype != np.float32:
        raise ValueError(f"units are {units.dtype} {units.shape}; float32 {shape} expected")
    if last_action.shape != (envs, layout.n_agents) or last_action.dtype != np.int32:
        raise ValueError(
            f"last_action is {last_action.dtype} {last_action.shape}; int32 {(envs, layout.n_agents)} expected"
        )
    if last_action.size and not -1 <= last_action.min() <= last_action.max() < layout.n_actions:
        raise ValueError(f"last_action must be -1 or an action below {layout.n_actions}")
    step = np.zeros(envs, np.int32) if step is None else step
    if step.shape != (envs,) or step.dtype != np.int32:
        raise ValueError(f"step is {step.dtype} {step.shape}; int32 {(envs,)} expected")
    features = Features(
        obs=np.empty((envs, layout.n_agents, layout.obs_dim), np.float32),
        avail_actions=np.empty((envs, layout.n_agents, layout.n_actions), np.uint8),
        state=np.empty((envs, layout.state_dim), np.float32),
    )
    units, last_action, step = (np.ascontiguousarray(array) for array in (units, last_action, step))
    write_smac_features(layout, units, last_action, step, *features)
    return features
