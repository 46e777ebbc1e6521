"""Steps and actions as bytes: what goes in comes out, and nothing else gets through."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seed_matrace.envs.counting import SPEC
from seed_matrace.transport.frames import Frames
from seed_matrace.transport.messages import ProtocolError
from seed_matrace.transport.slots import empty_slot, map_slots, slot_type
from seed_matrace.types import FIELD_NAMES, flatten

GROUP_SIZE, GROUPS = 2, 3
FRAMES = Frames(SPEC, GROUP_SIZE, GROUPS)


def full_memory(spec=SPEC):
    """Memory of all slots, every number another one, and the slots."""
    memory = bytearray(GROUPS * slot_type(spec, GROUP_SIZE).itemsize)
    slots = map_slots(memory, spec, GROUP_SIZE, GROUPS)
    for group, slot in enumerate(slots):
        for number, array in enumerate(flatten(slot.env)):
            array[...] = 1 if array.dtype.itemsize == 1 else 100 * group + number
        slot.action[...] = -1
    return memoryview(memory), slots


@pytest.mark.parametrize("with_final", [False, True])
def test_steps_survive_the_wire(with_final):
    spec = dataclasses.replace(SPEC, with_final=with_final)
    memory, slots = full_memory(spec)
    frames = Frames(spec, GROUP_SIZE, GROUPS)
    steps = frames.decode_steps(frames.encode_steps(memory, [(2, False), (0, True)]))
    assert [announced for *announced, _ in steps] == [[2, False], [0, True]]
    for group, _, env in steps:
        for name, sent, received in zip(FIELD_NAMES, flatten(slots[group].env), flatten(env), strict=True):
            np.testing.assert_array_equal(received, sent, err_msg=name)
            assert received.dtype == sent.dtype
            assert received.flags.aligned


def test_actions_survive_the_wire():
    actions = [np.full((GROUP_SIZE, SPEC.n_agents), group + 1, np.int32) for group in range(GROUPS)]
    slots = [empty_slot(SPEC, GROUP_SIZE) for _ in range(GROUPS)]
    assert FRAMES.decode_actions(FRAMES.encode_actions(actions, [1, 2]), slots) == [1, 2]
    assert [int(slot.action.max()) for slot in slots] == [0, 2, 3]


def step_frame(**values):
    memory, slots = full_memory()
    for name, value in values.items():
        getattr(slots[0].env, name)[0, ...] = value
    return FRAMES.encode_steps(memory, [(0, False)])


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (b"", "a frame of 0 bytes"),
        (step_frame()[:-1], "bytes where"),
        (step_frame() * 4, "up to 3 groups"),
        (step_frame()[:-4] + b"\x03\0\0\0", "group numbers"),
        (step_frame(obs=np.nan), "obs holds numbers that are not finite"),
        (step_frame(reward=-np.inf), "reward holds numbers that are not finite"),
        (step_frame(avail_actions=2), "avail_actions holds other values"),
        (step_frame(avail_actions=0), "nothing to choose"),
    ],
)
def test_malformed_steps_are_a_protocol_error(frame, said):
    with pytest.raises(ProtocolError, match=said):
        FRAMES.decode_steps(frame)


def test_flag_that_is_neither_true_nor_false_is_a_protocol_error():
    memory, slots = full_memory()
    slots[0].env.terminated.view(np.uint8)[...] = 7
    with pytest.raises(ProtocolError, match="terminated holds other values"):
        FRAMES.decode_steps(FRAMES.encode_steps(memory, [(0, False)]))


def test_twice_the_same_group_is_a_protocol_error():
    memory, _ = full_memory()
    with pytest.raises(ProtocolError, match="group numbers"):
        FRAMES.decode_steps(FRAMES.encode_steps(memory, [(1, False), (1, True)]))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_bytes_are_steps_that_fit_or_a_protocol_error(data):
    frame = bytearray(step_frame())
    for _ in range(data.draw(st.integers(0, 4))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    frame = frame[: data.draw(st.sampled_from([len(frame), len(frame) - 1, 4, 0]))]
    try:
        steps = FRAMES.decode_steps(bytes(frame))
    except ProtocolError:
        return
    for group, _, env in steps:
        assert 0 <= group < GROUPS
        assert np.isfinite(env.obs).all()
        assert env.avail_actions.max() == 1
        assert set(env.terminated.view(np.uint8)) <= {0, 1}
