"""What is missing on a machine is said in one sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "check_python.py"


def _check(*checks: str, first: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the script in an interpreter that executes the statements ``first`` before it."""
    program = f"import runpy, sys, sysconfig\n{first}\nrunpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
    return subprocess.run(
        [sys.executable, "-c", program, *checks],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_this_machine_passes():
    result = _check("version", "venv", "compiler")
    assert (result.returncode, result.stdout.strip()) == (0, sys.executable), result.stderr


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 9, 0), (3, 14, 1)])
def test_unsupported_python_is_refused(version):
    result = _check("version", first=f"sys.version_info = {version}")
    assert result.returncode == 1
    assert f"is Python {version[0]}.{version[1]}, but Python 3.10 to 3.13 is needed" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_missing_venv_module_is_named(module):
    result = _check("venv", first=f"sys.modules[{module!r}] = None")
    assert result.returncode == 1
    assert f"lacks Python's module {module}: install it" in result.stderr


def test_missing_compiler_is_named():
    result = _check("compiler", CC="no-such-compiler -pthread")
    assert result.returncode == 1
    assert result.stderr.startswith("no C compiler: no-such-compiler was not found; install one")


def test_compiler_that_does_not_work_is_told_apart():
    result = _check("compiler", CC="false")
    assert "the C compiler false does not work" in result.stderr


def test_missing_headers_are_named(tmp_path):
    result = _check("compiler", first=f"sysconfig.get_path = lambda name: {str(tmp_path)!r}")
    assert result.returncode == 1
    assert "the headers of Python" in result.stderr
    assert f"no usable Python.h in {tmp_path}" in result.stderr
