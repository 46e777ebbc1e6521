"""The compiled battle against its naive twin: every unit, reward and end, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from twins.battle import ReferenceBattle

from seed_matrace.replay import Order
from seed_matrace.skirmish.battles import build_battles
from seed_matrace.skirmish.maps import load_map, map_names
from seed_matrace.skirmish.recording import empty_log
from seed_matrace.skirmish.scripted import scripted_actions
from seed_matrace.skirmish.vector_env import SkirmishVectorEnv
from seed_matrace.specs import empty_env_output
from seed_matrace.types import EnvOutput

SEED = 11
FIRST_ENV = 5


def eager_actions(env: SkirmishVectorEnv, out: EnvOutput, rng: np.random.Generator) -> np.ndarray:
    """Mostly attacks the first available target or walks to the nearest enemy, samples otherwise."""
    actions = env.sample_actions()
    eager = rng.random(actions.shape) < 0.8
    attacks = out.avail_actions[:, :, 6:]
    fights = attacks.any(axis=2) & eager
    actions[fights] = 6 + attacks.argmax(axis=2)[fights]
    walks = scripted_actions(env, out, "nearest")
    walks = np.where(fights | ~eager | (walks >= 6), actions, walks)
    return walks.astype(np.int32)


@pytest.mark.parametrize("play", ["random", "eager"])
@pytest.mark.parametrize("map_name", map_names())
def test_compiled_battle_equals_naive_twin(map_name: str, play: str) -> None:
    env = SkirmishVectorEnv(map_name, 1, SEED, first_env=FIRST_ENV)
    twins = [ReferenceBattle(load_map(map_name), SEED, FIRST_ENV)]
    rng = np.random.default_rng(3)
    steps = max(1200 // len(env.map.units), 36)  # the twin is slow
    out = env.reset()
    full = np.stack([env.map.stats["health_max"], env.map.stats["shield_max"]])
    fought = False
    for _ in range(steps):
        actions = env.sample_actions() if play == "random" else eager_actions(env, out, rng)
        out = env.step(actions)
        for index, twin in enumerate(twins):
            reward, code = twin.step(actions[index])
            assert out.reward[index] == np.float32(reward)
            assert out.terminated[index] == (code is not None)
            assert out.episode.battle_won[index] == (code == 1)
            if out.terminated[index] or out.truncated[index]:
                twin.start()
            np.testing.assert_array_equal(env.units()[index], twin.table())
            fought |= bool((env.units()[index, 2:4] < full).any())
    assert fought or play == "random"


@pytest.mark.parametrize("map_name", map_names())
def test_orders_and_game_loops_equal_the_naive_twins(map_name: str) -> None:
    battle_map, rng = load_map(map_name), np.random.default_rng(4)
    battles = build_battles(battle_map, battle_map.layout, 1, SEED, FIRST_ENV, reward_divisor=1.0, autoreset=False)
    battles.reset(*empty_env_output(battle_map.spec, 1)[:3])
    twin = ReferenceBattle(battle_map, SEED, FIRST_ENV)
    taken = set()
    for _ in range(max(300 // len(twin.units), 12)):
        for unit in twin.allies:
            if unit.health <= 0 or rng.random() < 0.3:
                continue
            order, (x, y) = Order(rng.integers(4)), rng.uniform(0, 32, 2).astype(np.float32)
            target = rng.choice(twin.allies if unit.type.heals else twin.enemies)
            if order == Order.ATTACK:
                told = twin.take_order(unit, order, target)
            else:
                told = twin.take_order(unit, order, None, (x, y) if order != Order.IDLE else None)
            assert battles.order(0, unit.slot, order, target.slot, x, y) == told
            taken.add((order, told))
        loops = int(rng.integers(1, 12))
        battles.advance(0, loops)
        for _ in range(loops):
            twin.game_loop()
        np.testing.assert_array_equal(battles.units()[0], twin.table())
        orders, goals = battles.intents(0)
        assert orders[0].tolist() == [unit.order for unit in twin.units]
        assert orders[1].tolist() == [unit.target.slot if unit.target else -1 for unit in twin.units]
        for unit in twin.units:
            if unit.order in (Order.MOVE, Order.ATTACK_MOVE):
                assert goals[:, unit.slot].tolist() == [unit.goal_x, unit.goal_y]
    assert {(order, True) for order in Order} <= taken


@pytest.mark.parametrize("map_name", ["3m", "2c_vs_64zg", "bane_vs_bane", "MMM2", "2s_vs_1sc", "3s5z", "6h_vs_8z"])
def test_recorded_loops_and_events_equal_the_naive_twins(map_name: str) -> None:
    env = SkirmishVectorEnv(map_name, 1, SEED, first_env=FIRST_ENV)
    twin = ReferenceBattle(load_map(map_name), SEED, FIRST_ENV)
    rng = np.random.default_rng(3)
    out = env.reset()
    battles = env._open()
    log = empty_log(len(twin.units), 8)
    battles.record(log)
    seen = set()
    for _ in range(max(1600 // len(twin.units), 40)):
        actions = eager_actions(env, out, rng)
        out = env.step(actions)
        twin.step(actions[0])
        loops, events = battles.recorded()
        assert (loops, events) == (8, len(twin.events))
        np.testing.assert_array_equal(log.units, np.stack(twin.loops))
        rows = np.column_stack([log.events[:events], log.amounts[:events]])
        np.testing.assert_array_equal(rows, np.array(twin.events).reshape(-1, 5))
        assert log.intents[0].tolist() == [unit.order for unit in twin.units]
        assert log.intents[1].tolist() == [unit.target.slot if unit.target else -1 for unit in twin.units]
        seen |= {event for _, event, *_ in twin.events}
        if out.terminated[0] or out.truncated[0]:
            twin.start()
    wanted = {"bane_vs_bane": {0, 1, 3}, "MMM2": {0, 1, 2}}.get(map_name, {0, 1})
    assert seen == wanted


def test_recording_changes_nothing() -> None:
    plain, recorded = (SkirmishVectorEnv("MMM2", 1, SEED) for _ in range(2))
    rng = np.random.default_rng(3)
    out = plain.reset()
    recorded.reset()
    recorded.record()
    for _ in range(30):
        actions = eager_actions(plain, out, rng)
        recorded.sample_actions()  # as eager_actions does
        out, other = plain.step(actions), recorded.step(actions)
        np.testing.assert_array_equal(out.obs, other.obs)
        assert plain.get_state_bytes() == recorded.get_state_bytes()


def test_log_of_another_battle_is_refused() -> None:
    with pytest.raises(ValueError, match="a log of 5 units for a battle of 6"):
        SkirmishVectorEnv("3m", 1, SEED)._open().record(empty_log(5, 8))


def test_order_that_cannot_be_is_refused() -> None:
    battle_map = load_map("3m")
    battles = build_battles(battle_map, battle_map.layout, 1, SEED, 0, reward_divisor=1.0, autoreset=False)
    for wrong in [(1, 0, 0, 0), (0, 6, 0, 0), (0, 0, 4, 0), (0, 0, 2, 6), (0, 0, 2, -1), (0, -1, 0, 0)]:
        with pytest.raises(IndexError):
            battles.order(*wrong, 0.0, 0.0)
