"""The first moments of a run, and files of it that are missing, torn or changed: it is the same run or a sentence."""

import contextlib
import dataclasses
import io
import os
import shutil
import socket
import threading
from itertools import count
from pathlib import Path

import pytest
from notes import Notes
from processes import TINY

from seed_matrace import files
from seed_matrace.algo.team_networks import Networks
from seed_matrace.config import load_config
from seed_matrace.envs.registry import backend_name
from seed_matrace.evaluation.policy import load_policy
from seed_matrace.evaluation.results import ABSOLUTE, RESULTS_FILE
from seed_matrace.files import CHECKSUMS, write_checked
from seed_matrace.inference.groups import plan_groups
from seed_matrace.learner.checkpoints import CheckpointError, Checkpoints
from seed_matrace.learner.run_directory import OPERATIVE_CONFIG, RunDirectory, is_run_directory, load_run_config
from seed_matrace.learner.run_info import read_run_info, run_id, write_run_info
from seed_matrace.learner.strategy import Devices
from seed_matrace.skirmish import vector_env as skirmish
from seed_matrace.skirmish.maps import load_map
from seed_matrace.training.progress import Progress
from seed_matrace.training.run import TrainingRun
from seed_matrace.training.same_run import check_same_run
from seed_matrace.training.sources import LockstepSource
from seed_matrace.training.start import TrainOptions, plan_start
from seed_matrace.training.train import train
from seed_matrace.training.warm_start import check_start, start_from
from seed_matrace.training_env import training_spec
from seed_matrace.transport.address import parse_address

