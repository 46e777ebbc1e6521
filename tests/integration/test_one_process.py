"""``--num_actors=0``: one thread, reproducible, resumable."""

import json
import shutil

import pytest
from processes import metrics, run, run_in_turn, tiny_run, untimed_metrics

from seed_matrace.files import CHECKSUMS, write_checked


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of 200 env steps, seed 0."""
    run_dir = tmp_path_factory.mktemp("finished")
    result = run("train", "--num_actors=0", f"--run_dir={run_dir}", *tiny_run(200))
    assert result.returncode == 0, result.stderr
    return run_dir


@pytest.fixture
def run_dir(finished, tmp_path):
    """A copy of it, to go on with or to spoil."""
    return shutil.copytree(finished, tmp_path / "run")


def test_same_seed_gives_the_same_metrics_and_another_seed_does_not(finished, tmp_path):
    for name, seed in (("again", 0), ("other", 8)):
        result = run("train", "--num_actors=0", f"--seed={seed}", f"--run_dir={tmp_path / name}", *tiny_run(200))
        assert result.returncode == 0, result.stderr
    lines = untimed_metrics(finished)
    assert lines == untimed_metrics(tmp_path / "again")
    assert lines != untimed_metrics(tmp_path / "other")
    assert any("losses/total" in line for line in lines)


def test_run_directory_holds_what_the_documentation_says(tmp_path):
    flags = tiny_run(200, "evaluation.absolute_episodes=None")  # the default
    result = run("train", "--num_actors=0", f"--run_dir={tmp_path}", *flags)
    assert result.returncode == 0, result.stderr
    assert "playing 40 battles with the best weights\nabsolute metric: 40 of 40 battles won" in result.stdout
    assert len(_results(tmp_path)["absolute_metrics"]["win_rate"]) == 40
    for name in ("config.gin", "operative_config.gin", "run.json", "metrics.jsonl", "eval/results.json", "tb"):
        assert (tmp_path / name).exists(), name
    assert (tmp_path / "learning_curve.png").stat().st_size > 1000
    assert "run.num_envs = 8" in (tmp_path / "config.gin").read_text()
    assert "loss.lambda_ = 1.0" in (tmp_path / "operative_config.gin").read_text()
    assert [path.name for path in sorted((tmp_path / "checkpoints").glob("step-*"))][-1] == "step-000000000200"
    lines = metrics(tmp_path)
    assert lines[-1]["env_steps"] == 200
    tags = set().union(*lines)
    assert tags >= {"losses/policy", "losses/V", "policy/entropy", "IS/rho_mean", "train/return", "eval/win_rate"}
    assert tags >= {"perf/policy_lag_mean", "perf/env_steps_per_s", "perf/learner_idle", "acted_env_steps"}
    assert "seed-matrace eval --run_dir=" in result.stdout


def test_resuming_goes_on_where_the_run_stopped(run_dir):
    before = metrics(run_dir)
    result = run("train", "--num_actors=0", f"--run_dir={run_dir}", "--gin_param=run.total_env_steps=400")
    assert result.returncode == 0, result.stderr
    assert "resumed at 200 env steps" in result.stdout
    after = metrics(run_dir)
    assert after[: len(before)] == before
    assert [line["env_steps"] for line in after] == sorted(line["env_steps"] for line in after)
    assert after[-1]["env_steps"] == 400
    assert after[-1]["learner_steps"] == 16 * 20
    steps = [step["step_count"] for step in _results(run_dir).values()]
    assert steps == sorted(set(steps))


def _results(run_dir):
    nested = json.loads((run_dir / "eval" / "results.json").read_text())
    for _ in range(4):
        (nested,) = nested.values()
    return nested


def test_torn_newest_checkpoint_falls_back_to_the_one_before(run_dir):
    newest = max((run_dir / "checkpoints").glob("step-*"))
    data = next(newest.glob("variables.data*"))
    data.write_bytes(data.read_bytes()[:-10])
    result = run("train", "--num_actors=0", f"--run_dir={run_dir}", "--gin_param=run.total_env_steps=300")
    assert result.returncode == 0, result.stderr
    assert f"{newest} is damaged" in result.stdout
    assert metrics(run_dir)[-1]["env_steps"] == 300


def test_run_directory_of_another_run_is_refused_and_untouched(finished):
    refusals = {
        "holds a run of another configuration": ["env.backend='skirmish'", "env.map_name='8m'"],
        "loss.discount was 0.99, now 0.5": ["loss.discount=0.5"],
        "holds a run of seed 0, not 3": ["--seed=3"],
    }
    before = {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}
    train = ["train", "--num_actors=0", f"--run_dir={finished}"]
    flags = [[w if w.startswith("--") else f"--gin_param={w}" for w in others] for others in refusals.values()]
    for said, result in zip(refusals, run_in_turn(*([*train, *own] for own in flags)), strict=True):
        assert result.returncode == 2
        assert said in result.stderr
    assert {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()} == before


def test_new_run_starts_from_another_runs_weights(finished, tmp_path):
    result = run(
        "train",
        "--num_actors=0",
        f"--run_dir={tmp_path}",
        f"--init_from={finished}",
        *tiny_run(100, "network.critic_layers=(9,)"),
    )
    assert result.returncode == 0, result.stderr
    assert "6 of 6 policy variables, 4 of 9 critic variables taken over" in result.stdout


def test_eval_prints_one_json_object_last(finished, run_dir):
    older = json.loads((run_dir / "run.json").read_text()) | {"backend": "counting-0"}
    write_checked(run_dir / "run.json", json.dumps(older))
    evaluate = ["eval", "--episodes=5", "--checkpoint=latest"]
    result, of_older, elsewhere = run_in_turn(
        [*evaluate, f"--run_dir={finished}"],
        [*evaluate, f"--run_dir={run_dir}"],
        [*evaluate, f"--run_dir={run_dir}", "--backend=skirmish"],
    )
    assert result.returncode == 0, result.stderr
    summary = json.loads(result.stdout.splitlines()[-1])
    assert summary["episodes"] == 5
    assert summary["win_rate"] == 1.0  # every first episode of this environment is won
    assert summary["env_steps"] == 200
    assert summary["backend"] == "counting-1"
    assert "trained on" not in result.stderr
    assert "this team was trained on counting-0, and what plays here is counting-1, by other rules" in of_older.stderr
    assert json.loads(of_older.stdout.splitlines()[-1])["backend"] == "counting-1"
    assert "this team was trained for EnvSpec" in elsewhere.stderr and "do not compare" not in elsewhere.stderr


def test_run_of_an_older_program_resumes_with_defaults_for_newer_options(run_dir):
    operative = run_dir / "operative_config.gin"
    kept = [line for line in operative.read_text().splitlines() if not line.startswith("optimizer.clip_norm")]
    operative.write_text("\n".join(kept))
    for name in (CHECKSUMS, "metrics.jsonl", "eval/results.json"):
        (run_dir / name).unlink()
    info = json.loads((run_dir / "run.json").read_text())
    del info["id"]
    (run_dir / "run.json").write_text(json.dumps(info))
    result = run("train", "--num_actors=0", f"--run_dir={run_dir}", "--gin_param=run.total_env_steps=300")
    assert result.returncode == 0, result.stderr
    assert "resumed at 200 env steps" in result.stdout
