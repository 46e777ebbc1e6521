"""What is printed of a run at its end."""

import shlex

import pytest

from seed_matrace.config import load_config
from seed_matrace.training.progress import Progress
from seed_matrace.training.summary import conclusion, interrupted


@pytest.mark.parametrize("name", ["it's a run; $HOME", "-run", 'a "b" c'])
def test_printed_commands_name_the_run_whatever_it_is_called(tmp_path, name):
    config = load_config([], ["env.backend='counting'"])[0]
    said = conclusion(config, tmp_path / name, Progress(env_steps=100), "budget").split("\n")
    commands = [
        shlex.split(line[18:]) for line in said if line.startswith(("  evaluate", "  train on", "  all metrics"))
    ]
    assert [command[1:] for command in commands] == [
        ["eval", f"--run_dir={tmp_path / name}", "--episodes=400"],
        ["train", f"--run_dir={tmp_path / name}", "--gin_param=run.total_env_steps=200"],
        [f"--logdir={tmp_path / name}/tb"],
    ]
    assert "  learning curve  cannot be plotted (" in said[1]  # there is no run: the conclusion comes all the same


def test_run_that_does_not_wait_says_what_is_kept_and_how_to_go_on(tmp_path):
    run_dir = tmp_path / "a run"
    assert interrupted(None) == "interrupted before a run was begun"
    assert "before a checkpoint was written" in interrupted(run_dir)
    for name in ("step-000000000800", "step-000000001200-1", "best-000000009000", ".step-000000002000"):
        (run_dir / "checkpoints" / name).mkdir(parents=True)
    assert "newest checkpoint is of 1,200 env steps" in interrupted(run_dir)
    assert shlex.split(interrupted(run_dir))[-2:] == ["train", f"--run_dir={run_dir}"]
