"""How run_local.sh and run_tests.sh translate their arguments, on a checkout whose set-up and Python only tell."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the two scripts, a set-up that says what it was asked and a Python that prints its arguments."""
    root = tmp_path / "a checkout"
    for script in ("run_local.sh", "run_tests.sh"):
        root.mkdir(exist_ok=True)
        shutil.copy(ROOT / script, root)
    _write_script(root / "scripts" / "setup_venv.sh", 'echo "set-up: $*" >&2')
    _write_script(root / ".venv" / "bin" / "python", 'printf "%s\\n" "$@"')
    return root


def _write_script(path: Path, body: str) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/usr/bin/env bash\n{body}\n")
    path.chmod(0o755)


def _run(script: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([script, *arguments], cwd=cwd, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize(
    ("given", "passed"),
    [
        ([], []),
        (["maps/2s3z.gin"], ["maps/2s3z.gin"]),
        (["maps/2s3z.gin", "4", "--seed=3"], ["maps/2s3z.gin", "--num_actors=4", "--seed=3"]),
        (["4"], ["--num_actors=4"]),
        (["0", "--seed", "7"], ["--num_actors=0", "--seed", "7"]),
        (["--seed=3", "--run_dir=a b"], ["--seed=3", "--run_dir=a b"]),
        (["8m.gin", "--gin_file=paper.gin"], ["8m.gin", "--gin_file=paper.gin"]),
        (["8m.gin", "my own.gin", "2"], ["8m.gin", "my own.gin", "--num_actors=2"]),
        (["2", "8m.gin", "--seed=3"], ["--num_actors=2", "8m.gin", "--seed=3"]),
        (["8m.gin", "2", "my own.gin", "--", "-x.gin"], ["8m.gin", "--num_actors=2", "my own.gin", "--", "-x.gin"]),
    ],
)
def test_run_local_translates_its_arguments(checkout, tmp_path, given, passed):
    result = _run(checkout / "run_local.sh", *given, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.partition("main())\n")[2].splitlines() == ["train", *passed]
    assert result.stderr == "set-up: learner\n"


def test_run_local_refuses_what_is_no_number_of_actors(checkout):
    result = _run(checkout / "run_local.sh", "maps/3m.gin", "four", cwd=checkout)
    assert result.returncode == 2
    assert "number of actors" in result.stderr
    assert "'four'" in result.stderr


def test_run_local_refuses_two_numbers_of_actors(checkout):
    result = _run(checkout / "run_local.sh", "4", "maps/3m.gin", "5", cwd=checkout)
    assert result.returncode == 2
    assert "one number of actors was expected, not '4' and '5'" in result.stderr


def test_run_local_help_needs_no_set_up(checkout):
    result = _run(checkout / "run_local.sh", "--help", cwd=checkout)
    assert result.returncode == 0
    assert "usage: ./run_local.sh [GIN_FILE...] [NUM_ACTORS] [FLAGS...]" in result.stdout
    assert result.stderr == ""


def test_run_local_ends_with_the_set_up_when_that_fails(checkout):
    (checkout / "scripts" / "setup_venv.sh").write_text("#!/usr/bin/env bash\nexit 7\n")
    result = _run(checkout / "run_local.sh", cwd=checkout)
    assert (result.returncode, result.stdout) == (7, "")


def test_run_local_works_through_a_link(checkout, tmp_path):
    link = tmp_path / "train"
    link.symlink_to(checkout / "run_local.sh")
    assert _run(link, "8m.gin", cwd=tmp_path).stdout.splitlines()[-1] == "8m.gin"


def test_run_tests_passes_its_arguments_to_pytest(checkout, tmp_path):
    result = _run(checkout / "run_tests.sh", "tests/algo", "-k", "not b", cwd=tmp_path)
    assert result.stdout.splitlines() == ["-m", "pytest", "tests/algo", "-k", "not b"]
    assert result.stderr == "set-up: dev\n"
