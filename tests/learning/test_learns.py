"""Whole runs that must win: minutes each, so they are marked slow."""

import json

import pytest
from processes import run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.mark.parametrize(("map_name", "at_least"), [("3m", 0.95), ("8m", 0.9)])
def test_default_run_trains_a_team_that_wins(tmp_path, map_name, at_least):
    trained = run("train", f"--gin_file=maps/{map_name}.gin", f"--run_dir={tmp_path}", timeout_s=1700)
    assert trained.returncode == 0, trained.stderr
    assert "target win rate reached" in trained.stdout
    evaluated = run("eval", f"--run_dir={tmp_path}", "--episodes=400")
    assert json.loads(evaluated.stdout.splitlines()[-1])["win_rate"] >= at_least


def test_state_critic_wins_too(tmp_path):
    flags = ["--gin_file=maps/3m.gin", "--gin_file=matrace_state.gin", f"--run_dir={tmp_path}"]
    assert run("train", *flags, timeout_s=1700).returncode == 0
    evaluated = run("eval", f"--run_dir={tmp_path}", "--episodes=400")
    assert json.loads(evaluated.stdout.splitlines()[-1])["win_rate"] >= 0.9
