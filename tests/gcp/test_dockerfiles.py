"""What images are built from: linted, and their steps done in a fresh Debian, for Docker is not needed for that.

    SEED_MATRACE_DEBIAN=/some/folder ./run_tests.sh -m slow tests/gcp

keeps the Debian that debootstrap fetches, which otherwise takes minutes each time.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import yaml
from dockerfiles import ROOT, Builder, read_stages

DOCKERFILES = sorted((ROOT / "gcp").glob("*.Dockerfile"))


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_linter_finds_nothing(path):
    hadolint = Path(sys.executable).with_name("hadolint")
    result = subprocess.run([hadolint, "--config", ROOT / ".hadolint.yaml", path], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_last_stage_leaves_the_compiler_behind(path):
    *_, last = read_stages(path)
    assert not [rest for _, rest in last.steps if "gcc" in rest]


def test_images_that_are_built_in_the_cloud_have_their_dockerfiles():
    build = yaml.safe_load((ROOT / "gcp" / "cloudbuild.yaml").read_text())
    for step in build["steps"]:
        file = next(word.removeprefix("--file=") for word in step["args"] if word.startswith("--file="))
        assert (ROOT / file).is_file()
        tag = next(word.removeprefix("--tag=") for word in step["args"] if word.startswith("--tag="))
        assert tag in build["images"]


def test_nothing_that_a_checkout_gathers_goes_into_an_image():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {".git", ".venv*", "runs"} <= set(ignored)
    assert {*ignored[1:], "StarCraftII"} == set((ROOT / ".gcloudignore").read_text().splitlines())


@pytest.fixture(scope="session")
def debian(tmp_path_factory):
    if shutil.which("debootstrap") is None or os.geteuid() != 0:
        pytest.skip("needs debootstrap and root")
    tree = Path(os.environ.get("SEED_MATRACE_DEBIAN") or tmp_path_factory.mktemp("debian") / "tree")
    if not (tree / "usr/bin/python3").exists():
        packages = "--include=ca-certificates,python3,python3-dev,python3-venv"
        subprocess.run(["debootstrap", "--variant=minbase", packages, "bookworm", tree], check=True)
    return tree


@pytest.fixture
def folder(tmp_path):
    """For the images' file systems: in memory if there is room, for disks may take minutes to delete so many files."""
    in_memory = psutil.virtual_memory().available > 10e9
    if in_memory:
        subprocess.run(["mount", "-t", "tmpfs", "none", tmp_path], check=True)
    yield tmp_path
    if in_memory:
        subprocess.run(["umount", tmp_path], check=True)
    else:
        shutil.rmtree(tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", ["actor", "learner"])
def test_steps_work_in_a_fresh_debian(debian, folder, name):
    builder = Builder(debian, folder, {"EXTRA": "learner"} if name == "learner" else {})
    tree = builder.build(ROOT / "gcp" / f"{name}.Dockerfile")
    assert "usage: seed-matrace vertex-host" in builder.run(tree, "/", "seed-matrace vertex-host --help")
    installed = builder.run(tree, "/", "pip list --format=freeze")
    assert ("tensorflow==" in installed) == (name == "learner")
    assert "protobuf==" not in installed or name == "learner"
    size_mb = sum(path.lstat().st_size for path in (tree / "opt/python").rglob("*")) / 1e6
    print(f"{name}: {size_mb:.0f} MB of Python packages")
