"""A sweep as training leaves it, without the training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seed_matrace.config import load_config
from seed_matrace.evaluation.results import ResultsWriter
from seed_matrace.evaluation.sweep_record import SweepRun, write_sweep
from seed_matrace.files import write_checked
from seed_matrace.learner.metrics import MetricsWriter, report_of
from seed_matrace.learner.run_info import write_finished, write_run_info
from seed_matrace.sweeps.plan import plan_sweep
from seed_matrace.types import EpisodeStats

BACKEND = "skirmish-1"


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
    with MetricsWriter(path) as writer:
        for i in range(5):
            stats = battles(won * i // 4)
            results.append(1000 * i, float(i), stats)
            writer.write(
                report_of(1000 * i, float(i), i, {"eval/win_rate": stats.battle_won.mean(), "eval/return": float(i)})
            )
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
