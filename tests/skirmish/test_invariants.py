"""What holds in every battle, checked over random and scripted play on every map."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seed_matrace.skirmish.maps import load_map, map_names
from seed_matrace.skirmish.scripted import scripted_actions
from seed_matrace.skirmish.vector_env import SkirmishVectorEnv
from seed_matrace.types import EnvOutput


def check_step(env: SkirmishVectorEnv, before: np.ndarray, out: EnvOutput, after: np.ndarray) -> None:
    """Invariants of one step; environments whose episode ended show the next one and are left out."""
    battle_map = load_map(env.map.name)
    n = env.spec.n_agents
    going = ~(out.terminated | out.truncated)
    assert out.avail_actions.any(axis=2).all()
    assert np.isfinite(out.obs).all() and np.isfinite(out.state).all() and np.isfinite(out.reward).all()
    x, y, health, _, cooldown = after.transpose(1, 0, 2)
    full = np.array([unit.health for unit in battle_map.units], np.float32)
    assert (health >= 0).all() and (health <= full).all() and (cooldown >= 0).all()
    assert battle_map.walkable[x.astype(int), y.astype(int)].all()
    assert (x * 4096 == np.round(x * 4096)).all() and (y * 4096 == np.round(y * 4096)).all()
    assert (health <= before[:, 2])[going].all()  # nobody heals here, so the dead stay dead
    assert (out.avail_actions[:, :, 0] == 1)[health[:, :n] == 0].all()
    assert not out.obs[health[:, :n] == 0].any()
    farthest = 8 * max(unit.speed for unit in battle_map.units)
    lost = (before[:, 2] - health)[going][:, n:].sum(axis=1)
    died = ((before[:, 2] > 0) & (health == 0))[going][:, n:].sum(axis=1)
    np.testing.assert_allclose(out.reward[going] * env_scale(env), lost + 10 * died, rtol=1e-5, atol=1e-4)
    assert farthest < 2


def env_scale(env: SkirmishVectorEnv) -> float:
    """SMAC's max_reward / 20."""
    enemies = env.map.units[env.spec.n_agents :]
    return (sum(10 + unit.health + unit.shield for unit in enemies) + 200) / 20


@pytest.mark.parametrize("name", map_names())
def test_random_play_keeps_the_invariants_and_never_wins(name: str) -> None:
    env = SkirmishVectorEnv(name, 32, seed=5)
    out = env.reset()
    before = env.units()
    for _ in range(300):
        out = env.step(env.sample_actions(), out)
        after = env.units()
        check_step(env, before, out, after)
        assert not out.episode.battle_won.any()
        assert (out.episode.episode_return <= 20).all()
        before = after


@pytest.mark.parametrize("name", map_names())
def test_fighting_play_keeps_the_invariants(name: str) -> None:
    env = SkirmishVectorEnv(name, 16, seed=6)
    out = env.reset()
    before = env.units()
    ended = wins = 0
    for _ in range(200):
        out = env.step(scripted_actions(env, out))
        after = env.units()
        check_step(env, before, out, after)
        won = out.episode.battle_won
        assert (out.episode.episode_return <= 20 + 1e-4).all()
        np.testing.assert_allclose(out.episode.episode_return[won], 20, rtol=1e-5)
        assert (out.episode.dead_enemies[won] == env.map.n_enemies).all()
        assert (out.episode.dead_allies[out.terminated & ~won] == env.spec.n_agents).all()
        ended += (out.terminated | out.truncated).sum()
        wins += won.sum()
        before = after
    assert ended > 16


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
