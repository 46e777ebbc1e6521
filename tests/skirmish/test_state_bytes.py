"""Saving and restoring battles."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from seed_matrace.skirmish.vector_env import SkirmishVectorEnv
from seed_matrace.types import flatten


@pytest.mark.parametrize("name", ["3m", "27m_vs_30m"])
def test_restored_environment_goes_on_bit_for_bit(name: str) -> None:
    env, other = SkirmishVectorEnv(name, 3, seed=8), SkirmishVectorEnv(name, 3, seed=8)
    env.reset()
    for _ in range(25):
        env.step(env.sample_actions())
    other.set_state_bytes(env.get_state_bytes())
    for _ in range(80):
        actions = env.sample_actions()
        np.testing.assert_array_equal(actions, other.sample_actions())
        for one, two in zip(flatten(env.step(actions)), flatten(other.step(actions)), strict=True):
            np.testing.assert_array_equal(one, two)
    assert env.get_state_bytes() == other.get_state_bytes()


def test_state_of_an_environment_that_was_never_reset_still_asks_for_reset() -> None:
    env = SkirmishVectorEnv("3m", 1, seed=0)
    fresh = env.get_state_bytes()
    env.reset()
    env.set_state_bytes(fresh)
    with pytest.raises(RuntimeError, match="before the first reset"):
        env.step(np.ones((1, 3), np.int32))


def test_state_of_something_else_is_refused() -> None:
    env = SkirmishVectorEnv("3m", 2, seed=0)
    state = env.get_state_bytes()
    others = [("3m", 3, 0), ("8m", 2, 0), ("3m", 2, 1)]
    for arguments in others:
        said = "not a state of skirmish-.*: it is of 'skirmish-3 3m 2 environments, streams 0"
        with pytest.raises(ValueError, match=said):
            SkirmishVectorEnv(*arguments).set_state_bytes(state)
    for of_another_size in (state[:-1], state + b"1"):
        said = rf"\({len(state)} bytes\): it has {len(of_another_size)} bytes, as none of this build of skirmish-3 has"
        with pytest.raises(ValueError, match=said):
            env.set_state_bytes(of_another_size)


def test_state_of_an_earlier_simulator_is_refused_by_its_name() -> None:
    env = SkirmishVectorEnv("3m", 2, seed=0)
    state = env.get_state_bytes()
    assert state.startswith(b"skirmish-3 3m ")
    with pytest.raises(ValueError, match=r"not a state of skirmish-3 3m .*: it is of skirmish-2, whose"):
        env.set_state_bytes(state.replace(b"skirmish-3", b"skirmish-2", 1))


def test_state_of_another_scenario_of_that_name_and_size_is_refused(tmp_path: Path) -> None:
    def play(episode_limit: int, **words: str) -> SkirmishVectorEnv:
        sides = {side: [{"unit": "Marine", "count": 2, "at": [9, 16]}] for side in ("allies", "enemies")}
        document = {"terrain": "octagon", "episode_limit": episode_limit, **sides, **words}
        (tmp_path / "mine.json").write_text(json.dumps(document))
        return SkirmishVectorEnv(str(tmp_path / "mine.json"), 2, seed=0)

    env = play(50)
    env.reset()
    state = env.get_state_bytes()
    with pytest.raises(ValueError, match="it is of another map called mine, with other contents"):
        play(60).set_state_bytes(state)
    retold = play(50, source="told anew")
    retold.set_state_bytes(state)
    assert retold.get_state_bytes() == state


def test_state_from_before_states_told_their_map_goes_on() -> None:
    """Checkpoints hold such: without the digest of the map."""
    env = SkirmishVectorEnv("3m", 2, seed=0)
    env.reset()
    state = env.get_state_bytes()
    header, rest = state.split(b"\n", 1)
    before = header.split(b", map ")[0] + b"\n" + rest
    assert len(before) < len(state)
    other = SkirmishVectorEnv("3m", 2, seed=0)
    other.set_state_bytes(before)
    assert other.get_state_bytes() == state
    with pytest.raises(ValueError, match=f"it has {len(before) - 1} bytes"):
        other.set_state_bytes(before[:-1])
