"""Assembles full unrolls, whatever the group size, into training batches of B columns."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping

import numpy as np

from seed_matrace.inference.unrolls import FullUnroll, Unrolls, UnrollSizes
from seed_matrace.specs import EnvSpec, empty_unroll
from seed_matrace.training.replay_buffer import ReplayBuffer
from seed_matrace.types import Unroll

_POLL_S = 0.5


class Batcher:
    """Takes unrolls in the order they became full; columns left over open the next batch."""

    def __init__(
        self,
        unrolls: Unrolls,
        spec: EnvSpec,
        batch_size: int,
        sizes: UnrollSizes,
        *,
        fresh: int | None = None,
        replay_buffer: ReplayBuffer | None = None,
    ) -> None:
        """Args: fresh: columns of a batch that are new, the others coming from ``replay_buffer``; all unless given."""
        self._unrolls = unrolls
        self._spec = spec
        self._batch_size = batch_size
        self._fresh = batch_size if fresh is None else fresh
        self._replay_buffer = replay_buffer
        self._sizes = sizes
        self._open: FullUnroll | None = None
        self._used = 0  # columns of the open unroll that are already in a batch
        self._filled = 0  # columns of the batch under assembly

    def new_batch(self) -> Unroll:
        """Memory for one batch, to be passed to ``fill``."""
        sizes = self._sizes
        return empty_unroll(self._spec, sizes.unroll_length, self._batch_size, sizes.fields)

    def fill(self, batch: Unroll, timeout_s: float | None = 0.0) -> bool:
        """Adds columns to ``batch`` until it is full (True) or no unroll comes within ``timeout_s`` (False).

        After False, call again with the same batch to go on.
        """
        while self._filled < self._fresh:
            if self._open is None:
                self._open = self._unrolls.take(timeout_s)
                if self._open is None:
                    return False
            self._copy_columns(self._open, batch)
        self._filled = 0
        if self._replay_buffer:
            if not self._replay_buffer.held:
                self._replay_buffer.add(batch, self._fresh)
                self._replay_buffer.fill(batch, self._fresh)
            else:
                self._replay_buffer.fill(batch, self._fresh)
                self._replay_buffer.add(batch, self._fresh)
        return True

    def state(self) -> dict[str, np.ndarray]:
        """What ``set_state`` needs; to be called between two batches."""
        kept = self._replay_buffer.state() if self._replay_buffer else {}
        arrays = {f"replay_buffer/{name}": array for name, array in kept.items()}
        if self._open is None:
            return arrays | {"open": np.array([-1, 0])}
        fields = zip(Unroll._fields, self._open.unroll, strict=True)
        opened = {f"open/{name}": array for name, array in fields}
        return arrays | {"open": np.array([self._open.group, self._used]), **opened}

    def set_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Goes on where ``state`` left another batcher; its unrolls must have been restored."""
        if self._replay_buffer:
            prefix = "replay_buffer/"
            self._replay_buffer.set_state(
                {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
            )
        group, self._used = arrays["open"].tolist()
        self._open = self._unrolls.borrow(group) if group >= 0 else None
        if self._open is not None:
            for name, array in zip(Unroll._fields, self._open.unroll, strict=True):
                if array.size:  # an older program did not know of every field that is empty here
                    array[...] = arrays[f"open/{name}"]

    def _copy_columns(self, full: FullUnroll, batch: Unroll) -> None:
        columns = full.unroll.reward.shape[1]
        count = min(columns - self._used, self._fresh - self._filled)
        source, target = slice(self._used, self._used + count), slice(self._filled, self._filled + count)
        for from_array, to_array in zip(full.unroll, batch, strict=True):
            to_array[:, target] = from_array[:, source]
        self._used += count
        self._filled += count
        if self._used == columns:
            self._unrolls.release(full)
            self._open, self._used = None, 0


class BatcherThread:
    """Assembles the next batch while the learner trains on the one before."""

    def __init__(self, batcher: Batcher) -> None:
        self._batcher = batcher
        self._full: queue.Queue[Unroll] = queue.Queue()
        self._free: queue.Queue[Unroll] = queue.Queue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="batcher", daemon=True)
        self.error: BaseException | None = None
        for _ in range(2):
            self._free.put(batcher.new_batch())

    def start(self) -> None:
        self._thread.start()

    def next_batch(self, timeout_s: float) -> Unroll | None:
        """The next batch, or None if none was full within ``timeout_s``; give it back with ``release``."""
        try:
            return self._full.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def release(self, batch: Unroll) -> None:
        self._free.put(batch)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    batch = self._free.get(timeout=_POLL_S)
                except queue.Empty:
                    continue
                while not self._batcher.fill(batch, _POLL_S):
                    if self._stop.is_set():
                        return
                self._full.put(batch)
        except BaseException as error:  # the learner's thread raises it again
            self.error = error
