"""CONTRIBUTING's recipes to change the loss, to add a metric and to add a network input, each followed by a diff.

The diffs are applied to a copy of the program, in which those tests must pass that the recipes name.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest
from program_copy import ProgramCopy

RECIPES = sorted((Path(__file__).parent / "recipes").glob("*.diff"))
TESTS = (
    "tests/algo/test_losses.py",
    "tests/docs/test_metrics.py",
    "tests/evaluation/test_export.py",
    "tests/learner/test_learner.py",
)


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    more = ("tests", "pyproject.toml", "docs", "README.md", "CONTRIBUTING.md", "benchmarks")
    copy = ProgramCopy(tmp_path_factory.mktemp("program"), *more)
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(copy.folder.parent)}
    for recipe in RECIPES:
        subprocess.run(["git", "apply", "-C1", recipe], cwd=copy.folder, env=environment, check=True)
    return copy


def test_recipes_are_followed(program):
    chosen = "every_metric or reach_the_loss or page_names or (squares and numpy) or own_obs-recurrent"
    result = program.python("-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", *TESTS, "-k", chosen)
    assert result.returncode == 0, result.stdout
    assert re.search(r"\n6 passed", result.stdout), result.stdout


def test_recipes_name_the_files_that_change():
    """Every file of a diff stands in its recipe."""
    page = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text()
    assert len(RECIPES) == 3
    for recipe in RECIPES:
        text = page.partition(f"### {recipe.stem.replace('_', ' ').capitalize()}\n")[2].partition("\n### ")[0]
        files = re.findall(r"^\+\+\+ b/(.*)$", recipe.read_text(), re.MULTILINE)
        assert len(files) >= 3 and [file for file in files if Path(file).name not in text] == []
