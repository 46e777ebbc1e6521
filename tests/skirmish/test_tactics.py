"""What good play is worth: kiting, holding a neck, and the trap of 3s_vs_5z."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from seed_matrace.skirmish.scripted import kiting_actions, scripted_actions
from seed_matrace.skirmish.vector_env import SkirmishVectorEnv
from seed_matrace.types import EnvOutput

Arena = Callable[..., SkirmishVectorEnv]
Policy = Callable[[SkirmishVectorEnv, EnvOutput], np.ndarray]
STOP, FIRST_TARGET = 1, 6


def play(env: SkirmishVectorEnv, policy: Policy) -> dict[str, np.ndarray]:
    """First episode of every environment: whether it was won, its return, and who died."""
    out = env.reset()
    done = np.zeros(env.num_envs, bool)
    found = {name: np.zeros(env.num_envs) for name in ("battle_won", "episode_return", "dead_enemies", "dead_allies")}
    while not done.all():
        out = env.step(policy(env, out))
        ended = (out.terminated | out.truncated) & ~done
        for name, values in found.items():
            values[ended] = getattr(out.episode, name)[ended]
        done |= ended
    return found


def hold(env: SkirmishVectorEnv, out: EnvOutput) -> np.ndarray:
    """Everybody keeps its place and hits whom it can reach from there."""
    n = env.spec.n_agents
    x, y, health = env.units()[:, :3].transpose(1, 0, 2)
    apart = np.hypot(x[:, :n, None] - x[:, None, n:], y[:, :n, None] - y[:, None, n:])
    apart = np.where((out.avail_actions[:, :, FIRST_TARGET:] == 1) & (health[:, None, n:] > 0), apart, np.inf)
    actions = np.where(apart.min(axis=2) < 1.2, FIRST_TARGET + apart.argmin(axis=2), STOP)
    return np.where(out.avail_actions[:, :, 0] == 1, 0, actions).astype(np.int32)


def milk_shields(env: SkirmishVectorEnv, out: EnvOutput) -> np.ndarray:
    """Kites, but shoots only at shields: life that is gone does not come back."""
    avail = out.avail_actions.copy()
    avail[:, :, FIRST_TARGET:] &= (env.units()[:, 3, env.spec.n_agents :] >= 10)[:, None]
    return kiting_actions(env, out._replace(avail_actions=avail))


def test_kiting_stalkers_beat_zealots_that_beat_standing_ones() -> None:
    env = SkirmishVectorEnv("3s_vs_3z", 32, seed=2)
    assert play(env, lambda e, out: scripted_actions(e, out, "nearest"))["battle_won"].mean() < 0.05
    assert play(env, kiting_actions)["battle_won"].mean() > 0.9


def test_corridor_is_held_at_the_neck_better_than_in_the_open(arena: Arena) -> None:
    """Four zealots that keep their places take more zerglings along where these cannot go round."""
    foes = [("Zergling", (24 + 0.9 * (k % 6), 24.5 + 0.9 * (k // 6))) for k in range(24)]
    order = {"kind": "attack_move", "target": [4.47, 4.3298]}
    steps = [(-0.55, 0.55), (0, 0), (0.55, -0.55), (-1.1, 0)]
    killed = {}
    for place, (x, y) in {"neck": (12.6, 12.2), "open": (20.0, 20.0)}.items():
        zealots = [("Zealot", (x + dx, y + dy)) for dx, dy in steps]
        env = arena(zealots, foes, 32, terrain="corridor", enemy_order=order)
        killed[place] = play(env, hold)["dead_enemies"].mean()
    assert killed["neck"] > killed["open"] + 3


def test_letting_shields_come_back_pays_more_than_winning_on_3s_vs_5z() -> None:
    """The paper's agents fall for it: wear shields down, stay away until they are back, and again."""
    env = SkirmishVectorEnv("3s_vs_5z", 16, seed=2)
    lazy = play(env, milk_shields)
    assert not lazy["battle_won"].any()
    assert (lazy["episode_return"] > 20).mean() > 0.5
