"""Copies and pickles of environments go on bit for bit, and neither disturbs the other."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from seed_matrace import StarCraft2Env
from seed_matrace.envs.counting import CountingVectorEnv
from seed_matrace.envs.frame_stack import FrameStackVectorEnv
from seed_matrace.envs.gymnasium import SkirmishGymnasiumVectorEnv
from seed_matrace.envs.gymnasium_env import SkirmishGymnasiumEnv
from seed_matrace.envs.pettingzoo import SkirmishParallelEnv
from seed_matrace.skirmish.vector_env import SkirmishVectorEnv
from seed_matrace.smac_options import SmacOptions
from seed_matrace.types import flatten

WAYS = {"copy": copy.copy, "deepcopy": copy.deepcopy, "pickle": lambda env: pickle.loads(pickle.dumps(env))}
Play = Callable[[Any, int], list[Any]]


class Shaped(StarCraft2Env):
    """A subclass with something of its own."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.shaped = 0

    def reward_battle(self) -> float:
        self.shaped += 1
        return super().reward_battle() + self.shaped


def play_smac(env: StarCraft2Env, steps: int) -> list[Any]:
    seen: list[Any] = []
    for _ in range(steps):
        if not env._playing:
            seen += [*env.reset()[0], env.agents]
        actions = [max(action for action, free in enumerate(row) if free) for row in env.get_avail_actions()]
        seen += [*env.step(actions), *env.get_obs(), env.get_state(), env.agents, env.max_reward]
    return [*seen, *env.get_stats().values()]


def play_vector(env: Any, steps: int) -> list[Any]:
    seen, out = [], getattr(env, "shown", None)
    for _ in range(steps):
        out = env.reset() if out is None else env.step(out.avail_actions.argmax(axis=-1).astype(np.int32))
        seen += [array.copy() for array in flatten(out)]
        env.shown = out
    return seen


def play_gymnasium(env: SkirmishGymnasiumVectorEnv, steps: int) -> list[Any]:
    if env._battles is None:
        env.reset(seed=3)
    seen = []
    for _ in range(steps):
        obs, reward, ended, truncated, _ = env.step(np.full((env.num_envs, 3), 4))
        seen += [obs["obs"], obs["state"], reward, ended, truncated]
    return seen


def play_one(env: SkirmishGymnasiumEnv, steps: int) -> list[Any]:
    seen: list[Any] = []
    for _ in range(steps):
        if env._over:
            env.reset(seed=3 if env._battle is None else None)
        obs, reward, ended, truncated, info = env.step(np.full(3, 4))
        seen += [obs["obs"], obs["state"], reward, ended, truncated, info["action_mask"]]
    return seen


def play_pettingzoo(env: SkirmishParallelEnv, steps: int) -> list[Any]:
    seen: list[Any] = []
    for _ in range(steps):
        if not env.agents:
            env.reset(seed=3 if env._battle is None else None)
        obs, rewards, ended, _, _ = env.step(dict.fromkeys(env.agents, 4))
        seen += [*(shown["observation"] for shown in obs.values()), *rewards.values(), *ended.values()]
    return seen


ENVS: dict[str, tuple[Callable[[], Any], Play]] = {
    "class": (lambda: StarCraft2Env("3m", seed=5), play_smac),
    "healers": (lambda: StarCraft2Env("MMM", seed=5, obs_last_action=True), play_smac),
    "walls": (lambda: StarCraft2Env("corridor", seed=5), play_smac),
    "lances": (lambda: StarCraft2Env("1c3s5z", seed=5), play_smac),
    "script": (lambda: StarCraft2Env("3m", seed=5, heuristic_ai=True), play_smac),
    "subclass": (lambda: Shaped("3m", seed=5), play_smac),
    "vector": (lambda: SkirmishVectorEnv("2s3z", 3, seed=5, with_final=True), play_vector),
    "stack": (lambda: FrameStackVectorEnv(SkirmishVectorEnv("3m", 3, seed=5), 4), play_vector),
    "counting": (lambda: CountingVectorEnv(3), play_vector),
    "gymnasium": (lambda: SkirmishGymnasiumVectorEnv("3m", 3), play_gymnasium),
    "next_step": (lambda: SkirmishGymnasiumVectorEnv("3m", 3, autoreset_mode="NextStep"), play_gymnasium),
    "one": (lambda: SkirmishGymnasiumEnv("3m"), play_one),
    "pettingzoo": (lambda: SkirmishParallelEnv("3m"), play_pettingzoo),
    "black_death": (lambda: SkirmishParallelEnv("3m", dead_agents="black_death"), play_pettingzoo),
}


