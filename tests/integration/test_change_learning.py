"""CONTRIBUTING's recipes to change the loss, to add an option, a metric and a network input, each followed by a diff.

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
    "tests/configs/test_option_reads.py",
    "tests/docs/test_configuration.py",
    "tests/docs/test_metrics.py",
    "tests/evaluation/test_export.py",
    "tests/learner/test_learner.py",
)


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    more = ("tests", "cext", "scripts", "pyproject.toml", "docs", "README.md", "CONTRIBUTING.md", "benchmarks")
    copy = ProgramCopy(tmp_path_factory.mktemp("program"), *more)
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(copy.folder.parent)}
    for recipe in RECIPES:
        subprocess.run(["git", "apply", "-C1", recipe], cwd=copy.folder, env=environment, check=True)
    return copy


def test_recipes_are_followed(program):
    chosen = "every_metric or reach_the_loss or page_names or (squares and numpy) or own_obs-recurrent"
    chosen += " or momentum or option_is_read or error_is_the_programs"
    result = program.python("-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", *TESTS, "-k", chosen)
    assert result.returncode == 0, result.stdout
    assert re.search(r"\n10 passed", result.stdout), result.stdout


def test_a_plain_option_is_known_everywhere_by_its_field_alone(program):
    look = (
        "import sys\nfrom seed_matrace.config import decides_learning, load_config\n"
        "print(*load_config([], ['optimizer.momentum = 0.5'])[1:], decides_learning('optimizer.momentum'))\n"
        "sys.path.append('scripts')\nimport docs_site\nprint(docs_site.option_tables())"
    )
    shown = program.python("-c", look).stdout
    assert shown.count("optimizer.momentum = 0.5\n") == 2 and "\n True\n" in shown
    assert "| `optimizer.momentum` | `0.9` | float from 0 to 0.999 |  | Adam's beta_1" in shown
    train = ["train", "--num_actors=0", "--run_dir=none"]
    wrong = [[*train, f"--gin_param=optimizer.{binding}"] for binding in ("momentum=2", "momentun=0.5")]
    said = program.all_said([*wrong, ["completion", "seed-matrace train --gin_param=optimizer.mo"]])
    assert said.stdout == "--gin_param=optimizer.momentum=\n"
    assert "optimizer.momentum must be at most 0.999, not 2.0" in said.stderr
    assert "unknown option 'optimizer.momentun'; near: optimizer.momentum" in said.stderr


def test_recipes_name_the_files_that_change():
    """Every file of a diff stands in its recipe."""
    page = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text()
    assert len(RECIPES) == 4
    for recipe in RECIPES:
        text = page.partition(f"### {recipe.stem.replace('_', ' ').capitalize()}\n")[2].partition("\n### ")[0]
        files = re.findall(r"^\+\+\+ b/(.*)$", recipe.read_text(), re.MULTILINE)
        assert len(files) >= 3 and [file for file in files if Path(file).name not in text] == []
