"""The job that options and configuration come to."""

import dataclasses
import json
import re

import pytest
import yaml

from seed_matrace.cli import main
from seed_matrace.config import ConfigError, load_config
from seed_matrace.gin_files import gin_dir
from seed_matrace.modules import read_modules
from seed_matrace.vertex.job_spec import custom_job_spec, dry_run, parse_labels, plan_run, unpacked
from seed_matrace.vertex.machines import cores, has_accelerator, machine_with
from seed_matrace.vertex.options import VertexOptions, load_options

OPTIONS = VertexOptions(project="p", region="r", bucket="gs://b", learner_image="learner:1", actor_image="actor:1")


def pools(options, run):
    return custom_job_spec(options, run, "gs://b/job")["workerPoolSpecs"]


def test_pools_are_learner_actors_nobody_evaluator():
    run = plan_run(["maps/3m.gin"], ["topology.actors_per_host=8"], num_actors=20)
    machines = {"evaluator_machine": "n2-standard-8", "actor_machine": "n2-highcpu-8"}
    options = dataclasses.replace(OPTIONS, accelerator="NVIDIA_L4", **machines)
    learner, actors, nobody, evaluator = pools(options, run)
    assert nobody == {}
    assert [pool["replicaCount"] for pool in (learner, actors, evaluator)] == [1, 3, 1]
    assert learner["machineSpec"]["acceleratorType"] == "NVIDIA_L4"
    images = [pool["containerSpec"]["imageUri"] for pool in (learner, actors, evaluator)]
    assert images == ["learner:1", "actor:1", "learner:1"]
    assert learner["containerSpec"]["args"] == actors["containerSpec"]["args"]


def test_job_without_an_actor_machine_is_one_host():
    run = plan_run(["maps/3m.gin"], [], num_actors=8)
    assert len(pools(dataclasses.replace(OPTIONS, actor_machine=""), run)) == 1


def test_own_gin_files_travel_as_bindings(tmp_path):
    mine = tmp_path / "mine.gin"
    mine.write_text("loss.discount = 0.98\nnetwork.policy_layers = (32, 32)\n")
    run = plan_run(["maps/3m.gin", str(mine)], ["env.obs_last_action=True"], num_actors=2)
    assert not [flag for flag in run.flags if "mine.gin" in flag]
    values = {"gin_file": [], "gin_param": [], "num_actors": []}
    for flag in run.flags:
        name, _, value = flag[2:].partition("=")
        values[name].append(value)
    assert load_config(values["gin_file"], values["gin_param"])[0] == run.config
    assert values["num_actors"] == ["2"]


def test_a_scenario_file_travels_with_its_contents(tmp_path):
    mine = tmp_path / "mine.json"
    side = [{"unit": "Marine", "count": 2, "at": [16, 16]}]
    mine.write_text(json.dumps({"terrain": "octagon", "episode_limit": 9, "allies": side, "enemies": side}))
    flags = plan_run(["maps/3m.gin"], [f"env.map_name = {str(mine)!r}"], num_actors=1).flags
    assert not [flag for flag in flags if str(tmp_path) in flag]
    [word] = [flag.removeprefix("--scenario=") for flag in flags if flag.startswith("--scenario=")]
    there = unpacked(word, tmp_path / "container")
    assert (there.name, there.read_bytes()) == ("mine.json", mine.read_bytes())


def test_a_module_travels_with_its_contents_and_its_options(tmp_path):
    mine = tmp_path / "mine.py"
    mine.write_text(
        "from dataclasses import dataclass\nfrom seed_matrace import research\n@dataclass(frozen=True)\n"
        "class Mine:\n    cost: float = research.option(0.1, 'a cost')\n"
        "@research.loss('mine', options=Mine)\ndef mine(batch):\n    return research.ma_trace(batch)\n"
    )
    params = ["loss.function = 'mine'", "mine.cost = 0.2"]
    flags = plan_run(["maps/3m.gin"], params, num_actors=1, modules=read_modules([mine])).flags
    assert "--gin_param=mine.cost=0.2" in flags and not [flag for flag in flags if str(tmp_path) in flag]
    [word] = [flag.removeprefix("--module=") for flag in flags if flag.startswith("--module=")]
    there = unpacked(word, tmp_path / "container")
    assert (there.name, there.read_bytes()) == ("mine.py", mine.read_bytes())


@pytest.mark.parametrize("path", sorted((gin_dir() / "maps").glob("*.gin")), ids=lambda path: path.stem)
def test_every_map_travels_by_name(path):
    assert plan_run([f"maps/{path.name}"], [], num_actors=1).flags == [f"--gin_file=maps/{path.name}", "--num_actors=1"]


def test_actors_need_cores():
    run = plan_run(["maps/3m.gin"], ["topology.actors_per_host=16"], num_actors=64)
    with pytest.raises(ConfigError, match="has 4 cores, and its actors want 16"):
        pools(dataclasses.replace(OPTIONS, actor_machine="n2-highcpu-4"), run)


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        ("n2-highcpu-32", 32),
        ("g2-standard-16", 16),
        ("e2-standard-4", 4),
        ("a2-highgpu-2g", 24),
        ("a3-highgpu-8g", 208),
        ("c3-standard-8-lssd", 8),
        ("ct5lp-hightpu-4t", None),
        ("cloud-tpu", None),
    ],
)
def test_cores_are_in_the_name_of_a_machine(machine, expected):
    assert cores(machine) == expected


