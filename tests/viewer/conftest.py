"""Battles as replays."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from sweep_on_disk import make_sweep as make_sweep

from seed_matrace.envs.registry import make_vector_env
from seed_matrace.evaluation.episodes import play_episodes
from seed_matrace.evaluation.recording import KeptActions, record_battle
from seed_matrace.replay import Replay
from seed_matrace.sections.env import EnvConfig

FIRST_TARGET = 6


def rush(obs, avail_actions, episode_start):
    """Shoots at the first enemy there is, else walks east, and away from walls."""
    targets = avail_actions[:, :, FIRST_TARGET:]
    walk = np.where(avail_actions[:, :, 4], 4, np.where(avail_actions[:, :, 2], 2, avail_actions[:, :, 1]))
    return np.where(targets.any(axis=2), FIRST_TARGET + targets.argmax(axis=2), walk).astype(np.int32)


def guess(obs, avail_actions, state, last_action):
    """Random probabilities and values, as of a decentralised team."""
    rng = np.random.default_rng(0)
    odds = rng.random(avail_actions.shape) * avail_actions
    return odds / odds.sum(axis=2, keepdims=True), rng.normal(size=avail_actions.shape[:2])


@pytest.fixture(scope="session")
def make_replay():
    """Plays a battle on a map and returns its replay."""

    @cache
    def make(map_name: str) -> Replay:
        env = EnvConfig(map_name=map_name)
        team = KeptActions(rush, 1)
        play_episodes(make_vector_env(env, 1, seed=3), team)
        return record_battle(env, team.of_battle(0), guess, seed=3, battle=0, env_steps=1_250_000)

    return make
