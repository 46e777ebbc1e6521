"""``gcp/submit.sh`` as a user calls it, from another folder and through a link, with a set-up that only tells."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture
def submit(tmp_path):
    """Calls the script of a checkout whose ``.venv`` is this one."""
    root = tmp_path / "a checkout"
    shutil.copytree(ROOT / "gcp", root / "gcp")
    write_script(root / "scripts" / "setup_venv.sh", 'echo "set-up: $*" >&2')
    write_script(root / ".venv" / "bin" / "python", f'exec "{sys.executable}" "$@"')
    (tmp_path / "submit").symlink_to(root / "gcp" / "submit.sh")

    def call(*flags):
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(["./submit", *flags], cwd=tmp_path, capture_output=True, text=True, env=environment)

    return call


def write_script(path, body):
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/usr/bin/env bash\n{body}\n")
    path.chmod(0o755)


def test_dry_run_prints_the_job(submit):
    result = submit("maps/2s3z.gin", f"--vertex_file={ROOT}/gcp/example.gin", "--num_actors=64", "--dry_run")
    assert result.returncode == 0, result.stderr
    assert result.stderr == "set-up: vertex\n"
    learner, actors = yaml.safe_load(result.stdout)["workerPoolSpecs"]
    assert [learner["replicaCount"], actors["replicaCount"]] == [1, 4]
    assert actors["containerSpec"]["args"] == ["--gin_file=maps/2s3z.gin", "--num_actors=64"]


def test_estimate_needs_no_project(submit):
    flags = ["--learner_machine=g2-standard-16", "--env_step_ms=10"]
    result = submit("maps/2s3z.gin", "--num_actors=64", *flags, "--estimate")
    assert result.returncode == 0, result.stderr
    assert "a learner on g2-standard-16 (16 cores) is at its limit with" in result.stdout


def test_job_without_a_project_is_not_submitted(submit):
    result = submit("maps/2s3z.gin")
    assert result.returncode == 2
    assert "--project" in result.stderr
