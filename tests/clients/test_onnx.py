"""Policies as ONNX: written by tf2onnx, played by onnxruntime, in an environment of their own beside TensorFlow's."""

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from seed_matrace import cli

ROOT = Path(__file__).parents[2]
SECTION = (ROOT / "docs" / "exported_policies.md").read_text().split("\n## ONNX\n")[1]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def python():
    """A Python that has what the page says to install, and all that this one has."""
    folder = ROOT / "build" / "clients" / "onnx"
    [line] = re.findall(r"^pip install (.*)$", SECTION, re.MULTILINE)
    note = folder / "made_of"
    made_of = f"{sys.version} {line}"
    if not note.exists() or note.read_text() != made_of:
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        packages = folder / "lib" / version / "site-packages"
        (packages / "beside.pth").write_text(sysconfig.get_path("purelib"))
        subprocess.run([folder / "bin/python", "-m", "pip", "install", "-q", *line.split()], check=True)
        note.write_text(made_of)
    return folder / "bin/python"


def run(python, folder, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run([python, *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_the_pages_recipe_plays_a_team_and_wins(python, tmp_path):
    [command] = re.findall(r"^seed-matrace (export .*)$", SECTION, re.MULTILINE)
    [program] = re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL)
    run(python, tmp_path, "-m", "seed_matrace", *command.split())
    assert float(run(python, tmp_path, "-c", program)) > 0.9


def test_checks(python, tmp_path):
    options = ["-q", "--noconftest", "-c", os.devnull, f"--rootdir={tmp_path}", "-p", "no:cacheprovider"]
    run(python, tmp_path, "-m", "pytest", *options, Path(__file__).parent / "inside" / "onnx_checks.py")


def test_without_the_library_it_is_one_sentence(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    assert cli.main(["export", "zoo/3m", "--format=onnx"]) == 2
    assert "needs tf2onnx" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
