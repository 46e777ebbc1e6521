"""A disk that is full for a while, played by the limit of a process' file sizes: training goes on."""

import json
import re
import resource
import signal

import pytest
from processes import finish, kill_group, metrics, run, start, tiny_run, wait_until

FOREVER = 10_000_000
OFTEN = ("run.report_fraction=1e-5", "run.checkpoint_fraction=2e-4", "evaluation.every_fraction=2e-4")


@pytest.fixture
def learner(tmp_path):
    process = start("train", "--num_actors=0", f"--run_dir={tmp_path}", *tiny_run(FOREVER, *OFTEN))
    yield process
    kill_group(process)


def checkpoints(run_dir):
    return sorted(run_dir.glob("checkpoints/step-*"))


def results(run_dir):
    return json.loads((run_dir / "eval/results.json").read_text())["smac-counting-1"]["3m"]["matrace"]["seed_0"]


def limit(process, size):
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def test_training_outlives_a_full_disk_and_reports_what_it_did_meanwhile(learner, tmp_path):
    wait_until(lambda: checkpoints(tmp_path) and metrics(tmp_path), "a checkpoint")
    limit(learner, 0)
    output = ""
    while not re.search(r"eval/\S+ \(File too large\)", output) or "cannot write metrics.jsonl" not in output:
        output += learner.stdout.readline()
    before, steps = checkpoints(tmp_path), metrics(tmp_path)[-1]["env_steps"]
    limit(learner, resource.RLIM_INFINITY)
    wait_until(lambda: checkpoints(tmp_path)[-1] > before[-1], "a new checkpoint")
    wait_until(lambda: metrics(tmp_path)[-1]["env_steps"] > steps, "new reports")
    learner.send_signal(signal.SIGINT)
    output += finish(learner)
    assert learner.returncode == 0, output
    assert "training goes on" in output
    reported = [line["env_steps"] for line in metrics(tmp_path) if "perf/env_steps_per_s" in line]
    assert reported == list(range(100, reported[-1] + 1, 100))  # none is missing
    evaluated = {line["env_steps"] for line in metrics(tmp_path) if "eval/win_rate" in line}
    assert {step["step_count"] for step in results(tmp_path).values()} == evaluated
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".step") or path.suffix == ".tmp"]


def test_run_that_cannot_keep_its_end_says_so_and_can_be_resumed(learner, tmp_path):
    wait_until(lambda: checkpoints(tmp_path), "a checkpoint")
    saved = int(checkpoints(tmp_path)[-1].name.removeprefix("step-"))
    wait_until(lambda: metrics(tmp_path)[-1]["env_steps"] > saved, "something that is not saved yet")
    limit(learner, 0)
    while "training goes on" not in learner.stdout.readline():
        pass
    learner.send_signal(signal.SIGINT)
    output = finish(learner)
    assert learner.returncode == 2, output
    assert "cannot write" in output
    steps = int(checkpoints(tmp_path)[-1].name.removeprefix("step-"))
    resumed = run("train", "--num_actors=0", f"--run_dir={tmp_path}", f"--gin_param=run.total_env_steps={steps + 100}")
    assert resumed.returncode == 0, resumed.stderr
    assert "resumed at" in resumed.stdout
