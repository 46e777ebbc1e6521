"""Seeds of battles: what is played for one purpose is played for no other."""

from __future__ import annotations

import enum


class BattlesOf(enum.IntEnum):
    """What battles are played for; 2^32 seeds each.

    Within a seed, streams of battles are counted: by environments and their lives in training, by all evaluations of a
    run one after the other in evaluation. A policy that was loaded plays battles of whoever calls it.
    """

    TRAINING = 0
    EVALUATION = 1
    EVAL_COMMAND = 2
    ABSOLUTE_METRIC = 3

    def seed(self, seed: int) -> int:
        """The seed of battles for this purpose, of a run or a command of ``seed``."""
        return (self << 32) + seed
