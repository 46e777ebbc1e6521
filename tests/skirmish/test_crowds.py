"""How units walk together: formation, contact, who gives way, the way round those who stand fast.

Counts and places are of the 2,000 episodes of 3m in LAMDA-RL/ODIS and of replays of Duke-Allen/MARL_in_StarCraftII,
miruyoun/PyMARL_RL_Project and YangSVM/StarCraft.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from seed_matrace.replay import Order
from seed_matrace.skirmish.units import load_unit_type
from seed_matrace.skirmish.vector_env import SkirmishVectorEnv

Arena = Callable[..., SkirmishVectorEnv]
Place = tuple[float, float]
GRID = 1 / 4096
FAR = [("SpineCrawler", (28.0, 28.0))]
MARINE = load_unit_type("Marine")


def slot_at(env: SkirmishVectorEnv, place: Place) -> int:
    return int(np.hypot(*(env.map.spawn - place).T).argmin())


def places(env: SkirmishVectorEnv) -> np.ndarray:
    """Of all units, [U, 2]."""
    return np.asarray(env.units()[0, :2].T)


def go(env: SkirmishVectorEnv, slot: int, x: float, y: float) -> None:
    env._open().order(0, slot, Order.MOVE, -1, x, y)


def way(env: SkirmishVectorEnv, slot: int, loops: int) -> np.ndarray:
    """Places of a unit before and after each of the next loops, [loops + 1, 2]."""
    found = [places(env)[slot]]
    for _ in range(loops):
        env._open().advance(0, 1)
        found.append(places(env)[slot])
    return np.array(found)


@pytest.mark.parametrize(("name", "target"), [("3m", (9, 16)), ("8m", (9, 16)), ("MMM2", (9, 16)), ("corridor", None)])
def test_enemies_march_in_formation(name: str, target: Place | None) -> None:
    """Each goes to the target and its own way off the middle of the group."""
    env = SkirmishVectorEnv(name, 1, seed=2)
    start, n = env.map.spawn, env.spec.n_agents
    env.reset()
    orders, goals = env._open().intents(0)
    assert set(orders[0, n:].tolist()) == {Order.ATTACK_MOVE}
    expected = start[n:] - start[n:].mean(axis=0) + (target or env.map.enemy_order.target)
    np.testing.assert_allclose(sorted(goals[:, n:].T.tolist()), sorted(expected.tolist()), atol=1e-5)


def test_the_third_enemy_of_3m_stops_where_it_does_in_the_game() -> None:
    env = SkirmishVectorEnv("3m", 1, seed=2)
    env.reset()
    for agent in range(3):
        env._open().place(0, agent, 3, 3 + agent)  # out of sight
    env._open().advance(0, 200)
    assert np.hypot(*(places(env)[3:] - (9.459, 16.23)).T).min() < 1e-3


@pytest.mark.parametrize("name", ["3m", "8m", "5m_vs_6m"])
def test_the_first_look_is_one_loop_after_the_enemies_set_out(name: str) -> None:
    env = SkirmishVectorEnv(name, 1, seed=2)
    env.reset()
    n = env.spec.n_agents
    np.testing.assert_array_equal(places(env)[:n], env.map.spawn[:n])
    ways = np.hypot(*(places(env)[n:, None] - env.map.spawn[None, n:]).transpose(2, 0, 1)).min(axis=1)
    np.testing.assert_allclose(ways, MARINE.speed, atol=GRID)


def test_units_may_share_a_sixteenth_of_a_cell(arena: Arena) -> None:
    """Recorded marines rest and walk 0.6875 apart; nearer ones part until they are that far."""
    for gap, rests in ((0.6885, True), (0.6876, True), (0.6, False)):
        env = arena([("Marine", (10, 16)), ("Marine", (10, 16 + gap))], FAR)
        env.reset()
        before = places(env)[:2] if rests else env.map.spawn[:2]
        env._open().advance(0, 40)
        after = places(env)[:2]
        if rests:
            np.testing.assert_array_equal(after, before)
            for slot in (0, 1):
                go(env, slot, 20, float(after[slot, 1]))
            env._open().advance(0, 24)
            np.testing.assert_allclose(places(env)[:2], before + np.array([24 * MARINE.speed, 0]), atol=24 * GRID)
        else:
            assert np.hypot(*(after[1] - after[0])) == pytest.approx(0.6875, abs=2 * GRID)


@pytest.mark.parametrize(("one", "other"), [("Zealot", "Zealot"), ("Stalker", "Zealot"), ("Zergling", "Zealot")])
def test_contact_is_the_sum_of_the_radii_less_a_sixteenth(arena: Arena, one: str, other: str) -> None:
    """Recorded: zealots 0.9375 apart, a zealot and a stalker 1.0625, a zealot and a zergling 0.8125."""
    contact = load_unit_type(one).radius + load_unit_type(other).radius - 1 / 16
    assert contact == {"Zealot": 0.9375, "Stalker": 1.0625, "Zergling": 0.8125}[one]
    env = arena([(one, (10, 16)), (other, (10.5, 16.1))], FAR)
    env.reset()
    env._open().advance(0, 40)
    assert np.hypot(*(places(env)[1] - places(env)[0])) == pytest.approx(contact, abs=2 * GRID)


@pytest.mark.parametrize("name", ["Marine", "Medivac"])
@pytest.mark.parametrize("apart", [0.1, 0])
def test_nobody_gets_faster_by_being_pushed(arena: Arena, name: str, apart: float) -> None:
    """Twenty units nearly on one spot, half of them on their way off: each comes at most its own speed far."""
    unit = load_unit_type(name)
    env = arena([(name, (10 + apart * (k % 5), 16 + apart * (k // 5))) for k in range(20)], FAR)
    env.reset()
    fastest = float(np.hypot(*(places(env) - env.map.spawn).T).max())
    assert unit.speed - GRID < fastest < unit.speed + GRID
    for slot in range(0, 20, 2):
        go(env, slot, 20, 16)
    for _ in range(40):
        last = places(env)
        env._open().advance(0, 1)
        fastest = max(fastest, float(np.hypot(*(places(env) - last).T).max()))
    assert fastest < unit.speed + GRID


def test_walkers_who_meet_head_on_pass_each_other_on_the_right(arena: Arena) -> None:
    """As two agents of 3m do in its first step: from (9, 16) to (9.24 to 9.49, 15.55 to 15.71), the other mirrored."""
    env = arena([("Marine", (9, 16)), ("Marine", (9.6885, 16))], FAR)
    env.reset()
    east, west = slot_at(env, (9, 16)), slot_at(env, (9.6885, 16))
    go(env, east, 15, 16)
    go(env, west, 3.6885, 16)
    env._open().advance(0, 8)
    after = places(env)
    assert after[east, 1] < 15.8 and after[west, 1] > 16.2
    assert after[east, 0] > 9.1 and after[west, 0] < 9.1
    env._open().advance(0, 16)
    after = places(env)
    assert after[east, 0] > 11 and after[west, 0] < 7.7


def test_of_two_walkers_the_bigger_one_yields_more(arena: Arena) -> None:
    """Recorded stalkers are held up by zealots that walk beside them, marauders by marines."""
    env = arena([("Stalker", (10, 15.4)), ("Zealot", (10, 16.4))], FAR)
    env.reset()
    stalker, zealot = slot_at(env, (10, 15.4)), slot_at(env, (10, 16.4))
    before = places(env)
    go(env, stalker, 20, 20.4)
    go(env, zealot, 20, 11.4)
    env._open().advance(0, 4)
    after = places(env)
    moved = np.abs(after - before)[:, 1]
    assert moved[stalker] / load_unit_type("Stalker").speed < moved[zealot] / load_unit_type("Zealot").speed


def test_friends_who_stand_give_way_to_walkers_and_opponents_do_not(arena: Arena) -> None:
    for friendly in (True, False):
        standing = ("Marine", (12.0, 16.125))
        agents = [("Marine", (10.0, 16.0)), *([standing] if friendly else [])]
        env = arena(agents, FAR if friendly else [standing, *FAR])
        env.reset()
        walker, other = slot_at(env, (10, 16)), slot_at(env, (12, 16.125))
        if not friendly:
            env._open().order(0, other, Order.IDLE, -1, 0, 0)
        go(env, walker, 13.5, 16)
        path = way(env, walker, 24)
        moved = np.hypot(*(places(env)[other] - (12, 16.125)))
        if friendly:  # nearly wholly: the walker is hardly held up
            assert moved > 0.75 and path[-1, 0] > 12.7
        else:
            assert moved == 0


@pytest.fixture
def walk_at_shooters(arena: Arena) -> Callable[[float], np.ndarray]:
    """The way of a marine at (11, y), sent east to (15.2, y) through four friends who shoot."""
    line: list[Place] = [(14, 14.96875), (14, 15.65625), (14, 16.34375), (14, 17.03125)]

    def walk(y: float) -> np.ndarray:
        env = arena([("Marine", (11, y)), *(("Marine", place) for place in line)], [("SpineCrawler", (18, 16))])
        env.reset()
        enemy = len(line) + 1
        for place in line:
            assert env._open().order(0, slot_at(env, place), Order.ATTACK, enemy, 0, 0)
        env._open().order(0, enemy, Order.IDLE, -1, 0, 0)
        env._open().advance(0, 2)
        go(env, slot_at(env, (11, y)), 15.2, y)
        return way(env, slot_at(env, (11, y)), 64)

    return walk


@pytest.mark.parametrize(("y", "side"), [(16.5, 1), (15.5, -1)])
def test_who_meets_a_line_of_shooters_goes_along_it_round_the_nearer_end(
    walk_at_shooters: Callable[[float], np.ndarray], y: float, side: int
) -> None:
    """Straight on until it touches them, then at full speed, as recorded zealots of 2s3z round the game's stalkers."""
    path = walk_at_shooters(y)
    touched = int(np.argmax(path[:, 0] > 13.2))
    np.testing.assert_allclose(path[:touched, 1], y, atol=0.15)
    beside = path[np.abs(path[:, 0] - 14).argmin(), 1]
    assert beside > 17.5 if side > 0 else beside < 14.5
    assert np.hypot(*(path[-1] - (15.2, y))) < 0.3
    steps = np.hypot(*np.diff(path, axis=0).T)
    assert np.median(steps) == pytest.approx(MARINE.speed, abs=GRID)


