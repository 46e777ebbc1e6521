"""``bench time_to_win`` as it is typed: runs end where they have won enough, and are not repeated."""

import json

from processes import TINY, metrics, run

OF_ALL = ("run.stop_win_rate", "evaluation")  # what bench sets, or takes of the first setting alone
SMALL = [param for param in TINY if not param.startswith(OF_ALL)]
FLAGS = [
    *("bench", "time_to_win", "maps/3m.gin", "--seeds=2", "--parallel=2", "--budget=20000", "--window=500"),
    *("--evaluate_every=5000", "--gin_param=evaluation.episodes=4", *(f"--gin_param={param}" for param in SMALL)),
    f"--against={';'.join([*SMALL, 'loss.discount=0.9'])}",
]


def test_runs_end_when_they_have_won_and_go_on_only_for_more(tmp_path):
    """A third of the battles of this environment is won, whatever is played."""
    flags = [*FLAGS, f"--sweep_dir={tmp_path}"]
    result = run(*flags, "--marks=0.2")
    assert result.returncode == 0, result.stdout + result.stderr
    results = json.loads((tmp_path / "time_to_win.json").read_text())
    assert len(results["runs"]) == 4
    assert all(0 < one["marks"]["0.2"]["env_steps"] < 20_000 for one in results["runs"])
    assert all(one["env_steps"] < 20_000 and one["start_up_s"] > 1 for one in results["runs"])
    assert results["window_env_steps"] == 500 and results["machine"]["cores"]
    assert result.stdout.count("| 3m |") == 3  # two settings, and what the one needs of the other
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.jsonl")}
    again = run(*flags, "--marks=0.2")
    assert "begun" not in again.stdout and "goes on" not in again.stdout
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*.jsonl")}

    more = run(*flags, "--marks=0.2,0.9", f"--compare={tmp_path / 'time_to_win.json'}")
    assert more.returncode == 0, more.stdout + more.stderr
    assert more.stdout.count("goes on from about") == 4
    assert "not within 20k" in more.stdout
    after = json.loads((tmp_path / "time_to_win.json").read_text())
    assert [one["marks"]["0.9"] for one in after["runs"]] == [None] * 4
    assert [one["marks"]["0.2"]["env_steps"] for one in after["runs"]] == [
        one["marks"]["0.2"]["env_steps"] for one in results["runs"]
    ]
    assert [one["sessions"] for one in after["runs"]] == [2] * 4
    lines = metrics(next(tmp_path.glob("3m/*/seed_0")))
    assert sum("perf/first_update_s" in line for line in lines) == 2
    assert sum("perf/env_steps_per_s" in line for line in lines) > 30
