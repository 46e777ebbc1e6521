"""What other libraries ask a team to do, as the simulator plays it."""

from __future__ import annotations

from typing import Any

import numpy as np

from seed_matrace.foreign_files import shown


def are_replaced(unavailable_actions: str) -> bool:
    """What the option says."""
    if unavailable_actions not in ("replaced", "refused"):
        raise ValueError(f"unavailable_actions is {unavailable_actions!r}; 'replaced' or 'refused' expected")
    return unavailable_actions == "replaced"


def playable(given: Any, avail_actions: np.ndarray, *, replaces: bool) -> np.ndarray:
    """``given`` as int32 [E, N], those that are not in ``avail_actions``, uint8 [E, N, A], replaced if they are to be.

    Raises:
      ValueError: wrong shape or dtype; an action that does not exist.
    """
    try:
        actions = np.asarray(given)
    except ValueError:  # lists of different lengths
        raise ValueError(f"actions are {shown(given)}; whole numbers of one shape expected") from None
    *expected, n_actions = avail_actions.shape
    if actions.shape != tuple(expected) or not np.issubdtype(actions.dtype, np.integer):
        raise ValueError(f"actions are {actions.dtype} {actions.shape}; whole numbers {tuple(expected)} expected")
    if not ((actions >= 0) & (actions < n_actions)).all():
        raise ValueError(f"actions must be in 0..{n_actions - 1}, not {shown(actions.tolist())}")
    if replaces:
        taken = np.take_along_axis(avail_actions, actions[..., None], axis=-1)[..., 0]
        actions = np.where(taken, actions, avail_actions.argmax(axis=-1))
    return actions.astype(np.int32)
