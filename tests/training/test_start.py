"""What a command begins or goes on with: the directory that was meant, the run's own scenario and number of actors."""

from __future__ import annotations

import json
import os
import re
import shutil
import threading

import pytest

from seed_matrace.config import ConfigError, load_config
from seed_matrace.files import CHECKSUMS
from seed_matrace.learner.run_directory import RunDirectory, load_run_config, scenario_info
from seed_matrace.learner.run_info import read_run_info, write_run_info
from seed_matrace.skirmish.vector_env import BACKEND
from seed_matrace.sweeps.sweep import SweepOptions, sweep
from seed_matrace.training.same_run import check_same_run
from seed_matrace.training.start import TrainOptions, plan_start
from seed_matrace.transport.address import HostPort

BATTLE = {
    "terrain": "octagon",
    "episode_limit": 40,
    "allies": [{"unit": "Marine", "count": 3, "at": [10, 16]}],
    "enemies": [{"unit": "Zergling", "count": 2, "at": [20, 16]}],
}


def begin(path, *, num_actors=None, backend=BACKEND, **flags):
    """A run as ``train`` leaves it before its first step."""
    start = plan_start(TrainOptions(run_dir=str(path), num_actors=num_actors, **flags), default_actors=3)
    directory = RunDirectory(start.path)
    scenario = scenario_info(start.config)
    directory.keep_scenario(start.config)
    directory.write_config(*start.texts)
    about = {"backend": backend, "map_name": start.config.env.title, "seed": start.seed}
    write_run_info(path, **about, argv=[], num_actors=start.topology.num_actors, scenario=scenario)
    directory.close()
    return start


def go_on(path, **flags):
    """A resumed run's start, checked as ``train`` checks it."""
    start = plan_start(TrainOptions(run_dir=str(path), **flags), default_actors=3)
    assert start.resuming
    directory = RunDirectory(start.path)
    try:
        check_same_run(start.path, start.config)
        return start, directory.keep_scenario(start.config)
    finally:
        directory.close()


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with maps/mine.json to work in, the working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "mine.json").write_text(json.dumps(BATTLE))
    return tmp_path


MINE = ["env.map_name = 'maps/mine.json'"]


def change(path):
    path.write_text(json.dumps(BATTLE | {"episode_limit": 30}))


@pytest.mark.parametrize(
    "flags",
    [
        *({}, {"num_actors": 0}, {"seed": 3}),
        *({"gin_params": [param]} for param in ("run.total_env_steps = 10", "seed_matrace.run.stop_win_rate=0")),
        {"gin_params": ["budget = 10\nrun.total_env_steps = %budget", "import json"]},
    ],
)
def test_a_run_directory_that_is_not_there_begins_no_run_of_what_nobody_named(tmp_path, flags):
    begin(tmp_path / "8m_first", gin_files=["maps/8m.gin"])
    with pytest.raises(ValueError, match=r"8m_frist does not exist; near: .*8m_first; .*such as maps/3m\.gin"):
        plan_start(TrainOptions(run_dir=str(tmp_path / "8m_frist"), **flags))
    (tmp_path / "8m_frist").mkdir()
    with pytest.raises(ValueError, match=r"8m_frist holds no run; near: .*8m_first"):
        plan_start(TrainOptions(run_dir=str(tmp_path / "8m_frist"), **flags))


def test_near_runs_are_found_among_those_of_a_folder_that_was_misspelt(tmp_path):
    begin(tmp_path / "runs" / "long", gin_files=["maps/8m.gin"])
    with pytest.raises(ValueError, match=r"near: .*/runs/long;"):
        plan_start(TrainOptions(run_dir=str(tmp_path / "rusn" / "long")))


@pytest.mark.parametrize("inside", ["run.json", "checkpoints", "checkpoints/step-100"])
def test_something_inside_a_run_is_not_the_run(tmp_path, inside):
    begin(tmp_path / "here", gin_files=["maps/8m.gin"])
    with pytest.raises(ValueError, match=f"here/{inside} .*near: {tmp_path}/here"):
        plan_start(TrainOptions(run_dir=str(tmp_path / "here" / inside)))