@pytest.mark.parametrize(
    ("accelerator", "gpus", "machine"),
    [
        ("NVIDIA_TESLA_T4", 1, "n1-standard-16"),
        ("NVIDIA_L4", 1, "g2-standard-16"),
        ("NVIDIA_L4", 4, "g2-standard-48"),
        ("NVIDIA_TESLA_A100", 2, "a2-highgpu-2g"),
        ("NVIDIA_H100_80GB", 8, "a3-highgpu-8g"),
    ],
)
def test_learner_gets_a_machine_with_its_accelerator(accelerator, gpus, machine):
    assert machine_with(accelerator, gpus) == machine
    assert has_accelerator(machine, accelerator, gpus)
    assert not has_accelerator("n2-standard-16", accelerator, gpus)
    options = dataclasses.replace(OPTIONS, accelerator=accelerator, accelerator_count=gpus)
    run = plan_run(["maps/3m.gin"], [], num_actors=1)
    spec = {"machineType": machine, "acceleratorType": accelerator, "acceleratorCount": gpus}
    assert pools(options, run)[0]["machineSpec"] == spec


def test_machine_without_the_accelerator_is_refused():
    with pytest.raises(ConfigError, match=r"'n2-standard-8' has no 1 x NVIDIA_L4"):
        dataclasses.replace(OPTIONS, accelerator="NVIDIA_L4", learner_machine="n2-standard-8")
    with pytest.raises(ConfigError, match=r"'a2-highgpu-1g' has no 2 x NVIDIA_TESLA_A100"):
        dataclasses.replace(
            OPTIONS, accelerator="NVIDIA_TESLA_A100", accelerator_count=2, learner_machine="a2-highgpu-1g"
        )
    with pytest.raises(
        ConfigError, match=r"no machine type is known that has 1 x NVIDIA_L5; known are NVIDIA_TESLA_P4"
    ):
        _ = dataclasses.replace(OPTIONS, accelerator="NVIDIA_L5").learner_machine_type
    new = dataclasses.replace(OPTIONS, accelerator="NVIDIA_L5", learner_machine="g9-standard-4")
    assert new.learner_machine_type == "g9-standard-4"


def test_dry_run_reads_back_as_it_was():
    shared = ["x: y", "#z", "--", " ".join(["long"] * 99)]
    spec = {
        "b": [{"b": 1, "c": shared}, {}, {"d": {"e": [], "f": True, "g": "yes", "h": 0.5, "j": "1e-3", "k": "0.5"}}],
        "a": {"c": shared, "i": '"quoted" \\ \u00e9\n'},
    }
    text = dry_run(OPTIONS, {"displayName": "a-job", "jobSpec": spec})
    assert yaml.safe_load(text) == spec
    assert list(yaml.safe_load(text)) == ["b", "a"]
    assert not re.search("[&*]id", text)  # not every reader of YAML follows references


def test_labels_that_google_would_refuse_are_refused_here():
    assert parse_labels("team=marl,paper=") == {"team": "marl", "paper": ""}
    with pytest.raises(ConfigError, match="label Team=x cannot be"):
        parse_labels("Team=x")


def test_flags_override_the_file(tmp_path):
    file = tmp_path / "project.gin"
    file.write_text("vertex.project = 'mine'\nvertex.region = 'europe-west4'\nvertex.timeout_s = 3600\n")
    options = load_options(str(file), {"region": "us-central1", "bucket": None})
    assert (options.project, options.region, options.timeout_s) == ("mine", "us-central1", 3600)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("vertex.regoin = 'x'", "regoin"),
        ("vertex.timeout_s = 'long'", "vertex.timeout_s must be a whole number"),
        ("vertex.strategy = 'CHEAP'", "vertex.strategy must be one of"),
        ("vertex.bucket = 'my-bucket'", "must look like gs://BUCKET"),
        ("vertex.max_wait_s = 60", "is for vertex.strategy = 'SPOT'"),
        ("vertex.tensorboard = 'projects/1'", "needs vertex.service_account"),
    ],
)
def test_options_that_cannot_be_are_explained(tmp_path, line, message):
    file = tmp_path / "project.gin"
    file.write_text(line + "\n")
    with pytest.raises(ConfigError, match=message):
        load_options(str(file), {})


def test_command_says_what_is_missing(capsys, tmp_path):
    assert main(["vertex", "maps/3m.gin", "--dry_run", "--region=r"]) == 2
    assert "--project, --bucket, --learner_image, --actor_image: needed" in capsys.readouterr().err
    assert main(["vertex", "maps/3m.gin", f"--vertex_file={tmp_path}/none.gin"]) == 2
    assert "cannot read --vertex_file" in capsys.readouterr().err


def test_example_file_is_complete(capsys):
    example = gin_dir().parent / "gcp" / "example.gin"
    assert main(["vertex", "maps/3m.gin", f"--vertex_file={example}", "--num_actors=16", "--dry_run"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["workerPoolSpecs"][1]["replicaCount"] == 1
