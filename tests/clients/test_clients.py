"""Other people's libraries, each in an environment of its own: the recipes of docs/clients.md, and checks of ours."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "clients.md").read_text()
RECIPES = ("TorchRL", "BenchMARL", "Stable-Baselines3 through SuperSuit", "RLlib", "JAX")
CHECKS = {"torchrl_checks.py": ("TorchRL", "BenchMARL"), "benchmarl_checks.py": ("BenchMARL",)}
ALSO = ("pettingzoo", "pytest")  # what checks import

pytestmark = [pytest.mark.clients, pytest.mark.timeout(3600)]


def blocks(heading, language):
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", section, re.S)


def python_with(heading):
    """A Python with what the page says to install; made once, and again when that changes."""
    [line] = blocks(heading, "bash")
    requirements = [word.strip("'") for word in line.split()[2:]]
    made_of = hashlib.sha256(repr((sys.version, requirements, ALSO)).encode()).hexdigest()
    folder = ROOT / "build" / "clients" / re.sub(r"\W", "_", heading.lower())
    note = folder / "made_of"
    if not note.exists() or note.read_text() != made_of:
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin/python", "-m", "pip", "install", "-q", *requirements, *ALSO], check=True)
        note.write_text(made_of)
    return folder / "bin/python"


def run(heading, folder, *arguments):
    paths = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [python_with(heading), *arguments]
    result = subprocess.run(command, cwd=folder, env={**os.environ, **paths}, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.mark.parametrize("heading", RECIPES)
def test_the_pages_recipe_runs(heading, tmp_path):
    [program] = blocks(heading, "python")
    (tmp_path / "recipe.py").write_text(program)
    said = run(heading, tmp_path, "recipe.py")
    if heading == "TorchRL":
        assert int(said.split()[0]) > 0 and "battles ended" in said


@pytest.mark.parametrize(("checks", "heading"), [(file, heading) for file in CHECKS for heading in CHECKS[file]])
def test_checks(checks, heading, tmp_path):
    options = ["-q", "--noconftest", "-c", os.devnull, f"--rootdir={tmp_path}", "-p", "no:cacheprovider"]
    run(heading, tmp_path, "-m", "pytest", *options, Path(__file__).parent / "inside" / checks)
