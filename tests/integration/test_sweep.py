"""A sweep that is killed, stopped and started again is the sweep that was never disturbed."""

import fcntl
import json
import re
import signal
from pathlib import Path

import pytest
from processes import (
    env_steps,
    finish,
    kill_group,
    loaded,
    processes_where,
    run,
    start,
    tiny_run,
    untimed_metrics,
    wait_until,
)

GOOD, OTHER = "3m/learning_rate=0.001/seed_0", "3m/learning_rate=1e-30/seed_0"
BUDGET = 6_000
FLAGS = [
    *("sweep", "--parallel=2", "--grid=optimizer.learning_rate=[1e-3, 1e-30]"),
    *tiny_run(BUDGET, "run.report_fraction=0.02", "run.checkpoint_fraction=0.05", "evaluation.every_fraction=0.1"),
]
RUNS = (GOOD, OTHER)


def untimed_files(run_dir: Path) -> dict:
    """All of a run that may not differ, by file."""
    results = re.sub(r'"elapsed_time": [\d.]+', "", (run_dir / "eval" / "results.json").read_text())
    weights = {path.relative_to(run_dir): path.read_bytes() for path in run_dir.glob("checkpoints/*/variables.data*")}
    files = {path.name for path in run_dir.iterdir()}
    config = [(run_dir / name).read_text() for name in ("config.gin", "operative_config.gin")]
    return {"metrics": untimed_metrics(run_dir), "eval": results, "weights": weights, "files": files, "config": config}


def runs_of(sweep_dir: Path) -> list[int]:
    """Process ids of the runs of a sweep that live."""
    return processes_where(lambda words: any(word.startswith(f"--run_dir={sweep_dir}/") for word in words))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    sweep_dir = tmp_path_factory.mktemp("undisturbed")
    result = run(*FLAGS, f"--sweep_dir={sweep_dir}")
    assert result.returncode == 0, result.stdout + result.stderr
    return sweep_dir, result


def test_killed_and_stopped_sweep_ends_as_one_that_was_not(undisturbed, tmp_path):
    flags = [*FLAGS, "--parallel=1", f"--sweep_dir={tmp_path}"]
    for stop_with, after in ((signal.SIGKILL, 0.1), (signal.SIGINT, 0.5)):
        process = start(*flags)
        try:
            wait_until(lambda after=after: env_steps(tmp_path / GOOD) > after * BUDGET, "the run is under way")
            process.send_signal(stop_with)
            output = finish(process)
        finally:
            kill_group(process)
        wait_until(lambda: not runs_of(tmp_path), "its runs have died with the sweep", timeout_s=10)
        assert env_steps(tmp_path / GOOD) < BUDGET
    assert process.returncode == 130
    assert "the same command goes on with the rest" in output
    result = run("sweep", f"--sweep_dir={tmp_path}", "--parallel=2")  # the directory knows what it holds
    assert result.returncode == 0, result.stdout + result.stderr
    for name in RUNS:
        assert untimed_files(tmp_path / name) == untimed_files(undisturbed[0] / name)
    assert (tmp_path / "sweep.json").read_bytes() == (undisturbed[0] / "sweep.json").read_bytes()


def test_finished_sweep_is_recognised_and_left_alone(undisturbed):
    sweep_dir, _ = undisturbed
    before = {path: path.read_bytes() for path in sweep_dir.rglob("*") if path.is_file()}
    result = run(*FLAGS, f"--sweep_dir={sweep_dir}")
    assert (result.returncode, result.stdout) == (0, "2 of 2 runs finished\n")
    assert before == {path: path.read_bytes() for path in sweep_dir.rglob("*") if path.is_file()}


def test_other_settings_do_not_go_on_in_a_sweeps_directory(undisturbed):
    result = run(*FLAGS, f"--sweep_dir={undisturbed[0]}", "--gin_param=loss.discount=0.5")
    assert result.returncode == 2
    assert "loss.discount was 0.99, now 0.5" in result.stderr


def test_failed_run_is_reported_and_stops_no_other(tmp_path):
    (tmp_path / GOOD).mkdir(parents=True)
    with (tmp_path / GOOD / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as if a learner were at work there
        flags = ["sweep", "--parallel=1", f"--sweep_dir={tmp_path}", "--grid=optimizer.learning_rate=[1e-3, 1e-30]"]
        result = run(*flags, *tiny_run(40))
    assert result.returncode == 1
    assert f"{GOOD}: FAILED, exit code 2: seed-matrace: another learner is at work" in result.stdout
    assert "1 of 2 runs finished" in result.stdout
    assert json.loads((tmp_path / OTHER / "run.json").read_text())["finished"] == "budget"


def test_sweep_does_not_load_tensorflow():
    assert not loaded("import seed_matrace.sweeps.sweep, seed_matrace.cli", "tensorflow", "keras")
