"""Unrolls: overlap, bounded buffers, dropping."""

import dataclasses
import threading

import numpy as np
import pytest

from seed_matrace.envs.counting import SPEC, CountingVectorEnv
from seed_matrace.inference.unrolls import Unrolls, UnrollSizes
from seed_matrace.specs import unroll_spec
from seed_matrace.types import PolicyOutput, UnrollFields

SIZES = UnrollSizes(num_groups=2, group_size=3, unroll_length=4, queued=1)


@pytest.fixture
def unrolls():
    return Unrolls(SPEC, SIZES)


class Group:
    """Plays on and appends."""

    def __init__(self, unrolls, number):
        self.unrolls, self.number = unrolls, number
        self.env = CountingVectorEnv(SIZES.group_size)
        self.output = self.env.reset()
        self.appended = 0

    def append(self, steps=1):
        for _ in range(steps):
            action = np.argmax(self.output.avail_actions, axis=-1).astype(np.int32)
            log_prob = np.full(action.shape, -float(self.appended), np.float32)
            recurrent = np.full((SIZES.group_size, 1), 5.0, np.float32)
            chosen = PolicyOutput(action, log_prob, recurrent)
            self.unrolls.append(self.number, self.output, chosen, version=self.appended)
            self.output = self.env.step(action)
            self.appended += 1


def test_unroll_is_full_after_one_step_more_than_its_length(unrolls):
    group = Group(unrolls, 0)
    group.append(SIZES.unroll_length)
    assert unrolls.take(timeout_s=0) is None
    group.append()
    full = unrolls.take(timeout_s=0)
    assert full.group == 0
    np.testing.assert_array_equal(full.unroll.policy_version[:, 0], np.arange(SIZES.unroll_length + 1))


def test_next_unroll_needs_only_unroll_length_more_steps(unrolls):
    group = Group(unrolls, 0)
    group.append(SIZES.unroll_length + 1)
    first = unrolls.take(timeout_s=0)
    last_step = [array[-1].copy() for array in first.unroll]
    unrolls.release(first)
    group.append(SIZES.unroll_length)
    second = unrolls.take(timeout_s=0)
    for before, after in zip(last_step, second.unroll, strict=True):
        np.testing.assert_array_equal(before, after[0])


def test_group_waits_until_its_buffer_is_released(unrolls):
    group, other = Group(unrolls, 0), Group(unrolls, 1)
    released = []
    unrolls.call_on_release(lambda: released.append(True))
    group.append(2 * SIZES.unroll_length)
    assert not unrolls.can_append(0)
    assert unrolls.can_append(1)
    other.append()
    full = unrolls.take(timeout_s=0)
    assert not unrolls.can_append(0)
    unrolls.release(full)
    assert released == [True]
    assert unrolls.can_append(0)
    group.append()
    assert unrolls.take(timeout_s=0).unroll.policy_version[-1, 0] == 2 * SIZES.unroll_length


def test_taken_unroll_is_not_written_to_until_released(unrolls):
    group = Group(unrolls, 0)
    group.append(SIZES.unroll_length + 1)
    full = unrolls.take(timeout_s=0)
    kept = [array.copy() for array in full.unroll]
    group.append(SIZES.unroll_length - 1)
    for array, copy in zip(full.unroll, kept, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_dropping_forgets_the_unfinished_unroll_only(unrolls):
    group = Group(unrolls, 0)
    group.append(SIZES.unroll_length + 3)
    assert unrolls.drop(0) == 2 * SIZES.group_size
    again = Group(unrolls, 0)
    again.append(SIZES.unroll_length)
    first = unrolls.take(timeout_s=0)
    assert first.unroll.policy_version[-1, 0] == SIZES.unroll_length
    assert unrolls.take(timeout_s=0) is None
    unrolls.release(first)
    again.append()
    np.testing.assert_array_equal(
        unrolls.take(timeout_s=0).unroll.policy_version[:, 0], np.arange(SIZES.unroll_length + 1)
    )
    assert Unrolls(SPEC, SIZES).drop(0) == 0


def test_dropping_forgets_what_networks_remember():
    fields = UnrollFields(with_last_action=True, units_per_env=2)
    unrolls = Unrolls(SPEC, dataclasses.replace(SIZES, fields=fields))
    groups = [Group(unrolls, 0), Group(unrolls, 1)]
    for group in groups:
        group.append(1)
    unrolls.drop(0)
    dropped, kept = (unrolls.memory(group.number, group.output) for group in groups)
    assert (dropped.last_action == -1).all()
    assert (kept.last_action >= 0).all()
    assert (dropped.recurrent == 0).all()
    assert (kept.recurrent == 5).all()


def test_taking_waits_for_another_thread(unrolls):
    group = Group(unrolls, 0)
    thread = threading.Timer(0.05, lambda: group.append(SIZES.unroll_length + 1))
    thread.start()
    assert unrolls.take(timeout_s=30).group == 0
    thread.join()


def test_memory_is_what_the_buffers_hold():
    one = sum(array.nbytes for array in unroll_spec(SPEC, SIZES.unroll_length, SIZES.group_size))
    assert SIZES.memory_bytes(SPEC) == 4 * one
