"""Shields, life and energy that come back; healing; how far units move."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from seed_matrace.replay import Order
from seed_matrace.skirmish.maps import load_map
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


def until(env: SkirmishVectorEnv, slot: int) -> int:
    """Allies stand until unit ``slot`` is hurt, as soon as its enemy has looked round; how many loops that takes."""
    for loops in range(1, 20):
        before = env.units()[0, 2:4, slot].sum()
        play(env, 1, *[STOP] * env.spec.n_agents)
        if env.units()[0, 2:4, slot].sum() < before:
            return loops
    raise AssertionError("nobody hurts it")


def test_shield_comes_back_ten_seconds_after_the_last_damage(arena: Arena) -> None:
    env = arena([("Stalker", (10, 10))], [("Baneling", (10.9, 10)), FAR])
    env.reset()
    until(env, 0)
    _, _, health, shield, _ = env.units()[0]
    assert (health[0], shield[0]) == (80, 60)
    assert play(env, 159, STOP)[3, 0] == 60
    np.testing.assert_allclose([play(env, 1, STOP)[3, 0] for _ in range(3)], [60.125, 60.25, 60.375])
    assert play(env, 200, STOP)[3, 0] == 80


def test_zerg_life_comes_back_from_the_first_loop(arena: Arena) -> None:
    env = arena([("Hydralisk", (10, 10))], [("Baneling", (10.9, 10)), FAR])
    env.reset()
    until(env, 0)
    hydralisk = load_unit_type("Hydralisk")
    assert env.units()[0, 2, 0] == pytest.approx(80 - 35 + hydralisk.health_regen, abs=1e-3)
    assert play(env, 160, STOP)[2, 0] == pytest.approx(45 + 161 * 0.2734 / 16, abs=1e-2)


def test_medivac_heals_on_order_alone(arena: Arena) -> None:
    env = arena([("Marine", (10, 10)), ("Medivac", (10, 14))], [("Baneling", (10.7, 10)), FAR])
    out = env.reset()
    heal = FIRST_TARGET
    waited = until(env, 0)
    assert env.units()[0, 2, 0] == 10
    assert play(env, 30, STOP, STOP)[2, 0] == 10
    energy = env.units()[0, 4, 1]
    assert energy == pytest.approx(50 + (31 + waited) * 0.5625 / 16, abs=1e-3)
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
    units = play(env, 24, NO_OP, STOP)  # it looks round every eight loops
    assert 10 + 9 <= units[2, 2] <= 10 + 9 * 24 / 16
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
    """As recorded on MMM2, eight loops with a move two cells ahead each: 0.3252, 0.9033, 1.2100, 1.156, 1.156."""
    medivac = load_unit_type("Medivac")
    env = arena([("Medivac", (5, 10)), ("Marine", (3, 3))], [FAR])
    env.reset()
    battles, ways = env._open(), []
    for _ in range(6):
        x = float(battles.units()[0, 0, 0])
        battles.order(0, 0, Order.MOVE, -1, x + 2, 10)
        battles.advance(0, 8)
        ways.append(battles.units()[0, 0, 0] - x)
    np.testing.assert_allclose(ways, [0.3252, 0.9033, 1.2100, 1.1562, 1.1562, 1.1562], atol=1e-3)
    x = battles.units()[0, 0, 0]
    play(env, 40, STOP, STOP)
    assert env.units()[0, 0, 0] - x < medivac.speed**2 / 2 / medivac.acceleration
    rest = env.units()[0, :2, 0].tolist()
    assert play(env, 8, STOP, STOP)[:2, 0].tolist() == rest


def test_medivac_turns_in_a_curve(arena: Arena) -> None:
    """East, north, east from rest; in the game (0.325, 0), (0.115, 0.842), (1.007, 0.489)."""
    env = arena([("Medivac", (5, 10)), ("Marine", (3, 3))], [FAR])
    env.reset()
    battles, ways = env._open(), []
    for dx, dy in ((2, 0), (0, 2), (2, 0)):
        before = battles.units()[0, :2, 0]
        battles.order(0, 0, Order.MOVE, -1, float(before[0]) + dx, float(before[1]) + dy)
        battles.advance(0, 8)
        ways.append(battles.units()[0, :2, 0] - before)
    np.testing.assert_allclose(ways, [(0.325, 0), (0.115, 0.842), (1.007, 0.489)], atol=0.04)


def test_flyers_arrive_where_they_are_sent(arena: Arena) -> None:
    env = arena([("Medivac", (10, 10)), ("Marine", (3, 3))], [FAR])
    env.reset()
    battles = env._open()
    for goal in ((20, 20), (20, 19.5), (10, 25), (10.3, 25)):
        battles.order(0, 0, Order.MOVE, -1, *goal)
        battles.advance(0, 300)
        assert battles.intents(0)[0][0, 0] == Order.IDLE
        np.testing.assert_allclose(battles.units()[0, :2, 0], goal, atol=0.3)


def test_the_enemys_medivac_is_the_games_own() -> None:
    """The maps copy units for the agents with the campaign's values, the enemy's are those of multiplayer."""
    own, other = load_unit_type("Medivac"), load_unit_type("Medivac", enemy=True)
    assert (own.speed * 16, other.speed * 16) == (2.75, 2.5)
    assert own.always_threatens and not other.always_threatens
    assert load_unit_type("Marine", enemy=True) == load_unit_type("Marine")
    assert [unit.speed for unit in load_map("MMM2").units if unit.name == "Medivac"] == [own.speed, other.speed]


def test_the_enemys_medivac_stays_beside_friends_who_fight() -> None:
    """On MMM2 the game's stands still long before anybody is hurt, where the marines do, until nobody fights."""
    env = SkirmishVectorEnv("MMM2", 1, seed=0)
    env.reset()
    battles, medivac = env._open(), [unit.name for unit in env.map.units].index("Medivac", env.spec.n_agents)
    created = env.units()[0, :2, env.spec.n_agents :]
    medivac = env.spec.n_agents + int(np.hypot(*(created.T - env.map.spawn[medivac]).T).argmin())
    battles.advance(0, 60)
    stands = battles.units()[0, :2, medivac]
    assert 14.5 < stands[0] < 17
    for _ in range(60):
        battles.advance(0, 1)
        assert (battles.units()[0, :2, medivac] == stands).all()


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
