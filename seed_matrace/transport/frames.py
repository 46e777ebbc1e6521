"""Steps and actions as bytes, for carriers without shared memory.

A frame holds one record for each of some groups of a connection, and behind the records the groups' numbers; so its
length tells how many there are. Everything is little-endian.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seed_matrace.specs import EnvSpec, env_output_spec, policy_output_spec
from seed_matrace.transport.messages import ProtocolError, decode_groups, decode_ready, encode_groups, encode_ready
from seed_matrace.transport.slots import Slot, slot_type, step_type, step_views
from seed_matrace.types import FIELD_NAMES, EnvOutput, flatten

Announcement = tuple[int, bool]  # a group that is ready, and whether it was restarted


class Frames:
    """What both ends of a connection with ``num_groups`` groups write and read."""

    def __init__(self, spec: EnvSpec, group_size: int, num_groups: int) -> None:
        self._step_type = step_type(spec, group_size)
        self._slot_bytes = slot_type(spec, group_size).itemsize
        self._action = policy_output_spec(spec, group_size).action
        self._num_groups = num_groups
        arrays = dict(zip(FIELD_NAMES, flatten(env_output_spec(spec, group_size)), strict=True))
        self._numbers = [name for name, array in arrays.items() if array.dtype.kind == "f" and array.nbytes]
        self._flags = [name for name, array in arrays.items() if array.dtype.itemsize == 1]

    @property
    def max_bytes(self) -> int:
        """Length of the longest frame."""
        return self._num_groups * (self._slot_bytes + 4)

    def encode_steps(self, slots: memoryview, ready: Sequence[Announcement]) -> bytes:
        """The steps that the slots of groups that are ready hold, from the memory of all slots."""
        starts = [group * self._slot_bytes for group, _ in ready]
        steps = [slots[start : start + self._step_type.itemsize] for start in starts]
        return b"".join([*steps, *(encode_ready([group], restarted) for group, restarted in ready)])

    def decode_steps(self, frame: bytes) -> list[tuple[int, bool, EnvOutput]]:
        """Groups, whether they were restarted, and their steps as views of ``frame``.

        Raises:
          ProtocolError: a wrong length, number of a group or value.
        """
        ready = decode_ready(self._numbers_of(frame, self._step_type.itemsize), self._num_groups)
        records = np.frombuffer(frame, self._step_type, len(ready))
        self._check_values(records)
        return [(*announced, step_views(record)) for announced, record in zip(ready, records, strict=True)]

    def encode_actions(self, actions: Sequence[np.ndarray], groups: Sequence[int]) -> bytes:
        """The answers to ``groups``, of each group's int32 [E, N] in ``actions``."""
        return b"".join([*(actions[group].tobytes() for group in groups), encode_groups(groups)])

    def decode_actions(self, frame: bytes, slots: Sequence[Slot]) -> list[int]:
        """Writes the answers in ``frame`` into their groups' slots; returns the groups. Raises as ``decode_steps``."""
        groups = decode_groups(self._numbers_of(frame, self._action.nbytes), self._num_groups)
        actions = np.frombuffer(frame, self._action.dtype, len(groups) * self._action.nbytes // 4)
        for group, action in zip(groups, actions.reshape(len(groups), *self._action.shape), strict=True):
            slots[group].action[...] = action
        return list(groups)

    def _numbers_of(self, frame: bytes, record_bytes: int) -> bytes:
        """What stands behind the records; raises ProtocolError for a wrong length."""
        count, rest = divmod(len(frame), record_bytes + 4)
        if rest or not 0 < count <= self._num_groups:
            raise ProtocolError(
                f"a frame of {len(frame)} bytes where {record_bytes + 4} for each of up to {self._num_groups} groups "
                "were expected"
            )
        return frame[count * record_bytes :]

    def _check_values(self, records: np.ndarray) -> None:
        """Raises ProtocolError for values that no environment shows."""
        for name in self._numbers:
            if not np.isfinite(records[name]).all():
                raise ProtocolError(f"{name} holds numbers that are not finite")
        for name in self._flags:
            if records[name].view(np.uint8).max() > 1:
                raise ProtocolError(f"{name} holds other values than 0 and 1")
        if not records["avail_actions"].any(axis=-1).all():
            raise ProtocolError("avail_actions leaves an agent nothing to choose")