def test_no_run_begins_inside_another(tmp_path, monkeypatch):
    begin(tmp_path / "here", gin_files=["maps/8m.gin"])
    (tmp_path / "link").symlink_to("here")
    monkeypatch.chdir(tmp_path)
    for inside in ("here/checkpoints", "here/a/b", "link/new", "here/../here/new"):
        with pytest.raises(ValueError, match=f"{inside} lies inside the run .*/here: "):
            plan_start(TrainOptions(run_dir=inside, gin_files=["maps/8m.gin"]))
    for folder in ("here", "here/logs"):
        with pytest.raises(ValueError, match=f"{folder} lies inside the run|here: name a folder elsewhere"):
            sweep(SweepOptions(tmp_path / folder), threading.Event())
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(ValueError, match=r"runs/3m-.* lies inside the run .*/here: .*by --run_dir"):
        plan_start(TrainOptions())


@pytest.mark.parametrize(
    "flags",
    [
        {"gin_files": ["maps/8m.gin"]},
        {"gin_params": ["env.map_name = '8m'"]},
        {"gin_params": ["env.backend='counting'"]},
        {"gin_params": ["run.total_env_steps = 10", "seed_matrace.loss.discount = 0.9"]},
        {"gin_params": ["include 'maps/8m.gin'"]},
    ],
)
@pytest.mark.parametrize("there", ["nothing", "an empty folder", "a folder with notes"])
def test_who_says_what_is_learnt_begins_a_run_anywhere(tmp_path, flags, there):
    path = tmp_path / "new"
    if there != "nothing":
        path.mkdir()
    if there == "a folder with notes":
        (path / "notes.txt").write_text("8m once more")
    assert not plan_start(TrainOptions(run_dir=str(path), **flags)).resuming


def test_a_folder_of_runs_is_no_run(tmp_path):
    begin(tmp_path / "runs" / "first", gin_files=["maps/8m.gin"])
    begin(tmp_path / "sweep" / "8m" / "matrace" / "seed_0", gin_files=["maps/8m.gin"])
    for name in ("sweep", "sweep/8m"):
        with pytest.raises(ValueError, match=f"{name} is no run, it holds runs.*near: .*/seed_0"):
            plan_start(TrainOptions(run_dir=str(tmp_path / name), gin_files=["maps/8m.gin"]))
    for flags in ({}, {"gin_files": ["maps/8m.gin"]}):
        with pytest.raises(ValueError, match=r"runs is no run, it holds runs.*runs/first"):
            plan_start(TrainOptions(run_dir=str(tmp_path / "runs"), **flags))


def test_an_empty_name_is_not_the_same_as_none():
    with pytest.raises(ValueError, match="--run_dir is empty"):
        plan_start(TrainOptions(run_dir=""))
    assert plan_start(TrainOptions()).config.env.map_name == "3m"


@pytest.mark.parametrize("name", [b"bad\xff", "gr\u00fcn".encode()[:-2]])
def test_a_name_that_is_no_text_is_refused_before_anything_starts(tmp_path, name):
    path = tmp_path / os.fsdecode(name)
    for refused in (
        lambda: plan_start(TrainOptions(run_dir=str(path), gin_files=["maps/3m.gin"])),
        lambda: plan_start(TrainOptions(init_from=str(path))),
        lambda: sweep(SweepOptions(path), threading.Event()),
    ):
        with pytest.raises(ValueError, match=r"--(run_dir|init_from|sweep_dir)=.* not UTF-8.*LC_ALL=C\.UTF-8"):
            refused()
    assert not path.exists()


def test_settings_of_a_file_that_nobody_named_are_said(tmp_path):
    start = plan_start(TrainOptions(run_dir=str(tmp_path / "new"), gin_params=["include 'recurrent.gin'"]))
    assert list(start.notes) == ["settings of maps/3m.gin, as no gin file is named"]
    start = plan_start(TrainOptions(gin_params=["env.map_name = '8m'"]))
    assert list(start.notes) == ["settings of maps/3m.gin, as no gin file is named"]
    assert start.path.parts[1].startswith("8m-")
    assert not plan_start(TrainOptions()).notes


def test_a_link_to_a_run_is_the_run(tmp_path):
    begin(tmp_path / "run", gin_files=["maps/8m.gin"])
    (tmp_path / "link").symlink_to("run")
    assert plan_start(TrainOptions(run_dir=str(tmp_path / "link"))).config.env.map_name == "8m"


