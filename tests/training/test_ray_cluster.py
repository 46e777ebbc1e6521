"""What a run asks a Ray cluster for; tests/integration/test_ray.py has whole clusters."""

import sys
from pathlib import Path

import pytest
import yaml

from seed_matrace.cli import main
from seed_matrace.config import load_config
from seed_matrace.training.ray_cluster import bundles
from seed_matrace.training.topology import plan_topology

ROOT = Path(__file__).parents[2]


def wanted(num_actors, *params, cluster_gpus=0):
    config = load_config([], [f"topology.{param}" for param in params])[0]
    return bundles(plan_topology(config, num_actors), cluster_gpus)


def test_learner_comes_first_then_every_actor_host():
    learner, *hosts = wanted(200, "actors_per_host=16", "cpus_per_actor=0.5", "learner_cpus=6")
    assert learner == {"CPU": 6.0}
    assert len(hosts) == 13
    assert sum(host["CPU"] for host in hosts) == 100
    assert max(host["CPU"] for host in hosts) == 8


@pytest.mark.parametrize(
    ("asked", "cluster_gpus", "given"),
    [(None, 0, None), (None, 8, 1), (0, 8, None), (2, 8, 2), (1, 0, 1)],  # the last waits for a node that has one
)
def test_learner_takes_a_gpu_where_there_is_one(asked, cluster_gpus, given):
    learner, *hosts = wanted(4, f"learner_gpus={asked}", cluster_gpus=cluster_gpus)
    assert learner.get("GPU") == given
    assert not any("GPU" in host for host in hosts)


def test_missing_ray_is_said_with_what_to_install(capsys, monkeypatch):
    monkeypatch.delitem(sys.modules, "seed_matrace.training.ray_cluster")
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["ray", "maps/3m.gin"]) == 2
    assert capsys.readouterr().err == (
        "seed-matrace: Ray is not installed; it is installed by: pip install 'seed_matrace[ray]'\n"
    )


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["maps/nowhere.gin"], "maps/nowhere.gin"),
        (["maps/3m.gin", "--num_actors=65"], "run.num_envs"),
        (["maps/3m.gin", "--address=ray://head:10001"], "ray job submit"),
    ],
)
def test_what_cannot_be_is_said_before_ray_is_asked(capsys, flags, said):
    assert main(["ray", *flags]) == 2
    assert said in capsys.readouterr().err


def test_cluster_of_google_cloud_fits_rays_schema():
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = yaml.safe_load((ROOT / "gcp" / "ray.yaml").read_text())
    validate_config(prepare_config(config))
    needed = wanted(200, "actors_per_host=16", cluster_gpus=1)
    nodes = config["available_node_types"]
    assert nodes["learner"]["resources"].items() >= {"GPU": 1}.items()
    assert nodes["actors"]["resources"]["CPU"] >= max(host["CPU"] for host in needed[1:])
