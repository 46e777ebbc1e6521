"""Batches of B columns from unrolls of E."""

import numpy as np
import pytest

from seed_matrace.envs.counting import SPEC
from seed_matrace.inference.unrolls import Unrolls, UnrollSizes
from seed_matrace.specs import empty_env_output
from seed_matrace.training.batcher import Batcher, BatcherThread
from seed_matrace.types import PolicyOutput, UnrollFields

FIELDS = UnrollFields(with_state=True, units_per_env=3)


def make(batch_size, group_size, num_groups=4):
    sizes = UnrollSizes(num_groups=num_groups, group_size=group_size, unroll_length=2, queued=2, fields=FIELDS)
    unrolls = Unrolls(SPEC, sizes)
    return unrolls, Batcher(unrolls, SPEC, batch_size, sizes)


def publish(unrolls, group, group_size, first_column):
    """One full unroll whose columns spell their numbers."""
    env = empty_env_output(SPEC, group_size)
    column = first_column + np.arange(group_size)
    env.reward[:] = column
    env.state[:] = column[:, None]
    action = np.repeat(column[:, None], SPEC.n_agents, axis=1).astype(np.int32)
    recurrent = np.repeat(column[:, None], 3, axis=1)
    unrolls.memory(group, env).remember(PolicyOutput(action, action, recurrent))
    for step in range(3):
        unrolls.append(group, env, PolicyOutput(action, -action.astype(np.float32), recurrent), version=step)


@pytest.mark.parametrize(("batch_size", "group_size"), [(4, 4), (4, 2), (2, 4), (3, 2), (5, 3), (1, 4)])
def test_columns_come_whole_once_and_in_order(batch_size, group_size):
    unrolls, batcher = make(batch_size, group_size)
    for group in range(4):
        publish(unrolls, group, group_size, group * group_size)
    columns = []
    batch = batcher.new_batch()
    while batcher.fill(batch):
        np.testing.assert_array_equal(batch.state[..., 0], batch.reward)
        np.testing.assert_array_equal(batch.action[..., 0], batch.reward)
        assert (batch.reward == batch.reward[0]).all()
        np.testing.assert_array_equal(batch.recurrent[0], np.repeat(batch.reward[0][:, None], 3, axis=1))
        columns += batch.reward[0].astype(int).tolist()
    expected = 4 * group_size // batch_size * batch_size
    assert columns == list(range(expected))


def test_batch_filled_in_two_goes_misses_nothing():
    unrolls, batcher = make(batch_size=4, group_size=3)
    batch = batcher.new_batch()
    publish(unrolls, 0, 3, 0)
    assert not batcher.fill(batch)
    publish(unrolls, 1, 3, 3)
    assert batcher.fill(batch)
    assert batch.reward[0].tolist() == [0, 1, 2, 3]


def test_thread_assembles_ahead_but_never_into_a_batch_in_use():
    unrolls, batcher = make(batch_size=2, group_size=2)
    thread = BatcherThread(batcher)
    thread.start()
    for group in range(4):
        publish(unrolls, group, 2, 2 * group)
    first, second = thread.next_batch(10), thread.next_batch(10)
    assert [first.reward[0].tolist(), second.reward[0].tolist()] == [[0, 1], [2, 3]]
    assert thread.next_batch(0.2) is None
    assert first.reward[0].tolist() == [0, 1]
    thread.release(first)
    assert thread.next_batch(10).reward[0].tolist() == [4, 5]
    thread.stop()


def test_error_in_the_thread_is_kept_for_the_learner():
    _, batcher = make(batch_size=2, group_size=2)
    thread = BatcherThread(batcher)
    thread._free.queue.clear()
    thread._free.put("no batch")
    batcher._open, batcher._filled = "no unroll", 0
    thread.start()
    thread._thread.join(10)
    assert isinstance(thread.error, AttributeError)
