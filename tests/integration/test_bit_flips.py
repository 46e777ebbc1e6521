"""One bit of any file of a run may be another: what reads it says so, or nothing is another."""

import json
import subprocess
import sys

import pytest
from processes import ROOT


@pytest.mark.slow
def test_one_bit_of_each_file_is_noticed_or_harmless(tmp_path):
    output = tmp_path / "counts.json"
    script = ROOT / "benchmarks" / "bit_flips.py"
    command = [sys.executable, script, "--flips=34", "--every_file", "--seed=3", f"--output={output}"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert output.exists(), result.stderr[-2000:]
    counts = json.loads(output.read_text())
    assert not counts["failures"]
    assert 25 < counts["files"] <= counts["flips"]
    assert counts["outcomes"]["older checkpoint"] >= 3  # variables, their index, arrays, state
    assert counts["outcomes"]["sentence"] >= 8
    assert result.returncode == 0
