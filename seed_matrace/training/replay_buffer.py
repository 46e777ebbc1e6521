"""Unrolls that were trained on before, for a part of each batch."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np

from seed_matrace.types import Unroll


class ReplayBuffer:
    """A ring of unroll columns; which of them a batch gets follows from the seed alone.

    Their log-probabilities are those of the policy that acted, so V-trace corrects for their age as for any lag.
    """

    def __init__(self, columns: Unroll, *, newest_first: bool, seed: int) -> None:
        """Makes an empty buffer.

        Args:
          columns: memory for all R columns, [T+1, R, ...].
          newest_first: whether batches get the newest ones; else any, each alike and with replacement.
          seed: of that choice.
        """
        self._columns, self._newest_first = columns, newest_first
        self._capacity = columns.reward.shape[1]
        self._added = 0  # in all; the newest is at (added - 1) mod R
        self._rng = np.random.default_rng(seed)

    @property
    def held(self) -> int:
        """How many columns there are."""
        return min(self._added, self._capacity)

    def add(self, batch: Unroll, fresh: int) -> None:
        """Keeps the first ``fresh`` columns of a batch [T+1, B, ...], in the place of the oldest."""
        at = (self._added + np.arange(fresh)) % self._capacity
        for kept, array in zip(self._columns, batch, strict=True):
            kept[:, at] = array[:, :fresh]
        self._added += fresh

    def fill(self, batch: Unroll, fresh: int) -> None:
        """Overwrites all but the first ``fresh`` columns of a batch with kept ones.

        Those of the first batches are repeated while there are too few others.
        """
        wanted, held = batch.reward.shape[1] - fresh, self.held
        ages = np.arange(wanted) % held if self._newest_first else self._rng.integers(held, size=wanted)
        at = (self._added - 1 - ages) % self._capacity
        for kept, array in zip(self._columns, batch, strict=True):
            array[:, fresh:] = kept[:, at]

    def state(self) -> dict[str, np.ndarray]:
        """All that ``set_state`` needs."""
        known = json.dumps(self._rng.bit_generator.state).encode()
        kept = {name: array[:, : self.held] for name, array in zip(Unroll._fields, self._columns, strict=True)}
        return {"added": np.array(self._added), "rng": np.frombuffer(known, np.uint8), **kept}

    def set_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Goes on where ``state`` left another buffer of the same size."""
        self._added = int(arrays["added"])
        self._rng.bit_generator.state = json.loads(arrays["rng"].tobytes())
        for name, kept in zip(Unroll._fields, self._columns, strict=True):
            kept[:, : self.held] = arrays[name]