@pytest.mark.parametrize(
    ("begun_with", "resumed_with", "number", "said"),
    [
        (0, None, 0, ""),
        (0, 0, 0, ""),
        (2, None, 2, ""),
        (2, 5, 5, ""),
        (None, None, 3, ""),  # the default where it was begun
        (0, 4, 4, "with 4 actors it does so no more"),
        (4, 0, 0, "does not repeat exactly"),
    ],
)
def test_the_number_of_actors_belongs_to_the_run(tmp_path, begun_with, resumed_with, number, said):
    begin(tmp_path / "run", gin_files=["maps/8m.gin"], num_actors=begun_with)
    start = plan_start(TrainOptions(run_dir=str(tmp_path / "run"), num_actors=resumed_with), default_actors=7)
    assert start.topology.num_actors == number
    assert [said in note for note in start.notes] == [True] * bool(said)


def test_actors_named_in_gin_count_as_named_when_they_are_others_than_before(tmp_path):
    begin(tmp_path / "run", gin_files=["maps/8m.gin"], gin_params=["topology.num_actors = 6"], num_actors=2)
    for params, number in ([], 2), (["topology.num_actors = 5"], 5):
        start = plan_start(TrainOptions(run_dir=str(tmp_path / "run"), gin_params=params))
        assert start.topology.num_actors == number


def test_a_run_of_one_process_asks_how_many_actors_will_connect(tmp_path):
    begin(tmp_path / "run", gin_files=["maps/8m.gin"], num_actors=0)
    with pytest.raises(ValueError, match="--num_actors=2"):
        plan_start(TrainOptions(run_dir=str(tmp_path / "run"), listen_at=[HostPort("localhost", 5555)]))


def test_a_run_on_a_scenario_file_is_called_after_it_and_keeps_it(project):
    start = begin(project / "r", gin_params=MINE)
    assert plan_start(TrainOptions(gin_params=MINE)).path.name.startswith("mine-")
    assert start.config.env.title == read_run_info(project / "r")["map"] == "mine"
    assert (project / "r/maps/mine.json").read_bytes() == (project / "maps/mine.json").read_bytes()
    assert "env.map_name = 'maps/mine.json'" in (project / "r/operative_config.gin").read_text()


@pytest.mark.parametrize("fate", ["removed", "changed", "left alone"])
def test_a_moved_run_has_its_own_scenario_whatever_became_of_the_file(project, fate, monkeypatch):
    begin(project / "r", gin_params=MINE)
    content = (project / "maps/mine.json").read_bytes()
    {"removed": lambda path: path.unlink(), "changed": change, "left alone": str}[fate](project / "maps/mine.json")
    shutil.move(project / "r", project / "moved")
    for folder in (project, project / "moved", project / "maps"):
        monkeypatch.chdir(folder)
        _, config = go_on(project / "moved")
        assert config.env.scenario.read_bytes() == content
        assert load_run_config(project / "moved")[0].env == config.env


@pytest.mark.parametrize("named", [MINE, ["env.map_name = 'r/maps/mine.json'"]])
def test_a_scenario_that_is_named_again_is_compared(project, named):
    begin(project / "r", gin_params=MINE)
    start, config = go_on(project / "r", gin_params=named)
    assert config.env.scenario == project / "r/maps/mine.json" or config.env.scenario.samefile("r/maps/mine.json")
    assert "env.map_name = 'maps/mine.json'" in start.texts[1]


def test_a_changed_scenario_is_refused_and_the_same_elsewhere_is_not(project):
    begin(project / "r", gin_params=MINE)
    shutil.copy(project / "maps/mine.json", project / "renamed.json")
    change(project / "maps/mine.json")
    (project / "8m.gin").write_text("env.map_name = 'maps/mine.json'\n")
    for flags in ({"gin_params": MINE}, {"gin_files": ["maps/3m.gin", "8m.gin"]}):
        with pytest.raises(ConfigError, match=r"mine\.json has changed since; --run_dir alone goes on with .*r/maps/"):
            go_on(project / "r", **flags)
    start, config = go_on(project / "r", gin_params=["env.map_name = 'renamed.json'"])
    assert (config.env.title, config.env.scenario.name) == ("mine", "mine.json")
    assert "maps/mine.json" in start.texts[1]
    (project / "maps/mine.json").unlink()
    start, _ = go_on(project / "r", gin_params=MINE)  # gone: the run has its own
    assert [re.sub(r" \S*/r/", " r/", note) for note in start.notes] == [
        "there is no file maps/mine.json; the run goes on with its own copy, r/maps/mine.json"
    ]
    assert not go_on(project / "r")[0].notes


