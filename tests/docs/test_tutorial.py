"""The tutorial as somebody types it, top to bottom, with smaller budgets."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from pages import ROOT, blocks
from processes import tiny_run

# What a user types as seed-matrace; runs are short, and the sweep has one seed.
SEED_MATRACE = """\
#!/usr/bin/env bash
arguments=("${@/#--seeds=3/--seeds=1}")
if [[ $1 == train || $1 == sweep ]]; then arguments+=($SMALL); fi
exec "$PYTHON" -m seed_matrace "${arguments[@]//--episodes=400/--episodes=4}"
"""


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_tutorial_works_as_it_stands_there(tmp_path):
    (tmp_path / "bin").mkdir()
    for name, text in (("seed-matrace", SEED_MATRACE), ("python", '#!/bin/sh\nexec "$PYTHON" "$@"\n')):
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    small = [param for param in tiny_run(400, "evaluation.episodes=2") if "env.backend" not in param]
    environment = {
        **os.environ,
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "PYTHON": sys.executable,
        "PYTHONPATH": str(ROOT),
        "SMALL": " ".join(small),
    }
    for block in blocks(ROOT / "docs" / "tutorial.md"):
        if block.title:
            (tmp_path / block.title).write_text(block.text)
        if block.language == "bash":
            script = block.text.replace("PYTHONPATH=.", "PYTHONPATH=.:$PYTHONPATH")
            result = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", script],
                cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert result.returncode == 0, f"{block.text}\n{result.stdout[-2000:]}{result.stderr[-2000:]}"
    assert result.stdout.endswith(" of 100 battles won\n")
    made = ["3m.png", "runs/3m/watch.html", "runs/ambush/watch.html", "runs/apart/run.json"]
    made += ["sweeps/discount/report/report.html", "sweeps/discount/3m/discount=0.98/seed_0/run.json"]
    for name in made:
        assert (tmp_path / name).is_file(), name
