"""Whom units on attack-move fight, and when they notice.

Counts are of the 2,000 episodes of 3m in LAMDA-RL/ODIS, whose states have everybody's place, health and cooldown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from seed_matrace.replay import Order
from seed_matrace.skirmish.vector_env import SkirmishVectorEnv

Arena = Callable[..., SkirmishVectorEnv]
HEALTH, PERIOD = 2, 8


def targets(env: SkirmishVectorEnv, battle: int = 0) -> list[int]:
    """Slot of everybody's target, -1 for none."""
    found: list[int] = env._open().intents(battle)[0][1].tolist()
    return found


def noticed(env: SkirmishVectorEnv, battle: int, slots: list[int], loops: int = PERIOD) -> list[int | None]:
    """In which of the next loops each of ``slots`` first has a target."""
    found: list[int | None] = [None] * len(slots)
    for loop in range(loops):
        env._open().advance(battle, 1)
        now = targets(env, battle)
        found = [loop if first is None and now[slot] >= 0 else first for slot, first in zip(slots, found, strict=True)]
    return found


def slot_at(env: SkirmishVectorEnv, place: tuple[float, float]) -> int:
    return int(np.hypot(*(env.map.spawn - place).T).argmin())


def attack(env: SkirmishVectorEnv, unit: int, target: int, battle: int = 0) -> None:
    assert env._open().order(battle, unit, Order.ATTACK, target, 0, 0)


def stop(env: SkirmishVectorEnv, unit: int) -> None:
    env._open().order(0, unit, Order.IDLE, -1, 0, 0)


@pytest.mark.parametrize(
    ("enemy", "agent", "distance"),
    [
        ("Marine", "Marine", 5 + 0.5 + 0.375 + 0.375),  # 6.25: of 268 first notices none was farther, the last 6.2436
        ("Stalker", "Zealot", 6 + 0.5 + 0.625 + 0.5),
        ("Zealot", "Marine", 5 + 0.5 + 0.375),  # the least that every weapon looks round
    ],
)
def test_opponents_are_noticed_half_a_cell_beyond_weapon_range(
    arena: Arena, enemy: str, agent: str, distance: float
) -> None:
    for gap, sees in ((distance, True), (distance + 1 / 4096, False)):
        env = arena([(agent, (10, 16))], [(enemy, (10 + gap, 16))])
        env.reset()
        (loop,) = noticed(env, 0, [1], 2 * PERIOD)
        assert (loop is not None) == sees


def test_the_nearest_is_taken_while_nobody_attacks(arena: Arena) -> None:
    """268 of 268 first targets, 125 of them with two to choose from."""
    agents = [("Marine", (10.0, 16.0)), ("Marine", (15.5, 21.9)), ("Marine", (16, 11))]
    env = arena(agents, [("Marine", (16, 16))], 8)
    env.reset()
    for battle in range(8):
        noticed(env, battle, [3])
        assert targets(env, battle)[3] == slot_at(env, (16, 11))


def test_units_look_round_one_after_another_in_the_order_of_creation() -> None:
    """Every eighth loop, each a loop after the one created before it; whatever their numbers in SMAC."""
    env = SkirmishVectorEnv("8m", 12, seed=3)
    env.reset()
    for battle in range(env.num_envs):
        enemies = env.units()[battle, :2, 8:].T
        created = np.hypot(*(enemies[:, None] - env.map.spawn[None, 8:]).transpose(2, 0, 1)).argmin(axis=1)
        assert sorted(created) == list(range(8))
        env._open().place(battle, 0, 20.0, 16.0)
        loops = noticed(env, battle, list(range(8, 16)))
        assert None not in loops
        phases = {(loop - order) % PERIOD for loop, order in zip(loops, created.tolist(), strict=True)}
        assert len(phases) == 1


def test_who_looks_round_first_is_random_in_every_battle(arena: Arena) -> None:
    """An enemy of the game notices 0 to 7 loops late, all alike often."""
    env = arena([("Marine", (3, 16))], [("Marine", (16, 16))], 800)
    env.reset()
    found: Counter[int | None] = Counter()
    for battle in range(800):
        env._open().place(battle, 0, 10, 16)
        found.update(noticed(env, battle, [1]))
    assert set(found) == set(range(PERIOD))
    assert all(65 < count < 140 for count in found.values())


