"""What holds in every battle, checked over random and scripted play on every map."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seed_matrace.skirmish.edges import NEAR, OPEN, SOLID, SOLID_NE, SOLID_NW, SOLID_SE
from seed_matrace.skirmish.maps import map_names
from seed_matrace.skirmish.rules import battle_rules
from seed_matrace.skirmish.scripted import scripted_actions
from seed_matrace.skirmish.units import MOVERS
from seed_matrace.skirmish.vector_env import SkirmishVectorEnv
from seed_matrace.types import EnvOutput

WON_BY_CHANCE = {"2c_vs_64zg", "bane_vs_bane", "so_many_baneling"}


def check_step(env: SkirmishVectorEnv, before: np.ndarray, out: EnvOutput, after: np.ndarray) -> None:
    """Invariants of one step; environments whose episode ended show the next one."""
    n = env.spec.n_agents
    going = ~(out.terminated | out.truncated)
    assert out.avail_actions.any(axis=2).all()
    assert np.isfinite(out.obs).all() and np.isfinite(out.state).all() and np.isfinite(out.reward).all()
    x, y, health, shield, gauge = after.transpose(1, 0, 2)
    stats = env.unit_stats()
    assert (health >= 0).all() and (health <= stats["health_max"]).all()
    assert (shield >= 0).all() and (shield <= stats["shield_max"]).all()
    assert (gauge >= 0).all() and (gauge <= np.maximum(stats["period"] + 2, stats["energy_max"])).all()
    assert not ((health > 0) & (before[:, 2] == 0))[going].any()  # the dead stay dead
    assert (out.avail_actions[:, :, 0] == 1)[health[:, :n] == 0].all()
    assert not out.obs[health[:, :n] == 0].any()
    check_places(env, stats, x, y, (after[:, :2] != before[:, :2]).any(axis=1) & going[:, None])
    check_ways(stats[going], before[going], after[going])
    check_reward(env, before, out, after)
    assert (health == stats["health_max"])[~going].all()  # one wave per episode
    for row, types in zip(after[~going], stats["health_max"][~going], strict=True):
        check_start(env, row[:2].T, types)


def check_start(env: SkirmishVectorEnv, places: np.ndarray, health_max: np.ndarray) -> None:
    """Agents are where they were created; enemies, in any order, a loop's way from there."""
    n = env.spec.n_agents
    np.testing.assert_array_equal(places[:n], env.map.spawn[:n])
    way = np.hypot(*(places[n:, None] - env.map.spawn[None, n:]).transpose(2, 0, 1))
    way[health_max[n:, None] != env.map.stats["health_max"][n:]] = np.inf  # units of another type
    assert sorted(way.argmin(axis=1)) == list(range(len(places) - n))
    assert way.min(axis=1).max() < 0.5


def check_places(env: SkirmishVectorEnv, stats: np.ndarray, x: np.ndarray, y: np.ndarray, moved: np.ndarray) -> None:
    """Everybody is on its ground and on the engine's grid; who has moved keeps its margin from what is blocked."""
    walks = stats["mover"] != MOVERS.index("air")
    clear = ground_distance(env, stats["mover"], x, y)
    assert (clear[walks] > 0).all()
    assert (clear >= stats["margin"] - 1e-3)[walks & moved].all()
    x0, y0, x1, y1 = env.map.playable_area
    assert ((x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)).all()
    assert (x * 4096 == np.round(x * 4096)).all() and (y * 4096 == np.round(y * 4096)).all()