def test_where_both_ends_are_as_near_walkers_turn_right(walk_at_shooters: Callable[[float], np.ndarray]) -> None:
    """Seven of eight recorded agents of 8m that walked east into friends who shot."""
    path = walk_at_shooters(16)
    touched = int(np.argmax(path[:, 0] > 13.2))
    assert path[touched + 4, 1] < 15.7


def test_a_small_agent_is_never_pulled_into_a_big_one(arena: Arena) -> None:
    """Teams that no map of SMAC has: the bigger and lower gives way at most the whole overlap."""
    env = arena([("Stalker", (16, 16)), ("Marine", (16.5, 16))], [("Medivac", (4, 25))])
    env.reset()
    battles = env._open()
    for slot in range(2):
        x, y = env.units()[0, :2, slot]
        battles.order(0, slot, Order.MOVE, -1, x, y - 4)
    easts = [float(env.units()[0, 0, 1])]
    for _ in range(3):
        battles.advance(0, 1)
        easts.append(float(env.units()[0, 0, 1]))
    assert easts == sorted(easts)


def test_orders_that_make_no_sense_are_refused(arena: Arena) -> None:
    env = arena([("Marine", (9, 16)), ("Marine", (10, 16))], [("Zealot", (20, 16))])
    env.reset()
    battles = env._open()
    with pytest.raises(IndexError, match="target 1 is of the own side"):
        battles.order(0, 0, Order.ATTACK, 1, 0, 0)
    for place in ((float("nan"), 1.0), (1.0, float("inf"))):
        with pytest.raises(ValueError, match="is no place"):
            battles.order(0, 0, Order.MOVE, -1, *place)
    with pytest.raises(ValueError, match="off the map"):
        battles.place(0, 0, -50.0, 1e9)
