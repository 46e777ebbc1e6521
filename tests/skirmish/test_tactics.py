"""What good play is worth: kiting, holding a neck, alternating fire, and the trap of 3s_vs_5z."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from seed_matrace.skirmish.scripted import kiting_actions, scripted_actions
from seed_matrace.skirmish.vector_env import SkirmishVectorEnv
from seed_matrace.types import EnvOutput

Arena = Callable[..., SkirmishVectorEnv]
Policy = Callable[[SkirmishVectorEnv, EnvOutput], np.ndarray]
STOP, NORTH, SOUTH, FIRST_TARGET = 1, 2, 3, 6


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


class AlternatingFire:
    """Two stalkers against a spine crawler north of them: who is hit while weak steps out of its reach until the other
    one is hit; when both are weak, both stay away until their shields are back.
    """

    WEAK, OUT_OF_REACH, FULL = 30, 9.5, 79

    def __init__(self) -> None:
        self._before = np.zeros(2)  # health and shield
        self._target = -1  # who was hit last
        self._away = np.zeros(2, bool)
        self._resting = False

    def __call__(self, env: SkirmishVectorEnv, out: EnvOutput) -> np.ndarray:
        x, y, health, shield = env.units()[0, :4, :2]
        crawler_x, crawler_y = env.units()[0, :2, 2]
        left = health + shield
        if (self._before - left > 3).any():
            self._target = int(np.argmax(self._before - left))
        self._before = left
        if (left <= self.WEAK).all():
            self._resting = True
        elif (shield >= self.FULL)[health > 0].all():
            self._resting = False
        self._away = (self._away | (left <= self.WEAK)) & (np.arange(2) == self._target)
        near = np.hypot(x - crawler_x, y - crawler_y) < self.OUT_OF_REACH
        in_reach = out.avail_actions[0, :, FIRST_TARGET] == 1
        actions = np.where(
            self._away | self._resting, np.where(near, SOUTH, STOP), np.where(in_reach, FIRST_TARGET, NORTH)
        )
        return np.where(out.avail_actions[:, :, 0] == 1, 0, actions[np.newaxis]).astype(np.int32)


def test_kiting_stalkers_beat_zealots_that_beat_standing_ones() -> None:
    env = SkirmishVectorEnv("3s_vs_3z", 32, seed=2)
    assert play(env, lambda e, out: scripted_actions(e, out, "nearest"))["battle_won"].mean() < 0.05
    assert play(env, kiting_actions)["battle_won"].mean() > 0.9


def test_corridor_is_held_at_the_neck_better_than_in_the_open(arena: Arena) -> None:
    """Four zealots that keep their places take more zerglings along where these cannot go round: 11 of 24, not 9."""
    foes = [("Zergling", (24 + 0.9 * (k % 6), 24.5 + 0.9 * (k // 6))) for k in range(24)]
    order = {"kind": "attack_move", "target": [4.47, 4.3298]}
    steps = [(-0.55, 0.55), (0, 0), (0.55, -0.55), (-1.1, 0)]
    killed = {}
    for place, (x, y) in {"neck": (12.6, 12.2), "open": (20.0, 20.0)}.items():
        zealots = [("Zealot", (x + dx, y + dy)) for dx, dy in steps]
        env = arena(zealots, foes, 32, terrain="corridor", enemy_order=order)
        killed[place] = play(env, hold)["dead_enemies"].mean()
    assert killed["neck"] > killed["open"] + 1.5


def test_letting_shields_come_back_pays_more_than_winning_on_3s_vs_5z() -> None:
    """The paper's agents fall for it: wear shields down, stay away until they are back, and again."""
    env = SkirmishVectorEnv("3s_vs_5z", 16, seed=2)
    lazy = play(env, milk_shields)
    assert not lazy["battle_won"].any()
    assert (lazy["episode_return"] > 20).mean() > 0.5


def test_alternating_fire_and_a_rest_can_win_2s_vs_1sc_where_standing_loses() -> None:
    """What the map is there to teach (Samvelyan et al. 2019).

    The crawler takes 17 s for the stalkers' 320 of health and shield; in these they do 284 damage at most, and it has
    300: a rest of 50 s must come between. This script's timing works out in one battle of ten.
    """
    standing = play(SkirmishVectorEnv("2s_vs_1sc", 1), lambda env, out: scripted_actions(env, out, "nearest"))
    alternating = play(SkirmishVectorEnv("2s_vs_1sc", 1, seed=1), AlternatingFire())
    assert not standing["battle_won"].any()
    assert alternating["battle_won"].all()
