"""Where the arrays of a group lie in memory."""

import dataclasses

import numpy as np
import pytest

from seed_matrace.envs.counting import SPEC
from seed_matrace.transport.slots import map_slots, slot_type
from seed_matrace.types import flatten


@pytest.mark.parametrize("with_final", [False, True])
def test_slots_are_aligned_and_do_not_overlap(with_final):
    spec = dataclasses.replace(SPEC, with_final=with_final)
    size = slot_type(spec, 3).itemsize
    buffer = bytearray(2 * size)
    slots = map_slots(memoryview(buffer), spec, 3, 2)
    arrays = [array for slot in slots for array in (*flatten(slot.env), slot.action)]
    arrays = [array for array in arrays if array.size]
    assert len(arrays) == 2 * (14 if with_final else 12)
    base = np.frombuffer(buffer, np.uint8).ctypes.data
    for number, array in enumerate(arrays, start=1):
        assert (array.ctypes.data - base) % 64 == 0
        array[...] = number % 2 if array.dtype == bool else number
    for number, array in enumerate(arrays, start=1):
        assert (array == (number % 2 if array.dtype == bool else number)).all()
