"""The sdist holds what a wheel needs, and the wheel what a run needs: both are built here, without network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import seed_matrace

ROOT = Path(__file__).parents[2]
NOT_SOURCE = shutil.ignore_patterns(".*", "build", "dist", "runs", "*.egg-info", "__pycache__", "*.so")


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with an sdist of this checkout and the wheel built from that sdist."""
    source, dist = tmp_path_factory.mktemp("source") / "copy", tmp_path_factory.mktemp("dist")
    shutil.copytree(ROOT, source, ignore=NOT_SOURCE)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(dist), str(source)]
    environment = {**os.environ, "SEED_MATRACE_DEBUG": "1"}  # compiles in half the time
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280, check=False)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]
    return dist


@pytest.fixture(scope="module")
def installed(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the wheel's content, to be put on sys.path."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(next(dist.glob("*.whl"))) as wheel:
        wheel.extractall(folder)
    return folder


def _relative(folder: Path, pattern: str) -> set[str]:
    return {file.relative_to(folder).as_posix() for file in folder.glob(pattern)}


def test_wheel_holds_every_gin_file_and_no_gin_package(installed):
    assert _relative(installed / "seed_matrace" / "_gin", "**/*.gin") == _relative(ROOT / "gin", "**/*.gin")
    assert not (installed / "gin").exists()
    assert not list((ROOT / "gin").rglob("*.py"))


def test_wheel_holds_the_whole_package(installed):
    for pattern in ("**/*.py", "**/*.json", "zoo/teams/**/*.*", "py.typed"):
        expected = _relative(ROOT / "seed_matrace", pattern)
        assert expected <= _relative(installed / "seed_matrace", pattern)
        assert expected


def test_wheel_holds_every_extension_and_no_source_of_them(installed):
    built = {file.name.split(".")[0] for file in (installed / "seed_matrace" / "_cext").glob("*.so")}
    assert built == {file.stem for file in (ROOT / "cext").glob("*.pyx")}
    assert not list(installed.rglob("*.c"))
    assert not (installed / "tests").exists()


def test_sdist_holds_what_a_contributor_needs(dist):
    with tarfile.open(next(dist.glob("*.tar.gz"))) as sdist:
        names = {name.split("/", 1)[1] for name in sdist.getnames() if "/" in name}
    for name in ("run_local.sh", "run_tests.sh", "scripts/setup_venv.sh", "Makefile", "LICENSE", "tests/conftest.py"):
        assert name in names
    assert _relative(ROOT, "cext/*.p[yx][xd]") <= names
    assert not [name for name in names if name.endswith((".so", ".c", ".pyc"))]


def test_base_install_needs_neither_tensorflow_nor_protobuf(installed):
    metadata = next(installed.glob("*.dist-info/METADATA")).read_text()
    required = re.findall(r"^Requires-Dist: ([\w.-]+)(?!.*extra ==).*$", metadata, re.MULTILINE)
    assert "numpy" in required
    assert not {"tensorflow", "tensorboard", "keras", "protobuf"} & set(required)
    assert re.search(r"^Requires-Dist: tensorflow.*extra == .learner.$", metadata, re.MULTILINE)


def test_bound_of_tensorflow_is_said_once():
    """Whatever installs TensorFlow, with CUDA's libraries or without, goes by the extra of the learner."""
    text = (ROOT / "pyproject.toml").read_text()
    bounds = re.findall(
        r'"tensorflow(?:\[[\w-]+\])?([^"\w-][^"]*)?"',
        text.partition("[project.optional")[2].partition("[project.scripts]")[0],
    )
    assert [bound for bound in bounds if bound] == [re.search(r'"tensorflow(>=[^"]+)"', text)[1]]
    assert re.search(r'^cuda = \["seed_matrace\[learner\]", "tensorflow\[and-cuda\]"\]', text, re.MULTILINE)
    for path in (*(ROOT / "gcp").iterdir(), ROOT / "scripts" / "setup_venv.sh"):
        assert "tensorflow[" not in path.read_text() and "install tensorflow" not in path.read_text(), path


def test_metadata_says_who_what_and_for_which_pythons(installed):
    metadata = next(installed.glob("*.dist-info/METADATA")).read_text()
    candidates = re.findall(r"python3\.(\d+)", (ROOT / "scripts" / "setup_venv.sh").read_text())
    named = re.findall(r"^Classifier: Programming Language :: Python :: 3\.(\d+)$", metadata, re.MULTILINE)
    assert named == sorted(set(candidates), key=int)
    assert re.search(r"^Author: .+$", metadata, re.MULTILINE) and "Project-URL: " in metadata


def test_extensions_of_a_wheel_are_stripped():
    """Those of the wheel built here are not, as it is built for debugging."""
    program = (
        "import Cython.Build, os, runpy, setuptools; os.environ.pop('SEED_MATRACE_DEBUG', None)\n"
        "setuptools.setup = lambda **given: None; Cython.Build.cythonize = lambda *given, **more: []\n"
        "made = runpy.run_path('setup.py')['extensions']\n"
        "assert all('-s' in one.extra_link_args and '-g0' in one.extra_compile_args for one in made), made"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert result.returncode == 0, result.stderr


def test_version_is_the_one_of_the_package(installed):
    metadata = next(installed.glob("*.dist-info/METADATA")).read_text()
    assert re.search(r"^Version: (.*)$", metadata, re.MULTILINE)[1] == seed_matrace.__version__


def test_wheels_are_built_for_the_pythons_that_are_supported():
    text = (ROOT / "pyproject.toml").read_text().split("[tool.cibuildwheel]")[1]
    built = re.findall(r"cp3(\d+)-", re.search(r'^build = "(.*)"$', text, re.MULTILINE)[1])
    candidates = re.findall(r"python3\.(\d+)", (ROOT / "scripts" / "setup_venv.sh").read_text())
    assert built == sorted(set(candidates), key=int) and len(built) > 3


def test_line_that_an_installed_wheel_prints_makes_it_smac(installed, tmp_path):
    script = (
        f'eval "$({sys.executable} -m seed_matrace.smac)"\n'
        f"""{sys.executable} -c 'from smac.env import StarCraft2Env; print(StarCraft2Env(map_name="3m").n_agents)'"""
    )
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = ["bash", "-c", script]
    result = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.stdout == "3\n", result.stderr


def test_installed_wheel_finds_its_own_gin_files(installed, tmp_path):
    program = (
        f"import sys; sys.path.insert(0, {str(installed)!r})\n"
        "from seed_matrace import config, gin_files\n"
        "print(gin_files.gin_dir())\n"
        "print(config.load_config(['maps/3m.gin'])[0].env.map_name)\n"
    )
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert result.stdout.split() == [str(installed / "seed_matrace" / "_gin"), "3m"], result.stderr
