"""Columns that were trained on before, in a part of each batch."""

import numpy as np
import pytest

from seed_matrace.envs.counting import SPEC
from seed_matrace.specs import empty_unroll
from seed_matrace.training.replay_buffer import ReplayBuffer

STEPS, CAPACITY, COLUMNS, FRESH = 2, 6, 4, 2


def _buffer(newest_first, seed=0):
    return ReplayBuffer(empty_unroll(SPEC, STEPS, CAPACITY), newest_first=newest_first, seed=seed)


def _batch(first):
    """Fresh columns spell their numbers in every field that has room for them."""
    batch = empty_unroll(SPEC, STEPS, COLUMNS)
    for field in batch:
        field[...] = 0
    for column in range(FRESH):
        batch.obs[:, column] = batch.reward[:, column] = batch.policy_version[:, column] = first + column
    return batch


def _filled(buffer, number):
    batch = _batch(FRESH * number)
    buffer.fill(batch, FRESH)
    np.testing.assert_array_equal(batch.obs[..., 0, 0], batch.reward)
    np.testing.assert_array_equal(batch.policy_version, batch.reward)
    assert batch.reward[0, :FRESH].tolist() == [FRESH * number, FRESH * number + 1]
    buffer.add(batch, FRESH)
    return batch.reward[0, FRESH:].astype(int).tolist()


def test_the_newest_columns_come_first():
    buffer = _buffer(newest_first=True)
    buffer.add(_batch(0), FRESH)
    assert [_filled(buffer, number) for number in range(1, 6)] == [[1, 0], [3, 2], [5, 4], [7, 6], [9, 8]]


def test_any_column_that_is_held_comes_as_often():
    buffer = _buffer(newest_first=False)
    buffer.add(_batch(0), FRESH)
    for number in range(1, 2000):
        drawn = _filled(buffer, number)
        assert all(max(FRESH * number - CAPACITY, 0) <= column < FRESH * number for column in drawn)
    ages = [FRESH * number - column for number in range(2000, 4000) for column in _filled(buffer, number)]
    counts = np.bincount(ages, minlength=CAPACITY + 1)[1:]
    assert counts.sum() == 4000
    assert (abs(counts - 4000 / CAPACITY) < 120).all()


def test_fewer_columns_than_are_wanted_are_repeated():
    buffer = ReplayBuffer(empty_unroll(SPEC, STEPS, CAPACITY), newest_first=True, seed=0)
    buffer.add(_batch(7), 1)
    assert _filled(buffer, 5) == [7, 7]


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("batches", [1, 7])
def test_another_buffer_goes_on_where_one_stood(newest_first, batches):
    buffer, other = _buffer(newest_first), _buffer(newest_first, seed=5)
    buffer.add(_batch(0), FRESH)
    for number in range(1, batches):
        _filled(buffer, number)
    other.set_state({name: array.copy() for name, array in buffer.state().items()})
    for number in range(batches, batches + 5):
        assert _filled(buffer, number) == _filled(other, number)
