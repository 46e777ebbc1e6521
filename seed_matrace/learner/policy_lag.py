"""A behaviour policy that stays a fixed number of learner steps behind: how much lag costs can then be measured."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf


class PolicyLag(tf.Module):
    """Keeps the weights that act ``lag`` learner steps older than the newest ones."""

    def __init__(self, newest: Sequence[tf.Variable], acting: Sequence[tf.Variable], lag: int) -> None:
        """Args: newest: what is trained; acting: variables of the same shapes, set here; lag: learner steps, > 0."""
        super().__init__(name="policy_lag")
        self._newest, self._acting = list(newest), list(acting)
        self._waiting = [tf.Variable(tf.stack([value] * lag), trainable=False) for value in self._newest]
        self.restart()

    def restart(self) -> None:
        """Acts with the newest weights until ``lag`` more learner steps have been done."""
        for newest, acting, waiting in zip(self._newest, self._acting, self._waiting, strict=True):
            acting.assign(newest)
            waiting.assign(tf.broadcast_to(newest, waiting.shape))

    def advance(self) -> None:
        """Moves on by one learner step; call it after the newest weights have changed."""
        for newest, acting, waiting in zip(self._newest, self._acting, self._waiting, strict=True):
            acting.assign(waiting[0])
            waiting.assign(tf.concat([waiting[1:], newest[tf.newaxis]], axis=0))
