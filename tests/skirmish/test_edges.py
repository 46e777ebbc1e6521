"""How near units come to blocked ground, to corners and to the edge of the map; places as recorded in the game."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from seed_matrace.replay import Order
from seed_matrace.skirmish.edges import NEAR, OPEN, SOLID, SOLID_NE, SOLID_NW, SOLID_SE, SOLID_SW, edge_shapes
from seed_matrace.skirmish.vector_env import SkirmishVectorEnv

Arena = Callable[..., SkirmishVectorEnv]


def slots(env: SkirmishVectorEnv, name: str) -> list[int]:
    return [slot for slot in range(env.spec.n_agents) if env.map.units[slot].name == name]


def send(env: SkirmishVectorEnv, slot: int, goal: tuple[float, float], loops: int) -> np.ndarray:
    """Moves one unit towards a place; returns its way, [loops, 2]."""
    battles = env._open()
    battles.order(0, slot, Order.MOVE, -1, *goal)
    way = []
    for _ in range(loops):
        battles.advance(0, 1)
        way.append(battles.units()[0, :2, slot])
    return np.array(way)


@pytest.mark.parametrize(("unit", "margin"), [("Marine", 0.3125), ("Zealot", 0.3125), ("Stalker", 0.4375)])
def test_units_stop_their_inner_radius_less_a_sixteenth_before_blocked_ground(
    arena: Arena, unit: str, margin: float
) -> None:
    env = arena([(unit, (22, 16))], [("Medivac", (4, 16))], terrain="flat_band")
    env.reset()
    assert send(env, 0, (22, 40), 90)[-1, 1] == 25 - margin
    assert env._open().intents(0)[0][0, 0] == Order.MOVE  # it goes on trying
    assert set(send(env, 0, (40, 30), 20)[:, 1]) == {np.float32(25 - margin)}  # slides along
    assert send(env, 0, (40, 16), 90)[-1, 0] == 30 - margin
    assert send(env, 0, (28, 0), 150)[-1, 1] == 7 + margin


def test_the_steps_of_a_slanting_edge_are_cut_along_their_diagonals() -> None:
    """Zerglings of bane_vs_bane run along x - y = 16.558, through cells that are not walkable."""
    env = SkirmishVectorEnv("bane_vs_bane", 1, seed=0)
    env.reset()
    slot = max(slots(env, "Zergling"), key=lambda slot: env.map.spawn[slot, 0] - env.map.spawn[slot, 1])
    way = send(env, slot, (30, 2), 80)
    assert (way[-1, 0] - way[-1, 1]) == pytest.approx(17 - 0.3125 * 2**0.5, abs=1e-3)
    assert (way[:, 0] - way[:, 1]).max() < 16.559
    walkable = env.map.walkable[way[:, 0].astype(int), way[:, 1].astype(int)]
    assert not walkable.all()


def test_corners_are_passed_at_the_same_distance(arena: Arena) -> None:
    """The end of the wall of 2c_vs_64zg: the nearest recorded place is 0.3126 away from (28, 13)."""
    env = arena([("Zergling", (26.5, 14))], [("Medivac", (6, 8))], terrain="ramps_and_ledge")
    env.reset()
    way = send(env, 0, (26.5, 10.5), 60)
    gaps = np.hypot(*(way - (28, 13)).T)
    assert 0.3123 < gaps.min() < 0.6
    np.testing.assert_allclose(way[-1], (26.5, 10.5), atol=0.2)


@pytest.mark.parametrize(
    ("terrain", "start", "goal"),
    [("corridor", (24, 24), (6, 6)), ("diagonal_strip", (24, 24), (6, 6)), ("ramps_and_ledge", (14, 8), (16, 17))],
)
def test_a_crowd_gets_round_every_corner(
    arena: Arena, terrain: str, start: tuple[float, float], goal: tuple[float, float]
) -> None:
    crowd = [("Zergling", (start[0] + 0.75 * (k % 5), start[1] + 0.75 * (k // 5))) for k in range(20)]
    env = arena(crowd, [("Medivac", (25.5, 18.5))], terrain=terrain)
    env.reset()
    battles = env._open()
    for slot in range(len(crowd)):
        battles.order(0, slot, Order.MOVE, -1, *goal)
    battles.advance(0, 300)
    assert np.hypot(*(battles.units()[0, :2, : len(crowd)].T - goal).T).max() < 3


def test_flyers_stay_in_the_playable_area() -> None:
    env = SkirmishVectorEnv("MMM2", 1, seed=0)
    env.reset()
    (medivac,) = slots(env, "Medivac")
    way = send(env, medivac, (9, 40), 160)
    assert way[-1, 1] == 30
    assert send(env, medivac, (-9, 30), 100)[-1, 0] == 2


def test_shapes_of_blocked_cells() -> None:
    walkable = np.ones((6, 6), np.uint8)
    walkable[2:4, 2:4] = 0  # every cell of it is a corner
    walkable[5, 0] = 0  # in the corner of the map: walkable to the west and to the north
    shapes = edge_shapes(walkable)
    assert shapes[2:4, 2:4].tolist() == [[SOLID_NE + NEAR, SOLID_SE + NEAR], [SOLID_NW + NEAR, SOLID_SW + NEAR]]
    assert shapes[5, 0] == SOLID_SE + NEAR
    assert shapes[1, 1] == shapes[0, 5] == OPEN + NEAR  # beyond the map all is solid
    bar = np.ones((9, 9), np.uint8)
    bar[4, 3:6] = 0
    assert edge_shapes(bar)[4, 3:6].tolist() == [SOLID + NEAR] * 3
    assert edge_shapes(bar)[6, 6] == OPEN


@pytest.mark.parametrize(
    ("place", "goal", "x", "y"),
    [
        ((9, 2), (20, 2), 10.125, 2 + 0.3125),
        ((2, 9), (2, 20), 2 + 0.3125, 10.125),
        ((12, 2), (12, 20), 12, 2 + 0.3125 + 1.125),
        ((2, 2), (20, 2), 2 + 0.3125 + 1.125, 2 + 0.3125),
    ],
)
def test_who_stands_on_the_very_edge_walks_off_it(
    arena: Arena, place: tuple[float, float], goal: tuple[float, float], x: float, y: float
) -> None:
    """Scenarios may put units there."""
    env = arena([("Marine", place)], [("Medivac", (25, 25))])
    env.reset()
    end = send(env, 0, goal, 8)[-1]
    np.testing.assert_allclose(end, (x, y), atol=0.35)
    assert min(end) >= 2 + 0.3125