def test_who_is_ordered_to_attack_it_outranks_and_is_not_left_once_it_was_shot_at(arena: Arena) -> None:
    """616 of 618 shots went on to the target that attacked, whoever else did or was nearer."""
    agents = [("Stalker", (13.0, 16.0)), ("Stalker", (16, 22)), ("Stalker", (17.5, 10.5))]
    env = arena(agents, [("Stalker", (16, 16)), ("Marine", (28, 28))])
    env.reset()
    battles = env._open()
    near, attacker, third = (slot_at(env, place) for _, place in agents)
    battles.advance(0, PERIOD)
    assert targets(env)[3] == near
    attack(env, attacker, 3)
    battles.advance(0, PERIOD)
    assert targets(env)[3] == attacker
    attack(env, near, 3)  # nearer, and nobody has shot at the other yet
    battles.advance(0, PERIOD)
    assert targets(env)[3] == near
    stop(env, near)
    battles.advance(0, PERIOD)
    assert targets(env)[3] == attacker
    battles.advance(0, 4 * PERIOD)  # its weapon has cooled down
    for other in (near, third):
        attack(env, other, 3)
        for _ in range(3 * PERIOD):
            battles.advance(0, 1)
            assert targets(env)[3] == attacker
    stop(env, attacker)  # in the first 8 loops 34 of 64 shots went to the attacker already, after them 53 of 53
    battles.advance(0, PERIOD)
    assert targets(env)[3] == near
    assert (env.units()[0, HEALTH, :4] > 0).all()


def test_a_target_in_reach_is_kept_and_one_out_of_reach_left_for_a_nearer_one(arena: Arena) -> None:
    """As long as neither attacks."""
    for x, kept in ((11.0, True), (9.9, False)):
        env = arena([("Marine", (11, 16)), ("Marine", (3, 3))], [("Marine", (16, 16))])
        env.reset()
        first = slot_at(env, (11, 16))
        battles = env._open()
        battles.advance(0, PERIOD)
        assert targets(env)[2] == first
        battles.place(0, first, x, 16)
        battles.order(0, first, Order.MOVE, -1, x if kept else -9, 16)
        battles.place(0, 1 - first, 16, 20)
        battles.advance(0, PERIOD)
        assert targets(env)[2] == (first if kept else 1 - first)


@pytest.mark.parametrize("late", range(PERIOD))
def test_after_its_targets_death_a_unit_looks_round_at_its_next_turn(arena: Arena, late: int) -> None:
    env = arena([("Marine", (11, 16)), ("Marine", (16, 11))], [("Marine", (16, 16))])
    env.reset()
    battles, memory = env._open(), env._open().memory()[0]
    (loop,) = noticed(env, 0, [2], 1)
    while loop is None:
        (loop,) = noticed(env, 0, [2], 1)
    victim = targets(env)[2]
    battles.advance(0, late)
    memory[0, HEALTH, victim] = 0
    for _ in range(PERIOD - late - 1):
        battles.advance(0, 1)
        assert targets(env)[2] == -1
    battles.advance(0, 1)
    assert targets(env)[2] == 1 - victim


def test_a_hit_alarms_the_victim_and_friends_within_four_cells_in_the_same_loop(arena: Arena) -> None:
    """Recorded enemies of 3m stop in the very loop in which one of them is hit."""
    enemies = [("Marine", (16.0, 16.0)), ("Marine", (16.0, 19.95)), ("Marine", (16.0, 11.95))]
    env = arena([("Marine", (3, 3))], enemies, 32)
    env.reset()
    waited, alone = [], []
    for battle in range(env.num_envs):
        env._open().place(battle, 0, 10.5, 16)
        attack(env, 0, 1, battle)
        while env.units()[battle, HEALTH, 1] == 45:
            before = targets(env, battle)[1:]
            env._open().advance(battle, 1)
        after = targets(env, battle)[1:]
        assert after[:2] == [0, 0]
        waited.append(before[:2].count(-1))
        alone.append(after[2])
    assert set(waited) == {1, 2}  # the friend cannot see the attacker, the victim sees it at its turn
    assert set(alone) == {-1}