def test_another_map_is_another_run(project):
    begin(project / "r", gin_params=MINE)
    begin(project / "8m", gin_files=["maps/8m.gin"])
    for path, named in ("r", "8m"), ("8m", "maps/mine.json"):
        with pytest.raises(ConfigError, match=r"env\.map_name was"):
            go_on(project / path, gin_params=[f"env.map_name = {named!r}"])


def test_a_run_whose_own_scenario_is_missing_or_another_is_refused(project):
    begin(project / "r", gin_params=MINE)
    copy = project / "r/maps/mine.json"
    change(copy)
    with pytest.raises(ValueError, match=r"r/maps/mine\.json is not what was written"):
        load_run_config(project / "r")
    (copy.parent / CHECKSUMS).unlink()
    with pytest.raises(ValueError, match=r"is another scenario; .*SHA-256"):
        load_run_config(project / "r")
    copy.unlink()
    with pytest.raises(ValueError, match=r"r/maps/mine\.json is missing; .*put that file back"):
        load_run_config(project / "r")


def test_a_scenario_lies_beside_the_gin_file_that_names_it_or_in_the_working_folder(project, monkeypatch):
    (project / "maps/mine.gin").write_text("env.map_name = 'mine.json'\n")
    (project / "here.gin").write_text("env.map_name = 'maps/mine.json'\n")
    assert load_config(["maps/mine.gin"])[0].env.scenario == project / "maps/mine.json"
    assert load_config(["here.gin"])[0].env.scenario.samefile(project / "maps/mine.json")
    (project / "elsewhere").mkdir()
    monkeypatch.chdir(project / "elsewhere")
    assert load_config(["../maps/mine.gin"])[0].env.scenario.samefile(project / "maps/mine.json")
    assert load_config(["../maps/mine.gin"], ["env.map_name = 'mine.json'"])[0].env.map_name == "mine.json"


def test_a_run_from_before_scenarios_were_kept_goes_on_from_the_file_and_keeps_it(project):
    begin(project / "r", gin_params=MINE)
    shutil.rmtree(project / "r/maps")
    info = json.loads((project / "r/run.json").read_text())
    del info["scenario"], info["id"]
    (project / "r" / CHECKSUMS).unlink()
    (project / "r/run.json").write_text(json.dumps(info))
    _, config = go_on(project / "r")
    assert config.env.scenario == project / "r/maps/mine.json"


def test_a_run_of_an_earlier_simulator_does_not_go_on_but_others_may_start_from_it(tmp_path):
    begin(tmp_path, backend="skirmish-2", gin_params=["env.map_name='3m'"])
    said = r"it was begun on skirmish-2, and what plays here is skirmish-3, by other rules"
    with pytest.raises(ConfigError, match=said) as raised:
        go_on(tmp_path)
    assert f"choose another --run_dir, and --init_from={tmp_path} to start from its weights" in str(raised.value)
    with pytest.raises(ConfigError, match=r"begun on skirmish-2.*; loss.discount was 0.99, now 0.5"):
        go_on(tmp_path, gin_params=["loss.discount = 0.5"])
    assert read_run_info(tmp_path)["backend"] == "skirmish-2"


def test_numbering_of_enemies_belongs_to_a_run(tmp_path):
    begin(tmp_path, gin_params=["env.map_name='3m'"])
    go_on(tmp_path)
    with pytest.raises(ConfigError, match=r"env.shuffle_enemies was True, now False"):
        go_on(tmp_path, gin_params=["env.shuffle_enemies = False"])


def test_a_sweep_of_an_earlier_simulator_does_not_go_on(tmp_path):
    begin(tmp_path / "3m/matrace/seed_0", backend="skirmish-2", gin_files=["maps/3m.gin"])
    with pytest.raises(ValueError, match=r"seed_0 holds a run .*begun on skirmish-2.*choose another --sweep_dir"):
        sweep(SweepOptions(tmp_path), threading.Event())
    assert not (tmp_path / "sweep.json").exists()
