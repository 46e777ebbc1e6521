"""A sweep as training leaves it, without the training."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from seed_matrace.config import EnvConfig, load_config
from seed_matrace.envs.registry import make_vector_env
from seed_matrace.replay import Replay
from seed_matrace.evaluation.episodes import play_episodes
from seed_matrace.evaluation.recording import KeptActions, record_battle
from seed_matrace.evaluation.results import ResultsWriter
from seed_matrace.evaluation.sweep_record import SweepRun, write_sweep
from seed_matrace.files import write_checked
from seed_matrace.sweeps.plan import plan_sweep
from seed_matrace.learner.metrics import MetricsWriter, write_finished, write_run_info
from seed_matrace.types import EpisodeStats

BACKEND = "skirmish-1"
FIRST_TARGET = 6


def battles(won: int, count: int = 32) -> EpisodeStats:
    zeros = np.zeros(count, np.int32)
    return EpisodeStats(np.zeros(count, np.float32), zeros, np.arange(count) < won, zeros, zeros)


def write_run(path: Path, run: SweepRun, *, won: int, finished: bool = True, backend: str = BACKEND) -> None:
    """A run whose evaluated win rate rises in a line, over 4 evaluations, to ``won`` of 32."""
    path.mkdir(parents=True)
    _, given, operative = load_config(run.gin_files, run.gin_params)
    (path / "config.gin").write_text(given)
    write_checked(path / "operative_config.gin", operative)
    write_run_info(path, backend=backend, map_name=run.map_name, seed=run.seed, argv=[])
    results = ResultsWriter(path, backend=backend, map_name=run.map_name, seed=run.seed)
    with MetricsWriter(path, tensorboard=False) as writer:
        for i in range(5):
            stats = battles(won * i // 4)
            results.append(1000 * i, float(i), stats)
            writer.write(1000 * i, float(i), i, {"eval/win_rate": stats.battle_won.mean(), "eval/return": float(i)})
    if finished:
        write_finished(path, "budget")


@pytest.fixture
def make_sweep(tmp_path):
    """Writes a sweep and returns its directory; ``won`` says how many of 32 battles a run wins in the end."""

    def make(maps=("3m",), grids=(), seeds=3, won=lambda run: 16 + run.seed, unfinished=(), missing=()) -> Path:
        axis = ",".join(f"maps/{name}.gin" for name in maps)
        runs = plan_sweep(gin_axes=[axis], grids=grids, seeds=range(seeds))
        sweep_dir = tmp_path / "sweep"
        write_sweep(sweep_dir, runs)
        for run in runs:
            if run.name not in missing:
                write_run(sweep_dir / run.name, run, won=won(run), finished=run.name not in unfinished)
        return sweep_dir

    return make


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
