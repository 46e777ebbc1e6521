"""Shields, life and energy that come back; healing; how far units move."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from seed_matrace.skirmish.units import load_unit_type, unit_type_names
from seed_matrace.skirmish.vector_env import SkirmishVectorEnv

Arena = Callable[..., SkirmishVectorEnv]
NO_OP, STOP, EAST, FIRST_TARGET = 0, 1, 4, 6
FAR = ("SpineCrawler", (27.5, 27.5))


def play(env: SkirmishVectorEnv, loops: int, *actions: int) -> np.ndarray:
    """The same orders for some loops; returns the units [5, U]. The dead do nothing."""
    for _ in range(loops):
        alive = env.units()[0, 2, : env.spec.n_agents] > 0
        env.step(np.where(alive, actions, NO_OP).astype(np.int32)[None])
    return env.units()[0]


def test_shield_comes_back_ten_seconds_after_the_last_damage(arena: Arena) -> None:
    env = arena([("Stalker", (10, 10))], [("Baneling", (10.9, 10)), FAR])
    env.reset()
    _, _, health, shield, _ = env.units()[0]
    assert (health[0], shield[0]) == (80, 60)
    assert play(env, 159, STOP)[3, 0] == 60
    np.testing.assert_allclose([play(env, 1, STOP)[3, 0] for _ in range(3)], [60.125, 60.25, 60.375])
    assert play(env, 200, STOP)[3, 0] == 80


def test_zerg_life_comes_back_from_the_first_loop(arena: Arena) -> None:
    env = arena([("Hydralisk", (10, 10))], [("Baneling", (10.9, 10)), FAR])
    env.reset()
    hydralisk = load_unit_type("Hydralisk")
    assert env.units()[0, 2, 0] == pytest.approx(80 - 35 + hydralisk.health_regen, abs=1e-3)
    assert play(env, 160, STOP)[2, 0] == pytest.approx(45 + 161 * 0.2734 / 16, abs=1e-2)


def test_medivac_heals_on_order_alone(arena: Arena) -> None:
    env = arena([("Marine", (10, 10)), ("Medivac", (10, 14))], [("Baneling", (10.7, 10)), FAR])
    out = env.reset()
    heal = FIRST_TARGET
    assert env.units()[0, 2, 0] == 10
    assert play(env, 30, STOP, STOP)[2, 0] == 10
    energy = env.units()[0, 4, 1]
    assert energy == pytest.approx(50 + 31 * 0.5625 / 16, abs=1e-3)
    units = play(env, 16, STOP, heal)
    assert units[2, 0] == pytest.approx(10 + 9, abs=1e-3)  # 9 per second
    assert units[4, 1] == pytest.approx(energy + 0.5625 - 9 * 0.33, abs=1e-3)
    units = play(env, 80, STOP, heal)
    assert units[2, 0] == 45
    assert out.avail_actions.shape[2] == FIRST_TARGET + 2


def test_enemy_medivac_heals_the_worst_by_itself(arena: Arena) -> None:
    foes = [("Marine", (10.7, 10)), ("Marauder", (10.0, 10.95)), ("Medivac", (12, 12)), FAR]
    env = arena([("Baneling", (10, 10)), ("Marine", (3, 3))], foes)
    env.reset()
    units = play(env, 1, FIRST_TARGET, STOP)
    assert units[2, :4].tolist() == [0, 45, 10, 105]
    units = play(env, 16, NO_OP, STOP)
    assert units[2, 2] == pytest.approx(10 + 9, abs=1.2)
    assert units[2, 3] == 105  # ten of forty-five come before a hundred and five of a hundred and twenty-five
    play(env, 100, NO_OP, STOP)
    assert env.units()[0, 2, 2:4].tolist() == [45, 125]


@pytest.mark.parametrize("name", [name for name in unit_type_names() if name not in ("Medivac", "SpineCrawler")])
def test_a_step_of_walking_is_eight_loops_of_speed(arena: Arena, name: str) -> None:
    env = arena([(name, (10, 10))], [FAR])
    env.reset()
    distance = play(env, 8, EAST)[0, 0] - 10
    assert distance == pytest.approx(8 * load_unit_type(name).speed, abs=2e-3)


def test_medivac_gathers_speed_and_brakes(arena: Arena) -> None:
    medivac = load_unit_type("Medivac")
    env = arena([("Medivac", (5, 10)), ("Marine", (3, 3))], [FAR])
    env.reset()
    x = [play(env, 1, EAST, STOP)[0, 0] for _ in range(60)]
    speeds = np.diff([5.0, *x])
    assert speeds[0] == pytest.approx(medivac.acceleration, abs=5e-4)
    assert speeds[9] == pytest.approx(10 * medivac.acceleration, abs=5e-4)
    assert speeds[-1] == pytest.approx(medivac.speed, abs=5e-4)
    rest = play(env, 40, STOP, STOP)[0, 0]
    assert rest - x[-1] == pytest.approx(medivac.speed**2 / 2 / medivac.acceleration, rel=0.1)
    assert play(env, 8, STOP, STOP)[0, 0] == rest


def test_spine_crawler_stays_where_it_is(arena: Arena) -> None:
    env = arena([("Zealot", (16, 10)), ("Zealot", (15, 10))], [("SpineCrawler", (18, 10))])
    env.reset()
    play(env, 100, FIRST_TARGET, FIRST_TARGET)
    assert env.units()[0, :2, 2].tolist() == [18, 10]


def test_flyers_and_colossi_pass_over_those_who_walk(arena: Arena) -> None:
    """Nobody below is pushed, whoever comes along above."""
    wall = [("Marine", (12.0, 9 + 0.75 * k)) for k in range(4)]
    for name in ("Medivac", "Colossus"):
        env = arena([*wall, (name, (9, 10))], [FAR])
        env.reset()
        units = play(env, 60, STOP, STOP, STOP, STOP, EAST)
        assert units[0, 4] > 14
        np.testing.assert_array_equal(units[0, :4], 12)


def test_colossi_walk_down_the_cliff_and_zerglings_go_round(arena: Arena) -> None:
    foes = [("Colossus", (16, 16)), ("Zergling", (18, 14))]
    order = {"kind": "attack_move", "target": [16, 6]}
    env = arena([("Marine", (3, 17))], foes, terrain="ramps_and_ledge", enemy_order=order)
    env.reset()
    units = play(env, 50, STOP)
    assert units[1, 1] < 12 and abs(units[0, 1] - 16) < 1  # goes in formation, to the west of the target
    assert units[1, 2] > 12 and abs(units[0, 2] - 18) > 6  # on its way to a ramp
    units = play(env, 120, STOP)
    assert np.hypot(units[0, 2] - 16, units[1, 2] - 6) < 3
