"""A run on a scenario file of one's own: everything that reads the run needs nothing but its directory."""

import json
import shutil

import pytest
from processes import run, run_in_turn, tiny_run

from seed_matrace.evaluation.results import read_results
from seed_matrace.skirmish.vector_env import BACKEND

SIZES = ("env.backend='skirmish'", "run.checkpoint_fraction=1.0", "evaluation.every_fraction=1.0")
BATTLE = {
    "terrain": "octagon",
    "episode_limit": 10,
    "allies": [{"unit": "Marine", "count": 2, "at": [14, 16]}],
    "enemies": [{"unit": "Zergling", "count": 2, "at": [17, 16]}],
}


def said(result):
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def moved(tmp_path_factory):
    """A run with an actor, begun on a file beside its gin file; then the run was moved and the file removed."""
    project = tmp_path_factory.mktemp("project")
    (project / "mine.json").write_text(json.dumps(BATTLE))
    (project / "mine.gin").write_text("env.map_name = 'mine.json'\n")
    flags = ["train", "--num_actors=1", f"--gin_file={project / 'mine.gin'}", f"--run_dir={project / 'run'}"]
    assert "training on mine (skirmish-" in said(run(*flags, *tiny_run(200, *SIZES)))
    shutil.move(project / "run", project / "elsewhere")
    (project / "mine.json").unlink()
    return project / "elsewhere"


def test_a_moved_run_is_evaluated_exported_plotted_and_watched(moved, tmp_path):
    evaluated, *others = run_in_turn(
        ["eval", f"--run_dir={moved}", "--episodes=3"],
        ["export", f"--run_dir={moved}", f"--output={tmp_path / 'policy.npz'}"],
        ["plot", moved, f"--output={tmp_path / 'curve.png'}"],
        ["watch", moved, f"--output={tmp_path / 'battle.html'}"],
    )
    result = json.loads(said(evaluated).splitlines()[-1])
    assert (result["map"], result["episodes"]) == ("mine", 3)
    assert set(read_results(moved)[f"smac-{BACKEND}"]) == {"mine"}
    assert all(said(other) for other in others)


def test_a_moved_run_goes_on_and_starts_others(moved, tmp_path):
    copy = shutil.copytree(moved, tmp_path / "copy")
    output = said(run("train", f"--run_dir={copy}", "--gin_param=run.total_env_steps=300"))
    assert "training on mine" in output
    assert "1 actor," in output  # as it was begun
    other = ["train", "--num_actors=0", f"--run_dir={tmp_path / 'other'}", f"--init_from={copy}"]
    assert "taken over" in said(run(*other, *tiny_run(20, *SIZES, f"env.map_name='{copy}/maps/mine.json'")))
