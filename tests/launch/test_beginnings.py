"""The first moments of a run, and files of it that are missing, torn or changed: it is the same run or a sentence."""

import os
import shutil
import threading
from itertools import count

import pytest
from processes import TINY

from seed_matrace import files
from seed_matrace.files import CHECKSUMS
from seed_matrace.inference.groups import plan_groups
from seed_matrace.launch.start import TrainOptions, plan_start
from seed_matrace.learner.checkpoints import CheckpointError
from seed_matrace.learner.metrics import read_run_info, write_run_info
from seed_matrace.learner.run import TrainingRun
from seed_matrace.learner.run_directory import OPERATIVE_CONFIG, RunDirectory, is_run_directory
from seed_matrace.learner.sources import LockstepSource

ASKED = {
    "gin_params": ["env.map_name='8m'", "loss.discount=0.5"],
    "seed": 7,
    "init_from": "/elsewhere",
    "num_actors": 0,
}


class Killed(BaseException):
    """The process ends here."""


def begin(path, **asked):
    """What ``train`` writes before its first step."""
    start = plan_start(TrainOptions(run_dir=str(path), **(asked or ASKED)))
    directory = RunDirectory(path)
    try:
        if start.resuming:
            directory.check_same_run(start.config)
        directory.write_config(*start.texts)
        about = {"backend": "skirmish-1", "map_name": start.config.env.title, "seed": start.seed}
        write_run_info(path, **about, argv=[], init_from=start.init_from, num_actors=start.topology.num_actors)
    finally:
        directory.close()
    return start


@pytest.fixture
def run_dir(tmp_path):
    begin(tmp_path / "run")
    return tmp_path / "run"


def test_run_killed_at_any_of_its_first_writes_is_the_same_run_or_none(tmp_path, monkeypatch):
    replace = os.replace
    for call in count(1):
        path, calls = tmp_path / str(call), count(1)

        def killed(source, target, calls=calls, call=call):
            if next(calls) == call:
                raise Killed
            replace(source, target)

        monkeypatch.setattr(files.os, "replace", killed)
        try:
            begin(path)
            break  # nothing was left to be killed at
        except Killed:
            monkeypatch.undo()
        if is_run_directory(path):
            resumed = plan_start(TrainOptions(run_dir=str(path)))
            assert (resumed.seed, resumed.init_from, resumed.config.loss.discount) == (7, "/elsewhere", 0.5)
        else:
            with pytest.raises(ValueError, match="holds no run"):
                plan_start(TrainOptions(run_dir=str(path)))
        again = begin(path)
        assert (again.seed, again.init_from, again.config.env.map_name) == (7, "/elsewhere", "8m")
        assert read_run_info(path)["seed"] == 7
    assert call == 7  # checksums and file of config.gin, operative_config.gin and run.json


def test_run_that_was_not_begun_may_begin_as_another(tmp_path):
    begin(tmp_path)
    (tmp_path / "run.json").unlink()
    begin(tmp_path, gin_params=["env.map_name='3m'", "loss.discount=0.25"], seed=8)
    assert "loss.discount=0.25" in (tmp_path / "config.gin").read_text().replace(" ", "")
    assert read_run_info(tmp_path)["seed"] == 8


@pytest.mark.parametrize("left", [0, 1, 20, 400, -1, "nothing"])
@pytest.mark.parametrize("repeated", [False, True], ids=["alone", "the whole command"])
def test_run_whose_configuration_is_not_whole_is_refused_in_a_sentence(run_dir, left, repeated):
    path = run_dir / OPERATIVE_CONFIG
    if left == "nothing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:left])
    said = r"operative_config\.gin( is empty| is not what was written|; put back a copy).*"
    with pytest.raises(ValueError, match=said) as caught:
        begin(run_dir, **ASKED) if repeated else plan_start(TrainOptions(run_dir=str(run_dir)))
    assert "\n" not in str(caught.value)


def test_configuration_of_a_run_is_changed_by_flags_not_by_hand(run_dir):
    path = run_dir / OPERATIVE_CONFIG
    path.write_text(path.read_text().replace("loss.discount = 0.5", "loss.discount = 0.9"))
    with pytest.raises(ValueError, match=r"damaged, or changed by hand; .*options of a run are changed by --gin_param"):
        plan_start(TrainOptions(run_dir=str(run_dir)))


@pytest.mark.parametrize("left", ["metrics.jsonl", "eval/results.json", "checkpoints/step-000000000100/state.json"])
def test_what_is_left_of_a_run_is_no_place_for_a_new_one(run_dir, left):
    for name in ("run.json", OPERATIVE_CONFIG, CHECKSUMS):
        (run_dir / name).unlink()
    (run_dir / left).parent.mkdir(parents=True, exist_ok=True)
    (run_dir / left).write_text("")
    with pytest.raises(ValueError, match="holds a run but no"):
        begin(run_dir)


def test_run_that_has_lost_all_its_checkpoints_does_not_begin_again(tmp_path):
    begin(tmp_path, gin_params=[*TINY, "run.total_env_steps=40"], num_actors=0)
    config = plan_start(TrainOptions(run_dir=str(tmp_path))).config

    class Silent:
        def update(self, metrics):
            pass

        def note(self, text):
            pass

    run = TrainingRun(config, tmp_path, 0, Silent())
    run.train(LockstepSource(run.acting, plan_groups(config.run.num_envs, 0, 1)), threading.Event())
    before = (tmp_path / "metrics.jsonl").read_bytes()
    shutil.rmtree(tmp_path / "checkpoints")
    with pytest.raises(CheckpointError, match="had checkpoints and has none now: put its checkpoints back"):
        TrainingRun(config, tmp_path, 0, Silent())
    assert (tmp_path / "metrics.jsonl").read_bytes() == before
