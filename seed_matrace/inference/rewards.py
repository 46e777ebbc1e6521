"""Rewards are looked at as they arrive, before anything is learnt from them."""

from __future__ import annotations

import numpy as np

LARGEST = 1e18  # numbers whose squares float32 does not hold are no observations and no rewards


class DivergedError(FloatingPointError):
    """The loss, or what it is made of, is not finite, or larger than any sound one."""


def check_reward(reward: np.ndarray, largest: float, environment: str = "") -> None:
    """Raises DivergedError unless all rewards are sound; it is quick, for every batch that acts comes by.

    Args:
      environment: what it is called, for the message.
    """
    with np.errstate(over="ignore"):
        if reward.dot(reward) <= largest * largest:  # all in one call; false for NaN, too
            return
    unsound = reward[~(np.abs(reward) <= largest)]
    if unsound.size:
        raise DivergedError(
            f"{f'environment {environment}' if environment else 'an environment'} sent a reward of {unsound[0]:.6g}; "
            f"{largest:.4g} is the largest that counts as sound (from run.stop_loss). "
            "Look at the environment; no checkpoint holds it"
        )