def assert_same(one: list[Any], other: list[Any]) -> None:
    assert len(one) == len(other)
    for left, right in zip(one, other, strict=True):
        if isinstance(left, dict):
            assert left == right
        else:
            np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ENVS)
def test_copies_go_on_bit_for_bit(name: str, way: str) -> None:
    """Taken mid-episode and, of so many, at an end or two; the first plays on before its copy does."""
    make, play = ENVS[name]
    env = make()
    for steps in (7, 30, 61):
        play(env, steps)
        twin = WAYS[way](env)
        seen = play(env, 40)
        assert_same(seen, play(twin, 40))
        env = twin


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", [name for name, (_, play) in ENVS.items() if play in (play_smac, play_vector)])
def test_copies_of_new_environments_play_the_same(name: str, way: str) -> None:
    make, play = ENVS[name]
    env = make()
    twin = WAYS[way](env)
    assert_same(play(env, 20), play(twin, 20))


@pytest.mark.parametrize("way", WAYS)
def test_copies_at_the_end_and_after_close_stay_there(way: str) -> None:
    env = StarCraft2Env("3m", seed=1)
    env.reset()
    while env._playing:
        env.step([1 if free[1] else 0 for free in env.get_avail_actions()])
    ended = WAYS[way](env)
    assert_same(env.get_obs(), ended.get_obs())
    with pytest.raises(RuntimeError, match="call reset"):
        ended.step([1, 1, 1])
    assert_same(env.reset()[0], ended.reset()[0])
    vectors = SkirmishVectorEnv("3m", 2), SkirmishGymnasiumVectorEnv("3m")
    for closable in (env, *vectors, SkirmishGymnasiumEnv("3m"), SkirmishParallelEnv("3m")):
        closable.close()
        with pytest.raises(RuntimeError, match=r"closed|reset"):
            WAYS[way](closable).reset()


@pytest.mark.parametrize("way", WAYS)
def test_copies_of_random_teams_keep_their_teams(tmp_path: Any, way: str) -> None:
    """Nor do they need the scenario file any more."""
    path = tmp_path / "random.json"
    units, start = {"Marine": 1, "Marauder": 1, "Medivac": 1}, {"surround": 1, "reflect": 1}
    draw = {"units": units, "n_allies": 5, "n_enemies": 5, "start": start}
    path.write_text(json.dumps({"terrain": "open", "episode_limit": 30, "draw": draw}))
    for env, play in (
        (SkirmishVectorEnv(str(path), 3, seed=1, options=SmacOptions(obs_last_action=True)), play_vector),
        (StarCraft2Env(str(path), seed=1), play_smac),
    ):
        play(env, 17)
        kept = path.read_bytes()
        path.unlink()
        twin = WAYS[way](env)
        assert_same(play(env, 80), play(twin, 80))
        path.write_bytes(kept)


def test_copies_of_a_recorded_battle_are_recorded_apart() -> None:
    env = SkirmishVectorEnv("3m", 1, seed=2)
    env.reset()
    record, actions = env.record(), np.full((1, 3), 4, np.int32)
    env.step(actions)
    twin = copy.deepcopy(env)
    env.step(actions), env.step(actions), twin.step(actions)
    assert twin._recording is not None and len(twin._recording.played) == 2 and len(record.played) == 3
    np.testing.assert_array_equal(twin._recording._frames, record._frames[: len(twin._recording._frames)])


def test_a_stack_copied_with_its_output_writes_into_its_own_memory() -> None:
    env = FrameStackVectorEnv(SkirmishVectorEnv("3m", 2, seed=1), 3)
    out = env.reset()
    twin, twins_out = copy.deepcopy((env, out))
    for _ in range(5):
        actions = out.avail_actions.argmax(axis=-1).astype(np.int32)
        env.step(actions, out), twin.step(actions, twins_out)
        assert_same(list(flatten(out)), list(flatten(twins_out)))


def test_maps_and_rules_are_shared_by_copies() -> None:
    env = StarCraft2Env("corridor", seed=1)
    twin = copy.deepcopy(env)
    assert twin.battle_map is env.battle_map and twin.layout is env.layout
    assert len(pickle.dumps(env)) < 2_000_000
