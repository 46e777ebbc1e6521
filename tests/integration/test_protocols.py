"""Evaluation protocols: at which env steps, the absolute metric at the end, and play on another backend."""

import json

import numpy as np
import pytest
from processes import metrics, run, run_in_turn, tiny_run

from seed_matrace.evaluation.policy import load_policy, play
from seed_matrace.evaluation.results import read_results
from seed_matrace.sections.env import EnvConfig

PROTOCOL = ("evaluation.every_env_steps=50", "evaluation.absolute_episodes=10")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of 200 env steps, 20 to a learner step."""
    run_dir = tmp_path_factory.mktemp("run")
    result = run("train", "--num_actors=0", f"--run_dir={run_dir}", *tiny_run(200, *PROTOCOL))
    assert result.returncode == 0, result.stderr
    return run_dir, result


def entries(run_dir):
    return read_results(run_dir)["smac-counting-1"]["3m"]["matrace"]["seed_0"]


def test_evaluations_come_at_multiples_of_env_steps(finished):
    evaluated = [line["env_steps"] for line in metrics(finished[0]) if "eval/win_rate" in line]
    assert evaluated == [0, 60, 100, 160, 200]  # the first learner step at or beyond each multiple of 50


def test_absolute_metric_is_played_once_the_run_is_over(finished):
    run_dir, result = finished
    assert "absolute metric: 10 of 10 battles won" in result.stdout
    assert [len(entry["win_rate"]) for entry in entries(run_dir).values()] == [4] * 5 + [10]
    assert list(entries(run_dir))[-1] == "absolute_metrics"
    assert json.loads((run_dir / "run.json").read_text())["finished"] == "budget"


def test_run_started_again_plays_the_same_absolute_metric_and_eval_refuses_an_unknown_backend(finished):
    run_dir, _ = finished
    before = entries(run_dir)
    unknown = ["eval", run_dir, "--backend=countin"]
    sampled = [["eval", run_dir, "--episodes=5", "--sampled", "--gin_param=env.map_name='8m'"] for _ in range(2)]
    train = ["train", "--num_actors=0", f"--run_dir={run_dir}"]
    again, refused, *elsewhere = run_in_turn(train, unknown, *sampled)
    assert elsewhere[0].stdout == elsewhere[1].stdout
    result = json.loads(elsewhere[0].stdout.splitlines()[-1])
    assert (result["map"], result["sampled"], result["episodes"]) == ("8m", True, 5)
    assert refused.returncode == 2
    assert "did you mean 'counting'?" in refused.stderr
    assert again.returncode == 0, again.stderr
    assert entries(run_dir) == before


def test_trained_team_plays_where_it_knows_observations_and_actions(finished):
    policy = load_policy(finished[0])
    stats = play(policy, 5, seed=1, env=EnvConfig(backend="counting", map_name="8m"))
    np.testing.assert_array_equal(stats.battle_won, True)
    with pytest.raises(ValueError, match=r"3m on skirmish-\d+ has EnvSpec.*, this team was trained for EnvSpec"):
        play(policy, 5, seed=1, env=EnvConfig(backend="skirmish"))
