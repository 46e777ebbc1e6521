"""Training on PettingZoo's environments: from the command line, with an actor, and without a winner."""

import json

from processes import metrics, run, start, tiny_run

from seed_matrace import load_policy
from seed_matrace.evaluation.scores import read_scores

SPREAD = ["env.backend='pettingzoo'", "env.map_name='mpe2.simple_spread_v3'"]


def test_episodes_without_a_winner_have_returns_and_no_win_rate(tmp_path):
    sizes = ["env.arguments={'N': 2, 'max_cycles': 5}", "evaluation.absolute_episodes=4"]
    result = run("train", "--num_actors=1", f"--run_dir={tmp_path}", *tiny_run(200, *SPREAD, *sizes))
    assert result.returncode == 0, result.stderr
    assert "evaluation's return -" in result.stdout and "absolute metric: return -" in result.stdout
    tags = set().union(*metrics(tmp_path))
    assert {"train/return", "eval/return"} <= tags and not any("win_rate" in tag for tag in tags)
    results = (tmp_path / "eval" / "results.json").read_text()
    assert next(iter(json.loads(results))).startswith("pettingzoo-mpe2") and "win_rate" not in results
    assert "absolute_metrics" in results and read_scores(tmp_path, "matrace") == {}
    result = run("eval", f"--run_dir={tmp_path}", "--episodes=3")
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout.splitlines()[-1])
    (tmp_path / "mpe2.py").write_text("raise SystemExit('called')")  # what is named in a run is not needed to export it
    exported = start("export", f"--run_dir={tmp_path}", PYTHONPATH=str(tmp_path))
    assert exported.wait(120) == 0, exported.stdout.read()
    exported.stdout.close()
    assert load_policy(tmp_path / "policy.npz").spec.n_agents == 2
    assert told["length"] == 5 and told["return"] < 0 and "win_rate" not in told
