"""When shots leave: start in reach, damage point, cooldown, turning, backswing.

Counts are of the 2,000 episodes of 3m in LAMDA-RL/ODIS, whose states have everybody's place, health and cooldown.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from seed_matrace.replay import Order
from seed_matrace.skirmish.units import load_unit_type
from seed_matrace.skirmish.vector_env import SkirmishVectorEnv

Arena = Callable[..., SkirmishVectorEnv]
X, HEALTH, GAUGE = 0, 2, 4
PERIOD = 0.8608 * 16  # 13.77 loops, and a delay of -1 to 2 for each attack


def ordered(arena: Arena, place: tuple[float, float], num_envs: int = 1, agent: str = "Marine") -> SkirmishVectorEnv:
    """An agent that looks east, ordered to attack a marine at (16, 16) that does nothing."""
    env = arena([(agent, place)], [("Marine", (16, 16))], num_envs)
    env.reset()
    for battle in range(num_envs):
        disarm(env, battle)
        assert env._open().order(battle, 0, Order.ATTACK, 1, 0, 0)
    return env


def disarm(env: SkirmishVectorEnv, battle: int) -> None:
    env._open().order(battle, 1, Order.IDLE, -1, 0, 0)


def shots(env: SkirmishVectorEnv, loops: int, battle: int = 0) -> list[int]:
    """In which of the next loops, from 1 on, the enemy is hit; it does not die of it."""
    found, health = [], env._open().memory()[0][battle, HEALTH]
    for loop in range(1, loops + 1):
        health[1] = 45
        env._open().advance(battle, 1)
        if health[1] < 45:
            found.append(loop)
    return found


def test_an_attack_starts_in_the_first_loop_and_hits_in_the_next_when_the_cooldown_begins_to_show(arena: Arena) -> None:
    """The cooldown counts from the start: of what is drawn one loop is over, so 14.77 is the most that is ever seen."""
    seen = []
    env = ordered(arena, (12, 16), 200)
    for battle in range(200):
        gauges = []
        for _ in range(3):
            env._open().advance(battle, 1)
            gauges.append(float(env.units()[battle, GAUGE, 0]))
        assert env.units()[battle, HEALTH, 1] == 45 - 6
        assert gauges[0] == 0 and gauges[2] == pytest.approx(gauges[1] - 1, abs=1e-5)
        seen.append(gauges[1])
    assert PERIOD - 2 <= min(seen) < PERIOD - 1.9
    assert 14.77 - 0.1 < max(seen) < PERIOD + 1 < 14.78


def test_a_busy_weapon_carries_the_rest_of_a_loop_over(arena: Arena) -> None:
    """Between shots are 14.27 loops on average, not 14.77 as if each waited for a whole loop; 12 to 16 are seen."""
    env = ordered(arena, (12, 16), 40)
    gaps = np.concatenate([np.diff(shots(env, 900, battle)) for battle in range(40)])
    assert set(gaps.tolist()) <= {12, 13, 14, 15, 16}
    assert gaps.mean() == pytest.approx(PERIOD + 0.5, abs=0.08)


def test_an_idle_weapon_has_nothing_to_carry(arena: Arena) -> None:
    env = ordered(arena, (12, 16))
    battles = env._open()
    shots(env, 2)
    battles.order(0, 0, Order.IDLE, -1, 0, 0)
    battles.advance(0, 40)
    assert battles.order(0, 0, Order.ATTACK, 1, 0, 0)
    first, second = shots(env, 18)
    assert first == 2 and second - first >= 13  # the first start after 12.77 or more


@pytest.mark.parametrize(
    ("degrees", "delay"), [(0, 0), (73, 0), (74.5, 1), (135.5, 1), (137, 2), (180, 2), (-73, 0), (-74.5, 1), (-137, 2)]
)
def test_turning_delays_the_shot_by_loops_of_62_degrees(arena: Arena, degrees: float, delay: int) -> None:
    """A weapon fires within 11.25 degrees of where the unit looks: at 73.75 at once, at 136.25 a loop later."""
    angle = np.deg2rad(degrees)
    env = ordered(arena, (16 - 4 * float(np.cos(angle)), 16 - 4 * float(np.sin(angle))))
    assert shots(env, 6) == [2 + delay]


def test_turning_never_delays_walking(arena: Arena) -> None:
    env = ordered(arena, (24, 16))
    env._open().advance(0, 1)
    assert env.units()[0, X, 0] == 24 - 0.140625


def test_who_attacks_walks_full_steps_until_it_is_in_reach_and_starts_in_that_loop(arena: Arena) -> None:
    """1,040 of 1,040 first shots: the last place is 5.61 to 5.75 away, the hit comes two loops after the last step."""
    for start in (8.0, 7.93, 7.31):
        env = ordered(arena, (16 - start, 16))
        battles, steps = env._open(), []
        while env.units()[0, HEALTH, 1] == 45:
            x = env.units()[0, X, 0]
            battles.advance(0, 1)
            steps.append(float(env.units()[0, X, 0] - x))
        assert steps[-2:] == [0, 0]
        assert set(np.round(steps[:-2], 3)) == {0.141}
        assert 5.75 - 0.1407 < 16 - env.units()[0, X, 0] <= 5.75


def test_the_same_order_again_interrupts_nothing_and_another_one_does(arena: Arena) -> None:
    for again, hit in ((Order.ATTACK, [1]), (Order.IDLE, [])):
        env = ordered(arena, (12, 16))
        env._open().advance(0, 1)
        env._open().order(0, 0, again, 1, 0, 0)
        assert shots(env, 5) == hit


def test_a_move_is_obeyed_at_once_also_just_after_a_shot(arena: Arena) -> None:
    env = ordered(arena, (12, 16))
    env._open().advance(0, 2)
    assert env.units()[0, HEALTH, 1] == 39
    env._open().order(0, 0, Order.MOVE, -1, 10, 16)
    env._open().advance(0, 8)
    assert env.units()[0, X, 0] == 12 - 8 * 0.140625


def test_who_has_killed_on_attack_move_stands_for_its_backswing(arena: Arena) -> None:
    """0.75 s: in 29 of 29 kills of recorded enemies the first step follows 12 loops after the hit."""
    order = {"kind": "attack_move", "target": [4, 16]}
    env = arena([("Marine", (16, 16)), ("Marine", (28, 28))], [("Marine", (24, 16))], enemy_order=order)
    env.reset()
    battles, health = env._open(), env._open().memory()[0][0, HEALTH]
    health[0] = 3
    while health[0] > 0:
        battles.advance(0, 1)
    places = []
    for _ in range(14):
        places.append(float(env.units()[0, X, 2]))
        battles.advance(0, 1)
    steps = -np.diff(places)
    np.testing.assert_array_equal(steps[:11], 0)
    np.testing.assert_allclose(steps[11:], load_unit_type("Marine").speed)