def ground_distance(env: SkirmishVectorEnv, mover: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """How far the nearest blocked part of the cells round (x, y) is."""
    edges = np.pad(battle_rules(env.map).edges, ((0, 0), (1, 1), (1, 1)), constant_values=SOLID)
    found = np.full_like(x, 9)
    for dx, dy in np.ndindex(3, 3):
        column, row = np.floor(x).astype(int) + dx - 1, np.floor(y).astype(int) + dy - 1
        shape = edges[np.minimum(mover, 1), column + 1, row + 1] % NEAR
        a, b = x - column, y - row  # from the corner that is blocked
        a = np.where(np.isin(shape, (SOLID_SE, SOLID_NE)), 1 - a, a)
        b = np.where(np.isin(shape, (SOLID_NW, SOLID_NE)), 1 - b, b)
        near_a, near_b = np.clip(a, 0, 1), np.clip(b, 0, 1)
        beyond = (shape != SOLID) & (near_a + near_b > 1)
        near_a = np.where(beyond, np.clip((a - b + 1) / 2, 0, 1), near_a)
        near_b = np.where(beyond, 1 - near_a, near_b)
        found = np.where(shape == OPEN, found, np.minimum(found, np.hypot(a - near_a, b - near_b)))
    return found


def check_ways(stats: np.ndarray, before: np.ndarray, after: np.ndarray) -> None:
    """Nobody comes farther in a step than its speed allows, whoever pushes; corners and roundings apart."""
    ways = np.hypot(*(after[:, :2] - before[:, :2]).transpose(1, 0, 2))
    assert (ways <= 8 * (1.01 * stats["speed"] + 1 / 4096)).all()


def squeezed(stats: np.ndarray, units: np.ndarray) -> float:
    """Fraction of the living who are nearer to somebody than three quarters of the distance of contact."""
    x, y, health = units[:, :3].transpose(1, 0, 2)
    alive, layer = health > 0, np.broadcast_to(stats["layer"], health.shape)
    gaps = np.hypot(x[:, :, None] - x[:, None], y[:, :, None] - y[:, None])
    contact = np.broadcast_to(stats["separation"], health.shape)
    near = gaps < 0.75 * (contact[:, :, None] + contact[:, None])
    near &= alive[:, :, None] & alive[:, None] & (layer[:, :, None] == layer[:, None])
    return float((near.sum(axis=2) > 1)[alive].mean())  # everybody is near to itself


def check_crowds(env: SkirmishVectorEnv, fractions: list[float]) -> None:
    """Small teams keep clear of each other; throngs are soft, most of all zerglings in front of two colossi."""
    assert np.mean(fractions) < (0.01 if len(env.map.units) <= 22 else 0.3)


def check_reward(env: SkirmishVectorEnv, before: np.ndarray, out: EnvOutput, after: np.ndarray) -> None:
    """What enemies lost, killed ones and all, is what the team is paid for."""
    n = env.spec.n_agents
    going = ~(out.terminated | out.truncated)
    was, now = (np.where(units[:, 2] > 0, units[:, 2] + units[:, 3], 0)[going, n:] for units in (before, after))
    paid = np.abs((was - now + 10.0 * ((was > 0) & (now == 0))).sum(axis=1))
    np.testing.assert_allclose(out.reward[going] * env_scale(env), paid, rtol=1e-5, atol=2e-3)


def env_scale(env: SkirmishVectorEnv) -> float:
    """SMAC's max_reward / 20."""
    enemies = env.map.units[env.spec.n_agents :]
    return (sum(10 + unit.health + unit.shield for unit in enemies) + 200) / 20


def check_returns(env: SkirmishVectorEnv, out: EnvOutput) -> None:
    """At most 20, unless what enemies regained was taken from them again (or was itself paid for)."""
    enemies = env.map.stats[env.spec.n_agents :]
    regained = (enemies["health_regen"] + enemies["shield_regen"] + enemies["heal_cost"].astype(bool) * 1.0).sum()
    bonus = 2 * regained * 8 * out.episode.length / env_scale(env)
    assert (out.episode.episode_return <= 20 + 1e-4 + bonus).all()


@pytest.mark.parametrize("name", map_names())
def test_random_play_keeps_the_invariants_and_never_wins(name: str) -> None:
    env = SkirmishVectorEnv(name, 32, seed=5)
    out = env.reset()
    before = env.units()
    wins, fractions = 0, []
    for _ in range(150):
        out = env.step(env.sample_actions(), out)
        after = env.units()
        check_step(env, before, out, after)
        check_returns(env, out)
        fractions.append(squeezed(env.unit_stats(), after))
        wins += out.episode.battle_won.sum()
        before = after
    check_crowds(env, fractions)
    assert wins == 0 or name in WON_BY_CHANCE


@pytest.mark.parametrize("name", map_names())
def test_fighting_play_keeps_the_invariants(name: str) -> None:
    env = SkirmishVectorEnv(name, 16, seed=6)
    out = env.reset()
    before = env.units()
    ended, fractions = 0, []
    for _ in range(200):
        out = env.step(scripted_actions(env, out, "nearest"))
        after = env.units()
        check_step(env, before, out, after)
        check_returns(env, out)
        fractions.append(squeezed(env.unit_stats(), after))
        won, healers = out.episode.battle_won, env.map.layout.healer[env.spec.n_agents :].sum()
        left = healers * (10 + 150) / env_scale(env)
        assert (out.episode.episode_return[won] >= 20 - 1e-3 - left).all()
        assert (out.episode.dead_enemies[won] >= env.map.n_enemies - healers).all()
        ended += (out.terminated | out.truncated).sum()
        before = after
    check_crowds(env, fractions)
    assert ended >= 16


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(
    name=st.sampled_from(map_names()),
    seed=st.integers(0, 2**63 - 1),
    first_env=st.integers(0, 2**32),
    habits=st.lists(st.integers(1, 5), min_size=5, max_size=40),
)
def test_any_habit_keeps_the_invariants(name: str, seed: int, first_env: int, habits: list[int]) -> None:
    """Teams that all do the same for a while: crowds at edges and on one spot."""
    env = SkirmishVectorEnv(name, 2, seed, first_env)
    out = env.reset()
    before = env.units()
    for habit in habits * 2:
        actions = env.sample_actions()
        can = out.avail_actions[:, :, habit] == 1
        actions[can] = habit
        out = env.step(actions)
        after = env.units()
        check_step(env, before, out, after)
        before = after
