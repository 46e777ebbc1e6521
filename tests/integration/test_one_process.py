"""``--num_actors=0``: one thread, reproducible, resumable."""

import json

import pytest
from processes import metrics, run, tiny_run, untimed_metrics

from seed_matrace.files import CHECKSUMS, write_checked


def test_same_seed_gives_the_same_metrics_and_another_seed_does_not(tmp_path):
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        result = run("train", "--num_actors=0", f"--seed={seed}", f"--run_dir={tmp_path / name}", *tiny_run(400))
        assert result.returncode == 0, result.stderr
    lines = untimed_metrics(tmp_path / "a")
    assert lines == untimed_metrics(tmp_path / "b")
    assert lines != untimed_metrics(tmp_path / "c")
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


def test_resuming_goes_on_where_the_run_stopped(tmp_path):
    args = ["train", "--num_actors=0", f"--run_dir={tmp_path}"]
    assert run(*args, *tiny_run(200)).returncode == 0
    before = metrics(tmp_path)
    result = run(*args, "--gin_param=run.total_env_steps=400")
    assert result.returncode == 0, result.stderr
    assert "resumed at 200 env steps" in result.stdout
    after = metrics(tmp_path)
    assert after[: len(before)] == before
    assert [line["env_steps"] for line in after] == sorted(line["env_steps"] for line in after)
    assert after[-1]["env_steps"] == 400
    assert after[-1]["learner_steps"] == 20
    steps = [step["step_count"] for step in _results(tmp_path).values()]
    assert steps == sorted(set(steps))


def _results(run_dir):
    nested = json.loads((run_dir / "eval" / "results.json").read_text())
    for _ in range(4):
        (nested,) = nested.values()
    return nested


def test_torn_newest_checkpoint_falls_back_to_the_one_before(tmp_path):
    args = ["train", "--num_actors=0", f"--run_dir={tmp_path}"]
    assert run(*args, *tiny_run(200)).returncode == 0
    newest = max((tmp_path / "checkpoints").glob("step-*"))
    data = next(newest.glob("variables.data*"))
    data.write_bytes(data.read_bytes()[:-10])
    result = run(*args, "--gin_param=run.total_env_steps=300")
    assert result.returncode == 0, result.stderr
    assert f"{newest} is damaged" in result.stdout
    assert metrics(tmp_path)[-1]["env_steps"] == 300


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (
            ["--gin_param=env.backend='skirmish'", "--gin_param=env.map_name='8m'"],
            "holds a run of another configuration",
        ),
        (["--gin_param=loss.discount=0.5"], "loss.discount was 0.99, now 0.5"),
        (["--seed=3"], "holds a run of seed 0, not 3"),
    ],
)
def test_run_directory_of_another_run_is_refused_and_untouched(tmp_path, flags, said):
    assert run("train", "--num_actors=0", f"--run_dir={tmp_path}", *tiny_run(100)).returncode == 0
    before = (tmp_path / "metrics.jsonl").read_bytes(), (tmp_path / "operative_config.gin").read_bytes()
    result = run("train", "--num_actors=0", f"--run_dir={tmp_path}", *flags)
    assert result.returncode == 2
    assert said in result.stderr
    assert before == ((tmp_path / "metrics.jsonl").read_bytes(), (tmp_path / "operative_config.gin").read_bytes())


def test_new_run_starts_from_another_runs_weights(tmp_path):
    assert run("train", "--num_actors=0", f"--run_dir={tmp_path / 'a'}", *tiny_run(200)).returncode == 0
    result = run(
        "train",
        "--num_actors=0",
        f"--run_dir={tmp_path / 'b'}",
        f"--init_from={tmp_path / 'a'}",
        *tiny_run(100, "network.critic_layers=(9,)"),
    )
    assert result.returncode == 0, result.stderr
    assert "6 of 6 policy variables, 1 of 6 critic variables taken over" in result.stdout


def test_eval_prints_one_json_object_last(tmp_path):
    assert run("train", "--num_actors=0", f"--run_dir={tmp_path}", *tiny_run(100)).returncode == 0
    result = run("eval", f"--run_dir={tmp_path}", "--episodes=5", "--checkpoint=latest")
    assert result.returncode == 0, result.stderr
    summary = json.loads(result.stdout.splitlines()[-1])
    assert summary["episodes"] == 5
    assert summary["win_rate"] == 1.0  # every first episode of this environment is won
    assert summary["env_steps"] == 100
    assert summary["backend"] == "counting-1"
    assert "trained on" not in result.stderr
    older = json.loads((tmp_path / "run.json").read_text()) | {"backend": "counting-0"}
    write_checked(tmp_path / "run.json", json.dumps(older))
    result = run("eval", f"--run_dir={tmp_path}", "--episodes=5", "--checkpoint=latest")
    assert "this team was trained on counting-0 and is evaluated on counting-1, which plays by other" in result.stderr
    assert json.loads(result.stdout.splitlines()[-1])["backend"] == "counting-1"


def test_run_of_an_older_program_resumes_with_defaults_for_newer_options(tmp_path):
    args = ["train", "--num_actors=0", f"--run_dir={tmp_path}"]
    assert run(*args, *tiny_run(100)).returncode == 0
    operative = tmp_path / "operative_config.gin"
    kept = [line for line in operative.read_text().splitlines() if not line.startswith("optimizer.clip_norm")]
    operative.write_text("\n".join(kept))
    for name in (CHECKSUMS, "metrics.jsonl", "eval/results.json"):
        (tmp_path / name).unlink()
    info = json.loads((tmp_path / "run.json").read_text())
    del info["id"]
    (tmp_path / "run.json").write_text(json.dumps(info))
    result = run(*args, "--gin_param=run.total_env_steps=200")
    assert result.returncode == 0, result.stderr
    assert "resumed at 100 env steps" in result.stdout