ASKED = {
    "gin_params": ["env.map_name='8m'", "loss.discount=0.5"],
    "seed": 7,
    "init_from": "source",
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
            check_same_run(path, start.config)
        directory.write_config(*start.texts)
        about = {"backend": backend_name(start.config.env), "map_name": start.config.env.title, "seed": start.seed}
        write_run_info(path, **about, argv=[], init_from=start.init_from, num_actors=start.topology.num_actors)
    finally:
        directory.close()
    return start


@pytest.fixture(autouse=True)
def source(tmp_path_factory, monkeypatch):
    """The run, beside the working folder's others, from whose weights they begin."""
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    path = Path("source").absolute()
    begin(path, gin_params=["env.map_name='8m'"])
    with_best(path)
    return path


def with_best(path):
    """As much of a best checkpoint as is looked at before there are networks."""
    state = path / "checkpoints/best-000000000000/state.json"
    state.parent.mkdir(parents=True)
    state.write_text("{}")


@pytest.fixture
def run_dir(tmp_path):
    begin(tmp_path / "run")
    return tmp_path / "run"


def test_run_killed_at_any_of_its_first_writes_is_the_same_run_or_none(tmp_path, source):
    replace = os.replace
    for call in count(1):
        path, calls = tmp_path / str(call), count(1)

        def killed(source, target, calls=calls, call=call):
            if next(calls) == call:
                raise Killed
            replace(source, target)

        with_kills = pytest.MonkeyPatch()
        with_kills.setattr(files.os, "replace", killed)
        try:
            begin(path)
            break  # nothing was left to be killed at
        except Killed:
            pass
        finally:
            with_kills.undo()
        if is_run_directory(path):
            resumed = plan_start(TrainOptions(run_dir=str(path)))
            assert (resumed.seed, resumed.init_from, resumed.config.loss.discount) == (7, str(source), 0.5)
        else:
            with pytest.raises(ValueError, match="holds no run"):
                plan_start(TrainOptions(run_dir=str(path)))
        again = begin(path)
        assert (again.seed, again.init_from, again.config.env.map_name) == (7, str(source), "8m")
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


def test_what_is_newer_than_a_run_is_off_in_it(run_dir):
    """Not what base.gin says of it today."""
    path = run_dir / OPERATIVE_CONFIG
    lines = [line for line in path.read_text().splitlines() if not line.startswith("learner.minibatches")]
    write_checked(path, "\n".join(lines) + "\n")
    assert load_config()[0].learner.minibatches > 1
    assert plan_start(TrainOptions(run_dir=str(run_dir))).config.learner.minibatches == 1


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


@pytest.mark.parametrize("damage", ["missing", "torn", "changed"])
def test_run_copied_without_its_checksums_is_refused_and_left_as_it_is(run_dir, damage):
    (run_dir / CHECKSUMS).unlink()
    path = run_dir / OPERATIVE_CONFIG
    content = path.read_bytes()
    changed = content.replace(b"discount = 0.5", b"discount = 0.9")
    path.write_bytes({"missing": content, "torn": content[: len(content) // 2], "changed": changed}[damage])
    before = path.read_bytes()
    for read in (
        lambda: train(TrainOptions(run_dir=str(run_dir)), threading.Event()),
        lambda: load_run_config(run_dir),
    ):
        with pytest.raises(ValueError, match=r"checksums\.json, .* is missing: put back a copy of it; .* cp -a"):
            read()
    assert path.read_bytes() == before


def test_visible_files_of_a_run_are_enough_to_go_on_from(run_dir, tmp_path):
    for path in run_dir.glob("[!.]*"):  # as cp -r RUN/* NEW does
        shutil.copytree(path, tmp_path / "new" / path.name) if path.is_dir() else None
        if path.is_file():
            (tmp_path / "new").mkdir(exist_ok=True)
            shutil.copy(path, tmp_path / "new")
    assert plan_start(TrainOptions(run_dir=str(tmp_path / "new"))).config.loss.discount == 0.5


def test_configuration_stays_until_the_run_can_go_on_with_the_new_one(tmp_path, monkeypatch):
    begin(tmp_path, gin_params=TINY, num_actors=0)
    (tmp_path / "checkpoints/step-000000000100").mkdir(parents=True)
    before = {name: (tmp_path / name).read_bytes() for name in (OPERATIVE_CONFIG, "run.json", CHECKSUMS)}
    monkeypatch.setattr("seed_matrace.learner.strategy.set_up_tensorflow", lambda *_, **__: Devices())
    options = TrainOptions(run_dir=str(tmp_path), gin_params=["run.total_env_steps=400"])
    with pytest.raises(CheckpointError, match=r"no checkpoint can be used: .*state\.json cannot be read"):
        train(options, threading.Event())
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


@pytest.mark.parametrize("refusing", ["environments", "results", "port"])
def test_what_cannot_be_resumed_stays_as_it_is_whatever_refuses(tmp_path, monkeypatch, refusing):
    monkeypatch.setattr("seed_matrace.learner.strategy.set_up_tensorflow", lambda *_, **__: Devices())
    params = [*TINY, "env.backend='skirmish'", "run.total_env_steps=40", "evaluation.absolute_episodes=2"]
    train(TrainOptions(run_dir=str(tmp_path), gin_params=params, num_actors=0), threading.Event())
    assert read_run_info(tmp_path)["finished"] == "budget" and ABSOLUTE in (tmp_path / RESULTS_FILE).read_text()
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"of a session": "that the newest checkpoint does not know"}\n')
    shutil.copy(tmp_path / "replays/best.npz", tmp_path / "replays/0099.npz")
    asked, said, notes = {"num_actors": 0}, "is not what was written", io.StringIO()
    with contextlib.ExitStack() as stack:
        if refusing == "environments":
            monkeypatch.setattr(skirmish, "load_map", lambda name: dataclasses.replace(load_map(name), content="other"))
            said = r"of another map called 3m, with other contents\): --num_actors=1 goes on .* --init_from begins"
        elif refusing == "results":
            (tmp_path / RESULTS_FILE).write_text("{}")
        else:
            port = stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
            asked, said = {"num_actors": 1, "listen_at": [parse_address(f"127.0.0.1:{port}")]}, f"127.0.0.1:{port}"
        stack.enter_context(contextlib.redirect_stdout(notes))
        before = _files_of(tmp_path)
        options = TrainOptions(run_dir=str(tmp_path), gin_params=["run.total_env_steps=60"], **asked)
        with pytest.raises(ValueError, match=said):
            train(options, threading.Event())
    assert _files_of(tmp_path) == before
    assert "resumed at" not in notes.getvalue()
    if refusing == "environments":
        stop = threading.Event()
        stop.set()
        train(dataclasses.replace(options, num_actors=1), stop)  # as it is said there
        assert "resumed" in read_run_info(tmp_path)


def _files_of(run_dir):
    """But for what the program says of its doings."""
    return {path: path.read_bytes() for path in run_dir.rglob("*") if path.is_file() and path.suffix != ".log"}


def test_what_was_lost_of_a_run_is_said_when_it_goes_on(tmp_path):
    begin(tmp_path, gin_params=[*TINY, "run.total_env_steps=40"], num_actors=0)
    config = plan_start(TrainOptions(run_dir=str(tmp_path))).config
    run = TrainingRun(config, tmp_path, 0, Notes())
    run.train(LockstepSource(run.acting, plan_groups(config.run.num_envs, 0, 1)), threading.Event())
    before = (tmp_path / "metrics.jsonl").read_bytes()

    again = TrainingRun(config, tmp_path, 0, said := Notes())
    assert not said
    again.train(LockstepSource(again.acting, plan_groups(config.run.num_envs, 0, 1)), threading.Event())
    assert len(said) == 1 and "resumed at" in said[0]

    best = next((tmp_path / "checkpoints").glob("best-*"))
    (best / "state.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"state\.json: it is not JSON: .*; --checkpoint=latest takes the newest"):
        load_policy(tmp_path)
    with pytest.raises(CheckpointError, match=r"state\.json: it is not JSON: .*; that run, gone on with .*latest"):
        start_from(run.learner, tmp_path)
    shutil.rmtree(tmp_path / "eval")
    (tmp_path / "metrics.jsonl").rename(tmp_path / "kept")
    resumed = TrainingRun(config, tmp_path, 0, said := Notes())
    for words, text in zip(["metrics.jsonl is missing", "outcomes of", "is damaged: state.json"], said, strict=True):
        assert words in text and "put back a copy of it" in text
    assert resumed.progress.best == Progress().best  # the next evaluation is the best there is

    (tmp_path / "kept").replace(tmp_path / "metrics.jsonl")
    shutil.rmtree(best)
    with pytest.raises(CheckpointError, match=r"no best checkpoint; --checkpoint=latest takes"):
        load_policy(tmp_path)
    TrainingRun(config, tmp_path, 0, said := Notes())
    assert any("has no best checkpoint; the best of the evaluations to come" in text for text in said)

    shutil.rmtree(tmp_path / "checkpoints")
    with pytest.raises(CheckpointError, match="had checkpoints and has none now: put its checkpoints back"):
        TrainingRun(config, tmp_path, 0, Notes())
    assert (tmp_path / "metrics.jsonl").read_bytes() == before


@pytest.mark.parametrize("wrong", ["TYPO", "", "a file", "a folder", "a run without its best"])
def test_what_no_weights_can_be_taken_from_leaves_nothing_behind(tmp_path, source, wrong):
    Path("a file").write_text("")
    Path("a folder").mkdir()
    begin(Path("a run without its best"), gin_params=["env.map_name='8m'"])
    asked = ASKED | {"init_from": wrong}
    with pytest.raises(ValueError, match=f"--init_from={wrong}|--init_from is empty"):
        begin(tmp_path / "run", **asked)
    assert not (tmp_path / "run").exists()
    begin(tmp_path / "run", **ASKED)  # the corrected command


def test_weights_are_of_a_run_wherever_it_is_moved_to(tmp_path, source, monkeypatch):
    begin(tmp_path / "run")
    Path("link").symlink_to("source")
    monkeypatch.chdir(tmp_path)
    for name in (source, os.path.relpath(source), source.with_name("link"), f"{source}/../source"):
        begin(tmp_path / "run", **ASKED | {"init_from": str(name)})
    shutil.move(source, tmp_path / "moved")
    with pytest.raises(ValueError, match=r"no checkpoint yet .*is not a run directory.*say where to by --init_from"):
        begin(tmp_path / "run", gin_params=[])
    assert begin(tmp_path / "run", **ASKED | {"init_from": "moved"}).init_from == str(tmp_path / "moved")
    begin(tmp_path / "other", gin_params=["env.map_name='8m'"])
    with_best(tmp_path / "other")
    for other in ("other", "nowhere"):
        with pytest.raises(ValueError, match=f"began from .*source, not from {other}"):
            begin(tmp_path / "run", **ASKED | {"init_from": other})


def test_damaged_weights_are_said_before_a_run_is_made(tmp_path):
    begin(tmp_path / "one", gin_params=TINY, num_actors=0)
    config = plan_start(TrainOptions(run_dir=str(tmp_path / "one"))).config
    team = Networks(training_spec(config), config, 0)
    networks = {"policy": team.policy, "critic": team.critic}
    Checkpoints(tmp_path / "one/checkpoints", 1, run_id(tmp_path / "one")).save("best", 0, networks, {})
    check_start(config, tmp_path / "one")
    (variables,) = (tmp_path / "one/checkpoints").glob("best-*/variables.data*")
    variables.write_bytes(variables.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="is not what was written"):
        check_start(config, tmp_path / "one")
