"""SMAC's own class plays the stand-in: PYTHONPATH=<smac's sources> python -m pytest -m smac tests/sc2_standin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seed_matrace.sc2_standin.installation import install
from seed_matrace.skirmish.maps import map_names
from seed_matrace.skirmish.smac_env import StarCraft2Env

pytestmark = pytest.mark.smac
EPISODES = 4
OPTIONS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "much_shown": {
        "obs_last_action": True, "obs_pathing_grid": True, "obs_terrain_height": True, "state_timestep_number": True,
        "reward_only_positive": False, "continuing_episode": True, "move_amount": 3,
    },
    "little_shown": {
        "obs_all_health": False, "obs_own_health": False, "obs_instead_of_state": True, "reward_sparse": True,
        "step_mul": 5,
    },
    "script": {"heuristic_ai": True, "heuristic_rest": True},
}  # fmt: skip


@pytest.fixture
def smac_env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Makes ``smac.env.StarCraft2Env``s that find the stand-in in the place of the game."""
    smac = pytest.importorskip("smac.env")
    install(tmp_path)
    monkeypatch.setenv("SC2PATH", str(tmp_path))
    made = []

    def make(map_name: str, **options: Any) -> Any:
        made.append(smac.StarCraft2Env(map_name=map_name, **options))
        return made[-1]

    yield make
    for env in made:
        env.close()


def assert_same_look(real: Any, ours: StarCraft2Env) -> None:
    for seen, expected in ((real.get_obs(), ours.get_obs()), (real.get_state(), ours.get_state())):
        seen, expected = np.array(seen), np.array(expected)
        assert seen.dtype == expected.dtype
        np.testing.assert_array_equal(seen, expected)
    assert real.get_avail_actions() == ours.get_avail_actions()


def some_actions(avail: list[list[int]], eager: bool, rng: np.random.Generator) -> list[int]:
    """Any that are available; of the eager an attack where there is one."""
    actions = []
    for row in avail:
        attacks = [action for action in range(6, len(row)) if row[action]]
        walks_east = eager and not attacks and row[4] and rng.random() < 0.5
        choices = attacks if eager and attacks else [4] if walks_east else np.flatnonzero(row)
        actions.append(int(rng.choice(choices)))
    return actions


def play(real: Any, ours: StarCraft2Env, rng: np.random.Generator, episodes: int) -> int:
    """Both play the same actions and must look the same; returns the number of steps."""
    steps = 0
    for episode in range(episodes):
        real.reset(), ours.reset()
        assert_same_look(real, ours)
        ended = False
        while not ended:
            actions = some_actions(ours.get_avail_actions(), episode % 2 == 1, rng)
            reward, ended, info = ours.step(list(actions))
            assert real.step(list(actions)) == (reward, ended, info)
            assert_same_look(real, ours)
            steps += 1
    assert real.get_stats() == ours.get_stats()
    assert real.force_restarts == 0
    return steps


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("map_name", map_names())
def test_episodes_are_those_of_the_simulator(smac_env: Callable[..., Any], map_name: str, options: str) -> None:
    real = smac_env(map_name, seed=7, **OPTIONS[options])
    ours = StarCraft2Env(map_name, seed=7, **OPTIONS[options])
    assert real.get_env_info() == ours.get_env_info()
    rng = np.random.default_rng(3)
    print(f"{map_name}, {options}: {play(real, ours, rng, EPISODES)} steps, {ours.get_stats()}")


def test_smac_saves_replays(smac_env: Callable[..., Any], tmp_path: Path) -> None:
    env = smac_env("3m", seed=1, replay_dir="mine", replay_prefix="first")
    env.reset()
    env.step([1, 1, 1])
    env.save_replay()
    (replay,) = (tmp_path / "Replays" / "mine").glob("first_*.SC2Replay")
    assert b'"map":"3m"' in replay.read_bytes()


def test_broken_game_is_launched_again(smac_env: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEED_MATRACE_SC2_FAULTS", "crash step=20 launch=1; error action=5 launch=3")
    # Launch 2 is SMAC's own: as long as no episode has ended, its reset launches again.
    env, rng, broken = smac_env("3m", seed=1), np.random.default_rng(0), 0
    while env.force_restarts < 2:
        env.reset()
        ended = False
        while not ended:
            _, ended, info = env.step(some_actions(env.get_avail_actions(), False, rng))
        broken += not info
    assert broken == 2
