"""The kernels that copy steps and stack observations, against their naive twins."""

import numpy as np
import pytest
from twins import batching as reference_batching

from seed_matrace._cext import _batching

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
    for newest_index in range(depth):
        for first in range(depth + 2):
            seen = ((first + np.arange(ENVS)) % (depth + 2)).astype(np.int32)
            _batching.stack_frames(ring, newest_index, newest, seen, stacks)
            reference_batching.stack_frames(ring, newest_index, newest, seen, expected)
            np.testing.assert_array_equal(stacks, expected)


def test_oldest_comes_first_and_the_newest_ones_own_slice_is_not_read():
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


@pytest.mark.parametrize("kind", ["newest", "seen", "stacks", "index", "negative index", "dtype", "strides"])
def test_what_does_not_fit_is_an_error(kind):
    (ring, newest, stacks), seen, index = make(2), np.ones(ENVS, np.int32), 0
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
        index = 2 if kind == "index" else -1
    with pytest.raises(ValueError, match=r"\[4, 3, 5\]|\[4, 3, 10\]|index|dtype|contiguous"):
        _batching.stack_frames(ring, index, newest, seen, stacks)


def fields(rows, rng, *leading):
    """Arrays of several dtypes and of equally many rows, one of them without anything in its rows."""
    shape = (*leading, rows)
    return [
        rng.normal(size=(*shape, 3, 2)).astype(np.float32),
        rng.integers(0, 2, (*shape, 3), np.uint8),
        rng.integers(0, 2, shape).astype(np.bool_),
        rng.integers(0, 9, shape, np.int32),
        np.zeros((*shape, 3, 0), np.float32),
    ]


@pytest.mark.parametrize("leading", [(), (4,), (2, 3)])
@pytest.mark.parametrize(("first_target", "first_source", "rows"), [(0, 0, 5), (2, 1, 3), (4, 0, 1), (1, 4, 0)])
def test_rows_are_copied_as_the_naive_twin_does(leading, first_target, first_source, rows):
    rng = np.random.default_rng(rows)
    sources, targets = fields(5, rng), fields(5, rng, *leading)
    expected = [array.copy() for array in targets]
    _batching.copy_rows(targets, first_target, sources, first_source, rows)
    reference_batching.copy_rows(expected, first_target, sources, first_source, rows)
    for target, want in zip(targets, expected, strict=True):
        np.testing.assert_array_equal(target, want)


def test_rows_too_large_for_pythons_lock_are_copied_as_well():
    source, target = np.arange(1 << 20, dtype=np.int64).reshape(1024, 1024), np.zeros((2, 1024, 1024), np.int64)
    _batching.copy_rows([target], 1024, [source], 0, 1024)
    assert not target[0].any()
    np.testing.assert_array_equal(target[1], source)


@pytest.mark.parametrize(
    ("target", "source", "rows"),
    [
        (np.zeros((5, 3), np.float32), np.zeros((5, 2), np.float32), 5),
        (np.zeros((5, 2), np.float32), np.zeros((5, 2), np.float64), 5),
        (np.zeros(5, np.float32), np.zeros((5, 2), np.float32), 5),
        (np.zeros((5, 4), np.float32)[:, ::2], np.zeros((5, 2), np.float32), 5),
        (np.zeros((5, 2), np.float32), np.zeros((5, 4), np.float32)[:, ::2], 5),
        (np.frombuffer(bytes(40), np.float32).reshape(5, 2), np.zeros((5, 2), np.float32), 5),
        (np.zeros((4, 2), np.float32), np.zeros((5, 2), np.float32), 5),
        (np.zeros((5, 2), np.float32), np.zeros((4, 2), np.float32), 5),
        (np.zeros((5, 2), np.float32), np.zeros((5, 2), np.float32), -1),
        (np.zeros(()), np.zeros(()), 1),
    ],
    ids=[
        "width",
        "dtype",
        "axes",
        "target strides",
        "source strides",
        "read-only",
        "target",
        "source",
        "negative",
        "0-d",
    ],
)
def test_rows_that_do_not_fit_are_an_error_and_nothing_is_written(target, source, rows):
    fitting = np.ones(5, np.int32)
    untouched = np.zeros(5, np.int32)
    with pytest.raises(ValueError, match=r"rows|row "):
        _batching.copy_rows([untouched, target], 0, [fitting, source], 0, rows)
    assert not untouched.any()
    assert not target.any()


def test_as_many_targets_as_sources_are_needed():
    with pytest.raises(ValueError, match="2 targets for 1 sources"):
        _batching.copy_rows([np.zeros(1), np.zeros(1)], 0, [np.ones(1)], 0, 1)


def ended_episodes(envs, rng):
    """Flags and figures of a step of so many environments; figures stand also where no episode ended."""
    flags = [rng.random(envs) < fraction for fraction in (0.4, 0.3, 0.5)]
    return [*flags, rng.normal(size=envs).astype(np.float32), rng.integers(1, 99, envs, np.int32)]


@pytest.mark.parametrize("rows", [0, 1, 7, 64])
def test_episodes_are_added_up_as_the_naive_twin_does(rows):
    for seed in range(20):
        arrays = ended_episodes(64, np.random.default_rng(seed))
        assert _batching.sum_episodes(*arrays, rows) == reference_batching.sum_episodes(*arrays, rows)


def test_only_episodes_that_ended_count():
    terminated, truncated, won = (np.array(flags, np.bool_) for flags in ([1, 0, 0, 1], [0, 0, 1, 1], [1, 1, 0, 0]))
    arrays = terminated, truncated, won, np.array([1.5, 9, 2, -4], np.float32), np.array([3, 9, 4, 5], np.int32)
    assert _batching.sum_episodes(*arrays, 4) == (3, 1, -0.5, 12)
    assert _batching.sum_episodes(*arrays, 3) == (2, 1, 3.5, 7)


@pytest.mark.parametrize("kind", ["rows", "negative", "shorter", "dtype", "none"])
def test_episodes_that_cannot_be_added_up_are_an_error(kind):
    arrays, rows = ended_episodes(4, np.random.default_rng(0)), {"rows": 5, "negative": -1}.get(kind, 4)
    if kind == "shorter":
        arrays[3] = arrays[3][:3]
    elif kind == "dtype":
        arrays[4] = arrays[4].astype(np.int64)
    elif kind == "none":
        arrays[0] = None
    with pytest.raises((ValueError, TypeError), match=r"rows|dtype|None"):
        _batching.sum_episodes(*arrays, rows)
