"""Lines of sight against their naive twin, and ways round obstacles against all ways that there are."""

import tracemalloc

import numpy as np
import pytest
from twins import paths as reference

from seed_matrace.skirmish.maps import load_map
from seed_matrace.skirmish.paths import CLEARANCE, find_paths, lines_of_sight

WITH_OBSTACLES = ("2c_vs_64zg", "corridor", "so_many_baneling")
DRAWN = {
    "wall": ("...........", "...........", ".....#.....", ".....#.....", ".....#.....", ".....#.....", "..........."),
    "two rooms": ("....#....", "....#....", "....#....", "....#....", "....#...."),
    "pillars": (".........", "..#..#...", ".........", ".....##..", "..#......", "........."),
    "slant": ("........", ".......#", "......##", ".....###", "....####"),
}


def terrain(name):
    """uint8 [width, height] and its walkable cells, int32 [C, 2]."""
    if name in DRAWN:
        walkable = np.array([[cell == "." for cell in row] for row in DRAWN[name]], np.uint8)
    else:
        walkable = load_map(name).walkable
    return walkable, np.ascontiguousarray(np.argwhere(walkable), np.int32)


@pytest.mark.parametrize("name", [*DRAWN, "2c_vs_64zg", "2m_vs_1z", "corridor", "so_many_baneling", "6h_vs_8z"])
def test_sight_matches_the_naive_twin(name):
    walkable, cells = terrain(name)
    some = np.random.default_rng(3).permutation(len(cells))[:70]
    cells = np.ascontiguousarray(cells[some])
    expected = np.full((len(cells), len(cells)), 7, np.uint8)
    reference.find_sight(walkable, cells, CLEARANCE, expected)
    assert set(np.unique(expected)) <= {0, 1} and expected.diagonal().all()
    np.testing.assert_array_equal(lines_of_sight(walkable, cells), expected)


def test_sight_needs_room_on_both_sides():
    walkable, cells = terrain("wall")
    sight = lines_of_sight(walkable, cells)
    number = {tuple(cell): index for index, cell in enumerate(cells.tolist())}
    assert sight[number[0, 0], number[0, 10]] and sight[number[1, 0], number[1, 10]]
    assert not sight[number[2, 0], number[2, 10]] and not sight[number[1, 4], number[3, 6]]


@pytest.mark.parametrize("name", ["wall", "pillars", *WITH_OBSTACLES])
def test_ways_lead_there_and_none_that_turns_at_corners_is_shorter(name):
    walkable, cells = terrain(name)
    paths, sight = find_paths(walkable), lines_of_sight(walkable, cells)
    corners = [index for index, cell in enumerate(cells.tolist()) if reference.turns(walkable, *cell)]
    expected = reference.shortest_ways(sight, cells, corners)
    numbers = np.arange(len(cells))
    here, there = (part.ravel().copy() for part in np.meshgrid(numbers, numbers, indexing="ij"))
    there_is_a_way = np.isfinite(expected[here, there])
    here, there = here[there_is_a_way], there[there_is_a_way]
    walked, wanted = np.zeros(len(here)), expected[here, there]
    for _ in range(len(cells)):
        corner = paths.corner[here, there]
        to = np.where(corner >= 0, corner, there)
        assert sight[here, to].all(), "a way goes through a wall"
        walked += np.hypot(*(cells[to] - cells[here]).T)
        here = to
        if (here == there).all():
            break
    assert (here == there).all(), "a way ends elsewhere"
    np.testing.assert_allclose(walked, wanted, atol=1e-6)
    shortest = reference.shortest_ways(sight, cells, list(numbers))[there_is_a_way.reshape(expected.shape)]
    assert (wanted <= 1.02 * shortest).all(), "turning elsewhere would save more than a little"


@pytest.mark.parametrize("name", ["wall", "corridor"])
def test_places_are_looked_up_by_the_nearest_walkable_cell(name):
    walkable, cells = terrain(name)
    paths = find_paths(walkable)
    np.testing.assert_array_equal(paths.cell_center, cells + np.float32(0.5))
    for place in np.ndindex(walkable.shape):
        apart = ((cells - place) ** 2).sum(axis=1)
        assert apart[paths.cell_of[place]] == apart.min(), place


def test_a_hall_in_a_wide_map_takes_little_memory():
    """Nothing is as large as the whole map times its walkable cells."""
    walkable = np.zeros((256, 256), np.uint8)
    walkable[100:140, 100:140] = 1
    walkable[120, 110:120] = 0
    tracemalloc.start()
    paths = find_paths(walkable)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert paths is not None and peak < 300e6


@pytest.mark.parametrize("name", ["two rooms", "slant"])
def test_no_table_where_no_way_round_is_worth_it(name):
    assert find_paths(terrain(name)[0]) is None
