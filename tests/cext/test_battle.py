"""The compiled battle against its naive twin: every unit, reward and end, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest

from seed_matrace._cext.reference_battle import ReferenceBattle
from seed_matrace.skirmish.maps import load_map, map_names
from seed_matrace.skirmish.scripted import scripted_actions
from seed_matrace.skirmish.vector_env import SkirmishVectorEnv
from seed_matrace.types import EnvOutput

SEED = 11
FIRST_ENV = 5


def eager_actions(env: SkirmishVectorEnv, out: EnvOutput, rng: np.random.Generator) -> np.ndarray:
    """Mostly attacks the first available target or walks to the nearest enemy, draws at random otherwise."""
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
