"""A group's slot: where its current step and the answer to it lie in memory."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seed_matrace.specs import ALIGNMENT, ArraySpec, EnvSpec, empty_env_output, env_output_spec, policy_output_spec
from seed_matrace.types import FIELD_NAMES, EnvOutput, flatten, unflatten


class Slot(NamedTuple):
    """One group's current step and the answer to it."""

    env: EnvOutput
    action: np.ndarray  # int32 [E, N]


def empty_slot(spec: EnvSpec, group_size: int) -> Slot:
    """A slot in this process's own memory."""
    return Slot(empty_env_output(spec, group_size), policy_output_spec(spec, group_size).action.empty())


def step_type(spec: EnvSpec, group_size: int) -> np.dtype:
    """A step of a group as one NumPy record, each field at a multiple of 64 bytes; a slot begins with it."""
    return _record(_step_arrays(spec, group_size))


def slot_type(spec: EnvSpec, group_size: int) -> np.dtype:
    """A slot as one NumPy record: the step, then "action"."""
    action = policy_output_spec(spec, group_size).action
    return _record({**_step_arrays(spec, group_size), "action": action})


def map_slots(buffer: memoryview | bytearray, spec: EnvSpec, group_size: int, num_groups: int) -> list[Slot]:
    """Views of every group's slot in ``buffer``."""
    slots = np.frombuffer(buffer, slot_type(spec, group_size), num_groups)
    return [Slot(step_views(slot), slot["action"]) for slot in slots]


def step_views(record: np.void) -> EnvOutput:
    """The arrays of one record of ``step_type`` or ``slot_type``."""
    return unflatten([record[name] for name in FIELD_NAMES])


def _step_arrays(spec: EnvSpec, group_size: int) -> dict[str, ArraySpec]:
    return dict(zip(FIELD_NAMES, flatten(env_output_spec(spec, group_size)), strict=True))


def _record(arrays: dict[str, ArraySpec]) -> np.dtype:
    offsets, size = [], 0
    for array in arrays.values():
        offsets.append(size)
        size += -(-array.nbytes // ALIGNMENT) * ALIGNMENT
    formats = [(array.dtype, array.shape) for array in arrays.values()]
    return np.dtype({"names": list(arrays), "formats": formats, "offsets": offsets, "itemsize": size})
