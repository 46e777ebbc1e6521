"""Children of this process find the modules that it finds, whatever lies in the working folder."""

import subprocess
import sys

import pytest

from seed_matrace.interpreter import start, start_apart

NAMES = ("random", "queue", "types", "socket", "numpy", "gin", "tensorflow", "seed_matrace")
TELL = "import random, queue, types, socket, numpy, gin, seed_matrace.types, sys\n"
TELL += "print('mine' in sys.modules, sys.argv[1])"


@pytest.fixture
def cluttered(tmp_path, monkeypatch):
    """A working folder with files of common names, all of which end whoever imports them."""
    for name in NAMES:
        if name in ("gin", "tensorflow", "seed_matrace"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "__init__.py").write_text("raise SystemExit('imported')")
        else:
            (tmp_path / f"{name}.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path)


def said_by(command, *args):
    result = subprocess.run([*command, *args], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    return result.stdout.split()


def test_child_finds_what_this_process_finds_and_nothing_of_the_working_folder(cluttered, tmp_path, monkeypatch):
    folder = tmp_path / 'it\'s "mine"'
    folder.mkdir()
    (folder / "telling.py").write_text(f"import mine\n{TELL}")
    (folder / "mine.py").touch()
    monkeypatch.syspath_prepend(folder)
    assert said_by(start("telling"), "a b") == ["True", "a", "b"]
    assert said_by(start(), "help")[0] == "usage:"


def test_child_of_a_process_that_looks_into_the_working_folder_does_so_too(tmp_path, monkeypatch):
    (tmp_path / "telling.py").write_text("import sys; print('mine', *sys.argv[1:])")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    assert said_by(start("telling"), "x") == ["mine", "x"]


def test_other_interpreter_looks_where_it_does_by_itself(cluttered, tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "telling.py").write_text("import sys, random; print(sys.path[0] == '', sys.path[-1])")
    assert said_by(start_apart("telling", sys.executable, [str(tmp_path / "folder")])) == [
        "False",
        str(tmp_path / "folder"),
    ]
    monkeypatch.syspath_prepend(tmp_path / "folder")
    other = tmp_path / "python"
    other.symlink_to(sys.executable)
    result = subprocess.run(start("telling", str(other)), capture_output=True, text=True)
    assert "No module named telling" in result.stderr
