"""scripts/setup_venv.sh does no more than needed and repairs what it finds broken, with a Python that only tells."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FAKE_PYTHON = Path(__file__).parent / "fake_python.sh"


class Checkout:
    """A small checkout, and what its set-up has called."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copytree(ROOT / "scripts", root / "scripts")
        for name in ("pyproject.toml", "setup.py"):
            shutil.copy(ROOT / name, root)
        for folder in ("cext", "seed_matrace/_cext"):
            (root / folder).mkdir(parents=True)
        (root / "cext" / "_probe.pyx").write_text("def f(): pass\n")

    def start(self, extra: str = "learner", **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["scripts/setup_venv.sh", extra],
            cwd=self.root,
            env={**os.environ, "PYTHON": str(FAKE_PYTHON), "SEED_MATRACE_DEBUG": "0", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # also where the tests ignore it
        )

    def set_up(self, extra: str = "learner", **environment: str) -> tuple[int, str]:
        process = self.start(extra, **environment)
        output, _ = process.communicate(timeout=30)
        return process.returncode, output

    def calls(self) -> list[str]:
        """What was called since this was last asked."""
        log = self.root / "calls.log"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines

    def wait_for_call(self, call: str) -> None:
        deadline = time.monotonic() + 20
        while not ((self.root / "calls.log").exists() and call in (self.root / "calls.log").read_text()):
            assert time.monotonic() < deadline, f"{call} was not called"
            time.sleep(0.01)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "a checkout")


@pytest.fixture
def ready(checkout: Checkout) -> Checkout:
    code, output = checkout.set_up()
    assert code == 0, output
    assert checkout.calls() == ["venv", "install .[learner]"]
    return checkout


def test_second_call_does_nothing_and_says_nothing(ready):
    assert ready.set_up() == (0, "")
    assert ready.calls() == []


def test_changed_source_is_built_without_installing(ready):
    (ready.root / "cext" / "_probe.pyx").write_text("def g(): pass\n")
    assert ready.set_up()[0] == 0
    assert ready.calls() == ["build_ext --inplace"]
    assert ready.set_up() == (0, "")


def test_new_source_and_lost_extension_are_built(ready):
    (ready.root / "cext" / "_other.pyx").write_text("def g(): pass\n")
    ready.set_up()
    assert ready.calls() == ["build_ext --inplace"]
    for extension in (ready.root / "seed_matrace" / "_cext").glob("*.so"):
        extension.unlink()
    ready.set_up()
    assert ready.calls() == ["build_ext --inplace"]


def test_bounds_check_switch_builds_everything_again(ready):
    ready.set_up(SEED_MATRACE_DEBUG="1")
    assert ready.calls() == ["build_ext --inplace --force"]
    ready.set_up(SEED_MATRACE_DEBUG="1")
    assert ready.calls() == []


def test_changed_requirements_are_installed_but_tool_settings_are_not(ready):
    project = ready.root / "pyproject.toml"
    project.write_text(project.read_text() + "\n[tool.other]\n")
    ready.set_up()
    assert ready.calls() == []
    project.write_text(project.read_text().replace("numpy>=1.26", "numpy>=1.27"))
    ready.set_up()
    assert ready.calls() == ["install .[learner]"]


def test_development_tools_are_added_and_kept(ready):
    ready.set_up("dev")
    assert ready.calls() == ["install .[dev]"]
    ready.set_up("learner")
    ready.set_up("vertex")
    ready.set_up("dev")
    assert ready.calls() == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_set_up_is_made_anew(checkout, how):
    process = checkout.start(FAKE_PAUSE_S="20")
    checkout.wait_for_call("install")
    os.killpg(process.pid, how)
    output, _ = process.communicate(timeout=20)
    assert process.returncode != 0
    assert "interrupted: call again" in output or how == signal.SIGKILL
    checkout.calls()
    code, output = checkout.set_up()
    assert code == 0
    assert "making .venv anew: its set-up was interrupted" in output
    assert checkout.calls() == ["venv", "install .[learner]"]


def test_install_that_broke_off_is_made_anew(checkout):
    code, output = checkout.set_up(FAKE_PIP="broken")
    assert code == 1
    assert "No space left on device" in output
    assert "anew" in checkout.set_up()[1]


def test_missing_network_is_one_sentence_and_harms_nothing(ready):
    code, output = ready.set_up("dev", FAKE_PIP="no_network")
    assert code == 1
    assert output.splitlines()[-1].startswith("error: installing failed for want of network: connect")
    assert len(output.splitlines()) == 2
    ready.calls()
    assert ready.set_up("learner") == (0, "")
    ready.set_up("dev")
    assert ready.calls() == ["install .[dev]"]


def test_broken_venv_is_made_anew(checkout):
    (checkout.root / ".venv" / "lib").mkdir(parents=True)
    code, output = checkout.set_up()
    assert code == 0
    assert "making .venv anew: its Python or pip does not work" in output


def test_venv_made_by_hand_is_kept(checkout):
    python = checkout.root / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    shutil.copy(FAKE_PYTHON, python)
    assert checkout.set_up()[0] == 0
    assert checkout.calls() == ["install .[learner]"]


def test_venv_of_a_moved_checkout_is_made_anew(ready, tmp_path):
    ready.root = ready.root.rename(tmp_path / "elsewhere")
    assert "making .venv anew: it was made for another folder" in ready.set_up()[1]


def test_simultaneous_calls_wait_for_each_other(checkout):
    first = checkout.start(FAKE_PAUSE_S="1")
    checkout.wait_for_call("install")
    second = checkout.start()
    assert first.wait(timeout=20) == 0
    output, _ = second.communicate(timeout=20)
    assert second.returncode == 0
    assert "another set-up of .venv is at work" in output
    assert checkout.calls() == ["venv", "install .[learner]"]


def test_unknown_interpreter_is_named(checkout):
    expected = "error: PYTHON=no-such-python: there is no such interpreter\n"
    assert checkout.set_up(PYTHON="no-such-python") == (1, expected)
