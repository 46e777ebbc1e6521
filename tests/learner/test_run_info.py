"""run.json: what was started, and how far it has come."""

import json
import subprocess

import numpy as np
import pytest

from seed_matrace.learner.run_info import read_run_info, why_finished, write_finished, write_run_info

RUN = {"backend": "skirmish-1", "map_name": "3m", "seed": 7}


def test_run_info_says_what_was_started_with_which_versions(tmp_path):
    write_run_info(tmp_path / "new", **RUN, argv=["seed-matrace", "train"])
    info = read_run_info(tmp_path / "new")
    assert (info["map"], info["backend"], info["seed"]) == ("3m", "skirmish-1", 7)
    assert info["argv"] == ["seed-matrace", "train"]
    assert info["versions"]["numpy"] == np.__version__
    assert set(info["versions"]) == {"python", "seed_matrace", "numpy", "tensorflow"}
    assert "resumed" not in info


def test_resumed_run_keeps_how_it_was_started(tmp_path):
    write_run_info(tmp_path, **RUN, argv=["first"])
    write_run_info(tmp_path, **RUN, argv=["second"])
    write_run_info(tmp_path, **RUN, argv=["third"])
    info = read_run_info(tmp_path)
    assert info["argv"] == ["first"]
    assert [start["argv"] for start in info["resumed"]] == [["second"], ["third"]]


def test_run_that_is_over_says_why_until_it_goes_on(tmp_path):
    assert why_finished(tmp_path) == ""
    write_run_info(tmp_path, **RUN, argv=["first"])
    assert why_finished(tmp_path) == ""
    write_finished(tmp_path, "budget")
    assert (read_run_info(tmp_path)["finished"], read_run_info(tmp_path)["argv"]) == ("budget", ["first"])
    assert why_finished(tmp_path) == "budget"
    write_run_info(tmp_path, **RUN, argv=["second"])
    assert why_finished(tmp_path) == ""


@pytest.mark.parametrize("error", [FileNotFoundError("git"), subprocess.TimeoutExpired("git", 10)])
def test_run_info_needs_no_git(tmp_path, monkeypatch, error):
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(subprocess, "run", fail)
    write_run_info(tmp_path, **RUN, argv=[])
    assert read_run_info(tmp_path)["git"] is None


def test_what_is_no_run_info_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_run_info(tmp_path)
    (tmp_path / "run.json").write_text(json.dumps({"map": "3m"}))
    with pytest.raises(ValueError, match="lacks backend, seed"):
        read_run_info(tmp_path)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(ValueError, match="is not JSON"):
        read_run_info(tmp_path)
