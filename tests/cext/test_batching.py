"""The kernel that stacks observations against its naive twin."""

import numpy as np
import pytest

from seed_matrace._cext import _batching, reference_batching

ENVS, AGENTS, DIM = 4, 3, 5


def make(depth, envs=ENVS, agents=AGENTS, dim=DIM):
    """A ring, the newest observations, and stacks that hold something else so far."""
    rng = np.random.default_rng(depth)
    ring = rng.normal(size=(depth, envs, agents, dim)).astype(np.float32)
    newest = rng.normal(size=(envs, agents, dim)).astype(np.float32)
    return ring, newest, np.full((envs, agents, depth * dim), np.nan, np.float32)


@pytest.mark.parametrize("depth", [1, 2, 3, 7])
def test_matches_the_naive_twin(depth):
    ring, newest, stacks = make(depth)
    expected = stacks.copy()
    for newest_place in range(depth):
        for first in range(depth + 2):
            seen = ((first + np.arange(ENVS)) % (depth + 2)).astype(np.int32)
            _batching.stack_frames(ring, newest_place, newest, seen, stacks)
            reference_batching.stack_frames(ring, newest_place, newest, seen, expected)
            np.testing.assert_array_equal(stacks, expected)


def test_oldest_comes_first_and_the_newest_ones_own_place_is_not_read():
    ring, newest, stacks = make(3, envs=1, agents=1, dim=1)
    ring[:, 0, 0, 0], newest[...] = [12, 10, 11], 13
    seen = np.array([3], np.int32)
    ring[1] = np.nan
    _batching.stack_frames(ring, 1, newest, seen, stacks)
    np.testing.assert_array_equal(stacks[0, 0], [11, 12, 13])
    seen[0] = 2
    _batching.stack_frames(ring, 1, newest, seen, stacks)
    np.testing.assert_array_equal(stacks[0, 0], [0, 12, 13])


def test_empty_observations():
    ring, newest, stacks = make(2, dim=0)
    _batching.stack_frames(ring, 0, newest, np.ones(ENVS, np.int32), stacks)


@pytest.mark.parametrize("kind", ["newest", "seen", "stacks", "place", "negative place", "dtype", "strides"])
def test_what_does_not_fit_is_an_error(kind):
    (ring, newest, stacks), seen, place = make(2), np.ones(ENVS, np.int32), 0
    if kind == "newest":
        newest = newest[:, :-1].copy()
    elif kind == "seen":
        seen = seen[:-1]
    elif kind == "stacks":
        stacks = stacks[..., :-1].copy()
    elif kind == "dtype":
        stacks = stacks.astype(np.float64)
    elif kind == "strides":
        newest = newest[::-1]
    else:
        place = 2 if kind == "place" else -1
    with pytest.raises(ValueError, match=r"\[4, 3, 5\]|\[4, 3, 10\]|place|dtype|contiguous"):
        _batching.stack_frames(ring, place, newest, seen, stacks)
